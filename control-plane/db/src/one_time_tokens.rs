//! Links that were mailed, each good for one use. All of it needs [`crate::tenant::Scope::Auth`].

use chrono::{DateTime, Utc};
use domain::id::UserId;
use sqlx::PgConnection;

use crate::tokens::digest;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Shows that the address is the person's.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
    /// Lifts a lockout.
    Unlock,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::Unlock => "unlock",
        }
    }
}

/// Stores a link's token; earlier ones of the same purpose end. `text` needs 256 random bits.
///
/// # Errors
/// The database refused.
pub async fn insert(
    conn: &mut PgConnection,
    user: UserId,
    purpose: Purpose,
    text: &str,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from one_time_tokens where user_id = $1 and purpose = $2",
        user.0,
        purpose.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into one_time_tokens (token_hash, user_id, purpose, expires_at) values ($1, $2, $3, $4)",
        digest(text),
        user.0,
        purpose.as_str(),
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a link's token, once: the person whose it is, unless it is unknown, used or past its end.
///
/// # Errors
/// The database refused.
pub async fn take(conn: &mut PgConnection, purpose: Purpose, text: &str) -> sqlx::Result<Option<UserId>> {
    let user = sqlx::query_scalar!(
        "update one_time_tokens set used_at = now()
         where token_hash = $1 and purpose = $2 and used_at is null and expires_at > now()
         returning user_id",
        digest(text),
        purpose.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(user.map(UserId))
}
