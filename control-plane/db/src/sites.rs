//! Sites.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    id::{CloudAccountId, CustomerId, SiteId},
    provider::{Provider, World},
    site::SiteStatus,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{deployments, unreadable};

/// A site's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The account that it stands in.
    pub account: CloudAccountId,
    /// Where that account's resources really stand.
    pub world: World,
    /// A DNS label.
    pub name: String,
    /// The cloud.
    pub provider: Provider,
    /// The cloud's own name of the region.
    pub region: String,
    /// Where it is in its life.
    pub status: SiteStatus,
    /// A draft shows nowhere: it is there for a speculative plan.
    pub draft: bool,
    /// Number of the specification that was asked for last.
    pub desired_specification: i32,
    /// Number of the specification that was applied last.
    pub applied_specification: Option<i32>,
    /// Outputs of the last good apply, without the sensitive ones.
    pub outputs: Value,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When its row changed last.
    pub updated_at: DateTime<Utc>,
    /// When nothing of it was left.
    pub deleted_at: Option<DateTime<Utc>>,
}

struct Row {
    id: Uuid,
    customer_id: Uuid,
    cloud_account_id: Uuid,
    world: String,
    name: String,
    provider: String,
    region: String,
    status: String,
    draft: bool,
    desired_specification: i32,
    applied_specification: Option<i32>,
    outputs: Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deleted_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Site {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: SiteId(row.id),
            customer: CustomerId(row.customer_id),
            account: CloudAccountId(row.cloud_account_id),
            world: World::from_str(&row.world).map_err(unreadable)?,
            name: row.name,
            provider: Provider::from_str(&row.provider).map_err(unreadable)?,
            region: row.region,
            status: SiteStatus::from_str(&row.status).map_err(unreadable)?,
            draft: row.draft,
            desired_specification: row.desired_specification,
            applied_specification: row.applied_specification,
            outputs: row.outputs,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deleted_at: row.deleted_at,
        })
    }
}

/// A site to store.
#[derive(Clone, Debug)]
pub struct NewSite<'a> {
    /// Its id.
    pub id: SiteId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The account that it will stand in.
    pub account: CloudAccountId,
    /// A DNS label.
    pub name: &'a str,
    /// The cloud.
    pub provider: Provider,
    /// The cloud's own name of the region.
    pub region: &'a str,
    /// A draft shows nowhere: it is there for a speculative plan.
    pub draft: bool,
}

/// Stores a site with desired specification 1, in status `creating`.
///
/// # Errors
/// `sites_customer_id_name_key` where another site of the customer has the name.
pub async fn insert(conn: &mut PgConnection, site: &NewSite<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into sites (id, customer_id, cloud_account_id, name, provider, region, status, draft, desired_specification)
         values ($1, $2, $3, $4, $5, $6, 'creating', $7, 1)",
        site.id.0,
        site.customer.0,
        site.account.0,
        site.name,
        site.provider.as_str(),
        site.region,
        site.draft,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into site_states (site_id, customer_id) values ($1, $2)",
        site.id.0,
        site.customer.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many sites a customer may have, if it has that many already. Two that ask at once wait for each other until
/// their transactions end, so that the limit holds for both.
///
/// # Errors
/// The database refused.
pub async fn limit_reached(conn: &mut PgConnection, customer: CustomerId) -> sqlx::Result<Option<i32>> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('sites of ' || $1, 0))",
        customer.to_string(),
    )
    .execute(&mut *conn)
    .await?;
    let row = sqlx::query!(
        r#"select max_sites, (
               select count(*) from sites
               where customer_id = customers.id and not draft and status <> 'deleted'
           ) as "sites!"
           from customers where id = $1"#,
        customer.0
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(row.max_sites.filter(|limit| row.sites >= i64::from(*limit)))
}

/// The site with this id, if the caller may see it; drafts too.
///
/// # Errors
/// The database refused.
pub async fn find(conn: &mut PgConnection, id: SiteId) -> sqlx::Result<Option<Site>> {
    sqlx::query_as!(
        Row,
        "select s.id, s.customer_id, s.cloud_account_id, a.world, s.name, s.provider, s.region, s.status, s.draft,
                s.desired_specification, s.applied_specification, s.outputs, s.created_at, s.updated_at, s.deleted_at
         from sites s join cloud_accounts a on a.id = s.cloud_account_id
         where s.id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Site::try_from)
    .transpose()
}

/// As [`find`], and nobody else changes the site until the transaction ends.
///
/// # Errors
/// The database refused.
pub async fn find_for_update(conn: &mut PgConnection, id: SiteId) -> sqlx::Result<Option<Site>> {
    sqlx::query!("select id from sites where id = $1 for no key update", id.0)
        .fetch_optional(&mut *conn)
        .await?;
    find(conn, id).await
}

/// Which sites to list.
#[derive(Clone, Debug, Default)]
pub struct SiteFilter {
    /// Only this customer's.
    pub customer: Option<CustomerId>,
    /// Only on this cloud.
    pub provider: Option<Provider>,
    /// Only in this status. Without it, deleted ones are left out.
    pub status: Option<SiteStatus>,
    /// Only with this name.
    pub name: Option<String>,
    /// Only those made before this one: the cursor.
    pub before: Option<SiteId>,
}

/// At most `limit` sites, newest first.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, filter: &SiteFilter, limit: i64) -> sqlx::Result<Vec<Site>> {
    sqlx::query_as!(
        Row,
        "select s.id, s.customer_id, s.cloud_account_id, a.world, s.name, s.provider, s.region, s.status, s.draft,
                s.desired_specification, s.applied_specification, s.outputs, s.created_at, s.updated_at, s.deleted_at
         from sites s join cloud_accounts a on a.id = s.cloud_account_id
         where not s.draft
           and ($1::uuid is null or s.customer_id = $1)
           and ($2::text is null or s.provider = $2)
           and (s.status = $3 or $3::text is null and s.deleted_at is null)
           and ($4::text is null or s.name = $4)
           and ($5::uuid is null or s.id < $5)
         order by s.id desc
         limit $6",
        filter.customer.map(|customer| customer.0),
        filter.provider.map(Provider::as_str),
        filter.status.map(SiteStatus::as_str),
        filter.name,
        filter.before.map(|site| site.0),
        limit,
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Site::try_from)
    .collect()
}

/// Moves a site to another status.
///
/// # Errors
/// The database refused.
pub async fn set_status(conn: &mut PgConnection, id: SiteId, status: SiteStatus) -> sqlx::Result<()> {
    sqlx::query!(
        "update sites
         set status = $2, updated_at = now(), deleted_at = case when $2 = 'deleted' then now() end
         where id = $1",
        id.0,
        status.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves a site to where a deployment of `kind` that just came to `end` leaves it: what still waits or runs for
/// the site says its status before the end does. Gives the status if that changed.
///
/// # Errors
/// The database refused.
pub async fn settle_status(
    conn: &mut PgConnection,
    site: &Site,
    kind: DeploymentKind,
    end: DeploymentStatus,
) -> sqlx::Result<Option<SiteStatus>> {
    let open = deployments::open_of_site(conn, site.id).await?;
    let status = open
        .iter()
        .rev()
        .find_map(|deployment| deployment.kind.site_status_while_open())
        .or_else(|| kind.site_status_after(end, site.applied_specification.is_some()))
        .filter(|status| *status != site.status);
    if let Some(status) = status {
        set_status(conn, site.id, status).await?;
    }
    Ok(status)
}

/// Asks for another specification of a site.
///
/// # Errors
/// The database refused.
pub async fn set_desired_specification(conn: &mut PgConnection, id: SiteId, number: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "update sites set desired_specification = $2, updated_at = now() where id = $1",
        id.0,
        number
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes down what an apply made of a site.
///
/// # Errors
/// The database refused.
pub async fn record_applied(
    conn: &mut PgConnection,
    id: SiteId,
    specification: i32,
    outputs: &Value,
    outputs_sealed: Option<&[u8]>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update sites
         set applied_specification = $2, outputs = $3, outputs_sealed = $4, updated_at = now()
         where id = $1",
        id.0,
        specification,
        outputs,
        outputs_sealed,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The sealed sensitive outputs of a site's last good apply.
///
/// # Errors
/// The database refused.
pub async fn sealed_outputs(conn: &mut PgConnection, id: SiteId) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("select outputs_sealed from sites where id = $1", id.0)
        .fetch_one(conn)
        .await
}
