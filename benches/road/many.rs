//! Fifty sites at once: through Siteplane, and by the plain script under xargs.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures::future::try_join_all;

use crate::{
    create::{Cloud, Plain},
    figures::{Row, Section},
    installation::{Installation, count_resources},
    root,
};

/// Sites.
const SITES: usize = 50;
/// How many run at once, on either side.
const AT_ONCE: usize = 8;
/// How often the machine's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What one way took.
struct Taken {
    seconds: f64,
    /// Most memory that the machine had less, in MB.
    megabytes: f64,
}

/// Creates the sites each way, once.
pub(crate) async fn measure(cloud: &Cloud) -> anyhow::Result<Section> {
    let folder = tempfile::tempdir()?;
    let simulated = folder.path().join("cloud");
    fs::create_dir(&simulated)?;
    let account = cloud.account(&simulated);
    let plain = Plain::prepare(folder.path(), &account)?;
    let installation = Installation::start(account).await?;
    let worker = installation
        .start_worker(&[("SITEPLANE__WORKER__SLOTS", &AT_ONCE.to_string())])
        .await?;

    let watch = Watch::start()?;
    let began = Instant::now();
    let mut deployments = Vec::new();
    for number in 0..SITES {
        let answer = installation
            .post("/sites", &cloud.site(&format!("many-{number}")))
            .await?;
        let id = answer["deployment"]["id"].as_str().context("a deployment")?;
        deployments.push(id.to_owned());
    }
    try_join_all(deployments.iter().map(|id| installation.follow(id))).await?;
    let ours = Taken {
        seconds: began.elapsed().as_secs_f64(),
        megabytes: watch.end(),
    };
    worker.terminate()?;
    let made = count_resources(&simulated)?;

    let mut lines = String::new();
    for number in 0..SITES {
        let name = format!("plain-many-{number}");
        let file = folder.path().join(format!("{name}.json"));
        fs::write(&file, serde_json::to_vec(&cloud.variables(&name))?)?;
        lines.push_str(&format!(
            "{} {}\n",
            folder.path().join(&name).display(),
            file.display()
        ));
    }
    let watch = Watch::start()?;
    let began = Instant::now();
    let mut xargs = Command::new("xargs")
        .args(["-P", &AT_ONCE.to_string(), "-L", "1"])
        .arg(root().join("benches/plain-create"))
        .arg("create")
        .arg(folder.path().join("kit"))
        .env_clear()
        .envs(plain.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    xargs
        .stdin
        .take()
        .context("xargs has a stdin")?
        .write_all(lines.as_bytes())?;
    let status = tokio::task::spawn_blocking(move || xargs.wait()).await??;
    ensure!(status.success(), "xargs ended with {status}");
    let theirs = Taken {
        seconds: began.elapsed().as_secs_f64(),
        megabytes: watch.end(),
    };
    ensure!(
        count_resources(&simulated)? == 2 * made,
        "the two ways made different numbers of resources"
    );
    let row = |what: &str, ours: f64, theirs: f64| Row {
        what: what.to_owned(),
        siteplane: format!("{ours:.1}"),
        baseline: format!("{theirs:.1}"),
        ratio: format!("{:.2}", ours / theirs),
    };
    let a_minute = |taken: &Taken| 60.0 * f64::from(u32::try_from(SITES).unwrap_or(u32::MAX)) / taken.seconds;
    let a_run = |taken: &Taken| taken.megabytes / f64::from(u32::try_from(AT_ONCE).unwrap_or(1));
    Ok(Section {
        title: format!("{SITES} sites at once on the simulated cloud"),
        baseline: format!(
            "`benches/plain-create` under `xargs -P {AT_ONCE}`, with the same modules and cloud"
        ),
        how: format!(
            "One worker with {AT_ONCE} slots. From the first request to the end of the last event stream; memory is what \
             the machine had less at the worst moment, by the {AT_ONCE} runs."
        ),
        count: 1,
        rows: vec![
            row("deployments a minute", a_minute(&ours), a_minute(&theirs)),
            row("memory a run, MB", a_run(&ours), a_run(&theirs)),
        ],
    })
}

/// Looks at the machine's memory until it is ended.
struct Watch {
    before: u64,
    least: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    looking: std::thread::JoinHandle<()>,
}

impl Watch {
    fn start() -> anyhow::Result<Self> {
        let before = available_kb().context("/proc/meminfo has no MemAvailable")?;
        let (least, ended) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let looking = std::thread::spawn({
            let (least, ended) = (least.clone(), ended.clone());
            move || {
                while !ended.load(Ordering::Relaxed) {
                    if let Some(now) = available_kb() {
                        least.fetch_min(now, Ordering::Relaxed);
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
            }
        });
        Ok(Self {
            before,
            least,
            ended,
            looking,
        })
    }

    /// The most that was missing, in MB.
    fn end(self) -> f64 {
        self.ended.store(true, Ordering::Relaxed);
        // It only sleeps and reads.
        let _ = self.looking.join();
        let missing = self.before.saturating_sub(self.least.load(Ordering::Relaxed));
        f64::from(u32::try_from(missing).unwrap_or(u32::MAX)) / 1024.0
    }
}

fn available_kb() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
