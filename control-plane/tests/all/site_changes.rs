//! Changing sites.

use domain::deployment::DeploymentStatus;
use serde_json::{Value, json};

use crate::stage::Stage;

async fn active(stage: &Stage) -> String {
    let (site, deployment) = stage.site("shop-1").await;
    stage.put_active(&site, &deployment).await;
    site
}

#[tokio::test]
async fn a_patch_makes_the_next_specification_and_queues_an_update() {
    let stage = Stage::new().await;
    let site = active(&stage).await;
    let patch = json!({"size": "medium", "database": {"storage_gb": 40}, "application": {"env": {"A": null, "B": "c"}}});
    let answer = stage.patch("owner", &site, "\"1\"", &patch).await;
    let body = answer.ok(202);
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(
        answer.header("location"),
        format!(
            "/api/v1/deployments/{}",
            body["deployment"]["id"].as_str().unwrap()
        )
    );
    assert_eq!(body["deployment"]["kind"], "update");
    assert_eq!(body["deployment"]["specification_number"], 2);
    let view = &body["site"];
    assert_eq!(
        (&view["status"], &view["specification_number"]),
        (&json!("updating"), &json!(2))
    );
    assert_eq!(view["applied_specification_number"], 1);
    assert_eq!(view["specification"]["size"], "medium");
    assert_eq!(view["specification"]["database"]["storage_gb"], 40);
    assert_eq!(view["specification"]["database"]["backup_days"], 7);
    assert_eq!(view["specification"]["application"]["env"], json!({"B": "c"}));
    assert_eq!(stage.audited("site.update").await, 1);
}

#[tokio::test]
async fn a_masked_secret_stays_a_new_one_is_kept_and_a_removed_one_goes() {
    let stage = Stage::new().await;
    let site = active(&stage).await;
    let reveal = async || {
        stage
            .call("owner", "POST", &format!("/api/v1/sites/{site}/reveal"))
            .send()
            .await
            .ok(200)
    };
    let before = reveal().await;
    let patch = json!({"application": {"secrets": {"KEY": "***", "NEW": "fresh"}}});
    stage.patch("owner", &site, "\"1\"", &patch).await.ok(202);
    let after = reveal().await;
    assert_eq!(
        after["application"],
        json!({"KEY": "planted-key", "NEW": "fresh"})
    );
    assert_eq!(after["database_password"], before["database_password"]);
    stage
        .patch(
            "owner",
            &site,
            "\"2\"",
            &json!({"application": {"secrets": {"KEY": null}}}),
        )
        .await
        .ok(202);
    assert_eq!(reveal().await["application"], json!({"NEW": "fresh"}));
    // Only the value of a secret changes, which no masked specification shows.
    stage
        .patch(
            "owner",
            &site,
            "\"3\"",
            &json!({"application": {"secrets": {"NEW": "other"}}}),
        )
        .await
        .ok(202);
    assert_eq!(reveal().await["application"], json!({"NEW": "other"}));
}

#[tokio::test]
async fn a_patch_that_changes_nothing_queues_nothing() {
    let stage = Stage::new().await;
    let site = active(&stage).await;
    let before = stage.traces().await;
    for patch in [
        json!({}),
        json!({"size": "small"}),
        json!({"application": {"secrets": {"KEY": "planted-key"}}}),
    ] {
        let answer = stage.patch("owner", &site, "\"1\"", &patch).await;
        assert_eq!(answer.ok(200)["deployment"], Value::Null);
        assert_eq!(answer.header("etag"), "\"1\"");
    }
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_tries_again_what_failed() {
    let stage = Stage::new().await;
    let (site, deployment) = stage.site("shop-1").await;
    stage.patch("owner", &site, "\"1\"", &json!({})).await.ok(200);
    assert_eq!(
        stage.count("deployments").await,
        1,
        "the first one is still under way"
    );
    stage.put_deployment(&deployment, DeploymentStatus::Failed).await;
    sqlx::query("update sites set status = 'failed'")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    let again = stage.patch("owner", &site, "\"1\"", &json!({})).await.ok(202);
    assert_eq!(again["deployment"]["kind"], "create");
    assert_eq!(again["deployment"]["specification_number"], 1);
    assert_eq!(again["site"]["status"], "creating");
}

#[tokio::test]
async fn a_patch_without_or_with_a_stale_if_match_is_refused_and_queues_nothing() {
    let stage = Stage::new().await;
    let site = active(&stage).await;
    stage
        .patch("owner", &site, "\"1\"", &json!({"size": "medium"}))
        .await
        .ok(202);
    let before = stage.traces().await;
    let stale = stage
        .patch("owner", &site, "\"1\"", &json!({"size": "large"}))
        .await;
    let (found, allowed) = stale.refused_field(412, "site_changed", "If-Match");
    assert_eq!(found, "\"1\"");
    assert!(allowed.contains("\"2\""), "{allowed}");
    let without = stage
        .call("owner", "PATCH", &format!("/api/v1/sites/{site}"))
        .json(&json!({"size": "large"}));
    without
        .send()
        .await
        .refused_field(428, "if_match_required", "If-Match");
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn of_two_changes_from_the_same_specification_one_is_told_that_it_is_late() {
    let stage = Stage::new().await;
    let site = active(&stage).await;
    let (medium, large) = (json!({"size": "medium"}), json!({"size": "large"}));
    let (one, other) = tokio::join!(
        stage.patch("owner", &site, "\"1\"", &medium),
        stage.patch("member", &site, "\"1\"", &large)
    );
    let mut both = [one.status.as_u16(), other.status.as_u16()];
    both.sort_unstable();
    assert_eq!(both, [202, 412]);
    assert_eq!(stage.count("deployments where kind = 'update'").await, 1);
}

#[tokio::test]
async fn what_never_changes_and_what_does_not_fit_is_refused_and_queues_nothing() {
    let stage = Stage::new().await;
    let site = active(&stage).await;
    let before = stage.traces().await;
    for (patch, field) in [
        (json!({"name": "shop-2"}), "name"),
        (json!({"region": "eu-west-1"}), "region"),
        (json!({"region": "mars-1"}), "region"),
        (json!({"network_cidr": "10.21.0.0/16"}), "network_cidr"),
        (json!({"database": {"storage_gb": 10}}), "database.storage_gb"),
        (json!({"size": "huge"}), "size"),
        (json!({"sise": "large"}), "sise"),
        (json!({"application": null}), "application"),
        (
            json!({"application": {"secrets": {"NEW": "***"}}}),
            "application.secrets.NEW",
        ),
    ] {
        stage
            .patch("owner", &site, "\"1\"", &patch)
            .await
            .refused_field(422, "invalid_request", field);
    }
    let answer = stage.call("owner", "PATCH", &format!("/api/v1/sites/{site}?supersede=yes"));
    let answer = answer
        .header("if-match", "\"1\"")
        .json(&json!({"size": "large"}))
        .send()
        .await;
    answer.refused_field(422, "invalid_request", "supersede");
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn a_change_while_one_runs_waits_behind_it_and_says_so() {
    let stage = Stage::new().await;
    let (site, running) = stage.site("shop-1").await;
    stage.put_deployment(&running, DeploymentStatus::Applying).await;
    let body = stage
        .patch("owner", &site, "\"1\"", &json!({"size": "medium"}))
        .await
        .ok(202);
    assert_eq!(body["deployment"]["kind"], "update");
    assert_eq!(
        body["deployment"]["waiting_because"],
        format!("deployment {running} of the same site is applying (create) and goes first")
    );
    assert_eq!(stage.deployment(&running).await["status"], "applying");
}

#[tokio::test]
async fn a_change_that_supersedes_ends_those_that_have_not_begun() {
    let stage = Stage::new().await;
    let site = active(&stage).await;
    let id = |body: &Value| body["deployment"]["id"].as_str().unwrap().to_owned();
    let second = id(&stage
        .patch("owner", &site, "\"1\"", &json!({"size": "medium"}))
        .await
        .ok(202));
    stage
        .put_deployment(&second, DeploymentStatus::AwaitingApproval)
        .await;
    let third = id(&stage
        .patch("owner", &site, "\"2\"", &json!({"size": "large"}))
        .await
        .ok(202));
    let call = stage.call(
        "owner",
        "PATCH",
        &format!("/api/v1/sites/{site}?supersede=true&approval=required"),
    );
    let fourth = call
        .header("if-match", "\"3\"")
        .json(&json!({"size": "xlarge"}))
        .send()
        .await
        .ok(202);
    assert_eq!(
        fourth["deployment"]["waiting_because"],
        "it waits for a free worker"
    );
    assert_eq!(fourth["deployment"]["approval_required"], true);
    for ended in [second, third] {
        let ended = stage.deployment(&ended).await;
        assert_eq!(ended["status"], "superseded");
        assert_eq!(
            ended["reason"],
            format!("Deployment {} took its place before it started", id(&fourth))
        );
    }
}

#[tokio::test]
async fn a_change_does_not_supersede_what_came_back_from_an_interruption() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    stage.put_deployment(&first, DeploymentStatus::Queued).await;
    let call = stage.call("owner", "PATCH", &format!("/api/v1/sites/{site}?supersede=true"));
    call.header("if-match", "\"1\"")
        .json(&json!({"size": "large"}))
        .send()
        .await
        .ok(202);
    assert_eq!(stage.deployment(&first).await["status"], "queued");
}

#[tokio::test]
async fn a_site_that_is_being_deleted_or_is_deleted_can_not_be_changed() {
    let stage = Stage::new().await;
    let site = active(&stage).await;
    stage.delete("owner", &site).await.ok(202);
    let before = stage.traces().await;
    stage
        .patch("owner", &site, "\"1\"", &json!({"size": "large"}))
        .await
        .problem(409, "site_is_deleting");
    sqlx::query("update sites set status = 'deleted', deleted_at = now()")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    stage
        .patch("owner", &site, "\"1\"", &json!({"size": "large"}))
        .await
        .problem(409, "site_is_deleted");
    assert_eq!(stage.traces().await, before);
}
