//! A database of its own for each test, cloned from a migrated template, and used as the programs use it:
//! by a login that owns nothing and is only a member of the four roles.

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, postgres::PgConnectOptions};

use crate::schema;

/// The login that tests and the programs use.
const LOGIN: &str = "siteplane_program";

/// A test's database. It stays for a look after the test; the server of the test run goes with all of them.
#[derive(Debug)]
pub struct TestDatabase {
    /// Connections as the programs' login.
    pub pool: PgPool,
    /// Address for a program that is started by the test.
    pub url: String,
    /// Address for looking as the owner, past row-level security.
    pub owner_url: String,
}

impl TestDatabase {
    /// Makes a database on the server that `tests/with-postgres` started.
    pub async fn new() -> Self {
        let server = std::env::var("SITEPLANE__TEST__POSTGRES_URL").expect(
            "SITEPLANE__TEST__POSTGRES_URL is not set: run `make test`, or tests/with-postgres cargo nextest run …",
        );
        let server: PgConnectOptions = server
            .parse()
            .expect("SITEPLANE__TEST__POSTGRES_URL is an address");
        let template = migrated_template(&server).await;
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        let mut conn = server.connect().await.expect("the test server answers");
        execute(&mut conn, &format!("create database {name} template {template}")).await;
        let owner = server.clone().database(&name);
        let program = owner.clone().username(LOGIN);
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(20)
            .connect_with(program.clone())
            .await
            .expect("the test database takes connections");
        Self {
            pool,
            url: program.to_url_lossy().to_string(),
            owner_url: owner.to_url_lossy().to_string(),
        }
    }

    /// A connection as the owner, past row-level security: for arranging and for looking.
    pub async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.owner_url)
            .await
            .expect("the test database takes the owner")
    }
}

/// Tests run in many processes: the first makes the template, the others wait for it.
async fn migrated_template(server: &PgConnectOptions) -> String {
    let template = format!("siteplane_template_{}", schema::digest());
    let mut conn = server.connect().await.expect("the test server answers");
    execute(&mut conn, "select pg_advisory_lock(7346584)").await;
    let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&template)
        .fetch_one(&mut conn)
        .await
        .expect("the test server answers");
    if !there {
        let making = format!("{template}_making");
        execute(&mut conn, &format!("drop database if exists {making}")).await;
        execute(&mut conn, &format!("create database {making}")).await;
        let pool = PgPool::connect_with(server.clone().database(&making))
            .await
            .expect("the template takes connections");
        schema::migrate(&pool).await.expect("the migrations apply");
        pool.close().await;
        make_login(&mut conn).await;
        execute(
            &mut conn,
            &format!("alter database {making} rename to {template}"),
        )
        .await;
    }
    conn.close().await.expect("the test server answers");
    template
}

async fn make_login(conn: &mut PgConnection) {
    schema::make_program_login(conn, LOGIN, None)
        .await
        .expect("the owner makes a login");
}

async fn execute(conn: &mut PgConnection, statement: &str) {
    sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(conn)
        .await
        .expect(statement);
}
