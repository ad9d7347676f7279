//! Roles: the built-in ones by name, and those that a customer made out of permissions.

use chrono::{DateTime, Utc};
use domain::{
    access::Role,
    id::{CustomerId, RoleId},
};
use sqlx::PgConnection;
use uuid::Uuid;

/// The role of a person, a token or an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleOf {
    /// One that Siteplane has by itself.
    BuiltIn(Role),
    /// One of the customer's own.
    Custom(RoleId),
}

impl RoleOf {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn(role) => role.as_str(),
            Self::Custom(_) => "custom",
        }
    }

    pub(crate) fn custom(self) -> Option<Uuid> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Custom(role) => Some(role.0),
        }
    }
}

/// A role that a customer made.
#[derive(Clone, Debug)]
pub struct CustomRole {
    /// Its id.
    pub id: RoleId,
    /// A word that people use for it.
    pub name: String,
    /// Keys of its permissions.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A customer's own roles, by name.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, customer: CustomerId) -> sqlx::Result<Vec<CustomRole>> {
    sqlx::query!(
        "select id, name, permissions, created_at from roles where customer_id = $1 order by name",
        customer.0
    )
    .map(|row| CustomRole {
        id: RoleId(row.id),
        name: row.name,
        permissions: row.permissions,
        created_at: row.created_at,
    })
    .fetch_all(conn)
    .await
}

/// A customer's own role of this name.
///
/// # Errors
/// The database refused.
pub async fn find(
    conn: &mut PgConnection,
    customer: CustomerId,
    name: &str,
) -> sqlx::Result<Option<CustomRole>> {
    let mut roles = list(conn, customer).await?;
    let place = roles.iter().position(|role| role.name == name);
    Ok(place.map(|place| roles.swap_remove(place)))
}

/// Stores a role, in place of an earlier one of the same name.
///
/// # Errors
/// `roles_name_is_word` where the name is none.
pub async fn put(
    conn: &mut PgConnection,
    customer: CustomerId,
    name: &str,
    permissions: &[String],
) -> sqlx::Result<RoleId> {
    let id = sqlx::query_scalar!(
        "insert into roles (id, customer_id, name, permissions) values ($1, $2, $3, $4)
         on conflict (customer_id, name) do update set permissions = excluded.permissions
         returning id",
        RoleId::new().0,
        customer.0,
        name,
        permissions,
    )
    .fetch_one(conn)
    .await?;
    Ok(RoleId(id))
}

/// Removes a role.
///
/// # Errors
/// `users_custom_role_id_fkey`, `api_tokens_custom_role_id_fkey` or `invitations_custom_role_id_fkey` where somebody
/// still has it.
pub async fn delete(conn: &mut PgConnection, customer: CustomerId, role: RoleId) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from roles where customer_id = $1 and id = $2",
        customer.0,
        role.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
