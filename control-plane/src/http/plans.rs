//! Asking what would happen, without changing anything.

use axum::{extract::State, http::StatusCode, response::Response};
use db::{
    deployments::{self, NewDeployment},
    idempotency::Answer,
    sites, specifications,
    tenant::{self, Scope},
};
use domain::{
    deployment::DeploymentKind,
    id::{DeploymentId, SiteId},
    job::RunDeployment,
    site::SiteStatus,
    specification::FieldProblem,
};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Caller, Plan, load_site},
    body::{self, FromBody, Json},
    error::ApiError,
    http::{
        deployments::{DeploymentAnswer, view},
        sites::{
            change::{SpecificationPatch, store_next},
            create::{CreateSite, CreateSiteBody, customer_of_new, store_site},
        },
    },
    idempotency::{MaybeKey, Turn},
};

/// A change of a site that exists.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only the schema is made from it")]
#[schema(example = json!({"site_id": "019abcde-0000-7000-8000-000000000000", "patch": {"size": "medium"}}))]
pub(crate) struct PlanOfChange {
    /// The site.
    site_id: SiteId,
    /// What would change; left out, the site is planned as it is asked for.
    patch: Option<SpecificationPatch>,
}

/// What to plan: a change of a site that exists, or a whole site that does not.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is made from it")]
pub(crate) enum PlanBody {
    /// A change of a site that exists.
    Change(PlanOfChange),
    /// A site that does not exist; `approval` is of no use here.
    Draft(Box<CreateSiteBody>),
}

/// What [`PlanBody`] says.
#[derive(Debug)]
pub(crate) enum PlanRequest {
    Change { site: SiteId, patch: SpecificationPatch },
    Draft(Box<CreateSite>),
}

impl FromBody for PlanRequest {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let mut fields = body::object(body)?;
        let Some(site) = fields.remove("site_id") else {
            return CreateSite::from_body(Value::Object(fields))
                .map(Box::new)
                .map(Self::Draft);
        };
        let mut problems = Vec::new();
        let site = body::deserialize::<SiteId>(&site);
        let patch = match fields.remove("patch") {
            None => Ok(SpecificationPatch::empty()),
            Some(patch) => SpecificationPatch::from_body(patch),
        };
        for name in fields.keys() {
            problems.push(FieldProblem::new(
                name,
                name,
                "site_id and patch, where the site exists",
            ));
        }
        match (site, patch) {
            (Ok(site), Ok(patch)) if problems.is_empty() => return Ok(Self::Change { site, patch }),
            (site, patch) => {
                let named = |name: &str, problem| FieldProblem {
                    field: name.to_owned(),
                    ..problem
                };
                problems.extend(site.err().map(|problem| named("site_id", problem)));
                problems.extend(
                    patch
                        .err()
                        .into_iter()
                        .flatten()
                        .map(|problem| named("patch", problem)),
                );
            }
        }
        Err(problems)
    }
}

/// Queues a speculative plan: a worker shows what Terraform would do, and nothing changes.
#[utoipa::path(post, path = "/plans", tag = "plans", request_body = PlanBody,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "The same request with the same key gets the same answer for 24 hours")),
    responses((status = 202, description = "A worker plans", body = DeploymentAnswer,
        headers(("Location" = String, description = "The deployment"))),
        (status = 404, description = "There is no such site")),
    security(("token" = [])))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<Plan>,
    key: MaybeKey,
    Json {
        value: request,
        digest,
    }: Json<PlanRequest>,
) -> Result<Response, ApiError> {
    let customer = match &request {
        PlanRequest::Change { site, .. } => load_site(&app.pool, caller.scope(), *site).await?.customer,
        PlanRequest::Draft(draft) => customer_of_new(&app, &caller, draft.customer).await?,
    };
    let mut tx = tenant::begin(&app.pool, Scope::Customer(customer)).await?;
    let first = match key
        .begin(&mut tx, customer, "POST /api/v1/plans", &digest)
        .await?
    {
        Turn::Replay(response) => return Ok(response),
        Turn::Go(first) => first,
    };
    let (site, account, specification, draft) = match request {
        PlanRequest::Draft(draft) => {
            let (site, account) = store_site(&app, &mut tx, customer, &draft.specification, true).await?;
            (site, account.id, 1, true)
        }
        PlanRequest::Change { site, patch } => {
            let unknown = || ApiError::not_found("site");
            let site = sites::find_for_update(&mut tx, site).await?.ok_or_else(unknown)?;
            if matches!(site.status, SiteStatus::Deleting | SiteStatus::Deleted) {
                let (code, detail) = ("site_is_deleting", format!("the site is {}", site.status));
                return Err(ApiError::conflict(code, detail));
            }
            let before = specifications::find(&mut tx, site.id, site.desired_specification).await?;
            let patched = patch.apply(&app, &site, &before)?;
            let number = if patched.unchanged {
                site.desired_specification
            } else {
                // Stored and not desired: the plan needs something to refer to.
                store_next(&app, &mut tx, &site, patched).await?
            };
            (site.id, site.account, number, false)
        }
    };
    let id = DeploymentId::new();
    let queued = NewDeployment {
        id,
        customer,
        site,
        specification,
        account,
        kind: DeploymentKind::Plan,
        approval_required: false,
        replaces: None,
        trace_id: caller.trace.as_str(),
    };
    deployments::insert(&mut tx, &queued).await?;
    let details = json!({"site_id": site, "specification_number": specification, "draft": draft});
    caller
        .record(&mut tx, customer, "plan.create", ("deployment", id.0), details)
        .await?;
    db::enqueue(&mut tx, &RunDeployment { deployment_id: id }).await?;
    let answer = DeploymentAnswer {
        deployment: view(&mut tx, id, caller.role).await?,
    };
    let answer = Answer {
        status: StatusCode::ACCEPTED.as_u16(),
        location: Some(format!("/api/v1/deployments/{id}")),
        body: serde_json::to_value(answer).map_err(ApiError::internal)?,
    };
    let response = first.answer(&mut tx, answer).await?;
    tx.commit().await?;
    Ok(response)
}
