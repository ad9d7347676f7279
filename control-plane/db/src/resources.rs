//! Resources that a site's state knows.

use chrono::{DateTime, Utc};
use domain::id::{CustomerId, DeploymentId, SiteId};
use serde_json::Value;
use sqlx::PgConnection;

/// A resource, without a secret in it.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteResource {
    /// Terraform's address.
    pub address: String,
    /// Terraform's type.
    pub resource_type: String,
    /// The cloud's id.
    pub provider_id: Option<String>,
    /// Whether the next apply makes it anew.
    pub tainted: bool,
    /// Attributes without the sensitive ones.
    pub attributes: Value,
}

/// A resource as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResource {
    /// The resource.
    pub resource: SiteResource,
    /// The deployment that wrote it last.
    pub deployment: Option<DeploymentId>,
    /// When that was.
    pub updated_at: DateTime<Utc>,
}

/// Makes the list of a site's resources exactly this one.
///
/// # Errors
/// The database refused.
pub async fn replace(
    conn: &mut PgConnection,
    site: SiteId,
    customer: CustomerId,
    deployment: DeploymentId,
    resources: &[SiteResource],
) -> sqlx::Result<()> {
    let addresses: Vec<String> = resources
        .iter()
        .map(|resource| resource.address.clone())
        .collect();
    let types: Vec<String> = resources
        .iter()
        .map(|resource| resource.resource_type.clone())
        .collect();
    let ids: Vec<Option<String>> = resources
        .iter()
        .map(|resource| resource.provider_id.clone())
        .collect();
    let tainted: Vec<bool> = resources.iter().map(|resource| resource.tainted).collect();
    let attributes: Vec<Value> = resources
        .iter()
        .map(|resource| resource.attributes.clone())
        .collect();
    sqlx::query!(
        "delete from site_resources where site_id = $1 and address <> all ($2)",
        site.0,
        &addresses
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into site_resources
             (site_id, address, customer_id, resource_type, provider_id, tainted, attributes, deployment_id)
         select $1, resource.address, $2, resource.resource_type, resource.provider_id, resource.tainted, resource.attributes, $3
         from unnest($4::text[], $5::text[], $6::text[], $7::boolean[], $8::jsonb[])
             as resource (address, resource_type, provider_id, tainted, attributes)
         on conflict on constraint site_resources_pkey do update
         set resource_type = excluded.resource_type, provider_id = excluded.provider_id, tainted = excluded.tainted,
             attributes = excluded.attributes, deployment_id = excluded.deployment_id, updated_at = now()
         where (site_resources.provider_id, site_resources.tainted, site_resources.attributes)
             is distinct from (excluded.provider_id, excluded.tainted, excluded.attributes)",
        site.0,
        customer.0,
        deployment.0,
        &addresses,
        &types,
        &ids as &[Option<String>],
        &tainted,
        &attributes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The resources of a site, by address.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, site: SiteId) -> sqlx::Result<Vec<StoredResource>> {
    let rows = sqlx::query!(
        "select address, resource_type, provider_id, tainted, attributes, deployment_id, updated_at
         from site_resources where site_id = $1 order by address",
        site.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredResource {
            resource: SiteResource {
                address: row.address,
                resource_type: row.resource_type,
                provider_id: row.provider_id,
                tainted: row.tainted,
                attributes: row.attributes,
            },
            deployment: row.deployment_id.map(DeploymentId),
            updated_at: row.updated_at,
        })
        .collect())
}
