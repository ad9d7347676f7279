//! The store of states is away for a while.

use std::sync::PoisonError;

use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    specification::Size,
};
use serde_json::json;
use state::local_s3::LocalS3;

use super::{Stage, invariants::until};

impl Stage {
    /// Takes the store away.
    async fn stop_storage(&self) {
        let s3 = self.s3.lock().unwrap_or_else(PoisonError::into_inner).take();
        s3.unwrap().stop().await;
    }

    /// Brings it back, with all that it held.
    async fn start_storage(&self) {
        let listener = tokio::net::TcpListener::bind(self.s3_address).await.unwrap();
        let s3 = LocalS3::start(&self.folder.path().join("s3"), listener, "key", "secret").unwrap();
        *self.s3.lock().unwrap_or_else(PoisonError::into_inner) = Some(s3);
    }

    async fn wait_for_event(&self, deployment: domain::id::DeploymentId, text: &str) {
        until(text, async || {
            let events = self.events(deployment).await;
            events.iter().any(|event| event.message.contains(text))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_waits_for_the_store_of_states_and_ends_with_its_state_stored() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "aws_db_subnet_group", "operation": "create", "delay_ms": 2_000, "times": 1},
    ]));
    let worker = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    stage.wait_for_call(create, 1, "create", "aws_vpc").await;
    stage.stop_storage().await;
    stage
        .wait_for_event(create, "The state can't be stored right now")
        .await;
    assert_eq!(
        stage.deployment(create).await.status,
        DeploymentStatus::Applying,
        "a run whose state is stored nowhere does not end"
    );
    stage.start_storage().await;
    let done = stage.wait_for(create, DeploymentStatus::Succeeded).await;
    assert_eq!(done.attempt, 1);

    // The next one can't even read the state from which it starts.
    stage.stop_storage().await;
    let update = stage
        .change_site(site, DeploymentKind::Update, |specification| {
            specification.size = Size::Medium
        })
        .await;
    stage
        .wait_for_event(update, "The site's states can't be read yet")
        .await;
    stage.start_storage().await;
    let done = stage.wait_for(update, DeploymentStatus::Succeeded).await;
    assert_eq!(done.attempt, 1);
    worker.stop().await;
    stage.assert_in_order(site).await;
    stage.assert_events_whole(create).await;
}
