//! Before anybody can sign in: what the operator of an installation does to the first accounts, without the API.

use chrono::{DateTime, Utc};
use db::{
    credentials,
    one_time_tokens::{self, Purpose},
    users,
};
use domain::{id::UserId, specification::Secret};
use sqlx::PgConnection;

use super::{password, random_text};
use crate::mail;

/// A link by which the person sets a password, once, until `expires_at`. Whoever has it gets in, so it is shown to
/// the operator and kept nowhere. Needs [`db::tenant::Scope::Auth`].
///
/// # Errors
/// The database refused.
pub async fn link_to_set_password(
    conn: &mut PgConnection,
    public_url: &str,
    user: UserId,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<Secret> {
    let token = random_text("");
    one_time_tokens::insert(conn, user, Purpose::ResetPassword, token.expose(), expires_at).await?;
    Ok(Secret::new(mail::link_at(
        public_url,
        "reset-password",
        token.expose(),
    )))
}

/// Why an imported hash can't be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither a bcrypt hash ($2a$, $2b$, $2y$) nor an argon2 hash in PHC form ($argon2id$v=19$…)")]
pub struct UnknownHash;

/// Keeps a password's hash that another program made. It is verified as it is, and replaced by a better one when
/// the person signs in. Needs [`db::tenant::Scope::Auth`].
///
/// # Errors
/// [`ImportError::Hash`] where it is no hash that could be verified.
pub async fn import_password_hash(
    conn: &mut PgConnection,
    user: UserId,
    hash: &Secret,
) -> Result<(), ImportError> {
    if !password::is_hash(hash.expose()) {
        return Err(UnknownHash.into());
    }
    credentials::set_password(conn, user, hash.expose()).await?;
    Ok(users::set_email_verified(conn, user).await?)
}

/// An import that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The hash is none.
    #[error(transparent)]
    Hash(#[from] UnknownHash),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The hash of a password that the operator chose, as sign-in keeps it.
///
/// # Errors
/// The operating system gave no random bytes.
pub async fn hash_password(password: &Secret) -> Result<Secret, NoHash> {
    match password::hash(password).await {
        Ok(hash) => Ok(Secret::new(hash)),
        Err(_) => Err(NoHash),
    }
}

/// No hash could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password can't be hashed: the operating system gives no random bytes")]
pub struct NoHash;
