//! Plans that wait for a person.

use std::{fs, path::Path};

use db::cloud_accounts::CloudAccount;
use db::tenant::{self, Scope};
use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    id::{CloudAccountId, DeploymentId, SiteId},
    provider::World,
    site::SiteStatus,
    step::{StepName, StepStatus},
};
use serde_json::json;
use state::{
    seal::{self, SealedFor},
    versions::StateWrite,
};
use worker::Settings;

use super::{
    Stage,
    invariants::{journal, until},
};

impl Stage {
    /// Settings of a worker on another machine: it shares no folder with the first one.
    fn elsewhere(&self) -> Settings {
        Settings {
            workspaces: self.folder.path().join("elsewhere"),
            ..self.settings()
        }
    }

    async fn step(&self, id: DeploymentId, name: StepName) -> db::steps::Step {
        let steps = self.steps(id).await;
        steps.into_iter().find(|step| step.name == name).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_plan_is_applied_on_another_machine_exactly_as_it_was_shown() {
    let stage = Stage::new().await;
    let first = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", true).await;
    let waiting = stage.wait_for(create, DeploymentStatus::AwaitingApproval).await;
    assert_eq!(waiting.reason.as_deref(), Some("The plan waits for approval"));
    assert_eq!(waiting.lease_until, None);
    let shown = waiting.plan_summary.unwrap();
    assert!(shown.add > 30 && shown.destroy == 0, "{}", shown.headline());
    assert_eq!(
        stage.step(create, StepName::Approval).await.status,
        StepStatus::Running
    );
    first.stop().await;
    assert_eq!(stage.left_workspaces(), Vec::<String>::new());
    assert_eq!(stage.standing(), [], "nothing was made");
    let _ = fs::remove_dir_all(stage.workspaces());

    stage.approve(create).await;
    let second = stage.start_worker_with(stage.elsewhere());
    let done = stage.wait_for(create, DeploymentStatus::Succeeded).await;
    assert_eq!(done.attempt, 2);
    assert_eq!(done.plan_summary.unwrap(), shown);
    let planned = stage.events(create).await;
    let attempts: Vec<i32> = planned
        .iter()
        .filter(|event| event.step == Some(StepName::Plan))
        .map(|event| event.attempt)
        .collect();
    assert!(
        !attempts.is_empty() && attempts.iter().all(|attempt| *attempt == 1),
        "no second plan was made"
    );
    assert_eq!(
        stage.step(create, StepName::Plan).await.status,
        StepStatus::Succeeded
    );
    assert_eq!(
        stage.step(create, StepName::Approval).await.status,
        StepStatus::Succeeded
    );
    assert!(
        journal(&stage.cloud())
            .iter()
            .filter(|call| call.changes())
            .all(|call| call.who() == (create, 2)),
        "every change was the second attempt's"
    );
    assert_eq!(stage.standing().len(), shown.add as usize);

    let same = stage.ask_with_approval(site).await;
    let done = stage.wait_for(same, DeploymentStatus::Succeeded).await;
    assert_eq!(done.attempt, 1, "a plan that changes nothing asks nobody");
    assert!(done.plan_summary.unwrap().is_empty());
    assert_ne!(
        stage.step(same, StepName::Approval).await.status,
        StepStatus::Pending
    );
    second.stop().await;
    assert_eq!(folders(&stage.elsewhere().workspaces), 0);
    stage.assert_in_order(site).await;
    stage.assert_events_whole(create).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_plan_waits_it_holds_its_site_and_no_slot_and_people_end_it() {
    let stage = Stage::new().await;
    let worker = stage.start_worker_with(Settings {
        slots: 1,
        ..stage.settings()
    });
    let (first_site, first) = stage.create_site("shop-1", true).await;
    stage.wait_for(first, DeploymentStatus::AwaitingApproval).await;
    let behind = stage
        .change_site(first_site, DeploymentKind::Update, |_| {})
        .await;
    let (second_site, second) = stage.create_site("shop-2", true).await;
    stage.wait_for(second, DeploymentStatus::AwaitingApproval).await;
    let waiting = stage.deployment(behind).await;
    assert_eq!(
        (waiting.status, waiting.attempt),
        (DeploymentStatus::Queued, 0),
        "the site is held"
    );

    stage.cancel(behind).await;
    let cancelled = stage.deployment(behind).await;
    assert_eq!(
        (cancelled.status, cancelled.attempt),
        (DeploymentStatus::Cancelled, 0)
    );
    stage.reject(first).await;
    assert_eq!(stage.deployment(first).await.status, DeploymentStatus::Rejected);
    assert_eq!(stage.site(first_site).await.status, SiteStatus::Failed);

    // What waits behind it goes on at once, and is stopped in its plan.
    let next = stage
        .change_site(second_site, DeploymentKind::Update, |_| {})
        .await;
    stage.cancel(second).await;
    assert_eq!(stage.deployment(second).await.status, DeploymentStatus::Cancelled);
    until("the next deployment plans", async || {
        stage.step(next, StepName::Plan).await.status == StepStatus::Running
    })
    .await;
    stage.cancel(next).await;
    let cancelled = stage.wait_for(next, DeploymentStatus::Cancelled).await;
    assert_eq!(cancelled.attempt, 1);
    worker.stop().await;
    assert!(journal(&stage.cloud()).iter().all(|call| !call.changes()));
    stage.assert_in_order(first_site).await;
    stage.assert_in_order(second_site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_plan_that_no_longer_fits_is_stale_and_a_new_one_is_queued_in_its_place() {
    let stage = Stage::new().await;
    let worker = stage.start_worker();
    let mut waiting = Vec::new();
    for name in ["account", "state", "modules", "binary"] {
        waiting.push(stage.create_site(name, true).await);
    }
    for (_, create) in &waiting {
        stage.wait_for(*create, DeploymentStatus::AwaitingApproval).await;
    }
    worker.stop().await;
    let [account, state, modules, binary] = waiting[..] else {
        panic!("four sites were made")
    };

    stage.move_to_another_account(account.1).await;
    stage.write_a_state(state).await;
    stage.approve(account.1).await;
    stage.approve(state.1).await;
    let worker = stage.start_worker();
    stage.expect_stale(account, "another cloud account").await;
    stage.expect_stale(state, "the site's state has moved").await;
    worker.stop().await;

    let changed = stage.folder.path().join("terraform-modules");
    copy(&stage.settings().modules, &changed);
    let file = changed.join("aws/site/main.tf");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n# One comment more.\n")).unwrap();
    stage.approve(modules.1).await;
    let worker = stage.start_worker_with(Settings {
        modules: changed,
        ..stage.settings()
    });
    stage.expect_stale(modules, "the modules have changed").await;
    worker.stop().await;

    let terraform = stage.folder.path().join("terraform");
    let found = worker::terraform::version::find(None, &std::env::var("PATH").unwrap())
        .await
        .unwrap();
    fs::copy(found.path, &terraform).unwrap();
    append(&terraform, b"\0");
    stage.approve(binary.1).await;
    let worker = stage.start_worker_with(Settings {
        terraform_bin: Some(terraform),
        ..stage.settings()
    });
    stage.expect_stale(binary, "another Terraform binary").await;
    worker.stop().await;
    assert!(journal(&stage.cloud()).iter().all(|call| !call.changes()));
}

impl Stage {
    async fn expect_stale(&self, (site, create): (SiteId, DeploymentId), why: &str) {
        let stale = self.wait_for(create, DeploymentStatus::Stale).await;
        let reason = stale.reason.unwrap();
        assert!(
            reason.contains(why) && reason.ends_with("a new plan is queued"),
            "{reason}"
        );
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        let open = db::deployments::open_of_site(&mut tx, site).await.unwrap();
        tx.rollback().await.unwrap();
        let [replacement] = &open[..] else {
            panic!("one deployment takes its place: {open:?}")
        };
        assert_eq!(replacement.replaces, Some(create));
        assert_eq!(
            (replacement.kind, replacement.approval_required),
            (DeploymentKind::Create, true)
        );
        assert_eq!(self.site(site).await.status, SiteStatus::Creating);
    }

    async fn move_to_another_account(&self, deployment: DeploymentId) {
        let id = CloudAccountId::new();
        let row = CloudAccount {
            id,
            customer: None,
            provider: domain::provider::Provider::ALL[0],
            world: World::Simulated,
            name: "another".to_owned(),
            endpoint: Some(self.cloud().to_str().unwrap().to_owned()),
            provider_options: json!({}),
        };
        let sealed_for = SealedFor::Credentials {
            customer_id: None,
            cloud_account_id: id,
        };
        let credentials =
            json!({"access_key_id": "PLANTED-ACCESS-KEY", "secret_access_key": "PLANTED-SECRET-KEY"});
        let sealed = seal::seal_value(&self.states.keys, &sealed_for, &credentials).unwrap();
        let mut tx = tenant::begin(&self.database.pool, Scope::Platform).await.unwrap();
        db::cloud_accounts::insert(&mut tx, &row, 50, &sealed)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut owner = self.database.owner().await;
        sqlx::query("update deployments set cloud_account_id = $2 where id = $1")
            .bind(deployment.0)
            .bind(id.0)
            .execute(&mut owner)
            .await
            .unwrap();
    }

    /// Stores a state beside the plan, as an attempt that lost its lease does.
    async fn write_a_state(&self, (site, deployment): (SiteId, DeploymentId)) {
        let state = json!({"version": 4, "terraform_version": "1.11.4", "serial": 7,
            "lineage": "0b5c1a5e-3f3c-4f0e-9a53-0a4d0f6b1c11", "outputs": {}, "resources": []});
        let bytes = state.to_string();
        let write = StateWrite {
            customer: self.customer,
            site,
            deployment,
            attempt: 1,
            bytes: bytes.as_bytes(),
        };
        self.states
            .ship(&self.database.pool, Scope::Worker, write)
            .await
            .unwrap();
    }
}

fn folders(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn append(file: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(bytes).unwrap();
}
