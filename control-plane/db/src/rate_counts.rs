//! What callers and customers used of their allowances, shared by all processes of the API. All of it needs
//! [`crate::tenant::Scope::Auth`]. The clock is the database's, so processes need not agree on the time.

use std::time::Duration;

use sqlx::PgConnection;

/// A part of an allowance to take.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Whose.
    pub subject: &'a str,
    /// How much.
    pub size: u32,
}

/// Where a subject stands after a part was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What all processes took since the window began, this part included; may be more than there was.
    pub taken: i64,
    /// Until the window ends.
    pub ends_in: Duration,
}

/// Takes parts in one statement. A window begins with the first part after the last one ended, and is `window` long.
/// Gives the counts in the order of `parts`, which name each subject once.
///
/// # Errors
/// The database refused.
pub async fn take(conn: &mut PgConnection, parts: &[Part<'_>], window: Duration) -> sqlx::Result<Vec<Count>> {
    let subjects: Vec<String> = parts.iter().map(|part| part.subject.to_owned()).collect();
    let sizes: Vec<i64> = parts.iter().map(|part| i64::from(part.size)).collect();
    let rows = sqlx::query!(
        r#"with taken as (
               insert into rate_counts as c (subject, taken, window_ends_at)
               -- In one order everywhere: two processes never wait for each other.
               select subject, size, now() + make_interval(secs => $3)
               from unnest($1::text[], $2::bigint[]) as part (subject, size)
               order by subject
               on conflict (subject) do update set
                   taken = case when c.window_ends_at <= now() then excluded.taken else c.taken + excluded.taken end,
                   window_ends_at = case
                       when c.window_ends_at <= now() then excluded.window_ends_at else c.window_ends_at
                   end
               returning subject, taken, window_ends_at
           )
           select taken.taken as "taken!",
               extract(epoch from window_ends_at - now())::double precision as "ends_in!"
           from unnest($1::text[]) with ordinality as asked (subject, place)
           join taken using (subject)
           order by asked.place"#,
        &subjects,
        &sizes,
        window.as_secs_f64(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Count {
            taken: row.taken,
            ends_in: Duration::try_from_secs_f64(row.ends_in).unwrap_or_default(),
        })
        .collect())
}

/// Removes counts whose windows ended an hour ago and says how many there were.
///
/// # Errors
/// The database refused.
pub async fn prune(conn: &mut PgConnection) -> sqlx::Result<u64> {
    let done = sqlx::query!("delete from rate_counts where window_ends_at < now() - interval '1 hour'")
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
