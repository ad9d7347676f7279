//! What a worker says when it can't start.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::installation::{Cloud, Installation, Lease};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_without_plugins_or_migrations_does_not_start_and_says_what_is_missing() {
    let mut installation = Installation::start(Lease::Short, Cloud::Simulated(Duration::ZERO)).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let words = installation.refused(&[(
        "SITEPLANE__TERRAFORM__SIMULATED_MIRROR",
        elsewhere.path().to_str().unwrap(),
    )]);
    assert!(words.contains("nothing can be run here"), "{words}");
    assert!(words.contains("aws/simulated"), "{words}");
    let words = installation.refused(&[("SITEPLANE__TERRAFORM__BIN", "/no/such/terraform")]);
    assert!(
        words.contains("/no/such/terraform") && words.contains("1.11.4"),
        "{words}"
    );

    let mut owner = PgConnection::connect(&installation.database.owner_url)
        .await
        .unwrap();
    let empty = format!("empty_{}", uuid::Uuid::new_v4().simple());
    sqlx::query(AssertSqlSafe(format!("create database {empty}")))
        .execute(&mut owner)
        .await
        .unwrap();
    let (server, _) = installation.database.url.rsplit_once('/').unwrap();
    installation.database.url = format!("{server}/{empty}");
    let words = installation.refused(&[]);
    assert!(
        words.contains("0001_roles") && words.contains("siteplane migrate"),
        "{words}"
    );
}
