//! What an interrupted or failed apply left: which state is the newest, and what exists that no state knows.
//!
//! Terraform writes its state after every resource, so what can be missing is what was in flight, and what was
//! made after the last version that survived. Both are in the lines that the apply printed: in the rows of
//! events, and in the journal of a workspace on this machine. Deciding is pure; finding asks the cloud.

pub mod references;
pub mod simulated;

use std::collections::{BTreeMap, BTreeSet};

use domain::provider::Provider;
use serde_json::{Value, json};
use state::terraform_state::TerraformState;

use crate::terraform::stream::{Action, Diagnostic, Severity, UiEvent, UiLine};

/// A resource that an apply began to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Terraform's type.
    pub resource_type: String,
    /// The cloud's id, once the cloud gave one: attribute and value.
    pub id: Option<(String, String)>,
}

/// What the applies of a site began to make, by address, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begins(BTreeMap<String, Begun>);

impl Begins {
    /// Takes what happened to one resource: `create` begun or done, `delete` done.
    pub fn observe(&mut self, line: &ResourceLine) {
        match (line.action.as_str(), line.done) {
            ("create", done) => {
                let begun = self.0.entry(line.address.clone()).or_insert_with(|| Begun {
                    resource_type: line.resource_type.clone(),
                    id: None,
                });
                if !done {
                    // Made anew: an id from before belongs to what was removed.
                    begun.id = None;
                }
                if line.id.is_some() {
                    begun.id.clone_from(&line.id);
                }
            }
            ("delete", true) => {
                self.0.remove(&line.address);
            }
            _ => {}
        }
    }

    /// Adds what was to be made, address and type, and of which no line told that it was begun.
    pub fn add_planned(&mut self, planned: &BTreeMap<String, String>) {
        for (address, resource_type) in planned {
            if resource_type == "terraform_data" {
                continue;
            }
            self.0.entry(address.clone()).or_insert_with(|| Begun {
                resource_type: resource_type.clone(),
                id: None,
            });
        }
    }

    /// What no state knows.
    pub fn unknown_to(mut self, state: Option<&TerraformState>) -> BTreeMap<String, Begun> {
        let known: BTreeSet<&str> = state
            .into_iter()
            .flat_map(|state| state.managed())
            .map(|resource| resource.address.as_str())
            .collect();
        self.0.retain(|address, _| !known.contains(address.as_str()));
        self.0
    }
}

/// What happened to a resource in an apply, as it lies in an event's data.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ResourceLine {
    /// Terraform's address.
    pub address: String,
    /// Terraform's type.
    pub resource_type: String,
    /// `create`, `update`, `delete`.
    pub action: String,
    /// Whether it is done, and not only begun.
    pub done: bool,
    /// Whether it failed.
    pub failed: bool,
    /// The cloud's id: attribute and value.
    pub id: Option<(String, String)>,
    /// Seconds since it began.
    pub elapsed_seconds: Option<u64>,
}

impl ResourceLine {
    /// What a line of Terraform's says about a resource that is changed; reads of data sources do not count.
    pub fn of(event: &UiEvent) -> Option<Self> {
        let (operation, done, failed) = match event {
            UiEvent::ApplyStart(operation) | UiEvent::ApplyProgress(operation) => (operation, false, false),
            UiEvent::ApplyComplete(operation) => (operation, true, false),
            UiEvent::ApplyErrored(operation) => (operation, false, true),
            _ => return None,
        };
        // What stands in the state alone is made anew as if nothing had happened.
        if operation.action == Action::Read || operation.resource.resource_type == "terraform_data" {
            return None;
        }
        Some(Self {
            address: operation.resource.address.clone(),
            resource_type: operation.resource.resource_type.clone(),
            action: operation.action.as_str().to_owned(),
            done,
            failed,
            id: operation.id.clone(),
            elapsed_seconds: operation.elapsed_seconds,
        })
    }
}

/// Reads the journal of an apply: what it began, and whose wait was cut by an interrupt that we sent.
pub fn read_journal(journal: &[u8], begins: &mut Begins, cut: &mut BTreeSet<String>) {
    let mut was_interrupted = false;
    let mut diagnostics = Vec::new();
    for line in String::from_utf8_lossy(journal).lines().map(UiLine::parse) {
        if let Some(line) = ResourceLine::of(&line.event) {
            begins.observe(&line);
        }
        was_interrupted |= is_interrupt(&line);
        if let UiEvent::Diagnostic(diagnostic) = line.event {
            diagnostics.push(diagnostic);
        }
    }
    if was_interrupted {
        cut.extend(diagnostics.iter().filter_map(cut_wait).map(str::to_owned));
    }
}

/// Terraform says that it was asked to stop. Only our supervisor asks it.
pub fn is_interrupt(line: &UiLine) -> bool {
    matches!(line.event, UiEvent::Log) && line.message.contains("Interrupt received")
}

/// The address of a resource whose wait was cut by an interrupt: it is in the making, and not broken.
pub fn cut_wait(diagnostic: &Diagnostic) -> Option<&str> {
    let says_cut = |text: &str| text.contains("context canceled");
    (diagnostic.severity == Severity::Error
        && (says_cut(&diagnostic.summary) || says_cut(&diagnostic.detail)))
    .then_some(diagnostic.address.as_deref())
    .flatten()
}

/// Tainted resources whose wait was cut: Terraform would replace them for nothing.
pub fn to_untaint(state: &TerraformState, cut: &BTreeSet<String>) -> Vec<String> {
    state
        .managed()
        .filter(|resource| resource.tainted && resource.deposed.is_none() && cut.contains(&resource.address))
        .map(|resource| resource.address.clone())
        .collect()
}

/// What is known of a resource's attributes: what the plan said, and the id that the cloud gave.
pub fn known_attributes(plan: Option<&Value>, address: &str, begun: &Begun) -> Value {
    let planned = plan
        .and_then(|plan| plan["resource_changes"].as_array())
        .and_then(|changes| changes.iter().find(|change| change["address"] == address))
        .map(|change| change["change"]["after"].clone());
    let mut attributes = planned.filter(Value::is_object).unwrap_or_else(|| json!({}));
    if let Some((name, value)) = &begun.id {
        attributes[name.as_str()] = Value::from(value.as_str());
    }
    attributes
}

/// The id by which Terraform can import what was begun, as far as it can be told without asking the cloud.
pub fn import_id(provider: Provider, plan: Option<&Value>, address: &str, begun: &Begun) -> Option<String> {
    (provider.facts().import_id)(&begun.resource_type, &known_attributes(plan, address, begun))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(address: &str, action: &str, done: bool, id: Option<&str>) -> ResourceLine {
        ResourceLine {
            address: address.to_owned(),
            resource_type: "aws_vpc".to_owned(),
            action: action.to_owned(),
            done,
            failed: false,
            id: id.map(|id| ("id".to_owned(), id.to_owned())),
            elapsed_seconds: None,
        }
    }

    fn state(resources: &[(&str, Option<&str>)]) -> TerraformState {
        let resources: Vec<Value> = resources
            .iter()
            .map(|(name, status)| {
                json!({"mode": "managed", "type": "aws_vpc", "name": name,
                    "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
                    "instances": [{"schema_version": 0, "status": status, "attributes": {"id": name}}]})
            })
            .collect();
        let state = json!({"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "l",
            "outputs": {}, "resources": resources});
        TerraformState::parse(state.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_was_begun_and_is_in_no_state_is_unknown() {
        let mut begins = Begins::default();
        for line in [
            line("aws_vpc.known", "create", true, Some("vpc-1")),
            line("aws_vpc.lost", "create", false, None),
            line("aws_vpc.lost", "create", true, Some("vpc-2")),
            line("aws_vpc.flying", "create", false, None),
            line("aws_vpc.gone", "create", true, Some("vpc-3")),
            line("aws_vpc.gone", "delete", true, None),
            line("aws_vpc.changed", "update", true, None),
        ] {
            begins.observe(&line);
        }
        let unknown = begins.unknown_to(Some(&state(&[("known", None)])));
        assert_eq!(
            unknown.keys().collect::<Vec<_>>(),
            ["aws_vpc.flying", "aws_vpc.lost"]
        );
        assert_eq!(
            unknown["aws_vpc.lost"].id,
            Some(("id".to_owned(), "vpc-2".to_owned()))
        );
        assert_eq!(unknown["aws_vpc.flying"].id, None);
    }

    #[test]
    fn what_was_planned_is_unknown_too_and_takes_no_id_from_what_was_begun() {
        let mut begins = Begins::default();
        begins.observe(&line("aws_vpc.lost", "create", true, Some("vpc-2")));
        let planned = [
            "aws_vpc.known",
            "aws_vpc.lost",
            "aws_vpc.silent",
            "terraform_data.guard",
        ];
        begins.add_planned(
            &planned
                .map(|address| (address.to_owned(), address.split('.').next().unwrap().to_owned()))
                .into(),
        );
        let unknown = begins.unknown_to(Some(&state(&[("known", None)])));
        assert_eq!(
            unknown.keys().collect::<Vec<_>>(),
            ["aws_vpc.lost", "aws_vpc.silent"]
        );
        assert!(unknown["aws_vpc.lost"].id.is_some() && unknown["aws_vpc.silent"].id.is_none());
    }

    #[test]
    fn only_the_taint_of_a_wait_that_we_cut_is_lifted() {
        let interrupted = "{\"@message\":\"\\nInterrupt received.\\nPlease wait\",\"type\":\"log\"}\n";
        let cut_line = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"waiting for RDS create: context canceled","detail":"","address":"aws_vpc.slow"}}"#;
        let broken_line = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"refused","detail":"","address":"aws_vpc.broken"}}"#;
        let state = state(&[("slow", Some("tainted")), ("broken", Some("tainted"))]);
        let untainted = |journal: String| {
            let (mut begins, mut cut) = (Begins::default(), BTreeSet::new());
            read_journal(journal.as_bytes(), &mut begins, &mut cut);
            to_untaint(&state, &cut)
        };
        assert_eq!(
            untainted(format!("{interrupted}{cut_line}\n{broken_line}\n")),
            ["aws_vpc.slow"]
        );
        assert_eq!(
            untainted(format!("{cut_line}\n{broken_line}\n")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_import_id_comes_from_the_plan_and_from_what_the_cloud_told() {
        let plan = json!({"resource_changes": [
            {"address": "aws_db_instance.this", "change": {"after": {"identifier": "shop"}}},
        ]});
        let begun = |resource_type: &str, id: Option<(&str, &str)>| Begun {
            resource_type: resource_type.to_owned(),
            id: id.map(|(name, value)| (name.to_owned(), value.to_owned())),
        };
        let id = |address: &str, begun: &Begun| import_id(Provider::ALL[0], Some(&plan), address, begun);
        assert_eq!(
            id("aws_db_instance.this", &begun("aws_db_instance", None)).as_deref(),
            Some("shop")
        );
        assert_eq!(
            id("aws_vpc.this", &begun("aws_vpc", Some(("id", "vpc-1")))).as_deref(),
            Some("vpc-1")
        );
        assert_eq!(id("aws_vpc.this", &begun("aws_vpc", None)), None);
    }
}
