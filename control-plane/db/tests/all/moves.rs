//! Moves of deployments: the table, the compare-and-set, and what a final status needs.

use db::deployments::{self, Advance, AdvanceError};
use domain::{
    deployment::{DeploymentEvent as E, DeploymentKind, DeploymentStatus as S},
    id::DeploymentId,
    step::{StepName, StepStatus},
};

use crate::scene::Scene;

#[tokio::test]
async fn an_illegal_move_is_refused_without_touching_the_row() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    let error = scene.advance(id, S::Queued, E::Approved, None).await.unwrap_err();
    assert!(matches!(error, AdvanceError::Illegal(_)), "{error}");
    assert_eq!(scene.find(id).await.status, S::Queued);
}

#[tokio::test]
async fn a_move_from_where_the_deployment_no_longer_is_is_refused() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    scene.advance(id, S::Queued, E::CancelAsked, None).await.unwrap();
    let error = scene
        .advance(id, S::Queued, E::Overtaken, None)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("deployment {id} was moved by someone else")
    );
    let unknown = DeploymentId::new();
    let error = scene
        .advance(unknown, S::Queued, E::Overtaken, None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, AdvanceError::Moved(id) if id == unknown),
        "{error}"
    );
}

#[tokio::test]
async fn of_two_who_move_at_once_one_wins() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    let (one, other) = tokio::join!(
        scene.advance(id, S::Queued, E::CancelAsked, None),
        scene.advance(id, S::Queued, E::Overtaken, None)
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
}

#[tokio::test]
async fn an_end_needs_a_reason_and_closes_the_steps() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    scene.queued_site(customer, "shop").await;
    let held = scene.claim().await.unwrap();
    let mut tx = scene.as_worker().await;
    assert!(
        db::steps::start(&mut tx, held.id, 1, StepName::Prepare)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();

    let end = Advance {
        deployment: held.id,
        from: S::Planning,
        event: E::Broke,
        attempt: Some(1),
        reason: "",
    };
    let mut tx = scene.as_worker().await;
    let error = deployments::advance(&mut tx, end).await.unwrap_err();
    let AdvanceError::Database(error) = error else {
        panic!("{error}")
    };
    assert_eq!(
        error.as_database_error().unwrap().constraint(),
        Some("deployments_reason_with_end")
    );
    drop(tx);

    scene
        .advance(held.id, S::Planning, E::Broke, Some(1))
        .await
        .unwrap();
    let ended = scene.find(held.id).await;
    assert_eq!(
        (ended.status, ended.reason.as_deref()),
        (S::Failed, Some("because"))
    );
    assert!(ended.finished_at.is_some() && ended.lease_until.is_none());
    let steps = db::steps::list(&mut *scene.as_worker().await, held.id)
        .await
        .unwrap();
    assert_eq!(
        steps.iter().map(|step| step.name).collect::<Vec<_>>(),
        StepName::of(DeploymentKind::Create)
    );
    for step in steps {
        let expected = if step.name == StepName::Prepare {
            StepStatus::Failed
        } else {
            StepStatus::Skipped
        };
        assert_eq!(step.status, expected, "{}", step.name);
        assert!(step.output.is_some(), "{} does not say why", step.name);
    }
}

#[tokio::test]
async fn every_open_deployment_of_a_site_is_found_however_many_ended_since() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let site = scene.site(customer, "shop").await;
    let first = scene.queue(customer, site, DeploymentKind::Create).await;
    sqlx::query(
        "insert into deployments (id, customer_id, site_id, specification, cloud_account_id, kind, status, reason,
                                  trace_id, events_month, finished_at)
         select ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, customer_id, site_id, 1,
                cloud_account_id, 'update', 'superseded', 'a later change took its place', 't', events_month, now()
         from deployments, generate_series(1, 150) n",
    )
    .execute(&mut scene.database.owner().await)
    .await
    .unwrap();
    let open = deployments::open_of_site(&mut *scene.as_worker().await, site)
        .await
        .unwrap();
    assert_eq!(
        open.iter().map(|deployment| deployment.id).collect::<Vec<_>>(),
        [first]
    );
    let page = deployments::list_of_site(&mut *scene.as_worker().await, site, None, 100)
        .await
        .unwrap();
    assert_eq!(page.len(), 100);
    let rest = deployments::list_of_site(&mut *scene.as_worker().await, site, Some(page[99].id), 100)
        .await
        .unwrap();
    assert_eq!((rest.len(), rest[50].id), (51, first));
}

#[tokio::test]
async fn the_wish_to_cancel_is_noted_once_and_told_to_the_holder() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    scene.claim().await.unwrap();
    for expected in [true, false] {
        let mut tx = scene.begin(db::tenant::Scope::Customer(customer)).await;
        assert_eq!(deployments::ask_to_cancel(&mut tx, id).await.unwrap(), expected);
        tx.commit().await.unwrap();
    }
    let mut tx = scene.as_worker().await;
    let renewal = db::queue::renew(&mut tx, id, 1, crate::scene::LONG)
        .await
        .unwrap();
    assert_eq!(renewal, db::queue::Renewal::Held { cancel_asked: true });
}
