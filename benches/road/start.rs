//! From the commit of a deployment to the start of its first Terraform process.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use domain::provider::World;
use serde_json::{Value, json};
use sqlx::{PgConnection, postgres::PgListener};

use crate::{
    figures::{Row, Section, Series},
    installation::{Account, Installation},
};

const CHANNEL: &str = "bench_bell";
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures `count` deployments that only plan, each beside one bare notification.
pub(crate) async fn measure(mirror: &Path, count: usize) -> anyhow::Result<Section> {
    let folder = tempfile::tempdir()?;
    let cloud = folder.path().join("cloud");
    fs::create_dir(&cloud)?;
    let account = Account {
        world: World::Simulated,
        endpoint: cloud.display().to_string(),
        options: json!({}),
        mirror: mirror.to_owned(),
    };
    let stamps = Stamps::new(folder.path())?;
    let installation = Installation::start(account).await?;
    let mut owner = installation.database.owner().await;
    let keeps: String = sqlx::query_scalar("show track_commit_timestamp")
        .fetch_one(&mut owner)
        .await?;
    ensure!(
        keeps == "on",
        "PostgreSQL does not keep times of commits: SITEPLANE__TEST__POSTGRES_SYNC=1 is missing"
    );
    sqlx::query("create table bench_bells (name text)")
        .execute(&mut owner)
        .await?;
    let mut bell = PgListener::connect(&installation.database.owner_url).await?;
    bell.listen(CHANNEL).await?;
    let terraform = stamps.terraform.display().to_string();
    let worker = installation
        .start_worker(&[("SITEPLANE__TERRAFORM__BIN", &terraform)])
        .await?;
    let mut pairs = Vec::new();
    // The first one does not count.
    for number in 0..=count {
        // Not in step with the worker's own rounds.
        tokio::time::sleep(Duration::from_millis(u64::try_from(number * 37 % 200)?)).await;
        let ours = deployment_start(&installation, &mut owner, &stamps).await?;
        let theirs = bare_start(&mut owner, &mut bell, &stamps, &format!("bell-{number}")).await?;
        if number > 0 {
            pairs.push((ours, theirs));
        }
    }
    worker.terminate()?;
    let ours = Series::new(pairs.iter().map(|pair| pair.0));
    let theirs = Series::new(pairs.iter().map(|pair| pair.1));
    let row = |what: &str, of: &dyn Fn(&Series) -> f64| Row {
        what: what.to_owned(),
        siteplane: format!("{:.0}", of(&ours)),
        baseline: format!("{:.0}", of(&theirs)),
        ratio: format!("{:.2}", of(&ours) / of(&theirs)),
    };
    Ok(Section {
        title: "From commit to Terraform".to_owned(),
        baseline: "a bare `listen` that starts a program at each `notify`, in the same database".to_owned(),
        how: "Each deployment is a plan asked for through the API while the worker is idle. The clock runs from \
              PostgreSQL's own time of the commit to the first line of the program: a shell script that writes the \
              time down and becomes Terraform, the same one on both sides. Between them Siteplane claims, starts a \
              supervisor, reads the state and writes the workspace."
            .to_owned(),
        count: ours.count(),
        rows: vec![
            row("p50, ms", &|series| series.percentile(50)),
            row("p99, ms", &|series| series.percentile(99)),
            row("least, ms", &Series::min),
            row("most, ms", &Series::max),
        ],
    })
}

/// Milliseconds from the commit of a plan to its `terraform init`.
async fn deployment_start(
    installation: &Installation,
    owner: &mut PgConnection,
    stamps: &Stamps,
) -> anyhow::Result<f64> {
    let site = json!({
        "name": "bench", "provider": "aws", "region": "us-east-1", "size": "small",
        "application": {"image": "nginx:1.27", "port": 80},
    });
    let answer: Value = installation.post("/plans", &site).await?;
    let id = answer["deployment"]["id"]
        .as_str()
        .context("the answer names the deployment")?
        .to_owned();
    installation.follow(&id).await?;
    // The row of the specification is written with the deployment and never again.
    let committed: f64 = sqlx::query_scalar(
        "select extract(epoch from pg_xact_commit_timestamp(s.xmin))::float8
         from site_specifications s join deployments d on d.site_id = s.site_id
         where d.id = $1::uuid and s.number = d.specification",
    )
    .bind(&id)
    .fetch_one(owner)
    .await?;
    Ok((stamps.wait_for(&id).await? - committed) * 1000.0)
}

/// Milliseconds from the commit of a notification to the program that it starts.
async fn bare_start(
    owner: &mut PgConnection,
    bell: &mut PgListener,
    stamps: &Stamps,
    name: &str,
) -> anyhow::Result<f64> {
    let folder = stamps.folder.join(name);
    fs::create_dir(&folder)?;
    let started = async {
        bell.recv().await?;
        Command::new(&stamps.terraform)
            .arg("version")
            .current_dir(&folder)
            .output()?;
        anyhow::Ok(())
    };
    let rung = async {
        sqlx::query("with bell as (insert into bench_bells values ($1)) select pg_notify($2, $1)")
            .bind(name)
            .bind(CHANNEL)
            .execute(&mut *owner)
            .await?;
        anyhow::Ok(())
    };
    tokio::try_join!(started, rung)?;
    let committed: f64 = sqlx::query_scalar(
        "select extract(epoch from pg_xact_commit_timestamp(xmin))::float8 from bench_bells where name = $1",
    )
    .bind(name)
    .fetch_one(owner)
    .await?;
    Ok((stamps.wait_for(name).await? - committed) * 1000.0)
}

/// Terraform under a script that writes down when it was started, and where.
struct Stamps {
    folder: PathBuf,
    terraform: PathBuf,
    file: PathBuf,
}

impl Stamps {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let real = match std::env::var_os("SITEPLANE__TERRAFORM__BIN") {
            Some(set) => PathBuf::from(set),
            None => std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .map(|folder| folder.join("terraform"))
                .find(|program| program.is_file())
                .context("terraform is not on PATH")?,
        };
        let (terraform, file) = (folder.join("terraform"), folder.join("stamps"));
        let script = format!(
            "#!/bin/bash\necho \"$EPOCHREALTIME $PWD\" >>'{}'\nexec '{}' \"$@\"\n",
            file.display(),
            real.display()
        );
        fs::write(&terraform, script)?;
        fs::set_permissions(&terraform, fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            folder: folder.to_owned(),
            terraform,
            file,
        })
    }

    /// When the first program was started in a folder whose path holds `word`, in seconds since 1970.
    async fn wait_for(&self, word: &str) -> anyhow::Result<f64> {
        let began = Instant::now();
        loop {
            let text = fs::read_to_string(&self.file).unwrap_or_default();
            // A name may be the beginning of another one.
            let is_it = |path: &str| {
                path.split('/')
                    .any(|part| part == word || part.strip_suffix("-1") == Some(word))
            };
            let stamp = text
                .lines()
                .filter_map(|line| line.split_once(' '))
                .find(|(_, path)| is_it(path));
            if let Some((time, _)) = stamp {
                return Ok(time.parse()?);
            }
            ensure!(began.elapsed() < PATIENCE, "no program was started for {word}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
