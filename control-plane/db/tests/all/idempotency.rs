//! The same request again gets the same answer again.

use db::{
    idempotency::{self, Answer, IdempotencyKey, Known},
    tenant::Scope,
};
use domain::id::CustomerId;

use crate::scene::Scene;

fn key(customer: CustomerId) -> IdempotencyKey<'static> {
    IdempotencyKey {
        customer,
        route: "POST /api/v1/sites",
        key: "k-1",
        request_digest: b"digest",
    }
}

fn answer(number: i32) -> Answer {
    Answer {
        status: 202,
        location: Some(format!("/api/v1/sites/{number}")),
        body: serde_json::json!({"site": number}),
    }
}

async fn known(scene: &Scene, key: IdempotencyKey<'_>) -> Known {
    let mut tx = scene.begin(Scope::Customer(key.customer)).await;
    let known = idempotency::begin(&mut tx, key).await.unwrap();
    // A dropped transaction is rolled back a moment later, and the key is taken until then.
    tx.rollback().await.unwrap();
    known
}

async fn remember(scene: &Scene, key: IdempotencyKey<'_>, answer: &Answer) {
    let mut tx = scene.begin(Scope::Customer(key.customer)).await;
    assert_eq!(idempotency::begin(&mut tx, key).await.unwrap(), Known::Nothing);
    idempotency::remember(&mut tx, key, answer).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_answer_comes_back_for_the_same_request_of_the_same_customer_on_the_same_route() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let other = scene.customer("other", 3).await;
    assert_eq!(known(&scene, key(customer)).await, Known::Nothing);
    remember(&scene, key(customer), &answer(1)).await;
    assert_eq!(known(&scene, key(customer)).await, Known::Answered(answer(1)));
    assert_eq!(
        known(
            &scene,
            IdempotencyKey {
                request_digest: b"another",
                ..key(customer)
            }
        )
        .await,
        Known::OtherRequest
    );
    assert_eq!(
        known(
            &scene,
            IdempotencyKey {
                route: "POST /api/v1/plans",
                ..key(customer)
            }
        )
        .await,
        Known::Nothing
    );
    assert_eq!(
        known(
            &scene,
            IdempotencyKey {
                key: "k-2",
                ..key(customer)
            }
        )
        .await,
        Known::Nothing
    );
    assert_eq!(known(&scene, key(other)).await, Known::Nothing);
}

#[tokio::test]
async fn a_twin_is_told_that_the_first_is_at_work_until_that_ends() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let mut first = scene.begin(Scope::Customer(customer)).await;
    assert_eq!(
        idempotency::begin(&mut first, key(customer)).await.unwrap(),
        Known::Nothing
    );
    assert_eq!(known(&scene, key(customer)).await, Known::Running);
    idempotency::remember(&mut first, key(customer), &answer(1))
        .await
        .unwrap();
    assert_eq!(known(&scene, key(customer)).await, Known::Running);
    first.commit().await.unwrap();
    assert_eq!(known(&scene, key(customer)).await, Known::Answered(answer(1)));
}

#[tokio::test]
async fn a_rollback_leaves_nothing_behind() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let mut tx = scene.begin(Scope::Customer(customer)).await;
    idempotency::begin(&mut tx, key(customer)).await.unwrap();
    idempotency::remember(&mut tx, key(customer), &answer(1))
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(known(&scene, key(customer)).await, Known::Nothing);
}

#[tokio::test]
async fn after_a_day_a_key_is_free_again_and_is_pruned() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    remember(&scene, key(customer), &answer(1)).await;
    let fresh = IdempotencyKey {
        key: "fresh",
        ..key(customer)
    };
    remember(&scene, fresh, &answer(2)).await;
    let age =
        "update idempotency_keys set created_at = now() - interval '24 hours 1 second' where key = 'k-1'";
    sqlx::query(age)
        .execute(&mut scene.database.owner().await)
        .await
        .unwrap();
    assert_eq!(known(&scene, key(customer)).await, Known::Nothing);
    remember(&scene, key(customer), &answer(3)).await;
    assert_eq!(known(&scene, key(customer)).await, Known::Answered(answer(3)));
    sqlx::query(age)
        .execute(&mut scene.database.owner().await)
        .await
        .unwrap();
    let mut tx = scene.as_worker().await;
    assert_eq!(idempotency::prune(&mut tx).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(known(&scene, fresh).await, Known::Answered(answer(2)));
}
