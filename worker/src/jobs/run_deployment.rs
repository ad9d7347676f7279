//! One attempt at a deployment, from the claim to its end.

mod apply;
mod ending;
mod planning;
mod preparing;

use std::sync::Arc;

use db::deployments::Deployment;
use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    step::{StepName, StepStatus},
};
use serde_json::Value;
use sqlx::PgPool;
use state::{terraform_state::TerraformState, versions::StateStore};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, info};

use crate::{
    access::Access,
    attempt::{Stop, Store},
    lease::{Lease, Signals},
    phase::{self, Broke, DEADLINE_GRACE, Output, Told},
    prepared::{Kit, Prepared},
    report::Reporter,
    settings::Settings,
    shipping::Shipper,
    terraform::{
        command::{self, Run, Supervisor},
        environment::Environment,
    },
    verify,
    workspace::{APPLY_JOURNAL, PLAN, Workspace},
};

/// What every attempt of a worker shares.
#[derive(Debug)]
pub struct Context {
    /// What the worker was told.
    pub settings: Settings,
    /// What it made ready.
    pub prepared: Prepared,
    /// Connections.
    pub pool: PgPool,
    /// Sealed states and plans.
    pub states: StateStore,
    /// The worker's name in audits.
    pub name: String,
}

/// One attempt, once everything is in place.
struct Attempt {
    context: Arc<Context>,
    deployment: Deployment,
    access: Access,
    kit: Kit,
    supervisor: Supervisor,
    signals: Signals,
    store: Store,
    reporter: Reporter,
    workspace: Workspace,
    shipper: Shipper,
    environment: Environment,
    /// Holds the sockets of Terraform's plugins.
    _temporary: TempDir,
}

/// How an attempt that was not stopped ended.
#[derive(Debug)]
enum End {
    /// Done as asked.
    Succeeded(Box<Applied>),
    /// A speculative plan is done.
    Planned,
    /// The plan is kept and waits for a person.
    AwaitsApproval(Box<db::deployments::KeptPlan>),
}

/// What an apply made.
#[derive(Debug)]
struct Applied {
    outputs: Value,
    outputs_sealed: Option<Vec<u8>>,
    resources: Vec<db::resources::SiteResource>,
}

/// Runs one attempt to its end, whatever that is.
pub async fn run(
    context: Arc<Context>,
    deployment: Deployment,
    claimed_at_boot_ms: u64,
    nudge: Arc<Notify>,
    shutdown: CancellationToken,
) {
    let signals = Signals::new(shutdown);
    let store = Store::new(context.pool.clone(), signals.clone());
    let lease = Lease {
        deployment: deployment.id,
        attempt: deployment.attempt,
        terms: context.settings.lease,
        cancel_grace: context.settings.cancel_grace,
        claimed_at_boot_ms,
        cancel_known: deployment.cancel_asked_at.is_some(),
        nudge,
    };
    info!(deployment.id = %deployment.id, attempt = deployment.attempt, kind = %deployment.kind, "Started an attempt");
    let supervisor = match start_supervisor(&context.settings, &lease) {
        Ok(supervisor) => supervisor,
        Err(error) => {
            error!(deployment.id = %deployment.id, error = %error, "The supervisor can't be started");
            return ending::stopped_early(
                &context,
                &deployment,
                &store,
                Stop::HandBack(format!("this worker could not start a supervisor: {error}")),
            )
            .await;
        }
    };
    // Ends with this future, however that ends: a lease must not outlive the attempt that it is for.
    let _keeper = AbortOnDropHandle::new(tokio::spawn(lease.keep(
        context.pool.clone(),
        supervisor.lease_handle(),
        signals.clone(),
    )));
    match preparing::prepare(
        Arc::clone(&context),
        deployment.clone(),
        supervisor,
        &signals,
        &store,
    )
    .await
    {
        Ok(mut attempt) => {
            let end = attempt.go().await;
            attempt.end(end).await;
        }
        Err(stop) => ending::stopped_early(&context, &deployment, &store, stop).await,
    }
}

fn start_supervisor(settings: &Settings, lease: &Lease) -> std::io::Result<Supervisor> {
    let arguments: Vec<&str> = settings.supervisor.arguments.iter().map(String::as_str).collect();
    let terms = command::LeaseTerms {
        margin: settings.lease.margin,
        grace: settings.lease.grace,
        good_until_boot_ms: lease.good_until(lease.claimed_at_boot_ms),
    };
    Supervisor::start(&settings.supervisor.program, &arguments, terms)
}

impl Attempt {
    /// The road. Each line is a step that a page shows.
    async fn go(&mut self) -> Result<End, Stop> {
        let state = self.init_and_recover().await?;
        if self.deployment.cancel_asked_at.is_some() {
            return Err(Stop::Cancelled);
        }
        if self.deployment.status == DeploymentStatus::Applying {
            self.take_approved_plan(state.as_ref()).await?;
        } else {
            let summary = self.plan().await?;
            if self.deployment.kind.is_plan_only() {
                return Ok(End::Planned);
            }
            if self.needs_approval(&summary) {
                return Ok(End::AwaitsApproval(Box::new(
                    self.keep_plan(state.as_ref()).await?,
                )));
            }
        }
        let state = self.apply().await?;
        let applied = self.outputs(state).await?;
        self.verify(&applied.outputs).await?;
        Ok(End::Succeeded(Box::new(applied)))
    }

    /// Whether nothing asks to stop.
    fn checkpoint(&self) -> Result<(), Stop> {
        if self.signals.lost.is_cancelled() {
            Err(Stop::Lost)
        } else if self.signals.cancel.is_cancelled() {
            Err(Stop::Cancelled)
        } else if self.signals.shutdown.is_cancelled() {
            Err(Stop::HandBack("its worker shut down".to_owned()))
        } else {
            Ok(())
        }
    }

    /// Runs Terraform in the workspace.
    async fn terraform(&mut self, step: StepName, output: Output, run: Run) -> Result<Told, Broke> {
        phase::run(
            &mut self.supervisor,
            &self.reporter,
            &self.signals,
            step,
            output,
            run,
        )
        .await
    }

    /// A run of Terraform with these arguments, within the short deadline.
    fn command(&self, args: &[&str]) -> Run {
        Run {
            program: self.context.prepared.terraform.path.clone(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            environment: self.environment.clone(),
            directory: self.workspace.root().to_owned(),
            stdout_to: None,
            journal: None,
            deadline: self.context.settings.deadlines.short,
            grace: DEADLINE_GRACE,
        }
    }

    /// The state as it lies in the workspace.
    fn read_state(&self, step: StepName) -> Result<Option<(TerraformState, Vec<u8>)>, Stop> {
        let bytes = self.workspace.state().map_err(|error| {
            Stop::failed(step, format!("the state in the workspace can't be read: {error}"))
        })?;
        bytes
            .map(|bytes| match TerraformState::parse(&bytes) {
                Ok(state) => Ok((state, bytes)),
                Err(error) => Err(Stop::failed(
                    step,
                    format!("Terraform left a state that can't be read: {error}"),
                )),
            })
            .transpose()
    }

    async fn verify(&self, outputs: &Value) -> Result<(), Stop> {
        self.checkpoint()?;
        self.reporter.start_step(StepName::Verify).await?;
        let world = self.access.account.world;
        let asked = async {
            match self.deployment.kind {
                DeploymentKind::Destroy => verify::Verdict::NotAsked("nothing is left to ask".to_owned()),
                _ => verify::verify(world, &self.access.specification, outputs).await,
            }
        };
        let verdict = tokio::select! {
            verdict = self.store.unless_lost(asked) => verdict?,
            () = self.signals.cancel.cancelled() => return Err(Stop::Cancelled),
            () = self.signals.shutdown.cancelled() => return Err(Stop::HandBack("its worker shut down".to_owned())),
        };
        match verdict {
            verify::Verdict::Answers(words) => {
                self.reporter
                    .finish_step(StepName::Verify, StepStatus::Succeeded, None, &words, None)
                    .await
            }
            verify::Verdict::NotAsked(words) => {
                self.reporter
                    .finish_step(StepName::Verify, StepStatus::Skipped, None, &words, None)
                    .await
            }
            verify::Verdict::Silent(words) => Err(Stop::failed(StepName::Verify, words)),
        }
    }
}
