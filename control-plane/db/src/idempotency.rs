//! Idempotency keys: the same request again gets the same answer again.
//!
//! Key, change and answer are one transaction, so a crash leaves none of them.

use domain::id::CustomerId;
use serde_json::Value;
use sqlx::PgConnection;

/// A key with what it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKey<'a> {
    /// Whose key.
    pub customer: CustomerId,
    /// On which route, such as `POST /api/v1/sites`.
    pub route: &'a str,
    /// The key itself.
    pub key: &'a str,
    /// SHA-256 of the request's body.
    pub request_digest: &'a [u8],
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// Nothing: go on, then [`remember`] in the same transaction. Twins wait outside until it ends.
    Nothing,
    /// A twin is at work.
    Running,
    /// The key belongs to another request.
    OtherRequest,
    /// The answer that was given.
    Answered(Answer),
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Location header.
    pub location: Option<String>,
    /// Body.
    pub body: Value,
}

/// Looks a key up and keeps twins out until the transaction ends.
///
/// # Errors
/// The database refused.
pub async fn begin(conn: &mut PgConnection, key: IdempotencyKey<'_>) -> sqlx::Result<Known> {
    let name = format!("{} {} {}", key.customer, key.route, key.key);
    let alone = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, 7)) as "alone!""#,
        name
    )
    .fetch_one(&mut *conn)
    .await?;
    if !alone {
        return Ok(Known::Running);
    }
    let row = sqlx::query!(
        "select request_digest, status, location, answer from idempotency_keys
         where customer_id = $1 and route = $2 and key = $3 and created_at > now() - interval '24 hours'",
        key.customer.0,
        key.route,
        key.key,
    )
    .fetch_optional(conn)
    .await?;
    Ok(match row {
        None => Known::Nothing,
        Some(row) if row.request_digest != key.request_digest => Known::OtherRequest,
        Some(row) => Known::Answered(Answer {
            status: u16::try_from(row.status).map_err(crate::unreadable)?,
            location: row.location,
            body: row.answer,
        }),
    })
}

/// Remembers the answer to a key that [`begin`] said nothing of.
///
/// # Errors
/// The database refused.
pub async fn remember(conn: &mut PgConnection, key: IdempotencyKey<'_>, answer: &Answer) -> sqlx::Result<()> {
    // The same key may lie there from more than a day ago.
    sqlx::query!(
        "delete from idempotency_keys where customer_id = $1 and route = $2 and key = $3",
        key.customer.0,
        key.route,
        key.key,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into idempotency_keys (customer_id, route, key, request_digest, status, location, answer)
         values ($1, $2, $3, $4, $5, $6, $7)",
        key.customer.0,
        key.route,
        key.key,
        key.request_digest,
        i16::try_from(answer.status).map_err(|error| sqlx::Error::Encode(Box::new(error)))?,
        answer.location,
        answer.body,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes keys older than a day. Needs [`crate::tenant::Scope::Worker`].
///
/// # Errors
/// The database refused.
pub async fn prune(conn: &mut PgConnection) -> sqlx::Result<u64> {
    let done = sqlx::query!("delete from idempotency_keys where created_at < now() - interval '24 hours'")
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
