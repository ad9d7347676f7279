//! The steps of a deployment: declared before they run, so that a page shows the whole road at once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{deployment::DeploymentKind, site::UnknownWord};

/// One part of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Workspace, state and what an earlier attempt left.
    Prepare,
    /// `terraform init`.
    Init,
    /// `terraform plan` and what it would do.
    Plan,
    /// The monthly price of the plan.
    Price,
    /// The policy's verdict on the plan.
    Policy,
    /// A person's word, where one is needed.
    Approval,
    /// `terraform apply` of exactly that plan.
    Apply,
    /// What the site can be reached by.
    Outputs,
    /// Whether the site answers.
    Verify,
}

impl StepName {
    /// Every step, in the order in which they run.
    pub const ALL: [Self; 9] = [
        Self::Prepare,
        Self::Init,
        Self::Plan,
        Self::Price,
        Self::Policy,
        Self::Approval,
        Self::Apply,
        Self::Outputs,
        Self::Verify,
    ];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Init => "init",
            Self::Plan => "plan",
            Self::Price => "price",
            Self::Policy => "policy",
            Self::Approval => "approval",
            Self::Apply => "apply",
            Self::Outputs => "outputs",
            Self::Verify => "verify",
        }
    }

    /// The steps of a deployment of this kind.
    pub fn of(kind: DeploymentKind) -> &'static [Self] {
        const UNTIL_POLICY: &[StepName] = &[
            StepName::Prepare,
            StepName::Init,
            StepName::Plan,
            StepName::Price,
            StepName::Policy,
        ];
        match kind {
            DeploymentKind::Plan | DeploymentKind::DriftCheck => UNTIL_POLICY,
            _ => &Self::ALL,
        }
    }
}

impl std::fmt::Display for StepName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for StepName {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|step| step.as_str() == text)
            .ok_or_else(|| UnknownWord::new("step", text, &Self::ALL.map(Self::as_str)))
    }
}

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Has not started.
    Pending,
    /// Runs now.
    Running,
    /// Done.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Not needed here; its output says why.
    Skipped,
}

impl StepStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Skipped,
    ];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl std::str::FromStr for StepStatus {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownWord::new("step status", text, &Self::ALL.map(Self::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_no_apply_and_every_other_kind_has_all_steps() {
        for kind in DeploymentKind::ALL {
            assert_eq!(
                StepName::of(kind).contains(&StepName::Apply),
                !kind.is_plan_only(),
                "{kind}"
            );
        }
    }

    #[test]
    fn words_survive_the_way_to_the_database() {
        for step in StepName::ALL {
            assert_eq!(step.as_str().parse(), Ok(step));
        }
        for status in StepStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
    }
}
