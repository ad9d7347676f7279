//! Changing a site: a merge patch makes the next specification, and a deployment brings it about.

use axum::{
    Json as JsonAnswer,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use db::{
    deployments::{self, NewDeployment},
    sites::{self, Site},
    specifications::{self, StoredSpecification},
};
use domain::{
    deployment::DeploymentKind,
    id::DeploymentId,
    job::RunDeployment,
    site::SiteStatus,
    specification::{FieldProblem, SiteSecrets, SiteSpecification},
};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{SiteAnswer, create::Approval, etag, secrets::open_secrets, secrets::seal_secrets, view};
use crate::{
    App,
    auth::{Change, SiteAccess},
    body::{self, FromBody, Json},
    error::ApiError,
    http::{self, if_match::IfMatch},
    pagination::Parameters,
    rate_limit,
};

/// A merge patch (RFC 7396) of a specification: what is named changes, null removes, the rest stays. A secret
/// that reads `***` stays as it is.
#[derive(Debug, utoipa::ToSchema)]
#[schema(value_type = Object, example = json!({"size": "medium", "application": {"image": "nginx:1.28"}}))]
pub(crate) struct SpecificationPatch(Value);

impl FromBody for SpecificationPatch {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        Ok(Self(Value::Object(body::object(body)?)))
    }
}

/// The specification that a patch makes of another, with its secrets.
pub(crate) struct Patched {
    pub(crate) specification: SiteSpecification,
    pub(crate) secrets: SiteSecrets,
    /// Whether it is the same as before, secrets included.
    pub(crate) unchanged: bool,
}

impl SpecificationPatch {
    /// A patch that changes nothing.
    pub(crate) fn empty() -> Self {
        Self(Value::Object(serde_json::Map::new()))
    }

    /// Lays the patch over the stored specification.
    ///
    /// # Errors
    /// Everything about the result that does not fit, or may never change.
    pub(crate) fn apply(
        self,
        app: &App,
        site: &Site,
        before: &StoredSpecification,
    ) -> Result<Patched, ApiError> {
        let old = &before.specification;
        let mut merged = serde_json::to_value(old).map_err(ApiError::internal)?;
        body::merge(&mut merged, self.0);
        let specification: SiteSpecification =
            body::deserialize(&merged).map_err(|problem| ApiError::invalid(vec![problem]))?;
        // What never changes is said first, and in place of what else would be wrong with the same field.
        let mut problems = old.problems_of_change_to(&specification);
        for problem in specification.problems() {
            if problems.iter().all(|known| known.field != problem.field) {
                problems.push(problem);
            }
        }
        let secrets_before = open_secrets(app, site.customer, site.id, before)?;
        let secrets = match SiteSecrets::of(&specification, &secrets_before) {
            Ok(secrets) if problems.is_empty() => secrets,
            Ok(_) => return Err(ApiError::invalid(problems)),
            Err(problem) => {
                problems.push(problem);
                return Err(ApiError::invalid(problems));
            }
        };
        // Both sides with their secrets masked; those are compared apart.
        let same_shape = serde_json::to_value(&specification).map_err(ApiError::internal)?
            == serde_json::to_value(old).map_err(ApiError::internal)?;
        let unchanged = same_shape && secrets == secrets_before;
        Ok(Patched {
            specification,
            secrets,
            unchanged,
        })
    }
}

/// Stores a specification of a site under the next number, and gives that.
///
/// # Errors
/// The database refused.
pub(crate) async fn store_next(
    app: &App,
    conn: &mut PgConnection,
    site: &Site,
    mut patched: Patched,
) -> Result<i32, ApiError> {
    let number = specifications::next_number(conn, site.id).await?;
    let secrets_sealed = seal_secrets(app, site.customer, site.id, number, &mut patched.secrets)?;
    let stored = StoredSpecification {
        number,
        specification: patched.specification,
        secrets_sealed,
    };
    specifications::insert(conn, site.id, site.customer, &stored).await?;
    Ok(number)
}

/// Changes a site's specification. A change that comes while another one runs waits behind it.
///
/// A patch that changes nothing is answered with 200 and no deployment, unless the desired specification is not
/// what stands (the last deployment failed or was stopped) and nothing is under way: then it is tried again.
#[utoipa::path(patch, path = "/sites/{id}", tag = "sites", params(
        ("id" = domain::id::SiteId, Path, description = "The site"),
        ("If-Match" = String, Header, description = "The site's ETag"),
        ("supersede" = Option<bool>, Query, description = "Ends changes that wait and have not begun"),
        ("approval" = Option<Approval>, Query, description = "Whether the plan waits for a person"),
    ),
    request_body(content((SpecificationPatch = "application/merge-patch+json"), (SpecificationPatch = "application/json"))),
    responses((status = 202, description = "A worker carries it out", body = SiteAnswer,
            headers(("Location" = String, description = "The deployment"), ("ETag" = String, description = "For If-Match"))),
        (status = 200, description = "Nothing had to change", body = SiteAnswer)),
    security(("token" = [])))]
pub(crate) async fn change(
    State(app): State<App>,
    access: SiteAccess<Change>,
    if_match: IfMatch,
    mut parameters: Parameters,
    Json { value: patch, .. }: Json<SpecificationPatch>,
) -> Result<Response, ApiError> {
    let supersede = parameters
        .parsed("supersede", "true or false", |text| text.parse::<bool>().ok())
        .unwrap_or(false);
    let approval = parameters
        .parsed("approval", "automatic or required", Approval::of_word)
        .unwrap_or_default();
    parameters.finish()?;
    if_match.require()?;

    let (mut tx, site) = access.lock(&app.pool).await?;
    refuse_gone(&site)?;
    if_match.check(
        site.desired_specification,
        "site_changed",
        "The site was changed meanwhile",
    )?;
    let before = specifications::find(&mut tx, site.id, site.desired_specification).await?;
    let patched = patch.apply(&app, &site, &before)?;
    let role = access.caller.role;
    let is_change = |deployment: &deployments::Deployment| deployment.kind.site_status_while_open().is_some();
    let under_way = deployments::open_of_site(&mut tx, site.id)
        .await?
        .iter()
        .any(is_change);
    let stands = site.applied_specification == Some(site.desired_specification)
        && !matches!(site.status, SiteStatus::Degraded | SiteStatus::Failed);
    if patched.unchanged && (under_way || stands) {
        let answer = SiteAnswer {
            site: view(&mut tx, site.id, role).await?,
            deployment: None,
        };
        tx.commit().await?;
        return Ok((
            [(header::ETAG, etag(site.desired_specification))],
            JsonAnswer(answer),
        )
            .into_response());
    }

    let retried = patched.unchanged;
    let number = if retried {
        site.desired_specification
    } else {
        rate_limit::admit_deployment(&app, &mut tx, site.customer).await?;
        let number = store_next(&app, &mut tx, &site, patched).await?;
        sites::set_desired_specification(&mut tx, site.id, number).await?;
        number
    };
    let id = DeploymentId::new();
    let superseded = if supersede {
        http::deployments::supersede_unstarted(&mut tx, site.id, id).await?
    } else {
        Vec::new()
    };
    let nothing_before = site.applied_specification.is_none()
        && !deployments::open_of_site(&mut tx, site.id)
            .await?
            .iter()
            .any(is_change);
    let kind = if nothing_before {
        DeploymentKind::Create
    } else {
        DeploymentKind::Update
    };
    let queued = NewDeployment {
        id,
        customer: site.customer,
        site: site.id,
        specification: number,
        account: site.account,
        kind,
        approval_required: approval == Approval::Required,
        replaces: None,
        trace_id: access.caller.trace.as_str(),
    };
    deployments::insert(&mut tx, &queued).await?;
    if let Some(status) = kind.site_status_while_open() {
        sites::set_status(&mut tx, site.id, status).await?;
    }
    let after = specifications::find(&mut tx, site.id, number)
        .await?
        .specification;
    let details = json!({
        "specification": after, "specification_number": number, "deployment_id": id, "retried": retried,
        "superseded": superseded,
    });
    access
        .caller
        .record(
            &mut tx,
            site.customer,
            "site.update",
            ("site", site.id.0),
            details,
        )
        .await?;
    db::enqueue(&mut tx, &RunDeployment { deployment_id: id }).await?;
    let answer = SiteAnswer {
        site: view(&mut tx, site.id, role).await?,
        deployment: Some(http::deployments::view(&mut tx, id, role).await?),
    };
    tx.commit().await?;
    let headers = [
        (header::ETAG, etag(number)),
        (header::LOCATION, http::deployments::location(id)),
    ];
    Ok((StatusCode::ACCEPTED, headers, JsonAnswer(answer)).into_response())
}

fn refuse_gone(site: &Site) -> Result<(), ApiError> {
    match site.status {
        SiteStatus::Deleting => Err(ApiError::conflict(
            "site_is_deleting",
            "the site is being deleted",
        )),
        SiteStatus::Deleted => Err(ApiError::conflict("site_is_deleted", "the site is deleted")),
        _ => Ok(()),
    }
}
