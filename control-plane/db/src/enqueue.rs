//! Ringing the workers. All contact with apalis' tables is here and in the worker's start-up.

use apalis_core::task::builder::TaskBuilder;
use domain::job::Job;
use sqlx::PgConnection;

/// Puts a job on its queue in the caller's transaction: it rings when, and only when, that commits.
///
/// # Errors
/// The database refused.
pub async fn enqueue<J: Job>(conn: &mut PgConnection, job: &J) -> sqlx::Result<()> {
    let payload = serde_json::to_vec(job).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let task = TaskBuilder::new(payload).max_attempts(J::MAX_ATTEMPTS).build();
    apalis_postgres::queries::push_tasks(conn, J::QUEUE, vec![task])
        .await
        .map_err(|error| sqlx::Error::AnyDriverError(Box::new(error)))
}

/// How many bells to remove at once.
#[derive(Clone, Copy, Debug)]
pub struct PruneBells {
    /// At most so many.
    pub limit: i64,
}

/// Removes bells that have rung: they say nothing that the table of deployments does not.
///
/// # Errors
/// The database refused.
pub async fn prune_bells(conn: &mut PgConnection, prune: PruneBells) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "delete from apalis.jobs
         where id in (select id from apalis.jobs where status in ('Done', 'Killed', 'Failed') limit $1)",
        prune.limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
