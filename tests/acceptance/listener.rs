//! A listener that reconnects, over an API that restarts, sees every event once and in order.

use std::time::{Duration, Instant};

use futures::StreamExt;

use crate::installation::{Cloud, Installation, Lease};

/// How often the listener hangs up.
const RECONNECTS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_reconnects_ten_times_over_an_api_restart_sees_every_event_once_and_in_order() {
    let mut installation =
        Installation::start(Lease::Short, Cloud::Simulated(Duration::from_millis(150))).await;
    let worker = installation.start_worker("worker");
    let (_, deployment) = installation.create_site("shop-1").await;
    let mut seen: Vec<u64> = Vec::new();
    let mut connects = 0;
    let mut is_over = false;
    let started = Instant::now();
    while !is_over {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "{seen:?}\n{}",
            installation.log("worker")
        );
        connects += 1;
        // Each connection hears a few events more and hangs up; the last one hears the rest.
        let hang_up_after = if connects <= RECONNECTS { 8 } else { usize::MAX };
        is_over = hear(&installation, &deployment, &mut seen, hang_up_after).await;
        if connects == RECONNECTS / 2 {
            installation.start_api().await;
        }
    }
    assert!(
        connects > RECONNECTS,
        "only {connects} connections: the deployment was too short"
    );
    let (_, page) = installation
        .call(
            reqwest::Method::GET,
            &format!("/deployments/{deployment}/events?limit=200"),
            None,
        )
        .await;
    let first = page["items"][0]["seq"].as_u64();
    assert_eq!(first, Some(1), "{page}");
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
    let (_, body) = installation
        .call(reqwest::Method::GET, &format!("/deployments/{deployment}"), None)
        .await;
    assert_eq!(body["status"], "succeeded");
    worker.terminate();
}

/// Listens from the last event that was seen. `true` once the final status was heard.
async fn hear(
    installation: &Installation,
    deployment: &str,
    seen: &mut Vec<u64>,
    hang_up_after: usize,
) -> bool {
    let mut request = installation
        .http()
        .get(format!(
            "{}/api/v1/deployments/{deployment}/events",
            installation.url
        ))
        .bearer_auth(&installation.token)
        .header("accept", "text/event-stream");
    if let Some(last) = seen.last() {
        request = request.header("last-event-id", last.to_string());
    }
    let Ok(answer) = request.send().await else {
        return false;
    };
    let mut stream = answer.bytes_stream();
    let mut text = String::new();
    let mut heard = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((event, rest)) = text
            .split_once("\n\n")
            .map(|(event, rest)| (event.to_owned(), rest.to_owned()))
        {
            text = rest;
            let Some(id) = event.lines().find_map(|line| line.strip_prefix("id:")) else {
                continue;
            };
            seen.push(id.trim().parse().unwrap());
            heard += 1;
            if event.contains("\"final\":true") {
                return true;
            }
            if heard >= hang_up_after {
                return false;
            }
        }
    }
    false
}
