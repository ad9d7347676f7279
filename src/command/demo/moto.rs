//! moto, an emulator of AWS, as a child process.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use tokio::{process::Command, time::Instant};
use worker::terraform::plugins::{MirrorSearch, plugin_versions};

use crate::{
    dev::{
        children::{Child, Recipe},
        free_port,
    },
    settings::Settings,
};

const READY_WITHIN: Duration = Duration::from_secs(60);
const PLUGIN: &str = "hashicorp/aws";

/// A running moto.
pub(super) struct Moto {
    /// Its address.
    pub(super) url: String,
    child: Child,
}

/// The real AWS provider has to be there before anything is started.
///
/// # Errors
/// It is not; the error says how to get it.
pub(super) fn require_aws_plugin(settings: &Settings) -> anyhow::Result<()> {
    let home = std::env::var_os("HOME");
    let data_home = std::env::var_os("XDG_DATA_HOME");
    let setting = settings.terraform.plugin_mirror.as_deref();
    let mirror = MirrorSearch::new(
        setting,
        home.as_deref().map(Path::new),
        data_home.as_deref().map(Path::new),
    )
    .find()?;
    let plugins = plugin_versions(&mirror)?;
    ensure!(
        plugins.iter().any(|plugin| plugin.provider.ends_with(PLUGIN)),
        "the mirror {} has no {PLUGIN}; where the internet is: cd terraform-modules/aws/root && terraform providers mirror {}",
        mirror.display(),
        mirror.display()
    );
    Ok(())
}

impl Moto {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// Python or its packages are missing, or it does not answer.
    pub(super) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let root = [std::env::current_dir().ok(), crate::simulated_cloud::checkout()];
        let script = root
            .into_iter()
            .flatten()
            .map(|root| root.join("tests/moto/moto_server.py"))
            .find(|path| path.is_file());
        let script =
            script.context("tests/moto/moto_server.py is not there; run this in Siteplane's checkout")?;
        let python = find_python(&script).await?;
        std::fs::create_dir_all(folder)?;
        let folder = std::fs::canonicalize(folder)?;
        let port = free_port()?;
        let text = str::to_owned;
        let recipe = Recipe {
            name: text("moto"),
            program: python,
            arguments: vec![
                script.display().to_string(),
                text("-H"),
                text("127.0.0.1"),
                text("-p"),
                port.to_string(),
            ],
            environment: Vec::new(),
            user: None,
            stop: Signal::TERM,
            has_lifeline: false,
            log: folder.join("moto.log"),
            folder,
        };
        let mut moto = Self {
            url: format!("http://127.0.0.1:{port}"),
            child: recipe.start()?,
        };
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()?;
        let deadline = Instant::now() + READY_WITHIN;
        while client
            .get(format!("{}/moto-api/", moto.url))
            .send()
            .await
            .is_err()
        {
            if Instant::now() > deadline {
                moto.stop().await;
                bail!(
                    "moto did not answer within a minute; its log ends with:\n{}",
                    moto.child.last_words()
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(moto)
    }

    /// Ends it; it holds nothing that is worth keeping.
    pub(super) async fn stop(&mut self) {
        self.child.stop(Duration::from_secs(5)).await;
    }
}

/// The environment that `make` prepares, else any Python that has moto.
async fn find_python(script: &Path) -> anyhow::Result<PathBuf> {
    let root = script.ancestors().nth(3).unwrap_or(Path::new("."));
    for python in [root.join(".siteplane/venv/bin/python3"), PathBuf::from("python3")] {
        let mut probe = Command::new(&python);
        probe
            .args(["-c", "import moto, flask"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if probe.status().await.is_ok_and(|status| status.success()) {
            return Ok(python);
        }
    }
    bail!(
        "no Python here has moto; `make demo-aws` prepares one, or: python3 -m venv .siteplane/venv && \
         .siteplane/venv/bin/pip install -r tests/moto/requirements.txt"
    )
}
