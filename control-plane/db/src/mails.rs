//! The outbox: mails are queued in the transaction of what they tell about, and a worker sends them.

use chrono::{DateTime, Utc};
use domain::id::{CustomerId, MailId};
use sqlx::PgConnection;

/// A mail to send.
#[derive(Clone)]
pub struct NewMail<'a> {
    /// Its id, which is also its Message-ID: whoever gets it twice can tell.
    pub id: MailId,
    /// Whose white label it wears; `None` is the platform's.
    pub customer: Option<CustomerId>,
    /// Whom it goes to.
    pub recipient: &'a str,
    /// Which template.
    pub template: &'a str,
    /// What the template is filled with, sealed by the `state` crate.
    pub parameters_sealed: &'a [u8],
}

impl std::fmt::Debug for NewMail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMail")
            .field("id", &self.id)
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

/// The channel on which a new mail is announced at commit.
pub const CHANNEL: &str = "siteplane_mails";

/// Queues a mail and announces it at commit.
///
/// # Errors
/// The database refused.
pub async fn enqueue(conn: &mut PgConnection, mail: &NewMail<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into mails (id, customer_id, recipient, template, parameters_sealed) values ($1, $2, $3, $4, $5)",
        mail.id.0,
        mail.customer.map(|customer| customer.0),
        mail.recipient,
        mail.template,
        mail.parameters_sealed,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("select pg_notify($1, '')", CHANNEL)
        .execute(conn)
        .await?;
    Ok(())
}

/// A mail that is due.
#[derive(Clone)]
pub struct DueMail {
    /// Its id.
    pub id: MailId,
    /// Whose white label it wears.
    pub customer: Option<CustomerId>,
    /// Whom it goes to.
    pub recipient: String,
    /// Which template.
    pub template: String,
    /// What the template is filled with, sealed.
    pub parameters_sealed: Vec<u8>,
    /// How often it was tried before.
    pub attempts: i32,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
}

impl std::fmt::Debug for DueMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DueMail")
            .field("id", &self.id)
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

/// Takes the mail that is due longest, so that no other worker does for `hold_seconds`. Needs
/// [`crate::tenant::Scope::Worker`].
///
/// # Errors
/// The database refused.
pub async fn take_due(conn: &mut PgConnection, hold_seconds: f64) -> sqlx::Result<Option<DueMail>> {
    sqlx::query!(
        r#"update mails set attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $1)
           where id = (
               select id from mails where status = 'queued' and next_attempt_at <= now()
               order by next_attempt_at limit 1 for update skip locked
           )
           returning id, customer_id, recipient, template, parameters_sealed as "parameters_sealed!", attempts, created_at"#,
        hold_seconds
    )
    .map(|row| DueMail {
        id: MailId(row.id),
        customer: row.customer_id.map(CustomerId),
        recipient: row.recipient,
        template: row.template,
        parameters_sealed: row.parameters_sealed,
        attempts: row.attempts - 1,
        created_at: row.created_at,
    })
    .fetch_optional(conn)
    .await
}

/// Keeps that a mail was sent, and forgets what it said.
///
/// # Errors
/// The database refused.
pub async fn set_sent(conn: &mut PgConnection, id: MailId) -> sqlx::Result<()> {
    sqlx::query!(
        "update mails set status = 'sent', finished_at = now(), parameters_sealed = null, last_error = null where id = $1",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps that a mail will not be sent, and why.
///
/// # Errors
/// The database refused.
pub async fn set_given_up(conn: &mut PgConnection, id: MailId, error: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update mails set status = 'given_up', finished_at = now(), parameters_sealed = null, last_error = $2 where id = $1",
        id.0,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps why a mail could not be sent this time, and when it is tried again.
///
/// # Errors
/// The database refused.
pub async fn set_retry(
    conn: &mut PgConnection,
    id: MailId,
    error: &str,
    after_seconds: f64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update mails set last_error = $2, next_attempt_at = now() + make_interval(secs => $3) where id = $1",
        id.0,
        error,
        after_seconds,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Seconds until the next mail is due; `None` where nothing waits.
///
/// # Errors
/// The database refused.
pub async fn seconds_until_due(conn: &mut PgConnection) -> sqlx::Result<Option<f64>> {
    sqlx::query_scalar!(
        r#"select greatest(extract(epoch from min(next_attempt_at) - now()), 0)::float8 from mails where status = 'queued'"#
    )
    .fetch_one(conn)
    .await
}
