//! One attempt at one deployment: what it may write, and how it says why it stops.

use std::{future::Future, time::Duration};

use db::deployments::{AdvanceError, Deployment};
use domain::step::StepName;
use sqlx::{PgPool, Postgres, Transaction};
use tracing::warn;

use crate::{lease::Signals, terraform::stream::Failure};

/// Why an attempt does not go on.
#[derive(Debug)]
pub enum Stop {
    /// The lease is gone. Nothing may be written; the next attempt goes on.
    Lost,
    /// Someone asked to stop.
    Cancelled,
    /// Something died on the way, or this worker shuts down: another attempt goes on at once.
    HandBack(String),
    /// It failed, for a reason that another attempt would meet too.
    Failed(Failed),
    /// The approved plan no longer fits.
    Stale(String),
}

/// A failure in words for the site's owner.
#[derive(Debug)]
pub struct Failed {
    /// The step that failed.
    pub step: StepName,
    /// One sentence.
    pub reason: String,
    /// Terraform's exit status, where it ran.
    pub exit_code: Option<i32>,
    /// Terraform's own words, by resource.
    pub failures: Vec<Failure>,
}

impl Stop {
    /// A failure without words of Terraform's.
    pub fn failed(step: StepName, reason: impl Into<String>) -> Self {
        Self::Failed(Failed {
            step,
            reason: reason.into(),
            exit_code: None,
            failures: Vec::new(),
        })
    }
}

/// The attempt's way to the database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    signals: Signals,
}

/// The first pause between tries while the database is away; they double, up to two seconds.
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long the answer to a commit is awaited; after that it counts as lost.
const COMMIT_WITHIN: Duration = Duration::from_secs(10);

impl Store {
    /// A way to the database for an attempt with these signals.
    pub fn new(pool: PgPool, signals: Signals) -> Self {
        Self { pool, signals }
    }

    /// The connections.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What to make of a try to write: its value, another try after a pause, or the end.
    ///
    /// # Errors
    /// [`Stop::Lost`] where the lease is gone, or the work found that another attempt holds the deployment.
    pub async fn tried<T>(
        &self,
        tried: Result<T, WriteError>,
        pause: &mut Duration,
    ) -> Result<Option<T>, Stop> {
        let error = match tried {
            Ok(value) => return Ok(Some(value)),
            Err(WriteError::Fenced) => return Err(Stop::Lost),
            Err(WriteError::Database(error)) => error,
        };
        warn!(error = %error, "The database did not take a write; trying again in {} ms", pause.as_millis());
        self.unless_lost(tokio::time::sleep(*pause)).await?;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        Ok(None)
    }

    /// Awaits, unless the lease is lost meanwhile.
    ///
    /// # Errors
    /// [`Stop::Lost`].
    pub async fn unless_lost<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.signals.lost.cancelled() => Err(Stop::Lost),
            value = work => Ok(value),
        }
    }

    /// Commits, also while the lease is being lost: what was found held is locked until the commit, so a renewal
    /// that finds the deployment moved on may only have seen this very commit, before its answer came here.
    ///
    /// # Errors
    /// The database refused, or did not answer within ten seconds.
    pub async fn commit(&self, transaction: Transaction<'static, Postgres>) -> Result<(), WriteError> {
        match tokio::time::timeout(COMMIT_WITHIN, transaction.commit()).await {
            Ok(committed) => Ok(committed?),
            Err(_) => Err(WriteError::Database(sqlx::Error::Io(
                std::io::ErrorKind::TimedOut.into(),
            ))),
        }
    }
}

/// Runs the work in a transaction as a worker, and again while the database is away, until the lease is lost.
/// Gives a `Result<_, Stop>`. A commit whose answer was lost may be done twice: the work must bear that.
///
/// A macro and no method: an async closure that borrows from its surroundings is not `Send` in every lifetime.
macro_rules! in_transaction {
    ($store:expr, $tx:ident => $work:expr) => {
        async {
            let store: &$crate::attempt::Store = &$store;
            let mut pause = $crate::attempt::FIRST_PAUSE;
            loop {
                let tried = store
                    .unless_lost(async {
                        let mut transaction =
                            db::tenant::begin(store.pool(), db::tenant::Scope::Worker).await?;
                        let value = {
                            let $tx = &mut transaction;
                            let worked: Result<_, $crate::attempt::WriteError> = async { $work }.await;
                            worked?
                        };
                        Ok((transaction, value))
                    })
                    .await?;
                let tried = match tried {
                    Ok((transaction, value)) => store.commit(transaction).await.map(|()| value),
                    Err(error) => Err(error),
                };
                if let Some(value) = store.tried(tried, &mut pause).await? {
                    return Ok(value);
                }
            }
        }
        .await
    };
}
pub(crate) use in_transaction;

/// Why a write was not made.
#[derive(Debug)]
pub enum WriteError {
    /// Another attempt holds the deployment, or nobody does.
    Fenced,
    /// The database refused or is away.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<AdvanceError> for WriteError {
    fn from(error: AdvanceError) -> Self {
        match error {
            AdvanceError::Database(error) => Self::Database(error),
            AdvanceError::Moved(_) | AdvanceError::Illegal(_) => Self::Fenced,
        }
    }
}

/// Confirms that this attempt still holds the deployment, and keeps others from moving it in this transaction.
///
/// # Errors
/// [`WriteError::Fenced`] where it does not.
pub async fn held(
    tx: &mut Transaction<'static, Postgres>,
    deployment: &Deployment,
) -> Result<Deployment, WriteError> {
    // Site first, as the API does: so neither waits for the other.
    db::sites::find_for_update(tx, deployment.site).await?;
    let now = db::deployments::find_for_update(tx, deployment.id)
        .await?
        .ok_or(WriteError::Fenced)?;
    if now.attempt == deployment.attempt && now.status.is_leased() {
        Ok(now)
    } else {
        Err(WriteError::Fenced)
    }
}

#[cfg(test)]
mod tests {
    use db::testing::TestDatabase;

    use super::*;

    fn store(pool: PgPool) -> (Store, Signals) {
        let signals = Signals::new(tokio_util::sync::CancellationToken::new());
        (Store::new(pool, signals.clone()), signals)
    }

    #[tokio::test]
    async fn a_renewal_that_sees_the_commit_before_its_answer_does_not_undo_it() {
        let database = TestDatabase::new().await;
        let (store, signals) = store(database.pool.clone());
        let told: Result<_, Stop> = in_transaction!(store, tx => {
            db::queue::has_queued(tx).await?;
            signals.lost.cancel();
            Ok("written")
        });
        assert_eq!(told.unwrap(), "written");
    }

    #[tokio::test]
    async fn nothing_is_begun_once_the_lease_is_lost() {
        let database = TestDatabase::new().await;
        let (store, signals) = store(database.pool.clone());
        signals.lost.cancel();
        let told: Result<(), Stop> = in_transaction!(store, _tx => panic!("no lease, no work"));
        assert!(matches!(told, Err(Stop::Lost)));
    }
}
