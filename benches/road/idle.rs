//! What a worker asks of the database while there is nothing to do.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use domain::provider::World;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::{
    figures::{Row, Section},
    installation::{Account, Installation},
};

/// As long as a worker's rarest habit takes to come round once.
const WINDOW: Duration = Duration::from_secs(15);
/// A new worker looks around once.
const SETTLES_IN: Duration = Duration::from_secs(3);
/// How often the baseline polls.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Queries, and transactions, a second.
#[derive(Clone, Copy, Debug)]
struct Rates {
    queries: f64,
    transactions: f64,
}

/// Windows with a worker, with a poller, and with neither, in turns.
pub(crate) async fn measure(mirror: &Path, rounds: usize) -> anyhow::Result<Section> {
    let folder = tempfile::tempdir()?;
    let cloud = folder.path().join("cloud");
    fs::create_dir(&cloud)?;
    let account = Account {
        world: World::Simulated,
        endpoint: cloud.display().to_string(),
        options: json!({}),
        mirror: mirror.to_owned(),
    };
    let installation = Installation::start(account).await?;
    let mut owner = installation.database.owner().await;
    sqlx::query("create extension pg_stat_statements")
        .execute(&mut owner)
        .await
        .context("PostgreSQL counts no statements: SITEPLANE__TEST__POSTGRES_SYNC=1 is missing")?;
    let (mut queries, mut transactions) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let nothing = rates(&mut owner, wait()).await?;
        let worker = installation.start_worker(&[]).await?;
        tokio::time::sleep(SETTLES_IN).await;
        let with_worker = rates(&mut owner, wait()).await?;
        worker.terminate()?;
        let poller = PgConnection::connect(&installation.database.owner_url).await?;
        let with_poller = rates(&mut owner, poll(poller)).await?;
        queries.push((
            with_worker.queries - nothing.queries,
            with_poller.queries - nothing.queries,
        ));
        let more = with_worker.transactions - nothing.transactions;
        transactions.push((more, with_poller.transactions - nothing.transactions));
    }
    Ok(Section {
        title: "An idle worker".to_owned(),
        baseline: format!(
            "a worker that polls its queue every {} ms",
            POLL_EVERY.as_millis()
        ),
        how: format!(
            "Counted by PostgreSQL in windows of {} s, less what there is in a window without a worker. Queries are \
             statements without begin, commit and set.",
            WINDOW.as_secs()
        ),
        count: rounds,
        rows: vec![
            Row::of_pairs("queries a second", 2, &queries),
            Row::of_pairs("transactions a second", 2, &transactions),
        ],
    })
}

/// What a polling worker does.
async fn poll(mut conn: PgConnection) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut turn = tokio::time::interval(POLL_EVERY);
    while began.elapsed() < WINDOW {
        turn.tick().await;
        sqlx::query("select id from deployments where status = 'queued' limit 1")
            .execute(&mut conn)
            .await?;
    }
    Ok(conn.close().await?)
}

async fn wait() -> anyhow::Result<()> {
    tokio::time::sleep(WINDOW).await;
    Ok(())
}

/// What the database did a second while `meanwhile` ran.
async fn rates(
    owner: &mut PgConnection,
    meanwhile: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Rates> {
    let before = counts(owner).await?;
    let began = Instant::now();
    meanwhile.await?;
    let seconds = began.elapsed().as_secs_f64();
    let after = counts(owner).await?;
    ensure!(
        after.0 >= before.0 && after.1 >= before.1,
        "the counts were reset"
    );
    // The look before is a query of this program's own; those at the statistics are left out of them.
    Ok(Rates {
        queries: (after.0 - before.0) / seconds,
        transactions: (after.1 - before.1) / seconds,
    })
}

async fn counts(owner: &mut PgConnection) -> sqlx::Result<(f64, f64)> {
    // What a session did is told when it next has nothing to do.
    sqlx::query("select pg_stat_clear_snapshot()")
        .execute(&mut *owner)
        .await?;
    sqlx::query_as(
        "select (select coalesce(sum(calls), 0)::float8 from pg_stat_statements
                 where dbid = d.oid and query !~* '^\\s*(begin|commit|rollback|set)\\M' and query !~ 'pg_stat_'),
                (select (xact_commit + xact_rollback)::float8 from pg_stat_database s where s.datid = d.oid)
         from pg_database d where d.datname = current_database()",
    )
    .fetch_one(owner)
    .await
}
