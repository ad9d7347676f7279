//! What `siteplane plan --format json` prints; its schema is published.

use domain::{
    plan::PlanSummary,
    specification::{FieldProblem, SiteSpecification},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Planned;

/// The version of [`PlanReport`]'s form: it grows when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// How a plan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlanResult {
    /// Everything is as the file says.
    NoChanges,
    /// An apply would change something.
    Changes,
    /// Policy or a person says no.
    Denied,
    /// The file, the request or Terraform failed.
    Failed,
    /// There was no API, or no plan in time.
    Unreachable,
}

impl PlanResult {
    /// The command's exit status.
    pub(crate) fn exit_status(self) -> u8 {
        match self {
            Self::NoChanges => 0,
            Self::Failed => 1,
            Self::Changes => 2,
            Self::Denied => 3,
            Self::Unreachable => 4,
        }
    }
}

/// Who ran Terraform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlannedBy {
    /// A worker of the control plane, with the site's state.
    Worker,
    /// This machine, as a new site.
    Local,
}

/// A plan for a program to read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanReport {
    /// The version of this form.
    #[schema(minimum = 1, maximum = 1)]
    pub(crate) version: u32,
    /// How it ended.
    pub(crate) result: PlanResult,
    /// The command's exit status, which says the same.
    pub(crate) exit_status: u8,
    /// Who ran Terraform.
    pub(crate) planned_by: PlannedBy,
    /// Whether the cloud is a simulation or an emulator: nothing costs money, nothing is real.
    pub(crate) simulated: bool,
    /// The site of the file; null where the file does not describe one.
    pub(crate) site: Option<PlannedSite>,
    /// The deployment that a worker planned in; null for a plan of this machine.
    pub(crate) deployment_id: Option<String>,
    /// What would happen and what it costs; null where there is no plan.
    pub(crate) plan: Option<PlanSummary>,
    /// Why there is no plan, in words; null where there is one.
    pub(crate) error: Option<String>,
    /// The fields that do not fit.
    pub(crate) problems: Vec<FieldProblem>,
}

/// The site that was planned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlannedSite {
    /// Its name.
    pub(crate) name: String,
    /// Its cloud.
    pub(crate) provider: String,
    /// The name of its cloud that people read.
    pub(crate) provider_name: String,
    /// Its region.
    pub(crate) region: String,
    /// Its size.
    pub(crate) size: String,
    /// Whether it is there already, and this is a change of it.
    pub(crate) exists: bool,
}

impl PlannedSite {
    fn of(specification: &SiteSpecification, exists: bool) -> Self {
        Self {
            name: specification.name.to_string(),
            provider: specification.provider.to_string(),
            provider_name: specification.provider.facts().name.to_owned(),
            region: specification.region.clone(),
            size: specification.size.as_str().to_owned(),
            exists,
        }
    }
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) struct PlanFailure {
    /// How that counts.
    pub(crate) result: PlanResult,
    /// Why.
    pub(crate) words: String,
    /// The fields that do not fit.
    pub(crate) problems: Vec<FieldProblem>,
}

impl PlanFailure {
    /// A failure that is no field's.
    pub(crate) fn words(result: PlanResult, words: impl Into<String>) -> Self {
        Self {
            result,
            words: words.into(),
            problems: Vec::new(),
        }
    }
}

impl PlanReport {
    /// A plan.
    pub(super) fn planned(
        planned_by: PlannedBy,
        specification: &SiteSpecification,
        planned: Planned,
    ) -> Self {
        let result = if planned.summary.is_empty() {
            PlanResult::NoChanges
        } else {
            PlanResult::Changes
        };
        Self {
            version: VERSION,
            result,
            exit_status: result.exit_status(),
            planned_by,
            simulated: planned.simulated,
            site: Some(PlannedSite::of(specification, planned.site_exists)),
            deployment_id: planned.deployment,
            plan: Some(planned.summary),
            error: None,
            problems: Vec::new(),
        }
    }

    /// No plan.
    pub(super) fn failed(
        planned_by: PlannedBy,
        specification: Option<&SiteSpecification>,
        failure: PlanFailure,
    ) -> Self {
        Self {
            version: VERSION,
            result: failure.result,
            exit_status: failure.result.exit_status(),
            planned_by,
            simulated: false,
            site: specification.map(|specification| PlannedSite::of(specification, false)),
            deployment_id: None,
            plan: None,
            error: Some(failure.words),
            problems: failure.problems,
        }
    }
}
