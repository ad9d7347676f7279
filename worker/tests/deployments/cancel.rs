//! Deployments that a person stops.

use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    site::SiteStatus,
};
use serde_json::json;

use super::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_apply_leaves_nothing_unknown_and_can_be_destroyed() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "aws_db_instance", "operation": "create", "delay_ms": 60_000, "times": 1},
    ]));
    let worker = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    stage.wait_for_call(create, 1, "create", "aws_db_instance").await;
    stage.cancel(create).await;
    let cancelled = stage.wait_for(create, DeploymentStatus::Cancelled).await;
    assert_eq!(cancelled.attempt, 1);
    assert_eq!(stage.site(site).await.status, SiteStatus::Failed);
    let (in_state, tainted) = stage.in_state(site).await;
    assert!(in_state.iter().any(|(kind, _)| kind == "aws_db_instance"));
    assert!(!tainted, "a wait that was cut is no broken resource");
    assert_eq!(in_state, stage.standing());
    assert_eq!(stage.known(site).await, in_state);

    let destroy = stage.change_site(site, DeploymentKind::Destroy, |_| {}).await;
    stage.wait_for(destroy, DeploymentStatus::Succeeded).await;
    worker.stop().await;
    assert_eq!(stage.standing(), []);
    assert_eq!(stage.site(site).await.status, SiteStatus::Deleted);
    stage.assert_in_order(site).await;
    stage.assert_events_whole(create).await;
}
