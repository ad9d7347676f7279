//! Deployments: looking at one, stopping it, deciding about its plan.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use db::{
    deployments::{self, Advance, Deployment},
    sites::{self, Site},
    steps::{self, Step, StepEnd},
};
use domain::{
    deployment::{Action, DeploymentActions, DeploymentEvent, DeploymentKind, DeploymentStatus},
    id::{CloudAccountId, CustomerId, DeploymentId, SiteId, WorkerId},
    job::RunDeployment,
    plan::PlanSummary,
    provider::World,
    specification::FieldProblem,
    step::{StepName, StepStatus},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Change, DeploymentAccess, Read, Rights},
    body::{self, FromBody, MaybeJson},
    error::ApiError,
};

/// A step of a deployment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepView {
    /// Which step.
    name: StepName,
    /// Where it is.
    status: StepStatus,
    /// When it started.
    started_at: Option<DateTime<Utc>>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
    /// Terraform's exit status, where it ran.
    exit_code: Option<i32>,
    /// One line for a person.
    output: Option<String>,
    /// Terraform's own words: `summary`, `detail`, `address`.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        Self {
            name: step.name,
            status: step.status,
            started_at: step.started_at,
            finished_at: step.finished_at,
            exit_code: step.exit_code,
            output: step.output,
            error: step.error,
        }
    }
}

/// One run of Terraform for a site, from queue to final status.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeploymentView {
    /// Its id.
    id: DeploymentId,
    /// Whose it is.
    customer_id: CustomerId,
    /// The site.
    site_id: SiteId,
    /// Number of the specification that it carries out.
    specification_number: i32,
    /// The cloud account.
    cloud_account_id: CloudAccountId,
    /// Where that account's resources really stand.
    world: World,
    /// Whether nothing of it is real.
    simulated: bool,
    /// What it is for.
    kind: DeploymentKind,
    /// Where it is in its life.
    status: DeploymentStatus,
    /// Whether something will still happen to it.
    in_progress: bool,
    /// What a person reads about the status.
    reason: Option<String>,
    /// Why it is still queued; null in every other status.
    waiting_because: Option<String>,
    /// How often a worker has claimed it.
    attempt: i32,
    /// The worker that holds or held it.
    worker_id: Option<WorkerId>,
    /// Until when that worker holds it, unless it renews.
    lease_until: Option<DateTime<Utc>>,
    /// When someone asked to stop it.
    cancel_asked_at: Option<DateTime<Utc>>,
    /// Whether its plan waits for a person.
    approval_required: bool,
    /// When a person approved the plan.
    approved_at: Option<DateTime<Utc>>,
    /// What the newest plan would do.
    plan_summary: Option<PlanSummary>,
    /// What was approved, or went on by itself.
    approved_summary: Option<PlanSummary>,
    /// The deployment whose stale plan this one makes anew.
    replaces: Option<DeploymentId>,
    /// Version of the modules.
    module_version: Option<String>,
    /// SHA-256 of the modules.
    module_digest: Option<String>,
    /// Version of Terraform.
    terraform_version: Option<String>,
    /// SHA-256 of the Terraform binary.
    terraform_digest: Option<String>,
    /// Versions of the plugins by their address.
    #[schema(value_type = Option<Object>)]
    plugin_versions: Option<Value>,
    /// The trace of the request that asked for it.
    trace_id: String,
    /// Number of its last event.
    last_seq: i64,
    /// Every step, from the first second on.
    steps: Vec<StepView>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When it came to the queue last.
    queued_at: DateTime<Utc>,
    /// When a worker claimed it first.
    started_at: Option<DateTime<Utc>>,
    /// When it came to its final status.
    finished_at: Option<DateTime<Utc>>,
    /// What the caller may do with it now.
    actions: DeploymentActions,
}

/// A deployment alone, as the answer to what was done with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeploymentAnswer {
    /// The deployment as it is now.
    pub(crate) deployment: DeploymentView,
}

impl DeploymentView {
    fn new(
        row: Deployment,
        world: World,
        steps: Vec<StepView>,
        waiting_because: Option<String>,
        role: Rights,
    ) -> Self {
        let mut actions = DeploymentActions::of(row.status, row.cancel_asked_at);
        if let Some(why) = role.denied::<Change>() {
            let denied = Action {
                denied_because: Some(why),
            };
            actions = DeploymentActions {
                cancel: denied.clone(),
                approve: denied.clone(),
                reject: denied,
            };
        }
        Self {
            id: row.id,
            customer_id: row.customer,
            site_id: row.site,
            specification_number: row.specification,
            cloud_account_id: row.account,
            world,
            simulated: world != World::Real,
            kind: row.kind,
            status: row.status,
            in_progress: !row.status.is_final(),
            reason: row.reason,
            waiting_because,
            attempt: row.attempt,
            worker_id: row.worker,
            lease_until: row.lease_until,
            cancel_asked_at: row.cancel_asked_at,
            approval_required: row.approval_required,
            approved_at: row.approved_at,
            plan_summary: row.plan_summary,
            approved_summary: row.approved_summary,
            replaces: row.replaces,
            module_version: row.module_version,
            module_digest: row.module_digest,
            terraform_version: row.terraform_version,
            terraform_digest: row.terraform_digest,
            plugin_versions: row.plugin_versions,
            trace_id: row.trace_id,
            last_seq: row.last_seq,
            steps,
            created_at: row.created_at,
            queued_at: row.queued_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            actions,
        }
    }
}

/// Shows deployments of one site, with their steps and why they wait.
///
/// # Errors
/// The database refused.
pub(crate) async fn views(
    conn: &mut PgConnection,
    site: SiteId,
    rows: Vec<Deployment>,
    role: Rights,
) -> sqlx::Result<Vec<DeploymentView>> {
    let ids: Vec<DeploymentId> = rows.iter().map(|row| row.id).collect();
    let mut steps = steps::list_of(conn, &ids).await?;
    let Some(site_row) = sites::find(conn, site).await? else {
        return Ok(Vec::new());
    };
    let any_queued = rows.iter().any(|row| row.status == DeploymentStatus::Queued);
    let open = if any_queued {
        deployments::open_of_site(conn, site).await?
    } else {
        Vec::new()
    };
    Ok(rows
        .into_iter()
        .map(|row| {
            let mine = steps
                .extract_if(.., |(deployment, _)| *deployment == row.id)
                .map(|(_, step)| step.into());
            let mine = mine.collect();
            let waiting = waiting_because(&row, &open);
            DeploymentView::new(row, site_row.world, mine, waiting, role)
        })
        .collect())
}

/// Shows one deployment as it is now.
///
/// # Errors
/// The database refused, or the deployment is gone.
pub(crate) async fn view(
    conn: &mut PgConnection,
    id: DeploymentId,
    role: Rights,
) -> Result<DeploymentView, ApiError> {
    let row = deployments::find(conn, id)
        .await?
        .ok_or_else(|| ApiError::not_found("deployment"))?;
    let mut views = views(conn, row.site, vec![row], role).await?;
    views.pop().ok_or_else(|| ApiError::not_found("deployment"))
}

fn waiting_because(row: &Deployment, open: &[Deployment]) -> Option<String> {
    if row.status != DeploymentStatus::Queued {
        return None;
    }
    // What holds the site goes first even where it is younger.
    let holder = open
        .iter()
        .find(|other| other.id != row.id && other.status != DeploymentStatus::Queued)
        .or_else(|| open.iter().find(|other| other.id < row.id));
    Some(match holder {
        Some(other) => {
            format!(
                "deployment {} of the same site is {} ({}) and goes first",
                other.id, other.status, other.kind
            )
        }
        None => "it waits for a free worker".to_owned(),
    })
}

/// One deployment with its steps.
#[utoipa::path(get, path = "/deployments/{id}", tag = "deployments",
    params(("id" = DeploymentId, Path, description = "The deployment")),
    responses((status = 200, description = "The deployment", body = DeploymentView)), security(("token" = [])))]
pub(crate) async fn read(
    State(app): State<App>,
    access: DeploymentAccess<Read>,
) -> Result<Json<DeploymentView>, ApiError> {
    let mut tx = db::tenant::begin(&app.pool, access.caller.scope()).await?;
    let view = view(&mut tx, access.deployment.id, access.caller.role).await?;
    tx.commit().await?;
    Ok(Json(view))
}

/// What a person says about a decision.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"comment": "checked with the shop's owner"}))]
pub(crate) struct Decision {
    /// Why; at most 1000 characters.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: Option<String>,
}

impl FromBody for Decision {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let decision: Self = body::deserialize(&body).map_err(|problem| vec![problem])?;
        match &decision.comment {
            Some(comment) if comment.chars().count() > 1000 => {
                let found = format!("{} characters", comment.chars().count());
                Err(vec![FieldProblem::new(
                    "comment",
                    found,
                    "at most 1000 characters",
                )])
            }
            _ => Ok(decision),
        }
    }
}

impl Decision {
    fn sentence(&self, what: &str, who: &str) -> String {
        match self
            .comment
            .as_deref()
            .map(str::trim)
            .filter(|comment| !comment.is_empty())
        {
            Some(comment) => format!("{what} by {who}: {comment}"),
            None => format!("{what} by {who}"),
        }
    }
}

/// Stops a deployment. One that no worker holds ends at once (200); else Terraform is interrupted and winds
/// down (202).
#[utoipa::path(post, path = "/deployments/{id}/cancel", tag = "deployments",
    params(("id" = DeploymentId, Path, description = "The deployment")), request_body = Option<Decision>,
    responses((status = 200, description = "It has ended", body = DeploymentAnswer),
        (status = 202, description = "It winds down", body = DeploymentAnswer)),
    security(("token" = [])))]
pub(crate) async fn cancel(
    State(app): State<App>,
    access: DeploymentAccess<Change>,
    MaybeJson(decision): MaybeJson<Decision>,
) -> Result<Response, ApiError> {
    let (mut tx, site, row) = access.lock(&app.pool).await?;
    if let Some(why) = DeploymentActions::of(row.status, row.cancel_asked_at)
        .cancel
        .denied_because
    {
        return Err(ApiError::conflict("deployment_not_cancellable", why));
    }
    let reason = decision.sentence("Cancelled", access.caller.name());
    let mut status = row.status;
    // An interrupted one has no holder to tell: the wish stays on the row, for whoever takes it on next.
    if row.status != DeploymentStatus::Interrupted {
        status = advance(&mut tx, &row, DeploymentEvent::CancelAsked, &reason).await?;
    }
    if status.is_final() {
        after_end(&mut tx, &site, &row, status).await?;
    } else {
        deployments::ask_to_cancel(&mut tx, row.id).await?;
    }
    record(&mut tx, &access, "deployment.cancel", &decision).await?;
    let code = if status.is_final() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    answer(tx, &access, code).await
}

/// Lets the kept plan be applied, exactly as it was shown.
#[utoipa::path(post, path = "/deployments/{id}/approve", tag = "deployments",
    params(("id" = DeploymentId, Path, description = "The deployment")), request_body = Option<Decision>,
    responses((status = 202, description = "Queued to be applied", body = DeploymentAnswer)), security(("token" = [])))]
pub(crate) async fn approve(
    State(app): State<App>,
    access: DeploymentAccess<Change>,
    MaybeJson(decision): MaybeJson<Decision>,
) -> Result<Response, ApiError> {
    let (mut tx, _site, row) = access.lock(&app.pool).await?;
    if let Some(why) = DeploymentActions::of(row.status, row.cancel_asked_at)
        .approve
        .denied_because
    {
        return Err(ApiError::conflict("deployment_not_awaiting_approval", why));
    }
    let reason = decision.sentence("Approved", access.caller.name());
    let end = StepEnd {
        status: StepStatus::Succeeded,
        exit_code: None,
        output: Some(&reason),
        error: None,
    };
    steps::finish(&mut tx, row.id, row.attempt, StepName::Approval, end).await?;
    deployments::mark_approved(&mut tx, row.id).await?;
    advance(&mut tx, &row, DeploymentEvent::Approved, &reason).await?;
    record(&mut tx, &access, "deployment.approve", &decision).await?;
    db::enqueue(
        &mut tx,
        &RunDeployment {
            deployment_id: row.id,
        },
    )
    .await?;
    answer(tx, &access, StatusCode::ACCEPTED).await
}

/// Refuses the kept plan; the deployment ends.
#[utoipa::path(post, path = "/deployments/{id}/reject", tag = "deployments",
    params(("id" = DeploymentId, Path, description = "The deployment")), request_body = Option<Decision>,
    responses((status = 200, description = "It has ended", body = DeploymentAnswer)), security(("token" = [])))]
pub(crate) async fn reject(
    State(app): State<App>,
    access: DeploymentAccess<Change>,
    MaybeJson(decision): MaybeJson<Decision>,
) -> Result<Response, ApiError> {
    let (mut tx, site, row) = access.lock(&app.pool).await?;
    if let Some(why) = DeploymentActions::of(row.status, row.cancel_asked_at)
        .reject
        .denied_because
    {
        return Err(ApiError::conflict("deployment_not_awaiting_approval", why));
    }
    let reason = decision.sentence("Rejected", access.caller.name());
    let end = StepEnd {
        status: StepStatus::Failed,
        exit_code: None,
        output: Some(&reason),
        error: None,
    };
    steps::finish(&mut tx, row.id, row.attempt, StepName::Approval, end).await?;
    let status = advance(&mut tx, &row, DeploymentEvent::Rejected, &reason).await?;
    after_end(&mut tx, &site, &row, status).await?;
    record(&mut tx, &access, "deployment.reject", &decision).await?;
    answer(tx, &access, StatusCode::OK).await
}

async fn advance(
    conn: &mut PgConnection,
    row: &Deployment,
    event: DeploymentEvent,
    reason: &str,
) -> Result<DeploymentStatus, ApiError> {
    let advance = Advance {
        deployment: row.id,
        from: row.status,
        event,
        attempt: None,
        reason,
    };
    Ok(deployments::advance(conn, advance).await?)
}

/// Puts the site where the ended deployment leaves it, and rings for what waited behind it.
async fn after_end(
    conn: &mut PgConnection,
    site: &Site,
    ended: &Deployment,
    end: DeploymentStatus,
) -> Result<(), ApiError> {
    sites::settle_status(conn, site, ended.kind, end).await?;
    ring_for_next(conn, site.id).await?;
    Ok(())
}

/// Rings for the next queued deployment of a site, if there is one.
async fn ring_for_next(conn: &mut PgConnection, site: SiteId) -> sqlx::Result<()> {
    let open = deployments::open_of_site(conn, site).await?;
    match open
        .iter()
        .find(|deployment| deployment.status == DeploymentStatus::Queued)
    {
        Some(next) => {
            db::enqueue(
                conn,
                &RunDeployment {
                    deployment_id: next.id,
                },
            )
            .await
        }
        None => Ok(()),
    }
}

/// Ends every deployment of the site that has changed nothing yet, because a later change takes its place.
/// Plans stay: they change nothing.
///
/// # Errors
/// The database refused.
pub(crate) async fn supersede_unstarted(
    conn: &mut PgConnection,
    site: SiteId,
    by: DeploymentId,
) -> Result<Vec<DeploymentId>, ApiError> {
    let mut ended = Vec::new();
    for row in deployments::open_of_site(conn, site).await? {
        // One that comes back from an interruption may have made something, and its next attempt looks for it.
        let unstarted = match row.status {
            DeploymentStatus::Queued => row.attempt == 0 || row.kept_plan.is_some(),
            status => status == DeploymentStatus::AwaitingApproval,
        };
        if unstarted && row.id != by && !row.kind.is_plan_only() {
            let reason = format!("Deployment {by} took its place before it started");
            advance(conn, &row, DeploymentEvent::Overtaken, &reason).await?;
            ended.push(row.id);
        }
    }
    Ok(ended)
}

async fn record(
    conn: &mut PgConnection,
    access: &DeploymentAccess<Change>,
    action: &str,
    decision: &Decision,
) -> sqlx::Result<()> {
    let row = &access.deployment;
    let details = json!({"site_id": row.site, "kind": row.kind, "comment": decision.comment});
    access
        .caller
        .record(conn, row.customer, action, ("deployment", row.id.0), details)
        .await
}

async fn answer(
    mut tx: sqlx::Transaction<'static, sqlx::Postgres>,
    access: &DeploymentAccess<Change>,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let deployment = view(&mut tx, access.deployment.id, access.caller.role).await?;
    tx.commit().await?;
    Ok((status, Json(DeploymentAnswer { deployment })).into_response())
}

/// Where a deployment is found.
pub(crate) fn location(id: DeploymentId) -> HeaderValue {
    HeaderValue::from_str(&format!("/api/v1/deployments/{id}")).expect("an id fits into a header")
}
