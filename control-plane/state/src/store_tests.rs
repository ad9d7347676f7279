//! The blob store against a real S3 server in the process.

use std::{net::SocketAddr, path::Path, time::Instant};

use tokio::net::TcpListener;

use super::*;
use crate::{
    keys::MasterKeys,
    local_s3::LocalS3,
    seal::{SealedFor, open_any, seal},
};

const ACCESS_KEY: &str = "siteplane";
const SECRET_KEY: &str = "a-secret-of-the-tests";

async fn serve(dir: &Path, address: SocketAddr) -> LocalS3 {
    let listener = TcpListener::bind(address).await.unwrap();
    LocalS3::start(dir, listener, ACCESS_KEY, SECRET_KEY).unwrap()
}

fn free_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn settings(server: &LocalS3) -> StoreSettings {
    StoreSettings {
        patience: Patience {
            first_pause: Duration::from_millis(50),
            ..Patience::default()
        },
        ..server.settings("siteplane-state")
    }
}

async fn store(server: &LocalS3) -> BlobStore {
    let store = BlobStore::new(&settings(server));
    store.ensure_bucket().await.unwrap();
    store
}

#[tokio::test]
async fn a_blob_is_stored_listed_read_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let store = store(&server).await;
    store.ensure_bucket().await.unwrap();

    let blob = vec![0xa5; 300_000];
    store.put("a/2", &blob).await.unwrap();
    store.put("a/1", b"").await.unwrap();
    store.put("b/1", b"other").await.unwrap();

    assert_eq!(store.get("a/2").await.unwrap(), blob);
    assert_eq!(store.get("a/1").await.unwrap(), b"");
    let listed = store.list("a/").await.unwrap();
    let expected = [("a/1", 0), ("a/2", 300_000)];
    assert_eq!(
        listed,
        expected.map(|(key, length)| StoredBlob {
            key: key.into(),
            length
        })
    );
    assert_eq!(store.list("nothing/").await.unwrap(), []);

    store.delete("a/2").await.unwrap();
    store.delete("a/2").await.unwrap();
    let missing = store.get("a/2").await.unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { .. }), "{missing:?}");
    assert_eq!(missing.to_string(), "a/2 is not in the blob store");
}

#[tokio::test]
async fn a_list_longer_than_a_page_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let store = store(&server).await;
    // Written past the server: a thousand signed requests would be most of this test's time.
    let many = dir.path().join("siteplane-state/many");
    std::fs::create_dir(&many).unwrap();
    for at in 0..1003 {
        std::fs::write(many.join(format!("{at:04}")), b"x").unwrap();
    }
    let keys: Vec<_> = store
        .list("many/")
        .await
        .unwrap()
        .into_iter()
        .map(|blob| blob.key)
        .collect();
    assert_eq!(
        keys,
        (0..1003).map(|at| format!("many/{at:04}")).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn nothing_is_overwritten_and_the_same_bytes_again_are_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let store = store(&server).await;
    store.put("key", b"first").await.unwrap();
    store.put("key", b"first").await.unwrap();
    let refused = store.put("key", b"second").await.unwrap_err();
    assert!(matches!(refused, StoreError::AlreadyExists { .. }), "{refused:?}");
    assert_eq!(store.get("key").await.unwrap(), b"first");
}

#[tokio::test]
async fn of_many_writers_of_one_key_exactly_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let store = store(&server).await;
    for round in 0..10 {
        let key = format!("race/{round}");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8 {
            let (store, key) = (store.clone(), key.clone());
            writers.spawn(async move {
                (
                    writer,
                    store.put(&key, format!("writer {writer}").as_bytes()).await,
                )
            });
        }
        let mut winners = Vec::new();
        while let Some(ended) = writers.join_next().await {
            match ended.unwrap() {
                (writer, Ok(())) => winners.push(format!("writer {writer}")),
                (_, Err(StoreError::AlreadyExists { .. })) => {}
                (writer, Err(error)) => panic!("writer {writer}: {error:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert_eq!(store.get(&key).await.unwrap(), winners[0].as_bytes());
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_after_bounded_retries_and_fine_after_its_return() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let address = server.address();
    let store = store(&server).await;
    store.put("before", b"kept").await.unwrap();
    server.stop().await;

    let start = Instant::now();
    for error in [
        store.put("during", b"1").await.unwrap_err(),
        store.get("before").await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "gave up after {:?}",
        start.elapsed()
    );

    let server = serve(dir.path(), address).await;
    assert_eq!(store.get("before").await.unwrap(), b"kept");
    store.put("during", b"1").await.unwrap();
    assert_eq!(store.get("during").await.unwrap(), b"1");
    server.stop().await;
}

#[tokio::test]
async fn a_short_absence_is_bridged_by_the_retries() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let address = server.address();
    let patience = Patience {
        first_pause: Duration::from_secs(1),
        attempts: 8,
        ..Patience::default()
    };
    let store = BlobStore::new(&StoreSettings {
        patience,
        ..settings(&server)
    });
    store.ensure_bucket().await.unwrap();
    server.stop().await;

    let write = tokio::spawn(async move { store.put("key", b"1").await });
    // The listener that takes the first attempt and hangs up proves that the write began while S3 was away.
    let listener = TcpListener::bind(address).await.unwrap();
    drop(listener.accept().await.unwrap());
    drop(listener);
    let server = serve(dir.path(), address).await;
    write.await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_dropped_server_gives_its_port_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let address = server.address();
    let kept_alive = store(&server).await;
    drop(server);
    // Binding fails while the dropped server still listens.
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let server = LocalS3::start(dir.path(), listener, ACCESS_KEY, SECRET_KEY).unwrap();
    kept_alive.put("key", b"1").await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn wrong_credentials_are_refused_without_retries_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    store(&server).await.put("key", b"1").await.unwrap();
    let wrong_secret = StoreSettings {
        secret_key: "not-the-secret".into(),
        ..settings(&server)
    };
    let wrong_key = StoreSettings {
        access_key: "nobody".into(),
        ..settings(&server)
    };
    for settings in [wrong_secret, wrong_key] {
        let stranger = BlobStore::new(&settings);
        let errors = [
            stranger.put("other", b"1").await.unwrap_err(),
            stranger.get("key").await.unwrap_err(),
            stranger.list("").await.map(drop).unwrap_err(),
            stranger.ensure_bucket().await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
            assert!(!format!("{error:?} {settings:?} {stranger:?}").contains(&settings.secret_key));
        }
    }
}

#[tokio::test]
async fn a_missing_bucket_is_named_and_is_not_a_missing_blob() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let store = BlobStore::new(&settings(&server));
    let error = store.list("").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the blob store answered with an error (NoSuchBucket)"
    );
}

#[tokio::test]
async fn s3_and_the_master_keys_alone_restore_a_state() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path(), free_port()).await;
    let store = store(&server).await;
    let keys = MasterKeys::development();
    let (customer_id, site_id, deployment) = (CustomerId::new(), SiteId::new(), DeploymentId::new());
    for serial in [9, 10, 2] {
        let sealed_for = SealedFor::State {
            customer_id,
            site_id,
            serial,
        };
        let key = new_blob_key(BlobKind::State, customer_id, site_id, deployment, serial, 999);
        let blob = seal(&keys, &sealed_for, format!("state {serial}").as_bytes()).unwrap();
        store.put(&key, &blob).await.unwrap();
    }

    let mut found = Vec::new();
    for blob in store.list("customers/").await.unwrap() {
        found.push(open_any(&keys, &store.get(&blob.key).await.unwrap()).unwrap());
    }
    let expected = [2, 9, 10].map(|serial| {
        (
            SealedFor::State {
                customer_id,
                site_id,
                serial,
            },
            format!("state {serial}").into_bytes(),
        )
    });
    assert_eq!(found, expected);
}

#[test]
fn a_key_names_owner_deployment_serial_and_attempt_and_is_new_each_time() {
    let id = "0193a7f2-6d0e-7b3c-8f00-00000000000";
    let (customer, site, deployment) = (
        format!("{id}1").parse().unwrap(),
        format!("{id}2").parse().unwrap(),
        format!("{id}3").parse().unwrap(),
    );
    let key = new_blob_key(BlobKind::Plan, customer, site, deployment, 42, 3);
    let id = "0193a7f26d0e7b3c8f0000000000000";
    let front = format!("customers/{id}1/sites/{id}2/plan/{id}3/0000000042-3-");
    assert_eq!(key.strip_prefix(&front).map(str::len), Some(12), "{key}");
    assert_ne!(
        key,
        new_blob_key(BlobKind::Plan, customer, site, deployment, 42, 3)
    );
}
