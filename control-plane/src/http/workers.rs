//! Worker processes, for the platform's people.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use db::tenant;
use domain::id::WorkerId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Caller, ReadPlatform},
    error::ApiError,
};

/// A worker process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerView {
    /// New at each start.
    id: WorkerId,
    /// The machine's name.
    host: String,
    /// The process.
    process_id: i32,
    /// Siteplane's version.
    version: String,
    /// How many deployments it runs at once.
    slots: i32,
    /// How many it holds now.
    running: i64,
    /// Terraform's version.
    terraform_version: String,
    /// `provider/world` pairs that it has plugins for.
    abilities: Vec<String>,
    /// When it started.
    started_at: DateTime<Utc>,
    /// When it was last heard of.
    seen_at: DateTime<Utc>,
    /// When it said goodbye.
    stopped_at: Option<DateTime<Utc>>,
}

/// The workers of the last day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Workers {
    /// Newest first.
    items: Vec<WorkerView>,
}

/// Workers that were heard of within a day.
#[utoipa::path(get, path = "/workers", tag = "workers",
    responses((status = 200, description = "The workers", body = Workers)), security(("token" = [])))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<ReadPlatform>,
) -> Result<Json<Workers>, ApiError> {
    let mut tx = tenant::begin(&app.pool, caller.scope()).await?;
    let workers = db::workers::list(&mut tx).await?;
    tx.commit().await?;
    let view = |worker: db::workers::Worker| WorkerView {
        id: worker.id,
        host: worker.host,
        process_id: worker.process_id,
        version: worker.version,
        slots: worker.slots,
        running: worker.running,
        terraform_version: worker.terraform_version,
        abilities: worker.abilities,
        started_at: worker.started_at,
        seen_at: worker.seen_at,
        stopped_at: worker.stopped_at,
    };
    Ok(Json(Workers {
        items: workers.into_iter().map(view).collect(),
    }))
}
