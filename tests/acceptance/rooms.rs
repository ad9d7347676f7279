//! The rooms of the house: who may use whom, and where a cloud may be named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What each room may use of the others; its tests may use less strictly arranged company.
const MAY_USE: [(&str, &[&str]); 7] = [
    ("domain", &[]),
    ("db", &["domain"]),
    ("state", &["db", "domain"]),
    ("control-plane", &["db", "domain", "state"]),
    ("worker", &["db", "domain", "state"]),
    ("simulated-cloud", &[]),
    ("siteplane", &["control-plane", "db", "domain", "state", "worker"]),
];

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let metadata: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let rooms: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let packages = metadata["packages"].as_array().unwrap();
    let found: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        found,
        rooms.keys().copied().collect(),
        "a room without a row in MAY_USE, or a row without a room"
    );
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let is_for_tests = dependency["kind"] == "dev";
            if rooms.contains_key(used) && !is_for_tests && used != name {
                assert!(rooms[name].contains(&used), "{name} uses {used}");
            }
        }
    }
}

#[test]
fn a_cloud_is_named_only_where_clouds_are_told_apart() {
    // The dispatchers of `domain` and of the price APIs, and nothing else; test code names none either.
    let allowed = ["control-plane/domain/src/provider/mod.rs", "src/prices.rs"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for room in ["src", "control-plane", "worker"] {
        for file in rust_files(&root.join(room)) {
            let name = file.strip_prefix(root).unwrap().to_str().unwrap();
            let text = fs::read_to_string(&file).unwrap();
            let names_one = ["Aws", "Azure", "Gcp", "DigitalOcean", "Akamai"]
                .iter()
                .any(|cloud| text.contains(&format!("Provider::{cloud}")));
            assert!(
                !names_one || allowed.contains(&name),
                "{name} names a cloud; facts belong into domain/src/provider"
            );
        }
    }
}

/// Every Rust file below a folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
