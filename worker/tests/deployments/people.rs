//! What people do to deployments, in the same steps as the API does it.

use db::{
    deployments::{self, Advance, Deployment},
    sites,
    steps::{self, StepEnd},
    tenant::{self, Scope},
};
use domain::{
    deployment::{DeploymentEvent, DeploymentKind, DeploymentStatus},
    id::{DeploymentId, SiteId},
    job::RunDeployment,
    step::{StepName, StepStatus},
};
use sqlx::{Postgres, Transaction};

use super::Stage;

impl Stage {
    /// Lets the kept plan be applied.
    pub async fn approve(&self, id: DeploymentId) {
        let (mut tx, row) = self.lock(id).await;
        let end = StepEnd {
            status: StepStatus::Succeeded,
            exit_code: None,
            output: Some("Approved by Ann"),
            error: None,
        };
        assert!(
            steps::finish(&mut tx, id, row.attempt, StepName::Approval, end)
                .await
                .unwrap()
        );
        deployments::mark_approved(&mut tx, id).await.unwrap();
        advance(&mut tx, &row, DeploymentEvent::Approved, "Approved by Ann").await;
        db::enqueue(&mut tx, &RunDeployment { deployment_id: id })
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Refuses the kept plan.
    pub async fn reject(&self, id: DeploymentId) {
        let (mut tx, row) = self.lock(id).await;
        let end = advance(&mut tx, &row, DeploymentEvent::Rejected, "Rejected by Ann").await;
        after_end(&mut tx, &row, end).await;
        tx.commit().await.unwrap();
    }

    /// Asks to stop a deployment, wherever it is.
    pub async fn cancel(&self, id: DeploymentId) {
        let (mut tx, row) = self.lock(id).await;
        let mut status = row.status;
        if status != DeploymentStatus::Interrupted {
            status = advance(&mut tx, &row, DeploymentEvent::CancelAsked, "Cancelled by Ann").await;
        }
        if status.is_final() {
            after_end(&mut tx, &row, status).await;
        } else {
            deployments::ask_to_cancel(&mut tx, id).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Asks for the same specification again, with an approval.
    pub async fn ask_with_approval(&self, site: SiteId) -> DeploymentId {
        let id = DeploymentId::new();
        let mut tx = tenant::begin(&self.database.pool, Scope::Customer(self.customer))
            .await
            .unwrap();
        let row = sites::find_for_update(&mut tx, site).await.unwrap().unwrap();
        let kind = DeploymentKind::Update;
        self.insert_deployment(&mut tx, site, id, row.desired_specification, kind, true)
            .await;
        tx.commit().await.unwrap();
        id
    }

    async fn lock(&self, id: DeploymentId) -> (Transaction<'static, Postgres>, Deployment) {
        let mut tx = tenant::begin(&self.database.pool, Scope::Customer(self.customer))
            .await
            .unwrap();
        let row = deployments::find_for_update(&mut tx, id).await.unwrap().unwrap();
        (tx, row)
    }
}

async fn advance(
    tx: &mut Transaction<'static, Postgres>,
    row: &Deployment,
    event: DeploymentEvent,
    reason: &str,
) -> DeploymentStatus {
    let advance = Advance {
        deployment: row.id,
        from: row.status,
        event,
        attempt: None,
        reason,
    };
    deployments::advance(tx, advance).await.unwrap()
}

async fn after_end(tx: &mut Transaction<'static, Postgres>, row: &Deployment, end: DeploymentStatus) {
    let site = sites::find(tx, row.site).await.unwrap().unwrap();
    sites::settle_status(tx, &site, row.kind, end).await.unwrap();
    let open = deployments::open_of_site(tx, row.site).await.unwrap();
    if let Some(next) = open.iter().find(|other| other.status == DeploymentStatus::Queued) {
        db::enqueue(
            tx,
            &RunDeployment {
                deployment_id: next.id,
            },
        )
        .await
        .unwrap();
    }
}
