//! `siteplane migrate`.

use std::process::ExitCode;

use anyhow::Context;

use super::{owner_pool, print};
use crate::settings::Settings;

/// Brings the schema up to date. Safe to run twice and at once.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    let pool = owner_pool(settings).await?;
    db::schema::migrate(&pool)
        .await
        .context("the schema can't be brought up to date")?;
    pool.close().await;
    print("The database's schema is up to date.");
    Ok(ExitCode::SUCCESS)
}
