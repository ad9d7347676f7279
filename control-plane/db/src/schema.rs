//! The schema's version: bringing it up to date, and asking whether it is.

use std::sync::LazyLock;

use sqlx::{Connection, PgPool, migrate::Migrator};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("../../migrations");
    // A newer release may have been at the database already.
    migrations.set_ignore_missing(true);
    migrations
});

/// Months of event partitions that are made ahead.
const PARTITIONS_AHEAD: i32 = 3;

/// What a program finds when it compares the database with the migrations that it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaStatus {
    /// Every migration that this program knows is applied. Newer ones are fine: they only add.
    Current,
    /// These are missing; `siteplane migrate` applies them.
    Missing(Vec<String>),
    /// An applied migration differs from the one that this program knows.
    Changed(String),
}

/// Brings the database up to date. Safe to run twice and at once: whoever comes second waits and finds it done.
///
/// # Errors
/// The login is not the owner, or a migration fails; each is a transaction of its own.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    // The queue's migrations and ours must not interleave with those of a twin.
    let mut guard = pool.acquire().await?.detach();
    sqlx::query!("select pg_advisory_lock(7346583)")
        .execute(&mut guard)
        .await?;
    let outcome = migrate_alone(pool).await;
    guard.close().await?;
    outcome
}

async fn migrate_alone(pool: &PgPool) -> Result<(), MigrateError> {
    apalis_postgres::PostgresStorage::<()>::setup(pool)
        .await
        .map_err(|error| MigrateError::Queue(Box::new(error)))?;
    MIGRATIONS.run(pool).await?;
    // The programs' login owns nothing, and asks for the status at its start.
    sqlx::raw_sql("grant select on _sqlx_migrations to public")
        .execute(pool)
        .await?;
    sqlx::query!("select make_event_partitions($1)", PARTITIONS_AHEAD)
        .execute(pool)
        .await?;
    Ok(())
}

/// Why migrating failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database can't be reached or refused a statement.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// One of our migrations failed.
    #[error("a migration failed")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The queue's own tables could not be made.
    #[error("the queue's tables could not be made")]
    Queue(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Compares the database with the migrations that this program knows.
///
/// # Errors
/// The database can't be reached.
pub async fn status(pool: &PgPool) -> sqlx::Result<SchemaStatus> {
    let has_table =
        sqlx::query_scalar!(r#"select to_regclass('public._sqlx_migrations') is not null as "there!""#)
            .fetch_one(pool)
            .await?;
    let applied: Vec<(i64, Vec<u8>)> = if has_table {
        // Unchecked at compile time: the table is sqlx's own and not part of our schema.
        sqlx::query_as("select version, checksum from _sqlx_migrations where success")
            .fetch_all(pool)
            .await?
    } else {
        Vec::new()
    };
    let mut missing = Vec::new();
    for migration in MIGRATIONS.iter() {
        let name = format!(
            "{:04}_{}",
            migration.version,
            migration.description.replace(' ', "_")
        );
        match applied.iter().find(|(version, _)| *version == migration.version) {
            None => missing.push(name),
            Some((_, checksum)) if checksum[..] != migration.checksum[..] => {
                return Ok(SchemaStatus::Changed(name));
            }
            Some(_) => {}
        }
    }
    Ok(if missing.is_empty() {
        SchemaStatus::Current
    } else {
        SchemaStatus::Missing(missing)
    })
}

/// A short digest of all migrations: names the template database of the tests.
pub fn digest() -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for migration in MIGRATIONS.iter() {
        hash.update(&migration.checksum);
    }
    hash.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Makes the login that the programs use: a member of the four roles that owns nothing and has no right of its own.
/// With a `password` it may come by the network; without, the server's own rules say.
///
/// # Errors
/// The caller may not make roles, or `name` is no plain identifier.
pub async fn make_program_login(
    conn: &mut sqlx::PgConnection,
    name: &str,
    password: Option<&str>,
) -> sqlx::Result<()> {
    // `format('%I')` quotes; a role can't be made with bound parameters.
    let statement: String = sqlx::query_scalar!(
        r#"select format(
               'do $do$ begin if not exists (select from pg_roles where rolname = %1$L) then create role %1$I login noinherit; end if; end $do$;'
               || ' alter role %1$I login noinherit password %2$L;'
               || ' grant siteplane_api, siteplane_platform, siteplane_worker, siteplane_auth to %1$I', $1::text, $2::text
           ) as "statement!""#,
        name,
        password,
    )
    .fetch_one(&mut *conn)
    .await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(conn)
        .await?;
    Ok(())
}
