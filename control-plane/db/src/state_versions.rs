//! Versions of sites' Terraform states. The blobs lie in S3; here is which of them counts.

use chrono::{DateTime, Utc};
use domain::id::{CustomerId, DeploymentId, SiteId, StateVersionId};
use sqlx::PgConnection;

/// A version to record, whose blob is stored already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStateVersion<'a> {
    /// Its id.
    pub id: StateVersionId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The site.
    pub site: SiteId,
    /// The deployment that wrote it.
    pub deployment: DeploymentId,
    /// The attempt that wrote it.
    pub attempt: i32,
    /// Terraform's lineage.
    pub lineage: &'a str,
    /// Terraform's serial.
    pub serial: i64,
    /// How many managed resources it knows.
    pub resources: i32,
    /// Key of the sealed blob in S3.
    pub blob_key: &'a str,
}

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the site's state now.
    Current,
    /// It came after its lease moved on, or behind a newer one. Kept: it may be the only record of something.
    Quarantined,
}

impl Standing {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A version as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateVersion {
    /// Its id.
    pub id: StateVersionId,
    /// The deployment that wrote it.
    pub deployment: DeploymentId,
    /// The attempt that wrote it.
    pub attempt: i32,
    /// Terraform's lineage.
    pub lineage: String,
    /// Terraform's serial.
    pub serial: i64,
    /// Whether it counts.
    pub standing: Standing,
    /// Key of the sealed blob in S3.
    pub blob_key: String,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
}

/// Records a version. It becomes the site's current one only while its attempt holds the deployment's lease
/// and no newer serial of the same lineage is current; else it is quarantined.
///
/// # Errors
/// The database refused.
pub async fn record(conn: &mut PgConnection, new: &NewStateVersion<'_>) -> sqlx::Result<Standing> {
    // The deployment's row first, as all writers do: the lease can't be taken over until this is committed.
    let holds = sqlx::query_scalar!(
        r#"select attempt = $2 and site_id = $3 and coalesce(lease_until > clock_timestamp(), false) as "holds!"
           from deployments where id = $1 for no key update"#,
        new.deployment.0,
        new.attempt,
        new.site.0,
    )
    .fetch_optional(&mut *conn)
    .await?
    .unwrap_or(false);
    // Serializes writers of one site.
    sqlx::query!(
        "select site_id from site_states where site_id = $1 for no key update",
        new.site.0
    )
    .fetch_one(&mut *conn)
    .await?;
    let counts = sqlx::query_scalar!(
        r#"select $1 and not exists (
               select from site_states s join state_versions v on v.id = s.current_version
               where s.site_id = $2 and v.lineage = $3 and v.serial > $4
           ) as "counts!""#,
        holds,
        new.site.0,
        new.lineage,
        new.serial,
    )
    .fetch_one(&mut *conn)
    .await?;
    let standing = if counts {
        Standing::Current
    } else {
        Standing::Quarantined
    };
    sqlx::query!(
        "insert into state_versions
             (id, site_id, customer_id, deployment_id, attempt, lineage, serial, standing, resources, blob_key)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new.id.0,
        new.site.0,
        new.customer.0,
        new.deployment.0,
        new.attempt,
        new.lineage,
        new.serial,
        standing.as_str(),
        new.resources,
        new.blob_key,
    )
    .execute(&mut *conn)
    .await?;
    if standing == Standing::Current {
        sqlx::query!(
            "update site_states set current_version = $2 where site_id = $1",
            new.site.0,
            new.id.0
        )
        .execute(conn)
        .await?;
    }
    Ok(standing)
}

struct Row {
    id: uuid::Uuid,
    deployment_id: uuid::Uuid,
    attempt: i32,
    lineage: String,
    serial: i64,
    standing: String,
    blob_key: String,
    created_at: DateTime<Utc>,
}

impl From<Row> for StateVersion {
    fn from(row: Row) -> Self {
        Self {
            id: StateVersionId(row.id),
            deployment: DeploymentId(row.deployment_id),
            attempt: row.attempt,
            lineage: row.lineage,
            serial: row.serial,
            standing: if row.standing == "current" {
                Standing::Current
            } else {
                Standing::Quarantined
            },
            blob_key: row.blob_key,
            created_at: row.created_at,
        }
    }
}

/// The site's current version.
///
/// # Errors
/// The database refused.
pub async fn current(conn: &mut PgConnection, site: SiteId) -> sqlx::Result<Option<StateVersion>> {
    let row = sqlx::query_as!(
        Row,
        "select v.id, v.deployment_id, v.attempt, v.lineage, v.serial, v.standing, v.blob_key, v.created_at
         from site_states s join state_versions v on v.id = s.current_version
         where s.site_id = $1",
        site.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(StateVersion::from))
}

/// Quarantined versions of a site that are newer than its current one: what recovery has to look at.
///
/// # Errors
/// The database refused.
pub async fn quarantined_since_current(
    conn: &mut PgConnection,
    site: SiteId,
) -> sqlx::Result<Vec<StateVersion>> {
    let rows = sqlx::query_as!(
        Row,
        "select v.id, v.deployment_id, v.attempt, v.lineage, v.serial, v.standing, v.blob_key, v.created_at
         from state_versions v
         join site_states s on s.site_id = v.site_id
         left join state_versions c on c.id = s.current_version
         where v.site_id = $1 and v.standing = 'quarantined' and v.thinned_at is null
           and (c.id is null or v.created_at > c.created_at)
         order by v.created_at desc",
        site.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(StateVersion::from).collect())
}

/// Every version of a site whose blob is kept, newest first.
///
/// # Errors
/// The database refused.
pub async fn list(conn: &mut PgConnection, site: SiteId) -> sqlx::Result<Vec<StateVersion>> {
    let rows = sqlx::query_as!(
        Row,
        "select id, deployment_id, attempt, lineage, serial, standing, blob_key, created_at
         from state_versions where site_id = $1 and thinned_at is null order by created_at desc",
        site.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(StateVersion::from).collect())
}

/// Marks the versions of a final deployment that nobody needs: all but its last, its last quarantined one
/// and any that is the site's current one.
/// Gives the keys of their blobs; delete those, then [`forget_thinned`].
///
/// # Errors
/// The database refused.
pub async fn mark_thinned(conn: &mut PgConnection, deployment: DeploymentId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "update state_versions v
         set thinned_at = coalesce(v.thinned_at, now())
         from deployments d
         where d.id = v.deployment_id and d.finished_at is not null
           and v.deployment_id = $1
           and v.id not in (
               select distinct on (standing) id from state_versions
               where deployment_id = $1 order by standing, created_at desc, serial desc
           )
           and not exists (select from site_states s where s.current_version = v.id)
         returning v.blob_key",
        deployment.0
    )
    .fetch_all(conn)
    .await
}

/// Removes the rows of thinned versions whose blobs are gone.
///
/// # Errors
/// The database refused.
pub async fn forget_thinned(conn: &mut PgConnection, blob_keys: &[String]) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from state_versions where thinned_at is not null and blob_key = any ($1)",
        blob_keys
    )
    .execute(conn)
    .await?;
    Ok(())
}
