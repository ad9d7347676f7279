//! What happens in deployments, line by line, numbered without a gap in the order of the readers.

use chrono::{DateTime, Utc};
use domain::{id::DeploymentId, step::StepName};
use serde_json::Value;
use sqlx::PgConnection;

use crate::unreadable;

/// The channel on which a batch of events is announced; its payload is the deployment's id.
pub const CHANNEL: &str = "siteplane_events";

/// An event to append.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// In which step; `None` for the deployment itself.
    pub step: Option<StepName>,
    /// What kind of event, such as `status`, `step`, `resource`, `log`, `diagnostic`.
    pub kind: &'static str,
    /// Terraform's address, where it is about one resource.
    pub address: Option<String>,
    /// One line for a person, without a secret.
    pub message: String,
    /// More for a program, without a secret.
    pub data: Option<Value>,
}

/// An event as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number: 1 for the first of the deployment.
    pub seq: i64,
    /// The attempt that it happened in; 0 before the first.
    pub attempt: i32,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// In which step.
    pub step: Option<StepName>,
    /// What kind of event.
    pub kind: String,
    /// Terraform's address.
    pub address: Option<String>,
    /// One line for a person.
    pub message: String,
    /// More for a program.
    pub data: Option<Value>,
}

/// Who appends: the number is taken by an update of the deployment's row, and that update is the fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The attempt that holds the deployment.
    Attempt(i32),
    /// A person's request or the sweep: there is no lease to lose.
    Anyone,
}

/// Appends events and announces them. `None` where the attempt no longer holds the deployment.
///
/// # Errors
/// The database refused.
pub async fn append(
    conn: &mut PgConnection,
    deployment: DeploymentId,
    writer: Writer,
    events: &[NewEvent],
) -> sqlx::Result<Option<i64>> {
    let attempt = match writer {
        Writer::Attempt(attempt) => Some(attempt),
        Writer::Anyone => None,
    };
    let at: Vec<DateTime<Utc>> = events.iter().map(|event| event.at).collect();
    let step: Vec<Option<String>> = events
        .iter()
        .map(|event| event.step.map(|step| step.as_str().to_owned()))
        .collect();
    let kind: Vec<String> = events.iter().map(|event| event.kind.to_owned()).collect();
    let address: Vec<Option<String>> = events.iter().map(|event| event.address.clone()).collect();
    let message: Vec<String> = events.iter().map(|event| event.message.clone()).collect();
    let data: Vec<Option<Value>> = events.iter().map(|event| event.data.clone()).collect();
    let last = sqlx::query_scalar!(
        r#"with holder as (
               update deployments
               set last_seq = last_seq + cardinality($3::timestamptz[])
               where id = $1 and ($2::integer is null or attempt = $2 and lease_until > clock_timestamp())
               returning id, customer_id, attempt, events_month, last_seq, last_seq - cardinality($3::timestamptz[]) as before
           ), inserted as (
               insert into deployment_events
                   (month, deployment_id, seq, customer_id, attempt, at, step, kind, address, message, data)
               select holder.events_month, holder.id, holder.before + event.position, holder.customer_id, holder.attempt,
                      event.at, event.step, event.kind, event.address, event.message, event.data
               from holder, unnest($3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
                   with ordinality as event (at, step, kind, address, message, data, position)
           )
           select holder.last_seq as "last_seq!"
           from holder, pg_notify('siteplane_events', holder.id::text)"#,
        deployment.0,
        attempt,
        &at,
        &step as &[Option<String>],
        &kind,
        &address as &[Option<String>],
        &message,
        &data as &[Option<Value>],
    )
    .fetch_optional(conn)
    .await?;
    Ok(last)
}

/// At most `limit` events of a deployment after number `after`, in order.
///
/// # Errors
/// The database refused.
pub async fn list(
    conn: &mut PgConnection,
    deployment: DeploymentId,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    sqlx::query!(
        "select seq, attempt, at, step, kind, address, message, data
         from deployment_events
         where deployment_id = $1 and seq > $2
           and month = (select events_month from deployments where id = $1)
         order by seq
         limit $3",
        deployment.0,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(|row| {
        Ok(Event {
            seq: row.seq,
            attempt: row.attempt,
            at: row.at,
            step: row
                .step
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(unreadable)?,
            kind: row.kind,
            address: row.address,
            message: row.message,
            data: row.data,
        })
    })
    .collect()
}
