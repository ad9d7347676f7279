//! Sites: looking at them. What changes one is in a file of its own each.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod reveal;
pub(crate) mod secrets;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use db::{
    resources,
    sites::{self, Site, SiteFilter},
    specifications,
    tenant::{self, Scope},
};
use domain::{
    deployment::Action,
    id::{CustomerId, DeploymentId, SiteId},
    provider::{Provider, World},
    site::SiteStatus,
    specification::SiteSpecification,
};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Caller, Change, Read, Reveal, Rights, SiteAccess},
    error::ApiError,
    http::deployments::{self, DeploymentView},
    pagination::{List, Parameters},
};

/// A site.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SiteView {
    /// Its id.
    id: SiteId,
    /// Whose it is.
    customer_id: CustomerId,
    /// A DNS label, unique among the customer's sites that are not deleted.
    #[schema(example = "shop-1")]
    name: String,
    /// The cloud.
    provider: Provider,
    /// The cloud's own name of the region.
    #[schema(example = "us-east-1")]
    region: String,
    /// Where its resources really stand.
    world: World,
    /// Whether nothing of it stands at a real cloud.
    simulated: bool,
    /// Where it is in its life.
    status: SiteStatus,
    /// What was asked for last; secrets read `***`.
    specification: SiteSpecification,
    /// Its number, which is also the ETag.
    specification_number: i32,
    /// Number of the specification that was applied last.
    applied_specification_number: Option<i32>,
    /// What the site can be reached by, from the last good apply.
    #[schema(value_type = Object)]
    outputs: Value,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When its row changed last.
    updated_at: DateTime<Utc>,
    /// When nothing of it was left.
    deleted_at: Option<DateTime<Utc>>,
    /// What the caller may do with it now.
    actions: SiteActions,
}

/// What a caller may do with a site.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SiteActions {
    /// Change its specification.
    update: Action,
    /// Remove it from its cloud.
    delete: Action,
    /// Read its secrets.
    reveal: Action,
}

/// A site, and the deployment that was queued for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SiteAnswer {
    /// The site as it is now.
    pub(crate) site: SiteView,
    /// What carries the change out; null where nothing had to change.
    pub(crate) deployment: Option<DeploymentView>,
}

impl SiteActions {
    fn of(site: &Site, specification: &SiteSpecification, role: Rights) -> Self {
        let gone = match site.status {
            SiteStatus::Deleting => Some("the site is being deleted".to_owned()),
            SiteStatus::Deleted => Some("the site is deleted".to_owned()),
            _ => None,
        };
        let protected = || {
            let because = "deletion protection is on: change deletion_protection to false first";
            specification.deletion_protection.then(|| because.to_owned())
        };
        Self {
            update: Action {
                denied_because: role.denied::<Change>().or_else(|| gone.clone()),
            },
            delete: Action {
                denied_because: role.denied::<Change>().or(gone).or_else(protected),
            },
            reveal: Action {
                denied_because: role.denied::<Reveal>(),
            },
        }
    }
}

impl SiteView {
    fn new(site: Site, specification: SiteSpecification, role: Rights) -> Self {
        Self {
            actions: SiteActions::of(&site, &specification, role),
            id: site.id,
            customer_id: site.customer,
            name: site.name,
            provider: site.provider,
            region: site.region,
            world: site.world,
            simulated: site.world != World::Real,
            status: site.status,
            specification,
            specification_number: site.desired_specification,
            applied_specification_number: site.applied_specification,
            outputs: site.outputs,
            created_at: site.created_at,
            updated_at: site.updated_at,
            deleted_at: site.deleted_at,
        }
    }
}

/// Shows one site as it is now.
///
/// # Errors
/// The database refused, or the site is gone.
pub(crate) async fn view(conn: &mut PgConnection, id: SiteId, role: Rights) -> Result<SiteView, ApiError> {
    let site = sites::find(conn, id)
        .await?
        .ok_or_else(|| ApiError::not_found("site"))?;
    let stored = specifications::find(conn, id, site.desired_specification).await?;
    Ok(SiteView::new(site, stored.specification, role))
}

/// The ETag of a specification's number.
pub(crate) fn etag(number: i32) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{number}\"")).expect("digits fit into a header")
}

/// Sites, newest first. Deleted ones are left out unless asked for by `status=deleted`.
#[utoipa::path(get, path = "/sites", tag = "sites", params(
        ("limit" = Option<i64>, Query, description = "Rows on the page: 1 to 200, 50 if left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("provider" = Option<Provider>, Query, description = "Only on this cloud"),
        ("status" = Option<SiteStatus>, Query, description = "Only in this status"),
        ("name" = Option<String>, Query, description = "Only with this name"),
        ("customer_id" = Option<CustomerId>, Query, description = "Only this customer's"),
    ),
    responses((status = 200, description = "A page of sites", body = List<SiteView>)), security(("token" = [])))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    mut parameters: Parameters,
) -> Result<Json<List<SiteView>>, ApiError> {
    let page = parameters.page();
    let filter = SiteFilter {
        customer: parameters.parsed("customer_id", "a customer's id", |text| text.parse().ok()),
        provider: parameters.parsed("provider", words(&Provider::ALL), |text| text.parse().ok()),
        status: parameters.parsed("status", words(&SiteStatus::ALL), |text| text.parse().ok()),
        name: parameters.text("name"),
        before: page.before.map(SiteId),
    };
    parameters.finish()?;
    let mut tx = tenant::begin(&app.pool, caller.scope()).await?;
    let mut rows = sites::list(&mut tx, &filter, page.fetch()).await?;
    let next_cursor = page.cut(&mut rows, |site| site.id.0);
    let ids: Vec<SiteId> = rows.iter().map(|site| site.id).collect();
    let mut stored = specifications::desired_of(&mut tx, &ids).await?;
    tx.commit().await?;
    let items = rows
        .into_iter()
        .filter_map(|site| {
            let place = stored.iter().position(|(id, _)| *id == site.id)?;
            let (_, stored) = stored.swap_remove(place);
            Some(SiteView::new(site, stored.specification, caller.role))
        })
        .collect();
    Ok(Json(List { items, next_cursor }))
}

/// Words for a person to choose from.
fn words<T: std::fmt::Display>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// One site.
#[utoipa::path(get, path = "/sites/{id}", tag = "sites", params(
        ("id" = SiteId, Path, description = "The site"),
        ("If-None-Match" = Option<String>, Header, description = "An earlier ETag: 304 if it still holds"),
    ),
    responses((status = 200, description = "The site", body = SiteView,
        headers(("ETag" = String, description = "Number of the desired specification, for If-Match"))),
        (status = 304, description = "The specification is the one that the caller knows")),
    security(("token" = [])))]
pub(crate) async fn read(
    State(app): State<App>,
    access: SiteAccess<Read>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut tx = tenant::begin(&app.pool, access.caller.scope()).await?;
    let view = view(&mut tx, access.site.id, access.caller.role).await?;
    tx.commit().await?;
    let etag = etag(view.specification_number);
    if headers.get(header::IF_NONE_MATCH) == Some(&etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    Ok(([(header::ETAG, etag)], Json(view)).into_response())
}

/// Deployments of a site, newest first.
#[utoipa::path(get, path = "/sites/{id}/deployments", tag = "sites", params(
        ("id" = SiteId, Path, description = "The site"),
        ("limit" = Option<i64>, Query, description = "Rows on the page: 1 to 200, 50 if left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of deployments", body = List<DeploymentView>)),
    security(("token" = [])))]
pub(crate) async fn deployments(
    State(app): State<App>,
    access: SiteAccess<Read>,
    mut parameters: Parameters,
) -> Result<Json<List<DeploymentView>>, ApiError> {
    let page = parameters.page();
    parameters.finish()?;
    let site = access.site.id;
    let mut tx = tenant::begin(&app.pool, access.caller.scope()).await?;
    let before = page.before.map(DeploymentId);
    let mut rows = db::deployments::list_of_site(&mut tx, site, before, page.fetch()).await?;
    let next_cursor = page.cut(&mut rows, |deployment| deployment.id.0);
    let items = deployments::views(&mut tx, site, rows, access.caller.role).await?;
    tx.commit().await?;
    Ok(Json(List { items, next_cursor }))
}

/// A resource that the site's state knows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceView {
    /// Terraform's address.
    #[schema(example = "module.site.module.networking.aws_vpc.this")]
    address: String,
    /// Terraform's type.
    resource_type: String,
    /// The cloud's id.
    provider_id: Option<String>,
    /// Whether the next apply makes it anew.
    tainted: bool,
    /// Attributes without the sensitive ones.
    #[schema(value_type = Object)]
    attributes: Value,
    /// The deployment that wrote it last.
    deployment_id: Option<DeploymentId>,
    /// When that was.
    updated_at: DateTime<Utc>,
}

/// Everything that the site's state knows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resources {
    /// By address.
    items: Vec<ResourceView>,
}

/// What stands in the cloud for the site, as far as its Terraform state knows.
#[utoipa::path(get, path = "/sites/{id}/resources", tag = "sites",
    params(("id" = SiteId, Path, description = "The site")),
    responses((status = 200, description = "The resources", body = Resources)), security(("token" = [])))]
pub(crate) async fn resources(
    State(app): State<App>,
    access: SiteAccess<Read>,
) -> Result<Json<Resources>, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Customer(access.site.customer)).await?;
    let rows = resources::list(&mut tx, access.site.id).await?;
    tx.commit().await?;
    let view = |row: resources::StoredResource| ResourceView {
        address: row.resource.address,
        resource_type: row.resource.resource_type,
        provider_id: row.resource.provider_id,
        tainted: row.resource.tainted,
        attributes: row.resource.attributes,
        deployment_id: row.deployment,
        updated_at: row.updated_at,
    };
    Ok(Json(Resources {
        items: rows.into_iter().map(view).collect(),
    }))
}
