//! What jobs do: they run Terraform and report what happens.
//!
//! [`run`] is a worker's life. It makes everything ready, ships what a crash left, and then claims the fairest
//! runnable deployment whenever it is rung and has a slot, each in a task of its own.

mod access;
mod attempt;
mod bell;
mod jobs;
mod lease;
pub mod local_plan;
mod mail;
mod modules;
mod phase;
mod prepared;
mod recovery;
mod report;
pub mod settings;
mod shipping;
pub mod terraform;
mod verify;
mod workspace;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use db::{
    deployments::{AdvanceError, Deployment},
    queue,
    schema::{self, SchemaStatus},
    tenant::{self, Scope},
    workers,
};
use domain::{
    id::{DeploymentId, WorkerId},
    job::RunDeployment,
};
use jobs::run_deployment::{self, Context};
use mail::Postman;
use sqlx::PgPool;
use state::versions::StateStore;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use mail::{MailAddress, MailDelivery, MailError, MailSettings, SmtpSecurity, SmtpSettings};
pub use prepared::PrepareError;
pub use settings::{Deadlines, LeaseTerms, Settings, SupervisorCommand};

use crate::{terraform::boot_clock_ms, workspace::Leftover};

/// Memory that a run needs beside what the machine uses: Terraform and a real provider, measured at 760 MB.
const MEMORY_FOR_REAL: u64 = 760 << 20;
/// The same for a simulated provider, measured at 100 MB.
const MEMORY_FOR_SIMULATED: u64 = 100 << 20;
/// How often a worker says that it lives, and clears what has rung.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(15);
/// Bells that are removed at once.
const PRUNE_AT_ONCE: i64 = 1_000;
/// How long a worker that shuts down waits for its attempts beyond the lease's grace.
const WIND_DOWN: Duration = Duration::from_secs(30);

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The lease's lengths do not fit together.
    #[error("{0}")]
    Lease(&'static str),
    /// Terraform, modules or plugins are missing.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The database is not at the schema that this version knows.
    #[error("the database lacks migrations: {}; run `siteplane migrate`", .0.join(", "))]
    SchemaMissing(Vec<String>),
    /// The database was changed by hand or by another program.
    #[error("migration {0} is not the one that this version knows")]
    SchemaChanged(String),
    /// The database can't be reached.
    #[error("the database can't be reached")]
    Database(#[from] sqlx::Error),
    /// Letters can't be sent as the settings say.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// What a crash left can't be shipped.
    #[error("the workspaces can't be read")]
    Workspaces(#[source] io::Error),
}

struct Worker {
    id: WorkerId,
    context: Arc<Context>,
    abilities: Vec<String>,
    slots: Arc<Semaphore>,
    bell: Arc<Notify>,
    running: JoinSet<DeploymentId>,
    nudges: Arc<Mutex<HashMap<DeploymentId, Arc<Notify>>>>,
    postman: Option<Postman>,
    shutdown: CancellationToken,
}

/// Works until `shutdown`. Then every running attempt is handed back: its state is stored and another worker,
/// or this one's next start, goes on.
///
/// # Errors
/// See [`StartError`]; once it has started, a worker outlives the database's absence.
pub async fn run(
    settings: Settings,
    pool: PgPool,
    states: StateStore,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    if let Some(problem) = settings.lease.problem() {
        return Err(StartError::Lease(problem));
    }
    match schema::status(&pool).await? {
        SchemaStatus::Current => {}
        SchemaStatus::Missing(migrations) => return Err(StartError::SchemaMissing(migrations)),
        SchemaStatus::Changed(migration) => return Err(StartError::SchemaChanged(migration)),
    }
    let prepared = prepared::prepare(&settings).await?;
    for missing in &prepared.missing {
        warn!("Not ready here: {missing}");
    }
    let postman = match &settings.mail {
        Some(mail) => Some(Postman::new(pool.clone(), states.keys.clone(), mail.clone()).await?),
        None => {
            warn!("Letters stay in the outbox: mail.host is not set");
            None
        }
    };
    let id = WorkerId::new();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let abilities = prepared.abilities();
    let slots = settings.slots;
    register(&pool, id, &host, slots, &prepared.terraform.version, &abilities).await?;
    info!(worker.id = %id, slots, terraform.version = prepared.terraform.version, abilities = abilities.join(" "),
        "Worker {id} is ready");
    let context = Arc::new(Context {
        settings,
        prepared,
        pool: pool.clone(),
        states,
        name: format!("worker {host}"),
    });
    let worker = Worker {
        id,
        context,
        abilities,
        slots: Arc::new(Semaphore::new(slots)),
        bell: Arc::new(Notify::new()),
        running: JoinSet::new(),
        nudges: Arc::default(),
        postman,
        shutdown: shutdown.clone(),
    };
    worker.work().await;
    let mut tx = tenant::begin(&pool, Scope::Worker).await?;
    workers::stopped(&mut tx, id).await?;
    tx.commit().await?;
    info!(worker.id = %id, "Worker {id} has ended");
    Ok(())
}

async fn register(
    pool: &PgPool,
    id: WorkerId,
    host: &str,
    slots: usize,
    terraform_version: &str,
    abilities: &[String],
) -> sqlx::Result<()> {
    let mut tx = tenant::begin(pool, Scope::Worker).await?;
    let worker = workers::NewWorker {
        id,
        host,
        process_id: rustix::process::getpid().as_raw_nonzero().get(),
        version: env!("CARGO_PKG_VERSION"),
        slots: i32::try_from(slots).unwrap_or(i32::MAX),
        terraform_version,
        abilities,
    };
    workers::register(&mut tx, &worker).await?;
    tx.commit().await
}

impl Worker {
    async fn work(mut self) {
        let bell_pool = self.connect_bell().await;
        let listening = tokio::spawn(bell::listen(
            bell_pool.clone(),
            self.id,
            Arc::clone(&self.bell),
            self.shutdown.clone(),
        ));
        let letters = self
            .postman
            .take()
            .map(|postman| tokio::spawn(postman.work(bell_pool.clone(), self.shutdown.clone())));
        let cancels = tokio::spawn(hear_cancels(
            bell_pool,
            Arc::clone(&self.nudges),
            self.shutdown.clone(),
        ));
        let mut sweep = interval(self.context.settings.lease.sweep_every);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut housekeeping = interval(HOUSEKEEPING_EVERY);
        housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What a crash left is stored before anything is claimed.
        self.sweep_workspaces().await;
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                Some(ended) = self.running.join_next() => self.forget(ended),
                () = self.bell.notified() => {}
                _ = sweep.tick() => self.sweep().await,
                _ = housekeeping.tick() => { self.keep_house().await; continue }
            }
            self.claim_all().await;
        }
        self.wind_down().await;
        if let Some(letters) = letters
            && let Err(error) = letters.await
        {
            error!(error = %error, "Sending letters ended in a panic; another worker sends them");
        }
        listening.abort();
        cancels.abort();
    }

    /// Waits for the database as long as it takes: a worker that has started does not end for its absence.
    async fn connect_bell(&self) -> PgPool {
        let options = (*self.context.pool.connect_options()).clone();
        loop {
            match bell::connect(options.clone()).await {
                Ok(pool) => return pool,
                Err(error) => warn!(error = %error, "The database can't be reached; trying again"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Puts back what lost its lease, and looks after what this machine's dead attempts left.
    async fn sweep(&mut self) {
        match self.sweep_leases().await {
            Ok(back) => {
                for deployment in back {
                    warn!(deployment.id = %deployment, "Put deployment {deployment} back into the queue: its lease ran out");
                }
            }
            Err(error) => warn!(error = %format!("{:#}", anyhow::Error::new(error)), "Could not sweep"),
        }
    }

    async fn sweep_leases(&self) -> Result<Vec<DeploymentId>, AdvanceError> {
        let mut tx = tenant::begin(&self.context.pool, Scope::Worker).await?;
        let back = queue::sweep(&mut tx, self.context.settings.lease.takeover_after).await?;
        for deployment_id in &back {
            db::enqueue(
                &mut tx,
                &RunDeployment {
                    deployment_id: *deployment_id,
                },
            )
            .await?;
        }
        tx.commit().await?;
        Ok(back)
    }

    /// Ships states that dead attempts left on this machine, and removes workspaces that nobody needs any more:
    /// those of final deployments.
    async fn sweep_workspaces(&self) {
        let leftovers = match Leftover::find(&self.context.settings.workspaces) {
            Ok(leftovers) => leftovers,
            Err(error) => return error!(error = %error, "The workspaces can't be read"),
        };
        for leftover in leftovers {
            let deployment = leftover.owner.deployment;
            if let Err(error) = self.secure(leftover).await {
                warn!(deployment.id = %deployment, error = %format!("{error:#}"), "A left workspace stays for now");
            }
        }
    }

    async fn secure(&self, leftover: Leftover) -> anyhow::Result<()> {
        let mut tx = tenant::begin(&self.context.pool, Scope::Worker).await?;
        let deployment = db::deployments::find(&mut tx, leftover.owner.deployment).await?;
        tx.commit().await?;
        let owner = leftover.owner;
        let holds =
            |deployment: &Deployment| deployment.attempt == owner.attempt && deployment.status.is_leased();
        // Its supervisor may still wind Terraform down; the next sweep comes after the lease's end.
        if deployment.as_ref().is_some_and(holds) {
            return Ok(());
        }
        terraform::processes::kill_processes_in(leftover.folder()).await?;
        shipping::ship_left(&self.context.states, &self.context.pool, &leftover).await?;
        // The next attempt on this machine reads what Terraform said there.
        if deployment.is_none_or(|deployment| deployment.status.is_final()) {
            leftover.remove()?;
        }
        Ok(())
    }

    /// Claims until nothing is runnable or there is no room.
    async fn claim_all(&mut self) {
        while let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            if let Some(why) = self.no_room() {
                warn!("Nothing new is claimed: {why}");
                return;
            }
            let asked_at = boot_clock_ms();
            let deployment = match self.claim().await {
                Ok(Some(deployment)) => deployment,
                Ok(None) => return,
                Err(error) => return warn!(error = %error, "Could not claim"),
            };
            let nudge = Arc::new(Notify::new());
            self.lock_nudges().insert(deployment.id, Arc::clone(&nudge));
            let (context, shutdown) = (Arc::clone(&self.context), self.shutdown.clone());
            self.running.spawn(async move {
                let id = deployment.id;
                run_deployment::run(context, deployment, asked_at, nudge, shutdown).await;
                drop(slot);
                id
            });
        }
    }

    async fn claim(&self) -> sqlx::Result<Option<Deployment>> {
        let mut tx = tenant::begin(&self.context.pool, Scope::Worker).await?;
        // Without anything queued the lock of all claimers is left alone.
        let claimed = if queue::has_queued(&mut tx).await? {
            let claim = queue::Claim {
                worker: self.id,
                lease: self.context.settings.lease.length,
                abilities: &self.abilities,
            };
            queue::claim(&mut tx, &claim).await?
        } else {
            None
        };
        tx.commit().await?;
        Ok(claimed)
    }

    /// Why this machine takes nothing more just now.
    fn no_room(&self) -> Option<String> {
        let is_real = self
            .abilities
            .iter()
            .any(|ability| !ability.ends_with("/simulated"));
        let needed = if is_real {
            MEMORY_FOR_REAL
        } else {
            MEMORY_FOR_SIMULATED
        };
        if let Some(available) = available_memory()
            && available < needed
        {
            return Some(format!(
                "{} MB of memory are free and {} are needed",
                available >> 20,
                needed >> 20
            ));
        }
        let minimum = self.context.settings.minimum_free_disk;
        match rustix::fs::statvfs(&self.context.settings.workspaces) {
            Ok(disk) if disk.f_bavail * disk.f_frsize < minimum => {
                let free = disk.f_bavail * disk.f_frsize;
                Some(format!(
                    "{} MB of disk are free and {} are needed",
                    free >> 20,
                    minimum >> 20
                ))
            }
            Ok(_) => None,
            Err(error) => Some(format!("the workspaces' disk can't be asked: {error}")),
        }
    }

    fn forget(&self, ended: Result<DeploymentId, tokio::task::JoinError>) {
        match ended {
            Ok(id) => {
                self.lock_nudges().remove(&id);
            }
            // The supervisor was dropped with the task: Terraform winds down and the lease runs out.
            Err(error) => error!(error = %error, "An attempt ended in a panic; its lease runs out"),
        }
    }

    fn lock_nudges(&self) -> std::sync::MutexGuard<'_, HashMap<DeploymentId, Arc<Notify>>> {
        self.nudges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_house(&self) {
        let kept = async {
            let mut tx = tenant::begin(&self.context.pool, Scope::Worker).await?;
            workers::seen(&mut tx, self.id).await?;
            db::prune_bells(&mut tx, db::PruneBells { limit: PRUNE_AT_ONCE }).await?;
            db::idempotency::prune(&mut tx).await?;
            tx.commit().await
        };
        if let Err(error) = kept.await {
            warn!(error = %error, "Could not keep house");
        }
        self.sweep_workspaces().await;
    }

    /// Waits for the attempts to hand their deployments back. Whoever is late loses the lease instead.
    async fn wind_down(&mut self) {
        info!(
            running = self.running.len(),
            "Shutting down: handing {} deployments back",
            self.running.len()
        );
        let patience = self.context.settings.lease.grace + WIND_DOWN;
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            warn!("Some attempts did not end in time; their leases run out");
        }
    }
}

/// Wakes the holder of a deployment as soon as someone asks to cancel it.
async fn hear_cancels(
    pool: PgPool,
    nudges: Arc<Mutex<HashMap<DeploymentId, Arc<Notify>>>>,
    shutdown: CancellationToken,
) {
    loop {
        let error = tokio::select! {
            () = shutdown.cancelled() => return,
            error = hear_until_broken(&pool, &nudges) => error,
        };
        // Meanwhile the next renewal of each lease tells.
        warn!(error = %error, "Stopped hearing wishes to cancel; listening again");
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

async fn hear_until_broken(pool: &PgPool, nudges: &Mutex<HashMap<DeploymentId, Arc<Notify>>>) -> sqlx::Error {
    let mut listener = match sqlx::postgres::PgListener::connect_with(pool).await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    if let Err(error) = listener.listen(queue::CANCEL_CHANNEL).await {
        return error;
    }
    loop {
        let notification = match listener.recv().await {
            Ok(notification) => notification,
            Err(error) => return error,
        };
        let Ok(id) = notification.payload().parse::<DeploymentId>() else {
            continue;
        };
        let nudge = nudges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned();
        if let Some(nudge) = nudge {
            nudge.notify_one();
        }
    }
}

/// Memory that new processes can have without swapping, in bytes; `None` where the system does not tell.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
