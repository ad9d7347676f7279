//! Sign-ins and their refresh tokens. All of it needs [`crate::tenant::Scope::Auth`].

use chrono::{DateTime, Utc};
use domain::id::{CustomerId, SessionId, UserId};
use sqlx::PgConnection;

use crate::tokens::{Bearer, Proof, digest};

/// A sign-in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// How it began: `password`, `totp`, `recovery_code`, `oidc`.
    pub methods: Vec<String>,
    /// Where from.
    pub address: String,
    /// With what, as the program said.
    pub device: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When its refresh token was used last.
    pub last_used_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A session to begin.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// How it begins.
    pub methods: &'a [String],
    /// Where from.
    pub address: &'a str,
    /// With what.
    pub device: &'a str,
    /// Unused until then it ends.
    pub idle_until: DateTime<Utc>,
    /// Then it ends in any case.
    pub expires_at: DateTime<Utc>,
}

/// Begins a session with its first refresh token.
///
/// # Errors
/// The database refused.
pub async fn insert(conn: &mut PgConnection, session: &NewSession<'_>, refresh: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into sessions (id, user_id, methods, address, device, idle_until, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        session.id.0,
        session.user.0,
        session.methods,
        session.address,
        session.device,
        session.idle_until,
        session.expires_at,
    )
    .execute(&mut *conn)
    .await?;
    insert_refresh(conn, session.id, refresh).await
}

async fn insert_refresh(conn: &mut PgConnection, session: SessionId, refresh: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into refresh_tokens (token_hash, session_id) values ($1, $2)",
        digest(refresh),
        session.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Who a session belongs to, unless it has ended.
///
/// # Errors
/// The database refused.
pub async fn find_bearer(conn: &mut PgConnection, session: SessionId) -> sqlx::Result<Option<Bearer>> {
    let row = sqlx::query!(
        r#"select id as "id!", customer_id, user_id as "user_id!", name as "name!", role as "role!", permissions,
               methods as "methods!", customer_status, tier
           from find_session($1)"#,
        session.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Bearer {
        proof: Proof::Session {
            id: SessionId(row.id),
            methods: row.methods,
        },
        customer: row.customer_id.map(CustomerId),
        user: Some(UserId(row.user_id)),
        name: row.name,
        role: row.role,
        permissions: row.permissions,
        scopes: None,
        customer_status: row.customer_status,
        tier: row.tier,
    }))
}

/// What came of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It was the newest of a session that goes on: the session, whose token is now the other one.
    Rotated(SessionId),
    /// It was used before. Somebody has a copy, so the whole session ended with this.
    Reused(SessionId),
    /// It is unknown, or its session has ended.
    Refused,
}

/// Puts `new` in the place of `old`, once.
///
/// # Errors
/// The database refused.
pub async fn rotate(
    conn: &mut PgConnection,
    old: &str,
    new: &str,
    idle_until: DateTime<Utc>,
) -> sqlx::Result<Refreshed> {
    let row = sqlx::query!(
        r#"select t.session_id, t.used_at,
               s.revoked_at is null and s.expires_at > now() and s.idle_until > now() as "goes_on!"
           from refresh_tokens t join sessions s on s.id = t.session_id
           where t.token_hash = $1
           for update"#,
        digest(old)
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else {
        return Ok(Refreshed::Refused);
    };
    let session = SessionId(row.session_id);
    if !row.goes_on {
        return Ok(Refreshed::Refused);
    }
    if row.used_at.is_some() {
        revoke(conn, session, "a refresh token was used twice").await?;
        return Ok(Refreshed::Reused(session));
    }
    sqlx::query!(
        "update refresh_tokens set used_at = now() where token_hash = $1",
        digest(old)
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update sessions set last_used_at = now(), idle_until = least($2, expires_at) where id = $1",
        session.0,
        idle_until,
    )
    .execute(&mut *conn)
    .await?;
    insert_refresh(conn, session, new).await?;
    Ok(Refreshed::Rotated(session))
}

/// A person's sessions that go on, newest first.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, user: UserId) -> sqlx::Result<Vec<Session>> {
    sqlx::query!(
        "select id, user_id, methods, address, device, created_at, last_used_at, least(idle_until, expires_at) as \"ends!\"
         from sessions
         where user_id = $1 and revoked_at is null and expires_at > now() and idle_until > now()
         order by created_at desc, id desc",
        user.0
    )
    .map(|row| Session {
        id: SessionId(row.id),
        user: UserId(row.user_id),
        methods: row.methods,
        address: row.address,
        device: row.device,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.ends,
    })
    .fetch_all(conn)
    .await
}

/// Ends a session.
///
/// # Errors
/// The database refused.
pub async fn revoke(conn: &mut PgConnection, session: SessionId, because: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update sessions set revoked_at = now(), revoked_because = $2 where id = $1 and revoked_at is null",
        session.0,
        because,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a person's session of this id. Says whether there was one that went on.
///
/// # Errors
/// The database refused.
pub async fn revoke_of(
    conn: &mut PgConnection,
    user: UserId,
    session: SessionId,
    because: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update sessions set revoked_at = now(), revoked_because = $3
         where user_id = $1 and id = $2 and revoked_at is null",
        user.0,
        session.0,
        because,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of a person's sessions but one. Says how many went on.
///
/// # Errors
/// The database refused.
pub async fn revoke_all(
    conn: &mut PgConnection,
    user: UserId,
    but: Option<SessionId>,
    because: &str,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "update sessions set revoked_at = now(), revoked_because = $3
         where user_id = $1 and id is distinct from $2 and revoked_at is null",
        user.0,
        but.map(|session| session.0),
        because,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Whose a session is, ended or not.
///
/// # Errors
/// The database refused.
pub async fn user_of(conn: &mut PgConnection, session: SessionId) -> sqlx::Result<Option<UserId>> {
    let user = sqlx::query_scalar!("select user_id from sessions where id = $1", session.0)
        .fetch_optional(conn)
        .await?;
    Ok(user.map(UserId))
}

/// Keeps that the person of a session has shown one thing more.
///
/// # Errors
/// The database refused.
pub async fn add_method(conn: &mut PgConnection, session: SessionId, method: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update sessions set methods = array_append(array_remove(methods, $2), $2) where id = $1",
        session.0,
        method,
    )
    .execute(conn)
    .await?;
    Ok(())
}
