//! Accounts at clouds.

use std::str::FromStr;

use domain::{
    id::{CloudAccountId, CustomerId},
    provider::{Provider, World},
};
use serde_json::Value;
use sqlx::PgConnection;

use crate::unreadable;

/// An account, without its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudAccount {
    /// Its id.
    pub id: CloudAccountId,
    /// Whose it is; `None` serves every customer.
    pub customer: Option<CustomerId>,
    /// The cloud.
    pub provider: Provider,
    /// Where its resources really stand.
    pub world: World,
    /// The name that people read.
    pub name: String,
    /// Address of an emulator or folder of a simulated cloud.
    pub endpoint: Option<String>,
    /// What only this cloud needs, such as an image id.
    pub provider_options: Value,
}

/// Adds an account. `credentials_sealed` was sealed by the `state` crate.
///
/// # Errors
/// `cloud_accounts_customer_id_name_key` where the name is taken.
pub async fn insert(
    conn: &mut PgConnection,
    account: &CloudAccount,
    max_concurrent: i32,
    credentials_sealed: &[u8],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into cloud_accounts
             (id, customer_id, provider, world, name, credentials_sealed, endpoint, provider_options, max_concurrent)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        account.id.0,
        account.customer.map(|customer| customer.0),
        account.provider.as_str(),
        account.world.as_str(),
        account.name,
        credentials_sealed,
        account.endpoint,
        account.provider_options,
        max_concurrent,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The accounts that the caller may use; a customer's own before the platform's, oldest first.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<CloudAccount>> {
    let rows = sqlx::query!(
        "select id, customer_id, provider, world, name, endpoint, provider_options
         from cloud_accounts order by customer_id nulls last, created_at, id"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(CloudAccount {
                id: CloudAccountId(row.id),
                customer: row.customer_id.map(CustomerId),
                provider: Provider::from_str(&row.provider).map_err(unreadable)?,
                world: World::from_str(&row.world).map_err(unreadable)?,
                name: row.name,
                endpoint: row.endpoint,
                provider_options: row.provider_options,
            })
        })
        .collect()
}

/// The account that a new site of `customer` on `provider` stands in: its own before the platform's.
///
/// # Errors
/// The database refused.
pub async fn choose(
    conn: &mut PgConnection,
    customer: CustomerId,
    provider: Provider,
) -> sqlx::Result<Option<CloudAccount>> {
    let accounts = list(conn).await?;
    Ok(accounts.into_iter().find(|account| {
        account.provider == provider && account.customer.is_none_or(|owner| owner == customer)
    }))
}

/// An account with its sealed credentials. Needs [`crate::tenant::Scope::Worker`].
///
/// # Errors
/// The database refused, or there is no such account.
pub async fn find_with_credentials(
    conn: &mut PgConnection,
    id: CloudAccountId,
) -> sqlx::Result<(CloudAccount, Vec<u8>)> {
    let row = sqlx::query!(
        "select id, customer_id, provider, world, name, endpoint, provider_options, credentials_sealed
         from cloud_accounts where id = $1",
        id.0
    )
    .fetch_one(conn)
    .await?;
    let account = CloudAccount {
        id: CloudAccountId(row.id),
        customer: row.customer_id.map(CustomerId),
        provider: Provider::from_str(&row.provider).map_err(unreadable)?,
        world: World::from_str(&row.world).map_err(unreadable)?,
        name: row.name,
        endpoint: row.endpoint,
        provider_options: row.provider_options,
    };
    Ok((account, row.credentials_sealed))
}
