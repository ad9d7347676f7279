//! Steps of deployments.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{
    id::{CustomerId, DeploymentId},
    step::{StepName, StepStatus},
};
use serde_json::Value;
use sqlx::PgConnection;

use crate::unreadable;

/// A step's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which step.
    pub name: StepName,
    /// Where it is.
    pub status: StepStatus,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Terraform's exit status, where it ran.
    pub exit_code: Option<i32>,
    /// One line for a person.
    pub output: Option<String>,
    /// Terraform's own words: an object with `summary`, `detail`, `address`.
    pub error: Option<Value>,
}

/// Declares the steps of a deployment. Those with a reason in `skipped` are skipped from the start.
///
/// # Errors
/// The database refused.
pub async fn declare(
    conn: &mut PgConnection,
    deployment: DeploymentId,
    customer: CustomerId,
    names: &[StepName],
    skipped: &[(StepName, &str)],
) -> sqlx::Result<()> {
    let reason = |name: &StepName| {
        skipped
            .iter()
            .find(|(step, _)| step == name)
            .map(|(_, why)| (*why).to_owned())
    };
    let words: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    let reasons: Vec<Option<String>> = names.iter().map(reason).collect();
    sqlx::query!(
        "insert into deployment_steps (deployment_id, customer_id, position, name, status, output)
         select $1, $2, step.position, step.name, case when step.reason is null then 'pending' else 'skipped' end, step.reason
         from unnest($3::text[], $4::text[]) with ordinality as step (name, reason, position)",
        deployment.0,
        customer.0,
        &words,
        &reasons as &[Option<String>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The steps of a deployment, in their order.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, deployment: DeploymentId) -> sqlx::Result<Vec<Step>> {
    sqlx::query!(
        "select name, status, started_at, finished_at, exit_code, output, error
         from deployment_steps where deployment_id = $1 order by position",
        deployment.0
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(|row| {
        Ok(Step {
            name: StepName::from_str(&row.name).map_err(unreadable)?,
            status: StepStatus::from_str(&row.status).map_err(unreadable)?,
            started_at: row.started_at,
            finished_at: row.finished_at,
            exit_code: row.exit_code,
            output: row.output,
            error: row.error,
        })
    })
    .collect()
}

/// The steps of several deployments, each deployment's in their order.
///
/// # Errors
/// The database refused.
pub async fn list_of(
    conn: &mut PgConnection,
    deployments: &[DeploymentId],
) -> sqlx::Result<Vec<(DeploymentId, Step)>> {
    let ids: Vec<uuid::Uuid> = deployments.iter().map(|deployment| deployment.0).collect();
    sqlx::query!(
        "select deployment_id, name, status, started_at, finished_at, exit_code, output, error
         from deployment_steps where deployment_id = any ($1) order by deployment_id, position",
        &ids
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(|row| {
        let step = Step {
            name: StepName::from_str(&row.name).map_err(unreadable)?,
            status: StepStatus::from_str(&row.status).map_err(unreadable)?,
            started_at: row.started_at,
            finished_at: row.finished_at,
            exit_code: row.exit_code,
            output: row.output,
            error: row.error,
        };
        Ok((DeploymentId(row.deployment_id), step))
    })
    .collect()
}

/// Starts a step of the attempt that holds the deployment. `false` where that is another one by now.
///
/// # Errors
/// The database refused.
pub async fn start(
    conn: &mut PgConnection,
    deployment: DeploymentId,
    attempt: i32,
    name: StepName,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update deployment_steps s
         set status = 'running', started_at = clock_timestamp(), finished_at = null, exit_code = null, output = null, error = null
         from deployments d
         where d.id = s.deployment_id and d.attempt = $2 and d.lease_until > clock_timestamp()
           and s.deployment_id = $1 and s.name = $3",
        deployment.0,
        attempt,
        name.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How a step ended.
#[derive(Clone, Debug)]
pub struct StepEnd<'a> {
    /// `Succeeded`, `Failed` or `Skipped`.
    pub status: StepStatus,
    /// Terraform's exit status, where it ran.
    pub exit_code: Option<i32>,
    /// One line for a person.
    pub output: Option<&'a str>,
    /// Terraform's own words.
    pub error: Option<&'a Value>,
}

/// Ends a step of the attempt that holds the deployment. `false` where that is another one by now, or none
/// because the lease ran out. The step that waited for a person is ended without a lease, after the approval
/// was marked or before the deployment was moved on.
///
/// # Errors
/// The database refused.
pub async fn finish(
    conn: &mut PgConnection,
    deployment: DeploymentId,
    attempt: i32,
    name: StepName,
    end: StepEnd<'_>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update deployment_steps s
         set status = $4, finished_at = clock_timestamp(), exit_code = $5, output = $6, error = $7
         from deployments d
         where d.id = s.deployment_id and d.attempt = $2 and s.deployment_id = $1 and s.name = $3
           and (d.lease_until > clock_timestamp()
                or d.lease_until is null and (d.status <> 'queued' or d.approved_at is not null))",
        deployment.0,
        attempt,
        name.as_str(),
        end.status.as_str(),
        end.exit_code,
        end.output,
        end.error,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the steps that will not run any more: running ones as failed, pending ones as skipped.
///
/// # Errors
/// The database refused.
pub async fn close(conn: &mut PgConnection, deployment: DeploymentId, reason: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update deployment_steps
         set status = case status when 'running' then 'failed' else 'skipped' end,
             finished_at = case status when 'running' then clock_timestamp() end,
             output = coalesce(output, $2)
         where deployment_id = $1 and status in ('pending', 'running')",
        deployment.0,
        reason,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts the steps of an interrupted attempt back, for the next one to run.
///
/// # Errors
/// The database refused.
pub async fn reset(conn: &mut PgConnection, deployment: DeploymentId) -> sqlx::Result<()> {
    sqlx::query!(
        "update deployment_steps
         set status = 'pending', started_at = null, finished_at = null, exit_code = null, output = null, error = null
         where deployment_id = $1 and status <> 'skipped'",
        deployment.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
