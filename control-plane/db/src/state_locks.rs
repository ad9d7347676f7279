//! A person's lock on a site's state, through Terraform's http backend. A worker's lock is its lease.

use domain::id::SiteId;
use serde_json::Value;
use sqlx::PgConnection;

/// What became of the wish to lock.
#[derive(Clone, Debug, PartialEq)]
pub enum Lock {
    /// It is the caller's.
    Taken,
    /// Someone else holds it; this is what they said of themselves.
    HeldBy(Value),
}

/// Takes the lock. Taking it again with the same id is fine.
///
/// # Errors
/// The database refused, or there is no such site.
pub async fn lock(conn: &mut PgConnection, site: SiteId, lock_id: &str, info: &Value) -> sqlx::Result<Lock> {
    sqlx::query!(
        "update site_states set lock_id = $2, lock_info = $3, locked_at = clock_timestamp()
         where site_id = $1 and lock_id is null",
        site.0,
        lock_id,
        info,
    )
    .execute(&mut *conn)
    .await?;
    let holder = sqlx::query!(
        "select lock_id, lock_info from site_states where site_id = $1",
        site.0
    )
    .fetch_one(conn)
    .await?;
    Ok(if holder.lock_id.as_deref() == Some(lock_id) {
        Lock::Taken
    } else {
        Lock::HeldBy(holder.lock_info.unwrap_or_default())
    })
}

/// Gives the lock back. `false` where the caller did not hold it.
///
/// # Errors
/// The database refused.
pub async fn unlock(conn: &mut PgConnection, site: SiteId, lock_id: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update site_states set lock_id = null, lock_info = null, locked_at = null where site_id = $1 and lock_id = $2",
        site.0,
        lock_id,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The lock's holder, if there is one: its id and what it said of itself.
///
/// # Errors
/// The database refused, or there is no such site.
pub async fn holder(conn: &mut PgConnection, site: SiteId) -> sqlx::Result<Option<(String, Value)>> {
    let row = sqlx::query!(
        "select lock_id, lock_info from site_states where site_id = $1",
        site.0
    )
    .fetch_one(conn)
    .await?;
    Ok(row.lock_id.zip(row.lock_info))
}
