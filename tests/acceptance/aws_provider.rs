//! One whole life of a site with the real AWS provider, on moto, the emulator of AWS.
//!
//! The provider's waiters alone last minutes, so this is the only one; it runs beside other tests.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::installation::{Cloud, Installation, Lease, Program, other_program};

/// An Ubuntu image that moto knows; it can't look up Canonical's newest.
pub(crate) const IMAGE: &str = "ami-12c6146b";

/// Starts moto, and gives its address once it answers.
pub(crate) async fn start_moto(http: &reqwest::Client) -> (Program, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto/moto_server.py");
    let moto = other_program(
        Command::new("python3")
            .arg(server)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    let started = Instant::now();
    while http.get(format!("{url}/moto-api/")).send().await.is_err() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "moto is not up: pip install -r tests/moto/requirements.txt"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (moto, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_lives_and_ends_with_the_real_aws_provider() {
    let http = reqwest_client();
    let (moto, url) = start_moto(&http).await;
    let cloud = Cloud::Moto {
        url: url.clone(),
        image_id: IMAGE.to_owned(),
    };
    let installation = Installation::start(Lease::Default, cloud).await;
    let worker = installation.start_worker("worker");

    let (site, create) = installation.create_site("shop-1").await;
    wait_for_success(&installation, &create).await;
    assert_eq!(vpcs(&http, &url, &site).await, 1);
    let (_, found) = installation
        .call(reqwest::Method::GET, &format!("/sites/{site}"), None)
        .await;
    assert_eq!(found["status"], "active", "{found}");
    assert!(
        found["outputs"]["hostname"]
            .as_str()
            .is_some_and(|name| name.contains("elb")),
        "{found}"
    );

    let change = installation
        .change_site(&site, 1, json!({"scaling": {"min": 1, "max": 3}}))
        .await;
    let changed = wait_for_success(&installation, &change).await;
    let touched: Vec<&str> = changed["plan_summary"]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["resource_type"].as_str().unwrap())
        .collect();
    assert_eq!(touched, ["aws_autoscaling_group"], "{changed}");

    let destroy = installation.destroy_site(&site).await;
    wait_for_success(&installation, &destroy).await;
    assert_eq!(vpcs(&http, &url, &site).await, 0);
    worker.terminate();
    drop(moto);
}

pub(crate) fn reqwest_client() -> reqwest::Client {
    // As good where another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn wait_for_success(installation: &Installation, deployment: &str) -> Value {
    let started = Instant::now();
    loop {
        let (_, body) = installation
            .call(reqwest::Method::GET, &format!("/deployments/{deployment}"), None)
            .await;
        let status = body["status"].as_str().unwrap_or_default();
        if status == "succeeded" {
            return body;
        }
        let is_open = matches!(status, "queued" | "planning" | "applying" | "interrupted");
        assert!(is_open, "{body}\n{}", installation.log("worker"));
        assert!(
            started.elapsed() < Duration::from_secs(600),
            "{body}\n{}",
            installation.log("worker")
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// How many networks carry the site's id: asked of the cloud itself, in its own words.
async fn vpcs(http: &reqwest::Client, url: &str, site: &str) -> usize {
    let answer = http
        .post(url)
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0",
        )
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=tag:site_id&Filter.1.Value.1={site}"))
        .send()
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    assert!(text.contains("DescribeVpcsResponse"), "{text}");
    text.matches("<vpcId>").count()
}
