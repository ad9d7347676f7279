//! The steps `prepare` and `init`: workspace, newest state, and what an earlier attempt left in the cloud.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use db::{deployments, deployments::Deployment, events};
use domain::{
    deployment::DeploymentStatus,
    id::DeploymentId,
    plan::PlannedAction,
    provider::World,
    step::{StepName, StepStatus},
};
use serde_json::Value;
use state::{
    newest::newest_whole,
    store::StoreError,
    terraform_state::TerraformState,
    versions::{Candidates, ReadError},
};
use tracing::warn;

use super::{Attempt, Context};
use crate::{
    access::Sealed,
    attempt::{Stop, Store, in_transaction},
    lease::Signals,
    phase::{Broke, Output},
    recovery::{self, Begins, Begun, ResourceLine, simulated},
    report::{Report, Reporter},
    shipping::{self, Shipper},
    terraform::{
        command::Supervisor,
        environment::{self, Environment},
        mask::Mask,
        processes,
    },
    workspace::{APPLY_JOURNAL, LOCK_FILE, Leftover, Owner, PLAN_JSON, Workspace},
};

/// Pause between tries while S3 is away.
const PAUSE: Duration = Duration::from_secs(2);
/// How many earlier deployments of the site are looked at for what they began.
const LOOK_BACK: i64 = 20;
/// Events that are read at once.
const PAGE: i64 = 5_000;

/// Puts everything in place for an attempt.
pub(super) async fn prepare(
    context: Arc<Context>,
    deployment: Deployment,
    supervisor: Supervisor,
    signals: &Signals,
    store: &Store,
) -> Result<Attempt, Stop> {
    const STEP: StepName = StepName::Prepare;
    let sealed = in_transaction!(store, tx => Ok(Sealed::read(tx, &deployment).await?))?;
    let access = sealed
        .open(&context.states.keys, &deployment)
        .map_err(|error| Stop::failed(STEP, format!("{:#}", anyhow::Error::new(error))))?;
    let kit = context
        .prepared
        .kits
        .get(&(access.account.provider, access.account.world))
        .cloned()
        .ok_or_else(|| Stop::HandBack("this worker has no plugins for the account's cloud".to_owned()))?;
    let reporter = Reporter::start(&deployment, store.clone(), Mask::new(access.secrets()));
    reporter.start_step(STEP).await?;

    let workspaces = &context.settings.workspaces;
    secure_leftovers(&context, &deployment, &reporter, store, signals).await?;
    let candidates = read_candidates(&context, &deployment, &reporter, store, signals).await?;
    for (version, error) in &candidates.unreadable {
        reporter.log(
            STEP,
            format!("State version {} can't be opened: {error}", version.id),
        );
    }
    let lineage = candidates
        .readable
        .first()
        .map(|(version, _)| version.lineage.clone());
    let newest = newest_whole(
        lineage.as_deref(),
        candidates
            .readable
            .iter()
            .map(|(version, bytes)| (version.clone(), bytes.clone())),
    );

    let owner = owner_of(&deployment);
    let no_room =
        |error: std::io::Error| Stop::failed(STEP, format!("the workspace can't be written: {error}"));
    let workspace = Workspace::create(workspaces, owner, &kit.modules).map_err(no_room)?;
    let mut stored = None;
    if let Some((version, chosen)) = &newest.chosen {
        let bytes = candidates
            .readable
            .iter()
            .find(|(candidate, _)| candidate.id == version.id);
        let bytes = &bytes.expect("the chosen one is a candidate").1;
        workspace
            .start_from(&chosen.lineage, chosen.serial, bytes)
            .map_err(no_room)?;
        if version.standing == db::state_versions::Standing::Current {
            stored = Some((chosen.lineage.clone(), chosen.serial));
        } else {
            reporter.log(
                STEP,
                format!(
                    "Attempt {} left a newer state (serial {}); going on from there",
                    version.attempt, chosen.serial
                ),
            );
        }
    }
    workspace.write(LOCK_FILE, &kit.lock_file).map_err(no_room)?;
    workspace
        .write_variables(&access.variables(&deployment).file())
        .map_err(no_room)?;

    let temporary = environment::temporary_directory().map_err(no_room)?;
    let environment = Environment::for_terraform(&environment::Base {
        path: &context.prepared.path,
        workspace: workspace.root(),
        temporary_directory: temporary.path(),
        cli_config: &kit.cli_config,
    })
    .and_then(|environment| environment.with_account(access.environment(&deployment)))
    .and_then(|environment| {
        environment.with_terraform_variables(access.variables(&deployment).secret_variables())
    })
    .map_err(|error| Stop::failed(STEP, error.to_string()))?;

    let terraform = &context.prepared.terraform;
    let module_version = kit.modules.version();
    in_transaction!(store, tx => {
        let provenance = deployments::Provenance {
            module_version: &module_version,
            module_digest: &kit.modules.digest,
            terraform_version: &terraform.version,
            terraform_digest: &terraform.sha256,
            plugin_versions: &kit.plugin_versions,
        };
        Ok(deployments::record_provenance(tx, deployment.id, deployment.attempt, &provenance).await?)
    })?;
    let mut shipper = Shipper::new(
        &workspace,
        context.states.clone(),
        store.clone(),
        reporter.clone(),
        stored,
    );
    // A state that was quarantined becomes current again here, under this attempt's lease.
    shipper.ship_last().await?;
    let words = match &newest.chosen {
        Some((_, state)) => format!("{} resources in the state", state.managed().count()),
        None => "a new state".to_owned(),
    };
    reporter
        .finish_step(STEP, StepStatus::Succeeded, None, &words, None)
        .await?;
    Ok(Attempt {
        context,
        deployment,
        access,
        kit,
        supervisor,
        signals: signals.clone(),
        store: store.clone(),
        reporter,
        workspace,
        shipper,
        environment,
        _temporary: temporary,
    })
}

/// Ends what still works in left workspaces of this site on this machine, and ships their states.
async fn secure_leftovers(
    context: &Context,
    deployment: &Deployment,
    reporter: &Reporter,
    store: &Store,
    signals: &Signals,
) -> Result<(), Stop> {
    for leftover in find_leftovers(&context.settings.workspaces, deployment)? {
        processes::kill_processes_in(leftover.folder())
            .await
            .map_err(|error| {
                Stop::failed(
                    StepName::Prepare,
                    format!("what an earlier attempt started can't be ended: {error}"),
                )
            })?;
        while let Err(error) = shipping::ship_left(&context.states, &context.pool, &leftover).await {
            warn!(deployment.id = %deployment.id, error = %format!("{:#}", anyhow::Error::new(error)),
                "Could not ship what attempt {} left; trying again", leftover.owner.attempt);
            reporter.log(
                StepName::Prepare,
                "The state that an earlier attempt left can't be stored yet; trying again",
            );
            pause(store, signals).await?;
        }
    }
    Ok(())
}

fn owner_of(deployment: &Deployment) -> Owner {
    Owner {
        customer: deployment.customer,
        site: deployment.site,
        deployment: deployment.id,
        attempt: deployment.attempt,
    }
}

/// Waits before the next try while S3 is away. A worker that shuts down does not wait: nothing was begun.
async fn pause(store: &Store, signals: &Signals) -> Result<(), Stop> {
    store.unless_lost(tokio::time::sleep(PAUSE)).await?;
    if signals.shutdown.is_cancelled() {
        return Err(Stop::HandBack("its worker shut down".to_owned()));
    }
    Ok(())
}

fn find_leftovers(workspaces: &Path, deployment: &Deployment) -> Result<Vec<Leftover>, Stop> {
    Leftover::of_earlier_attempts(workspaces, owner_of(deployment)).map_err(|error| {
        Stop::failed(
            StepName::Prepare,
            format!("earlier workspaces can't be read: {error}"),
        )
    })
}

async fn read_candidates(
    context: &Context,
    deployment: &Deployment,
    reporter: &Reporter,
    store: &Store,
    signals: &Signals,
) -> Result<Candidates, Stop> {
    loop {
        let scope = db::tenant::Scope::Worker;
        let reading = context
            .states
            .candidates(&context.pool, scope, deployment.customer, deployment.site);
        match store.unless_lost(reading).await? {
            Ok(candidates) => return Ok(candidates),
            Err(ReadError::Store(error @ StoreError::Refused { .. })) => {
                return Err(Stop::failed(
                    StepName::Prepare,
                    format!("the store of states refused: {error}"),
                ));
            }
            Err(error) => {
                warn!(deployment.id = %deployment.id, error = %format!("{:#}", anyhow::Error::new(error)),
                    "Could not read the site's states; trying again");
                reporter.log(
                    StepName::Prepare,
                    "The site's states can't be read yet; trying again",
                );
                pause(store, signals).await?;
            }
        }
    }
}

/// What earlier applies of the site began, and what is known to be able to tell of it.
struct Traces {
    begins: Begins,
    cut: BTreeSet<String>,
    deployments: BTreeSet<DeploymentId>,
    /// The plan that was applied last, where its workspace is on this machine.
    plan: Option<Value>,
    /// What earlier plans were to make, address and type: the last lines before a worker was lost reached nobody.
    planned: BTreeMap<String, String>,
}

impl Attempt {
    /// `terraform init`, then the way back from what an earlier attempt left.
    pub(super) async fn init_and_recover(&mut self) -> Result<Option<TerraformState>, Stop> {
        const STEP: StepName = StepName::Init;
        self.checkpoint()?;
        self.reporter.start_step(STEP).await?;
        let init = self.command(&["init", "-input=false", "-no-color", "-lockfile=readonly"]);
        let told = self
            .terraform(STEP, Output::Plain, init)
            .await
            .map_err(|broke| broke.into_stop(STEP, &self.signals))?;
        self.reporter
            .finish_step(
                STEP,
                StepStatus::Succeeded,
                told.code,
                "plugins are in place",
                None,
            )
            .await?;

        let traces = self.read_traces().await?;
        let state = self.read_state(STEP)?.map(|(state, _)| state);
        let cut = state
            .as_ref()
            .map(|state| recovery::to_untaint(state, &traces.cut))
            .unwrap_or_default();
        for address in cut {
            self.untaint(STEP, &address).await?;
        }
        let mut begins = traces.begins.clone();
        if self.access.account.world == World::Simulated {
            // Its directory tells at once what is not there; a real cloud would be asked for each in vain.
            begins.add_planned(&traces.planned);
        }
        let unknown = begins.unknown_to(state.as_ref());
        if !unknown.is_empty() {
            self.take_back(&traces, state.as_ref(), &unknown).await?;
        }
        self.shipper.ship_last().await?;
        Ok(self.read_state(STEP)?.map(|(state, _)| state))
    }

    /// Lifts the taint of a resource whose wait was cut by our own interrupt.
    pub(super) async fn untaint(&mut self, step: StepName, address: &str) -> Result<(), Stop> {
        let untaint = self.command(&["untaint", "-no-color", address]);
        match self.terraform(step, Output::Plain, untaint).await {
            Ok(_) => {
                self.reporter.log(
                    step,
                    format!("{address} was in the making when its wait was cut; it is kept"),
                );
                Ok(())
            }
            // It stays tainted: the next plan shows that it would be replaced.
            Err(Broke::Failed(_)) => Ok(()),
            Err(broke) => Err(broke.into_stop(step, &self.signals)),
        }
    }

    /// Reads the events of this site's applies since the last one that succeeded, and left journals.
    async fn read_traces(&self) -> Result<Traces, Stop> {
        let site = self.deployment.site;
        let mut traces = Traces {
            begins: Begins::default(),
            cut: BTreeSet::new(),
            deployments: BTreeSet::new(),
            plan: None,
            planned: BTreeMap::new(),
        };
        let lines = in_transaction!(self.store, tx => {
            let mut open_ended = deployments::list_of_site(tx, site, None, LOOK_BACK).await?;
            let is_whole = |earlier: &Deployment| {
                earlier.status == DeploymentStatus::Succeeded && !earlier.kind.is_plan_only()
            };
            let whole = open_ended.iter().position(is_whole).unwrap_or(open_ended.len());
            open_ended.truncate(whole);
            open_ended.retain(|earlier| earlier.id <= self.deployment.id && earlier.started_at.is_some());
            let mut lines = Vec::new();
            for earlier in open_ended.iter().rev() {
                let mut after = 0;
                loop {
                    let page = events::list(tx, earlier.id, after, PAGE).await?;
                    let Some(last) = page.last() else { break };
                    after = last.seq;
                    lines.extend(page.into_iter().filter(|event| event.kind == "resource").map(|event| (earlier.id, event)));
                }
            }
            Ok((open_ended, lines))
        })?;
        traces.deployments = lines.0.iter().map(|earlier| earlier.id).collect();
        let begun_plans = lines
            .0
            .iter()
            .filter_map(|earlier| earlier.approved_summary.as_ref());
        for change in begun_plans.flat_map(|plan| &plan.changes) {
            if matches!(change.action, PlannedAction::Create | PlannedAction::Replace) {
                traces
                    .planned
                    .insert(change.address.clone(), change.resource_type.clone());
            }
        }
        for (_, event) in lines.1 {
            if let Some(Ok(line)) = event.data.map(serde_json::from_value::<ResourceLine>) {
                traces.begins.observe(&line);
            }
        }
        for leftover in find_leftovers(&self.context.settings.workspaces, &self.deployment)? {
            let unreadable = |error: std::io::Error| {
                Stop::failed(
                    StepName::Init,
                    format!("an earlier workspace can't be read: {error}"),
                )
            };
            if let Some(journal) = leftover.read(APPLY_JOURNAL).map_err(unreadable)? {
                recovery::read_journal(&journal, &mut traces.begins, &mut traces.cut);
            }
            if let Some(plan) = leftover.read(PLAN_JSON).map_err(unreadable)? {
                // Cut off while it was written: then it was not applied either.
                traces.plan = serde_json::from_slice(&plan).ok().or(traces.plan);
            }
        }
        Ok(traces)
    }

    /// Imports what exists and no state knows; what can't be found is listed for a person.
    async fn take_back(
        &mut self,
        traces: &Traces,
        state: Option<&TerraformState>,
        unknown: &BTreeMap<String, Begun>,
    ) -> Result<(), Stop> {
        const STEP: StepName = StepName::Init;
        let provider = self.access.account.provider;
        let ids = match (self.access.account.world, &self.access.account.endpoint) {
            (World::Simulated, Some(cloud)) => {
                let search = simulated::Search {
                    cloud: Path::new(cloud),
                    provider,
                    site: self.deployment.site,
                    deployments: &traces.deployments,
                    state,
                    plan: traces.plan.as_ref(),
                };
                simulated::find(search, unknown).map_err(|error| {
                    Stop::failed(
                        STEP,
                        format!("the simulated cloud's directory can't be read: {error}"),
                    )
                })?
            }
            _ => unknown
                .iter()
                .filter_map(|(address, begun)| {
                    let id = recovery::import_id(provider, traces.plan.as_ref(), address, begun)?;
                    Some((address.clone(), id))
                })
                .collect(),
        };
        for (address, begun) in unknown {
            let Some(id) = ids.get(address) else {
                if self.access.account.world != World::Simulated {
                    self.list_for_a_person(address, begun);
                }
                continue;
            };
            let import = self.command(&["import", "-input=false", "-no-color", address, id]);
            match self.terraform(STEP, Output::Plain, import).await {
                Ok(_) => self.reporter.log(
                    STEP,
                    format!("Took back {address} ({id}), which an earlier attempt made"),
                ),
                // Not there, or not to be had by this id.
                Err(Broke::Failed(_)) if begun.id.is_none() => {}
                Err(Broke::Failed(_)) => self.list_for_a_person(address, begun),
                Err(broke) => return Err(broke.into_stop(STEP, &self.signals)),
            }
        }
        Ok(())
    }

    fn list_for_a_person(&self, address: &str, begun: &Begun) {
        let id = begun
            .id
            .as_ref()
            .map_or("without a known id".to_owned(), |(name, id)| {
                format!("{name} {id}")
            });
        self.reporter.say(
            "suspect",
            Report {
                step: Some(StepName::Init),
                address: Some(address.to_owned()),
                message: format!(
                    "{address} ({}, {id}) was begun by an earlier attempt and is in no state; look for it by the tag site_id",
                    begun.resource_type
                ),
                data: None,
            },
        );
    }
}
