//! How attempts end: each in one transaction with everything that follows from it.

use db::{
    audit::{self, Actor, ActorKind, AuditEvent},
    deployments::{self, Advance, Deployment, NewDeployment},
    queue, resources, sites, steps,
};
use domain::{
    deployment::{DeploymentEvent, DeploymentStatus},
    id::DeploymentId,
    job::RunDeployment,
    step::StepStatus,
};
use serde_json::json;
use sqlx::{Postgres, Transaction};
use state::terraform_state::TerraformState;
use tracing::{error, info, warn};

use super::{Applied, Attempt, Context, End, apply::site_resources};
use crate::{
    attempt::{Failed, Stop, Store, WriteError, held, in_transaction},
    phase::failures_json,
    workspace::{Leftover, Owner},
};

/// How often attempts may die under a deployment before it is called failed.
const DEATHS_ALLOWED: i32 = 5;

type Tx = Transaction<'static, Postgres>;

impl Attempt {
    /// Ends the attempt and, where it is final, the deployment.
    pub(super) async fn end(mut self, end: Result<End, Stop>) {
        let mut written = match end {
            Ok(end) => self.write_end(end).await,
            Err(stop) => Err(stop),
        };
        if let Err(stop) = written {
            written = self.write_stop(stop).await;
        }
        let Self {
            context,
            deployment,
            supervisor,
            workspace,
            ..
        } = self;
        let owner = workspace.owner;
        if let Err(error) = supervisor.end().await {
            warn!(deployment.id = %deployment.id, error = %error, "The supervisor did not end as it should");
        }
        match written {
            Ok(final_status) => {
                info!(deployment.id = %deployment.id, attempt = deployment.attempt, status = %final_status, "Ended an attempt");
                let removed = match final_status {
                    // The next attempt on this machine reads there what was planned and what was begun.
                    DeploymentStatus::Queued => Ok(()),
                    status => workspace.remove().and_then(|()| {
                        if status.is_final() {
                            remove_earlier(&context, owner)
                        } else {
                            Ok(())
                        }
                    }),
                };
                if let Err(error) = removed {
                    // The next sweep of this machine's workspaces removes it.
                    warn!(deployment.id = %deployment.id, error = %error, "A workspace can't be removed");
                }
                if final_status.is_final() {
                    thin(&context, deployment.id).await;
                }
            }
            Err(_) => {
                warn!(deployment.id = %deployment.id, attempt = deployment.attempt, "Left an attempt: its lease is gone");
            }
        }
    }

    async fn write_end(&mut self, end: End) -> Result<DeploymentStatus, Stop> {
        // The rows of steps and events come before the row that says it is over.
        self.reporter.flush().await?;
        let (context, deployment) = (&self.context, &self.deployment);
        match end {
            End::Planned => {
                in_transaction!(self.store, tx => finish(tx, context, deployment, DeploymentEvent::Finished, "Planned").await)
            }
            End::AwaitsApproval(kept) => {
                // After an interruption they are more than before it.
                let known = self.known_resources();
                in_transaction!(self.store, tx => {
                    let now = held(tx, deployment).await?;
                    if let Some(known) = &known {
                        resources::replace(tx, deployment.site, deployment.customer, deployment.id, known).await?;
                    }
                    deployments::set_kept_plan(tx, deployment.id, deployment.attempt, Some(&kept)).await?;
                    if now.status == DeploymentStatus::Cancelling {
                        return finish(tx, context, deployment, DeploymentEvent::Stopped, "Cancelled").await;
                    }
                    let reason = if deployment.approved_summary.is_some() {
                        "The plan after the interruption goes beyond the approved one and waits for approval"
                    } else {
                        "The plan waits for approval"
                    };
                    let advance = Advance {
                        deployment: deployment.id,
                        from: now.status,
                        event: DeploymentEvent::ApprovalNeeded,
                        attempt: Some(deployment.attempt),
                        reason,
                    };
                    let to = deployments::advance(tx, advance).await?;
                    ring(tx, deployment.id).await?;
                    Ok(to)
                })
            }
            End::Succeeded(applied) => {
                in_transaction!(self.store, tx => succeed(tx, context, deployment, &applied).await)
            }
        }
    }

    /// The resources that the state in the workspace knows. One that can't be read, as on a full disk, says
    /// nothing: then the rows stay as they are.
    fn known_resources(&self) -> Option<Vec<resources::SiteResource>> {
        let state = match self.shipper.rescued() {
            Some(state) => Some(state.to_vec()),
            None => self.workspace.state().ok()?,
        };
        match state {
            None => Some(Vec::new()),
            Some(bytes) => TerraformState::parse(&bytes)
                .ok()
                .map(|state| site_resources(Some(&state))),
        }
    }

    async fn write_stop(&mut self, stop: Stop) -> Result<DeploymentStatus, Stop> {
        if !matches!(stop, Stop::Lost) {
            // Whatever ended the run, its state is stored before anyone is told that it is over.
            self.shipper.ship_last().await?;
            self.reporter.flush().await?;
        }
        let known = self.known_resources();
        let stop = match stop {
            Stop::Failed(failed) => {
                let error = failures_json(&failed.failures);
                let reason = failed.reason.clone();
                let error = (!failed.failures.is_empty()).then_some(error);
                let status = StepStatus::Failed;
                self.reporter
                    .finish_step(failed.step, status, failed.exit_code, &reason, error)
                    .await?;
                self.reporter.flush().await?;
                Stop::Failed(Failed {
                    reason: self.reporter.masked(&failed.reason),
                    ..failed
                })
            }
            stop => stop,
        };
        write_stop(
            &self.context,
            &self.deployment,
            &self.store,
            stop,
            known.as_deref(),
        )
        .await
    }
}

/// Ends an attempt that was stopped before it had a workspace.
pub(super) async fn stopped_early(context: &Context, deployment: &Deployment, store: &Store, stop: Stop) {
    if let Stop::Failed(failed) = &stop {
        let told: Result<(), Stop> = in_transaction!(store, tx => {
            let end = steps::StepEnd {
                status: StepStatus::Failed,
                exit_code: failed.exit_code,
                output: Some(&failed.reason),
                error: None,
            };
            steps::finish(tx, deployment.id, deployment.attempt, failed.step, end).await?;
            Ok(())
        });
        if told.is_err() {
            return;
        }
    }
    match write_stop(context, deployment, store, stop, None).await {
        Ok(status) => {
            info!(deployment.id = %deployment.id, status = %status, "Ended an attempt before it began")
        }
        Err(_) => warn!(deployment.id = %deployment.id, "Left an attempt: its lease is gone"),
    }
}

async fn write_stop(
    context: &Context,
    deployment: &Deployment,
    store: &Store,
    stop: Stop,
    known: Option<&[resources::SiteResource]>,
) -> Result<DeploymentStatus, Stop> {
    if matches!(stop, Stop::Lost) {
        return Err(Stop::Lost);
    }
    in_transaction!(store, tx => {
        let now = held(tx, deployment).await?;
        if let Some(known) = known {
            resources::replace(tx, deployment.site, deployment.customer, deployment.id, known).await?;
        }
        let cancelling = now.status == DeploymentStatus::Cancelling || now.cancel_asked_at.is_some();
        match &stop {
            Stop::Lost => Err(WriteError::Fenced),
            Stop::Failed(failed) if !cancelling => {
                finish(tx, context, deployment, DeploymentEvent::Broke, &failed.reason).await
            }
            Stop::HandBack(why) if !cancelling => {
                if deployment.attempt < DEATHS_ALLOWED || why.contains("shut down") {
                    hand_back(tx, &now, why).await
                } else {
                    let reason = format!("Given up after {} attempts: {why}", deployment.attempt);
                    finish(tx, context, deployment, DeploymentEvent::Broke, &reason).await
                }
            }
            Stop::Stale(why) if !cancelling => go_stale(tx, context, &now, why).await,
            Stop::Cancelled | Stop::Failed(_) | Stop::HandBack(_) | Stop::Stale(_) => {
                finish(tx, context, deployment, DeploymentEvent::Stopped, "Cancelled").await
            }
        }
    })
}

/// Done as asked: outputs, resources, status, audit.
async fn succeed(
    tx: &mut Tx,
    context: &Context,
    deployment: &Deployment,
    applied: &Applied,
) -> Result<DeploymentStatus, WriteError> {
    held(tx, deployment).await?;
    resources::replace(
        tx,
        deployment.site,
        deployment.customer,
        deployment.id,
        &applied.resources,
    )
    .await?;
    sites::record_applied(
        tx,
        deployment.site,
        deployment.specification,
        &applied.outputs,
        applied.outputs_sealed.as_deref(),
    )
    .await?;
    finish(tx, context, deployment, DeploymentEvent::Finished, "Done").await
}

/// Moves a deployment to a final status, and with it its site and the queue.
async fn finish(
    tx: &mut Tx,
    context: &Context,
    deployment: &Deployment,
    event: DeploymentEvent,
    reason: &str,
) -> Result<DeploymentStatus, WriteError> {
    let now = held(tx, deployment).await?;
    let mut from = now.status;
    if event == DeploymentEvent::Stopped && from != DeploymentStatus::Cancelling {
        from = advance(tx, &now, from, DeploymentEvent::CancelAsked, reason).await?;
    }
    let end = advance(tx, &now, from, event, reason).await?;
    end_site(tx, &now, end).await?;
    let actor = Actor {
        kind: ActorKind::Worker,
        id: now.worker.map(|worker| worker.0),
        name: context.name.clone(),
    };
    let action = format!("deployment.{end}");
    let details = json!({"kind": now.kind, "site_id": now.site, "attempt": now.attempt, "reason": reason});
    audit::record(
        tx,
        AuditEvent {
            customer: Some(now.customer),
            actor: &actor,
            action: &action,
            subject_kind: "deployment",
            subject: now.id.0,
            details,
            trace_id: &now.trace_id,
        },
    )
    .await?;
    ring(tx, deployment.id).await?;
    Ok(end)
}

async fn advance(
    tx: &mut Tx,
    now: &Deployment,
    from: DeploymentStatus,
    event: DeploymentEvent,
    reason: &str,
) -> Result<DeploymentStatus, WriteError> {
    let advance = Advance {
        deployment: now.id,
        from,
        event,
        attempt: Some(now.attempt),
        reason,
    };
    Ok(deployments::advance(tx, advance).await?)
}

/// The site's status follows from how the deployment ended and from what waits behind it.
async fn end_site(tx: &mut Tx, now: &Deployment, end: DeploymentStatus) -> Result<(), WriteError> {
    let Some(site) = sites::find_for_update(tx, now.site).await? else {
        return Ok(());
    };
    sites::settle_status(tx, &site, now.kind, end).await?;
    Ok(())
}

/// Back into the queue, for another attempt to go on at once.
async fn hand_back(tx: &mut Tx, now: &Deployment, why: &str) -> Result<DeploymentStatus, WriteError> {
    let reason = format!("Attempt {} ended: {why}", now.attempt);
    let interrupted = advance(tx, now, now.status, DeploymentEvent::LeaseEnded, &reason).await?;
    deployments::set_kept_plan(tx, now.id, now.attempt, None).await?;
    steps::reset(tx, now.id).await?;
    let requeue = Advance {
        deployment: now.id,
        from: interrupted,
        event: DeploymentEvent::Requeued,
        attempt: None,
        reason: "Queued again to go on",
    };
    let to = deployments::advance(tx, requeue).await?;
    ring(tx, now.id).await?;
    Ok(to)
}

/// Ends a deployment whose approved plan no longer fits, and queues a new one that names it.
async fn go_stale(
    tx: &mut Tx,
    context: &Context,
    now: &Deployment,
    why: &str,
) -> Result<DeploymentStatus, WriteError> {
    let reason = format!("Stale: {why}; a new plan is queued");
    let replacement = DeploymentId::new();
    let end = finish(tx, context, now, DeploymentEvent::WentStale, &reason).await?;
    deployments::insert(
        tx,
        &NewDeployment {
            id: replacement,
            customer: now.customer,
            site: now.site,
            specification: now.specification,
            account: now.account,
            kind: now.kind,
            approval_required: now.approval_required,
            replaces: Some(now.id),
            trace_id: &now.trace_id,
        },
    )
    .await?;
    if let Some(status) = now.kind.site_status_while_open() {
        sites::set_status(tx, now.site, status).await?;
    }
    ring(tx, replacement).await?;
    Ok(end)
}

/// Wakes the workers: a slot, a site or a share of a cap is free.
async fn ring(tx: &mut Tx, deployment: DeploymentId) -> Result<(), WriteError> {
    if queue::has_queued(tx).await? {
        db::enqueue(
            tx,
            &RunDeployment {
                deployment_id: deployment,
            },
        )
        .await?;
    }
    Ok(())
}

/// Removes what earlier attempts of a final deployment left on this machine; their states are stored.
fn remove_earlier(context: &Context, last: Owner) -> std::io::Result<()> {
    for leftover in Leftover::of_earlier_attempts(&context.settings.workspaces, last)? {
        if leftover.owner.deployment == last.deployment {
            leftover.remove()?;
        }
    }
    Ok(())
}

async fn thin(context: &Context, deployment: DeploymentId) {
    let thinned = context
        .states
        .thin(&context.pool, db::tenant::Scope::Worker, deployment)
        .await;
    if let Err(error) = thinned {
        // Only space: the next sweep of retention finds them.
        error!(deployment.id = %deployment, error = %format!("{:#}", anyhow::Error::new(error)),
            "State versions could not be thinned");
    }
}
