//! Shipping states against a real S3 server in the process and a real Postgres.

use std::time::Duration;

use db::{
    cloud_accounts::{self, CloudAccount},
    customers::{self, Customer},
    deployments::{self, Advance, NewDeployment},
    queue::{self, Claim},
    sites::{self, NewSite},
    specifications::{self, StoredSpecification},
    testing::TestDatabase,
};
use domain::{
    deployment::{DeploymentEvent, DeploymentKind, DeploymentStatus},
    id::{CloudAccountId, WorkerId},
    provider::{Provider, World},
};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::{
    kept_plan::PlanBundle,
    local_s3::LocalS3,
    newest::newest_whole,
    store::{Patience, StoreSettings, blob_prefix},
};

/// A site with one claimed deployment, and everything around it.
struct Scene {
    database: TestDatabase,
    server: LocalS3,
    states: StateStore,
    customer: CustomerId,
    site: SiteId,
    deployment: DeploymentId,
    // Last, so that it outlives the server on it.
    dir: tempfile::TempDir,
}

const ABILITY: &str = "aws/simulated";

impl Scene {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = LocalS3::start(dir.path(), listener, "key", "secret").unwrap();
        let blobs = BlobStore::new(&StoreSettings {
            patience: Patience {
                first_pause: Duration::from_millis(20),
                ..Patience::default()
            },
            ..server.settings("states")
        });
        blobs.ensure_bucket().await.unwrap();
        let states = StateStore {
            blobs,
            keys: MasterKeys::development(),
        };
        let database = TestDatabase::new().await;
        let (customer, site, deployment) = arrange(&database.pool).await;
        let scene = Self {
            database,
            server,
            states,
            customer,
            site,
            deployment,
            dir,
        };
        scene.claim().await;
        scene
    }

    async fn claim(&self) -> i32 {
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        let abilities = [ABILITY.to_owned()];
        let claim = Claim {
            worker: WorkerId::new(),
            lease: Duration::from_secs(60),
            abilities: &abilities,
        };
        let claimed = queue::claim(&mut tx, &claim).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claimed.id, self.deployment);
        claimed.attempt
    }

    async fn advance(&self, from: DeploymentStatus, event: DeploymentEvent) {
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        let advance = Advance {
            deployment: self.deployment,
            from,
            event,
            attempt: None,
            reason: "test",
        };
        deployments::advance(&mut tx, advance).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn ship(&self, attempt: i32, bytes: &[u8]) -> Result<Shipped, ShipError> {
        let Self {
            customer,
            site,
            deployment,
            ..
        } = *self;
        let write = StateWrite {
            customer,
            site,
            deployment,
            attempt,
            bytes,
        };
        self.states.ship(&self.database.pool, Scope::Worker, write).await
    }

    async fn current(&self) -> Option<(i64, Vec<u8>)> {
        let found = self
            .states
            .current(&self.database.pool, Scope::Worker, self.customer, self.site)
            .await;
        found.unwrap().map(|(version, bytes)| (version.serial, bytes))
    }

    async fn candidates(&self) -> Candidates {
        self.states
            .candidates(&self.database.pool, Scope::Worker, self.customer, self.site)
            .await
            .unwrap()
    }

    async fn thin(&self) -> usize {
        self.states
            .thin(&self.database.pool, Scope::Worker, self.deployment)
            .await
            .unwrap()
    }

    async fn recorded_serials(&self) -> Vec<i64> {
        let mut owner = self.database.owner().await;
        sqlx::query_scalar("select serial from state_versions order by serial")
            .fetch_all(&mut owner)
            .await
            .unwrap()
    }

    async fn stored_keys(&self) -> Vec<String> {
        let prefix = blob_prefix(BlobKind::State, self.customer, self.site, self.deployment);
        self.states
            .blobs
            .list(&prefix)
            .await
            .unwrap()
            .into_iter()
            .map(|blob| blob.key)
            .collect()
    }
}

async fn arrange(pool: &PgPool) -> (CustomerId, SiteId, DeploymentId) {
    let (customer, account, site, deployment) = (
        CustomerId::new(),
        CloudAccountId::new(),
        SiteId::new(),
        DeploymentId::new(),
    );
    let mut tx = tenant::begin(pool, Scope::Platform).await.unwrap();
    let owner = Customer {
        id: customer,
        name: "Acme".into(),
        slug: "acme".into(),
    };
    customers::insert(&mut tx, &owner, 1).await.unwrap();
    let provider: Provider = "aws".parse().unwrap();
    let cloud_account = CloudAccount {
        id: account,
        customer: None,
        provider,
        world: World::Simulated,
        name: "simulated".into(),
        endpoint: Some("/simulated-cloud".into()),
        provider_options: json!({}),
    };
    cloud_accounts::insert(&mut tx, &cloud_account, 10, b"sealed")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let mut tx = tenant::begin(pool, Scope::Customer(customer)).await.unwrap();
    let new_site = NewSite {
        id: site,
        customer,
        account,
        name: "shop",
        provider,
        region: "us-east-1",
        draft: false,
    };
    sites::insert(&mut tx, &new_site).await.unwrap();
    let specification = serde_json::from_value(json!({
        "name": "shop", "provider": "aws", "region": "us-east-1", "size": "small",
        "application": {"image": "nginx:1.27", "port": 80},
    }))
    .unwrap();
    let stored = StoredSpecification {
        number: 1,
        specification,
        secrets_sealed: b"sealed".to_vec(),
    };
    specifications::insert(&mut tx, site, customer, &stored)
        .await
        .unwrap();
    let new = NewDeployment {
        id: deployment,
        customer,
        site,
        specification: 1,
        account,
        kind: DeploymentKind::Create,
        approval_required: false,
        replaces: None,
        trace_id: "trace",
    };
    deployments::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    (customer, site, deployment)
}

fn state(serial: u64, resource: &str) -> Vec<u8> {
    let block = |mode: &str| json!({"mode": mode, "type": "t", "name": resource, "provider": "p", "instances": [{"attributes": {"id": "1"}}]});
    json!({
        "version": 4, "lineage": "line", "serial": serial, "terraform_version": "1.11.4",
        "resources": [block("managed"), block("data")],
    })
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn a_shipped_state_becomes_current_sealed_and_can_be_read_back() {
    let scene = Scene::new().await;
    assert_eq!(scene.current().await, None);
    for serial in [3, 7] {
        let shipped = scene.ship(1, &state(serial, "a")).await.unwrap();
        assert_eq!(shipped.standing, Standing::Current);
        assert_eq!(
            (shipped.stored.lineage.as_str(), shipped.stored.resources),
            ("line", 1)
        );
        assert_eq!(
            scene.current().await,
            Some((serial.cast_signed(), state(serial, "a")))
        );
    }
    for key in scene.stored_keys().await {
        let blob = scene.states.blobs.get(&key).await.unwrap();
        assert!(
            !String::from_utf8_lossy(&blob).contains("lineage"),
            "{key} is readable"
        );
    }
}

#[tokio::test]
async fn a_torn_state_is_neither_stored_nor_recorded() {
    let scene = Scene::new().await;
    let whole = state(3, "a");
    let error = scene.ship(1, &whole[..whole.len() - 1]).await.unwrap_err();
    assert!(
        matches!(error, ShipError::State(StateParseError::Torn(_))),
        "{error:?}"
    );
    assert_eq!(scene.stored_keys().await, Vec::<String>::new());
    assert_eq!(scene.recorded_serials().await, Vec::<i64>::new());
}

#[tokio::test]
async fn a_write_after_the_lease_moved_on_is_quarantined_and_recovery_sees_it() {
    let scene = Scene::new().await;
    scene.ship(1, &state(3, "a")).await.unwrap();
    scene
        .advance(DeploymentStatus::Planning, DeploymentEvent::LeaseEnded)
        .await;
    scene
        .advance(DeploymentStatus::Interrupted, DeploymentEvent::Requeued)
        .await;
    assert_eq!(scene.claim().await, 2);

    let late = scene.ship(1, &state(4, "late")).await.unwrap();
    assert_eq!(late.standing, Standing::Quarantined);
    assert_eq!(scene.current().await, Some((3, state(3, "a"))));

    let candidates = scene.candidates().await;
    let found: Vec<_> = candidates
        .readable
        .iter()
        .map(|(version, _)| (version.serial, version.standing))
        .collect();
    assert_eq!(found, [(3, Standing::Current), (4, Standing::Quarantined)]);
    assert!(candidates.unreadable.is_empty());
    let newest = newest_whole(Some("line"), candidates.readable);
    assert_eq!(newest.chosen.unwrap().1.resources[0].name, "late");

    // The new attempt's own writes count, and older serials of it don't.
    assert_eq!(
        scene.ship(2, &state(5, "new")).await.unwrap().standing,
        Standing::Current
    );
    assert_eq!(
        scene.ship(2, &state(4, "old")).await.unwrap().standing,
        Standing::Quarantined
    );
    assert_eq!(scene.current().await, Some((5, state(5, "new"))));
}

#[tokio::test]
async fn a_candidate_that_is_gone_or_damaged_is_handed_back_beside_the_good_ones() {
    let scene = Scene::new().await;
    scene.ship(1, &state(9, "good")).await.unwrap();
    let gone = scene.ship(1, &state(4, "gone")).await.unwrap();
    let damaged = scene.ship(1, &state(5, "damaged")).await.unwrap();
    scene.states.blobs.delete(&gone.stored.blob_key).await.unwrap();
    scene.states.blobs.delete(&damaged.stored.blob_key).await.unwrap();
    let another = scene.ship(1, &state(6, "another")).await.unwrap().stored.blob_key;
    let another = scene.states.blobs.get(&another).await.unwrap();
    scene
        .states
        .blobs
        .put(&damaged.stored.blob_key, &another)
        .await
        .unwrap();

    let candidates = scene.candidates().await;
    let serials: Vec<_> = candidates
        .readable
        .iter()
        .map(|(version, _)| version.serial)
        .collect();
    assert_eq!(serials, [9, 6]);
    let mut reasons: Vec<_> = candidates
        .unreadable
        .iter()
        .map(|(version, error)| match error {
            ReadError::Store(StoreError::NotFound { .. }) => (version.serial, "gone"),
            ReadError::Open(OpenError::ForAnother { .. }) => (version.serial, "another's"),
            other => panic!("{other:?}"),
        })
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [(4, "gone"), (5, "another's")]);
}

#[tokio::test]
async fn while_s3_is_away_nothing_is_recorded_and_the_same_state_ships_after_its_return() {
    let scene = Scene::new().await;
    let address = scene.server.address();
    let Scene {
        database,
        server,
        states,
        customer,
        site,
        deployment,
        dir,
    } = scene;
    server.stop().await;
    let bytes = state(3, "a");
    let write = StateWrite {
        customer,
        site,
        deployment,
        attempt: 1,
        bytes: &bytes,
    };
    let error = states
        .ship(&database.pool, Scope::Worker, write)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ShipError::Store(StoreError::Unavailable { .. })),
        "{error:?}"
    );

    let listener = TcpListener::bind(address).await.unwrap();
    let server = LocalS3::start(dir.path(), listener, "key", "secret").unwrap();
    let scene = Scene {
        database,
        server,
        states,
        customer,
        site,
        deployment,
        dir,
    };
    assert_eq!(scene.recorded_serials().await, Vec::<i64>::new());
    assert_eq!(scene.ship(1, &bytes).await.unwrap().standing, Standing::Current);
    assert_eq!(scene.recorded_serials().await, [3]);
}

#[tokio::test]
async fn a_final_deployment_keeps_its_last_version_and_a_running_one_keeps_all() {
    let scene = Scene::new().await;
    for serial in [1, 2, 3] {
        scene.ship(1, &state(serial, "a")).await.unwrap();
    }
    assert_eq!(scene.thin().await, 0);
    scene
        .advance(DeploymentStatus::Planning, DeploymentEvent::Broke)
        .await;
    assert_eq!(scene.thin().await, 2);
    assert_eq!(scene.thin().await, 0);
    assert_eq!(scene.recorded_serials().await, [3]);
    assert_eq!(scene.stored_keys().await.len(), 1);
    assert_eq!(scene.current().await, Some((3, state(3, "a"))));
}

#[tokio::test]
async fn thinning_that_was_cut_off_is_finished_by_the_next_call() {
    let scene = Scene::new().await;
    for serial in [1, 2, 3] {
        scene.ship(1, &state(serial, "a")).await.unwrap();
    }
    scene
        .advance(DeploymentStatus::Planning, DeploymentEvent::Broke)
        .await;
    let mut tx = tenant::begin(&scene.database.pool, Scope::Worker).await.unwrap();
    let marked = state_versions::mark_thinned(&mut tx, scene.deployment)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    scene.states.blobs.delete(&marked[0]).await.unwrap();

    assert_eq!(scene.thin().await, 2);
    assert_eq!(scene.recorded_serials().await, [3]);
    assert_eq!(scene.stored_keys().await.len(), 1);
}

#[tokio::test]
async fn a_kept_plan_comes_back_for_its_deployment_only_and_is_gone_once_dropped() {
    let scene = Scene::new().await;
    let Scene {
        states,
        customer,
        site,
        deployment,
        ..
    } = &scene;
    let bundle = PlanBundle {
        plan: vec![7; 50_000],
        lock_file: b"# lock".to_vec(),
    };
    let key = states
        .keep_plan(*customer, *site, *deployment, 1, &bundle)
        .await
        .unwrap();
    assert_eq!(
        states
            .open_plan(*customer, *site, *deployment, &key)
            .await
            .unwrap(),
        bundle
    );

    let stranger = states
        .open_plan(*customer, *site, DeploymentId::new(), &key)
        .await
        .unwrap_err();
    assert!(
        matches!(stranger, ReadError::Open(OpenError::ForAnother { .. })),
        "{stranger:?}"
    );

    states.drop_plan(&key).await.unwrap();
    states.drop_plan(&key).await.unwrap();
    let gone = states
        .open_plan(*customer, *site, *deployment, &key)
        .await
        .unwrap_err();
    assert!(
        matches!(gone, ReadError::Store(StoreError::NotFound { .. })),
        "{gone:?}"
    );
}
