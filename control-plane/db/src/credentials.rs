//! What proves who a person is: password, TOTP, recovery codes. All of it needs [`crate::tenant::Scope::Auth`].

use chrono::{DateTime, Utc};
use domain::id::UserId;
use sqlx::PgConnection;

/// A person's credentials.
#[derive(Clone, Default)]
pub struct Credentials {
    /// argon2id in PHC form, or an imported bcrypt hash.
    pub password_hash: Option<String>,
    /// The TOTP secret, sealed by the `state` crate.
    pub totp_sealed: Option<Vec<u8>>,
    /// Since when sign-in asks for a code.
    pub totp_confirmed_at: Option<DateTime<Utc>>,
    /// Time step of the last code that was taken.
    pub totp_last_step: Option<i64>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("totp_confirmed_at", &self.totp_confirmed_at)
            .finish_non_exhaustive()
    }
}

/// A person's credentials; empty where they have none.
///
/// # Errors
/// The database refused.
pub async fn find(conn: &mut PgConnection, user: UserId) -> sqlx::Result<Credentials> {
    let row = sqlx::query_as!(
        Credentials,
        "select password_hash, totp_sealed, totp_confirmed_at, totp_last_step from credentials where user_id = $1",
        user.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.unwrap_or_default())
}

/// Keeps a password's hash.
///
/// # Errors
/// The database refused.
pub async fn set_password(conn: &mut PgConnection, user: UserId, hash: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into credentials (user_id, password_hash, password_changed_at) values ($1, $2, now())
         on conflict (user_id) do update set password_hash = excluded.password_hash, password_changed_at = now()",
        user.0,
        hash,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces a hash by a better one of the same password, unless it was changed meanwhile.
///
/// # Errors
/// The database refused.
pub async fn rehash(conn: &mut PgConnection, user: UserId, old: &str, new: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update credentials set password_hash = $3 where user_id = $1 and password_hash = $2",
        user.0,
        old,
        new,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps a TOTP secret that is not in force yet. Says whether it could: one that is in force stays.
///
/// # Errors
/// The database refused.
pub async fn propose_totp(conn: &mut PgConnection, user: UserId, sealed: &[u8]) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into credentials (user_id, totp_sealed) values ($1, $2)
         on conflict (user_id) do update set totp_sealed = excluded.totp_sealed, totp_last_step = null
         where credentials.totp_confirmed_at is null",
        user.0,
        sealed,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a code's time step, once: says whether it was later than the last. The first one puts the secret in force.
///
/// # Errors
/// The database refused.
pub async fn take_totp_step(conn: &mut PgConnection, user: UserId, step: i64) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update credentials
         set totp_last_step = $2, totp_confirmed_at = coalesce(totp_confirmed_at, now())
         where user_id = $1 and totp_sealed is not null and coalesce(totp_last_step, -1) < $2",
        user.0,
        step,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes the TOTP secret and the recovery codes.
///
/// # Errors
/// The database refused.
pub async fn remove_totp(conn: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    sqlx::query!(
        "update credentials set totp_sealed = null, totp_confirmed_at = null, totp_last_step = null where user_id = $1",
        user.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("delete from recovery_codes where user_id = $1", user.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Puts recovery codes in the place of those that there were.
///
/// # Errors
/// The database refused.
pub async fn set_recovery_codes(
    conn: &mut PgConnection,
    user: UserId,
    hashes: &[Vec<u8>],
) -> sqlx::Result<()> {
    sqlx::query!("delete from recovery_codes where user_id = $1", user.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "insert into recovery_codes (user_id, code_hash) select $1, hash from unnest($2::bytea[]) hash",
        user.0,
        hashes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a recovery code, once. Says whether it was one that is left.
///
/// # Errors
/// The database refused.
pub async fn take_recovery_code(conn: &mut PgConnection, user: UserId, hash: &[u8]) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update recovery_codes set used_at = now() where user_id = $1 and code_hash = $2 and used_at is null",
        user.0,
        hash,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many recovery codes are left.
///
/// # Errors
/// The database refused.
pub async fn count_recovery_codes(conn: &mut PgConnection, user: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from recovery_codes where user_id = $1 and used_at is null"#,
        user.0
    )
    .fetch_one(conn)
    .await
}
