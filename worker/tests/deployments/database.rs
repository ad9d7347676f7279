//! The database breaks connections, or is away for longer than a lease.

use std::time::{Duration, Instant};

use db::testing::TestDatabase;
use domain::{deployment::DeploymentStatus, id::DeploymentId};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{
    PATIENCE, Stage,
    invariants::{assert_one_attempt_at_a_time, journal},
};

/// A look at the database that the troubles here do not touch.
struct Owner {
    conn: PgConnection,
    /// On the server's own database: nobody can lock others out of the one that is used.
    server: PgConnection,
}

impl Owner {
    async fn new(database: &TestDatabase) -> Self {
        let server = std::env::var("SITEPLANE__TEST__POSTGRES_URL").unwrap();
        Self {
            conn: database.owner().await,
            server: PgConnection::connect(&server).await.unwrap(),
        }
    }

    /// Ends every connection of the programs.
    async fn end_connections(&mut self) {
        let ended = "select pg_terminate_backend(pid) from pg_stat_activity
                     where datname = current_database() and pid <> pg_backend_pid()";
        sqlx::query(ended).execute(&mut self.conn).await.unwrap();
    }

    async fn allow_connections(&mut self, allowed: bool) {
        let name: String = sqlx::query_scalar("select current_database()::text")
            .fetch_one(&mut self.conn)
            .await
            .unwrap();
        let statement = format!("alter database {name} allow_connections {allowed}");
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut self.server)
            .await
            .unwrap();
    }

    /// Status and attempt.
    async fn deployment(&mut self, id: DeploymentId) -> (DeploymentStatus, i32) {
        let (status, attempt): (String, i32) =
            sqlx::query_as("select status, attempt from deployments where id = $1")
                .bind(id.0)
                .fetch_one(&mut self.conn)
                .await
                .unwrap();
        (status.parse().unwrap(), attempt)
    }

    async fn wait_for_end(&mut self, id: DeploymentId) -> (DeploymentStatus, i32) {
        let started = Instant::now();
        loop {
            let (status, attempt) = self.deployment(id).await;
            if status.is_final() {
                return (status, attempt);
            }
            assert!(started.elapsed() < PATIENCE, "{status} in attempt {attempt}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn lease_is_over(&mut self, id: DeploymentId) -> bool {
        sqlx::query_scalar("select lease_until < clock_timestamp() from deployments where id = $1")
            .bind(id.0)
            .fetch_one(&mut self.conn)
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_cost_no_event_and_no_attempt() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "aws_lb", "operation": "create", "delay_ms": 1_500, "times": 1},
    ]));
    let mut owner = Owner::new(&stage.database).await;
    let worker = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    let mut broken = 0;
    let started = Instant::now();
    loop {
        let (status, attempt) = owner.deployment(create).await;
        if status.is_final() {
            assert_eq!((status, attempt), (DeploymentStatus::Succeeded, 1));
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{status} in attempt {attempt}");
        // Not while it waits in the queue: the claim is what may be lost there, and is looked for below.
        if attempt > 0 {
            owner.end_connections().await;
            broken += 1;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(broken > 3, "connections were broken {broken} times");
    worker.stop().await;
    stage.assert_events_whole(create).await;
    stage.assert_in_order(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_longer_than_the_lease_costs_an_attempt_and_nothing_else() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "aws_lb", "operation": "create", "delay_ms": 60_000, "times": 1},
    ]));
    let mut owner = Owner::new(&stage.database).await;
    let worker = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    stage.wait_for_call(create, 1, "create", "aws_lb").await;
    owner.allow_connections(false).await;
    owner.end_connections().await;
    let started = Instant::now();
    while !owner.lease_is_over(create).await || started.elapsed() < Duration::from_secs(8) {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let before = journal(&stage.cloud()).len();
    owner.allow_connections(true).await;
    let (status, attempt) = owner.wait_for_end(create).await;
    assert_eq!(status, DeploymentStatus::Succeeded);
    assert!((2..=3).contains(&attempt), "attempt {attempt}");
    worker.stop().await;
    let calls = journal(&stage.cloud());
    assert!(
        calls[before..].iter().all(|call| call.who().1 > 1),
        "the first attempt was off the cloud when its lease ended"
    );
    assert_one_attempt_at_a_time(&calls);
    stage.assert_in_order(site).await;
    stage.assert_events_whole(create).await;
}
