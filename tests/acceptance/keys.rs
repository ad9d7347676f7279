//! The master key is changed while requests run, and the command that does it is killed in the middle. Then the old
//! key is taken away, the database is restored from a dump, and at last there is no database at all.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use db::tenant::{self, Scope};
use domain::id::{CustomerId, DeploymentId, MailId, SiteId, UserId};
use rand::RngExt;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool, Row};
use state::{
    keys::{KeyId, MasterKeys},
    rotation::{self, Census, Place},
    seal::{self, SealedFor},
    store::{BlobKind, new_blob_key},
    versions::StateStore,
};
use uuid::Uuid;

use crate::installation::{Cloud, Installation, Lease};

const SITES: usize = 1500;
const PEOPLE: usize = 4000;
const MAILS: usize = 3000;
/// Sites whose state lies in S3.
const STATES: usize = 200;
const SETTING: &str = "SITEPLANE__SECRETS__MASTER_KEYS";

fn old_key() -> String {
    format!("1:{}", STANDARD.encode(b"siteplane development master key"))
}

fn new_key() -> String {
    format!("2:{}", STANDARD.encode([0x5e; 32]))
}

fn both_keys() -> String {
    format!("{},{}", old_key(), new_key())
}

fn keys(text: &str) -> MasterKeys {
    MasterKeys::parse(text).unwrap()
}

/// A column of values and what each must open to.
#[derive(Clone, Copy)]
struct Values {
    select: &'static str,
    update: &'static str,
    sealed_for: fn(&Scene, Uuid) -> SealedFor,
}

const TOTP: Values = Values {
    select: "select totp_sealed from credentials where user_id = $1",
    update: "update credentials set totp_sealed = $2 where user_id = $1",
    sealed_for: |_, id| SealedFor::Totp { user_id: UserId(id) },
};
const MAIL: Values = Values {
    select: "select parameters_sealed from mails where id = $1",
    update: "update mails set parameters_sealed = $2 where id = $1",
    sealed_for: |_, id| SealedFor::Mail { mail_id: MailId(id) },
};
const SECRETS: Values = Values {
    select: "select secrets_sealed from site_specifications where site_id = $1 and number = 1",
    update: "update site_specifications set secrets_sealed = $2 where site_id = $1 and number = 1",
    sealed_for: |scene, id| SealedFor::SiteSecrets {
        customer_id: scene.customer,
        site_id: SiteId(id),
        specification: 1,
    },
};
const OUTPUTS: Values = Values {
    select: "select outputs_sealed from sites where id = $1",
    update: "update sites set outputs_sealed = $2 where id = $1",
    sealed_for: |scene, id| SealedFor::SiteOutputs {
        customer_id: scene.customer,
        site_id: SiteId(id),
    },
};
const ALL: [Values; 4] = [TOTP, MAIL, SECRETS, OUTPUTS];

/// What is sealed, and what it says.
struct Scene {
    customer: CustomerId,
    sites: Vec<Uuid>,
    /// Ids of each of [`ALL`] and what they say now. A writer holds the lock while it writes.
    contents: [Mutex<BTreeMap<Uuid, Vec<u8>>>; 4],
    ids: [Vec<Uuid>; 4],
}

fn content(id: Uuid) -> Vec<u8> {
    json!({"application": {}, "registry_password": null, "database_password": id})
        .to_string()
        .into_bytes()
}

fn state_of(site: Uuid) -> Vec<u8> {
    json!({
        "version": 4, "lineage": site, "serial": 7, "terraform_version": "1.11.4", "outputs": {}, "resources": [],
    })
    .to_string()
    .into_bytes()
}

impl Scene {
    /// Ten thousand rows and some hundred states, all under the old key.
    async fn arrange(owner: &PgPool, store: &StateStore) -> Arc<Self> {
        let row = sqlx::query("select c.id, a.id from customers c, cloud_accounts a")
            .fetch_one(owner)
            .await
            .unwrap();
        let (customer, account): (Uuid, Uuid) = (row.get(0), row.get(1));
        let new = |count: usize| -> Vec<Uuid> { (0..count).map(|_| Uuid::now_v7()).collect() };
        let sites = new(SITES);
        let ids = [new(PEOPLE), new(MAILS), sites.clone(), sites.clone()];
        let contents = ids
            .each_ref()
            .map(|ids| Mutex::new(ids.iter().map(|id| (*id, content(*id))).collect()));
        let scene = Self {
            customer: CustomerId(customer),
            sites,
            contents,
            ids,
        };
        let sealed = |at: usize| -> Vec<Vec<u8>> {
            let seal = |id: &Uuid| {
                seal::seal(&store.keys, &(ALL[at].sealed_for)(&scene, *id), &content(*id)).unwrap()
            };
            scene.ids[at].iter().map(seal).collect()
        };
        let people = "
            with person as (
                insert into users (id, customer_id, email, role)
                select id, $3, id || '@acme.test', 'viewer' from unnest($1::uuid[]) id
            )
            insert into credentials (user_id, totp_sealed) select * from unnest($1::uuid[], $2::bytea[])";
        let mails = "
            insert into mails (id, customer_id, recipient, template, parameters_sealed, next_attempt_at)
            select id, $3, 'a@acme.test', 'invitation', sealed, now() + interval '1 day'
            from unnest($1::uuid[], $2::bytea[]) as m (id, sealed)";
        let specification = json!({
            "name": "shop-1", "provider": "aws", "region": "us-east-1", "size": "small",
            "application": {"image": "nginx:1.27", "port": 80},
        });
        for (at, statement) in [(0, people), (1, mails)] {
            sqlx::query(statement)
                .bind(&scene.ids[at])
                .bind(sealed(at))
                .bind(customer)
                .execute(owner)
                .await
                .unwrap();
        }
        sqlx::query(
            "with new as (select * from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as s (id, secrets, outputs)),
             site as (
                 insert into sites (id, customer_id, cloud_account_id, name, provider, region, status, desired_specification, outputs_sealed)
                 select id, $4, $5, 's-' || left(md5(id::text), 20), 'aws', 'us-east-1', 'active', 1, outputs from new
             ),
             state as (insert into site_states (site_id, customer_id) select id, $4 from new)
             insert into site_specifications (site_id, number, customer_id, specification, secrets_sealed)
             select id, 1, $4, $6, secrets from new",
        )
        .bind(&scene.sites)
        .bind(sealed(2))
        .bind(sealed(3))
        .bind(customer)
        .bind(account)
        .bind(specification)
        .execute(owner)
        .await
        .unwrap();
        scene.store_states(owner, store).await;
        Arc::new(scene)
    }

    async fn store_states(&self, owner: &PgPool, store: &StateStore) {
        for site in &self.sites[..STATES] {
            let (deployment, site_id) = (DeploymentId::new(), SiteId(*site));
            let sealed_for = SealedFor::State {
                customer_id: self.customer,
                site_id,
                serial: 7,
            };
            let key = new_blob_key(BlobKind::State, self.customer, site_id, deployment, 7, 1);
            let blob = seal::seal(&store.keys, &sealed_for, &state_of(*site)).unwrap();
            store.blobs.put(&key, &blob).await.unwrap();
            sqlx::query(
                "with version as (
                     insert into state_versions (id, site_id, customer_id, deployment_id, attempt, lineage, serial, standing, resources, blob_key)
                     values ($1, $2, $3, $4, 1, $2::text, 7, 'current', 0, $5) returning id, site_id
                 )
                 update site_states s set current_version = v.id from version v where v.site_id = s.site_id",
            )
            .bind(Uuid::now_v7())
            .bind(site)
            .bind(self.customer.0)
            .bind(deployment.0)
            .bind(key)
            .execute(owner)
            .await
            .unwrap();
        }
    }

    /// Any value but the first ones, which nobody writes over.
    fn pick(&self) -> (usize, Uuid) {
        let at = rand::rng().random_range(0..ALL.len());
        let ids = &self.ids[at];
        (at, ids[rand::rng().random_range(1..ids.len())])
    }

    /// Reads and opens one value as a process does that has these keys.
    async fn read(&self, pool: &PgPool, keys: &MasterKeys, at: usize, id: Uuid) -> Result<Vec<u8>, String> {
        let sealed: Vec<u8> = sqlx::query_scalar(ALL[at].select)
            .bind(id)
            .fetch_one(pool)
            .await
            .map_err(|error| error.to_string())?;
        seal::open(keys, &(ALL[at].sealed_for)(self, id), &sealed).map_err(|error| error.to_string())
    }

    /// Everything opens with these keys and says what was written last.
    async fn all_read(&self, pool: &PgPool, keys: &MasterKeys) -> usize {
        let mut read = 0;
        for (at, values) in ALL.iter().enumerate() {
            let statement = values.select.replacen(" from", " as sealed, $2 as id from", 1);
            let statement = format!(
                "select v.id, v.sealed from unnest($1::uuid[]) as i (id), lateral ({}) v",
                statement.replace("$1", "i.id").replace("$2", "i.id")
            );
            let rows = sqlx::query(AssertSqlSafe(statement))
                .bind(&self.ids[at])
                .fetch_all(pool)
                .await
                .unwrap();
            let expected = self.contents[at].lock().unwrap();
            for row in rows {
                let id: Uuid = row.get("id");
                let content = seal::open(keys, &(values.sealed_for)(self, id), row.get("sealed")).unwrap();
                assert_eq!(content, expected[&id]);
                read += 1;
            }
        }
        read
    }

    /// Every current state opens, as recovery and the API open it.
    async fn all_states_open(&self, pool: &PgPool, store: &StateStore) {
        for site in &self.sites[..STATES] {
            let scope = Scope::Customer(self.customer);
            let current = store.current(pool, scope, self.customer, SiteId(*site)).await;
            assert_eq!(current.unwrap().unwrap().1, state_of(*site));
        }
    }
}

/// Requests that read and write until they are told to stop.
struct Traffic {
    stop: Arc<AtomicBool>,
    old_key_writes: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    tasks: tokio::task::JoinSet<()>,
}

impl Traffic {
    fn start(installation: &Installation, scene: &Arc<Scene>, owner: &PgPool) -> Self {
        let mut traffic = Self {
            stop: Arc::default(),
            old_key_writes: Arc::new(AtomicBool::new(true)),
            reads: Arc::default(),
            writes: Arc::default(),
            requests: Arc::default(),
            tasks: tokio::task::JoinSet::new(),
        };
        let (reader, pool, stop, reads) = (
            Arc::clone(scene),
            owner.clone(),
            Arc::clone(&traffic.stop),
            Arc::clone(&traffic.reads),
        );
        traffic.tasks.spawn(async move {
            let keys = keys(&both_keys());
            while !stop.load(Ordering::Relaxed) {
                let (at, id) = reader.pick();
                reader.read(&pool, &keys, at, id).await.unwrap();
                reads.fetch_add(1, Ordering::Relaxed);
                // Leaves a processor to the others.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let (writer, pool, stop, old_key_writes, writes) = (
            Arc::clone(scene),
            owner.clone(),
            Arc::clone(&traffic.stop),
            Arc::clone(&traffic.old_key_writes),
            Arc::clone(&traffic.writes),
        );
        traffic.tasks.spawn(async move {
            // Processes that were not restarted yet seal under the old key for a while.
            let new = keys(&both_keys());
            let old = new.clone().with_current(1).unwrap();
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                let (at, id) = writer.pick();
                let is_late = number.is_multiple_of(2) && old_key_writes.load(Ordering::Relaxed);
                let content = format!("written {number}").into_bytes();
                let sealed_for = (ALL[at].sealed_for)(&writer, id);
                let sealed = seal::seal(if is_late { &old } else { &new }, &sealed_for, &content).unwrap();
                // Half of them as a request does that holds the row for a while.
                let mut tx = pool.begin().await.unwrap();
                let update = sqlx::query(ALL[at].update).bind(id).bind(sealed);
                assert_eq!(update.execute(&mut *tx).await.unwrap().rows_affected(), 1);
                if number.is_multiple_of(2) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                tx.commit().await.unwrap();
                writer.contents[at].lock().unwrap().insert(id, content);
                writes.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (http, url, token) = (
            installation.http().clone(),
            installation.url.clone(),
            installation.token.clone(),
        );
        let (sites, stop, requests) = (
            scene.sites[..STATES].to_vec(),
            Arc::clone(&traffic.stop),
            Arc::clone(&traffic.requests),
        );
        traffic.tasks.spawn(async move {
            for site in sites.into_iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let answer = http
                    .get(format!("{url}/terraform/state/{site}"))
                    .basic_auth("token", Some(&token))
                    .send()
                    .await
                    .unwrap();
                let status = answer.status().as_u16();
                let body = answer.bytes().await.unwrap();
                assert_eq!((status, &body[..]), (200, &state_of(site)[..]), "{body:?}");
                requests.fetch_add(1, Ordering::Relaxed);
            }
        });
        traffic
    }

    /// Ends all of it; a failed read or write fails the test here.
    async fn stop(mut self) -> (u64, u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let load = |count: Arc<AtomicU64>| count.load(Ordering::Relaxed);
        (load(self.reads), load(self.writes), load(self.requests))
    }
}

async fn census(owner: &PgPool, store: &StateStore, places: &[Place]) -> Census {
    let mut all = Census::default();
    for place in places {
        all.merge(rotation::count(owner, store, *place).await.unwrap());
    }
    all
}

/// Starts `rotate-keys`, and kills it as soon as it is so far in this place.
async fn kill_in_the_middle(
    installation: &Installation,
    owner: &PgPool,
    store: &StateStore,
    place: Place,
    is_so_far: impl AsyncFn() -> bool,
) {
    let mut rotation = installation.start_admin(&["rotate-keys"], "rotation");
    let started = Instant::now();
    while !is_so_far().await {
        assert!(
            rotation.runs(),
            "it ended before: {}",
            installation.log("rotation")
        );
        assert!(started.elapsed() < Duration::from_secs(60));
    }
    rotation.kill();
    let now = census(owner, store, &[place]).await;
    eprintln!("killed in {place}: {:?}", now.under);
    let left = now.elsewhere(&KeyId::Master(2));
    assert!(
        left > 0 && now.under.contains_key(&KeyId::Master(2)),
        "that was not in the middle"
    );
}

async fn restored(installation: &Installation) -> String {
    let dump = installation.folder.path().join("dump.sql");
    // What is behind the ? is for sqlx alone.
    let url = installation.database.owner_url.split('?').next().unwrap();
    let dumped = Command::new("pg_dump").arg("--file").arg(&dump).arg(url).status();
    assert!(dumped.unwrap().success());
    let (server, _) = url.rsplit_once('/').unwrap();
    let name = format!("restored_{}", Uuid::now_v7().simple());
    let owner = PgPool::connect(url).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("create database {name}")))
        .execute(&owner)
        .await
        .unwrap();
    let restored = Command::new("psql")
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", "--file"])
        .arg(&dump)
        .arg(format!("{server}/{name}"))
        .stdout(std::process::Stdio::null())
        .status();
    assert!(restored.unwrap().success());
    name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_key_is_changed_while_requests_run_and_killed_in_the_middle_and_nothing_fails_to_read() {
    let mut installation = Installation::start(Lease::Short, Cloud::Simulated(Duration::ZERO)).await;
    let owner = PgPool::connect(&installation.database.owner_url).await.unwrap();
    let store = installation.store(keys(&both_keys()));
    let scene = Scene::arrange(&owner, &installation.store(keys(&old_key()))).await;
    let before = census(&owner, &store, &Place::all()).await;
    let count = before.under[&KeyId::Master(1)];
    assert!(
        before.under.len() == 1 && count >= 10_000 + u64::try_from(STATES).unwrap(),
        "{before:?}"
    );

    installation.environment = vec![(SETTING, both_keys())];
    installation.start_api().await;
    let dry = installation.start_admin(&["rotate-keys", "--dry-run"], "dry-run");
    assert!(dry.succeeded());
    let words = installation.log("dry-run");
    assert!(
        words.contains("credentials.totp_sealed: 4000 values under master key version 1"),
        "{words}"
    );
    assert!(
        words.contains(&format!(
            "{count} values to be wrapped anew under master key version 2"
        )),
        "{words}"
    );
    assert_eq!(census(&owner, &store, &Place::all()).await, before);

    let traffic = Traffic::start(&installation, &scene, &owner);
    let people = Place::all()
        .into_iter()
        .find(|place| place.to_string().starts_with("credentials."))
        .unwrap();
    kill_in_the_middle(&installation, &owner, &store, people, async || {
        let now = census(&owner, &store, &[people]).await;
        now.under.get(&KeyId::Master(2)).is_some_and(|count| *count > 400)
    })
    .await;
    let blobs = store.blobs.list_after("", None).await.unwrap();
    kill_in_the_middle(&installation, &owner, &store, Place::Blobs, async || {
        let front = store.blobs.get_front(&blobs[20].key, 2048).await.unwrap();
        seal::read_header(&front).unwrap().key == KeyId::Master(2)
    })
    .await;
    // From here on every process has been restarted.
    traffic.old_key_writes.store(false, Ordering::Relaxed);
    let started = Instant::now();
    let last = installation.start_admin(&["rotate-keys"], "last-rotation");
    let succeeded = tokio::task::spawn_blocking(|| last.succeeded()).await.unwrap();
    let words = installation.log("last-rotation");
    assert!(succeeded, "{words}");
    assert!(
        words.contains("Nothing is left under master key version 1."),
        "{words}"
    );
    let after = census(&owner, &store, &Place::all()).await;
    assert_eq!(after.under.keys().collect::<Vec<_>>(), [&KeyId::Master(2)]);
    let (reads, writes, requests) = traffic.stop().await;
    eprintln!(
        "the last run took {:?}; meanwhile {reads} reads, {writes} writes, {requests} requests for states",
        started.elapsed()
    );
    assert!(reads > 100 && writes > 20 && requests > 20);

    // The old key is gone. A change of a site opens its secrets.
    installation.environment = vec![(SETTING, new_key())];
    installation.start_api().await;
    let store = installation.store(keys(&new_key()));
    assert_eq!(scene.all_read(&owner, &store.keys).await, 10_000);
    scene.all_states_open(&installation.database.pool, &store).await;
    let site = scene.sites[0];
    let patch = format!("{}/api/v1/sites/{site}", installation.url);
    let changed = installation
        .http()
        .patch(patch)
        .bearer_auth(&installation.token)
        .header("if-match", "\"1\"")
        .json(&json!({"size": "medium"}))
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), 202, "{}", changed.text().await.unwrap());

    // The database comes from a dump; S3 is what it was.
    let name = restored(&installation).await;
    let (server, _) = installation.database.url.rsplit_once('/').unwrap();
    installation.database.url = format!("{server}/{name}");
    installation.start_api().await;
    let pool = PgPool::connect(&installation.database.url).await.unwrap();
    scene.all_states_open(&pool, &store).await;
    let mut tx = tenant::begin(&pool, Scope::Platform).await.unwrap();
    let events: Vec<String> =
        sqlx::query_scalar("select action from audit_events where action like 'master_key.%' order by id")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        events,
        [
            "master_key.rotate",
            "master_key.rotate",
            "master_key.rotate",
            "master_key.rotated"
        ]
    );
    for site in &scene.sites[..STATES] {
        let (status, body) = installation.state(*site).await;
        assert_eq!((status, body), (200, state_of(*site)));
    }

    // There is no database at all.
    let listed = installation.admin_without_database(&["open-state"]);
    let listed = String::from_utf8(listed).unwrap();
    assert_eq!(listed.lines().count(), STATES);
    let mut opened = Vec::new();
    for key in listed.lines() {
        let blob = store.blobs.get(key).await.unwrap();
        let (sealed_for, content) = seal::open_any(&store.keys, &blob).unwrap();
        let SealedFor::State { site_id, .. } = sealed_for else {
            panic!("{key} is {sealed_for:?}");
        };
        assert_eq!(content, state_of(site_id.0));
        opened.push(site_id.0);
    }
    opened.sort();
    assert_eq!(opened, scene.sites[..STATES]);
    let key = listed.lines().next().unwrap();
    let content = installation.admin_without_database(&["open-state", key]);
    assert_eq!(content, {
        let blob = store.blobs.get(key).await.unwrap();
        seal::open_any(&store.keys, &blob).unwrap().1
    });
}
