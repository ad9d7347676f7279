//! Creating a site: through Siteplane, and by the plain script, on the same cloud in turns.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use domain::provider::World;
use serde::Deserialize;
use serde_json::{Value, json};
use worker::terraform::plugins::MirrorSearch;

use crate::{
    figures::{Row, Section, Series},
    installation::{Account, Installation, count_resources},
    root,
};

/// An image that moto knows.
const MOTO_IMAGE: &str = "ami-12c6146b";
const MOTO_READY_WITHIN: Duration = Duration::from_secs(60);

/// Where both create.
pub(crate) enum Cloud {
    /// In a folder of files.
    Simulated {
        /// Folder with the plugin.
        mirror: PathBuf,
    },
    /// At moto.
    Moto {
        /// Its address.
        url: String,
        /// Folder with the real plugins.
        mirror: PathBuf,
    },
}

impl Cloud {
    pub(crate) fn account(&self, folder: &Path) -> Account {
        match self {
            Self::Simulated { mirror } => Account {
                world: World::Simulated,
                endpoint: folder.display().to_string(),
                options: json!({}),
                mirror: mirror.clone(),
            },
            Self::Moto { url, mirror } => Account {
                world: World::Emulator,
                endpoint: url.clone(),
                options: json!({"image_id": MOTO_IMAGE}),
                mirror: mirror.clone(),
            },
        }
    }

    /// What the API is asked for. moto's database takes eighty seconds of waiting and shows nothing here.
    pub(crate) fn site(&self, name: &str) -> Value {
        let mut site = json!({
            "name": name, "provider": "aws", "region": "us-east-1", "size": "small",
            "application": {"image": "nginx:1.27", "port": 80},
            "scaling": {"min": 1, "max": 2},
            "storage": {"versioning": true},
        });
        if matches!(self, Self::Simulated { .. }) {
            site["database"] = json!({"storage_gb": 20});
        }
        site
    }

    /// The same site as the variables of the root module.
    pub(crate) fn variables(&self, name: &str) -> Value {
        let database = json!({
            "storage_gb": 20, "high_availability": false, "backup_days": 7, "engine_version": "16",
            "read_replica": false,
        });
        let (database, emulator, options) = match self {
            Self::Simulated { .. } => (database, false, json!({})),
            Self::Moto { .. } => (Value::Null, true, json!({"image_id": MOTO_IMAGE})),
        };
        json!({
            "site_id": uuid::Uuid::now_v7(), "customer_id": uuid::Uuid::now_v7(), "site_name": name,
            "region": "us-east-1", "size": "small", "network_cidr": "10.20.0.0/16",
            "application": {"image": "nginx:1.27", "port": 80, "env": {}, "health_path": "/", "command": null},
            "domain": null, "certificate": null, "scaling": {"min": 1, "max": 2}, "database": database,
            "storage": {"versioning": true}, "deletion_protection": false, "emulator": emulator,
            "provider_options": options,
        })
    }
}

/// Milliseconds of one creation.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Phases {
    init_ms: f64,
    plan_ms: f64,
    show_ms: f64,
    apply_ms: f64,
    total_ms: f64,
}

impl Phases {
    fn outside_apply(self) -> f64 {
        self.total_ms - self.apply_ms
    }

    /// Neither Terraform's plan nor its init nor its apply.
    fn own(self) -> f64 {
        self.total_ms - self.init_ms - self.plan_ms - self.show_ms - self.apply_ms
    }
}

/// Creates `rounds` sites each way, in turns, after one of each that does not count.
pub(crate) async fn measure(cloud: &Cloud, rounds: usize) -> anyhow::Result<Section> {
    let folder = tempfile::tempdir()?;
    let simulated = folder.path().join("cloud");
    fs::create_dir(&simulated)?;
    let account = cloud.account(&simulated);
    let plain = Plain::prepare(folder.path(), &account)?;
    let installation = Installation::start(account).await?;
    let worker = installation.start_worker(&[]).await?;
    // moto's own first time is in its apply, which is not compared.
    let warm_up = usize::from(matches!(cloud, Cloud::Simulated { .. }));
    let mut pairs = Vec::new();
    for round in 0..rounds + warm_up {
        // Each way has names of its own: the module takes the first digits of a site's id, which are the time that it
        // was made at, so two sites of one name and one minute collide.
        let (name, plain_name) = (format!("bench-{round}"), format!("plain-{round}"));
        let before = count_resources(&simulated)?;
        let pair = if round % 2 == 0 {
            let ours = through_siteplane(&installation, &cloud.site(&name)).await?;
            (ours, plain.create(&plain_name, &cloud.variables(&plain_name))?)
        } else {
            let theirs = plain.create(&plain_name, &cloud.variables(&plain_name))?;
            (
                through_siteplane(&installation, &cloud.site(&name)).await?,
                theirs,
            )
        };
        let made = count_resources(&simulated)? - before;
        ensure!(
            made % 2 == 0,
            "the two ways made different numbers of resources, {made} together"
        );
        if round >= warm_up {
            pairs.push(pair);
        }
    }
    worker.terminate()?;
    Ok(section(cloud, &pairs))
}

fn section(cloud: &Cloud, pairs: &[(Phases, Phases)]) -> Section {
    let row = |what: &str, of: fn(Phases) -> f64| {
        let seconds: Vec<(f64, f64)> = pairs
            .iter()
            .map(|pair| (of(pair.0) / 1000.0, of(pair.1) / 1000.0))
            .collect();
        Row::of_pairs(what, 2, &seconds)
    };
    let added = Series::new(
        pairs
            .iter()
            .map(|pair| (pair.0.outside_apply() - pair.1.outside_apply()) / 1000.0),
    );
    let mut rows = vec![
        row("outside apply, s", Phases::outside_apply),
        row("`init`, s", |phases| phases.init_ms),
        row("`plan` and `show`, s", |phases| phases.plan_ms + phases.show_ms),
        row("the rest, s", Phases::own),
        Row {
            what: "added outside apply, s".to_owned(),
            siteplane: added.tell(2),
            baseline: "0".to_owned(),
            ratio: String::new(),
        },
    ];
    let whole = row("whole creation, s", |phases| phases.total_ms);
    let apply = row("`apply`, s", |phases| phases.apply_ms);
    let (title, on) = match cloud {
        Cloud::Simulated { .. } => {
            rows.splice(0..0, [whole, apply]);
            (
                "Creating a site on the simulated cloud",
                "Each call to the cloud takes no time, so that the ratio is at its worst; on a cloud the apply takes \
                 minutes on both sides. One pair before the others does not count.",
            )
        }
        Cloud::Moto { .. } => {
            rows.extend([apply, whole]);
            (
                "Creating a site on moto with the real AWS provider, outside apply's waits",
                "The apply is waits of the provider's own on both sides. The site has no database, whose waits would \
                 double it.",
            )
        }
    };
    Section {
        title: title.to_owned(),
        baseline:
            "`benches/plain-create`: init, plan -out, show -json and apply of the same module on the same \
                   cloud, with mirror and lock file prepared beforehand as a worker's are"
                .to_owned(),
        how: format!(
            "Siteplane's time is from before the POST to the end of the event stream, with an idle worker. {on} The \
             rest is request, queue, workspace, sealed state in S3, events and outputs."
        ),
        count: pairs.len(),
        rows,
    }
}

async fn through_siteplane(installation: &Installation, site: &Value) -> anyhow::Result<Phases> {
    let began = Instant::now();
    let answer = installation.post("/sites", site).await?;
    let deployment = answer["deployment"]["id"]
        .as_str()
        .context("the answer names the deployment")?;
    let ended = installation.follow(deployment).await?;
    let total_ms = began.elapsed().as_secs_f64() * 1000.0;
    let step = |name: &str| -> anyhow::Result<f64> {
        let steps = ended["steps"].as_array().context("a deployment has steps")?;
        let step = steps
            .iter()
            .find(|step| step["name"] == name)
            .context("every step is there")?;
        let at = |field: &str| -> anyhow::Result<DateTime<Utc>> {
            Ok(step[field]
                .as_str()
                .with_context(|| format!("{name} has {field}"))?
                .parse()?)
        };
        let length = at("finished_at")? - at("started_at")?;
        Ok(length.as_seconds_f64() * 1000.0)
    };
    Ok(Phases {
        init_ms: step("init")?,
        plan_ms: step("plan")?,
        // A part of the step `plan`.
        show_ms: 0.0,
        apply_ms: step("apply")?,
        total_ms,
    })
}

/// The plain script with what it was prepared with.
pub(crate) struct Plain {
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Plain {
    pub(crate) fn prepare(folder: &Path, account: &Account) -> anyhow::Result<Self> {
        let mut environment = vec![
            ("PATH", std::env::var("PATH").context("PATH is set")?),
            ("HOME", folder.display().to_string()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "stand-in".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "stand-in".to_owned()),
            (
                "TF_VAR_database_password",
                uuid::Uuid::new_v4().simple().to_string(),
            ),
        ];
        let place = match account.world {
            World::Simulated => "SIMULATED_CLOUD_DIR",
            World::Real | World::Emulator => "AWS_ENDPOINT_URL",
        };
        environment.push((place, account.endpoint.clone()));
        let plain = Self {
            folder: folder.to_owned(),
            environment,
        };
        plain.run(&[
            OsStr::new("prepare"),
            account.mirror.as_os_str(),
            folder.join("kit").as_os_str(),
        ])?;
        Ok(plain)
    }

    /// The environment that the script runs in.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    fn create(&self, name: &str, variables: &Value) -> anyhow::Result<Phases> {
        let (site, target) = (self.folder.join(format!("{name}.json")), self.folder.join(name));
        fs::write(&site, serde_json::to_vec(variables)?)?;
        let arguments = [
            OsStr::new("create"),
            self.folder.join("kit").as_os_str(),
            target.as_os_str(),
            site.as_os_str(),
        ]
        .map(ToOwned::to_owned);
        let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        let printed = self.run(&arguments).with_context(|| {
            format!(
                "it printed: {}",
                fs::read_to_string(target.join("log")).unwrap_or_default()
            )
        })?;
        serde_json::from_slice(&printed).context("plain-create prints JSON")
    }

    fn run(&self, arguments: &[&OsStr]) -> anyhow::Result<Vec<u8>> {
        let output = Command::new(root().join("benches/plain-create"))
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "plain-create ended with {}: {said}",
            output.status
        );
        Ok(output.stdout)
    }
}

/// A moto of this run's own.
pub(crate) struct Moto {
    server: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Moto {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let prepared = root().join(".siteplane/venv/bin/python3");
        let python = if prepared.is_file() {
            prepared
        } else {
            "python3".into()
        };
        let log = fs::File::create(folder.path().join("log"))?;
        let server = Command::new(python)
            .arg(root().join("tests/moto/moto_server.py"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let moto = Self {
            server,
            url: format!("http://127.0.0.1:{port}"),
            _folder: folder,
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()?;
        let began = Instant::now();
        while http.get(format!("{}/moto-api/", moto.url)).send().await.is_err() {
            ensure!(
                began.elapsed() < MOTO_READY_WITHIN,
                "moto does not answer: {}",
                fs::read_to_string(moto._folder.path().join("log")).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(moto)
    }

    pub(crate) fn cloud(&self) -> anyhow::Result<Cloud> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let (setting, home, data) = (
            path("SITEPLANE__TERRAFORM__PLUGIN_MIRROR"),
            path("HOME"),
            path("XDG_DATA_HOME"),
        );
        let mirror = MirrorSearch::new(setting.as_deref(), home.as_deref(), data.as_deref()).find()?;
        Ok(Cloud::Moto {
            url: self.url.clone(),
            mirror,
        })
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself; it holds nothing.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
