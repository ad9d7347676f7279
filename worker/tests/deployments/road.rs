//! The road of a site that meets no trouble.

use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    plan::PlannedAction,
    site::SiteStatus,
    specification::Size,
    step::StepStatus,
};

use super::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_is_created_changed_and_destroyed() {
    let stage = Stage::new().await;
    let worker = stage.start_worker();

    let (site, create) = stage.create_site("shop-1", false).await;
    let created = stage.wait_for(create, DeploymentStatus::Succeeded).await;
    assert_eq!(created.reason.as_deref(), Some("Done"));
    assert_eq!(created.attempt, 1);
    let row = stage.site(site).await;
    assert_eq!(row.status, SiteStatus::Active);
    assert_eq!(row.applied_specification, Some(1));
    assert!(
        row.outputs["url"].as_str().unwrap().contains("simulated"),
        "{}",
        row.outputs
    );
    assert!(!row.outputs.to_string().contains("PLANTED"));
    assert!(stage.standing().len() > 30);
    assert_eq!(stage.known(site).await.len(), stage.standing().len());
    for step in stage.steps(create).await {
        let expected = match step.name.as_str() {
            "policy" | "approval" | "verify" => StepStatus::Skipped,
            _ => StepStatus::Succeeded,
        };
        assert_eq!(step.status, expected, "{:?}", step);
        assert!(step.output.is_some(), "{:?}", step);
    }
    let events = stage.events(create).await;
    let numbers: Vec<i64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
    assert!(
        events
            .iter()
            .any(|event| event.message.contains("aws_vpc") && event.kind == "resource")
    );

    let before = stage.standing();
    let update = stage
        .change_site(site, DeploymentKind::Update, |specification| {
            specification.size = Size::Medium
        })
        .await;
    let updated = stage.wait_for(update, DeploymentStatus::Succeeded).await;
    let summary = updated.plan_summary.unwrap();
    assert_eq!((summary.add, summary.destroy), (0, 0), "{}", summary.headline());
    let mut types: Vec<&str> = summary
        .changes
        .iter()
        .map(|change| change.resource_type.as_str())
        .collect();
    types.sort_unstable();
    assert!(
        types.contains(&"aws_launch_template") && types.contains(&"aws_db_instance"),
        "{types:?}"
    );
    assert!(
        summary
            .changes
            .iter()
            .all(|change| change.action == PlannedAction::Update)
    );
    assert_eq!(stage.standing(), before);

    let destroy = stage.change_site(site, DeploymentKind::Destroy, |_| {}).await;
    stage.wait_for(destroy, DeploymentStatus::Succeeded).await;
    assert_eq!(stage.standing(), []);
    assert_eq!(stage.known(site).await, []);
    assert_eq!(stage.site(site).await.status, SiteStatus::Deleted);
    worker.stop().await;
    assert_eq!(stage.left_workspaces(), Vec::<String>::new());
}
