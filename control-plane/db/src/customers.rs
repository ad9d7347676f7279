//! Customers.

use domain::id::CustomerId;
use sqlx::PgConnection;

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
