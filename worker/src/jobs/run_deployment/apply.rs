//! The steps `apply` and `outputs`: exactly the plan that was judged, with its state shipped as it grows.

use db::{
    deployments::{self, Advance},
    resources::SiteResource,
};
use domain::{
    deployment::{DeploymentEvent, DeploymentStatus},
    step::{StepName, StepStatus},
};
use serde_json::{Map, Value};
use state::{
    seal::{self, SealedFor},
    terraform_state::TerraformState,
};

use super::{APPLY_JOURNAL, Applied, Attempt, Broke, Output, PLAN, Run, phase};
use crate::{
    attempt::{Stop, held, in_transaction},
    recovery,
    workspace::ERRORED_STATE,
};

impl Attempt {
    /// `terraform apply` of the plan in the workspace. Gives the state that it left.
    pub(super) async fn apply(&mut self) -> Result<Option<TerraformState>, Stop> {
        const STEP: StepName = StepName::Apply;
        self.checkpoint()?;
        // What was said of the plan comes before the status in the order of the readers.
        self.reporter.flush().await?;
        self.begin_apply().await?;
        self.reporter.start_step(STEP).await?;
        let run = Run {
            journal: Some(APPLY_JOURNAL.to_owned()),
            deadline: self.context.settings.deadlines.apply,
            ..self.command(&["apply", "-json", "-input=false", PLAN])
        };
        let running = phase::run(
            &mut self.supervisor,
            &self.reporter,
            &self.signals,
            STEP,
            Output::Json,
            run,
        );
        let told = self.shipper.while_running(running).await?;
        let told = match told {
            Ok(told) => told,
            Err(broke) => return Err(self.settle(broke).await),
        };
        let state = self.read_state(STEP)?.map(|(state, _)| state);
        let resources = state.as_ref().map_or(0, |state| state.managed().count());
        let words = format!("{resources} resources stand");
        self.reporter
            .finish_step(STEP, StepStatus::Succeeded, told.code, &words, None)
            .await?;
        Ok(state)
    }

    /// Says that the plan goes on, before the first call to the cloud: what is applied was approved, or is
    /// noted as what an attempt after an interruption is held to.
    async fn begin_apply(&mut self) -> Result<(), Stop> {
        let deployment = &self.deployment;
        let status = in_transaction!(self.store, tx => {
            let now = held(tx, deployment).await?;
            deployments::record_unasked_approval(tx, deployment.id, deployment.attempt).await?;
            if now.status == DeploymentStatus::Planning {
                let advance = Advance {
                    deployment: deployment.id,
                    from: now.status,
                    event: DeploymentEvent::ApplyStarted,
                    attempt: Some(deployment.attempt),
                    reason: "Applying the plan",
                };
                deployments::advance(tx, advance).await?;
            }
            Ok(now.status)
        })?;
        if status == DeploymentStatus::Cancelling {
            return Err(Stop::Cancelled);
        }
        self.deployment.status = DeploymentStatus::Applying;
        Ok(())
    }

    /// Puts the state in order after an apply that broke: a wait that our interrupt cut is no broken resource.
    async fn settle(&mut self, broke: Broke) -> Stop {
        const STEP: StepName = StepName::Apply;
        if let Broke::Failed(told) = &broke
            && told
                .failures
                .iter()
                .flat_map(|failure| &failure.errors)
                .any(|error| error.summary == "Saved plan is stale")
        {
            return Stop::Stale("the site's state has moved since the plan was made".to_owned());
        }
        if let Broke::Failed(told) | Broke::Interrupted(told) | Broke::Deadline(told) = &broke {
            let rescued = told.printed_state.clone();
            let rescued = rescued.or_else(|| std::fs::read(self.workspace.file(ERRORED_STATE)).ok());
            if let Some(state) = rescued
                && let Err(stop) = self.shipper.ship_rescued(state).await
            {
                return stop;
            }
        }
        if let Broke::Interrupted(told) = &broke
            && !self.signals.lost.is_cancelled()
        {
            let cut = told.cut.clone();
            self.supervisor.resume();
            if let Err(stop) = self.lift_taints(&cut).await {
                return stop;
            }
        }
        broke.into_stop(STEP, &self.signals)
    }

    async fn lift_taints(&mut self, cut: &std::collections::BTreeSet<String>) -> Result<(), Stop> {
        const STEP: StepName = StepName::Apply;
        let Some((state, _)) = self.read_state(STEP)? else {
            return Ok(());
        };
        for address in recovery::to_untaint(&state, cut) {
            self.untaint(STEP, &address).await?;
        }
        self.shipper.ship_last().await
    }

    /// What the site can be reached by, and what it is made of.
    pub(super) async fn outputs(&mut self, state: Option<TerraformState>) -> Result<Applied, Stop> {
        const STEP: StepName = StepName::Outputs;
        self.reporter.start_step(STEP).await?;
        let mut plain = Map::new();
        let mut sensitive = Map::new();
        for output in state.iter().flat_map(|state| &state.outputs) {
            let group = if output.sensitive {
                &mut sensitive
            } else {
                &mut plain
            };
            group.insert(output.name.clone(), output.value.clone());
        }
        let outputs_sealed = self.seal_outputs(&sensitive)?;
        let words = match plain.get("url").and_then(Value::as_str) {
            Some(url) => url.to_owned(),
            None => "none".to_owned(),
        };
        let outputs = self.reporter.masked_json(Value::Object(plain));
        let applied = Applied {
            outputs,
            outputs_sealed,
            resources: site_resources(state.as_ref()),
        };
        self.reporter
            .finish_step(STEP, StepStatus::Succeeded, None, &words, None)
            .await?;
        Ok(applied)
    }

    fn seal_outputs(&self, sensitive: &Map<String, Value>) -> Result<Option<Vec<u8>>, Stop> {
        if sensitive.is_empty() {
            return Ok(None);
        }
        let sealed_for = SealedFor::SiteOutputs {
            customer_id: self.deployment.customer,
            site_id: self.deployment.site,
        };
        seal::seal_value(&self.context.states.keys, &sealed_for, sensitive)
            .map(Some)
            .map_err(|error| Stop::failed(StepName::Outputs, format!("the outputs can't be sealed: {error}")))
    }
}

/// The resources of a state, without a secret in them.
pub(super) fn site_resources(state: Option<&TerraformState>) -> Vec<SiteResource> {
    let Some(state) = state else { return Vec::new() };
    state
        .resources_without_secrets()
        .into_iter()
        .filter(|resource| {
            resource.mode == state::terraform_state::ResourceMode::Managed && resource.deposed.is_none()
        })
        .map(|resource| SiteResource {
            address: resource.address,
            resource_type: resource.resource_type,
            provider_id: resource.id,
            tainted: resource.tainted,
            attributes: resource.attributes,
        })
        .collect()
}
