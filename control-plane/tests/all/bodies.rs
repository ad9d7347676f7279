//! Bodies that are refused at the door. Nothing of them is ever half done.

use serde_json::json;

use crate::stage::{Stage, changed, specification};

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_with_its_place_and_queues_nothing() {
    let stage = Stage::new().await;
    let call = stage
        .call("owner", "POST", "/api/v1/sites")
        .body("application/json", "{\"name\": \"shop-1\",");
    let (found, allowed) = call.send().await.refused_field(400, "not_json", "body");
    assert!(found.as_str().unwrap().contains("line 1 column"), "{found}");
    assert_eq!(allowed, "a JSON object");
    assert_eq!(stage.traces().await, [0; 5]);
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_and_queues_nothing() {
    let stage = Stage::new().await;
    for path in ["/api/v1/sites", "/api/v1/plans"] {
        let (found, allowed) =
            stage
                .post("owner", path, &json!([]))
                .await
                .refused_field(422, "invalid_request", "body");
        assert_eq!((found, allowed.as_str()), (json!("a list"), "an object"));
    }
    assert_eq!(stage.traces().await, [0; 5]);
}

#[tokio::test]
async fn an_unknown_field_is_refused_with_the_known_ones_and_queues_nothing() {
    let stage = Stage::new().await;
    let answer = stage
        .post("owner", "/api/v1/sites", &changed(|v| v["databse"] = json!(null)))
        .await;
    let (found, allowed) = answer.refused_field(422, "invalid_request", "databse");
    assert_eq!(found, "databse");
    assert!(allowed.contains("database"), "{allowed}");
    assert_eq!(stage.traces().await, [0; 5]);
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_refused_by_its_path_and_queues_nothing() {
    let stage = Stage::new().await;
    let answer = stage
        .post(
            "owner",
            "/api/v1/sites",
            &changed(|v| v["application"]["port"] = json!("http")),
        )
        .await;
    assert_eq!(
        answer.refused_field(422, "invalid_request", "application.port").0,
        "http"
    );
    let answer = stage
        .post(
            "owner",
            "/api/v1/sites",
            &changed(|v| v["approval"] = json!("maybe")),
        )
        .await;
    let (found, allowed) = answer.refused_field(422, "invalid_request", "approval");
    assert_eq!(found, "maybe");
    assert!(allowed.contains("required"), "{allowed}");
    assert_eq!(stage.traces().await, [0; 5]);
}

#[tokio::test]
async fn a_secret_of_the_wrong_type_is_refused_and_not_quoted() {
    let stage = Stage::new().await;
    let body = changed(|v| v["application"]["registry"] = json!("planted-in-the-wrong-place"));
    let answer = stage.post("owner", "/api/v1/sites", &body).await;
    answer.refused_field(422, "invalid_request", "application.registry");
    assert!(!answer.text.contains("planted"), "{}", answer.text);
    assert_eq!(stage.traces().await, [0; 5]);
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused_and_queues_nothing() {
    let stage = Stage::new().await;
    let body = changed(|v| v["application"]["env"]["A"] = json!("x".repeat(1024 * 1024)));
    let answer = stage.post("owner", "/api/v1/sites", &body).await;
    let (_, allowed) = answer.refused_field(413, "body_too_large", "body");
    assert_eq!(allowed, "at most 1048576 bytes");
    assert_eq!(stage.traces().await, [0; 5]);
}

#[tokio::test]
async fn a_body_of_another_content_type_is_refused_and_queues_nothing() {
    let stage = Stage::new().await;
    for (content_type, found) in [("text/plain", json!("text/plain")), ("", json!(""))] {
        let call = stage
            .call("owner", "POST", "/api/v1/sites")
            .body(content_type, specification("shop-1").to_string());
        let (was, allowed) = call
            .send()
            .await
            .refused_field(415, "unsupported_media_type", "Content-Type");
        assert_eq!((was, allowed.as_str()), (found, "application/json"));
    }
    let call = stage.call("owner", "POST", "/api/v1/sites");
    assert_eq!(
        call.send()
            .await
            .refused_field(415, "unsupported_media_type", "Content-Type")
            .0,
        json!(null)
    );
    assert_eq!(stage.traces().await, [0; 5]);
}

#[tokio::test]
async fn a_mask_that_stands_for_no_secret_is_refused_and_queues_nothing() {
    let stage = Stage::new().await;
    let body = changed(|v| v["application"]["secrets"]["KEY"] = json!("***"));
    let answer = stage.post("owner", "/api/v1/sites", &body).await;
    answer.refused_field(422, "invalid_request", "application.secrets.KEY");
    assert_eq!(stage.traces().await, [0; 5]);
}
