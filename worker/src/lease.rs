//! Holding a deployment: a task renews the lease, tells the supervisor how long it is good, and notices when
//! someone asks to stop or the lease is gone.

use std::{sync::Arc, time::Duration};

use db::{
    queue::{self, Renewal},
    tenant::{self, Scope},
};
use domain::id::DeploymentId;
use sqlx::PgPool;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    settings::LeaseTerms,
    terraform::{boot_clock_ms, command::LeaseHandle},
};

/// What the holder is told while it works.
#[derive(Clone, Debug)]
pub struct Signals {
    /// The lease is gone: nothing may be written any more, and Terraform is being stopped.
    pub lost: CancellationToken,
    /// Someone asked to stop the deployment.
    pub cancel: CancellationToken,
    /// This worker shuts down: hand the deployment back.
    pub shutdown: CancellationToken,
}

impl Signals {
    /// Signals of a new attempt.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self {
            lost: CancellationToken::new(),
            cancel: CancellationToken::new(),
            shutdown,
        }
    }

    /// Whether anything asks to stop, in the order of urgency.
    pub fn any(&self) -> bool {
        self.lost.is_cancelled() || self.cancel.is_cancelled() || self.shutdown.is_cancelled()
    }
}

/// A lease to keep.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The attempt that holds it.
    pub attempt: i32,
    /// Its lengths.
    pub terms: LeaseTerms,
    /// How long Terraform may wind down when a person cancels.
    pub cancel_grace: Duration,
    /// Boot clock, taken before the claim was sent: the lease began no earlier.
    pub claimed_at_boot_ms: u64,
    /// Someone asked to cancel an earlier attempt: this one only puts things in order, undisturbed.
    pub cancel_known: bool,
    /// Woken when someone asks to cancel, so that it need not wait for the next renewal.
    pub nudge: Arc<Notify>,
}

impl Lease {
    /// Until when a lease that was asked for at `asked_at_boot_ms` is surely good, on the boot clock.
    pub fn good_until(&self, asked_at_boot_ms: u64) -> u64 {
        asked_at_boot_ms + u64::try_from(self.terms.length.as_millis()).unwrap_or(u64::MAX / 2)
    }

    /// Keeps the lease until it is lost. Ends when dropped.
    pub async fn keep(self, pool: PgPool, supervisor: LeaseHandle, signals: Signals) {
        let mut good_until = self.good_until(self.claimed_at_boot_ms);
        let mut told_cancel = self.cancel_known;
        let mut told_shutdown = false;
        loop {
            let next = Instant::now() + self.terms.renew_every;
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.nudge.notified() => {}
                () = signals.shutdown.cancelled(), if !told_shutdown => {
                    told_shutdown = true;
                    supervisor.interrupt(self.terms.grace);
                }
            }
            let asked_at = boot_clock_ms();
            // A frozen process wakes up here: the supervisor has acted on its own clock, and so do we.
            if asked_at >= good_until {
                return self.lose(&supervisor, &signals, "it ran out");
            }
            let left = Duration::from_millis(good_until - asked_at);
            match tokio::time::timeout(left, self.renew(&pool)).await {
                Ok(Ok(Renewal::Held { cancel_asked })) => {
                    good_until = self.good_until(asked_at);
                    supervisor.extend(good_until);
                    if cancel_asked && !told_cancel {
                        told_cancel = true;
                        signals.cancel.cancel();
                        supervisor.interrupt(self.cancel_grace);
                    }
                }
                // Its end was written meanwhile: no loss, but nothing may go on either.
                Ok(Ok(Renewal::Ended)) => return self.let_go(&supervisor, &signals),
                Ok(Ok(Renewal::Lost)) => return self.lose(&supervisor, &signals, "it moved on"),
                Ok(Err(error)) => {
                    warn!(deployment.id = %self.deployment, attempt = self.attempt, error = %error,
                        "Could not renew the lease; it is good for {} ms more", left.as_millis());
                }
                Err(_) => return self.lose(&supervisor, &signals, "the database did not answer in time"),
            }
        }
    }

    async fn renew(&self, pool: &PgPool) -> sqlx::Result<Renewal> {
        let mut tx = tenant::begin(pool, Scope::Worker).await?;
        let renewal = queue::renew(&mut tx, self.deployment, self.attempt, self.terms.length).await?;
        tx.commit().await?;
        Ok(renewal)
    }

    fn lose(&self, supervisor: &LeaseHandle, signals: &Signals, why: &str) {
        warn!(deployment.id = %self.deployment, attempt = self.attempt, "Lost the lease: {why}");
        self.let_go(supervisor, signals);
    }

    fn let_go(&self, supervisor: &LeaseHandle, signals: &Signals) {
        // It has interrupted Terraform by itself by now, unless the lease was taken away early.
        supervisor.interrupt(self.terms.grace);
        signals.lost.cancel();
    }
}
