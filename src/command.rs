//! One file a command.

pub(crate) mod admin;
pub(crate) mod api;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod migrate;
pub(crate) mod plan;
pub(crate) mod prices;
pub(crate) mod schema;
mod shutdown;
mod watch;
pub(crate) mod worker;

use std::path::PathBuf;

use anyhow::Context;
use sqlx::{PgPool, postgres::PgPoolOptions};
use state::{store::BlobStore, versions::StateStore};

use crate::settings::{Role, Settings};

/// What `api` and `worker` take.
#[derive(Debug, clap::Args)]
pub(crate) struct Service {
    /// Started by `siteplane dev` of this folder: stop when stdin ends.
    #[arg(long, hide = true, value_name = "FOLDER")]
    of_dev: Option<PathBuf>,
}

/// Connections of a program, as the login that owns nothing, to a database whose schema it knows.
async fn program_pool(settings: &Settings) -> anyhow::Result<PgPool> {
    let url = settings
        .database
        .url
        .as_ref()
        .context("database.url is not set")?;
    let pool = PgPoolOptions::new()
        .max_connections(settings.database.max_connections)
        .connect(url.expose())
        .await
        .context("can't connect to PostgreSQL (database.url)")?;
    match db::schema::status(&pool).await {
        Ok(db::schema::SchemaStatus::Current) => Ok(pool),
        Ok(db::schema::SchemaStatus::Missing(missing)) => {
            anyhow::bail!(
                "the database misses {}; run `siteplane migrate` first",
                missing.join(", ")
            )
        }
        Ok(db::schema::SchemaStatus::Changed(name)) => {
            anyhow::bail!("migration {name} in the database is not the one that this program knows")
        }
        Err(error) => Err(error).context("can't ask the database for its schema"),
    }
}

/// Sealed states and the keys to them.
fn state_store(settings: &Settings) -> anyhow::Result<StateStore> {
    Ok(StateStore {
        blobs: BlobStore::new(&settings.store()?),
        keys: settings.master_keys()?,
    })
}

/// Connections as the owner of the schema.
async fn owner_pool(settings: &Settings) -> anyhow::Result<PgPool> {
    settings.missing_for(Role::Owner).into_result()?;
    let url = settings
        .database
        .owner_url
        .as_ref()
        .context("database.owner_url is not set")?;
    PgPoolOptions::new()
        .max_connections(4)
        .connect(url.expose())
        .await
        .context("can't connect to PostgreSQL (database.owner_url)")
}

#[expect(clippy::print_stdout, reason = "what a command answers")]
fn print(text: impl std::fmt::Display) {
    println!("{text}");
}
