//! State versions and locks.

use db::{
    deployments::Deployment,
    state_locks::{self, Lock},
    state_versions::{self, NewStateVersion, Standing},
    tenant::Scope,
};
use domain::id::StateVersionId;
use serde_json::json;

use crate::scene::Scene;

async fn held(scene: &Scene) -> Deployment {
    let customer = scene.customer("acme", 3).await;
    scene.queued_site(customer, "shop").await;
    scene.claim().await.unwrap()
}

async fn record(scene: &Scene, held: &Deployment, attempt: i32, lineage: &str, serial: i64) -> Standing {
    let blob_key = format!("{} {attempt} {lineage} {serial}", held.id);
    let new = NewStateVersion {
        id: StateVersionId::new(),
        customer: held.customer,
        site: held.site,
        deployment: held.id,
        attempt,
        lineage,
        serial,
        resources: 1,
        blob_key: &blob_key,
    };
    let mut tx = scene.as_worker().await;
    let standing = state_versions::record(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    standing
}

async fn current(scene: &Scene, held: &Deployment) -> Option<(String, i64)> {
    let current = state_versions::current(&mut *scene.as_worker().await, held.site)
        .await
        .unwrap();
    current.map(|version| (version.lineage, version.serial))
}

#[tokio::test]
async fn an_older_serial_of_the_same_lineage_is_put_aside_and_another_lineage_counts() {
    let scene = Scene::new().await;
    let held = held(&scene).await;
    assert_eq!(record(&scene, &held, 1, "a", 5).await, Standing::Current);
    assert_eq!(record(&scene, &held, 1, "a", 4).await, Standing::Quarantined);
    assert_eq!(current(&scene, &held).await, Some(("a".to_owned(), 5)));
    assert_eq!(record(&scene, &held, 1, "a", 7).await, Standing::Current);
    assert_eq!(record(&scene, &held, 1, "b", 1).await, Standing::Current);
    assert_eq!(current(&scene, &held).await, Some(("b".to_owned(), 1)));
    let kept = state_versions::list(&mut *scene.as_worker().await, held.site)
        .await
        .unwrap();
    let kept: Vec<(i64, Standing)> = kept
        .into_iter()
        .map(|version| (version.serial, version.standing))
        .collect();
    assert_eq!(
        kept,
        [
            (1, Standing::Current),
            (7, Standing::Current),
            (4, Standing::Quarantined),
            (5, Standing::Current)
        ]
    );
}

#[tokio::test]
async fn what_waited_behind_the_current_version_is_newer_than_it_for_recovery() {
    let scene = Scene::new().await;
    let held = held(&scene).await;
    // A late writer's transaction begins first and gets its turn last.
    let mut late = scene.as_worker().await;
    sqlx::query("select now()").execute(&mut *late).await.unwrap();
    assert_eq!(record(&scene, &held, 1, "a", 5).await, Standing::Current);
    let new = NewStateVersion {
        id: StateVersionId::new(),
        customer: held.customer,
        site: held.site,
        deployment: held.id,
        attempt: 0,
        lineage: "a",
        serial: 6,
        resources: 1,
        blob_key: "late",
    };
    assert_eq!(
        state_versions::record(&mut late, &new).await.unwrap(),
        Standing::Quarantined
    );
    late.commit().await.unwrap();
    let seen = state_versions::quarantined_since_current(&mut *scene.as_worker().await, held.site)
        .await
        .unwrap();
    assert_eq!(
        seen.iter().map(|version| version.id).collect::<Vec<_>>(),
        [new.id]
    );
}

#[tokio::test]
async fn thinning_keeps_the_last_of_each_standing_and_the_current_one_and_waits_for_the_end() {
    let scene = Scene::new().await;
    let held = held(&scene).await;
    for (attempt, lineage, serial) in [
        (1, "a", 1),
        (1, "a", 2),
        (0, "a", 3),
        (0, "a", 4),
        (1, "a", 5),
        (0, "a", 6),
    ] {
        record(&scene, &held, attempt, lineage, serial).await;
    }
    let thin = async || {
        let mut tx = scene.as_worker().await;
        let mut keys = state_versions::mark_thinned(&mut tx, held.id).await.unwrap();
        tx.commit().await.unwrap();
        keys.sort();
        keys
    };
    assert_eq!(
        thin().await,
        Vec::<String>::new(),
        "a running deployment was thinned"
    );
    scene.end(&held).await;
    let thinned = thin().await;
    let serials: Vec<&str> = thinned
        .iter()
        .map(|key| key.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(serials, ["3", "4", "1", "2"]);
    assert_eq!(thin().await, thinned, "what was not forgotten yet comes again");
    let mut tx = scene.as_worker().await;
    state_versions::forget_thinned(&mut tx, &thinned).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(thin().await, Vec::<String>::new());
    let kept = state_versions::list(&mut *scene.as_worker().await, held.site)
        .await
        .unwrap();
    assert_eq!(
        kept.iter().map(|version| version.serial).collect::<Vec<_>>(),
        [6, 5]
    );
    assert_eq!(current(&scene, &held).await, Some(("a".to_owned(), 5)));
}

#[tokio::test]
async fn a_lock_is_its_takers_until_that_one_gives_it_back() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let site = scene.site(customer, "shop").await;
    let mut tx = scene.begin(Scope::Customer(customer)).await;
    assert_eq!(state_locks::holder(&mut tx, site).await.unwrap(), None);
    let info = json!({"Who": "ann@laptop"});
    assert_eq!(
        state_locks::lock(&mut tx, site, "1", &info).await.unwrap(),
        Lock::Taken
    );
    assert_eq!(
        state_locks::lock(&mut tx, site, "1", &info).await.unwrap(),
        Lock::Taken
    );
    assert_eq!(
        state_locks::lock(&mut tx, site, "2", &json!({})).await.unwrap(),
        Lock::HeldBy(info.clone())
    );
    assert_eq!(
        state_locks::holder(&mut tx, site).await.unwrap(),
        Some(("1".to_owned(), info))
    );
    assert!(!state_locks::unlock(&mut tx, site, "2").await.unwrap());
    assert!(state_locks::unlock(&mut tx, site, "1").await.unwrap());
    assert!(!state_locks::unlock(&mut tx, site, "1").await.unwrap());
    assert_eq!(
        state_locks::lock(&mut tx, site, "2", &json!({})).await.unwrap(),
        Lock::Taken
    );
}

#[tokio::test]
async fn of_two_who_lock_at_once_one_waits_and_is_told_who_has_it() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let site = scene.site(customer, "shop").await;
    let take = async |id: &str| {
        let mut tx = scene.begin(Scope::Customer(customer)).await;
        let lock = state_locks::lock(&mut tx, site, id, &json!({"ID": id}))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        lock
    };
    let locks = tokio::join!(take("1"), take("2"));
    assert!(
        matches!(&locks, (Lock::Taken, Lock::HeldBy(info)) if info["ID"] == "1")
            || matches!(&locks, (Lock::HeldBy(info), Lock::Taken) if info["ID"] == "2"),
        "{locks:?}"
    );
}
