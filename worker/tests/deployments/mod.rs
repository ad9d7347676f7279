//! Whole deployments: the true worker, Terraform, Postgres and S3, on the simulated cloud.

mod approval;
mod cancel;
mod database;
mod every_cloud;
mod failing;
mod faults;
mod invariants;
mod letters;
mod people;
mod queue;
mod road;
mod secrets;
mod shutdown;
mod storage;
mod supervisor;
mod workspace;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use db::{
    cloud_accounts::CloudAccount,
    customers::Customer,
    deployments::{Deployment, NewDeployment},
    events::Event,
    sites::{NewSite, Site},
    specifications::StoredSpecification,
    steps::Step,
    tenant::{self, Scope},
    testing::TestDatabase,
};
use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    id::{CloudAccountId, CustomerId, DeploymentId, SiteId},
    job::RunDeployment,
    provider::{Provider, World},
    specification::{Secret, SiteSecrets, SiteSpecification},
};
use serde_json::{Value, json};
use state::{
    keys::MasterKeys,
    local_s3::LocalS3,
    seal::{self, SealedFor},
    store::BlobStore,
    versions::StateStore,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Deadlines, LeaseTerms, Settings, SupervisorCommand};

/// Longer than any deployment on the simulated cloud, also while the machine compiles.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that a worker works with, of this test alone.
struct Stage {
    database: TestDatabase,
    states: StateStore,
    customer: CustomerId,
    /// An account on each cloud.
    accounts: BTreeMap<Provider, CloudAccountId>,
    folder: tempfile::TempDir,
    s3: Mutex<Option<LocalS3>>,
    s3_address: SocketAddr,
}

/// A worker in this process.
struct RunningWorker {
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), worker::StartError>>,
}

impl RunningWorker {
    async fn stop(self) {
        self.shutdown.cancel();
        self.ended.await.unwrap().unwrap();
    }

    /// Takes the worker away from one moment to the next, as if its machine were gone: it says nothing more.
    async fn vanish(self) {
        self.ended.abort();
        assert!(self.ended.await.unwrap_err().is_cancelled());
    }
}

impl Stage {
    async fn new() -> Self {
        // A failed test shows what its workers warned of.
        let warnings = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN);
        let _already_set_in_this_process = warnings.with_test_writer().try_init();
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let s3 = LocalS3::start(&folder.path().join("s3"), listener, "key", "secret").unwrap();
        let blobs = BlobStore::new(&s3.settings("states"));
        blobs.ensure_bucket().await.unwrap();
        let states = StateStore {
            blobs,
            keys: MasterKeys::development(),
        };
        std::fs::create_dir(folder.path().join("cloud")).unwrap();
        let customer = CustomerId::new();
        let mut tx = tenant::begin(&database.pool, Scope::Platform).await.unwrap();
        let row = Customer {
            id: customer,
            name: "Acme".to_owned(),
            slug: "acme".to_owned(),
        };
        db::customers::insert(&mut tx, &row, 3).await.unwrap();
        let mut accounts = BTreeMap::new();
        for provider in Provider::ALL {
            let account = CloudAccountId::new();
            let row = CloudAccount {
                id: account,
                customer: None,
                provider,
                world: World::Simulated,
                name: format!("simulated-{provider}"),
                endpoint: Some(folder.path().join("cloud").to_str().unwrap().to_owned()),
                provider_options: json!({}),
            };
            let fields = provider
                .facts()
                .credential_fields
                .iter()
                .filter(|field| field.required);
            let credentials: BTreeMap<&str, String> = fields
                .map(|field| (field.name, format!("PLANTED-{}", field.name)))
                .collect();
            let sealed_for = SealedFor::Credentials {
                customer_id: None,
                cloud_account_id: account,
            };
            let sealed = seal::seal_value(&states.keys, &sealed_for, &credentials).unwrap();
            db::cloud_accounts::insert(&mut tx, &row, 50, &sealed)
                .await
                .unwrap();
            accounts.insert(provider, account);
        }
        tx.commit().await.unwrap();
        Self {
            database,
            states,
            customer,
            accounts,
            folder,
            s3_address: s3.address(),
            s3: Mutex::new(Some(s3)),
        }
    }

    fn cloud(&self) -> PathBuf {
        self.folder.path().join("cloud")
    }

    fn workspaces(&self) -> PathBuf {
        self.folder.path().join("workspaces")
    }

    fn settings(&self) -> Settings {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mirror = root.join("target/simulated-mirror");
        assert!(
            mirror.is_dir(),
            "{} is missing: run `make test`, which builds the plugin first",
            mirror.display()
        );
        Settings {
            terraform_bin: None,
            plugin_mirror: None,
            simulated_mirror: Some(mirror),
            modules: root.join("terraform-modules"),
            workspaces: self.workspaces(),
            slots: 4,
            lease: LeaseTerms::short(),
            cancel_grace: Duration::from_secs(10),
            supervisor: SupervisorCommand {
                program: supervise(),
                arguments: Vec::new(),
            },
            worlds: vec![World::Simulated],
            deadlines: Deadlines::default(),
            minimum_free_disk: 0,
            mail: None,
        }
    }

    fn start_worker(&self) -> RunningWorker {
        self.start_worker_with(self.settings())
    }

    fn start_worker_with(&self, settings: Settings) -> RunningWorker {
        let shutdown = CancellationToken::new();
        let running = worker::run(
            settings,
            self.database.pool.clone(),
            self.states.clone(),
            shutdown.clone(),
        );
        RunningWorker {
            shutdown,
            ended: tokio::spawn(running),
        }
    }

    /// Asks for a new site as the API does.
    async fn create_site(&self, name: &str, approval_required: bool) -> (SiteId, DeploymentId) {
        self.create(small_site(name), approval_required).await
    }

    /// Asks for a new site with this specification as the API does.
    async fn create(
        &self,
        specification: SiteSpecification,
        approval_required: bool,
    ) -> (SiteId, DeploymentId) {
        let (site, deployment) = (SiteId::new(), DeploymentId::new());
        let mut tx = tenant::begin(&self.database.pool, Scope::Customer(self.customer))
            .await
            .unwrap();
        let new = NewSite {
            id: site,
            customer: self.customer,
            account: self.accounts[&specification.provider],
            name: specification.name.as_str(),
            provider: specification.provider,
            region: &specification.region,
            draft: false,
        };
        db::sites::insert(&mut tx, &new).await.unwrap();
        self.insert_specification(&mut tx, site, 1, specification).await;
        self.insert_deployment(
            &mut tx,
            site,
            deployment,
            1,
            DeploymentKind::Create,
            approval_required,
        )
        .await;
        tx.commit().await.unwrap();
        (site, deployment)
    }

    /// Asks for a change of a site as the API does.
    async fn change_site(
        &self,
        site: SiteId,
        kind: DeploymentKind,
        change: impl FnOnce(&mut SiteSpecification),
    ) -> DeploymentId {
        let deployment = DeploymentId::new();
        let mut tx = tenant::begin(&self.database.pool, Scope::Customer(self.customer))
            .await
            .unwrap();
        let row = db::sites::find_for_update(&mut tx, site).await.unwrap().unwrap();
        let mut number = row.desired_specification;
        if kind == DeploymentKind::Update {
            let stored = db::specifications::find(&mut tx, site, number).await.unwrap();
            let mut specification = stored.specification;
            change(&mut specification);
            number += 1;
            self.insert_specification(&mut tx, site, number, specification)
                .await;
            db::sites::set_desired_specification(&mut tx, site, number)
                .await
                .unwrap();
        }
        if let Some(status) = kind.site_status_while_open() {
            db::sites::set_status(&mut tx, site, status).await.unwrap();
        }
        self.insert_deployment(&mut tx, site, deployment, number, kind, false)
            .await;
        tx.commit().await.unwrap();
        deployment
    }

    async fn insert_specification(
        &self,
        conn: &mut sqlx::PgConnection,
        site: SiteId,
        number: i32,
        specification: SiteSpecification,
    ) {
        let mut secrets = SiteSecrets::default();
        secrets
            .application
            .insert("API_KEY".to_owned(), Secret::new("PLANTED-application-secret"));
        secrets.database_password = Some(Secret::new("PLANTED-database-password-0001"));
        let sealed_for = SealedFor::SiteSecrets {
            customer_id: self.customer,
            site_id: site,
            specification: number,
        };
        let secrets_sealed = seal::seal(&self.states.keys, &sealed_for, &secrets.to_exposed_bytes()).unwrap();
        let stored = StoredSpecification {
            number,
            specification,
            secrets_sealed,
        };
        db::specifications::insert(conn, site, self.customer, &stored)
            .await
            .unwrap();
    }

    async fn insert_deployment(
        &self,
        conn: &mut sqlx::PgConnection,
        site: SiteId,
        id: DeploymentId,
        specification: i32,
        kind: DeploymentKind,
        approval_required: bool,
    ) {
        let row = db::sites::find(&mut *conn, site).await.unwrap().unwrap();
        let new = NewDeployment {
            id,
            customer: self.customer,
            site,
            specification,
            account: row.account,
            kind,
            approval_required,
            replaces: None,
            trace_id: "0af7651916cd43dd8448eb211c80319c",
        };
        db::deployments::insert(conn, &new).await.unwrap();
        db::enqueue(conn, &RunDeployment { deployment_id: id })
            .await
            .unwrap();
    }

    async fn deployment(&self, id: DeploymentId) -> Deployment {
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        db::deployments::find(&mut tx, id).await.unwrap().unwrap()
    }

    async fn site(&self, id: SiteId) -> Site {
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        db::sites::find(&mut tx, id).await.unwrap().unwrap()
    }

    async fn steps(&self, id: DeploymentId) -> Vec<Step> {
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        db::steps::list(&mut tx, id).await.unwrap()
    }

    async fn events(&self, id: DeploymentId) -> Vec<Event> {
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        db::events::list(&mut tx, id, 0, 10_000).await.unwrap()
    }

    /// Waits until a deployment is as wanted; shows what happened if that takes too long.
    async fn wait_until(&self, id: DeploymentId, wanted: impl Fn(&Deployment) -> bool) -> Deployment {
        let started = Instant::now();
        loop {
            let deployment = self.deployment(id).await;
            if wanted(&deployment) {
                return deployment;
            }
            if started.elapsed() > PATIENCE || deployment.status.is_final() {
                for event in self.events(id).await {
                    eprintln!(
                        "{} {} {:?} {}",
                        event.seq, event.attempt, event.step, event.message
                    );
                }
                panic!(
                    "deployment {id} is {:?}: {:?}",
                    deployment.status, deployment.reason
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn wait_for(&self, id: DeploymentId, status: DeploymentStatus) -> Deployment {
        self.wait_until(id, |deployment| deployment.status == status)
            .await
    }

    /// What stands in the cloud, as its own files say it: types and ids.
    fn standing(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let Ok(clouds) = std::fs::read_dir(self.cloud().join("resources")) else {
            return found;
        };
        let inside =
            |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_dir(entry.unwrap().path()).unwrap();
        for file in clouds.flat_map(inside).flat_map(inside) {
            let resource: Value =
                serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
            let text = |name: &str| resource[name].as_str().unwrap().to_owned();
            found.push((text("type"), text("id")));
        }
        found.sort();
        found
    }

    /// The resources that the site's rows know: types and ids.
    async fn known(&self, site: SiteId) -> Vec<(String, String)> {
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        let mut known: Vec<_> = db::resources::list(&mut tx, site)
            .await
            .unwrap()
            .into_iter()
            .map(|stored| {
                (
                    stored.resource.resource_type,
                    stored.resource.provider_id.unwrap_or_default(),
                )
            })
            .collect();
        known.sort();
        known
    }

    fn set_faults(&self, faults: &Value) {
        std::fs::write(self.cloud().join("faults.json"), faults.to_string()).unwrap();
    }

    /// Workspaces that are left, by name.
    fn left_workspaces(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.workspaces()) else {
            return Vec::new();
        };
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn small_site(name: &str) -> SiteSpecification {
    serde_json::from_value(json!({
        "name": name, "provider": "aws", "region": "us-east-1", "size": "small",
        "application": {"image": "nginx:1.27", "port": 80, "secrets": {"API_KEY": "***"}},
        "scaling": {"min": 1, "max": 2},
        "database": {"storage_gb": 20},
        "storage": {"versioning": true},
    }))
    .unwrap()
}

/// The supervisor's program, which cargo builds beside the tests.
fn supervise() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/supervise");
    assert!(program.is_file(), "{} is missing", program.display());
    program
}
