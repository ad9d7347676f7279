//! Health, numbers, clouds, workers, traces, and what every address answers.

use serde_json::{Value, json};

use crate::stage::Stage;

#[tokio::test]
async fn the_api_is_ready_on_a_current_schema_and_names_a_missing_migration() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("", "/healthz").await.text, "ok\n");
    let ready = stage.get("", "/readyz").await.ok(200);
    assert_eq!(ready["ready"], true);
    sqlx::query("delete from _sqlx_migrations where version = 4")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    let not = stage.get("", "/readyz").await.ok(503);
    assert_eq!(not["ready"], false);
    assert_eq!(not["missing_migrations"], json!(["0004_sites"]));
    assert_eq!(
        not["schema"],
        "migration 0004_sites is missing: run siteplane migrate"
    );
    assert_eq!(
        (&not["database"], &not["object_store"]),
        (&json!("ok"), &json!("ok"))
    );
    stage.get("", "/healthz").await;
}

#[tokio::test]
async fn the_api_is_not_ready_without_its_object_store() {
    let mut stage = Stage::new().await;
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    stage.app.store.blobs = state::store::BlobStore::new(&state::store::StoreSettings {
        endpoint_url: Some(format!("http://{nowhere}")),
        region: "us-east-1".to_owned(),
        bucket: "siteplane".to_owned(),
        path_style: true,
        access_key: "access".to_owned(),
        secret_key: "secret".to_owned(),
        patience: state::store::Patience {
            attempts: 1,
            ..state::store::Patience::default()
        },
    });
    stage.router = control_plane::router(stage.app.clone());
    let not = stage.get("", "/readyz").await.ok(503);
    assert_eq!(not["object_store"], "the blob store is not available");
    assert_eq!(not["database"], "ok");
}

#[tokio::test]
async fn numbers_tell_the_queue_and_the_requests_by_route() {
    let stage = Stage::new().await;
    let (site, _) = stage.site("shop-1").await;
    stage.site_view(&site).await;
    stage.get("owner", "/nowhere").await;
    let text = stage.get("", "/metrics").await.text;
    for line in [
        "siteplane_deployments{status=\"queued\"} 1",
        "siteplane_deployments{status=\"applying\"} 0",
        "siteplane_http_requests_total{method=\"POST\",route=\"/api/v1/sites\",status=\"202\"} 1",
        "siteplane_http_requests_total{method=\"GET\",route=\"/api/v1/sites/{id}\",status=\"200\"} 1",
        "siteplane_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "siteplane_http_request_duration_seconds_count{method=\"POST\",route=\"/api/v1/sites\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains(&site), "{text}");
}

#[tokio::test]
async fn clouds_tell_their_regions_and_sizes() {
    let stage = Stage::new().await;
    let body = stage.get("ci", "/api/v1/providers").await.ok(200);
    let aws = &body["items"][0];
    assert_eq!(aws["key"], "aws");
    assert_eq!(aws["regions"][0]["key"], "us-east-1");
    let sizes: Vec<&Value> = aws["sizes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|size| &size["size"])
        .collect();
    assert_eq!(sizes, ["small", "medium", "large", "xlarge"]);
}

#[tokio::test]
async fn workers_are_listed_with_what_they_hold() {
    let stage = Stage::new().await;
    let abilities = ["aws/simulated".to_owned()];
    let worker = db::workers::NewWorker {
        id: domain::id::WorkerId::new(),
        host: "host-1",
        process_id: 7,
        version: "0.1.0",
        slots: 3,
        terraform_version: "1.11.4",
        abilities: &abilities,
    };
    db::workers::register(&mut stage.owner().await, &worker)
        .await
        .unwrap();
    let body = stage.get("auditor", "/api/v1/workers").await.ok(200);
    assert_eq!(body["items"][0]["id"], worker.id.to_string());
    assert_eq!(
        (&body["items"][0]["slots"], &body["items"][0]["running"]),
        (&json!(3), &json!(0))
    );
}

#[tokio::test]
async fn a_trace_goes_through_answer_problem_deployment_and_audit() {
    let stage = Stage::new().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traced = format!("00-{trace}-00f067aa0ba902b7-01");
    let call = stage
        .call("owner", "POST", "/api/v1/sites")
        .header("traceparent", &traced);
    let made = call.json(&crate::stage::specification("shop-1")).send().await;
    assert_eq!(made.header("x-trace-id"), trace);
    assert!(made.header("traceparent").starts_with(&format!("00-{trace}-")));
    assert_ne!(
        made.header("traceparent"),
        traced,
        "our part of the trace has an id of its own"
    );
    assert_eq!(made.ok(202)["deployment"]["trace_id"], trace);
    assert_eq!(
        stage
            .count(&format!("audit_events where trace_id = '{trace}'"))
            .await,
        1
    );
    let problem = stage
        .call("owner", "GET", "/nowhere")
        .header("traceparent", &traced)
        .send()
        .await;
    assert_eq!(problem.problem(404, "not_found")["trace_id"], trace);
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_method_are_problems_too() {
    let stage = Stage::new().await;
    stage.get("", "/").await.problem(404, "not_found");
    stage
        .get("owner", "/api/v1/nothing")
        .await
        .problem(404, "not_found");
    let answer = stage.call("owner", "PUT", "/api/v1/sites").send().await;
    answer.problem(405, "method_not_allowed");
    assert!(
        answer.header("allow").contains("POST"),
        "{}",
        answer.header("allow")
    );
    let answer = stage.call("owner", "PUT", "/terraform/state/x").send().await;
    answer.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_without_a_word_of_it() {
    let stage = Stage::new().await;
    stage.app.pool.close().await;
    let answer = stage.get("owner", "/api/v1/sites").await;
    answer.problem(503, "unavailable");
    assert!(!answer.text.contains("pool"), "{}", answer.text);
    assert_eq!(
        stage.get("", "/readyz").await.ok(503)["database"],
        "does not answer"
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up_and_leaves_nothing() {
    let settings = control_plane::Settings {
        request_timeout: std::time::Duration::from_millis(300),
        ..crate::stage::settings()
    };
    let stage = Stage::with(settings).await;
    let mut owner = stage.owner().await;
    let mut blocking = sqlx::Connection::begin(&mut owner).await.unwrap();
    sqlx::query("lock table deployments in access exclusive mode")
        .execute(&mut *blocking)
        .await
        .unwrap();
    let answer = stage
        .post("owner", "/api/v1/sites", &crate::stage::specification("shop-1"))
        .await;
    answer.problem(504, "timeout");
    blocking.rollback().await.unwrap();
    assert_eq!(stage.traces().await, [0; 5]);
}
