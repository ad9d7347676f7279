//! `siteplane api`.

use std::process::ExitCode;

use anyhow::Context;
use control_plane::App;
use tokio::net::TcpListener;
use tracing::info;

use super::{Service, program_pool, shutdown, state_store};
use crate::settings::{Role, Settings};

/// Serves until it is asked to stop.
pub(crate) async fn run(service: &Service, settings: &Settings) -> anyhow::Result<ExitCode> {
    settings.missing_for(Role::Api).into_result()?;
    let shutdown = shutdown::token(service.of_dev.is_some())?;
    let pool = program_pool(settings).await?;
    let app = App::new(pool.clone(), state_store(settings)?, settings.api()?);
    let address = settings.api.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("can't listen on {address} (api.listen)"))?;
    info!(api.address = %listener.local_addr()?, "Serving the API");
    control_plane::serve(listener, app, shutdown).await?;
    pool.close().await;
    Ok(ExitCode::SUCCESS)
}
