//! People. What proves who they are lies in [`crate::credentials`].

use chrono::{DateTime, Utc};
use domain::id::{CustomerId, RoleId, UserId};
use sqlx::PgConnection;

use crate::roles::RoleOf;

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// The customer that they belong to; `None` is the platform.
    pub customer: Option<CustomerId>,
    /// Their address, as they wrote it.
    pub email: String,
    /// Their name; may be empty.
    pub name: String,
    /// The name of their role.
    pub role: String,
    /// Their role, if it is one of the customer's own.
    pub custom_role: Option<RoleId>,
    /// When they were added.
    pub created_at: DateTime<Utc>,
    /// When they proved that the address is theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// When they signed in last.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// Since when they may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
}

macro_rules! users {
    ($conn:expr, $fetch:ident, $tail:literal $(, $argument:expr)*) => {
        sqlx::query!(
            r#"select u.id, u.customer_id, u.email, u.name, coalesce(r.name, u.role) as "role!", u.custom_role_id,
                   u.created_at, u.email_verified_at, u.last_sign_in_at, u.disabled_at
               from users u left join roles r on r.id = u.custom_role_id "# + $tail
            $(, $argument)*
        )
        .map(|row| User {
            id: UserId(row.id),
            customer: row.customer_id.map(CustomerId),
            email: row.email,
            name: row.name,
            role: row.role,
            custom_role: row.custom_role_id.map(RoleId),
            created_at: row.created_at,
            email_verified_at: row.email_verified_at,
            last_sign_in_at: row.last_sign_in_at,
            disabled_at: row.disabled_at,
        })
        .$fetch($conn)
        .await
    };
}

/// The person, if the caller may see them.
///
/// # Errors
/// The database refused.
pub async fn find(conn: &mut PgConnection, id: UserId) -> sqlx::Result<Option<User>> {
    users!(conn, fetch_optional, "where u.id = $1", id.0)
}

/// The person with this address, however it is written. Needs [`crate::tenant::Scope::Auth`].
///
/// # Errors
/// The database refused.
pub async fn find_by_email(conn: &mut PgConnection, email: &str) -> sqlx::Result<Option<User>> {
    users!(conn, fetch_optional, "where lower(u.email) = lower($1)", email)
}

/// The people of a customer or of the platform, oldest first.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, customer: Option<CustomerId>) -> sqlx::Result<Vec<User>> {
    users!(
        conn,
        fetch_all,
        "where u.customer_id is not distinct from $1 order by u.id",
        customer.map(|customer| customer.0)
    )
}

/// Adds a person.
///
/// # Errors
/// `users_email_key` where the address is taken; `users_role_fits_customer` where the role is none of the scope's.
pub async fn insert(
    conn: &mut PgConnection,
    id: UserId,
    customer: Option<CustomerId>,
    email: &str,
    name: &str,
    role: RoleOf,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into users (id, customer_id, email, name, role, custom_role_id) values ($1, $2, $3, $4, $5, $6)",
        id.0,
        customer.map(|customer| customer.0),
        email,
        name,
        role.as_str(),
        role.custom(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a person another role.
///
/// # Errors
/// `users_role_fits_customer` where the role is none of the scope's.
pub async fn set_role(conn: &mut PgConnection, id: UserId, role: RoleOf) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set role = $2, custom_role_id = $3 where id = $1",
        id.0,
        role.as_str(),
        role.custom(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a person another name.
///
/// # Errors
/// The database refused.
pub async fn set_name(conn: &mut PgConnection, id: UserId, name: &str) -> sqlx::Result<()> {
    sqlx::query!("update users set name = $2 where id = $1", id.0, name)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets a person sign in, or not.
///
/// # Errors
/// The database refused.
pub async fn set_disabled(conn: &mut PgConnection, id: UserId, disabled: bool) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set disabled_at = case when $2 then coalesce(disabled_at, now()) end where id = $1",
        id.0,
        disabled,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps that the address is the person's. Needs [`crate::tenant::Scope::Auth`].
///
/// # Errors
/// The database refused.
pub async fn set_email_verified(conn: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set email_verified_at = coalesce(email_verified_at, now()) where id = $1",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps that a person signed in. Needs [`crate::tenant::Scope::Auth`].
///
/// # Errors
/// The database refused.
pub async fn set_signed_in(conn: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!("update users set last_sign_in_at = now() where id = $1", id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// How many owners of a customer, or admins of the platform, can sign in: the last one must stay. Locks them, so
/// that two who leave at once wait for each other.
///
/// # Errors
/// The database refused.
pub async fn count_in_charge(conn: &mut PgConnection, customer: Option<CustomerId>) -> sqlx::Result<usize> {
    let rows = sqlx::query_scalar!(
        "select id from users
         where customer_id is not distinct from $1 and disabled_at is null and role in ('owner', 'admin')
         order by id for update",
        customer.map(|customer| customer.0)
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.len())
}
