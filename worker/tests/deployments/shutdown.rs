//! A worker that is asked to end while it applies.

use domain::{deployment::DeploymentStatus, site::SiteStatus};
use serde_json::json;

use super::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_shuts_down_hands_its_apply_to_the_next_one() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "aws_db_instance", "operation": "create", "delay_ms": 60_000, "times": 1},
    ]));
    let first = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    stage.wait_for_call(create, 1, "create", "aws_db_instance").await;
    first.stop().await;
    let handed_back = stage.deployment(create).await;
    assert_eq!(
        (handed_back.status, handed_back.attempt),
        (DeploymentStatus::Queued, 1)
    );
    assert_eq!(handed_back.lease_until, None);
    let (in_state, tainted) = stage.in_state(site).await;
    assert_eq!(in_state, stage.standing(), "the state is stored before it ends");
    assert!(!tainted, "a wait that was cut is no broken resource");

    let second = stage.start_worker();
    let done = stage.wait_for(create, DeploymentStatus::Succeeded).await;
    assert_eq!(done.attempt, 2);
    second.stop().await;
    assert_eq!(stage.site(site).await.status, SiteStatus::Active);
    assert!(
        in_state
            .iter()
            .all(|resource| stage.standing().contains(resource)),
        "nothing is made anew"
    );
    stage.assert_in_order(site).await;
    stage.assert_events_whole(create).await;
}
