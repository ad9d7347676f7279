//! `siteplane dev`: all of Siteplane on one machine that has nothing running, under one folder.
//!
//! A private PostgreSQL, an S3 server inside this process, and API and workers as children of it. However this
//! process ends, no other one stays; what a crash left is ended by the next start.

pub(crate) mod children;
pub(crate) mod kept;
pub(crate) mod leftovers;
pub(crate) mod postgres;
mod programs;
pub(crate) mod seed;

use std::{
    fs, io,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use children::{Family, Restarted};
use kept::Kept;
use postgres::Postgres;
use programs::{Parts, Tools, blob_settings};
use seed::{EmulatorAccount, Seeded};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection, postgres::PgPoolOptions};
use state::{keys::MasterKeys, local_s3::LocalS3, store::BlobStore};
use tokio::{net::TcpListener, time::Instant};

use crate::settings::Settings;

/// The folder in the working directory.
pub(crate) const FOLDER: &str = ".siteplane";
/// Its file with addresses and sign-ins.
pub(crate) const FILE: &str = "dev.json";
/// The login that API and workers use.
const LOGIN: &str = "siteplane_program";
const BUCKET: &str = "siteplane";
const REGION: &str = "us-east-1";
/// How long the API may take to be ready.
const API_READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a process may take to stop: a worker interrupts its Terraform runs first.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The API's port; 0 is any that is free, `None` is the usual one or, where that is taken, any.
    pub(crate) port: Option<u16>,
    /// How many workers.
    pub(crate) workers: usize,
    /// An AWS emulator to make accounts at.
    pub(crate) emulator: Option<EmulatorAccount>,
    /// Leases short enough to watch a takeover.
    pub(crate) short_lease: bool,
    /// Forget everything that an earlier run in this folder left.
    pub(crate) anew: bool,
}

/// What `dev.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DevFile {
    /// Address of the API.
    pub(crate) api_url: String,
    /// Address of the database as its owner.
    pub(crate) postgres_url: String,
    /// Address of the S3 server.
    pub(crate) s3_url: String,
    /// The simulated cloud.
    pub(crate) simulated_cloud_dir: PathBuf,
    /// Processes.
    pub(crate) pids: Pids,
    /// The platform's admin.
    pub(crate) admin: SignIn,
    /// The customers.
    pub(crate) customers: Vec<CustomerSignIn>,
}

/// Process ids.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pids {
    /// The API.
    pub(crate) api: Option<u32>,
    /// The first worker.
    pub(crate) worker: Option<u32>,
    /// PostgreSQL.
    pub(crate) postgres: Option<u32>,
}

/// How a person signs in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SignIn {
    /// Address.
    pub(crate) email: String,
    /// Password, unless the person set another.
    pub(crate) password: Option<String>,
    /// API token.
    pub(crate) token: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// A customer and how its owner signs in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CustomerSignIn {
    /// Id.
    pub(crate) id: String,
    /// Name.
    pub(crate) name: String,
    /// How its owner signs in.
    #[serde(flatten)]
    pub(crate) sign_in: SignIn,
}

/// Everything, running.
pub(crate) struct Dev {
    folder: PathBuf,
    /// Held as long as we run: two of us in one folder would fight.
    _lock: fs::File,
    s3: LocalS3,
    family: Family,
    /// What `dev.json` says.
    pub(crate) file: DevFile,
    /// What a person should know about this start.
    pub(crate) remarks: Vec<String>,
}

impl Dev {
    /// Starts everything. Call it, and [`Dev::mend`], on the main thread (see [`children`]).
    ///
    /// # Errors
    /// Something is missing or does not start; what was started until then is ended.
    pub(crate) async fn start(wishes: &Wishes, settings: &Settings) -> anyhow::Result<Self> {
        let tools = Tools::find(settings)?;
        let mut remarks = Vec::new();
        let folder = make_folder(&wishes.folder)?;
        let lock = take_lock(&folder)?;
        end_leftovers(&folder, &mut remarks).await?;
        if wishes.anew {
            forget(&folder)?;
        }
        for name in ["cloud", "s3", "logs", "workspaces"] {
            make_private_folder(&folder.join(name))?;
        }
        tools.write_mirror(&folder.join("simulated-plugins"))?;
        let mut kept = Kept::read(&folder)?;

        let s3_listener = listen_where_it_was(kept.s3_port).await?;
        kept.s3_port = s3_listener.local_addr()?.port();
        if !is_free(kept.postgres_port) {
            kept.postgres_port = free_port()?;
        }
        kept.write(&folder)?;
        let s3 = LocalS3::start(
            &folder.join("s3"),
            s3_listener,
            &kept.s3_access_key,
            &kept.s3_secret_key,
        )?;
        BlobStore::new(&blob_settings(&s3.endpoint(), &kept))
            .ensure_bucket()
            .await?;

        let server = Postgres::prepare(&folder, kept.postgres_port, &kept.postgres_password).await?;
        if !server.data().starts_with(&folder) {
            remarks.push(format!(
                "The database's files are in {}: its user can't reach {}.",
                server.data().display(),
                folder.display()
            ));
        }
        let mut family = Family::default();
        family.add(server.recipe(folder.join("logs/postgres.log")).start()?);
        note_processes(&folder, &family)?;
        let seeded = prepare_database(&server, &kept, &folder, wishes).await?;

        let api_port = choose_api_port(wishes.port, &mut remarks)?;
        let parts = Parts {
            folder: &folder,
            wishes,
            settings,
            tools: &tools,
            kept: &kept,
            server: &server,
        };
        family.add(parts.api(api_port, &s3.endpoint())?.start()?);
        for number in 1..=wishes.workers {
            family.add(parts.worker(number, &s3.endpoint())?.start()?);
        }
        note_processes(&folder, &family)?;
        let api_url = format!("http://127.0.0.1:{api_port}");
        let file = DevFile {
            api_url: api_url.clone(),
            postgres_url: server.owner_url(),
            s3_url: s3.endpoint(),
            simulated_cloud_dir: folder.join("cloud"),
            pids: Pids::default(),
            admin: seeded.admin,
            customers: seeded.customers,
        };
        let mut dev = Self {
            folder,
            _lock: lock,
            s3,
            family,
            file,
            remarks,
        };
        match dev.wait_for_api(&format!("{api_url}/readyz")).await {
            Ok(()) => {
                dev.write_file()?;
                Ok(dev)
            }
            Err(error) => {
                dev.stop().await;
                Err(error)
            }
        }
    }

    /// Waits until a process dies, starts it anew and says which it was.
    ///
    /// # Errors
    /// One dies again and again.
    pub(crate) async fn mend(&mut self) -> anyhow::Result<Restarted> {
        let restarted = self.family.mend().await?;
        self.write_file()?;
        Ok(restarted)
    }

    /// Stops everything. Names of processes that had to be killed.
    pub(crate) async fn stop(mut self) -> Vec<String> {
        // First, so that nobody takes an address from it that is going away.
        let _ = fs::remove_file(self.folder.join(FILE));
        let killed = self.family.stop(STOP_PATIENCE).await;
        self.s3.stop().await;
        let _ = fs::remove_file(self.folder.join(PROCESSES));
        killed
    }

    /// Where letters go.
    pub(crate) fn letters(&self, settings: &Settings) -> String {
        match (&settings.mail.folder, &settings.mail.host) {
            (Some(folder), _) => folder.display().to_string(),
            (None, Some(host)) => format!("sent by {host}"),
            (None, None) => format!(
                "not sent, but put into {}",
                self.folder.join(programs::LETTERS).display()
            ),
        }
    }

    /// Where the processes' output is.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    async fn wait_for_api(&mut self, ready_url: &str) -> anyhow::Result<()> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .no_proxy()
            .build()?;
        let deadline = Instant::now() + API_READY_WITHIN;
        let mut last = "it has not listened yet".to_owned();
        while Instant::now() < deadline {
            match client.get(ready_url).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => {
                    last = format!("{}: {}", answer.status(), answer.text().await.unwrap_or_default())
                }
                Err(error) if error.is_connect() => {}
                Err(error) => last = error.to_string(),
            }
            tokio::select! {
                // It is ready when it says so; there is nothing else to wait on.
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
                restarted = self.family.mend() => {
                    let restarted = restarted?;
                    last = format!("{} ended ({}); see {}", restarted.name, restarted.status, self.logs().display());
                }
            }
        }
        bail!("the API was not ready within a minute; {last}")
    }

    fn write_file(&mut self) -> anyhow::Result<()> {
        let pids = self.family.pids();
        let pid_of = |name: &str| pids.iter().find(|(found, _)| found == name).map(|(_, pid)| *pid);
        self.file.pids = Pids {
            api: pid_of("api"),
            worker: pid_of("worker-1"),
            postgres: pid_of("postgres"),
        };
        note_processes(&self.folder, &self.family)?;
        let mut text = serde_json::to_string_pretty(&self.file)?;
        text.push('\n');
        write_private(&self.folder.join(FILE), text.as_bytes())
    }
}

/// Where the process ids are that the next start looks at.
const PROCESSES: &str = "processes.json";

fn note_processes(folder: &Path, family: &Family) -> anyhow::Result<()> {
    write_private(&folder.join(PROCESSES), &serde_json::to_vec(&family.pids())?)
}

async fn end_leftovers(folder: &Path, remarks: &mut Vec<String>) -> anyhow::Result<()> {
    if let Ok(text) = fs::read(folder.join(PROCESSES)) {
        // Half a file is no help; whatever it named ends with its lifeline.
        let pids: Vec<(String, u32)> = serde_json::from_slice(&text).unwrap_or_default();
        let data = postgres::data_folder(folder)?;
        let ended = leftovers::end(&pids, &[folder, &data]).await?;
        if !ended.is_empty() {
            remarks.push(format!(
                "An earlier run did not end well; ended what it left: {}.",
                ended.join(", ")
            ));
        }
    }
    // What it said is over.
    match fs::remove_file(folder.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).context("can't remove the old dev.json")
        }
        _ => Ok(()),
    }
}

/// Removes what an earlier run kept. A folder that is not ours stays as it is.
fn forget(folder: &Path) -> anyhow::Result<()> {
    const OURS: [&str; 8] = [
        "cloud",
        "s3",
        "logs",
        "workspaces",
        "simulated-plugins",
        "postgres",
        kept::FILE,
        PROCESSES,
    ];
    if !folder.join(kept::FILE).is_file() {
        return Ok(());
    }
    let data = postgres::data_folder(folder)?;
    let home = data
        .parent()
        .expect("the data folder is in a folder of its own")
        .to_path_buf();
    for path in OURS.iter().map(|name| folder.join(name)).chain([home]) {
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("can't remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

async fn prepare_database(
    server: &Postgres,
    kept: &Kept,
    folder: &Path,
    wishes: &Wishes,
) -> anyhow::Result<Seeded> {
    server.wait_until_ready().await?;
    let owner = PgPoolOptions::new()
        .max_connections(3)
        .connect(&server.owner_url())
        .await?;
    db::schema::migrate(&owner)
        .await
        .context("the database can't be brought up to date")?;
    owner.close().await;
    let mut connection = PgConnection::connect(&server.owner_url()).await?;
    db::schema::make_program_login(&mut connection, LOGIN, Some(&kept.program_password)).await?;
    connection.close().await?;
    let programs = PgPoolOptions::new()
        .max_connections(2)
        .connect(&server.url(LOGIN, &kept.program_password))
        .await?;
    let keys = MasterKeys::development();
    let seeded = seed::seed(
        &programs,
        &keys,
        kept,
        &folder.join("cloud"),
        wishes.emulator.as_ref(),
    )
    .await?;
    programs.close().await;
    Ok(seeded)
}

fn make_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let folder = fs::canonicalize(folder)?;
    // The database's user has to pass through; files with secrets in it are closed each by itself.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o711))?;
    Ok(folder)
}

fn make_private_folder(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?)
}

fn take_lock(folder: &Path) -> anyhow::Result<fs::File> {
    let path = folder.join("lock");
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            bail!(
                "siteplane runs in {} already; stop it there, or give another --dir",
                folder.display()
            )
        }
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("can't lock {}", path.display()))
        }
    }
}

/// Writes a file that only we may read, as a whole.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&draft);
        let mut file = fs::OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(content)?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("can't write {}", path.display()))
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn is_free(port: u16) -> bool {
    port != 0 && std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

async fn listen_where_it_was(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await,
    }
}

/// The API's usual port.
const USUAL_PORT: u16 = 7600;

fn choose_api_port(wish: Option<u16>, remarks: &mut Vec<String>) -> anyhow::Result<u16> {
    match wish {
        Some(0) => Ok(free_port()?),
        Some(port) if is_free(port) => Ok(port),
        Some(port) => bail!("port {port} is taken"),
        None if is_free(USUAL_PORT) => Ok(USUAL_PORT),
        None => {
            remarks.push(format!("Port {USUAL_PORT} is taken; another one was chosen."));
            Ok(free_port()?)
        }
    }
}
