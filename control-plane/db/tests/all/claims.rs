//! Claiming: caps, one deployment of a site at a time, abilities, and what a claim costs.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use db::{
    deployments::{self, Advance, KeptPlan},
    queue::{self, Claim},
    tenant::Scope,
};
use domain::{
    deployment::{DeploymentEvent as E, DeploymentKind, DeploymentStatus as S},
    id::{CloudAccountId, WorkerId},
};

use crate::scene::{LONG, Scene, claim_in};

const CLAIMERS: usize = 16;
const ROUNDS: usize = 1000;

/// Sixteen workers claim, and end when nothing more is runnable, until a thousand deployments ran. Gives the most that ran at once,
/// counted in the database at each claim.
async fn most_at_once(scene: Scene) -> i64 {
    let scene = Arc::new(scene);
    let (most, done) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let mut claimers = tokio::task::JoinSet::new();
    for _ in 0..CLAIMERS {
        let (scene, most, done) = (scene.clone(), most.clone(), done.clone());
        claimers.spawn(async move {
            let worker = WorkerId::new();
            let mut held = VecDeque::new();
            while done.load(Ordering::SeqCst) < ROUNDS {
                let mut tx = scene.as_worker().await;
                let Some(claimed) = claim_in(&mut tx, worker, LONG).await else {
                    drop(tx);
                    // Only a full cap ends anything, so that it is full again and again.
                    if let Some(oldest) = held.pop_front() {
                        scene.end(&oldest).await;
                    }
                    continue;
                };
                let running: i64 = sqlx::query_scalar(
                    "select count(*) from deployments where status in ('planning', 'applying', 'cancelling')",
                )
                .fetch_one(&mut *tx)
                .await
                .unwrap();
                most.fetch_max(running, Ordering::SeqCst);
                tx.commit().await.unwrap();
                done.fetch_add(1, Ordering::SeqCst);
                held.push_back(claimed);
            }
        });
    }
    tokio::time::timeout(Duration::from_secs(150), claimers.join_all())
        .await
        .expect("the claimers come to an end");
    println!(
        "{:.0} claims and ends a second",
        ROUNDS as f64 / began.elapsed().as_secs_f64()
    );
    most.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_claimers_never_run_more_than_a_customers_cap() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    scene.queued_sites(customer, scene.account, 1100).await;
    assert_eq!(most_at_once(scene).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_claimers_never_run_more_than_a_cloud_accounts_cap() {
    let scene = Scene::new().await;
    let account = CloudAccountId::new();
    scene.add_account(account, None, 3).await;
    for number in 0..4 {
        let customer = scene.customer(&format!("customer-{number}"), 20).await;
        scene.queued_sites(customer, account, 300).await;
    }
    assert_eq!(most_at_once(scene).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_claimers_claim_each_of_two_thousand_deployments_once() {
    let scene = Arc::new(Scene::new().await);
    for number in 0..20 {
        let customer = scene.customer(&format!("customer-{number}"), 1000).await;
        scene.queued_sites(customer, scene.account, 50).await;
    }
    let began = Instant::now();
    let mut claimers = tokio::task::JoinSet::new();
    for _ in 0..CLAIMERS {
        let scene = scene.clone();
        claimers.spawn(async move {
            let mut claimed = Vec::new();
            while let Some(deployment) = scene.claim().await {
                claimed.push(deployment.id);
            }
            claimed
        });
    }
    let claimed: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();
    println!(
        "{:.0} claims a second",
        claimed.len() as f64 / began.elapsed().as_secs_f64()
    );
    assert_eq!(claimed.len(), 1000, "the account's cap of a thousand");
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 1000);
}

#[tokio::test]
async fn a_site_runs_one_deployment_at_a_time_first_come_first_served() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let site = scene.site(customer, "shop").await;
    let create = scene.queue(customer, site, DeploymentKind::Create).await;
    let check = scene.queue(customer, site, DeploymentKind::DriftCheck).await;
    let update = scene.queue(customer, site, DeploymentKind::Update).await;
    for expected in [create, check, update] {
        let claimed = scene.claim().await.unwrap();
        assert_eq!(claimed.id, expected);
        assert_eq!(
            (claimed.status, claimed.attempt, claimed.worker),
            (S::Planning, 1, Some(scene.worker))
        );
        assert!(
            scene.claim().await.is_none(),
            "a second one runs beside {expected}"
        );
        scene.end(&claimed).await;
    }
    assert!(scene.claim().await.is_none());
}

#[tokio::test]
async fn a_plan_that_waits_for_approval_holds_the_site_and_no_slot_and_then_goes_straight_to_apply() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 1).await;
    let site = scene.site(customer, "shop").await;
    let waiting = scene.queue(customer, site, DeploymentKind::Create).await;
    let later = scene.queue(customer, site, DeploymentKind::Update).await;
    scene.claim().await.unwrap();
    let plan = KeptPlan {
        blob_key: "plans/1".to_owned(),
        module_digest: "m".to_owned(),
        terraform_digest: "t".to_owned(),
        account: scene.account,
        region: "us-east-1".to_owned(),
        state: None,
    };
    let mut tx = scene.as_worker().await;
    deployments::set_kept_plan(&mut tx, waiting, 1, Some(&plan))
        .await
        .unwrap();
    let wait = Advance {
        deployment: waiting,
        from: S::Planning,
        event: E::ApprovalNeeded,
        attempt: Some(1),
        reason: "wait",
    };
    deployments::advance(&mut tx, wait).await.unwrap();
    tx.commit().await.unwrap();

    assert!(
        scene.claim().await.is_none(),
        "the later change overtook the one that waits"
    );
    let elsewhere = scene.queued_site(customer, "elsewhere").await;
    let claimed = scene.claim().await.unwrap();
    assert_eq!(claimed.id, elsewhere, "the cap of one is not used up by waiting");
    scene.end(&claimed).await;

    let mut tx = scene.begin(Scope::Customer(customer)).await;
    deployments::mark_approved(&mut tx, waiting).await.unwrap();
    let go = Advance {
        deployment: waiting,
        from: S::AwaitingApproval,
        event: E::Approved,
        attempt: None,
        reason: "go",
    };
    deployments::advance(&mut tx, go).await.unwrap();
    tx.commit().await.unwrap();
    let claimed = scene.claim().await.unwrap();
    assert_eq!(
        (claimed.id, claimed.status, claimed.attempt),
        (waiting, S::Applying, 2)
    );
    assert_eq!(claimed.kept_plan, Some(plan));
    scene.end(&claimed).await;
    assert_eq!(scene.claim().await.unwrap().id, later);
}

#[tokio::test]
async fn a_worker_claims_only_what_it_has_plugins_for() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    for (abilities, expected) in [
        (vec![], None),
        (vec!["azure/simulated", "aws/real"], None),
        (vec!["azure/simulated", "aws/simulated"], Some(id)),
    ] {
        let abilities: Vec<String> = abilities.into_iter().map(str::to_owned).collect();
        let mut tx = scene.as_worker().await;
        let claim = Claim {
            worker: scene.worker,
            lease: LONG,
            abilities: &abilities,
        };
        let claimed = queue::claim(&mut tx, &claim).await.unwrap();
        assert_eq!(claimed.map(|deployment| deployment.id), expected, "{abilities:?}");
    }
}

#[tokio::test]
async fn a_customer_at_its_cap_lets_others_pass_and_a_rolled_back_claim_never_was() {
    let scene = Scene::new().await;
    let (full, other) = (scene.customer("full", 1).await, scene.customer("other", 1).await);
    scene.queued_sites(full, scene.account, 2).await;
    let mut tx = scene.as_worker().await;
    claim_in(&mut tx, scene.worker, LONG).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(scene.claim().await.unwrap().customer, full);
    assert!(scene.claim().await.is_none());
    scene.queued_sites(other, scene.account, 1).await;
    assert_eq!(scene.claim().await.unwrap().customer, other);
    let mut depth = queue::depth(&mut *scene.as_worker().await).await.unwrap();
    depth.sort();
    assert_eq!(depth, [("planning".to_owned(), 2), ("queued".to_owned(), 1)]);
    assert!(queue::has_queued(&mut *scene.as_worker().await).await.unwrap());
}

#[tokio::test]
async fn after_two_hundred_thousand_finished_deployments_a_claim_still_reads_only_what_is_open() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    // Without the triggers of foreign keys: the rows copy one that passed them.
    sqlx::raw_sql(
        "set session_replication_role = replica;
         insert into deployments (id, customer_id, site_id, specification, cloud_account_id, kind, status, reason,
                                  trace_id, events_month, finished_at)
         select gen_random_uuid(), customer_id, site_id, 1, cloud_account_id, 'update', 'succeeded', 'done', 't',
                events_month, now()
         from deployments, generate_series(1, 200000);
         analyze deployments",
    )
    .execute(&mut scene.database.owner().await)
    .await
    .unwrap();
    let mut tx = scene.as_worker().await;
    assert!(queue::has_queued(&mut tx).await.unwrap());
    assert_eq!(queue::sweep(&mut tx, Duration::ZERO).await.unwrap(), []);
    let began = Instant::now();
    assert_eq!(claim_in(&mut tx, scene.worker, LONG).await.unwrap().id, id);
    println!("the claim took {:?}", began.elapsed());
    let (whole_scans, rows_of_scans, rows_by_index): (i64, i64, i64) = sqlx::query_as(
        "select seq_scan, seq_tup_read, idx_tup_fetch from pg_stat_xact_user_tables where relname = 'deployments'",
    )
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    assert_eq!((whole_scans, rows_of_scans), (0, 0), "the whole table was read");
    assert!(
        rows_by_index < 100,
        "{rows_by_index} rows were fetched for one claim"
    );
}
