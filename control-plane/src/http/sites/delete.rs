//! Removing a site from its cloud.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use db::{
    deployments::{self, NewDeployment},
    sites, specifications,
};
use domain::{
    deployment::DeploymentKind,
    id::{DeploymentId, SiteId},
    job::RunDeployment,
    site::SiteStatus,
};
use serde_json::json;

use super::{SiteAnswer, create::Approval, view};
use crate::{
    App,
    auth::{Change, SiteAccess},
    error::ApiError,
    http::{self, if_match::IfMatch},
    pagination::Parameters,
};

/// Removes a site: everything that stands in its cloud, then its name. Changes that wait and have not begun end;
/// one that runs ends first. Also a site that was never made is destroyed: its state may hold something.
#[utoipa::path(delete, path = "/sites/{id}", tag = "sites", params(
        ("id" = SiteId, Path, description = "The site"),
        ("If-Match" = Option<String>, Header, description = "The site's ETag, to delete only what was seen"),
        ("approval" = Option<Approval>, Query, description = "Whether the plan waits for a person"),
    ),
    responses((status = 202, description = "A worker removes it", body = SiteAnswer,
            headers(("Location" = String, description = "The deployment"))),
        (status = 410, description = "It is deleted already", body = crate::error::Problem,
            content_type = "application/problem+json")),
    security(("token" = [])))]
pub(crate) async fn delete(
    State(app): State<App>,
    access: SiteAccess<Change>,
    if_match: IfMatch,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let approval = parameters
        .parsed("approval", "automatic or required", Approval::of_word)
        .unwrap_or_default();
    parameters.finish()?;
    let (mut tx, site) = access.lock(&app.pool).await?;
    match site.status {
        SiteStatus::Deleted => {
            return Err(ApiError::new(
                StatusCode::GONE,
                "site_is_deleted",
                "Gone",
                "the site is deleted already",
            ));
        }
        SiteStatus::Deleting => {
            let open = deployments::open_of_site(&mut tx, site.id).await?;
            let destroy = open
                .iter()
                .find(|deployment| deployment.kind == DeploymentKind::Destroy);
            let by = destroy.map_or_else(String::new, |deployment| {
                format!(" by deployment {}", deployment.id)
            });
            return Err(ApiError::conflict(
                "site_is_deleting",
                format!("the site is being deleted already{by}"),
            ));
        }
        _ => {}
    }
    if_match.check(
        site.desired_specification,
        "site_changed",
        "The site was changed meanwhile",
    )?;
    let stored = specifications::find(&mut tx, site.id, site.desired_specification).await?;
    if stored.specification.deletion_protection {
        return Err(ApiError::conflict(
            "site_is_protected",
            "deletion protection is on: change deletion_protection to false first",
        ));
    }

    let id = DeploymentId::new();
    let superseded = http::deployments::supersede_unstarted(&mut tx, site.id, id).await?;
    let queued = NewDeployment {
        id,
        customer: site.customer,
        site: site.id,
        specification: site.desired_specification,
        account: site.account,
        kind: DeploymentKind::Destroy,
        approval_required: approval == Approval::Required,
        replaces: None,
        trace_id: access.caller.trace.as_str(),
    };
    deployments::insert(&mut tx, &queued).await?;
    sites::set_status(&mut tx, site.id, SiteStatus::Deleting).await?;
    let details = json!({"name": site.name, "deployment_id": id, "superseded": superseded});
    access
        .caller
        .record(
            &mut tx,
            site.customer,
            "site.delete",
            ("site", site.id.0),
            details,
        )
        .await?;
    db::enqueue(&mut tx, &RunDeployment { deployment_id: id }).await?;
    let role = access.caller.role;
    let answer = SiteAnswer {
        site: view(&mut tx, site.id, role).await?,
        deployment: Some(http::deployments::view(&mut tx, id, role).await?),
    };
    tx.commit().await?;
    let location = [(header::LOCATION, http::deployments::location(id))];
    Ok((StatusCode::ACCEPTED, location, Json(answer)).into_response())
}
