//! What tests arrange: customers, an account, sites, queued deployments, claims and ends of deployments.

use std::time::Duration;

use db::{
    cloud_accounts::{self, CloudAccount},
    customers::{self, Customer},
    deployments::{self, Advance, AdvanceError, Deployment, NewDeployment},
    queue::{self, Claim},
    sites::{self, NewSite},
    specifications::{self, StoredSpecification},
    tenant::{self, Scope},
    testing::TestDatabase,
};
use domain::{
    deployment::{DeploymentEvent, DeploymentKind, DeploymentStatus},
    id::{CloudAccountId, CustomerId, DeploymentId, SiteId, WorkerId},
    provider::{Provider, World},
};
use sqlx::{Postgres, Transaction};

/// Long enough that no test sees its end.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// What the account of a scene can be run by.
pub(crate) const ABILITY: &str = "aws/simulated";

/// A database with one account that serves everybody.
pub(crate) struct Scene {
    pub(crate) database: TestDatabase,
    pub(crate) account: CloudAccountId,
    pub(crate) worker: WorkerId,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let scene = Self {
            database: TestDatabase::new().await,
            account: CloudAccountId::new(),
            worker: WorkerId::new(),
        };
        scene.add_account(scene.account, None, 1000).await;
        scene
    }

    pub(crate) async fn begin(&self, scope: Scope) -> Transaction<'static, Postgres> {
        tenant::begin(&self.database.pool, scope).await.unwrap()
    }

    pub(crate) async fn as_worker(&self) -> Transaction<'static, Postgres> {
        self.begin(Scope::Worker).await
    }

    pub(crate) async fn add_account(&self, id: CloudAccountId, customer: Option<CustomerId>, cap: i32) {
        let account = CloudAccount {
            id,
            customer,
            provider: Provider::ALL[0],
            world: World::Simulated,
            name: format!("account-{id}"),
            endpoint: Some("/cloud".to_owned()),
            provider_options: serde_json::json!({}),
        };
        let mut tx = self.begin(Scope::Platform).await;
        cloud_accounts::insert(&mut tx, &account, cap, b"sealed")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn customer(&self, slug: &str, cap: i32) -> CustomerId {
        let customer = Customer {
            id: CustomerId::new(),
            name: slug.to_owned(),
            slug: slug.to_owned(),
        };
        let mut tx = self.begin(Scope::Platform).await;
        customers::insert(&mut tx, &customer, cap).await.unwrap();
        tx.commit().await.unwrap();
        customer.id
    }

    pub(crate) async fn set_weight(&self, customer: CustomerId, weight: i32) {
        sqlx::query("update customers set weight = $2 where id = $1")
            .bind(customer.0)
            .bind(weight)
            .execute(&mut self.database.owner().await)
            .await
            .unwrap();
    }

    pub(crate) async fn site(&self, customer: CustomerId, name: &str) -> SiteId {
        let site = NewSite {
            id: SiteId::new(),
            customer,
            account: self.account,
            name,
            provider: Provider::ALL[0],
            region: "us-east-1",
            draft: false,
        };
        let stored = StoredSpecification {
            number: 1,
            specification: serde_json::from_value(serde_json::json!({
                "name": name, "provider": "aws", "region": "us-east-1", "size": "small",
                "application": {"image": "nginx:1.27", "port": 80},
            }))
            .unwrap(),
            secrets_sealed: b"sealed".to_vec(),
        };
        let mut tx = self.begin(Scope::Customer(customer)).await;
        sites::insert(&mut tx, &site).await.unwrap();
        specifications::insert(&mut tx, site.id, customer, &stored)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        site.id
    }

    pub(crate) async fn queue(
        &self,
        customer: CustomerId,
        site: SiteId,
        kind: DeploymentKind,
    ) -> DeploymentId {
        let id = DeploymentId::new();
        let mut tx = self.begin(Scope::Customer(customer)).await;
        deployments::insert(&mut tx, &self.new_deployment(id, customer, site, kind))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) fn new_deployment(
        &self,
        id: DeploymentId,
        customer: CustomerId,
        site: SiteId,
        kind: DeploymentKind,
    ) -> NewDeployment<'static> {
        NewDeployment {
            id,
            customer,
            site,
            specification: 1,
            account: self.account,
            kind,
            approval_required: false,
            replaces: None,
            trace_id: "trace",
        }
    }

    /// A new site with one queued deployment.
    pub(crate) async fn queued_site(&self, customer: CustomerId, name: &str) -> DeploymentId {
        let site = self.site(customer, name).await;
        self.queue(customer, site, DeploymentKind::Create).await
    }

    /// Many sites with one queued deployment each, in one go.
    pub(crate) async fn queued_sites(&self, customer: CustomerId, account: CloudAccountId, count: i32) {
        let statement = "
            with numbered as (
                select n, gen_random_uuid() as site, gen_random_uuid() as deployment from generate_series(1, $3) n
            ), site as (
                insert into sites (id, customer_id, cloud_account_id, name, provider, region, status, desired_specification)
                select site, $1, $2, 'site-' || site, 'aws', 'us-east-1', 'creating', 1 from numbered
            ), state as (
                insert into site_states (site_id, customer_id) select site, $1 from numbered
            ), specification as (
                insert into site_specifications (site_id, number, customer_id, specification, secrets_sealed)
                select site, 1, $1, '{}', '' from numbered
            )
            insert into deployments
                (id, customer_id, site_id, specification, cloud_account_id, kind, trace_id, events_month, queued_at)
            select deployment, $1, site, 1, $2, 'create', 'trace', date_trunc('month', now() at time zone 'utc'),
                   now() + n * interval '1 microsecond'
            from numbered";
        sqlx::query(statement)
            .bind(customer.0)
            .bind(account.0)
            .bind(count)
            .execute(&mut self.database.owner().await)
            .await
            .unwrap();
    }

    pub(crate) async fn claim(&self) -> Option<Deployment> {
        self.claim_for(LONG).await
    }

    pub(crate) async fn claim_for(&self, lease: Duration) -> Option<Deployment> {
        let mut tx = self.as_worker().await;
        let claimed = claim_in(&mut tx, self.worker, lease).await;
        tx.commit().await.unwrap();
        claimed
    }

    /// Moves a deployment in a transaction of its own.
    pub(crate) async fn advance(
        &self,
        deployment: DeploymentId,
        from: DeploymentStatus,
        event: DeploymentEvent,
        attempt: Option<i32>,
    ) -> Result<DeploymentStatus, AdvanceError> {
        let mut tx = self.as_worker().await;
        let moved = deployments::advance(
            &mut tx,
            Advance {
                deployment,
                from,
                event,
                attempt,
                reason: "because",
            },
        )
        .await?;
        tx.commit().await.unwrap();
        Ok(moved)
    }

    /// Ends what a claim started.
    pub(crate) async fn end(&self, claimed: &Deployment) {
        self.advance(
            claimed.id,
            claimed.status,
            DeploymentEvent::Finished,
            Some(claimed.attempt),
        )
        .await
        .unwrap();
    }

    pub(crate) async fn find(&self, id: DeploymentId) -> Deployment {
        deployments::find(&mut *self.as_worker().await, id)
            .await
            .unwrap()
            .unwrap()
    }

    /// Waits until the lease of a deployment has run out by the database's clock.
    pub(crate) async fn lease_has_ended(&self, id: DeploymentId) {
        let mut owner = self.database.owner().await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let ended: bool =
                sqlx::query_scalar("select lease_until < clock_timestamp() from deployments where id = $1")
                    .bind(id.0)
                    .fetch_one(&mut owner)
                    .await
                    .unwrap();
            if ended {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "the lease of {id} never ends"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) async fn claim_in(
    tx: &mut Transaction<'static, Postgres>,
    worker: WorkerId,
    lease: Duration,
) -> Option<Deployment> {
    queue::claim(
        tx,
        &Claim {
            worker,
            lease,
            abilities: &[ABILITY.to_owned()],
        },
    )
    .await
    .unwrap()
}
