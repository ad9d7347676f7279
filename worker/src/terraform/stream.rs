//! Reads what Terraform prints with `-json` (machine-readable UI, version 1.2).
//!
//! Pure, and it never fails: what is no JSON or of a type that is not known is kept as such.
//! The types are those of <https://developer.hashicorp.com/terraform/internals/machine-readable-ui> and of what
//! Terraform 1.11.4 was seen to print. Lines may come slightly out of the order of their times, and data-source
//! reads come as `apply_start` and `apply_complete`, also while planning.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

mod diagnostics;

pub use diagnostics::{Diagnostic, Diagnostics, Failure, Severity, Snippet, SourceRange};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct UiLine {
    /// When Terraform printed it; some types have whole seconds only.
    pub at: Option<DateTime<Utc>>,
    /// Terraform's sentence for people; the line itself where it is no JSON.
    pub message: String,
    /// What it says.
    pub event: UiEvent,
}

/// What is done with a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are Terraform's own")]
pub enum Action {
    Create,
    Read,
    Update,
    Replace,
    Delete,
    NoOp,
    Move,
    Import,
    /// Taken out of the state and left in the cloud. Terraform also calls it "forget".
    Remove,
    /// One that is not known here.
    Other(String),
}

/// A resource of a module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// `module.site.aws_subnet.public[0]`.
    pub address: String,
    /// `aws_subnet`.
    pub resource_type: String,
}

/// An intended or detected change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The resource.
    pub resource: Resource,
    /// What is to be done.
    pub action: Action,
    /// Why, in Terraform's words: `tainted`, `requested`, `cannot_update`, ….
    pub reason: Option<String>,
    /// The address that it had, for a move.
    pub previous_address: Option<String>,
    /// The cloud's id of what is to be imported.
    pub importing_id: Option<String>,
}

/// Something that happens to a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The resource.
    pub resource: Resource,
    /// What is being done. [`Action::Read`] is a data source: not a change.
    pub action: Action,
    /// The attribute that identifies it, and its value: what is needed to import a resource that no state knows.
    pub id: Option<(String, String)>,
    /// Seconds since it began.
    pub elapsed_seconds: Option<u64>,
}

/// The totals of a plan, an apply or a destroy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Terraform's own")]
pub struct ChangeSummary {
    pub add: u64,
    pub change: u64,
    pub remove: u64,
    pub import: u64,
    /// `plan`, `apply` or `destroy`.
    pub operation: String,
}

/// An output of the root module.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Terraform hides its value, and so do we.
    pub sensitive: bool,
    /// Its value, once applied; never that of a sensitive one.
    pub value: Option<Value>,
}

/// What happens to a provisioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Terraform's own")]
pub enum ProvisionPhase {
    Start,
    Progress,
    Complete,
    Errored,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum UiEvent {
    /// The first line.
    Version {
        /// Terraform's version.
        terraform: String,
        /// The version of these lines.
        ui: String,
    },
    /// A remark.
    Log,
    /// Output of `init`.
    InitOutput {
        /// Which message it is.
        code: String,
    },
    /// Waiting for a lock of the state, or letting it go.
    StateLock {
        /// True while it is acquired, false when it is released.
        acquire: bool,
    },
    /// A change that the plan makes.
    PlannedChange(Change),
    /// A change that was made outside of Terraform.
    ResourceDrift(Change),
    /// The totals; not printed on failure.
    ChangeSummary(ChangeSummary),
    /// Begun.
    ApplyStart(Operation),
    /// Still at it, every ten seconds.
    ApplyProgress(Operation),
    /// Done.
    ApplyComplete(Operation),
    /// Failed. Why is in a [`Diagnostic`] at the end: see [`Diagnostics`].
    ApplyErrored(Operation),
    /// A provisioner.
    Provision {
        /// The resource that it belongs to.
        resource: Resource,
        /// What happened.
        phase: ProvisionPhase,
        /// `local-exec`.
        provisioner: String,
        /// What it printed.
        output: Option<String>,
    },
    /// An ephemeral resource; which step, is in the type (`ephemeral_op_start`).
    EphemeralOperation {
        /// Terraform's type of the line.
        kind: String,
        /// What happened.
        operation: Operation,
    },
    /// A resource is read again.
    RefreshStart(Operation),
    /// It was read.
    RefreshComplete(Operation),
    /// A warning or an error.
    Diagnostic(Diagnostic),
    /// The outputs; not printed on failure.
    Outputs(BTreeMap<String, Output>),
    /// `terraform test`.
    Test {
        /// Terraform's type of the line (`test_run`).
        kind: String,
        /// The object of that name, or null.
        detail: Value,
    },
    /// A type that is not known here, or one that lacks what it should have.
    Unknown {
        /// Terraform's type of the line; empty if it has none.
        kind: String,
        /// The whole line.
        line: Value,
    },
    /// A line that is no JSON object.
    NotJson(String),
}

impl UiLine {
    /// Reads a line.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value.is_object() => {
                let kind = text(&value, "/type").unwrap_or_default();
                let event = event(&kind, &value).unwrap_or_else(|| UiEvent::Unknown {
                    kind,
                    line: value.clone(),
                });
                let at = text(&value, "/@timestamp").and_then(|at| DateTime::parse_from_rfc3339(&at).ok());
                Self {
                    at: at.map(|at| at.to_utc()),
                    message: text(&value, "/@message").unwrap_or_default(),
                    event,
                }
            }
            _ => Self {
                at: None,
                message: line.to_owned(),
                event: UiEvent::NotJson(line.to_owned()),
            },
        }
    }
}

impl Action {
    fn from_terraform(name: &str) -> Self {
        match name {
            "create" => Self::Create,
            "read" => Self::Read,
            "update" => Self::Update,
            "replace" => Self::Replace,
            "delete" => Self::Delete,
            "noop" => Self::NoOp,
            "move" => Self::Move,
            "import" => Self::Import,
            "remove" | "forget" => Self::Remove,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Terraform's name of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::NoOp => "noop",
            Self::Move => "move",
            Self::Import => "import",
            Self::Remove => "remove",
            Self::Other(name) => name,
        }
    }
}

/// `None` for a type that is not known or a line that lacks something.
fn event(kind: &str, line: &Value) -> Option<UiEvent> {
    Some(match kind {
        "version" => UiEvent::Version {
            terraform: text(line, "/terraform")?,
            ui: text(line, "/ui")?,
        },
        "log" => UiEvent::Log,
        "init_output" => UiEvent::InitOutput {
            code: text(line, "/message_code")?,
        },
        "state_lock_acquire" => UiEvent::StateLock { acquire: true },
        "state_lock_release" => UiEvent::StateLock { acquire: false },
        "planned_change" => UiEvent::PlannedChange(change(line)?),
        "resource_drift" => UiEvent::ResourceDrift(change(line)?),
        "change_summary" => UiEvent::ChangeSummary(ChangeSummary {
            add: number(line, "/changes/add")?,
            change: number(line, "/changes/change")?,
            remove: number(line, "/changes/remove")?,
            // Terraform before 1.5 has no imports.
            import: number(line, "/changes/import").unwrap_or(0),
            operation: text(line, "/changes/operation")?,
        }),
        "apply_start" => UiEvent::ApplyStart(operation(line, None)?),
        "apply_progress" => UiEvent::ApplyProgress(operation(line, None)?),
        "apply_complete" => UiEvent::ApplyComplete(operation(line, None)?),
        "apply_errored" => UiEvent::ApplyErrored(operation(line, None)?),
        "refresh_start" => UiEvent::RefreshStart(operation(line, Some(Action::Read))?),
        "refresh_complete" => UiEvent::RefreshComplete(operation(line, Some(Action::Read))?),
        "provision_start" => provision(line, ProvisionPhase::Start)?,
        "provision_progress" => provision(line, ProvisionPhase::Progress)?,
        "provision_complete" => provision(line, ProvisionPhase::Complete)?,
        "provision_errored" => provision(line, ProvisionPhase::Errored)?,
        "diagnostic" => UiEvent::Diagnostic(Diagnostic::parse(line.get("diagnostic")?)?),
        "outputs" => UiEvent::Outputs(outputs(line)?),
        _ if kind.starts_with("ephemeral_op_") => UiEvent::EphemeralOperation {
            kind: kind.to_owned(),
            operation: operation(line, None)?,
        },
        _ if kind.starts_with("test_") => UiEvent::Test {
            kind: kind.to_owned(),
            detail: line.get(kind).cloned().unwrap_or_default(),
        },
        _ => return None,
    })
}

fn resource(line: &Value, at: &str) -> Option<Resource> {
    Some(Resource {
        address: text(line, &format!("{at}/addr"))?,
        resource_type: text(line, &format!("{at}/resource_type"))?,
    })
}

fn change(line: &Value) -> Option<Change> {
    Some(Change {
        resource: resource(line, "/change/resource")?,
        action: Action::from_terraform(&text(line, "/change/action")?),
        reason: text(line, "/change/reason"),
        previous_address: text(line, "/change/previous_resource/addr"),
        importing_id: text(line, "/change/importing/id"),
    })
}

/// `implied`: the action of a type whose lines name none.
fn operation(line: &Value, implied: Option<Action>) -> Option<Operation> {
    Some(Operation {
        resource: resource(line, "/hook/resource")?,
        action: match implied {
            Some(action) => action,
            None => Action::from_terraform(&text(line, "/hook/action")?),
        },
        id: text(line, "/hook/id_key").zip(text(line, "/hook/id_value")),
        elapsed_seconds: number(line, "/hook/elapsed_seconds"),
    })
}

fn provision(line: &Value, phase: ProvisionPhase) -> Option<UiEvent> {
    Some(UiEvent::Provision {
        resource: resource(line, "/hook/resource")?,
        phase,
        provisioner: text(line, "/hook/provisioner")?,
        output: text(line, "/hook/output"),
    })
}

fn outputs(line: &Value) -> Option<BTreeMap<String, Output>> {
    let outputs = line.get("outputs")?.as_object()?;
    let read = |output: &Value| {
        // What does not say that it may be shown is not shown.
        let sensitive = output.get("sensitive").and_then(Value::as_bool).unwrap_or(true);
        Output {
            sensitive,
            value: output.get("value").filter(|_| !sensitive).cloned(),
        }
    };
    Some(
        outputs
            .iter()
            .map(|(name, output)| (name.clone(), read(output)))
            .collect(),
    )
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer)?.as_u64()
}
