//! Invitations. Who accepts one becomes a person of the customer; that part needs [`crate::tenant::Scope::Auth`].

use chrono::{DateTime, Utc};
use domain::id::{CustomerId, InvitationId, RoleId};
use sqlx::PgConnection;

use crate::{roles::RoleOf, tokens::digest, unreadable};

/// An invitation.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Where it invites to; `None` is the platform.
    pub customer: Option<CustomerId>,
    /// Who is invited.
    pub email: String,
    /// The name of the role.
    pub role: String,
    /// Who invited.
    pub invited_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// An invitation to store.
#[derive(Clone, Debug)]
pub struct NewInvitation<'a> {
    /// Its id.
    pub id: InvitationId,
    /// Where it invites to; `None` is the platform.
    pub customer: Option<CustomerId>,
    /// Who is invited.
    pub email: &'a str,
    /// The role that they will have.
    pub role: RoleOf,
    /// Who invites.
    pub invited_by: &'a str,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Stores an invitation. `text` needs 256 random bits.
///
/// # Errors
/// `invitations_role_fits_customer` where the role is none of the scope's.
pub async fn insert(conn: &mut PgConnection, new: &NewInvitation<'_>, text: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into invitations (id, customer_id, email, role, custom_role_id, token_hash, invited_by, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id.0,
        new.customer.map(|customer| customer.0),
        new.email,
        new.role.as_str(),
        new.role.custom(),
        digest(text),
        new.invited_by,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Invitations of a customer or of the platform that are open, newest first.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, customer: Option<CustomerId>) -> sqlx::Result<Vec<Invitation>> {
    sqlx::query!(
        r#"select i.id, i.customer_id, i.email, coalesce(r.name, i.role) as "role!", i.invited_by, i.created_at,
               i.expires_at
           from invitations i left join roles r on r.id = i.custom_role_id
           where i.customer_id is not distinct from $1
             and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
           order by i.id desc"#,
        customer.map(|customer| customer.0)
    )
    .map(|row| Invitation {
        id: InvitationId(row.id),
        customer: row.customer_id.map(CustomerId),
        email: row.email,
        role: row.role,
        invited_by: row.invited_by,
        created_at: row.created_at,
        expires_at: row.expires_at,
    })
    .fetch_all(conn)
    .await
}

/// Takes an open invitation back. Says whether there was one.
///
/// # Errors
/// The database refused.
pub async fn revoke(
    conn: &mut PgConnection,
    customer: Option<CustomerId>,
    id: InvitationId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update invitations set revoked_at = now()
         where id = $1 and customer_id is not distinct from $2 and accepted_at is null and revoked_at is null",
        id.0,
        customer.map(|customer| customer.0),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What an accepted invitation gives.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Where it invited to.
    pub customer: Option<CustomerId>,
    /// Who was invited.
    pub email: String,
    /// The role.
    pub role: RoleOf,
}

/// Takes an open invitation, once.
///
/// # Errors
/// The database refused.
pub async fn accept(conn: &mut PgConnection, text: &str) -> sqlx::Result<Option<Accepted>> {
    let row = sqlx::query!(
        "update invitations set accepted_at = now()
         where token_hash = $1 and accepted_at is null and revoked_at is null and expires_at > now()
         returning customer_id, email, role, custom_role_id",
        digest(text)
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let role = match row.custom_role_id {
            Some(role) => RoleOf::Custom(RoleId(role)),
            None => RoleOf::BuiltIn(row.role.parse().map_err(unreadable)?),
        };
        Ok(Accepted {
            customer: row.customer_id.map(CustomerId),
            email: row.email,
            role,
        })
    })
    .transpose()
}
