//! Reading a site's own secrets. Each time is written down.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use db::{
    specifications,
    tenant::{self, Scope},
};
use domain::{id::SiteId, specification::Secret};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::secrets::open_secrets;
use crate::{
    App,
    auth::{Reveal, SiteAccess},
    error::ApiError,
};

/// A site's secrets, in clear. Has no `Debug`.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "specification_number": 1, "application": {"API_KEY": "…"}, "registry_password": null, "database_password": "…",
}))]
pub(crate) struct RevealedSecrets {
    /// The desired specification, which they belong to.
    specification_number: i32,
    /// Values of `application.secrets`.
    application: BTreeMap<String, String>,
    /// Password of `application.registry`.
    registry_password: Option<String>,
    /// Password of the database's user.
    database_password: Option<String>,
}

/// Shows a site's secrets, and writes down who saw them.
#[utoipa::path(post, path = "/sites/{id}/reveal", tag = "sites",
    params(("id" = SiteId, Path, description = "The site")),
    responses((status = 200, description = "The secrets", body = RevealedSecrets,
        headers(("Cache-Control" = String, description = "Always no-store")))), security(("token" = [])))]
pub(crate) async fn reveal(State(app): State<App>, access: SiteAccess<Reveal>) -> Result<Response, ApiError> {
    let site = &access.site;
    let mut tx = tenant::begin(&app.pool, Scope::Customer(site.customer)).await?;
    let stored = specifications::find(&mut tx, site.id, site.desired_specification).await?;
    let secrets = open_secrets(&app, site.customer, site.id, &stored)?;
    let names: Vec<&String> = secrets.application.keys().collect();
    let details = json!({"specification_number": stored.number, "application": names});
    access
        .caller
        .record(
            &mut tx,
            site.customer,
            "site.reveal",
            ("site", site.id.0),
            details,
        )
        .await?;
    // Nothing is shown before it is written down.
    tx.commit().await?;
    let expose = |secret: &Secret| secret.expose().to_owned();
    let revealed = RevealedSecrets {
        specification_number: stored.number,
        application: secrets
            .application
            .iter()
            .map(|(name, secret)| (name.clone(), expose(secret)))
            .collect(),
        registry_password: secrets.registry_password.as_ref().map(expose),
        database_password: secrets.database_password.as_ref().map(expose),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(revealed)).into_response())
}
