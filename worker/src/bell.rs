//! The bell: apalis tells that something was committed; what there is to do stands in the table of deployments.
//!
//! How apalis is used was found by trying it: one task at a time (else it hands long ones out twice), a heartbeat
//! of one second (else a lost wake-up lasts half a minute), a fresh name for each process (else a killed one's
//! task is lost), no retries, and any payload (else one bad row ends the worker). The handler only rings.

use std::{sync::Arc, time::Duration};

use apalis::prelude::WorkerBuilder;
use apalis_postgres::{Config, PostgresStorage};
use domain::{
    id::WorkerId,
    job::{Job, RunDeployment},
};
use serde_json::Value;
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Pause before listening again after apalis gave up, as it does when the database is away for long.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Connections that are the worker's role for as long as they live: apalis opens no transaction of ours.
///
/// # Errors
/// The database can't be reached.
pub async fn connect(options: PgConnectOptions) -> sqlx::Result<PgPool> {
    sqlx::postgres::PgPoolOptions::new()
        .max_connections(5)
        .after_connect(|conn, _| {
            Box::pin(async move {
                sqlx::query("set role siteplane_worker").execute(conn).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
}

/// Rings `bell` for each job, until `shutdown`.
pub async fn listen(pool: PgPool, worker: WorkerId, bell: Arc<Notify>, shutdown: CancellationToken) {
    let mut start = 0_u32;
    while !shutdown.is_cancelled() {
        let config = Config::default()
            .queue(RunDeployment::QUEUE)
            .batch_size(1)
            .heartbeat_interval(Duration::from_secs(1))
            .missed_heartbeats(15);
        let backend = PostgresStorage::<Value>::new(&pool)
            .with_config(config)
            .with_pubsub();
        start += 1;
        let rung = Arc::clone(&bell);
        let listener = WorkerBuilder::new(format!("{worker}-{start}"))
            .backend(backend)
            .build(move |_job: Value| {
                let rung = Arc::clone(&rung);
                async move {
                    rung.notify_one();
                    Ok::<(), std::convert::Infallible>(())
                }
            });
        let until = shutdown.clone();
        let stopped = listener
            .run_until(async move {
                until.cancelled().await;
                Ok::<(), std::io::Error>(())
            })
            .await;
        if shutdown.is_cancelled() {
            return;
        }
        if let Err(error) = stopped {
            warn!(error = %error, "Stopped listening for jobs; listening again");
        }
        // What was missed meanwhile is in the table: the sweep looks there.
        tokio::select! {
            () = tokio::time::sleep(LISTEN_AGAIN_AFTER) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
