//! An installation of Siteplane for one test: a database and an S3 server of its own, the programs as processes.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use db::{
    cloud_accounts::CloudAccount,
    customers::Customer,
    roles::RoleOf,
    tenant::{self, Scope},
    testing::TestDatabase,
    tokens::NewToken,
};
use domain::{
    access::Role,
    id::{ApiTokenId, CloudAccountId, CustomerId},
    provider::{Provider, World},
};
use serde_json::{Value, json};
use state::{
    keys::MasterKeys,
    local_s3::LocalS3,
    seal::{self, SealedFor},
    store::BlobStore,
    versions::StateStore,
};

const BUCKET: &str = "states";

/// Tests ask more than a customer may.
const NO_LIMITS: [(&str, &str); 3] = [
    ("SITEPLANE__LIMITS__STANDARD_REQUESTS_PER_MINUTE", "0"),
    ("SITEPLANE__LIMITS__PLATFORM_REQUESTS_PER_MINUTE", "0"),
    ("SITEPLANE__LIMITS__STANDARD_DEPLOYMENTS_PER_HOUR", "0"),
];

/// Lengths of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// As a user has it: moving again within 45 seconds.
    Default,
    /// Moving again within 10 seconds.
    Short,
}

/// Where its sites stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// In a folder; each create, update and delete takes this long.
    Simulated(Duration),
    /// At moto, the emulator of AWS, with the real provider.
    Moto { url: String, image_id: String },
}

/// An installation. Its processes end with it.
pub(crate) struct Installation {
    pub(crate) database: TestDatabase,
    pub(crate) token: String,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
    api: Option<Program>,
    s3: LocalS3,
    lease: Lease,
    cloud: Cloud,
    http: reqwest::Client,
    /// More settings for programs that are started from now on.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A process of `siteplane`. Killed when it is dropped.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end, and says whether it succeeded.
    pub(crate) fn succeeded(mut self) -> bool {
        self.0.wait().unwrap().success()
    }

    /// Whether it has not ended yet.
    pub(crate) fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn terminate(mut self) {
        signal(self.pid(), rustix::process::Signal::TERM);
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Something else that a test needs. Killed when it is dropped.
pub(crate) fn other_program(command: &mut Command) -> Program {
    Program(command.spawn().unwrap())
}

pub(crate) fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // Whoever is to be killed may be gone already.
    let _ = rustix::process::kill_process(pid, signal);
}

impl Installation {
    /// Starts everything but workers.
    pub(crate) async fn start(lease: Lease, cloud: Cloud) -> Self {
        // The client's TLS; the programs install their own.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("cloud")).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let s3 = LocalS3::start(&folder.path().join("s3"), listener, "key", "secret").unwrap();
        BlobStore::new(&s3.settings(BUCKET))
            .ensure_bucket()
            .await
            .unwrap();
        let token = format!(
            "sp_{}{}",
            uuid::Uuid::new_v4().simple(),
            uuid::Uuid::new_v4().simple()
        );
        seed(&database, &folder.path().join("cloud"), &cloud, &token).await;
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let http = reqwest::Client::new();
        let mut installation = Self {
            database,
            token,
            folder,
            url,
            api: None,
            s3,
            lease,
            cloud,
            http,
            environment: Vec::new(),
        };
        installation.start_api().await;
        installation
    }

    /// Starts the API, or starts it again.
    pub(crate) async fn start_api(&mut self) {
        self.api = None;
        self.api = Some(self.program("api", "api"));
        self.wait_until_ready(&self.url, "api").await;
    }

    async fn wait_until_ready(&self, url: &str, log: &str) {
        let started = Instant::now();
        loop {
            let answer = self.http.get(format!("{url}/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "the API is not ready: {}",
                self.log(log)
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts another process of the API beside the first, and gives its address with it.
    pub(crate) async fn start_other_api(&self) -> (Program, String) {
        let port = free_port();
        let mut command = self.command("api", "other-api");
        command.env("SITEPLANE__API__LISTEN", format!("127.0.0.1:{port}"));
        let program = Program(command.spawn().unwrap());
        let url = format!("http://127.0.0.1:{port}");
        self.wait_until_ready(&url, "other-api").await;
        (program, url)
    }

    /// Starts a worker whose log has this name. All workers share a folder of workspaces, as on one machine.
    pub(crate) fn start_worker(&self, name: &str) -> Program {
        self.program("worker", name)
    }

    /// Starts a worker that must not start. Gives what it said.
    pub(crate) fn refused(&self, environment: &[(&str, &str)]) -> String {
        // The log of an earlier refusal.
        let _ = fs::remove_file(self.folder.path().join("refused.log"));
        let mut command = self.command("worker", "refused");
        command.envs(environment.iter().copied());
        assert!(!command.status().unwrap().success());
        self.log("refused")
    }

    /// Starts `siteplane admin` with the owner's login. Its words go to this log.
    pub(crate) fn start_admin(&self, arguments: &[&str], log: &str) -> Program {
        let mut command = self.command("admin", log);
        command
            .args(arguments)
            .env("SITEPLANE__DATABASE__OWNER_URL", &self.database.owner_url);
        Program(command.spawn().unwrap())
    }

    /// Runs `siteplane admin` without any database. Gives what it wrote to stdout.
    pub(crate) fn admin_without_database(&self, arguments: &[&str]) -> Vec<u8> {
        let mut command = self.command("admin", "admin");
        let output = command
            .args(arguments)
            .env_remove("SITEPLANE__DATABASE__URL")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Sealed blobs, and the given keys to them.
    pub(crate) fn store(&self, keys: MasterKeys) -> StateStore {
        let blobs = BlobStore::new(&self.s3.settings(BUCKET));
        StateStore { blobs, keys }
    }

    fn program(&self, role: &str, log: &str) -> Program {
        Program(self.command(role, log).spawn().unwrap())
    }

    fn command(&self, role: &str, log: &str) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mirror = root.join("target/simulated-mirror");
        assert!(
            mirror.is_dir(),
            "{} is missing: run `make test`, which builds the plugin first",
            mirror.display()
        );
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join(format!("{log}.log")))
            .unwrap();
        let port = self.url.rsplit(':').next().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_siteplane"));
        command
            .arg(role)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            // Junk of an operator's shell, which must change nothing.
            .env("TF_LOG", "TRACE")
            .env("TF_CLI_ARGS", "-no-such-flag")
            .env("AWS_PROFILE", "nobody")
            .env("SITEPLANE__LOG__FILTER", "info,s3s=warn,s3s_fs=warn")
            .env("SITEPLANE__DATABASE__URL", &self.database.url)
            .env("SITEPLANE__API__LISTEN", format!("127.0.0.1:{port}"))
            .env("SITEPLANE__STORAGE__ENDPOINT_URL", self.s3.endpoint())
            .env("SITEPLANE__STORAGE__BUCKET", BUCKET)
            .env("SITEPLANE__STORAGE__PATH_STYLE", "true")
            .env("SITEPLANE__STORAGE__ACCESS_KEY", "key")
            .env("SITEPLANE__STORAGE__SECRET_KEY", "secret")
            // One of the places where the clouds' own plugins are looked for.
            .env("HOME", std::env::var_os("HOME").unwrap_or_default())
            .env("SITEPLANE__TERRAFORM__MODULES", root.join("terraform-modules"))
            .env(
                "SITEPLANE__WORKER__WORKSPACES",
                self.folder.path().join("workspaces"),
            )
            .env("SITEPLANE__WORKER__MINIMUM_FREE_DISK_MB", "10")
            .env("SITEPLANE__WORKER__SLOTS", "2")
            .envs(NO_LIMITS)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        match &self.cloud {
            Cloud::Simulated(_) => command
                .env("SITEPLANE__ACCOUNTS__WORLDS", "simulated")
                .env("SITEPLANE__TERRAFORM__SIMULATED_MIRROR", mirror),
            Cloud::Moto { .. } => command.env("SITEPLANE__ACCOUNTS__WORLDS", "emulator"),
        };
        if let Some(mirror) = std::env::var_os("SITEPLANE__TERRAFORM__PLUGIN_MIRROR") {
            command.env("SITEPLANE__TERRAFORM__PLUGIN_MIRROR", mirror);
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        if self.lease == Lease::Short {
            for (key, seconds) in [
                ("LENGTH", "6"),
                ("RENEW_EVERY", "1"),
                ("MARGIN", "3"),
                ("GRACE", "2"),
                ("TAKEOVER_AFTER", "0.5"),
                ("SWEEP_EVERY", "0.5"),
            ] {
                command.env(format!("SITEPLANE__LEASE__{key}_SECONDS"), seconds);
            }
        }
        command
    }

    /// A client without a token.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// What a program has logged.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// The simulated cloud's folder.
    pub(crate) fn cloud(&self) -> PathBuf {
        self.folder.path().join("cloud")
    }

    /// Calls the API as the customer. Gives status and body.
    pub(crate) async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(&self.token)
            .timeout(Duration::from_secs(30));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// A site's state, as Terraform gets it.
    pub(crate) async fn state(&self, site: uuid::Uuid) -> (u16, Vec<u8>) {
        let request = self.http.get(format!("{}/terraform/state/{site}", self.url));
        let answer = request
            .basic_auth("token", Some(&self.token))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    /// Changes a site. Gives the id of the deployment.
    pub(crate) async fn change_site(&self, site: &str, if_match: u32, change: Value) -> String {
        let answer = self
            .http
            .patch(format!("{}/api/v1/sites/{site}", self.url))
            .bearer_auth(&self.token)
            .header("if-match", format!("\"{if_match}\""))
            .json(&change)
            .send()
            .await
            .unwrap();
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 202, "{body}");
        body["deployment"]["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a site. Gives the ids of site and deployment.
    pub(crate) async fn create_site(&self, name: &str) -> (String, String) {
        let site = json!({
            "name": name, "provider": "aws", "region": "us-east-1", "size": "small",
            "application": {"image": "nginx:1.27", "port": 80},
            "scaling": {"min": 1, "max": 2},
            "database": {"storage_gb": 20},
            "storage": {"versioning": true},
        });
        let (status, body) = self.call(reqwest::Method::POST, "/sites", Some(site)).await;
        assert_eq!(status, 202, "{body}");
        let id = |thing: &str| body[thing]["id"].as_str().unwrap().to_owned();
        (id("site"), id("deployment"))
    }

    /// Asks for a site's end. Gives the id of the deployment.
    pub(crate) async fn destroy_site(&self, site: &str) -> String {
        let (status, body) = self
            .call(reqwest::Method::DELETE, &format!("/sites/{site}"), None)
            .await;
        assert_eq!(status, 202, "{body}");
        body["deployment"]["id"].as_str().unwrap().to_owned()
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn seed(database: &TestDatabase, folder: &Path, cloud: &Cloud, token: &str) {
    let (customer, account) = (CustomerId::new(), CloudAccountId::new());
    let mut tx = tenant::begin(&database.pool, Scope::Platform).await.unwrap();
    let row = Customer {
        id: customer,
        name: "Acme".to_owned(),
        slug: "acme".to_owned(),
    };
    db::customers::insert(&mut tx, &row, 10).await.unwrap();
    let new = NewToken {
        id: ApiTokenId::new(),
        customer: Some(customer),
        user: None,
        name: "acceptance",
        role: RoleOf::BuiltIn(Role::Owner),
        scopes: None,
        expires_at: None,
    };
    db::tokens::insert(&mut tx, &new, token).await.unwrap();
    let (world, endpoint, provider_options) = match cloud {
        Cloud::Simulated(latency) => (
            World::Simulated,
            folder.to_str().unwrap().to_owned(),
            json!({"latency_ms": u64::try_from(latency.as_millis()).unwrap()}),
        ),
        Cloud::Moto { url, image_id } => (World::Emulator, url.clone(), json!({"image_id": image_id})),
    };
    let row = CloudAccount {
        id: account,
        customer: None,
        provider: Provider::ALL[0],
        world,
        name: "test".to_owned(),
        endpoint: Some(endpoint),
        provider_options,
    };
    let sealed_for = SealedFor::Credentials {
        customer_id: None,
        cloud_account_id: account,
    };
    let credentials =
        json!({"access_key_id": "PLANTED-ACCESS-KEY", "secret_access_key": "PLANTED-SECRET-KEY"});
    let sealed = seal::seal_value(&MasterKeys::development(), &sealed_for, &credentials).unwrap();
    db::cloud_accounts::insert(&mut tx, &row, 50, &sealed)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}
