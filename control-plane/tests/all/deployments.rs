//! Stopping deployments and deciding about plans.

use domain::deployment::DeploymentStatus as Status;
use serde_json::{Value, json};

use crate::stage::{Stage, changed, uuid};

async fn act(stage: &Stage, id: &str, verb: &str) -> crate::stage::Answer {
    stage
        .post(
            "owner",
            &format!("/api/v1/deployments/{id}/{verb}"),
            &json!({"comment": "as agreed"}),
        )
        .await
}

async fn waiting(stage: &Stage) -> (String, String) {
    let body = changed(|v| v["approval"] = json!("required"));
    let made = stage.post("owner", "/api/v1/sites", &body).await.ok(202);
    let id = |part: &str| made[part]["id"].as_str().unwrap().to_owned();
    assert_eq!(made["deployment"]["steps"][5]["status"], "pending");
    stage
        .put_deployment(&id("deployment"), Status::AwaitingApproval)
        .await;
    (id("site"), id("deployment"))
}

#[tokio::test]
async fn a_queued_deployment_ends_at_once_when_cancelled() {
    let stage = Stage::new().await;
    let (site, id) = stage.site("shop-1").await;
    let body = act(&stage, &id, "cancel").await.ok(200);
    assert_eq!(body["deployment"]["status"], "cancelled");
    assert_eq!(body["deployment"]["reason"], "Cancelled by owner: as agreed");
    assert!(
        body["deployment"]["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["status"] == "skipped")
    );
    assert_eq!(stage.site_view(&site).await["status"], "failed");
    assert_eq!(stage.audited("deployment.cancel").await, 1);
    let again = act(&stage, &id, "cancel")
        .await
        .problem(409, "deployment_not_cancellable");
    assert_eq!(again["detail"], "the deployment is cancelled, which is final");
}

#[tokio::test]
async fn a_running_deployment_is_asked_to_stop_and_keeps_its_lease() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    stage.put_deployment(&id, Status::Applying).await;
    let body = act(&stage, &id, "cancel").await.ok(202);
    assert_eq!(body["deployment"]["status"], "cancelling");
    assert!(
        body["deployment"]["cancel_asked_at"].is_string() && body["deployment"]["lease_until"].is_string()
    );
    act(&stage, &id, "cancel")
        .await
        .problem(409, "deployment_not_cancellable");
}

#[tokio::test]
async fn an_interrupted_deployment_keeps_the_wish_for_whoever_takes_it_on() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    stage.put_deployment(&id, Status::Interrupted).await;
    let body = act(&stage, &id, "cancel").await.ok(202);
    assert_eq!(body["deployment"]["status"], "interrupted");
    assert!(body["deployment"]["cancel_asked_at"].is_string());
}

#[tokio::test]
async fn a_cancelled_deployment_lets_the_next_of_its_site_go_and_leaves_the_site_to_it() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    let next = stage
        .patch("owner", &site, "\"1\"", &json!({"size": "large"}))
        .await
        .ok(202);
    let next = next["deployment"]["id"].as_str().unwrap();
    let bells = stage.count("apalis.jobs").await;
    act(&stage, &first, "cancel").await.ok(200);
    assert_eq!(stage.count("apalis.jobs").await, bells + 1);
    assert_eq!(
        stage.deployment(next).await["waiting_because"],
        "it waits for a free worker"
    );
    assert_eq!(stage.site_view(&site).await["status"], "updating");
}

#[tokio::test]
async fn an_approved_plan_goes_back_to_the_queue_marked_and_rings() {
    let stage = Stage::new().await;
    let (_, id) = waiting(&stage).await;
    let shown = stage.deployment(&id).await;
    assert_eq!(shown["actions"]["approve"]["denied_because"], Value::Null);
    let bells = stage.count("apalis.jobs").await;
    let body = act(&stage, &id, "approve").await.ok(202);
    assert_eq!(body["deployment"]["status"], "queued");
    assert!(body["deployment"]["approved_at"].is_string());
    assert_eq!(
        body["deployment"]["steps"][5]["output"],
        "Approved by owner: as agreed"
    );
    assert_eq!(stage.count("apalis.jobs").await, bells + 1);
    let comment: Value =
        sqlx::query_scalar("select details from audit_events where action = 'deployment.approve'")
            .fetch_one(&mut stage.owner().await)
            .await
            .unwrap();
    assert_eq!(comment["comment"], "as agreed");
}

#[tokio::test]
async fn a_rejected_plan_ends_the_deployment_and_settles_the_site() {
    let stage = Stage::new().await;
    let (site, id) = waiting(&stage).await;
    let body = act(&stage, &id, "reject").await.ok(200);
    assert_eq!(body["deployment"]["status"], "rejected");
    assert_eq!(body["deployment"]["reason"], "Rejected by owner: as agreed");
    assert_eq!(stage.site_view(&site).await["status"], "failed");
}

#[tokio::test]
async fn only_a_plan_that_waits_can_be_decided_and_the_refusal_changes_nothing() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    let before = stage.traces().await;
    for status in [
        Status::Queued,
        Status::Planning,
        Status::Applying,
        Status::Succeeded,
    ] {
        stage.put_deployment(&id, status).await;
        for verb in ["approve", "reject"] {
            let problem = act(&stage, &id, verb)
                .await
                .problem(409, "deployment_not_awaiting_approval");
            assert!(
                problem["detail"].as_str().unwrap().contains(status.as_str()),
                "{problem}"
            );
        }
    }
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn two_people_who_decide_at_once_decide_once() {
    let stage = Stage::new().await;
    let (_, id) = waiting(&stage).await;
    let (one, other) = tokio::join!(act(&stage, &id, "approve"), act(&stage, &id, "reject"));
    let mut both = [one.status.as_u16(), other.status.as_u16()];
    both.sort_unstable();
    assert!(both == [202, 409] || both == [200, 409], "{both:?}");
    assert_eq!(
        stage.count("audit_events where action like 'deployment.%'").await,
        1
    );
}

#[tokio::test]
async fn a_decision_needs_no_body_and_takes_no_long_story() {
    let stage = Stage::new().await;
    let (_, id) = waiting(&stage).await;
    let long = json!({"comment": "x".repeat(1001)});
    let path = format!("/api/v1/deployments/{id}/approve");
    stage
        .post("owner", &path, &long)
        .await
        .refused_field(422, "invalid_request", "comment");
    stage
        .post("owner", &path, &json!({"coment": ""}))
        .await
        .refused_field(422, "invalid_request", "coment");
    let body = stage.call("owner", "POST", &path).send().await.ok(202);
    assert_eq!(body["deployment"]["steps"][5]["output"], "Approved by owner");
}

#[tokio::test]
async fn the_platforms_people_decide_for_a_customer_and_the_customers_log_says_so() {
    let stage = Stage::new().await;
    let (_, id) = waiting(&stage).await;
    stage
        .call("operator", "POST", &format!("/api/v1/deployments/{id}/approve"))
        .send()
        .await
        .ok(202);
    let (customer, name): (uuid::Uuid, String) = sqlx::query_as(
        "select customer_id, actor_name from audit_events where action = 'deployment.approve' and subject_id = $1",
    )
    .bind(uuid(&id))
    .fetch_one(&mut stage.owner().await)
    .await
    .unwrap();
    assert_eq!((customer, name.as_str()), (stage.customer.0, "operator"));
}
