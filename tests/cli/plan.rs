//! `siteplane plan` on site files of every cloud, good and bad: exit status, Markdown and JSON as they are checked in.
//!
//! `SITEPLANE__TEST__UPDATE=1 cargo nextest run -p siteplane --test cli` writes them anew.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// Every file in `plans/`, and how its plan ends.
const FILES: &[(&str, i32)] = &[
    ("akamai-catalogue", 2),
    ("aws-shop", 2),
    ("azure-shop", 2),
    ("bad-domain", 1),
    ("bad-engine", 1),
    ("bad-key", 1),
    ("bad-network", 1),
    ("bad-region", 1),
    ("bad-scaling", 1),
    ("digitalocean-shop", 2),
    ("gcp-blog", 2),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn plans() -> PathBuf {
    root().join("tests/cli/plans")
}

/// Plans a file on an empty simulated cloud, in a folder of its own and without any setting of the caller's shell.
fn plan(name: &str, format: &str) -> Output {
    let mirror = root().join("target/simulated-mirror");
    assert!(
        mirror.is_dir(),
        "{} is missing: run `make plugin`",
        mirror.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = format!("{name}.yaml");
    fs::copy(plans().join(&file), folder.path().join(&file)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_siteplane"))
        .args(["plan", &file, "--local", "--simulated", "--format", format])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("SITEPLANE__TERRAFORM__SIMULATED_MIRROR", mirror)
        .env("SITEPLANE__TERRAFORM__MODULES", root().join("terraform-modules"))
        .current_dir(folder.path())
        .output()
        .unwrap()
}

/// Compares with what is checked in, or writes it.
fn is_as_checked_in(name: &str, text: &str) {
    let file = plans().join(name);
    if std::env::var_os("SITEPLANE__TEST__UPDATE").is_some() {
        fs::write(&file, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    let first = expected
        .lines()
        .zip(text.lines())
        .find(|(before, now)| before != now);
    assert!(
        expected == text,
        "{name} is not as it is checked in (SITEPLANE__TEST__UPDATE=1 writes it anew); first: {first:#?}"
    );
}

#[test]
fn every_site_file_has_the_plan_that_is_checked_in() {
    for (name, status) in FILES {
        let text = plan(name, "text");
        let said = String::from_utf8(text.stdout).unwrap();
        assert_eq!(text.status.code(), Some(*status), "{name}: {said}");
        for (format, ending) in [("markdown", "md"), ("json", "json")] {
            let output = plan(name, format);
            assert_eq!(output.status.code(), Some(*status), "{name}");
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(!text.contains("/tmp/"), "{name} shows a folder of this machine");
            is_as_checked_in(&format!("{name}.{ending}"), &text);
        }
    }
}

#[test]
fn every_file_in_the_folder_is_planned() {
    let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let there: BTreeSet<String> = fs::read_dir(plans())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, there);
}

#[test]
fn the_json_is_of_the_published_form() {
    let schema = fs::read_to_string(root().join("docs/plan.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    for (name, status) in FILES {
        let text = fs::read_to_string(plans().join(format!("{name}.json"))).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["exit_status"], *status);
        holds(&schema, &schema, &report, name);
    }
}

/// Holds a value to the part of JSON Schema that the published one uses for objects: known names, and required ones.
fn holds(whole: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let definition = whole.pointer(reference.trim_start_matches('#')).unwrap();
        return holds(whole, definition, value, place);
    }
    for one in schema["oneOf"].as_array().into_iter().flatten() {
        if one.get("$ref").is_some() && value.is_object() {
            holds(whole, one, value, place);
        }
    }
    match value {
        Value::Object(fields) => {
            let Some(known) = schema["properties"].as_object() else {
                return;
            };
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(
                    fields.contains_key(required.as_str().unwrap()),
                    "{place} lacks {required}"
                );
            }
            for (name, value) in fields {
                let place = format!("{place}.{name}");
                let part = known.get(name).unwrap_or_else(|| panic!("{place} is unknown"));
                holds(whole, part, value, &place);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                holds(whole, &schema["items"], element, place);
            }
        }
        _ => {}
    }
}

#[test]
fn without_an_api_the_status_is_4_and_the_report_says_why() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(plans().join("aws-shop.yaml"), folder.path().join("shop.yaml")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_siteplane"))
        .args(["plan", "shop.yaml", "--format", "json"])
        .env_clear()
        .env("SITEPLANE__CLIENT__URL", "http://127.0.0.1:9")
        .env("SITEPLANE__CLIENT__TOKEN", "sp_planted")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["result"], "unreachable");
    assert!(
        report["error"].as_str().unwrap().contains("can't be reached"),
        "{text}"
    );
    assert!(!text.contains("sp_planted"));
}
