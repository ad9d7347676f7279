//! Deployments that fail, and what comes after.

use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    site::SiteStatus,
    step::{StepName, StepStatus},
};
use serde_json::json;

use super::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_fails_halfway_says_why_and_the_next_deployment_goes_on_from_there() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "aws_db_instance", "operation": "create", "error": "InsufficientDBInstanceCapacity: none left", "times": 1},
    ]));
    let worker = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    let failed = stage.wait_for(create, DeploymentStatus::Failed).await;
    assert!(failed.reason.unwrap().contains("InsufficientDBInstanceCapacity"));
    assert_eq!(stage.site(site).await.status, SiteStatus::Failed);
    let steps = stage.steps(create).await;
    let apply = steps.iter().find(|step| step.name == StepName::Apply).unwrap();
    assert_eq!((apply.status, apply.exit_code), (StepStatus::Failed, Some(1)));
    let error = apply.error.as_ref().unwrap();
    let failure = &error["failures"][0];
    assert!(
        failure["address"]
            .as_str()
            .unwrap()
            .ends_with("aws_db_instance.this"),
        "{error}"
    );
    assert!(
        failure["diagnostics"][0]["summary"]
            .as_str()
            .unwrap()
            .contains("none left"),
        "{error}"
    );
    let made = stage.standing();
    assert!(made.len() > 10);
    assert_eq!(stage.known(site).await, made, "state holds what was made");

    let retry = stage.change_site(site, DeploymentKind::Update, |_| {}).await;
    let retried = stage.wait_for(retry, DeploymentStatus::Succeeded).await;
    let summary = retried.plan_summary.unwrap();
    assert!(
        summary
            .changes
            .iter()
            .any(|change| change.resource_type == "aws_db_instance")
    );
    assert!(
        (summary.add as usize) < made.len(),
        "only what was missing was made: {}",
        summary.headline()
    );
    assert!(made.iter().all(|resource| stage.standing().contains(resource)));

    let destroy = stage.change_site(site, DeploymentKind::Destroy, |_| {}).await;
    stage.wait_for(destroy, DeploymentStatus::Succeeded).await;
    assert_eq!(stage.standing(), []);
    worker.stop().await;
    assert_eq!(stage.left_workspaces(), Vec::<String>::new());
}
