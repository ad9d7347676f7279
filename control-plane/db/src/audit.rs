//! The audit log: who did what to what, written in the transaction of the change.

use domain::id::{AuditEventId, CustomerId};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// Its id, if it has one.
    pub id: Option<Uuid>,
    /// What a person calls it.
    pub name: String,
}

/// What kind of actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A person.
    User,
    /// A program with an API token.
    Token,
    /// A worker.
    Worker,
    /// Siteplane itself.
    System,
}

impl ActorKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Token => "token",
            Self::Worker => "worker",
            Self::System => "system",
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug)]
pub struct AuditEvent<'a> {
    /// Whose log it is; `None` is the platform's.
    pub customer: Option<CustomerId>,
    /// Who acts.
    pub actor: &'a Actor,
    /// What was done, such as `site.create`.
    pub action: &'a str,
    /// What kind of thing it was done to, such as `site`.
    pub subject_kind: &'a str,
    /// Its id.
    pub subject: Uuid,
    /// More, without a secret.
    pub details: Value,
    /// The request's trace.
    pub trace_id: &'a str,
}

/// Writes one line.
///
/// # Errors
/// The database refused.
pub async fn record(conn: &mut PgConnection, event: AuditEvent<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into audit_events
             (id, customer_id, actor_kind, actor_id, actor_name, action, subject_kind, subject_id, details, trace_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        AuditEventId::new().0,
        event.customer.map(|customer| customer.0),
        event.actor.kind.as_str(),
        event.actor.id,
        event.actor.name,
        event.action,
        event.subject_kind,
        event.subject,
        event.details,
        event.trace_id,
    )
    .execute(conn)
    .await?;
    Ok(())
}
