//! `siteplane worker`.

use std::process::ExitCode;

use anyhow::Context;

use super::{Service, program_pool, shutdown, state_store};
use crate::settings::{Role, Settings};

/// Runs deployments until it is asked to stop.
pub(crate) async fn run(service: &Service, settings: &Settings) -> anyhow::Result<ExitCode> {
    settings.missing_for(Role::Worker).into_result()?;
    let shutdown = shutdown::token(service.of_dev.is_some())?;
    let pool = program_pool(settings).await?;
    let program = std::env::current_exe().context("this program's own path is not known")?;
    worker::run(
        settings.worker(program),
        pool.clone(),
        state_store(settings)?,
        shutdown,
    )
    .await?;
    pool.close().await;
    Ok(ExitCode::SUCCESS)
}
