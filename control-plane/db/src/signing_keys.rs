//! The keys that sign access tokens. All of it needs [`crate::tenant::Scope::Auth`].

use chrono::{DateTime, Utc};
use domain::id::SigningKeyId;
use sqlx::PgConnection;

/// A key pair (Ed25519).
#[derive(Clone)]
pub struct SigningKey {
    /// Its id, the `kid` of what it signs.
    pub id: SigningKeyId,
    /// 32 bytes.
    pub public_key: Vec<u8>,
    /// Sealed by the `state` crate.
    pub private_key_sealed: Vec<u8>,
    /// When it begins to sign; it is published before.
    pub signs_from: DateTime<Utc>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("signs_from", &self.signs_from)
            .finish_non_exhaustive()
    }
}

/// The keys that verify now or will, the newest first.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<SigningKey>> {
    sqlx::query!(
        "select id, public_key, private_key_sealed, signs_from from signing_keys
         where verifies_until is null or verifies_until > now()
         order by signs_from desc, id desc"
    )
    .map(|row| SigningKey {
        id: SigningKeyId(row.id),
        public_key: row.public_key,
        private_key_sealed: row.private_key_sealed,
        signs_from: row.signs_from,
    })
    .fetch_all(conn)
    .await
}

/// Keeps others from adding a key until the transaction ends: the first processes of an installation start at once.
///
/// # Errors
/// The database refused.
pub async fn lock(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("select pg_advisory_xact_lock(7346585)")
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds a key. The others verify for `overlap_seconds` more than it takes until this one signs.
///
/// # Errors
/// The database refused.
pub async fn insert(conn: &mut PgConnection, key: &SigningKey, overlap_seconds: f64) -> sqlx::Result<()> {
    sqlx::query!(
        "update signing_keys set verifies_until = $1::timestamptz + make_interval(secs => $2)
         where verifies_until is null",
        key.signs_from,
        overlap_seconds,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into signing_keys (id, public_key, private_key_sealed, signs_from) values ($1, $2, $3, $4)",
        key.id.0,
        key.public_key,
        key.private_key_sealed,
        key.signs_from,
    )
    .execute(conn)
    .await?;
    Ok(())
}
