//! The simulated cloud as a configured provider knows it: what [`crate::change`] and [`crate::lookup`] have in common.
//!
//! Each operation is journalled, and may be made to fail by `faults.json`.

use std::{path::PathBuf, time::Duration};

use tokio::sync::watch;

use crate::{
    facts::{ProviderFacts, ResourceFacts},
    faults::{self, Fault, FaultsError},
    journal::{Journal, JournalError, Operation, Outcome},
    protocol::Diagnostic,
    schema::{Block, Schema},
    store::{Store, StoreError},
    template::{self, Scope, Seed},
    value::{Fields, Value},
};

/// What the environment says, read once.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Where the cloud lies (`SIMULATED_CLOUD_DIR`).
    pub(crate) directory: Option<PathBuf>,
    /// Whose doing this is (`SIMULATED_CLOUD_ATTEMPT`).
    pub(crate) attempt: String,
    /// How long each change takes (`SIMULATED_CLOUD_LATENCY_MS`), or why that can't be told.
    pub(crate) latency: Result<Duration, String>,
    /// The account number (`SIMULATED_CLOUD_ACCOUNT`).
    pub(crate) account: String,
    /// The region, from the provider's own variables.
    pub(crate) region: String,
}

/// A configured provider: one cloud, one region, one attempt.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) provider: &'static ProviderFacts,
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) latency: Duration,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) attempt: String,
    /// The provider block's tags for every resource.
    pub(crate) default_tags: Fields,
    /// Turns true when Terraform asks to stop.
    pub(crate) stop: watch::Receiver<bool>,
}

/// A resource type with all that is known about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourceType<'a> {
    pub(crate) name: &'a str,
    pub(crate) schema: &'a Schema,
    pub(crate) facts: &'static ResourceFacts,
}

impl<'a> ResourceType<'a> {
    pub(crate) fn block(&self) -> &'a Block {
        &self.schema.block
    }
}

/// The answer to a change: the state that Terraform shall keep, and what went wrong.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) state: Value,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Why an operation did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Fault(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{operation} of {type_name} was not begun: Terraform asked to stop")]
    Stopped {
        operation: &'static str,
        type_name: String,
    },
    #[error("waiting for {type_name} ({id}) {operation}: context canceled")]
    Cut {
        operation: &'static str,
        type_name: String,
        id: String,
    },
    #[error("{type_name} ({id}) does not exist in the simulated cloud")]
    Missing { type_name: String, id: String },
    #[error("{type_name}: the attributes that tell it from others have no value: {key}")]
    NoKey { type_name: String, key: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Faults(#[from] FaultsError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("no random numbers: {}", .0.kind())]
    Random(std::io::Error),
}

impl Failure {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Failure::Stopped { .. } | Failure::Cut { .. } => Outcome::Interrupted,
            _ => Outcome::Error,
        }
    }
}

impl Cloud {
    /// Journals the end of an operation, and says in diagnostics what went wrong.
    pub(crate) fn end(
        &self,
        operation: Operation,
        type_name: &str,
        id: Option<&str>,
        failure: Option<&Failure>,
    ) -> Vec<Diagnostic> {
        let outcome = failure.map_or(Outcome::Ok, Failure::outcome);
        let error = failure.map(ToString::to_string);
        let mut diagnostics = Vec::new();
        if let Some(error) = &error {
            let detail = format!(
                "The simulated cloud's {} of {type_name} failed.",
                operation.word()
            );
            diagnostics.push(Diagnostic::error(error.clone(), detail));
        }
        if let Err(error) = self
            .journal
            .end(operation, type_name, id, outcome, error.as_deref())
        {
            diagnostics.push(Diagnostic::warning(
                error.to_string(),
                "The operation itself is not touched by this.",
            ));
        }
        diagnostics
    }

    /// The fault for an operation that may begin now; one that breaks it before its effect has done so.
    pub(crate) async fn admit(
        &self,
        operation: Operation,
        type_name: &str,
    ) -> Result<Option<Fault>, Failure> {
        let changes = matches!(
            operation,
            Operation::Create | Operation::Update | Operation::Delete
        );
        if changes && *self.stop.borrow() {
            return Err(Failure::Stopped {
                operation: operation.word(),
                type_name: type_name.to_owned(),
            });
        }
        let fault = faults::next(self.store.directory(), type_name, operation)?;
        let Some(fault) = fault else { return Ok(None) };
        if !changes || fault.breaks() && !fault.after {
            tokio::time::sleep(fault.delay()).await;
            return match fault.strike().await {
                Some(error) => Err(Failure::Fault(error)),
                None => Ok(None),
            };
        }
        Ok(Some(fault))
    }

    /// A template over a resource's attributes.
    pub(crate) fn render(&self, template: &str, attributes: &Fields, region: &str) -> Option<String> {
        let seed = Seed::from_parts(&[]);
        template::render(
            template,
            &Scope {
                attributes,
                prior: None,
                region,
                account: &self.account,
                seed: &seed,
            },
        )
    }

    pub(crate) fn key(&self, of: ResourceType<'_>, state: &Value) -> Result<String, Failure> {
        let key = state
            .fields()
            .and_then(|fields| self.render(of.facts.key, fields, &self.region));
        key.ok_or_else(|| Failure::NoKey {
            type_name: of.name.to_owned(),
            key: of.facts.key,
        })
    }
}

/// The id, where it is known.
pub(crate) fn id_of(state: &Value) -> Option<String> {
    state.field("id").text().map(ToOwned::to_owned)
}
