//! Removing sites, wherever they are in their life.

use domain::deployment::DeploymentStatus;
use serde_json::json;

use crate::stage::{Stage, specification};

#[tokio::test]
async fn an_active_site_gets_a_destroy_deployment() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    stage.put_active(&site, &first).await;
    let answer = stage.delete("owner", &site).await;
    let body = answer.ok(202);
    assert_eq!(body["site"]["status"], "deleting");
    assert_eq!(
        body["site"]["actions"]["delete"]["denied_because"],
        "the site is being deleted"
    );
    assert_eq!(body["deployment"]["kind"], "destroy");
    assert_eq!(
        answer.header("location"),
        format!(
            "/api/v1/deployments/{}",
            body["deployment"]["id"].as_str().unwrap()
        )
    );
    assert_eq!(stage.audited("site.delete").await, 1);
}

#[tokio::test]
async fn a_site_that_is_only_queued_ends_unmade_and_is_destroyed_all_the_same() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    let body = stage.delete("owner", &site).await.ok(202);
    assert_eq!(
        body["deployment"]["waiting_because"],
        "it waits for a free worker"
    );
    assert_eq!(stage.deployment(&first).await["status"], "superseded");
    assert_eq!(stage.site_view(&site).await["status"], "deleting");
}

#[tokio::test]
async fn a_site_whose_deployment_runs_is_destroyed_after_it() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    stage.put_deployment(&first, DeploymentStatus::Applying).await;
    let body = stage.delete("owner", &site).await.ok(202);
    assert!(
        body["deployment"]["waiting_because"]
            .as_str()
            .unwrap()
            .contains(&first)
    );
    assert_eq!(stage.deployment(&first).await["status"], "applying");
}

#[tokio::test]
async fn a_site_that_was_never_applied_is_destroyed() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    stage.put_deployment(&first, DeploymentStatus::Failed).await;
    sqlx::query("update sites set status = 'failed'")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    assert_eq!(
        stage.delete("owner", &site).await.ok(202)["deployment"]["kind"],
        "destroy"
    );
}

#[tokio::test]
async fn a_second_delete_names_the_deployment_that_is_at_it_and_queues_nothing() {
    let stage = Stage::new().await;
    let (site, _) = stage.site("shop-1").await;
    let first = stage.delete("owner", &site).await.ok(202);
    let before = stage.traces().await;
    let problem = stage
        .delete("owner", &site)
        .await
        .problem(409, "site_is_deleting");
    let id = first["deployment"]["id"].as_str().unwrap();
    assert!(problem["detail"].as_str().unwrap().ends_with(id), "{problem}");
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn a_deleted_site_is_gone_its_name_is_free_and_nothing_is_queued_for_it() {
    let stage = Stage::new().await;
    let (site, _) = stage.site("shop-1").await;
    stage.delete("owner", &site).await.ok(202);
    sqlx::query("update sites set status = 'deleted', deleted_at = now()")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    let before = stage.traces().await;
    stage.delete("owner", &site).await.problem(410, "site_is_deleted");
    assert_eq!(stage.traces().await, before);
    stage
        .post("owner", "/api/v1/sites", &specification("shop-1"))
        .await
        .ok(202);
    let listed = stage.get("owner", "/api/v1/sites?status=deleted").await.ok(200);
    assert_eq!(listed["items"][0]["id"], site);
}

#[tokio::test]
async fn a_protected_site_or_one_that_was_changed_meanwhile_stays() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    stage.put_active(&site, &first).await;
    stage
        .patch("owner", &site, "\"1\"", &json!({"deletion_protection": true}))
        .await
        .ok(202);
    let before = stage.traces().await;
    stage
        .delete("owner", &site)
        .await
        .problem(409, "site_is_protected");
    let stale = stage
        .call("owner", "DELETE", &format!("/api/v1/sites/{site}"))
        .header("if-match", "\"1\"");
    stale.send().await.problem(412, "site_changed");
    assert_eq!(stage.traces().await, before);
    let view = stage.site_view(&site).await;
    assert!(
        view["actions"]["delete"]["denied_because"]
            .as_str()
            .unwrap()
            .contains("deletion protection")
    );
}
