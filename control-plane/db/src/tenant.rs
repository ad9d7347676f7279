//! The only door to the database: a transaction that runs as one of the four roles.

use domain::id::CustomerId;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};

/// Whose rows a transaction may see and touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One customer's.
    Customer(CustomerId),
    /// All customers', to read; and the platform's own, to write.
    Platform,
    /// What a worker needs of every customer.
    Worker,
    /// Nothing but the narrow functions that sign-in needs.
    Auth,
}

/// Begins a transaction in `scope`, in one round trip.
///
/// # Errors
/// The database can't be reached, or the program's login is no member of the role.
pub async fn begin(pool: &PgPool, scope: Scope) -> sqlx::Result<Transaction<'static, Postgres>> {
    let statement = match scope {
        // A UUID's text has no quote in it.
        Scope::Customer(customer) => {
            format!("begin; set local role siteplane_api; set local siteplane.customer_id = '{customer}'")
        }
        Scope::Platform => "begin; set local role siteplane_platform".to_owned(),
        Scope::Worker => "begin; set local role siteplane_worker".to_owned(),
        Scope::Auth => "begin; set local role siteplane_auth".to_owned(),
    };
    pool.begin_with(AssertSqlSafe(statement)).await
}
