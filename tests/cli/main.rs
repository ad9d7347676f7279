//! The `siteplane` command as a person meets it: what it says and how it ends when something is wrong.

#[cfg(test)] // so that clippy takes its functions for tests
mod plan;

use std::process::{Command, Output};

struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the command in an empty folder with these files, without any setting of the caller's shell.
fn siteplane(arguments: &[&str], files: &[(&str, &str)], environment: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the folder is ours");
    }
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_siteplane"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output()
        .expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Run {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

const SHOP: &str = include_str!("../../examples/shop.yaml");

#[test]
fn check_says_everything_that_is_wrong_at_once_and_shows_no_secret() {
    let run = siteplane(
        &["check", "--offline"],
        &[("siteplane.toml", "[worker]\nslot = 4\n[log]\nformat = \"xml\"")],
        &[
            ("SITEPLANE__SECRETS__MASTER_KEYS", "1:topsecret"),
            ("SITEPLANE__API__LISTEN", "nowhere"),
        ],
    );
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    for expected in [
        "did you mean worker.slots?",
        "\"xml\" is none of text, json",
        "master key version 1",
        "\"nowhere\" is no address with a port",
        "database.url",
        "storage.secret_key",
    ] {
        assert!(run.stdout.contains(expected), "{expected}\n{}", run.stdout);
    }
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("topsecret"));
}

#[test]
fn a_service_does_not_start_with_an_unknown_setting() {
    for command in ["api", "worker", "migrate", "dev"] {
        let run = siteplane(&[command], &[], &[("SITEPLANE__WORKER__SLOT", "4")]);
        assert_eq!(run.code, Some(1), "{command}");
        assert!(
            run.stderr
                .contains("SITEPLANE__WORKER__SLOT): there is no such setting"),
            "{command}: {}",
            run.stderr
        );
    }
}

#[test]
fn production_starts_neither_on_the_development_key_nor_a_development_installation() {
    let run = siteplane(&["api"], &[], &[("SITEPLANE__ENVIRONMENT", "production")]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("production needs its own"), "{}", run.stderr);
    let key = "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let production = [
        ("SITEPLANE__ENVIRONMENT", "production"),
        ("SITEPLANE__SECRETS__MASTER_KEYS", key),
    ];
    let run = siteplane(&["dev"], &[], &production);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("dev and demo are for development"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_site_file_that_does_not_fit_names_its_fields_and_ends_with_2() {
    let bad = SHOP
        .replace("port: 80", "port: 22")
        .replace("region: us-east-1", "region: mars-1");
    let run = siteplane(&["deploy", "shop.yaml", "--wait"], &[("shop.yaml", &bad)], &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr.contains("application.port: found \"22\""),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("region: found \"mars-1\""), "{}", run.stderr);
    let json = siteplane(&["deploy", "shop.yaml", "--json"], &[("shop.yaml", &bad)], &[]);
    assert_eq!(json.code, Some(2));
    let line: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (line["type"].as_str(), line["problems"].as_array().map(Vec::len)),
        (Some("error"), Some(2))
    );
}

#[test]
fn without_an_api_to_speak_to_it_says_how_to_get_one() {
    let run = siteplane(&["deploy", "shop.yaml"], &[("shop.yaml", SHOP)], &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("SITEPLANE__CLIENT__URL") && run.stderr.contains("siteplane dev"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_api_that_does_not_answer_ends_with_4_and_its_address() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let client = [
        ("SITEPLANE__CLIENT__URL", url.as_str()),
        ("SITEPLANE__CLIENT__TOKEN", "sp_secret"),
    ];
    let run = siteplane(
        &["deploy", "shop.yaml", "--wait"],
        &[("shop.yaml", SHOP)],
        &client,
    );
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(
        run.stderr.contains(&url) && !run.stderr.contains("sp_secret"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_schema_of_a_site_file_is_json_with_the_fields_of_the_example() {
    let run = siteplane(&["schema"], &[], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let schema: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(run.stdout.contains("network_cidr"));
}
