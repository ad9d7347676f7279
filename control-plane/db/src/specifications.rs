//! Specifications of sites: numbered, never changed.

use domain::{
    id::{CustomerId, SiteId},
    specification::SiteSpecification,
};
use sqlx::{PgConnection, types::Json};

/// One specification of a site.
#[derive(Clone, Debug)]
pub struct StoredSpecification {
    /// Its number, from 1.
    pub number: i32,
    /// What was asked for; secrets are masked.
    pub specification: SiteSpecification,
    /// The secrets, sealed.
    pub secrets_sealed: Vec<u8>,
}

/// Stores a specification.
///
/// # Errors
/// `site_specifications_pkey` where another change took the number first.
pub async fn insert(
    conn: &mut PgConnection,
    site: SiteId,
    customer: CustomerId,
    stored: &StoredSpecification,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into site_specifications (site_id, number, customer_id, specification, secrets_sealed)
         values ($1, $2, $3, $4, $5)",
        site.0,
        stored.number,
        customer.0,
        Json(&stored.specification) as _,
        stored.secrets_sealed,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The specification of a site with this number.
///
/// # Errors
/// The database refused, or there is no such specification.
pub async fn find(conn: &mut PgConnection, site: SiteId, number: i32) -> sqlx::Result<StoredSpecification> {
    let row = sqlx::query!(
        r#"select number, specification as "specification: Json<SiteSpecification>", secrets_sealed
           from site_specifications where site_id = $1 and number = $2"#,
        site.0,
        number
    )
    .fetch_one(conn)
    .await?;
    Ok(StoredSpecification {
        number: row.number,
        specification: row.specification.0,
        secrets_sealed: row.secrets_sealed,
    })
}

/// The desired specifications of these sites, in no order.
///
/// # Errors
/// The database refused.
pub async fn desired_of(
    conn: &mut PgConnection,
    sites: &[SiteId],
) -> sqlx::Result<Vec<(SiteId, StoredSpecification)>> {
    let ids: Vec<uuid::Uuid> = sites.iter().map(|site| site.0).collect();
    let rows = sqlx::query!(
        r#"select p.site_id, p.number, p.specification as "specification: Json<SiteSpecification>", p.secrets_sealed
           from sites s
           join site_specifications p on p.site_id = s.id and p.number = s.desired_specification
           where s.id = any ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let stored = StoredSpecification {
                number: row.number,
                specification: row.specification.0,
                secrets_sealed: row.secrets_sealed,
            };
            (SiteId(row.site_id), stored)
        })
        .collect())
}

/// The number that the site's next specification gets. Take it under [`crate::sites::find_for_update`]:
/// a speculative plan takes one too, so it is not always the desired one's successor.
///
/// # Errors
/// The database refused.
pub async fn next_number(conn: &mut PgConnection, site: SiteId) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        r#"select coalesce(max(number), 0) + 1 as "next!" from site_specifications where site_id = $1"#,
        site.0
    )
    .fetch_one(conn)
    .await
}
