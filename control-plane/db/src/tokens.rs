//! API tokens, and who bears one. A token's text is never stored, its SHA-256 is.

use chrono::{DateTime, Utc};
use domain::id::{ApiTokenId, CustomerId, SessionId, UserId};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::roles::RoleOf;

/// What a token says about its bearer, or a session about its person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The token or session.
    pub proof: Proof,
    /// The customer it is for; `None` is the platform.
    pub customer: Option<CustomerId>,
    /// The person it belongs to, if it does.
    pub user: Option<UserId>,
    /// The name that people read.
    pub name: String,
    /// `admin`, `operator`, `auditor`, `collector`; `owner`, `member`, `viewer`, `ci`; `custom`.
    pub role: String,
    /// Keys of the permissions of a custom role.
    pub permissions: Option<Vec<String>>,
    /// Keys of the permissions that a token is narrowed to.
    pub scopes: Option<Vec<String>>,
    /// `active`, `suspended`, `deactivated`; none for the platform.
    pub customer_status: Option<String>,
    /// What the customer bought; none for the platform.
    pub tier: Option<String>,
}

/// By what a bearer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// An API token.
    Token(ApiTokenId),
    /// A person's sign-in.
    Session {
        /// Which one.
        id: SessionId,
        /// How it began: `password`, `totp`, `recovery_code`, `oidc`.
        methods: Vec<String>,
    },
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
    pub role: RoleOf,
    /// Keys of the permissions that it is narrowed to; `None` is all of its role's.
    pub scopes: Option<Vec<String>>,
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
        "insert into api_tokens (id, customer_id, user_id, name, role, custom_role_id, scopes, token_hash, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        token.id.0,
        token.customer.map(|customer| customer.0),
        token.user.map(|user| user.0),
        token.name,
        token.role.as_str(),
        token.role.custom(),
        token.scopes.as_deref(),
        digest(text),
        token.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Who bears this token, unless it is unknown, revoked, past its end or its person disabled. Needs
/// [`crate::tenant::Scope::Auth`].
///
/// # Errors
/// The database refused.
pub async fn find_bearer(conn: &mut PgConnection, text: &str) -> sqlx::Result<Option<Bearer>> {
    let row = sqlx::query!(
        r#"select id as "id!", customer_id, user_id, name as "name!", role as "role!", permissions, scopes,
               customer_status, tier
           from find_api_token($1)"#,
        digest(text)
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Bearer {
        proof: Proof::Token(ApiTokenId(row.id)),
        customer: row.customer_id.map(CustomerId),
        user: row.user_id.map(UserId),
        name: row.name,
        role: row.role,
        permissions: row.permissions,
        scopes: row.scopes,
        customer_status: row.customer_status,
        tier: row.tier,
    }))
}

/// A token, without its text, which nobody can read again.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The customer it is for; `None` is the platform.
    pub customer: Option<CustomerId>,
    /// The person it belongs to.
    pub user: Option<UserId>,
    /// The name that people read.
    pub name: String,
    /// The name of its role.
    pub role: String,
    /// Keys of the permissions that it is narrowed to.
    pub scopes: Option<Vec<String>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last, to five minutes.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Tokens that are not revoked, newest first; of `customer`, or the platform's own.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, customer: Option<CustomerId>) -> sqlx::Result<Vec<StoredToken>> {
    sqlx::query!(
        r#"select t.id, t.customer_id, t.user_id, t.name, coalesce(r.name, t.role) as "role!", t.scopes, t.created_at,
               t.expires_at, t.last_used_at
           from api_tokens t left join roles r on r.id = t.custom_role_id
           where t.customer_id is not distinct from $1 and t.revoked_at is null
           order by t.id desc"#,
        customer.map(|customer| customer.0)
    )
    .map(|row| StoredToken {
        id: ApiTokenId(row.id),
        customer: row.customer_id.map(CustomerId),
        user: row.user_id.map(UserId),
        name: row.name,
        role: row.role,
        scopes: row.scopes,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    })
    .fetch_all(conn)
    .await
}

/// Ends a token of `customer`, or of the platform, for good. Says whether there was one that had not ended.
///
/// # Errors
/// The database refused.
pub async fn revoke(
    conn: &mut PgConnection,
    customer: Option<CustomerId>,
    token: ApiTokenId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update api_tokens set revoked_at = now()
         where id = $1 and customer_id is not distinct from $2 and revoked_at is null",
        token.0,
        customer.map(|customer| customer.0),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
