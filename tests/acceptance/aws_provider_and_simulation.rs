//! The simulated provider against the real AWS provider: the same site planned by both, new and changed.
//!
//! What the modules set must come out the same: the same resources, the same actions, the same values. Only plans are
//! compared, so this takes seconds; [`crate::aws_provider`] applies for real.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::aws_provider::{IMAGE, reqwest_client, start_moto};

/// Where the two differ, and why. A line that no longer holds must go, so the list only shrinks.
const KNOWN: &[(&str, &str)] = &[
    (
        "change aws_autoscaling_group.instance_refresh",
        "defaults of preferences (skip_matching, standby_instances, …) are in the provider's code and in no schema",
    ),
    (
        "change aws_lb_target_group.health_check",
        "defaults of the check (enabled, port, protocol) are in the provider's code and in no schema",
    ),
    (
        "change aws_s3_bucket_lifecycle_configuration actions",
        "the simulation has filled what the rule left open, which the real provider would take back",
    ),
    (
        "change aws_s3_bucket_lifecycle_configuration.rule",
        "as before: object sizes and newer versions that nobody asked for",
    ),
    ("create aws_autoscaling_group.instance_refresh", "as at a change"),
    ("create aws_lb_target_group.health_check", "as at a change"),
    (
        "create aws_s3_bucket_lifecycle_configuration.rule",
        "the schema calls parts of the rule computed; the real provider plans them as null, the simulation leaves them open",
    ),
];

/// A folder with the modules, and the plugins of one of the two.
struct Planner<'a> {
    root: PathBuf,
    rc: PathBuf,
    moto: &'a str,
    cloud: PathBuf,
}

impl<'a> Planner<'a> {
    fn new(folder: &Path, name: &str, mirror: &Path, moto: &'a str) -> Self {
        let home = folder.join(name);
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("terraform-modules");
        for part in ["aws", "cloud-init"] {
            copy(&modules.join(part), &home.join(part));
        }
        let rc = home.join("terraformrc");
        let configuration = format!(
            "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{ path = \"{}\" }}\n}}\n",
            mirror.display()
        );
        fs::write(&rc, configuration).unwrap();
        let planner = Self {
            root: home.join("aws/root"),
            rc,
            moto,
            cloud: folder.join("cloud"),
        };
        planner.terraform(&["init"]);
        planner
    }

    fn terraform(&self, arguments: &[&str]) -> String {
        let output = Command::new("terraform")
            .args(arguments)
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", &self.root)
            .env("TF_CLI_CONFIG_FILE", &self.rc)
            .env("TF_CLI_ARGS", "-no-color")
            .env("TF_VAR_database_password", "correct-horse-battery")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "stand-in")
            .env("AWS_SECRET_ACCESS_KEY", "stand-in")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", self.moto)
            .env("SIMULATED_CLOUD_DIR", &self.cloud)
            .env("SIMULATED_CLOUD_ACCOUNT", "123456789012")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "terraform {arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn variables(&self, changed: bool) {
        let example = fs::read_to_string(self.root.join("../site/examples/small.tfvars")).unwrap();
        let mut text =
            format!("{example}\nemulator = true\nprovider_options = {{ image_id = \"{IMAGE}\" }}\n");
        if changed {
            text = text
                .replace("\"small\"", "\"medium\"")
                .replace("port        = 8080", "port        = 9090");
        }
        fs::write(self.root.join("site.auto.tfvars"), text).unwrap();
    }

    fn plan(&self) -> Value {
        self.terraform(&["plan", "-refresh=false", "-out=kept.plan"]);
        serde_json::from_str(&self.terraform(&["show", "-json", "kept.plan"])).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).unwrap();
        }
    }
}

/// A folder with the real AWS plugin: the setting, else one level under the usual places.
fn real_mirror() -> PathBuf {
    let named = std::env::var_os("SITEPLANE__TERRAFORM__PLUGIN_MIRROR").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let bases = [Some("/opt"), Some("/usr/local/share"), Some("/usr/share")];
    let bases = bases.into_iter().flatten().map(PathBuf::from).chain(home);
    let below = bases.flat_map(|base| {
        let entries = fs::read_dir(base).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path()))
    });
    named
        .into_iter()
        .chain(below)
        .find(|folder| folder.join("registry.terraform.io/hashicorp/aws").is_dir())
        .unwrap()
}

/// The attributes that the configuration sets, by type and name of the resource.
fn set_attributes(module: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for resource in module["resources"].as_array().into_iter().flatten() {
        if resource["mode"] == "managed" {
            let key = format!(
                "{}.{}",
                resource["type"].as_str().unwrap(),
                resource["name"].as_str().unwrap()
            );
            let names = resource["expressions"].as_object().into_iter().flatten();
            found
                .entry(key)
                .or_default()
                .extend(names.map(|(name, _)| name.clone()));
        }
    }
    for (_, call) in module["module_calls"].as_object().into_iter().flatten() {
        set_attributes(&call["module"], found);
    }
}

/// What of each resource must be the same: actions, and the values of what the configuration sets.
fn comparable(plan: &Value) -> BTreeMap<String, (Value, BTreeMap<String, Value>)> {
    let mut set = BTreeMap::new();
    set_attributes(&plan["configuration"]["root_module"], &mut set);
    let changes = plan["resource_changes"].as_array().unwrap().iter();
    changes
        .filter(|resource| resource["mode"] == "managed")
        .map(|resource| {
            let text = |name: &str| resource[name].as_str().unwrap().to_owned();
            let change = &resource["change"];
            let names = set.get(&format!("{}.{}", text("type"), text("name"))).unwrap();
            let values = names.iter().map(|name| {
                let value = if holds_true(&change["after_unknown"][name]) {
                    Value::from("(known after apply)")
                } else {
                    without_nulls(&change["after"][name])
                };
                (name.clone(), value)
            });
            (text("address"), (change["actions"].clone(), values.collect()))
        })
        .collect()
}

/// Terraform marks a whole attribute, or parts of it.
fn holds_true(marks: &Value) -> bool {
    match marks {
        Value::Bool(mark) => *mark,
        Value::Array(list) => list.iter().any(holds_true),
        Value::Object(map) => map.values().any(holds_true),
        _ => false,
    }
}

/// A nested value as the configuration sees it: what was never set is not there, whatever stands for that.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .filter(|(_, value)| !is_nothing(value));
            Value::Object(kept.collect())
        }
        Value::Array(elements) => elements.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null()
        || *value == ""
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Puts into a state what a provider's plan of the same resources says and the state leaves open.
fn fill_defaults(state: &mut Value, plan: &Value) {
    let changes = plan["resource_changes"].as_array().unwrap().iter();
    let planned: BTreeMap<&str, &Value> = changes
        .map(|resource| {
            (
                resource["address"].as_str().unwrap(),
                &resource["change"]["after"],
            )
        })
        .collect();
    for resource in state["resources"].as_array_mut().unwrap() {
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        let base = format!("{}.{}.{}", text("module"), text("type"), text("name"));
        for instance in resource["instances"].as_array_mut().unwrap() {
            let address = match &instance["index_key"] {
                Value::Null => base.clone(),
                key => format!("{base}[{key}]"),
            };
            if let Some(after) = planned.get(address.as_str()) {
                fill(&mut instance["attributes"], after);
            }
        }
    }
}

fn fill(value: &mut Value, from: &Value) {
    match (value, from) {
        (Value::Object(fields), Value::Object(defaults)) => {
            for (name, default) in defaults {
                fill(fields.entry(name.clone()).or_insert(Value::Null), default);
            }
        }
        (Value::Array(elements), Value::Array(defaults)) if elements.len() == defaults.len() => {
            for (element, default) in elements.iter_mut().zip(defaults) {
                fill(element, default);
            }
        }
        (open, default) if open.is_null() => *open = default.clone(),
        _ => {}
    }
}

fn differences(what: &str, simulated: &Value, real: &Value) -> BTreeMap<String, String> {
    let (simulated, real) = (comparable(simulated), comparable(real));
    let addresses = |side: &BTreeMap<String, _>| side.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(addresses(&simulated), addresses(&real), "{what}: other resources");
    let mut found = BTreeMap::new();
    for (address, (actions, values)) in &simulated {
        let (real_actions, real_values) = &real[address];
        let kind = address.rsplit('.').nth(1).unwrap();
        if actions != real_actions {
            found.insert(
                format!("{what} {kind} actions"),
                format!("{address}: simulated {actions}, real {real_actions}"),
            );
        }
        for (name, value) in values {
            if *value != real_values[name] {
                found.insert(
                    format!("{what} {kind}.{name}"),
                    format!("{address}: simulated {value}, real {}", real_values[name]),
                );
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulated_and_the_real_aws_provider_plan_the_same_site() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (moto, url) = start_moto(&reqwest_client()).await;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cloud")).unwrap();
    let simulated_mirror = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/simulated-mirror");
    let simulated = Planner::new(folder.path(), "simulated", &simulated_mirror, &url);
    let real = Planner::new(folder.path(), "real", &real_mirror(), &url);

    simulated.variables(false);
    real.variables(false);
    let created = real.plan();
    let mut found = differences("create", &simulated.plan(), &created);

    // Both go on from the same state; the real one's has the defaults that are in no schema.
    simulated.terraform(&["apply", "-auto-approve"]);
    let state = fs::read(simulated.root.join("terraform.tfstate")).unwrap();
    let mut state: Value = serde_json::from_slice(&state).unwrap();
    fill_defaults(&mut state, &created);
    fs::write(real.root.join("terraform.tfstate"), state.to_string()).unwrap();
    simulated.variables(true);
    real.variables(true);
    let (by_simulated, by_real) = (simulated.plan(), real.plan());
    let replaced = comparable(&by_simulated)
        .values()
        .filter(|(actions, _)| actions.as_array().unwrap().len() == 2)
        .count();
    assert!(replaced > 0, "the change replaces nothing");
    found.extend(differences("change", &by_simulated, &by_real));
    drop(moto);

    let known: BTreeSet<&str> = KNOWN.iter().map(|(what, _)| *what).collect();
    let unknown: Vec<_> = found
        .iter()
        .filter(|(what, _)| !known.contains(what.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    let gone: Vec<_> = known.iter().filter(|what| !found.contains_key(**what)).collect();
    assert!(gone.is_empty(), "these differ no longer: take them out: {gone:?}");
}
