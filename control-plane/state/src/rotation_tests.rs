//! Wrapping anew: what is replaced, what is passed over, what is named.

use db::testing::TestDatabase;
use domain::id::{CustomerId, DeploymentId, SigningKeyId, SiteId};
use tokio::net::TcpListener;

use super::*;
use crate::{
    local_s3::LocalS3,
    seal::{SealedFor, open, open_any, seal},
    store::{BlobKind, new_blob_key},
};

fn keys(versions: &str) -> MasterKeys {
    let pairs = versions.split(',').map(|version| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        format!("{version}:{}", STANDARD.encode([version.parse().unwrap(); 32]))
    });
    MasterKeys::parse(&pairs.collect::<Vec<_>>().join(",")).unwrap()
}

struct Stage {
    _database: TestDatabase,
    owner: PgPool,
    _s3: LocalS3,
    _folder: tempfile::TempDir,
    store: StateStore,
}

impl Stage {
    async fn new(keys: MasterKeys) -> Self {
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let s3 = LocalS3::start(folder.path(), listener, "key", "secret").unwrap();
        let blobs = BlobStore::new(&s3.settings("states"));
        blobs.ensure_bucket().await.unwrap();
        Self {
            owner: PgPool::connect(&database.owner_url).await.unwrap(),
            _database: database,
            _s3: s3,
            _folder: folder,
            store: StateStore { blobs, keys },
        }
    }

    async fn signing_key(&self, sealed: &[u8]) -> SigningKeyId {
        let id = SigningKeyId::new();
        sqlx::query(
            "insert into signing_keys (id, public_key, private_key_sealed, signs_from) values ($1, decode(repeat('00', 32), 'hex'), $2, now())",
        )
        .bind(id.0)
        .bind(sealed)
        .execute(&self.owner)
        .await
        .unwrap();
        id
    }

    async fn state(&self, keys: &MasterKeys, serial: u64) -> (String, SealedFor) {
        let sealed_for = SealedFor::State {
            customer_id: CustomerId::new(),
            site_id: SiteId::new(),
            serial,
        };
        let SealedFor::State {
            customer_id, site_id, ..
        } = sealed_for
        else {
            unreachable!()
        };
        let key = new_blob_key(
            BlobKind::State,
            customer_id,
            site_id,
            DeploymentId::new(),
            serial,
            1,
        );
        let blob = seal(keys, &sealed_for, &vec![b'x'; 5000]).unwrap();
        self.store.blobs.put(&key, &blob).await.unwrap();
        (key, sealed_for)
    }
}

fn place(table: &str) -> Place {
    let mut columns = SEALED_COLUMNS.into_iter();
    Place::Column(columns.find(|column| column.table == table).unwrap())
}

fn version(version: u32) -> KeyId {
    KeyId::Master(version)
}

#[tokio::test]
async fn rows_are_wrapped_anew_once_and_damaged_ones_are_named_and_left() {
    let stage = Stage::new(keys("1,2")).await;
    let mut rows = Vec::new();
    for number in 0..450_u32 {
        let id = SigningKeyId::new();
        let sealed_for = SealedFor::SigningKey { signing_key_id: id };
        let under = if number % 3 == 0 { keys("1,2") } else { keys("1") };
        let sealed = seal(&under, &sealed_for, &number.to_be_bytes()).unwrap();
        rows.push((stage.signing_key(&sealed).await, sealed_for, number));
    }
    let garbage = stage.signing_key(b"garbage").await;
    let unknown = seal(&keys("7"), &rows[0].1, b"").unwrap();
    let unknown = stage.signing_key(&unknown).await;

    let of = place("signing_keys");
    let before = count(&stage.owner, &stage.store, of).await.unwrap();
    assert_eq!(
        before.under,
        BTreeMap::from([(version(1), 300), (version(2), 150), (version(7), 1)])
    );
    assert_eq!(before.elsewhere(&version(2)), 301);
    assert_eq!(before.unreadable.count, 1);

    let mut told = Vec::new();
    let walk = rewrap(&stage.owner, &stage.store, of, |walk| told.push(walk.read))
        .await
        .unwrap();
    assert_eq!((walk.read, walk.rewrapped, walk.held), (452, 300, 0));
    assert_eq!(told, [200, 400, 452], "small transactions");
    assert_eq!(walk.unreadable.count, 2);
    let named = walk.unreadable.first.join("\n");
    assert!(
        named.contains(&format!(
            "signing_keys.private_key_sealed {garbage}: these bytes are not a sealed blob"
        )),
        "{named}"
    );
    assert!(
        named.contains(&format!(
            "{unknown}: master key version 7 is not known here (known: 1, 2)"
        )),
        "{named}"
    );
    let new = keys("2");
    for (id, sealed_for, number) in rows {
        let sealed: Vec<u8> = sqlx::query_scalar("select private_key_sealed from signing_keys where id = $1")
            .bind(id.0)
            .fetch_one(&stage.owner)
            .await
            .unwrap();
        assert_eq!(open(&new, &sealed_for, &sealed).unwrap(), number.to_be_bytes());
    }
    let again = rewrap(&stage.owner, &stage.store, of, |_| ()).await.unwrap();
    assert_eq!(again.rewrapped, 0);
}

#[tokio::test]
async fn blobs_are_wrapped_anew_and_one_that_was_thinned_meanwhile_does_not_come_back() {
    let stage = Stage::new(keys("1,2")).await;
    let old = keys("1");
    let mut states = Vec::new();
    for serial in 0..20 {
        states.push(stage.state(&old, serial).await);
    }
    let (gone, _) = stage.state(&old, 99).await;
    let read = stage.store.blobs.get_tagged(&gone).await.unwrap();
    stage.store.blobs.delete(&gone).await.unwrap();
    let blob = seal::rewrap(&stage.store.keys, &read.bytes).unwrap();
    assert!(!stage.store.blobs.replace(&gone, &read, &blob).await.unwrap());
    assert!(matches!(
        stage.store.blobs.get(&gone).await,
        Err(StoreError::NotFound { .. })
    ));
    stage.store.blobs.put("customers/empty", b"").await.unwrap();

    let before = count(&stage.owner, &stage.store, Place::Blobs).await.unwrap();
    assert_eq!(before.under, BTreeMap::from([(version(1), 20)]));
    assert_eq!(before.unreadable.count, 1, "{before:?}");
    let walk = rewrap(&stage.owner, &stage.store, Place::Blobs, |_| ())
        .await
        .unwrap();
    assert_eq!(
        (walk.read, walk.rewrapped, walk.held, walk.unreadable.count),
        (21, 20, 0, 1)
    );
    let new = keys("2");
    for (key, sealed_for) in states {
        let blob = stage.store.blobs.get(&key).await.unwrap();
        assert_eq!(open_any(&new, &blob).unwrap(), (sealed_for, vec![b'x'; 5000]));
    }
    let after = count(&stage.owner, &stage.store, Place::Blobs).await.unwrap();
    assert_eq!(after.under, BTreeMap::from([(version(2), 20)]));
}

#[tokio::test]
async fn a_blob_that_somebody_else_replaced_is_not_replaced_again() {
    let stage = Stage::new(keys("1,2")).await;
    let (key, _) = stage.state(&keys("1"), 3).await;
    let read = stage.store.blobs.get_tagged(&key).await.unwrap();
    let theirs = seal::rewrap(&stage.store.keys, &read.bytes).unwrap();
    assert!(stage.store.blobs.replace(&key, &read, &theirs).await.unwrap());
    let ours = seal::rewrap(&stage.store.keys, &read.bytes).unwrap();
    assert!(!stage.store.blobs.replace(&key, &read, &ours).await.unwrap());
    // A retry that can't know that its first attempt arrived.
    assert!(stage.store.blobs.replace(&key, &read, &theirs).await.unwrap());
    assert_eq!(stage.store.blobs.get(&key).await.unwrap(), theirs);
}

#[tokio::test]
async fn a_row_that_a_request_holds_is_waited_out_and_nothing_of_the_request_is_lost() {
    let stage = Stage::new(keys("1,2")).await;
    let id = SigningKeyId::new();
    let sealed_for = SealedFor::SigningKey { signing_key_id: id };
    let id = stage
        .signing_key(&seal(&keys("1"), &sealed_for, b"old").unwrap())
        .await;
    let newer = seal(&keys("1"), &sealed_for, b"newer").unwrap();
    let mut holder = stage.owner.begin().await.unwrap();
    sqlx::query("update signing_keys set private_key_sealed = $2 where id = $1")
        .bind(id.0)
        .bind(newer)
        .execute(&mut *holder)
        .await
        .unwrap();
    let mut holder = Some(holder);
    let (held, mut first_pass) = tokio::sync::mpsc::unbounded_channel();
    let rotation = rewrap(&stage.owner, &stage.store, place("signing_keys"), |walk| {
        held.send(walk.held).unwrap();
    });
    let request = async {
        assert_eq!(first_pass.recv().await, Some(1));
        holder.take().unwrap().commit().await.unwrap();
    };
    let (walk, ()) = tokio::join!(rotation, request);
    assert_eq!(walk.unwrap().rewrapped, 1);
    let sealed: Vec<u8> = sqlx::query_scalar("select private_key_sealed from signing_keys where id = $1")
        .bind(id.0)
        .fetch_one(&stage.owner)
        .await
        .unwrap();
    assert_eq!(open(&keys("2"), &sealed_for, &sealed).unwrap(), b"newer");
}
