//! Terraform's own `http` backend, for people: reading a site's state is written down, writing it needs an open
//! `manual` deployment. The worker does not come this way.

use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use db::{
    deployments::{self, Deployment},
    state_locks::{self, Lock},
    state_versions::Standing,
    tenant::{self, Scope},
};
use domain::{deployment::DeploymentKind, id::SiteId, specification::FieldProblem};
use serde_json::{Value, json};
use sqlx::PgConnection;
use state::{
    store::StoreError,
    versions::{ReadError, ShipError, StateWrite},
};

use crate::{
    App,
    auth::{ReadState, SiteAccess},
    body,
    error::ApiError,
    pagination::Parameters,
};

/// Longest state that is taken, in bytes. A site's own has some hundred thousand.
const LONGEST_STATE: usize = 16 * 1024 * 1024;

/// Answers with the site's current state; 204 where there is none yet.
#[utoipa::path(get, path = "/terraform/state/{site}", tag = "terraform state",
    params(("site" = SiteId, Path, description = "The site")),
    responses((status = 200, description = "The state, with every secret in it", body = Object),
        (status = 204, description = "There is no state yet")),
    security(("token" = []), ("password" = [])))]
pub(crate) async fn read(
    State(app): State<App>,
    access: SiteAccess<ReadState>,
) -> Result<Response, ApiError> {
    let site = &access.site;
    let scope = Scope::Customer(site.customer);
    let current = app
        .store
        .current(&app.pool, scope, site.customer, site.id)
        .await
        .map_err(read_error)?;
    let mut tx = tenant::begin(&app.pool, scope).await?;
    let details = json!({"serial": current.as_ref().map(|(version, _)| version.serial)});
    access
        .caller
        .record(&mut tx, site.customer, "state.read", ("site", site.id.0), details)
        .await?;
    // Nothing is shown before it is written down.
    tx.commit().await?;
    let no_store = (header::CACHE_CONTROL, "no-store");
    Ok(match current {
        Some((_, bytes)) => ([no_store, (header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        None => (StatusCode::NO_CONTENT, [no_store]).into_response(),
    })
}

fn read_error(error: ReadError) -> ApiError {
    match error {
        ReadError::Database(error) => error.into(),
        error @ ReadError::Store(StoreError::Unavailable { .. }) => ApiError::unavailable(error),
        error => ApiError::internal(error),
    }
}

/// Takes a new state, inside an open `manual` deployment of the site. `ID` is the lock's, where one is held.
#[utoipa::path(post, path = "/terraform/state/{site}", tag = "terraform state",
    params(("site" = SiteId, Path, description = "The site"),
        ("ID" = Option<String>, Query, description = "The id of the lock")),
    request_body(content = Object, description = "A whole Terraform state, at most 16 MiB"),
    responses((status = 200, description = "It is the site's state now"),
        (status = 423, description = "Someone else holds the lock; their words", body = Object)),
    security(("token" = []), ("password" = [])))]
pub(crate) async fn write(
    State(app): State<App>,
    access: SiteAccess<ReadState>,
    mut parameters: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    let lock_id = parameters.text("ID");
    parameters.finish()?;
    let bytes = body::read(request, LONGEST_STATE).await?;
    let site = &access.site;
    let scope = Scope::Customer(site.customer);

    let mut tx = tenant::begin(&app.pool, scope).await?;
    let manual = open_manual(&mut tx, site.id).await?;
    if let Some((holder, info)) = state_locks::holder(&mut tx, site.id).await?
        && lock_id.as_deref() != Some(&holder)
    {
        return Ok(locked(info));
    }
    // No transaction stays open while S3 is asked.
    tx.commit().await?;
    let write = StateWrite {
        customer: site.customer,
        site: site.id,
        deployment: manual.id,
        attempt: manual.attempt,
        bytes: &bytes,
    };
    let stored = app.store.store(write).await.map_err(ship_error)?;
    let mut tx = tenant::begin(&app.pool, scope).await?;
    let standing = stored.record(&mut tx).await?;
    let details = json!({
        "serial": stored.serial, "resources": stored.resources, "deployment_id": manual.id, "standing": standing.as_str(),
    });
    access
        .caller
        .record(
            &mut tx,
            site.customer,
            "state.write",
            ("site", site.id.0),
            details,
        )
        .await?;
    tx.commit().await?;
    match standing {
        Standing::Current => Ok(StatusCode::OK.into_response()),
        Standing::Quarantined => Err(ApiError::conflict(
            "state_quarantined",
            "the state was kept aside: its manual deployment ended meanwhile, or a newer serial is there",
        )),
    }
}

fn ship_error(error: ShipError) -> ApiError {
    match error {
        ShipError::State(error) => {
            // Its words name what is missing and quote no value.
            ApiError::invalid(vec![FieldProblem::new(
                "body",
                error.to_string(),
                "a whole Terraform state",
            )])
        }
        ShipError::Database(error) => error.into(),
        error @ ShipError::Store(StoreError::Unavailable { .. }) => ApiError::unavailable(error),
        error => ApiError::internal(error),
    }
}

async fn open_manual(conn: &mut PgConnection, site: SiteId) -> Result<Deployment, ApiError> {
    let open = deployments::open_of_site(conn, site).await?;
    let manual = open
        .into_iter()
        .find(|row| row.kind == DeploymentKind::Manual && row.status.is_leased());
    manual.ok_or_else(|| {
        ApiError::conflict(
            "no_manual_deployment",
            "state is written only inside an open manual deployment of the site",
        )
    })
}

/// `LOCK` and `UNLOCK`, which OpenAPI has no words for; every other method is refused.
pub(crate) async fn lock_or_unlock(
    State(app): State<App>,
    method: Method,
    access: Result<SiteAccess<ReadState>, ApiError>,
    request: Request,
) -> Result<Response, ApiError> {
    match method.as_str() {
        "LOCK" => lock(app, access?, body::read(request, body::LONGEST_JSON).await?).await,
        "UNLOCK" => unlock(app, access?, body::read(request, body::LONGEST_JSON).await?).await,
        _ => Err(crate::router::method_not_allowed(method)),
    }
}

async fn lock(app: App, access: SiteAccess<ReadState>, bytes: Bytes) -> Result<Response, ApiError> {
    let info = body::parse(&bytes)?;
    let id = lock_id(&info)?;
    let (mut tx, site) = access.lock(&app.pool).await?;
    // A worker's lock is its lease.
    let open = deployments::open_of_site(&mut tx, site.id).await?;
    if let Some(row) = open
        .iter()
        .find(|row| row.kind != DeploymentKind::Manual && row.status.is_leased())
    {
        return Ok(locked(json!({
            "ID": row.id, "Operation": row.kind, "Who": "siteplane", "Created": row.started_at, "Path": site.id,
            "Info": format!("deployment {} is {}", row.id, row.status), "Version": row.terraform_version,
        })));
    }
    if let Lock::HeldBy(holder) = state_locks::lock(&mut tx, site.id, &id, &info).await? {
        return Ok(locked(holder));
    }
    let details = json!({"lock_id": id});
    access
        .caller
        .record(&mut tx, site.customer, "state.lock", ("site", site.id.0), details)
        .await?;
    tx.commit().await?;
    Ok(StatusCode::OK.into_response())
}

async fn unlock(app: App, access: SiteAccess<ReadState>, bytes: Bytes) -> Result<Response, ApiError> {
    let (mut tx, site) = access.lock(&app.pool).await?;
    let holder = state_locks::holder(&mut tx, site.id).await?;
    // `terraform force-unlock` sends no body: it means whoever holds it.
    let forced = bytes.is_empty();
    let id = match &holder {
        Some((holder, _)) if forced => holder.clone(),
        _ if forced => return Ok(StatusCode::OK.into_response()),
        _ => lock_id(&body::parse(&bytes)?)?,
    };
    if !state_locks::unlock(&mut tx, site.id, &id).await?
        && let Some((_, info)) = holder
    {
        return Ok(locked(info));
    }
    let action = if forced {
        "state.force_unlock"
    } else {
        "state.unlock"
    };
    let details = json!({"lock_id": id});
    access
        .caller
        .record(&mut tx, site.customer, action, ("site", site.id.0), details)
        .await?;
    tx.commit().await?;
    Ok(StatusCode::OK.into_response())
}

fn lock_id(info: &Value) -> Result<String, ApiError> {
    let id = info.get("ID").and_then(Value::as_str).filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| {
        let allowed = "text: the id of the lock".to_owned();
        ApiError::invalid(vec![FieldProblem {
            field: "ID".to_owned(),
            found: None,
            allowed,
        }])
    })
}

/// Terraform reads the holder from the body, and nothing else of it.
fn locked(holder: Value) -> Response {
    (StatusCode::LOCKED, Json(holder)).into_response()
}
