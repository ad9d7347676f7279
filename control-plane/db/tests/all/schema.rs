//! Migrating, and asking whether it is done.

use db::{
    schema::{self, SchemaStatus},
    testing::TestDatabase,
};
use sqlx::{AssertSqlSafe, PgPool, postgres::PgConnectOptions};

/// Every migration, as `status` names them.
const ALL: [&str; 15] = [
    "0001_roles",
    "0002_customers",
    "0003_cloud_accounts",
    "0004_sites",
    "0005_deployments",
    "0006_deployment_events",
    "0007_state",
    "0008_audit_events",
    "0009_workers",
    "0010_row_level_security",
    "0011_customer_life",
    "0012_accounts",
    "0013_mails",
    "0014_rate_counts",
    "0015_recent_deployments",
];

/// A pool of the owner on a database that nothing has migrated.
async fn empty_database(beside: &TestDatabase) -> PgPool {
    let name = format!("empty_{}", uuid::Uuid::now_v7().simple());
    sqlx::query(AssertSqlSafe(format!("create database {name}")))
        .execute(&mut beside.owner().await)
        .await
        .unwrap();
    let options: PgConnectOptions = beside.owner_url.parse().unwrap();
    PgPool::connect_with(options.database(&name)).await.unwrap()
}

async fn run(pool: &PgPool, statement: &'static str) {
    sqlx::raw_sql(statement).execute(pool).await.unwrap();
}

#[tokio::test]
async fn an_empty_database_misses_every_migration_and_is_current_after_two_at_once_and_one_more() {
    let database = TestDatabase::new().await;
    let pool = empty_database(&database).await;
    assert_eq!(
        schema::status(&pool).await.unwrap(),
        SchemaStatus::Missing(ALL.map(str::to_owned).to_vec())
    );
    let (one, other) = tokio::join!(schema::migrate(&pool), schema::migrate(&pool));
    one.unwrap();
    other.unwrap();
    assert_eq!(schema::status(&pool).await.unwrap(), SchemaStatus::Current);
    schema::migrate(&pool).await.unwrap();
    assert_eq!(schema::status(&pool).await.unwrap(), SchemaStatus::Current);
    let partitions: i64 = sqlx::query_scalar(
        "select count(*) from pg_inherits where inhparent = 'deployment_events'::regclass",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(partitions, 4, "this month's and three ahead");
}

#[tokio::test]
async fn two_databases_of_one_server_can_be_migrated_at_once() {
    let database = TestDatabase::new().await;
    let (first, second) = (empty_database(&database).await, empty_database(&database).await);
    let (one, other) = tokio::join!(schema::migrate(&first), schema::migrate(&second));
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn the_programs_login_may_ask_for_the_status() {
    let database = TestDatabase::new().await;
    assert_eq!(
        schema::status(&database.pool).await.unwrap(),
        SchemaStatus::Current
    );
}

#[tokio::test]
async fn a_missing_and_a_changed_migration_are_named_and_a_newer_one_is_fine() {
    let database = TestDatabase::new().await;
    let owner = PgPool::connect(&database.owner_url).await.unwrap();
    run(
        &owner,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a newer release', true, 'x', 1)",
    )
    .await;
    assert_eq!(
        schema::status(&database.pool).await.unwrap(),
        SchemaStatus::Current
    );
    schema::migrate(&owner).await.unwrap();
    run(
        &owner,
        "update _sqlx_migrations set checksum = 'x' where version = 4",
    )
    .await;
    assert_eq!(
        schema::status(&database.pool).await.unwrap(),
        SchemaStatus::Changed("0004_sites".to_owned())
    );
    run(&owner, "delete from _sqlx_migrations where version = 4").await;
    assert_eq!(
        schema::status(&database.pool).await.unwrap(),
        SchemaStatus::Missing(vec!["0004_sites".to_owned()])
    );
}

#[tokio::test]
async fn the_programs_login_cannot_migrate() {
    let database = TestDatabase::new().await;
    schema::migrate(&database.pool).await.unwrap_err();
    let by_hand = sqlx::query("select make_event_partitions(9)")
        .execute(&database.pool)
        .await
        .unwrap_err();
    let by_hand = by_hand.into_database_error().unwrap();
    assert_eq!(
        by_hand.message(),
        "permission denied for function make_event_partitions"
    );
}
