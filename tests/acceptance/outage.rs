//! Postgres away for longer than any patience, and cancels that come while Terraform plans.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{
    checker,
    installation::{Cloud, Installation, Lease},
};

/// The way to Postgres, which can be cut: connections end, new ones are refused.
struct Road {
    port: u16,
    to: Arc<str>,
    open: Option<JoinHandle<()>>,
}

impl Road {
    async fn open(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to: Arc<str> = to.into();
        let open = Some(tokio::spawn(forward(listener, Arc::clone(&to))));
        Self { port, to, open }
    }

    async fn cut(&mut self) {
        let open = self.open.take().unwrap();
        open.abort();
        // Once it has ended, its sockets are closed.
        assert!(open.await.unwrap_err().is_cancelled());
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.open = Some(tokio::spawn(forward(listener, Arc::clone(&self.to))));
    }
}

async fn forward(listener: TcpListener, to: Arc<str>) {
    let mut connections = JoinSet::new();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let to = Arc::clone(&to);
        connections.spawn(async move {
            let mut far = TcpStream::connect(&*to).await.unwrap();
            // Either side may end it; so may the cut.
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_gone_for_forty_seconds_costs_an_attempt_and_nothing_else() {
    let mut installation =
        Installation::start(Lease::Short, Cloud::Simulated(Duration::from_millis(200))).await;
    let direct: reqwest::Url = installation.database.url.parse().unwrap();
    let address = format!("{}:{}", direct.host_str().unwrap(), direct.port().unwrap());
    let mut road = Road::open(address).await;
    let mut by_road = direct.clone();
    by_road.set_port(Some(road.port)).unwrap();
    installation.database.url = by_road.to_string();
    let worker = installation.start_worker("worker");
    let (_, deployment) = installation.create_site("shop-1").await;
    until(&installation, &deployment, |body| body["status"] == "applying").await;
    road.cut().await;
    // The length of the outage is what is tested.
    tokio::time::sleep(Duration::from_secs(40)).await;
    road.mend().await;
    let body = until(&installation, &deployment, |body| body["finished_at"].is_string()).await;
    assert_eq!(
        body["status"],
        "succeeded",
        "{body}\n{}",
        installation.log("worker")
    );
    assert_eq!(body["attempt"], 2, "{body}");
    let started = Instant::now();
    loop {
        let workspaces = installation.folder.path().join("workspaces");
        let found = checker::problems(
            &installation.database.owner_url,
            &installation.cloud(),
            &workspaces,
        )
        .await;
        if found.is_empty() {
            break;
        }
        assert!(
            started.elapsed() < Duration::from_secs(40),
            "{}\n{}",
            found.join("\n"),
            installation.log("worker")
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    worker.terminate();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_plan_touches_nothing() {
    let installation = Installation::start(Lease::Short, Cloud::Simulated(Duration::ZERO)).await;
    let worker = installation.start_worker("worker");
    let (site, deployment) = installation.create_site("shop-1").await;
    until(&installation, &deployment, |body| body["status"] == "planning").await;
    let path = format!("/deployments/{deployment}/cancel");
    let (status, body) = installation.call(reqwest::Method::POST, &path, None).await;
    assert_eq!(status, 202, "{body}");
    let body = until(&installation, &deployment, |body| body["finished_at"].is_string()).await;
    assert_eq!(body["status"], "cancelled", "{body}");
    assert!(!installation.cloud().join("resources").exists());
    let (_, site) = installation
        .call(reqwest::Method::GET, &format!("/sites/{site}"), None)
        .await;
    assert_eq!(site["status"], "failed", "{site}");
    worker.terminate();
}

async fn until(installation: &Installation, deployment: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let (_, body) = installation
            .call(reqwest::Method::GET, &format!("/deployments/{deployment}"), None)
            .await;
        if holds(&body) {
            return body;
        }
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "{body}\n{}",
            installation.log("worker")
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
