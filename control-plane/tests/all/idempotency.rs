//! `Idempotency-Key`: nothing happens twice.

use db::{
    idempotency::{self, IdempotencyKey, Known},
    tenant::{self, Scope},
};
use serde_json::json;

use crate::stage::{Answer, Stage, changed, specification};

async fn create(stage: &Stage, who: &str, key: &str, body: &serde_json::Value) -> Answer {
    stage
        .call(who, "POST", "/api/v1/sites")
        .header("idempotency-key", key)
        .json(body)
        .send()
        .await
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_and_does_nothing() {
    let stage = Stage::new().await;
    let first = create(&stage, "owner", "key-1", &specification("shop-1")).await;
    let again = create(&stage, "owner", "key-1", &specification("shop-1")).await;
    assert_eq!(first.ok(202), again.ok(202));
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            again.header("idempotency-replayed")
        ),
        ("", "true")
    );
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(stage.traces().await, [1, 1, 1, 1, 1]);

    let plan = || {
        stage
            .call("ci", "POST", "/api/v1/plans")
            .header("idempotency-key", "key-1")
            .json(&changed(|_| ()))
    };
    assert_eq!(
        plan().send().await.ok(202),
        plan().send().await.ok(202),
        "each route has keys of its own"
    );
    assert_eq!(stage.count("deployments").await, 2);
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_and_queues_nothing() {
    let stage = Stage::new().await;
    create(&stage, "owner", "key-1", &specification("shop-1"))
        .await
        .ok(202);
    let before = stage.traces().await;
    let other = create(&stage, "owner", "key-1", &specification("shop-2")).await;
    assert_eq!(
        other
            .refused_field(422, "idempotency_key_reused", "Idempotency-Key")
            .0,
        "key-1"
    );
    assert_eq!(stage.traces().await, before);
    // Another customer's keys are its own.
    create(&stage, "stranger", "key-1", &specification("shop-2"))
        .await
        .ok(202);
}

#[tokio::test]
async fn a_key_whose_twin_is_at_work_is_a_conflict_and_queues_nothing() {
    let stage = Stage::new().await;
    let mut twin = tenant::begin(&stage.app.pool, Scope::Customer(stage.customer))
        .await
        .unwrap();
    let key = IdempotencyKey {
        customer: stage.customer,
        route: "POST /api/v1/sites",
        key: "key-1",
        request_digest: b"whatever",
    };
    assert_eq!(idempotency::begin(&mut twin, key).await.unwrap(), Known::Nothing);
    let answer = create(&stage, "owner", "key-1", &specification("shop-1")).await;
    answer.problem(409, "idempotency_key_in_use");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(stage.traces().await, [0; 5]);
    twin.rollback().await.unwrap();
    create(&stage, "owner", "key-1", &specification("shop-1"))
        .await
        .ok(202);
}

#[tokio::test]
async fn ten_twins_at_once_make_one_site() {
    let stage = Stage::new().await;
    let body = specification("shop-1");
    let twins = (0..10).map(|_| create(&stage, "owner", "key-1", &body));
    let answers = futures::future::join_all(twins).await;
    assert!(answers.iter().any(|answer| answer.status.as_u16() == 202));
    assert!(
        answers
            .iter()
            .all(|answer| [202, 409].contains(&answer.status.as_u16()))
    );
    assert_eq!(stage.traces().await, [1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_refused_request_is_not_remembered() {
    let stage = Stage::new().await;
    stage.site("shop-1").await;
    create(&stage, "owner", "key-1", &specification("shop-1"))
        .await
        .problem(409, "site_name_taken");
    create(&stage, "owner", "key-1", &specification("shop-2"))
        .await
        .ok(202);
}

#[tokio::test]
async fn a_key_that_is_no_key_is_refused() {
    let stage = Stage::new().await;
    for key in ["", "a b", &"x".repeat(256), "clé"] {
        let answer = create(&stage, "owner", key, &specification("shop-1")).await;
        assert_eq!(
            answer.refused_field(422, "invalid_request", "Idempotency-Key").0,
            json!(key)
        );
    }
    assert_eq!(stage.traces().await, [0; 5]);
}
