//! Terraform's http backend.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::deployment::DeploymentStatus;
use serde_json::{Value, json};

use crate::stage::{Answer, Stage, token, uuid};

fn state(serial: u64) -> Value {
    json!({
        "version": 4, "terraform_version": "1.11.4", "serial": serial, "lineage": "11111111-2222-3333-4444-555555555555",
        "outputs": {"secret": {"value": "planted", "type": "string", "sensitive": true}}, "resources": [],
    })
}

async fn call(stage: &Stage, method: &str, site: &str, query: &str, body: &str) -> Answer {
    let basic = STANDARD.encode(format!("anyone:{}", token("owner")));
    let path = format!("/terraform/state/{site}{query}");
    let call = stage
        .call("", method, &path)
        .header("authorization", &format!("Basic {basic}"));
    call.body("application/json", body.to_owned()).send().await
}

async fn open_manual(stage: &Stage, site: &str, first: &str) -> String {
    stage.put_active(site, first).await;
    let id: uuid::Uuid = sqlx::query_scalar(
        "insert into deployments (id, customer_id, site_id, specification, cloud_account_id, kind, trace_id, events_month,
             status, attempt, lease_until)
         select gen_random_uuid(), customer_id, id, 1, cloud_account_id, 'manual', 'trace', now(), 'applying', 1,
             now() + interval '1 hour'
         from sites where id = $1
         returning id",
    )
    .bind(uuid(site))
    .fetch_one(&mut stage.owner().await)
    .await
    .unwrap();
    id.to_string()
}

#[tokio::test]
async fn state_is_read_with_a_token_as_password_and_each_time_is_written_down() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    let none = call(&stage, "GET", &site, "", "").await;
    assert_eq!((none.status.as_u16(), none.text.as_str()), (204, ""));
    open_manual(&stage, &site, &first).await;
    assert_eq!(
        call(&stage, "POST", &site, "", &state(1).to_string())
            .await
            .status
            .as_u16(),
        200
    );
    let read = call(&stage, "GET", &site, "", "").await;
    assert_eq!(read.header("cache-control"), "no-store");
    assert_eq!(read.ok(200), state(1));
    assert_eq!(stage.audited("state.read").await, 2);
    assert_eq!(stage.audited("state.write").await, 1);
    let refused = stage.get("", &format!("/terraform/state/{site}")).await;
    refused.problem(401, "unauthorized");
    assert_eq!(refused.header("www-authenticate"), "Basic realm=\"siteplane\"");
    stage
        .get("member", &format!("/terraform/state/{site}"))
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn state_is_written_only_inside_an_open_manual_deployment() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    call(&stage, "POST", &site, "", &state(1).to_string())
        .await
        .problem(409, "no_manual_deployment");
    stage.put_deployment(&first, DeploymentStatus::Applying).await;
    call(&stage, "POST", &site, "", &state(1).to_string())
        .await
        .problem(409, "no_manual_deployment");
    let manual = open_manual(&stage, &site, &first).await;
    call(&stage, "POST", &site, "", &state(2).to_string()).await;
    assert_eq!(call(&stage, "GET", &site, "", "").await.ok(200)["serial"], 2);
    call(&stage, "POST", &site, "", "{\"version\": 4")
        .await
        .refused_field(422, "invalid_request", "body");
    call(&stage, "POST", &site, "", &state(1).to_string())
        .await
        .problem(409, "state_quarantined");
    assert_eq!(call(&stage, "GET", &site, "", "").await.ok(200)["serial"], 2);
    stage.put_deployment(&manual, DeploymentStatus::Succeeded).await;
    call(&stage, "POST", &site, "", &state(3).to_string())
        .await
        .problem(409, "no_manual_deployment");
}

#[tokio::test]
async fn a_lock_keeps_others_out_and_tells_them_who_holds_it() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    open_manual(&stage, &site, &first).await;
    let mine = json!({"ID": "lock-1", "Operation": "OperationTypeApply", "Who": "me@host"});
    let yours = json!({"ID": "lock-2", "Operation": "OperationTypePlan", "Who": "you@host"});
    assert_eq!(
        call(&stage, "LOCK", &site, "", &mine.to_string())
            .await
            .status
            .as_u16(),
        200
    );
    assert_eq!(
        call(&stage, "LOCK", &site, "", &yours.to_string()).await.ok(423),
        mine
    );
    assert_eq!(
        call(&stage, "POST", &site, "?ID=lock-2", &state(1).to_string())
            .await
            .ok(423),
        mine
    );
    assert_eq!(
        call(&stage, "POST", &site, "", &state(1).to_string())
            .await
            .ok(423),
        mine
    );
    assert_eq!(
        call(&stage, "UNLOCK", &site, "", &yours.to_string())
            .await
            .ok(423),
        mine
    );
    assert_eq!(
        call(&stage, "POST", &site, "?ID=lock-1", &state(1).to_string())
            .await
            .status
            .as_u16(),
        200
    );
    assert_eq!(
        call(&stage, "UNLOCK", &site, "", &mine.to_string())
            .await
            .status
            .as_u16(),
        200
    );
    assert_eq!(
        call(&stage, "LOCK", &site, "", &yours.to_string())
            .await
            .status
            .as_u16(),
        200
    );
    // `terraform force-unlock` sends no body.
    assert_eq!(call(&stage, "UNLOCK", &site, "", "").await.status.as_u16(), 200);
    assert_eq!(stage.audited("state.lock").await, 2);
    assert_eq!(stage.audited("state.unlock").await, 1);
    assert_eq!(stage.audited("state.force_unlock").await, 1);
    call(&stage, "LOCK", &site, "", "{}")
        .await
        .refused_field(422, "invalid_request", "ID");
}

#[tokio::test]
async fn a_worker_at_work_holds_the_lock_and_says_so() {
    let stage = Stage::new().await;
    let (site, first) = stage.site("shop-1").await;
    stage.put_deployment(&first, DeploymentStatus::Applying).await;
    let held = call(&stage, "LOCK", &site, "", "{\"ID\": \"lock-1\"}")
        .await
        .ok(423);
    assert_eq!(held["ID"], first);
    assert_eq!(held["Info"], format!("deployment {first} is applying"));
    for (who, status) in [("member", 403), ("stranger", 404), ("", 401)] {
        let path = format!("/terraform/state/{site}");
        for method in ["LOCK", "UNLOCK"] {
            let answer = stage
                .call(who, method, &path)
                .json(&json!({"ID": "lock-1"}))
                .send()
                .await;
            assert_eq!(answer.status.as_u16(), status, "{method} by {who}");
        }
    }
}
