//! Speculative plans.

use serde_json::json;

use crate::stage::{Stage, changed, specification};

#[tokio::test]
async fn a_plan_of_a_whole_site_has_a_draft_that_shows_nowhere() {
    let stage = Stage::new().await;
    let answer = stage.post("ci", "/api/v1/plans", &specification("shop-1")).await;
    let deployment = &answer.ok(202)["deployment"];
    let id = deployment["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/api/v1/deployments/{id}"));
    assert_eq!(
        (&deployment["kind"], &deployment["status"]),
        (&json!("plan"), &json!("queued"))
    );
    assert_eq!(deployment["steps"].as_array().unwrap().len(), 5);
    assert_eq!(stage.traces().await, [1, 1, 1, 1, 1]);
    assert_eq!(
        stage.get("owner", "/api/v1/sites").await.ok(200)["items"],
        json!([])
    );
    let site = deployment["site_id"].as_str().unwrap();
    stage
        .get("owner", &format!("/api/v1/sites/{site}"))
        .await
        .problem(404, "not_found");
    stage
        .get("ci", &format!("/api/v1/deployments/{id}"))
        .await
        .ok(200);
    // The draft holds no name.
    stage
        .post("owner", "/api/v1/sites", &specification("shop-1"))
        .await
        .ok(202);
    stage
        .post("ci", "/api/v1/plans", &specification("shop-1"))
        .await
        .ok(202);
}

#[tokio::test]
async fn a_plan_of_a_change_leaves_the_site_and_its_etag_alone() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    stage.put_active(&site, &first).await;
    let before = stage.site_view(&site).await;
    let body = json!({"site_id": site, "patch": {"size": "large"}});
    let plan = stage.post("ci", "/api/v1/plans", &body).await.ok(202);
    assert_eq!(plan["deployment"]["specification_number"], 2);
    assert_eq!(plan["deployment"]["site_id"], site);
    assert_eq!(stage.site_view(&site).await, before);
    let same = stage
        .post("ci", "/api/v1/plans", &json!({"site_id": site}))
        .await
        .ok(202);
    assert_eq!(same["deployment"]["specification_number"], 1);
    // A change takes the number after the plan's, and its ETag says so.
    let change = stage
        .patch("owner", &site, "\"1\"", &json!({"size": "medium"}))
        .await;
    assert_eq!(change.ok(202)["site"]["specification_number"], 3);
    assert_eq!(change.header("etag"), "\"3\"");
}

#[tokio::test]
async fn a_plan_that_does_not_fit_is_refused_and_queues_nothing() {
    let stage = Stage::new().await;
    let (site, _) = stage.site("shop-1").await;
    let before = stage.traces().await;
    for (body, field) in [
        (changed(|v| v["region"] = json!("mars-1")), "region"),
        (changed(|v| v["databse"] = json!(null)), "databse"),
        (json!({"site_id": "shop-1"}), "site_id"),
        (json!({"site_id": site, "patch": []}), "patch"),
        (json!({"site_id": site, "size": "large"}), "size"),
        (
            json!({"site_id": site, "patch": {"region": "eu-west-1"}}),
            "region",
        ),
        (json!({"site_id": site, "patch": {"size": "huge"}}), "size"),
    ] {
        stage
            .post("ci", "/api/v1/plans", &body)
            .await
            .refused_field(422, "invalid_request", field);
    }
    let foreign = json!({"site_id": site, "patch": {"size": "large"}});
    stage
        .post("stranger", "/api/v1/plans", &foreign)
        .await
        .problem(404, "not_found");
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn a_site_that_is_being_deleted_is_not_planned() {
    let stage = Stage::new().await;
    let (site, _) = stage.site("shop-1").await;
    stage.delete("owner", &site).await.ok(202);
    stage
        .post("ci", "/api/v1/plans", &json!({"site_id": site}))
        .await
        .problem(409, "site_is_deleting");
}
