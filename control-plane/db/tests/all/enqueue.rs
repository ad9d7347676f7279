//! The bell joins the caller's transaction.

use db::{PruneBells, enqueue, prune_bells, tenant::Scope};
use domain::{deployment::DeploymentKind, id::DeploymentId, job::RunDeployment};

use crate::scene::Scene;

async fn bells(scene: &Scene) -> i64 {
    sqlx::query_scalar("select count(*) from apalis.jobs where job_type = 'deployments'")
        .fetch_one(&mut scene.database.owner().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_rollback_leaves_no_job_and_a_commit_leaves_one() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let site = scene.site(customer, "shop").await;
    for (commits, expected) in [(false, 0), (true, 1)] {
        let id = DeploymentId::new();
        let mut tx = scene.begin(Scope::Customer(customer)).await;
        db::deployments::insert(
            &mut tx,
            &scene.new_deployment(id, customer, site, DeploymentKind::Create),
        )
        .await
        .unwrap();
        enqueue(&mut tx, &RunDeployment { deployment_id: id })
            .await
            .unwrap();
        if commits {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        assert_eq!(bells(&scene).await, expected, "commits: {commits}");
        let found = db::deployments::find(&mut *scene.as_worker().await, id)
            .await
            .unwrap();
        assert_eq!(found.is_some(), commits);
    }
}

#[tokio::test]
async fn platform_and_workers_can_ring_too_and_only_bells_that_rang_are_pruned() {
    let scene = Scene::new().await;
    for scope in [Scope::Platform, Scope::Worker] {
        let mut tx = scene.begin(scope).await;
        enqueue(
            &mut tx,
            &RunDeployment {
                deployment_id: DeploymentId::new(),
            },
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
    sqlx::query("update apalis.jobs set status = 'Done' where id = (select min(id) from apalis.jobs)")
        .execute(&mut scene.database.owner().await)
        .await
        .unwrap();
    let mut tx = scene.as_worker().await;
    assert_eq!(prune_bells(&mut tx, PruneBells { limit: 10 }).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(bells(&scene).await, 1);
}
