//! `siteplane plan` by a worker: what CI sees of a site that is not there, is as the file says, and is not.

use std::{process::Command, time::Duration};

use serde_json::Value;

use crate::installation::{Cloud, Installation, Lease};

const SHOP: &str = include_str!("../cli/plans/aws-shop.yaml");

/// Runs a command of `siteplane` on a site file as the customer. Gives the exit status and what it printed.
fn siteplane(installation: &Installation, file: &str, arguments: &[&str]) -> (i32, String) {
    let path = installation.folder.path().join("shop.yaml");
    std::fs::write(&path, file).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_siteplane"))
        .args(&arguments[..1])
        .arg(&path)
        .args(&arguments[1..])
        .env_clear()
        .env("SITEPLANE__CLIENT__URL", &installation.url)
        .env("SITEPLANE__CLIENT__TOKEN", &installation.token)
        .current_dir(installation.folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

fn plan(installation: &Installation, file: &str) -> (i32, Value) {
    let (status, text) = siteplane(installation, file, &["plan", "--format", "json"]);
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_ends_with_2_where_something_would_change_and_with_0_where_nothing_would() {
    let installation = Installation::start(Lease::Default, Cloud::Simulated(Duration::ZERO)).await;
    let worker = installation.start_worker("worker");

    let (status, report) = plan(&installation, SHOP);
    assert_eq!(
        (status, &report["result"]),
        (2, &Value::from("changes")),
        "{report}"
    );
    assert_eq!(report["site"]["exists"], false);
    assert_eq!(report["simulated"], true);
    assert_eq!(report["plan"]["cost"]["before"]["amount"], "0.00");

    let (status, text) = siteplane(&installation, SHOP, &["deploy", "--wait"]);
    assert_eq!(status, 0, "{text}");
    let (status, report) = plan(&installation, SHOP);
    assert_eq!(
        (status, &report["result"]),
        (0, &Value::from("no_changes")),
        "{report}"
    );
    assert_eq!(report["site"]["exists"], true);

    let larger = SHOP.replace("size: small", "size: medium");
    let (status, report) = plan(&installation, &larger);
    assert_eq!(status, 2, "{report}");
    let cost = &report["plan"]["cost"];
    let amount = |name: &str| cost[name]["amount"].as_str().unwrap().parse::<f64>().unwrap();
    assert!(
        amount("before") > 0.0 && amount("after") > amount("before"),
        "{cost}"
    );
    // Nothing was changed by asking.
    assert_eq!(plan(&installation, SHOP).0, 0);

    // What never changes is refused by field, before anything is planned.
    let elsewhere = SHOP.replace("region: eu-central-1", "region: eu-west-1");
    let (status, report) = plan(&installation, &elsewhere);
    assert_eq!(status, 1, "{report}");
    assert_eq!(report["problems"][0]["field"], "region");
    worker.terminate();

    // Nobody plans any more.
    let (status, text) = siteplane(
        &installation,
        &larger,
        &["plan", "--timeout", "1", "--format", "markdown"],
    );
    assert_eq!(status, 4, "{text}");
    assert!(text.contains("no plan within 1 seconds"), "{text}");
}
