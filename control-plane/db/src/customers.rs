//! Customers.

use chrono::{DateTime, Utc};
use domain::id::CustomerId;
use sqlx::PgConnection;
use uuid::Uuid;

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// The name that people read.
    pub name: String,
    /// A DNS label, unique.
    pub slug: String,
}

/// Adds a customer; `max_concurrent` is the queue's cap on its running deployments.
///
/// # Errors
/// `customers_slug_key` where the slug is taken.
pub async fn insert(conn: &mut PgConnection, customer: &Customer, max_concurrent: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into customers (id, name, slug, max_concurrent) values ($1, $2, $3, $4)",
        customer.id.0,
        customer.name,
        customer.slug,
        max_concurrent,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The customer with this id, if the caller may see it.
///
/// # Errors
/// The database refused.
pub async fn find(conn: &mut PgConnection, id: CustomerId) -> sqlx::Result<Option<Customer>> {
    let row = sqlx::query!("select id, name, slug from customers where id = $1", id.0)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| Customer {
        id: CustomerId(row.id),
        name: row.name,
        slug: row.slug,
    }))
}

/// The customer with this slug, if the caller may see it.
///
/// # Errors
/// The database refused.
pub async fn find_by_slug(conn: &mut PgConnection, slug: &str) -> sqlx::Result<Option<Customer>> {
    let row = sqlx::query!("select id, name, slug from customers where slug = $1", slug)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| Customer {
        id: CustomerId(row.id),
        name: row.name,
        slug: row.slug,
    }))
}

/// A customer with what the platform decides about it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCustomer {
    /// Who it is.
    pub customer: Customer,
    /// `standard`, `premium` or `enterprise`.
    pub tier: String,
    /// `active`, `suspended` or `deactivated`.
    pub status: String,
    /// Why it is not active.
    pub status_reason: Option<String>,
    /// Most sites that are not deleted; `None` is no limit.
    pub max_sites: Option<i32>,
    /// Most deployments at once.
    pub max_concurrent: i32,
    /// Share of the queue, compared with others.
    pub weight: i32,
    /// Counted up at each change.
    pub version: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

macro_rules! stored {
    ($conn:expr, $fetch:ident, $tail:literal $(, $argument:expr)*) => {
        sqlx::query!(
            "select id, name, slug, tier, status, status_reason, max_sites, max_concurrent, weight, version, created_at,
                 updated_at
             from customers " + $tail
            $(, $argument)*
        )
        .map(|row| StoredCustomer {
            customer: Customer {
                id: CustomerId(row.id),
                name: row.name,
                slug: row.slug,
            },
            tier: row.tier,
            status: row.status,
            status_reason: row.status_reason,
            max_sites: row.max_sites,
            max_concurrent: row.max_concurrent,
            weight: row.weight,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
        .$fetch($conn)
        .await
    };
}

/// The customer with this id and all that is decided about it, if the caller may see it.
///
/// # Errors
/// The database refused.
pub async fn read(conn: &mut PgConnection, id: CustomerId) -> sqlx::Result<Option<StoredCustomer>> {
    stored!(conn, fetch_optional, "where id = $1", id.0)
}

/// As [`read`], and nobody else changes it until the transaction ends.
///
/// # Errors
/// The database refused.
pub async fn read_for_update(
    conn: &mut PgConnection,
    id: CustomerId,
) -> sqlx::Result<Option<StoredCustomer>> {
    stored!(conn, fetch_optional, "where id = $1 for update", id.0)
}

/// The customers that the caller may see, newest first, those made before `before`.
///
/// # Errors
/// The database refused.
pub async fn list(
    conn: &mut PgConnection,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<StoredCustomer>> {
    stored!(
        conn,
        fetch_all,
        "where $1::uuid is null or id < $1 order by id desc limit $2",
        before,
        limit
    )
}

/// Stores what may change of a customer, as its next version.
///
/// # Errors
/// The database refused.
pub async fn update(conn: &mut PgConnection, changed: &StoredCustomer) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers
         set name = $2, tier = $3, status = $4, status_reason = $5, max_sites = $6, max_concurrent = $7, weight = $8,
             version = version + 1, updated_at = now()
         where id = $1",
        changed.customer.id.0,
        changed.customer.name,
        changed.tier,
        changed.status,
        changed.status_reason,
        changed.max_sites,
        changed.max_concurrent,
        changed.weight,
    )
    .execute(conn)
    .await?;
    Ok(())
}
