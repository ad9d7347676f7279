//! The steps `plan`, `price` and `approval`: what would happen, what it costs, and whether a person must agree first.

use db::deployments::{self, KeptPlan};
use domain::{
    deployment::DeploymentKind,
    plan::PlanSummary,
    price::CostChange,
    step::{StepName, StepStatus},
};
use serde_json::Value;
use state::{kept_plan::PlanBundle, terraform_state::TerraformState};

use super::Attempt;
use crate::{
    attempt::{Stop, in_transaction},
    phase::Output,
    terraform::command::Run,
    workspace::{LOCK_FILE, PLAN, PLAN_JSON},
};

impl Attempt {
    /// `terraform plan` and `show -json` of it; what it would do and what that costs.
    pub(super) async fn plan(&mut self) -> Result<PlanSummary, Stop> {
        const STEP: StepName = StepName::Plan;
        self.checkpoint()?;
        self.reporter.start_step(STEP).await?;
        let out = format!("-out={PLAN}");
        let mut args = vec!["plan", "-json", "-input=false", out.as_str()];
        if self.deployment.kind == DeploymentKind::Destroy {
            args.push("-destroy");
        }
        let plan = Run {
            deadline: self.context.settings.deadlines.plan,
            ..self.command(&args)
        };
        let told = self
            .terraform(STEP, Output::Json, plan)
            .await
            .map_err(|broke| broke.into_stop(STEP, &self.signals))?;
        let show = Run {
            stdout_to: Some(PLAN_JSON.to_owned()),
            ..self.command(&["show", "-json", "-no-color", PLAN])
        };
        self.terraform(STEP, Output::Plain, show)
            .await
            .map_err(|broke| broke.into_stop(STEP, &self.signals))?;
        let summary = self.read_plan()?;
        in_transaction!(self.store, tx => {
            Ok(deployments::record_plan(tx, self.deployment.id, self.deployment.attempt, &summary).await?)
        })?;
        self.reporter
            .finish_step(STEP, StepStatus::Succeeded, told.code, &summary.headline(), None)
            .await?;
        self.say_price(&summary).await?;
        Ok(summary)
    }

    /// The price was read with the plan, in one transaction with it; its step says it.
    async fn say_price(&mut self, summary: &PlanSummary) -> Result<(), Stop> {
        const STEP: StepName = StepName::Price;
        self.reporter.start_step(STEP).await?;
        let said = summary
            .cost
            .as_ref()
            .map(CostChange::headline)
            .unwrap_or_default();
        self.reporter
            .finish_step(STEP, StepStatus::Succeeded, None, &said, None)
            .await
    }

    fn read_plan(&self) -> Result<PlanSummary, Stop> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Stop::failed(
                StepName::Plan,
                format!("the plan that Terraform showed can't be read: {error}"),
            )
        };
        let text = std::fs::read(self.workspace.file(PLAN_JSON)).map_err(|error| unreadable(&error))?;
        let plan: Value = serde_json::from_slice(&text).map_err(|error| unreadable(&error))?;
        let specification = &self.access.specification;
        let summary = PlanSummary::priced(specification.provider, &specification.region, &plan)
            .map_err(|error| unreadable(&error))?;
        // Old values of what was never marked as sensitive may still be a secret of ours.
        let masked = self
            .reporter
            .masked_json(serde_json::to_value(&summary).map_err(|error| unreadable(&error))?);
        serde_json::from_value(masked).map_err(|error| unreadable(&error))
    }

    /// Whether a person must agree. What was approved, or went on by itself before an interruption, may be
    /// finished unasked as long as the new plan is within it.
    pub(super) fn needs_approval(&self, summary: &PlanSummary) -> bool {
        match &self.deployment.approved_summary {
            Some(approved) => !summary.is_within(approved),
            None => self.deployment.approval_required && !summary.is_empty(),
        }
    }

    /// Seals the plan away until a person decides.
    pub(super) async fn keep_plan(&mut self, state: Option<&TerraformState>) -> Result<KeptPlan, Stop> {
        const STEP: StepName = StepName::Approval;
        self.checkpoint()?;
        self.reporter.start_step(STEP).await?;
        let unreadable = |error: std::io::Error| {
            Stop::failed(STEP, format!("the plan in the workspace can't be read: {error}"))
        };
        let bundle = PlanBundle {
            plan: std::fs::read(self.workspace.file(PLAN)).map_err(unreadable)?,
            lock_file: std::fs::read(self.workspace.file(LOCK_FILE)).map_err(unreadable)?,
        };
        let deployment = &self.deployment;
        let keeping = self.context.states.keep_plan(
            deployment.customer,
            deployment.site,
            deployment.id,
            deployment.attempt,
            &bundle,
        );
        let blob_key = self.store.unless_lost(keeping).await?.map_err(|error| {
            Stop::HandBack(format!(
                "the plan could not be kept: {:#}",
                anyhow::Error::new(error)
            ))
        })?;
        Ok(KeptPlan {
            blob_key,
            module_digest: self.kit.modules.digest.clone(),
            terraform_digest: self.context.prepared.terraform.sha256.clone(),
            account: self.access.account.id,
            region: self.access.specification.region.clone(),
            state: state.map(|state| (state.lineage.clone(), state.serial)),
        })
    }

    /// Puts the approved plan into the workspace, if everything is still as it was when it was made.
    pub(super) async fn take_approved_plan(&mut self, state: Option<&TerraformState>) -> Result<(), Stop> {
        const STEP: StepName = StepName::Approval;
        self.checkpoint()?;
        let kept = self
            .deployment
            .kept_plan
            .clone()
            .ok_or_else(|| Stop::failed(STEP, "the approved plan is not where it should be"))?;
        let now = KeptPlan {
            blob_key: kept.blob_key.clone(),
            module_digest: self.kit.modules.digest.clone(),
            terraform_digest: self.context.prepared.terraform.sha256.clone(),
            account: self.deployment.account,
            region: self.access.specification.region.clone(),
            state: state.map(|state| (state.lineage.clone(), state.serial)),
        };
        if let Some(why) = difference(&kept, &now) {
            return Err(Stop::Stale(why.to_owned()));
        }
        let opening = self.context.states.open_plan(
            self.deployment.customer,
            self.deployment.site,
            self.deployment.id,
            &kept.blob_key,
        );
        let bundle = self.store.unless_lost(opening).await?.map_err(|error| {
            Stop::HandBack(format!(
                "the kept plan could not be read: {:#}",
                anyhow::Error::new(error)
            ))
        })?;
        if bundle.lock_file != self.kit.lock_file {
            return Err(Stop::Stale(
                "the plan was made with other plugins than this worker has".to_owned(),
            ));
        }
        self.workspace
            .write(PLAN, &bundle.plan)
            .map_err(|error| Stop::failed(STEP, format!("the workspace can't be written: {error}")))?;
        self.reporter
            .finish_step(STEP, StepStatus::Succeeded, None, "approved", None)
            .await
    }
}

/// What is no longer as it was when the plan was made.
fn difference(kept: &KeptPlan, now: &KeptPlan) -> Option<&'static str> {
    if kept.account != now.account {
        Some("the plan was made for another cloud account")
    } else if kept.region != now.region {
        Some("the plan was made for another region")
    } else if kept.module_digest != now.module_digest {
        Some("the modules have changed since the plan was made")
    } else if kept.terraform_digest != now.terraform_digest {
        Some("the plan was made with another Terraform binary")
    } else if kept.state != now.state {
        Some("the site's state has moved since the plan was made")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use domain::id::CloudAccountId;

    use super::*;

    #[test]
    fn a_plan_is_stale_once_anything_that_it_was_made_with_differs() {
        let kept = KeptPlan {
            blob_key: "key".to_owned(),
            module_digest: "m".to_owned(),
            terraform_digest: "t".to_owned(),
            account: CloudAccountId::new(),
            region: "us-east-1".to_owned(),
            state: Some(("l".to_owned(), 3)),
        };
        assert_eq!(difference(&kept, &kept.clone()), None);
        let changed = [
            (
                KeptPlan {
                    account: CloudAccountId::new(),
                    ..kept.clone()
                },
                "account",
            ),
            (
                KeptPlan {
                    region: "eu-west-1".to_owned(),
                    ..kept.clone()
                },
                "region",
            ),
            (
                KeptPlan {
                    module_digest: "n".to_owned(),
                    ..kept.clone()
                },
                "modules",
            ),
            (
                KeptPlan {
                    terraform_digest: "u".to_owned(),
                    ..kept.clone()
                },
                "binary",
            ),
            (
                KeptPlan {
                    state: None,
                    ..kept.clone()
                },
                "state",
            ),
        ];
        for (now, word) in changed {
            assert!(
                difference(&kept, &now).is_some_and(|why| why.contains(word)),
                "{word}"
            );
        }
    }
}
