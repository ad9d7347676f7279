//! Deployments: stored here, moved by the table in `domain::deployment` and confirmed by compare-and-set.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{
    deployment::{DeploymentEvent, DeploymentKind, DeploymentStatus, IllegalTransition},
    id::{CloudAccountId, CustomerId, DeploymentId, SiteId, WorkerId},
    plan::PlanSummary,
    step::StepName,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    events::{self, NewEvent, Writer},
    steps, unreadable,
};

/// A deployment's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The site.
    pub site: SiteId,
    /// Number of the specification.
    pub specification: i32,
    /// The cloud account.
    pub account: CloudAccountId,
    /// What it is for.
    pub kind: DeploymentKind,
    /// Where it is in its life.
    pub status: DeploymentStatus,
    /// What a person reads about a final status.
    pub reason: Option<String>,
    /// How often a worker has claimed it.
    pub attempt: i32,
    /// The worker that holds or held it.
    pub worker: Option<WorkerId>,
    /// Until when that worker holds it.
    pub lease_until: Option<DateTime<Utc>>,
    /// When someone asked to stop it.
    pub cancel_asked_at: Option<DateTime<Utc>>,
    /// Whether its plan waits for a person.
    pub approval_required: bool,
    /// When a person approved the kept plan.
    pub approved_at: Option<DateTime<Utc>>,
    /// What the newest plan would do.
    pub plan_summary: Option<PlanSummary>,
    /// What was approved or went on by itself.
    pub approved_summary: Option<PlanSummary>,
    /// Where the sealed plan lies and what it belongs to.
    pub kept_plan: Option<KeptPlan>,
    /// The deployment whose stale plan this one makes anew.
    pub replaces: Option<DeploymentId>,
    /// Version of the modules.
    pub module_version: Option<String>,
    /// SHA-256 of the modules.
    pub module_digest: Option<String>,
    /// Version of Terraform.
    pub terraform_version: Option<String>,
    /// SHA-256 of the Terraform binary.
    pub terraform_digest: Option<String>,
    /// Versions of the plugins.
    pub plugin_versions: Option<Value>,
    /// The request's trace.
    pub trace_id: String,
    /// Number of its last event.
    pub last_seq: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it came to the queue last.
    pub queued_at: DateTime<Utc>,
    /// When a worker claimed it first.
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to its final status.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A plan that waits for approval, and everything that must still be the same when it is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPlan {
    /// Key of the sealed bundle in S3.
    pub blob_key: String,
    /// SHA-256 of the modules.
    pub module_digest: String,
    /// SHA-256 of the Terraform binary.
    pub terraform_digest: String,
    /// The cloud account.
    pub account: CloudAccountId,
    /// The region.
    pub region: String,
    /// Serial and lineage of the state that it was made on; `None` where there was none.
    pub state: Option<(String, u64)>,
}

/// A deployment to queue.
#[derive(Clone, Debug)]
pub struct NewDeployment<'a> {
    /// Its id.
    pub id: DeploymentId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The site.
    pub site: SiteId,
    /// Number of the specification.
    pub specification: i32,
    /// The cloud account.
    pub account: CloudAccountId,
    /// What it is for.
    pub kind: DeploymentKind,
    /// Whether its plan waits for a person.
    pub approval_required: bool,
    /// The deployment whose stale plan this one makes anew.
    pub replaces: Option<DeploymentId>,
    /// The request's trace.
    pub trace_id: &'a str,
}

/// Stores a deployment as queued, with its steps and its first event. Ring with [`crate::enqueue`] beside it.
///
/// # Errors
/// The database refused.
pub async fn insert(conn: &mut PgConnection, new: &NewDeployment<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into deployments
             (id, customer_id, site_id, specification, cloud_account_id, kind, priority, approval_required, replaces,
              trace_id, events_month)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, date_trunc('month', now() at time zone 'utc')::date)",
        new.id.0,
        new.customer.0,
        new.site.0,
        new.specification,
        new.account.0,
        new.kind.as_str(),
        new.kind.priority(),
        new.approval_required,
        new.replaces.map(|deployment| deployment.0),
        new.trace_id,
    )
    .execute(&mut *conn)
    .await?;
    let mut skipped = vec![(StepName::Policy, "no policy is set")];
    if !new.approval_required {
        skipped.push((StepName::Approval, "not asked for"));
    }
    steps::declare(conn, new.id, new.customer, StepName::of(new.kind), &skipped).await?;
    announce(conn, new.id, DeploymentStatus::Queued, "Queued").await
}

struct Row {
    id: Uuid,
    customer_id: Uuid,
    site_id: Uuid,
    specification: i32,
    cloud_account_id: Uuid,
    kind: String,
    status: String,
    reason: Option<String>,
    attempt: i32,
    worker_id: Option<Uuid>,
    lease_until: Option<DateTime<Utc>>,
    cancel_asked_at: Option<DateTime<Utc>>,
    approval_required: bool,
    approved_at: Option<DateTime<Utc>>,
    plan_summary: Option<Json<PlanSummary>>,
    approved_summary: Option<Json<PlanSummary>>,
    kept_plan: Option<Json<KeptPlan>>,
    replaces: Option<Uuid>,
    module_version: Option<String>,
    module_digest: Option<String>,
    terraform_version: Option<String>,
    terraform_digest: Option<String>,
    plugin_versions: Option<Value>,
    trace_id: String,
    last_seq: i64,
    created_at: DateTime<Utc>,
    queued_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Deployment {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: DeploymentId(row.id),
            customer: CustomerId(row.customer_id),
            site: SiteId(row.site_id),
            specification: row.specification,
            account: CloudAccountId(row.cloud_account_id),
            kind: DeploymentKind::from_str(&row.kind).map_err(unreadable)?,
            status: DeploymentStatus::from_str(&row.status).map_err(unreadable)?,
            reason: row.reason,
            attempt: row.attempt,
            worker: row.worker_id.map(WorkerId),
            lease_until: row.lease_until,
            cancel_asked_at: row.cancel_asked_at,
            approval_required: row.approval_required,
            approved_at: row.approved_at,
            plan_summary: row.plan_summary.map(|summary| summary.0),
            approved_summary: row.approved_summary.map(|summary| summary.0),
            kept_plan: row.kept_plan.map(|plan| plan.0),
            replaces: row.replaces.map(DeploymentId),
            module_version: row.module_version,
            module_digest: row.module_digest,
            terraform_version: row.terraform_version,
            terraform_digest: row.terraform_digest,
            plugin_versions: row.plugin_versions,
            trace_id: row.trace_id,
            last_seq: row.last_seq,
            created_at: row.created_at,
            queued_at: row.queued_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        })
    }
}

/// The deployment with this id, if the caller may see it.
///
/// # Errors
/// The database refused.
pub async fn find(conn: &mut PgConnection, id: DeploymentId) -> sqlx::Result<Option<Deployment>> {
    sqlx::query_as!(
        Row,
        r#"select id, customer_id, site_id, specification, cloud_account_id, kind, status, reason, attempt, worker_id,
                  lease_until, cancel_asked_at, approval_required, approved_at,
                  plan_summary as "plan_summary: Json<PlanSummary>",
                  approved_summary as "approved_summary: Json<PlanSummary>",
                  kept_plan as "kept_plan: Json<KeptPlan>", replaces, module_version, module_digest, terraform_version,
                  terraform_digest, plugin_versions, trace_id, last_seq, created_at, queued_at, started_at, finished_at
           from deployments where id = $1"#,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Deployment::try_from)
    .transpose()
}

/// As [`find`], and nobody else moves the deployment until the transaction ends.
///
/// # Errors
/// The database refused.
pub async fn find_for_update(conn: &mut PgConnection, id: DeploymentId) -> sqlx::Result<Option<Deployment>> {
    sqlx::query!("select id from deployments where id = $1 for no key update", id.0)
        .fetch_optional(&mut *conn)
        .await?;
    find(conn, id).await
}

/// At most `limit` deployments of a site, newest first, those before the cursor.
///
/// # Errors
/// The database refused.
pub async fn list_of_site(
    conn: &mut PgConnection,
    site: SiteId,
    before: Option<DeploymentId>,
    limit: i64,
) -> sqlx::Result<Vec<Deployment>> {
    sqlx::query_as!(
        Row,
        r#"select id, customer_id, site_id, specification, cloud_account_id, kind, status, reason, attempt, worker_id,
                  lease_until, cancel_asked_at, approval_required, approved_at,
                  plan_summary as "plan_summary: Json<PlanSummary>",
                  approved_summary as "approved_summary: Json<PlanSummary>",
                  kept_plan as "kept_plan: Json<KeptPlan>", replaces, module_version, module_digest, terraform_version,
                  terraform_digest, plugin_versions, trace_id, last_seq, created_at, queued_at, started_at, finished_at
           from deployments
           where site_id = $1 and ($2::uuid is null or id < $2)
           order by id desc
           limit $3"#,
        site.0,
        before.map(|deployment| deployment.0),
        limit,
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Deployment::try_from)
    .collect()
}

/// The deployments of a site that are not final, oldest first.
///
/// # Errors
/// The database refused.
pub async fn open_of_site(conn: &mut PgConnection, site: SiteId) -> sqlx::Result<Vec<Deployment>> {
    sqlx::query_as!(
        Row,
        r#"select id, customer_id, site_id, specification, cloud_account_id, kind, status, reason, attempt, worker_id,
                  lease_until, cancel_asked_at, approval_required, approved_at,
                  plan_summary as "plan_summary: Json<PlanSummary>",
                  approved_summary as "approved_summary: Json<PlanSummary>",
                  kept_plan as "kept_plan: Json<KeptPlan>", replaces, module_version, module_digest, terraform_version,
                  terraform_digest, plugin_versions, trace_id, last_seq, created_at, queued_at, started_at, finished_at
           from deployments
           where site_id = $1 and finished_at is null
           order by id"#,
        site.0,
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Deployment::try_from)
    .collect()
}

/// Why a move was not made.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// The table has no such row.
    #[error("the move is not in the table")]
    Illegal(#[from] IllegalTransition),
    /// The deployment is no longer where the caller saw it, or another attempt holds it.
    #[error("deployment {0} was moved by someone else")]
    Moved(DeploymentId),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
}

/// A move of a deployment.
#[derive(Clone, Copy, Debug)]
pub struct Advance<'a> {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Where the caller saw it.
    pub from: DeploymentStatus,
    /// What happened.
    pub event: DeploymentEvent,
    /// The attempt that moves it; `None` for people and the sweep.
    pub attempt: Option<i32>,
    /// What a person reads about it; needed for a final status.
    pub reason: &'a str,
}

/// Moves a deployment and says so in its events; the compare-and-set confirms that nobody moved it meanwhile.
///
/// # Errors
/// See [`AdvanceError`].
pub async fn advance(
    conn: &mut PgConnection,
    advance: Advance<'_>,
) -> Result<DeploymentStatus, AdvanceError> {
    let to = advance.from.on(advance.event)?;
    let done = sqlx::query!(
        "update deployments
         set status = $3,
             reason = $4,
             lease_until = case when $5 then lease_until end,
             queued_at = case when $3 = 'queued' then clock_timestamp() else queued_at end,
             finished_at = case when $6 then clock_timestamp() end
         where id = $1 and status = $2 and ($7::integer is null or attempt = $7 and lease_until > clock_timestamp())",
        advance.deployment.0,
        advance.from.as_str(),
        to.as_str(),
        advance.reason,
        to.is_leased(),
        to.is_final(),
        advance.attempt,
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(AdvanceError::Moved(advance.deployment));
    }
    if to.is_final() {
        steps::close(conn, advance.deployment, advance.reason).await?;
    }
    announce(conn, advance.deployment, to, advance.reason).await?;
    Ok(to)
}

pub(crate) async fn announce(
    conn: &mut PgConnection,
    deployment: DeploymentId,
    status: DeploymentStatus,
    message: &str,
) -> sqlx::Result<()> {
    let at = sqlx::query_scalar!(r#"select clock_timestamp() as "at!""#)
        .fetch_one(&mut *conn)
        .await?;
    let event = NewEvent {
        at,
        step: None,
        kind: "status",
        address: None,
        message: message.to_owned(),
        data: Some(serde_json::json!({"status": status, "final": status.is_final()})),
    };
    events::append(conn, deployment, Writer::Anyone, &[event]).await?;
    Ok(())
}

/// Notes the wish to stop a deployment, for the worker that holds it. `false` where it was noted before.
///
/// # Errors
/// The database refused.
pub async fn ask_to_cancel(conn: &mut PgConnection, id: DeploymentId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update deployments set cancel_asked_at = clock_timestamp() where id = $1 and cancel_asked_at is null",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "select pg_notify($1, $2)",
        crate::queue::CANCEL_CHANNEL,
        id.to_string()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Marks the kept plan as approved: the next attempt takes it straight to apply.
///
/// # Errors
/// The database refused.
pub async fn mark_approved(conn: &mut PgConnection, id: DeploymentId) -> sqlx::Result<()> {
    sqlx::query!(
        "update deployments set approved_at = clock_timestamp(), approved_summary = plan_summary where id = $1",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a deployment ran with.
#[derive(Clone, Debug)]
pub struct Provenance<'a> {
    /// Version of the modules.
    pub module_version: &'a str,
    /// SHA-256 of the modules.
    pub module_digest: &'a str,
    /// Version of Terraform.
    pub terraform_version: &'a str,
    /// SHA-256 of the Terraform binary.
    pub terraform_digest: &'a str,
    /// Versions of the plugins.
    pub plugin_versions: &'a Value,
}

/// Notes what an attempt runs with.
/// Notes nothing for an attempt that lost its lease: its next [`advance`] says so.
///
/// # Errors
/// The database refused.
pub async fn record_provenance(
    conn: &mut PgConnection,
    id: DeploymentId,
    attempt: i32,
    provenance: &Provenance<'_>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update deployments
         set module_version = $3, module_digest = $4, terraform_version = $5, terraform_digest = $6, plugin_versions = $7
         where id = $1 and attempt = $2
           and (lease_until > clock_timestamp() or lease_until is null and status <> 'queued')",
        id.0,
        attempt,
        provenance.module_version,
        provenance.module_digest,
        provenance.terraform_version,
        provenance.terraform_digest,
        provenance.plugin_versions,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what the plan of an attempt would do.
/// Notes nothing for an attempt that lost its lease: its next [`advance`] says so.
///
/// # Errors
/// The database refused.
pub async fn record_plan(
    conn: &mut PgConnection,
    id: DeploymentId,
    attempt: i32,
    summary: &PlanSummary,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update deployments set plan_summary = $3 where id = $1 and attempt = $2
           and (lease_until > clock_timestamp() or lease_until is null and status <> 'queued')",
        id.0,
        attempt,
        Json(summary) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a plan goes on by itself: what an attempt after an interruption is held to.
/// The first such plan counts; a later one was judged to be within it.
/// Notes nothing for an attempt that lost its lease: its next [`advance`] says so.
///
/// # Errors
/// The database refused.
pub async fn record_unasked_approval(
    conn: &mut PgConnection,
    id: DeploymentId,
    attempt: i32,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update deployments set approved_summary = coalesce(approved_summary, plan_summary)
         where id = $1 and attempt = $2
           and (lease_until > clock_timestamp() or lease_until is null and status <> 'queued')",
        id.0,
        attempt,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps a plan for approval, or forgets it with `None` once it was used or is dead.
/// Notes nothing for an attempt that lost its lease: its next [`advance`] says so.
///
/// # Errors
/// The database refused.
pub async fn set_kept_plan(
    conn: &mut PgConnection,
    id: DeploymentId,
    attempt: i32,
    plan: Option<&KeptPlan>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update deployments
         set kept_plan = $3, approved_at = null
         where id = $1 and attempt = $2
           and (lease_until > clock_timestamp() or lease_until is null and status <> 'queued')",
        id.0,
        attempt,
        plan.map(Json) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}
