//! A deployment's kinds, its life in one table, and what a caller may do with it.
//!
//! The database confirms each move by compare-and-set; nothing else decides one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::site::{SiteStatus, UnknownWord};

/// What a deployment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentKind {
    /// Shows what would happen and changes nothing.
    Plan,
    /// Makes a site.
    Create,
    /// Moves a site to a newer specification.
    Update,
    /// Removes all of a site from its cloud.
    Destroy,
    /// Moves a site to an earlier specification.
    Rollback,
    /// Takes compute down and keeps data.
    Suspend,
    /// Brings compute back.
    Resume,
    /// Looks for differences between cloud and specification and changes nothing.
    DriftCheck,
    /// Takes something that exists into the site's state.
    Import,
    /// Opens the site's state to a person with Terraform.
    Manual,
}

impl DeploymentKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Plan,
        Self::Create,
        Self::Update,
        Self::Destroy,
        Self::Rollback,
        Self::Suspend,
        Self::Resume,
        Self::DriftCheck,
        Self::Import,
        Self::Manual,
    ];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Create => "create",
            Self::Update => "update",
            Self::Destroy => "destroy",
            Self::Rollback => "rollback",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::DriftCheck => "drift_check",
            Self::Import => "import",
            Self::Manual => "manual",
        }
    }

    /// Whether the deployment ends after its plan.
    pub fn is_plan_only(self) -> bool {
        matches!(self, Self::Plan | Self::DriftCheck)
    }

    /// The place in the queue: lower runs first. Housekeeping never starves a customer's change.
    pub fn priority(self) -> i16 {
        match self {
            Self::DriftCheck => 10,
            _ => 0,
        }
    }

    /// The status that the site has while such a deployment waits or runs; `None` leaves it alone.
    pub fn site_status_while_open(self) -> Option<SiteStatus> {
        match self {
            Self::Create => Some(SiteStatus::Creating),
            Self::Update | Self::Rollback | Self::Suspend | Self::Resume => Some(SiteStatus::Updating),
            Self::Destroy => Some(SiteStatus::Deleting),
            Self::Plan | Self::DriftCheck | Self::Import | Self::Manual => None,
        }
    }

    /// The status that the site has once such a deployment ended in `end`.
    ///
    /// `ever_applied` says whether an earlier deployment of the site succeeded. `None` leaves the site alone.
    pub fn site_status_after(self, end: DeploymentStatus, ever_applied: bool) -> Option<SiteStatus> {
        use DeploymentStatus as D;
        match (self, end) {
            (Self::Plan | Self::DriftCheck | Self::Import | Self::Manual, _) => None,
            (Self::Destroy, D::Succeeded) => Some(SiteStatus::Deleted),
            (Self::Suspend, D::Succeeded) => Some(SiteStatus::Suspended),
            (_, D::Succeeded) => Some(SiteStatus::Active),
            (_, _) if !ever_applied => Some(SiteStatus::Failed),
            (_, D::Failed) => Some(SiteStatus::Degraded),
            (_, _) => Some(SiteStatus::Active),
        }
    }
}

impl std::fmt::Display for DeploymentKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for DeploymentKind {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownWord::new("kind", text, &Self::ALL.map(Self::as_str)))
    }
}

/// Where a deployment is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Waits for a worker.
    Queued,
    /// A worker prepares the workspace and plans.
    Planning,
    /// The plan is kept and waits for a person; holds no worker.
    AwaitingApproval,
    /// A worker applies the plan.
    Applying,
    /// Terraform was asked to stop and winds down.
    Cancelling,
    /// The worker's lease ran out; another one goes on at once.
    Interrupted,
    /// Done as asked.
    Succeeded,
    /// Ended with an error; state holds what was made.
    Failed,
    /// Stopped by a person.
    Cancelled,
    /// Refused by policy.
    Denied,
    /// The plan was refused by a person.
    Rejected,
    /// The kept plan no longer fits; a new deployment was queued in its place.
    Stale,
    /// A later change took its place before it started.
    Superseded,
}

impl DeploymentStatus {
    /// Every status.
    pub const ALL: [Self; 13] = [
        Self::Queued,
        Self::Planning,
        Self::AwaitingApproval,
        Self::Applying,
        Self::Cancelling,
        Self::Interrupted,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Denied,
        Self::Rejected,
        Self::Stale,
        Self::Superseded,
    ];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Planning => "planning",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Applying => "applying",
            Self::Cancelling => "cancelling",
            Self::Interrupted => "interrupted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
            Self::Superseded => "superseded",
        }
    }

    /// Whether nothing will happen to the deployment any more.
    pub fn is_final(self) -> bool {
        !matches!(
            self,
            Self::Queued
                | Self::Planning
                | Self::AwaitingApproval
                | Self::Applying
                | Self::Cancelling
                | Self::Interrupted
        )
    }

    /// Whether a worker holds the deployment under a lease.
    pub fn is_leased(self) -> bool {
        matches!(self, Self::Planning | Self::Applying | Self::Cancelling)
    }

    /// The status after `event`.
    ///
    /// # Errors
    /// [`IllegalTransition`] where the table has no such row.
    pub fn on(self, event: DeploymentEvent) -> Result<Self, IllegalTransition> {
        TRANSITIONS
            .iter()
            .find(|(from, on, _)| *from == self && *on == event)
            .map(|(_, _, to)| *to)
            .ok_or(IllegalTransition { from: self, event })
    }
}

impl std::fmt::Display for DeploymentStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for DeploymentStatus {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownWord::new("status", text, &Self::ALL.map(Self::as_str)))
    }
}

/// What can happen to a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeploymentEvent {
    /// A worker claimed it to plan, or to plan anew after an interruption.
    ClaimedToPlan,
    /// A worker claimed it with its approved plan.
    ClaimedToApply,
    /// The plan is kept and needs a person's word.
    ApprovalNeeded,
    /// A person approved the kept plan.
    Approved,
    /// A person refused the kept plan.
    Rejected,
    /// Terraform starts to apply.
    ApplyStarted,
    /// Everything asked for was done.
    Finished,
    /// An error ended it.
    Broke,
    /// A person asked to stop it.
    CancelAsked,
    /// Nothing was asked of the cloud any more when it ended.
    Stopped,
    /// The lease ran out.
    LeaseEnded,
    /// Back in the queue after an interruption.
    Requeued,
    /// Policy said no.
    PolicyDenied,
    /// The kept plan no longer fits what is there.
    WentStale,
    /// A later change of the same site took its place.
    Overtaken,
}

/// The life of every deployment: from, event, to.
pub const TRANSITIONS: &[(DeploymentStatus, DeploymentEvent, DeploymentStatus)] = {
    use DeploymentEvent as E;
    use DeploymentStatus as S;
    &[
        (S::Queued, E::ClaimedToPlan, S::Planning),
        (S::Queued, E::ClaimedToApply, S::Applying),
        (S::Queued, E::CancelAsked, S::Cancelled),
        (S::Queued, E::Overtaken, S::Superseded),
        (S::Planning, E::ApprovalNeeded, S::AwaitingApproval),
        (S::Planning, E::ApplyStarted, S::Applying),
        (S::Planning, E::Finished, S::Succeeded),
        (S::Planning, E::Broke, S::Failed),
        (S::Planning, E::PolicyDenied, S::Denied),
        (S::Planning, E::CancelAsked, S::Cancelling),
        (S::Planning, E::LeaseEnded, S::Interrupted),
        (S::AwaitingApproval, E::Approved, S::Queued),
        (S::AwaitingApproval, E::Rejected, S::Rejected),
        (S::AwaitingApproval, E::CancelAsked, S::Cancelled),
        (S::AwaitingApproval, E::WentStale, S::Stale),
        (S::AwaitingApproval, E::Overtaken, S::Superseded),
        (S::Applying, E::Finished, S::Succeeded),
        (S::Applying, E::Broke, S::Failed),
        (S::Applying, E::WentStale, S::Stale),
        (S::Applying, E::CancelAsked, S::Cancelling),
        (S::Applying, E::LeaseEnded, S::Interrupted),
        // Terraform can finish its last resource while the interrupt is on its way.
        (S::Cancelling, E::Finished, S::Succeeded),
        (S::Cancelling, E::Stopped, S::Cancelled),
        (S::Cancelling, E::Broke, S::Failed),
        // The wish to cancel stays on the row: the next attempt secures the state and ends it.
        (S::Cancelling, E::LeaseEnded, S::Interrupted),
        (S::Interrupted, E::Requeued, S::Queued),
    ]
};

/// A move that the table does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a deployment that is {from} can't take {event:?}")]
pub struct IllegalTransition {
    /// Where the deployment is.
    pub from: DeploymentStatus,
    /// What was to happen.
    pub event: DeploymentEvent,
}

/// Whether a caller may do something now, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Action {
    /// Null when it is allowed; else a sentence for the person who wanted it.
    pub denied_because: Option<String>,
}

impl Action {
    fn allowed_if(allowed: bool, otherwise: impl FnOnce() -> String) -> Self {
        Self {
            denied_because: (!allowed).then(otherwise),
        }
    }
}

/// What a caller may do with a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentActions {
    /// Stop it.
    pub cancel: Action,
    /// Let the kept plan be applied.
    pub approve: Action,
    /// Refuse the kept plan.
    pub reject: Action,
}

impl DeploymentActions {
    /// The actions of a deployment in `status`; `cancel_asked_at` is set once someone asked to stop it.
    pub fn of(status: DeploymentStatus, cancel_asked_at: Option<DateTime<Utc>>) -> Self {
        let only_waiting =
            || format!("the deployment is {status}; only a plan that waits for approval can be decided");
        Self {
            cancel: Action::allowed_if(
                cancel_asked_at.is_none() && status.on(DeploymentEvent::CancelAsked).is_ok()
                    || status == DeploymentStatus::Interrupted,
                || match cancel_asked_at {
                    Some(_) if !status.is_final() => "it is being cancelled already".to_owned(),
                    _ => format!("the deployment is {status}, which is final"),
                },
            ),
            approve: Action::allowed_if(status.on(DeploymentEvent::Approved).is_ok(), only_waiting),
            reject: Action::allowed_if(status.on(DeploymentEvent::Rejected).is_ok(), only_waiting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DeploymentEvent as E, DeploymentStatus as S, *};

    #[test]
    fn every_open_status_leads_to_a_final_one() {
        for start in S::ALL.into_iter().filter(|status| !status.is_final()) {
            let mut reached = vec![start];
            while let Some((_, _, to)) = TRANSITIONS
                .iter()
                .find(|(from, _, to)| reached.contains(from) && !reached.contains(to))
            {
                reached.push(*to);
            }
            assert!(
                reached.iter().any(|status| status.is_final()),
                "{start} never ends"
            );
        }
    }

    #[test]
    fn a_final_status_has_no_way_out() {
        for (from, event, _) in TRANSITIONS {
            assert!(!from.is_final(), "{from} has a row for {event:?}");
        }
    }

    #[test]
    fn a_leased_status_can_lose_its_lease_and_be_cancelled_once() {
        for status in S::ALL.into_iter().filter(|status| status.is_leased()) {
            assert_eq!(status.on(E::LeaseEnded), Ok(S::Interrupted));
            assert_eq!(status.on(E::CancelAsked).is_ok(), status != S::Cancelling);
        }
    }

    #[test]
    fn the_table_has_one_row_for_a_status_and_an_event() {
        for (i, (from, event, _)) in TRANSITIONS.iter().enumerate() {
            let twin = TRANSITIONS[..i].iter().any(|(f, e, _)| f == from && e == event);
            assert!(!twin, "two rows for {from} on {event:?}");
        }
    }

    #[test]
    fn an_illegal_move_names_both_sides() {
        let error = S::Succeeded.on(E::Approved).unwrap_err().to_string();
        assert_eq!(error, "a deployment that is succeeded can't take Approved");
    }

    #[test]
    fn words_survive_the_way_to_the_database() {
        for status in S::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for kind in DeploymentKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_site_ends_where_its_last_deployment_left_it() {
        use DeploymentKind as K;
        let cases = [
            (K::Create, S::Succeeded, false, Some(SiteStatus::Active)),
            (K::Create, S::Failed, false, Some(SiteStatus::Failed)),
            (K::Create, S::Cancelled, false, Some(SiteStatus::Failed)),
            (K::Update, S::Failed, true, Some(SiteStatus::Degraded)),
            (K::Update, S::Rejected, true, Some(SiteStatus::Active)),
            (K::Destroy, S::Succeeded, true, Some(SiteStatus::Deleted)),
            (K::Destroy, S::Failed, true, Some(SiteStatus::Degraded)),
            (K::Plan, S::Succeeded, true, None),
            (K::DriftCheck, S::Failed, true, None),
        ];
        for (kind, end, ever_applied, expected) in cases {
            assert_eq!(
                kind.site_status_after(end, ever_applied),
                expected,
                "{kind} {end}"
            );
        }
    }

    #[test]
    fn what_is_refused_says_why() {
        let done = DeploymentActions::of(S::Succeeded, None);
        assert_eq!(
            done.cancel.denied_because.as_deref(),
            Some("the deployment is succeeded, which is final")
        );
        assert!(
            done.approve
                .denied_because
                .is_some_and(|why| why.contains("waits for approval"))
        );
        let waiting = DeploymentActions::of(S::AwaitingApproval, None);
        assert_eq!(waiting.approve.denied_because, None);
        assert_eq!(waiting.cancel.denied_because, None);
        let asked = DeploymentActions::of(S::Applying, Some(DateTime::UNIX_EPOCH));
        assert_eq!(
            asked.cancel.denied_because.as_deref(),
            Some("it is being cancelled already")
        );
    }
}
