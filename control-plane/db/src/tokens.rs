//! API tokens and the users that they belong to. The token's text is never stored, its SHA-256 is.

use chrono::{DateTime, Utc};
use domain::id::{ApiTokenId, CustomerId, UserId};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

/// What a token says about its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBearer {
    /// The token.
    pub token: ApiTokenId,
    /// The customer it is for; `None` is the platform.
    pub customer: Option<CustomerId>,
    /// The person it belongs to, if it does.
    pub user: Option<UserId>,
    /// The name that people read.
    pub name: String,
    /// `admin`, `operator`, `auditor`, `collector`; `owner`, `member`, `viewer`, `ci`.
    pub role: String,
}

/// A token to store.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// Its id.
    pub id: ApiTokenId,
    /// The customer it is for; `None` is the platform.
    pub customer: Option<CustomerId>,
    /// The person it belongs to.
    pub user: Option<UserId>,
    /// The name that people read.
    pub name: &'a str,
    /// What it may do.
    pub role: &'a str,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// SHA-256 of a token's text.
pub fn digest(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// Stores a token. `text` needs 256 random bits.
///
/// # Errors
/// `api_tokens_role_fits_customer` where the role is none of the scope's.
pub async fn insert(conn: &mut PgConnection, token: &NewToken<'_>, text: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into api_tokens (id, customer_id, user_id, name, role, token_hash, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        token.id.0,
        token.customer.map(|customer| customer.0),
        token.user.map(|user| user.0),
        token.name,
        token.role,
        digest(text),
        token.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Who bears this token, unless it is unknown, revoked or has ended. Needs [`crate::tenant::Scope::Auth`].
///
/// # Errors
/// The database refused.
pub async fn find_bearer(conn: &mut PgConnection, text: &str) -> sqlx::Result<Option<TokenBearer>> {
    let row = sqlx::query!(
        r#"select id as "id!", customer_id, user_id, name as "name!", role as "role!" from find_api_token($1)"#,
        digest(text)
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| TokenBearer {
        token: ApiTokenId(row.id),
        customer: row.customer_id.map(CustomerId),
        user: row.user_id.map(UserId),
        name: row.name,
        role: row.role,
    }))
}

/// Adds a person.
///
/// # Errors
/// `users_email_key` where the address is taken; `users_role_fits_customer` where the role is none of the scope's.
pub async fn insert_user(
    conn: &mut PgConnection,
    id: UserId,
    customer: Option<CustomerId>,
    email: &str,
    role: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into users (id, customer_id, email, role) values ($1, $2, $3, $4)",
        id.0,
        customer.map(|customer| customer.0),
        email,
        role,
    )
    .execute(conn)
    .await?;
    Ok(())
}
