//! Leases: renewed, lost, taken over, and what an attempt that lost its own can no longer do.

use std::time::Duration;

use db::{
    deployments::{self, Advance, AdvanceError, Deployment, KeptPlan, Provenance},
    events::{self, NewEvent, Writer},
    queue::{self, Renewal},
    state_versions::{self, NewStateVersion, Standing},
    steps::{self, StepEnd},
    tenant::Scope,
};
use domain::{
    deployment::{DeploymentEvent as E, DeploymentStatus as S},
    id::{DeploymentId, StateVersionId},
    plan::PlanSummary,
    step::{StepName, StepStatus},
};

use crate::scene::{LONG, Scene};

const TINY: Duration = Duration::from_millis(30);

async fn renew(scene: &Scene, id: DeploymentId, attempt: i32, lease: Duration) -> Renewal {
    let mut tx = scene.as_worker().await;
    let renewal = queue::renew(&mut tx, id, attempt, lease).await.unwrap();
    tx.commit().await.unwrap();
    renewal
}

async fn sweep(scene: &Scene, takeover_after: Duration) -> Vec<DeploymentId> {
    let mut tx = scene.as_worker().await;
    let back = queue::sweep(&mut tx, takeover_after).await.unwrap();
    tx.commit().await.unwrap();
    back
}

fn succeeded() -> StepEnd<'static> {
    StepEnd {
        status: StepStatus::Succeeded,
        exit_code: Some(0),
        output: None,
        error: None,
    }
}

fn kept_plan(scene: &Scene) -> KeptPlan {
    KeptPlan {
        blob_key: "plans/1".to_owned(),
        module_digest: "m".to_owned(),
        terraform_digest: "t".to_owned(),
        account: scene.account,
        region: "us-east-1".to_owned(),
        state: Some(("lineage".to_owned(), 3)),
    }
}

async fn held(scene: &Scene, lease: Duration) -> Deployment {
    let customer = scene.customer("acme", 3).await;
    scene.queued_site(customer, "shop").await;
    scene.claim_for(lease).await.unwrap()
}

#[tokio::test]
async fn a_renewal_extends_a_live_lease_and_only_that_of_its_own_attempt() {
    let scene = Scene::new().await;
    let held = held(&scene, LONG).await;
    let before = scene.find(held.id).await.lease_until.unwrap();
    assert_eq!(
        renew(&scene, held.id, 1, LONG * 2).await,
        Renewal::Held { cancel_asked: false }
    );
    let extended = scene.find(held.id).await.lease_until.unwrap() - before;
    assert!(extended > chrono::TimeDelta::seconds(500), "{extended}");
    assert_eq!(renew(&scene, held.id, 2, LONG).await, Renewal::Lost);
}

#[tokio::test]
async fn a_renewal_after_the_end_tells_that_it_ended_to_its_own_attempt_only() {
    let scene = Scene::new().await;
    let held = held(&scene, LONG).await;
    let mut tx = scene.as_worker().await;
    let broke = Advance {
        deployment: held.id,
        from: S::Planning,
        event: E::Broke,
        attempt: Some(1),
        reason: "broke",
    };
    deployments::advance(&mut tx, broke).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(renew(&scene, held.id, 1, LONG).await, Renewal::Ended);
    assert_eq!(renew(&scene, held.id, 0, LONG).await, Renewal::Lost);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_lost_though_nobody_took_over() {
    let scene = Scene::new().await;
    let held = held(&scene, TINY).await;
    scene.lease_has_ended(held.id).await;
    assert_eq!(renew(&scene, held.id, 1, LONG).await, Renewal::Lost);
    assert_eq!(scene.find(held.id).await.status, S::Planning);
    assert!(
        scene.claim().await.is_none(),
        "it was claimed before the sweep put it back"
    );
}

#[tokio::test]
async fn the_sweep_waits_for_the_margin_then_puts_back_for_a_fresh_attempt() {
    let scene = Scene::new().await;
    let held = held(&scene, LONG).await;
    let mut tx = scene.as_worker().await;
    for step in [StepName::Prepare, StepName::Init] {
        assert!(steps::start(&mut tx, held.id, 1, step).await.unwrap());
    }
    assert!(
        steps::finish(&mut tx, held.id, 1, StepName::Prepare, succeeded())
            .await
            .unwrap()
    );
    deployments::set_kept_plan(&mut tx, held.id, 1, Some(&kept_plan(&scene)))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sweep(&scene, Duration::ZERO).await, [], "a live lease was swept");
    renew(&scene, held.id, 1, TINY).await;
    scene.lease_has_ended(held.id).await;
    assert_eq!(sweep(&scene, LONG).await, [], "swept before the margin");
    assert_eq!(sweep(&scene, Duration::ZERO).await, [held.id]);
    assert_eq!(sweep(&scene, Duration::ZERO).await, []);

    let back = scene.find(held.id).await;
    assert_eq!(
        (back.status, back.attempt, back.lease_until),
        (S::Queued, 1, None)
    );
    assert_eq!((back.kept_plan, back.approved_at), (None, None));
    for step in steps::list(&mut *scene.as_worker().await, held.id).await.unwrap() {
        let skipped = matches!(step.name, StepName::Policy | StepName::Approval);
        let expected = if skipped {
            StepStatus::Skipped
        } else {
            StepStatus::Pending
        };
        assert_eq!((step.status, step.started_at), (expected, None), "{}", step.name);
    }
    let told: Vec<String> = events::list(&mut *scene.as_worker().await, held.id, 0, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.message)
        .collect();
    assert_eq!(
        told,
        [
            "Queued",
            "A worker took it on",
            "Attempt 1 lost its worker",
            "Queued again to go on"
        ]
    );

    let again = scene.claim().await.unwrap();
    assert_eq!((again.id, again.attempt, again.status), (held.id, 2, S::Planning));
}

#[tokio::test]
async fn the_approved_plan_of_an_interrupted_apply_is_not_applied_again() {
    let scene = Scene::new().await;
    let held = held(&scene, LONG).await;
    let mut tx = scene.as_worker().await;
    deployments::set_kept_plan(&mut tx, held.id, 1, Some(&kept_plan(&scene)))
        .await
        .unwrap();
    let advance = |from, event, attempt| Advance {
        deployment: held.id,
        from,
        event,
        attempt,
        reason: "r",
    };
    deployments::advance(&mut tx, advance(S::Planning, E::ApprovalNeeded, Some(1)))
        .await
        .unwrap();
    deployments::mark_approved(&mut tx, held.id).await.unwrap();
    deployments::advance(&mut tx, advance(S::AwaitingApproval, E::Approved, None))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.claim_for(TINY).await.unwrap().status, S::Applying);
    scene.lease_has_ended(held.id).await;
    assert_eq!(sweep(&scene, Duration::ZERO).await, [held.id]);
    let again = scene.claim().await.unwrap();
    assert_eq!(
        (again.status, again.attempt, again.kept_plan),
        (S::Planning, 3, None)
    );
}

fn version<'a>(held: &Deployment, attempt: i32, serial: i64, blob_key: &'a str) -> NewStateVersion<'a> {
    NewStateVersion {
        id: StateVersionId::new(),
        customer: held.customer,
        site: held.site,
        deployment: held.id,
        attempt,
        lineage: "lineage",
        serial,
        resources: 1,
        blob_key,
    }
}

/// Tries everything that a worker writes, as attempt 1.
async fn attempt_one_can_do_nothing(scene: &Scene, held: &Deployment, when: &str) {
    let before = scene.find(held.id).await;
    let steps_before = steps::list(&mut *scene.as_worker().await, held.id).await.unwrap();
    let mut tx = scene.as_worker().await;
    let event = NewEvent {
        at: chrono::Utc::now(),
        step: Some(StepName::Apply),
        kind: "log",
        address: None,
        message: "too late".to_owned(),
        data: None,
    };
    assert_eq!(
        events::append(&mut tx, held.id, Writer::Attempt(1), &[event])
            .await
            .unwrap(),
        None,
        "{when}"
    );
    assert!(
        !steps::start(&mut tx, held.id, 1, StepName::Apply).await.unwrap(),
        "{when}: starts a step"
    );
    assert!(
        !steps::finish(&mut tx, held.id, 1, StepName::Prepare, succeeded())
            .await
            .unwrap(),
        "{when}: ends a step"
    );
    assert_eq!(
        queue::renew(&mut tx, held.id, 1, LONG).await.unwrap(),
        Renewal::Lost,
        "{when}"
    );
    for from in [S::Planning, S::Queued] {
        let event = if from == S::Queued {
            E::ClaimedToPlan
        } else {
            E::ApplyStarted
        };
        let advance = Advance {
            deployment: held.id,
            from,
            event,
            attempt: Some(1),
            reason: "too late",
        };
        let error = deployments::advance(&mut tx, advance).await.unwrap_err();
        assert!(matches!(error, AdvanceError::Moved(_)), "{when}: {error}");
    }
    deployments::set_kept_plan(&mut tx, held.id, 1, Some(&kept_plan(scene)))
        .await
        .unwrap();
    deployments::record_plan(
        &mut tx,
        held.id,
        1,
        &PlanSummary {
            add: 9,
            ..PlanSummary::default()
        },
    )
    .await
    .unwrap();
    deployments::record_unasked_approval(&mut tx, held.id, 1)
        .await
        .unwrap();
    let provenance = Provenance {
        module_version: "9",
        module_digest: "9",
        terraform_version: "9",
        terraform_digest: "9",
        plugin_versions: &serde_json::json!({}),
    };
    deployments::record_provenance(&mut tx, held.id, 1, &provenance)
        .await
        .unwrap();
    let blob_key = format!("too late: {when}");
    let standing = state_versions::record(&mut tx, &version(held, 1, 99, &blob_key))
        .await
        .unwrap();
    assert_eq!(standing, Standing::Quarantined, "{when}");
    tx.commit().await.unwrap();
    assert_eq!(scene.find(held.id).await, before, "{when}: the row changed");
    assert_eq!(
        steps::list(&mut *scene.as_worker().await, held.id).await.unwrap(),
        steps_before,
        "{when}"
    );
}

#[tokio::test]
async fn an_attempt_that_lost_its_lease_writes_nothing_that_counts() {
    let scene = Scene::new().await;
    let held = held(&scene, TINY).await;
    scene.lease_has_ended(held.id).await;
    attempt_one_can_do_nothing(&scene, &held, "after the lease").await;
    assert_eq!(sweep(&scene, Duration::ZERO).await, [held.id]);
    attempt_one_can_do_nothing(&scene, &held, "back in the queue").await;
    scene.claim().await.unwrap();
    attempt_one_can_do_nothing(&scene, &held, "under a new attempt").await;

    let mut tx = scene.as_worker().await;
    assert!(steps::start(&mut tx, held.id, 2, StepName::Apply).await.unwrap());
    assert_eq!(state_versions::current(&mut tx, held.site).await.unwrap(), None);
    let late = state_versions::quarantined_since_current(&mut tx, held.site)
        .await
        .unwrap();
    assert_eq!(late.len(), 3, "recovery sees what came late");
    let standing = state_versions::record(&mut tx, &version(&held, 2, 4, "current"))
        .await
        .unwrap();
    assert_eq!(standing, Standing::Current);
}

#[tokio::test]
async fn nobody_takes_over_while_a_state_is_being_recorded() {
    let scene = Scene::new().await;
    let held = held(&scene, Duration::from_millis(500)).await;
    let mut recording = scene.as_worker().await;
    let standing = state_versions::record(&mut recording, &version(&held, 1, 1, "first"))
        .await
        .unwrap();
    assert_eq!(standing, Standing::Current);
    scene.lease_has_ended(held.id).await;
    assert_eq!(
        sweep(&scene, Duration::ZERO).await,
        [],
        "taken over under an open record"
    );
    recording.commit().await.unwrap();
    assert_eq!(sweep(&scene, Duration::ZERO).await, [held.id]);
}

#[tokio::test]
async fn two_sweeps_at_once_put_back_once() {
    let scene = Scene::new().await;
    let held = held(&scene, TINY).await;
    scene.lease_has_ended(held.id).await;
    let (one, other) = tokio::join!(sweep(&scene, Duration::ZERO), sweep(&scene, Duration::ZERO));
    assert_eq!([one, other].concat(), [held.id]);
}

#[tokio::test]
async fn the_approval_step_ends_without_a_lease() {
    let scene = Scene::new().await;
    let held = held(&scene, LONG).await;
    let mut tx = scene.as_worker().await;
    steps::start(&mut tx, held.id, 1, StepName::Approval)
        .await
        .unwrap();
    let wait = Advance {
        deployment: held.id,
        from: S::Planning,
        event: E::ApprovalNeeded,
        attempt: Some(1),
        reason: "r",
    };
    deployments::advance(&mut tx, wait).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = scene.begin(Scope::Customer(held.customer)).await;
    deployments::mark_approved(&mut tx, held.id).await.unwrap();
    let go = Advance {
        deployment: held.id,
        from: S::AwaitingApproval,
        event: E::Approved,
        attempt: None,
        reason: "go",
    };
    deployments::advance(&mut tx, go).await.unwrap();
    assert!(
        steps::finish(&mut tx, held.id, 1, StepName::Approval, succeeded())
            .await
            .unwrap()
    );
}
