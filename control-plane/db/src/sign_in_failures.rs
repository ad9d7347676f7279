//! Failed sign-ins by account and by address, and the delay that grows with them. All of it needs
//! [`crate::tenant::Scope::Auth`].

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

/// Keeps others from looking and counting at `subject` until the transaction ends.
///
/// # Errors
/// The database refused.
pub async fn lock(conn: &mut PgConnection, subject: &str) -> sqlx::Result<()> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", subject)
        .execute(conn)
        .await?;
    Ok(())
}

/// Until when each of `subjects` may not try again: the latest of them, if it has not passed.
///
/// # Errors
/// The database refused.
pub async fn blocked_until(
    conn: &mut PgConnection,
    subjects: &[String],
) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        "select max(blocked_until) from sign_in_failures where subject = any($1) and blocked_until > now()",
        subjects
    )
    .fetch_one(conn)
    .await
}

/// Counts a failure of `subject` and gives how many there are now. Those older than `memory` are forgotten; from
/// the `free`-th on each one blocks, at first for a second, then twice as long each time, at most for `longest`.
///
/// # Errors
/// The database refused.
pub async fn count(
    conn: &mut PgConnection,
    subject: &str,
    free: i32,
    longest: TimeDelta,
    memory: TimeDelta,
) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        "insert into sign_in_failures as f (subject, failures, last_failed_at, blocked_until)
         values ($1, 1, now(), now())
         on conflict (subject) do update set
             failures = case when f.last_failed_at < now() - make_interval(secs => $4) then 1 else f.failures + 1 end,
             last_failed_at = now(),
             blocked_until = case
                 when f.last_failed_at < now() - make_interval(secs => $4) or f.failures + 1 < $2 then now()
                 else now() + make_interval(secs => least($3, power(2, least(f.failures + 1 - $2, 30))))
             end
         returning failures",
        subject,
        free,
        seconds(longest),
        seconds(memory),
    )
    .fetch_one(conn)
    .await
}

/// Forgets the failures of `subject`. Says whether there were any.
///
/// # Errors
/// The database refused.
pub async fn forget(conn: &mut PgConnection, subject: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!("delete from sign_in_failures where subject = $1", subject)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

#[expect(clippy::cast_precision_loss, reason = "spans of seconds to days")]
fn seconds(span: TimeDelta) -> f64 {
    span.num_seconds() as f64
}
