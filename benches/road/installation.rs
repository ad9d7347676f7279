//! An installation to measure: a database and an S3 server of its own, API and workers as processes.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use db::{
    cloud_accounts::{self, CloudAccount},
    customers::{self, Customer},
    roles::RoleOf,
    tenant::{self, Scope},
    testing::TestDatabase,
    tokens::{self, NewToken},
};
use domain::{
    access::Role,
    id::{ApiTokenId, CloudAccountId, CustomerId},
    provider::World,
};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use state::{
    keys::MasterKeys,
    local_s3::LocalS3,
    seal::{self, SealedFor},
    store::BlobStore,
};

use crate::root;

const BUCKET: &str = "states";
const ACCESS_KEY: &str = "key";
const SECRET_KEY: &str = "secret";
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where the sites of an installation stand.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) world: World,
    /// The simulated cloud's folder, or the emulator's address.
    pub(crate) endpoint: String,
    pub(crate) options: Value,
    /// Folder with the plugins.
    pub(crate) mirror: PathBuf,
}

/// API, database and S3 server; they end with it.
pub(crate) struct Installation {
    pub(crate) database: TestDatabase,
    pub(crate) folder: tempfile::TempDir,
    account: Account,
    token: String,
    url: String,
    s3: LocalS3,
    http: reqwest::Client,
    _api: Option<Program>,
}

/// A process of `siteplane`; killed where it is dropped.
pub(crate) struct Program(Child);

impl Program {
    /// Asks it to end and waits for that.
    pub(crate) fn terminate(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.0.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("a process has a number")?;
        kill_process(pid, Signal::TERM)?;
        let status = self.0.wait()?;
        ensure!(status.success(), "a program of Siteplane ended with {status}");
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Installation {
    /// Starts everything but workers.
    pub(crate) async fn start(account: Account) -> anyhow::Result<Self> {
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir()?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let s3 = LocalS3::start(&folder.path().join("s3"), listener, ACCESS_KEY, SECRET_KEY)?;
        let store = BlobStore::new(&s3.settings(BUCKET));
        store.ensure_bucket().await?;
        let token = format!(
            "sp_{}{}",
            uuid::Uuid::new_v4().simple(),
            uuid::Uuid::new_v4().simple()
        );
        seed(&database, &account, &token).await?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("http://127.0.0.1:{port}");
        let http = reqwest::Client::builder().no_proxy().build()?;
        let mut installation = Self {
            database,
            folder,
            account,
            token,
            url,
            s3,
            http,
            _api: None,
        };
        installation._api = Some(installation.program("api", &[])?);
        installation.wait_for_api().await?;
        Ok(installation)
    }

    async fn wait_for_api(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let answer = self.http.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return Ok(());
            }
            ensure!(
                began.elapsed() < READY_WITHIN,
                "the API is not ready: {}",
                self.log("api")
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Starts a worker and waits until it is ready. `more` is environment beside the usual.
    pub(crate) async fn start_worker(&self, more: &[(&str, &str)]) -> anyhow::Result<Program> {
        let mut conn = self.database.owner().await;
        let ready = "select count(*) from workers where stopped_at is null";
        let before: i64 = sqlx::query_scalar(ready).fetch_one(&mut conn).await?;
        let worker = self.program("worker", more)?;
        let began = Instant::now();
        while sqlx::query_scalar::<_, i64>(ready).fetch_one(&mut conn).await? == before {
            ensure!(
                began.elapsed() < READY_WITHIN,
                "the worker is not ready: {}",
                self.log("worker")
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        conn.close().await?;
        Ok(worker)
    }

    fn program(&self, role: &str, more: &[(&str, &str)]) -> anyhow::Result<Program> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file(role))?;
        let mirror = match self.account.world {
            World::Simulated => "SITEPLANE__TERRAFORM__SIMULATED_MIRROR",
            World::Real | World::Emulator => "SITEPLANE__TERRAFORM__PLUGIN_MIRROR",
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_siteplane"));
        command
            .arg(role)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SITEPLANE__LOG__FILTER", "info,s3s=warn,s3s_fs=warn")
            .env("SITEPLANE__DATABASE__URL", &self.database.url)
            .env("SITEPLANE__API__LISTEN", self.address())
            .env("SITEPLANE__STORAGE__ENDPOINT_URL", self.s3.endpoint())
            .env("SITEPLANE__STORAGE__BUCKET", BUCKET)
            .env("SITEPLANE__STORAGE__PATH_STYLE", "true")
            .env("SITEPLANE__STORAGE__ACCESS_KEY", ACCESS_KEY)
            .env("SITEPLANE__STORAGE__SECRET_KEY", SECRET_KEY)
            .env("SITEPLANE__ACCOUNTS__WORLDS", self.account.world.as_str())
            .env(mirror, &self.account.mirror)
            .env("SITEPLANE__TERRAFORM__MODULES", root().join("terraform-modules"))
            .env(
                "SITEPLANE__WORKER__WORKSPACES",
                self.folder.path().join("workspaces"),
            )
            .env("SITEPLANE__WORKER__MINIMUM_FREE_DISK_MB", "10")
            .env("SITEPLANE__LIMITS__STANDARD_REQUESTS_PER_MINUTE", "0")
            .env("SITEPLANE__LIMITS__PLATFORM_REQUESTS_PER_MINUTE", "0")
            .env("SITEPLANE__LIMITS__STANDARD_DEPLOYMENTS_PER_HOUR", "0")
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(Program(command.spawn()?))
    }

    fn log_file(&self, role: &str) -> PathBuf {
        self.folder.path().join(format!("{role}.log"))
    }

    /// What a program has logged.
    pub(crate) fn log(&self, role: &str) -> String {
        fs::read_to_string(self.log_file(role)).unwrap_or_default()
    }

    /// Asks the API for something that a worker does. Gives its answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.request(Method::POST, path).json(body).send().await?;
        let status = answer.status();
        let answer: Value = answer.json().await?;
        ensure!(status == 202, "{path} answered {status}: {answer}");
        Ok(answer)
    }

    /// Follows a deployment's events, as a page does, until it is final. Gives it as it is then.
    pub(crate) async fn follow(&self, deployment: &str) -> anyhow::Result<Value> {
        let path = format!("/deployments/{deployment}/events");
        let stream = self
            .request(Method::GET, &path)
            .header("accept", "text/event-stream");
        let mut stream = stream.send().await?.error_for_status()?;
        while stream.chunk().await?.is_some() {}
        let answer = self
            .request(Method::GET, &format!("/deployments/{deployment}"))
            .send()
            .await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        if answer["status"] != "succeeded" {
            bail!(
                "deployment {deployment} did not succeed: {answer:#}\n{}",
                self.log("worker")
            );
        }
        Ok(answer)
    }

    /// A request of the customer's.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request_as(&self.token, method, path)
    }

    /// A request with another token.
    pub(crate) fn request_as(&self, token: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(token)
    }

    /// Host and port of the API.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

/// A customer with a token of its owner.
pub(crate) async fn insert_customer(
    conn: &mut PgConnection,
    slug: &str,
    token: &str,
) -> anyhow::Result<CustomerId> {
    let id = CustomerId::new();
    let customer = Customer {
        id,
        name: slug.to_owned(),
        slug: slug.to_owned(),
    };
    customers::insert(conn, &customer, 10).await?;
    let new = NewToken {
        id: ApiTokenId::new(),
        customer: Some(id),
        user: None,
        name: "bench",
        role: RoleOf::BuiltIn(Role::Owner),
        scopes: None,
        expires_at: None,
    };
    tokens::insert(conn, &new, token).await?;
    Ok(id)
}

/// A customer with a token, and the account.
async fn seed(database: &TestDatabase, account: &Account, token: &str) -> anyhow::Result<()> {
    let mut tx = tenant::begin(&database.pool, Scope::Platform).await?;
    insert_customer(&mut tx, "acme", token).await?;
    let row = CloudAccount {
        id: CloudAccountId::new(),
        customer: None,
        provider: "aws".parse()?,
        world: account.world,
        name: "bench".to_owned(),
        endpoint: Some(account.endpoint.clone()),
        provider_options: account.options.clone(),
    };
    let sealed_for = SealedFor::Credentials {
        customer_id: None,
        cloud_account_id: row.id,
    };
    // Neither stand-in asks who you are.
    let credentials = json!({"access_key_id": "stand-in", "secret_access_key": "stand-in"});
    let sealed = seal::seal_value(&MasterKeys::development(), &sealed_for, &credentials)?;
    cloud_accounts::insert(&mut tx, &row, 50, &sealed).await?;
    tx.commit().await?;
    Ok(())
}

/// How many resources a simulated cloud has.
pub(crate) fn count_resources(cloud: &Path) -> anyhow::Result<usize> {
    let mut count = 0;
    let mut folders = vec![cloud.join("resources")];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                count += usize::from(
                    entry
                        .path()
                        .extension()
                        .is_some_and(|extension| extension == "json"),
                );
            }
        }
    }
    Ok(count)
}
