//! What a customer asked for lately, for the limit on deployments.

use std::{num::NonZeroU32, time::Duration};

use chrono::TimeDelta;
use domain::id::CustomerId;
use sqlx::PgConnection;

/// Deployments that make or change a site, asked for within a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentDeployments {
    /// What the customer bought: `standard`, `premium`, `enterprise`.
    pub tier: String,
    /// How long each of them still lies within the span, the longest first.
    pub count_for: Vec<Duration>,
}

impl RecentDeployments {
    /// How long until there is room for one more where `most` are allowed. `None` is now.
    pub fn room_in(&self, most: NonZeroU32) -> Option<Duration> {
        // Room comes when all but `most - 1` of them are past.
        let place = usize::try_from(most.get() - 1).ok()?;
        self.count_for.get(place).copied()
    }
}

/// What `customer` asked for within `span` until now. A second try of the same specification is none of its own.
/// Nobody else looks until the transaction ends, so that two at once do not both find room.
///
/// # Errors
/// The database refused, or there is no such customer.
pub async fn of_customer(
    conn: &mut PgConnection,
    customer: CustomerId,
    span: TimeDelta,
) -> sqlx::Result<RecentDeployments> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('deployments of ' || $1, 0))",
        customer.to_string(),
    )
    .execute(&mut *conn)
    .await?;
    let tier = sqlx::query_scalar!("select tier from customers where id = $1", customer.0)
        .fetch_one(&mut *conn)
        .await?;
    let left = sqlx::query_scalar!(
        r#"select extract(epoch from d.created_at + make_interval(secs => $2) - clock_timestamp())::double precision
               as "left!"
           from deployments d
           where d.customer_id = $1
             and d.kind in ('create', 'update')
             and d.created_at > clock_timestamp() - make_interval(secs => $2)
             and not exists (
                 select from deployments earlier
                 where earlier.site_id = d.site_id and earlier.id < d.id
                   and earlier.specification = d.specification and earlier.kind in ('create', 'update')
             )
           order by d.created_at desc"#,
        customer.0,
        span.as_seconds_f64(),
    )
    .fetch_all(conn)
    .await?;
    let count_for = left
        .into_iter()
        .map(|left| Duration::try_from_secs_f64(left).unwrap_or_default());
    Ok(RecentDeployments {
        tier,
        count_for: count_for.collect(),
    })
}
