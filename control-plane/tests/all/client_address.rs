//! Whose failed sign-ins are counted together, behind a proxy and without.

use control_plane::Settings;
use serde_json::json;

use crate::stage::{Stage, settings};

/// The addresses whose failures are counted after a wrong password came over this peer.
async fn counted(stage: &Stage, peer: &str, forwarded: &str) -> Vec<String> {
    let body = json!({"email": "nobody@acme.test", "password": "lamp tundra violin"});
    stage
        .call("", "POST", "/api/v1/sessions")
        .peer(peer)
        .header("x-forwarded-for", forwarded)
        .json(&body)
        .send()
        .await
        .problem(401, "invalid_credentials");
    let mut owner = stage.owner().await;
    sqlx::query_scalar(
        "delete from sign_in_failures where subject like 'address:%' or subject like 'account:%' returning subject",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap()
    .into_iter()
    .filter(|subject: &String| subject.starts_with("address:"))
    .collect()
}

#[tokio::test]
async fn failures_belong_to_whom_a_trusted_proxy_names_and_to_the_peer_where_nobody_is_trusted() {
    let behind = Stage::with(Settings {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..settings()
    })
    .await;
    assert_eq!(
        counted(&behind, "10.0.0.1", "192.0.2.9, 198.51.100.7").await,
        ["address:198.51.100.7"]
    );
    assert_eq!(
        counted(&behind, "203.0.113.5", "198.51.100.7").await,
        ["address:203.0.113.5"]
    );
    let alone = Stage::new().await;
    assert_eq!(
        counted(&alone, "10.0.0.1", "198.51.100.7").await,
        ["address:10.0.0.1"]
    );
}
