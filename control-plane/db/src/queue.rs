//! The queue: who may claim what, leases, and what becomes of those that ran out.
//!
//! The table of deployments is the truth. Every claim runs under one transaction-scoped advisory lock:
//! without it `for update skip locked` lets caps be broken, because each claimer counts on its own snapshot.

use std::time::Duration;

use domain::{
    deployment::{DeploymentEvent, DeploymentStatus},
    id::{DeploymentId, WorkerId},
};
use sqlx::{PgConnection, postgres::types::PgInterval};

use crate::{
    deployments::{self, Advance, AdvanceError, Deployment},
    steps,
};

/// The channel on which the wish to cancel is announced; its payload is the deployment's id.
pub const CANCEL_CHANNEL: &str = "siteplane_cancel";

/// Key of the advisory lock that all claims take.
const CLAIM_LOCK: i64 = 0x5369_7465_706c_616e;

/// Who claims, and what it can run.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// The worker.
    pub worker: WorkerId,
    /// How long the worker holds it before it must renew.
    pub lease: Duration,
    /// `provider/world` pairs that the worker has plugins for.
    pub abilities: &'a [String],
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}

/// Claims the fairest runnable deployment.
///
/// Runnable: queued, first of its site, no other deployment holds the site, and neither its customer's cap
/// nor its cloud account's is reached. Fairest: customers' changes before housekeeping, then the customer
/// with the fewest running for its weight, then the one whose turn it is: a turn goes on by 1/weight with each
/// claim, so that a weight of three starts three times as often. Who comes back from a pause is at most one
/// round ahead of the others, not a pause's worth.
///
/// # Errors
/// The database refused.
pub async fn claim(conn: &mut PgConnection, claim: &Claim<'_>) -> sqlx::Result<Option<Deployment>> {
    sqlx::query!("select pg_advisory_xact_lock($1)", CLAIM_LOCK)
        .execute(&mut *conn)
        .await?;
    // A statement of its own: its snapshot is taken after the lock was.
    let picked = sqlx::query!(
        // `waiting` hops over the index of what is queued from customer to customer: the queue's length costs
        // nothing. `exists … is not true` stays a filter, where `not exists` becomes a join whose misjudged
        // size makes the planner sort a customer's whole queue instead of taking its first.
        r#"with recursive waiting as (
               (select d.customer_id from deployments d where d.status = 'queued'
                order by d.customer_id, d.priority, d.queued_at, d.id limit 1)
               union all
               select (select d.customer_id from deployments d
                       where d.status = 'queued' and d.customer_id > waiting.customer_id
                       order by d.customer_id, d.priority, d.queued_at, d.id limit 1)
               from waiting
               where waiting.customer_id is not null
           ), held as materialized (
               select customer_id, cloud_account_id from deployments
               where status in ('planning', 'applying', 'cancelling', 'interrupted')
           ), mine as (
               select customer_id, count(*) as running from held group by customer_id
           ), busy as materialized (
               select account.id
               from held join cloud_accounts account on account.id = held.cloud_account_id
               group by account.id, account.max_concurrent
               having count(*) >= account.max_concurrent
           )
           select first.id as "id!", customers.id as "customer_id!", first.approved as "approved!"
           from waiting
           join customers on customers.id = waiting.customer_id
           left join mine on mine.customer_id = customers.id
           cross join lateral (
               select d.id, d.priority, d.queued_at, d.approved_at is not null and d.kept_plan is not null as approved
               from deployments d
               where d.customer_id = customers.id
                 and d.status = 'queued' and d.kind <> 'manual'
                 and exists (
                     select from cloud_accounts account
                     where account.id = d.cloud_account_id and account.provider || '/' || account.world = any ($1)
                 ) is true
                 and exists (select from busy where busy.id = d.cloud_account_id) is not true
                 and exists (
                     select from deployments holder
                     where holder.site_id = d.site_id
                       and holder.status in ('planning', 'awaiting_approval', 'applying', 'cancelling', 'interrupted')
                 ) is not true
                 and exists (
                     select from deployments earlier
                     where earlier.site_id = d.site_id and earlier.status = 'queued' and earlier.id < d.id
                 ) is not true
               order by d.priority, d.queued_at, d.id
               limit 1
           ) first
           where coalesce(mine.running, 0) < customers.max_concurrent
           order by first.priority, coalesce(mine.running, 0)::float8 / customers.weight,
                    greatest(customers.turn, (select max(turn) - 1 from customers)),
                    customers.last_claimed_at nulls first, first.queued_at, first.id
           limit 1"#,
        claim.abilities,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(picked) = picked else { return Ok(None) };
    let event = if picked.approved {
        DeploymentEvent::ClaimedToApply
    } else {
        DeploymentEvent::ClaimedToPlan
    };
    let to = DeploymentStatus::Queued.on(event).map_err(crate::unreadable)?;
    let id = DeploymentId(picked.id);
    let done = sqlx::query!(
        "update deployments
         set status = $2, attempt = attempt + 1, worker_id = $3, lease_until = clock_timestamp() + $4,
             started_at = coalesce(started_at, clock_timestamp()), reason = null
         where id = $1 and status = 'queued'",
        id.0,
        to.as_str(),
        claim.worker.0,
        interval(claim.lease),
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        // Cancelled between the two statements; the next ring or sweep looks again.
        return Ok(None);
    }
    sqlx::query!(
        "update customers
         set turn = greatest(turn, (select max(turn) - 1 from customers)) + 1.0 / weight,
             last_claimed_at = clock_timestamp()
         where id = $1",
        picked.customer_id
    )
    .execute(&mut *conn)
    .await?;
    deployments::announce(conn, id, to, "A worker took it on").await?;
    deployments::find(conn, id).await
}

/// What a renewal tells the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease is good again for its full length.
    Held {
        /// Whether someone asked to stop the deployment.
        cancel_asked: bool,
    },
    /// The deployment ended in this attempt, or waits for a person: there is nothing left to hold.
    Ended,
    /// The lease ran out or moved on: everything of this attempt must stop.
    Lost,
}

/// Renews a lease. One that ran out is not renewed, even while nobody has taken over.
///
/// # Errors
/// The database refused.
pub async fn renew(
    conn: &mut PgConnection,
    deployment: DeploymentId,
    attempt: i32,
    lease: Duration,
) -> sqlx::Result<Renewal> {
    let row = sqlx::query!(
        r#"update deployments
           set lease_until = clock_timestamp() + $3
           where id = $1 and attempt = $2 and lease_until > clock_timestamp()
           returning cancel_asked_at is not null as "cancel_asked!""#,
        deployment.0,
        attempt,
        interval(lease),
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(row) = row {
        return Ok(Renewal::Held {
            cancel_asked: row.cancel_asked,
        });
    }
    let now = deployments::find(conn, deployment).await?;
    let has_ended = now.is_some_and(|now| {
        now.attempt == attempt && (now.status.is_final() || now.status == DeploymentStatus::AwaitingApproval)
    });
    Ok(if has_ended { Renewal::Ended } else { Renewal::Lost })
}

/// Puts back into the queue what lost its lease more than `takeover_after` ago. Gives what was put back.
///
/// # Errors
/// The database refused.
pub async fn sweep(
    conn: &mut PgConnection,
    takeover_after: Duration,
) -> Result<Vec<DeploymentId>, AdvanceError> {
    let expired = sqlx::query!(
        "select id, status, attempt from deployments
         where status in ('planning', 'applying', 'cancelling') and lease_until + $1 < clock_timestamp()
         for no key update skip locked",
        interval(takeover_after),
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut back = Vec::with_capacity(expired.len());
    for row in expired {
        let id = DeploymentId(row.id);
        let from: DeploymentStatus = row.status.parse().map_err(crate::unreadable)?;
        let reason = format!("Attempt {} lost its worker", row.attempt);
        let interrupted = deployments::advance(
            conn,
            Advance {
                deployment: id,
                from,
                event: DeploymentEvent::LeaseEnded,
                attempt: None,
                reason: &reason,
            },
        )
        .await?;
        // A plan that may have been applied in part is dead; the next attempt plans anew.
        deployments::set_kept_plan(conn, id, row.attempt, None).await?;
        steps::reset(conn, id).await?;
        let event = DeploymentEvent::Requeued;
        deployments::advance(
            conn,
            Advance {
                deployment: id,
                from: interrupted,
                event,
                attempt: None,
                reason: "Queued again to go on",
            },
        )
        .await?;
        back.push(id);
    }
    Ok(back)
}

/// Whether anything is queued; cheap, and may say yes for something that still has to wait.
///
/// # Errors
/// The database refused.
pub async fn has_queued(conn: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"select exists (select from deployments where status = 'queued') as "there!""#)
        .fetch_one(conn)
        .await
}

/// How many deployments are in each status that is not final.
///
/// # Errors
/// The database refused.
pub async fn depth(conn: &mut PgConnection) -> sqlx::Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        r#"select status, count(*) as "count!" from deployments
           where status in ('queued', 'planning', 'awaiting_approval', 'applying', 'cancelling', 'interrupted')
           group by status"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.status, row.count)).collect())
}
