//! Worker processes: one row from start to end of a process.

use chrono::{DateTime, Utc};
use domain::id::WorkerId;
use sqlx::PgConnection;

/// A worker that starts.
#[derive(Clone, Debug)]
pub struct NewWorker<'a> {
    /// Its id, new at each start.
    pub id: WorkerId,
    /// The machine's name.
    pub host: &'a str,
    /// The process.
    pub process_id: i32,
    /// Siteplane's version.
    pub version: &'a str,
    /// How many deployments it runs at once.
    pub slots: i32,
    /// Terraform's version.
    pub terraform_version: &'a str,
    /// `provider/world` pairs that it has plugins for.
    pub abilities: &'a [String],
}

/// A worker as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub process_id: i32,
    /// Siteplane's version.
    pub version: String,
    /// How many deployments it runs at once.
    pub slots: i32,
    /// How many it holds now.
    pub running: i64,
    /// Terraform's version.
    pub terraform_version: String,
    /// `provider/world` pairs that it has plugins for.
    pub abilities: Vec<String>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it was last heard of.
    pub seen_at: DateTime<Utc>,
    /// When it said goodbye.
    pub stopped_at: Option<DateTime<Utc>>,
}

/// Adds a worker.
///
/// # Errors
/// The database refused.
pub async fn register(conn: &mut PgConnection, worker: &NewWorker<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into workers (id, host, process_id, version, slots, terraform_version, abilities)
         values ($1, $2, $3, $4, $5, $6, $7)",
        worker.id.0,
        worker.host,
        worker.process_id,
        worker.version,
        worker.slots,
        worker.terraform_version,
        worker.abilities,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a worker lives.
///
/// # Errors
/// The database refused.
pub async fn seen(conn: &mut PgConnection, id: WorkerId) -> sqlx::Result<()> {
    sqlx::query!(
        "update workers set seen_at = clock_timestamp() where id = $1",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a worker ended as it should.
///
/// # Errors
/// The database refused.
pub async fn stopped(conn: &mut PgConnection, id: WorkerId) -> sqlx::Result<()> {
    sqlx::query!(
        "update workers set stopped_at = clock_timestamp() where id = $1",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Workers that were heard of within a day, newest first.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<Worker>> {
    let rows = sqlx::query!(
        r#"select w.id, w.host, w.process_id, w.version, w.slots, w.terraform_version, w.abilities,
                  w.started_at, w.seen_at, w.stopped_at,
                  (select count(*) from deployments d
                   where d.worker_id = w.id and d.status in ('planning', 'applying', 'cancelling')) as "running!"
           from workers w
           where w.seen_at > now() - interval '1 day'
           order by w.started_at desc"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Worker {
            id: WorkerId(row.id),
            host: row.host,
            process_id: row.process_id,
            version: row.version,
            slots: row.slots,
            running: row.running,
            terraform_version: row.terraform_version,
            abilities: row.abilities,
            started_at: row.started_at,
            seen_at: row.seen_at,
            stopped_at: row.stopped_at,
        })
        .collect())
}
