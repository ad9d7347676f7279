//! Changes that come at once.

use std::collections::BTreeSet;

use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    id::{DeploymentId, SiteId},
    specification::Size,
};

use super::{Stage, invariants::journal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_updates_at_once_run_one_after_the_other_while_other_sites_go_on() {
    let stage = Stage::new().await;
    let (first_site, create) = stage.create_site("shop-1", false).await;
    let (other_site, other) = stage.create_site("shop-2", false).await;
    let resize = async |size: Size| {
        stage
            .change_site(first_site, DeploymentKind::Update, |specification| {
                specification.size = size
            })
            .await
    };
    let medium = resize(Size::Medium).await;
    let large = resize(Size::Large).await;
    let (workers, more) = (stage.start_worker(), stage.start_worker());
    stage.wait_for(large, DeploymentStatus::Succeeded).await;
    stage.wait_for(other, DeploymentStatus::Succeeded).await;
    assert_eq!(
        stage.site(first_site).await.applied_specification,
        Some(3),
        "the last wish counts"
    );
    workers.stop().await;
    more.stop().await;

    let order = [create, medium, large];
    let calls: Vec<DeploymentId> = journal(&stage.cloud())
        .iter()
        .map(|call| call.who().0)
        .filter(|deployment| order.contains(deployment))
        .collect();
    let mut seen: Vec<DeploymentId> = calls;
    seen.dedup();
    assert_eq!(
        seen, order,
        "each had the cloud to itself, in the order of asking"
    );
    let mut workers = BTreeSet::new();
    for id in order.into_iter().chain([other]) {
        let done = stage.deployment(id).await;
        assert_eq!((done.status, done.attempt), (DeploymentStatus::Succeeded, 1));
        workers.insert(done.worker.unwrap());
    }
    let known = async |site: SiteId| stage.known(site).await;
    let mut all = known(first_site).await;
    all.extend(known(other_site).await);
    all.sort();
    assert_eq!(all, stage.standing());
    assert_eq!(stage.left_workspaces(), Vec::<String>::new());
}
