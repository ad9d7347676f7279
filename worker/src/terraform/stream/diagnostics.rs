//! Terraform's warnings and errors, and which resource's failure each of them explains.

use std::fmt;

use serde_json::Value;

use super::{Operation, UiEvent, UiLine, number, text};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Terraform went on.
    Warning,
    /// It did not.
    Error,
}

/// Where in the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRange {
    /// The file, relative to the workspace.
    pub file: String,
    /// Its first line, from 1.
    pub line: u64,
    /// Its first column, from 1.
    pub column: u64,
}

/// The text that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The block: `resource "aws_route" "bad"`.
    pub context: Option<String>,
    /// The line or lines.
    pub code: String,
    /// The values of what is used there: `("var.site", "is \"err\"")`.
    pub values: Vec<(String, String)>,
}

/// A warning or an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// What, in one line.
    pub summary: String,
    /// More of it, may be empty.
    pub detail: String,
    /// The resource that it is about.
    pub address: Option<String>,
    /// Where.
    pub range: Option<SourceRange>,
    /// What stands there.
    pub snippet: Option<Snippet>,
}

impl Diagnostic {
    pub(super) fn parse(value: &Value) -> Option<Self> {
        Some(Self {
            severity: match text(value, "/severity")?.as_str() {
                "warning" => Severity::Warning,
                // Whatever else it will be called one day, it is not to be taken lightly.
                _ => Severity::Error,
            },
            summary: text(value, "/summary")?,
            detail: text(value, "/detail").unwrap_or_default(),
            address: text(value, "/address"),
            range: range(value),
            snippet: snippet(value),
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.summary)?;
        let detail = self.detail.trim_end();
        if !detail.is_empty() {
            write!(formatter, "\n{detail}")?;
        }
        Ok(())
    }
}

fn range(value: &Value) -> Option<SourceRange> {
    Some(SourceRange {
        file: text(value, "/range/filename")?,
        line: number(value, "/range/start/line")?,
        column: number(value, "/range/start/column")?,
    })
}

fn snippet(value: &Value) -> Option<Snippet> {
    let values = value.pointer("/snippet/values").and_then(Value::as_array);
    Some(Snippet {
        context: text(value, "/snippet/context"),
        code: text(value, "/snippet/code")?,
        values: values
            .into_iter()
            .flatten()
            .filter_map(|entry| Some((text(entry, "/traversal")?, text(entry, "/statement")?)))
            .collect(),
    })
}

/// One thing that failed: a resource with all that Terraform says about it, or an error that belongs to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The resource.
    pub address: Option<String>,
    /// What was being done with it; `None` if Terraform had not begun.
    pub operation: Option<Operation>,
    /// Terraform's errors. Empty where it died before it could say why.
    pub errors: Vec<Diagnostic>,
    /// Terraform's sentence when it failed: `aws_route.bad: Creation errored after 0s`.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.errors.is_empty() {
            return formatter.write_str(&self.message);
        }
        for (number, error) in self.errors.iter().enumerate() {
            if number > 0 {
                formatter.write_str("\n")?;
            }
            if let Some(address) = &self.address {
                write!(formatter, "{address}: ")?;
            }
            error.fmt(formatter)?;
        }
        Ok(())
    }
}

/// Collects the failures of a run, line by line: a resource's failure comes when it happens, its text at the end.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    errored: Vec<(Operation, String)>,
    diagnostics: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Takes a line.
    pub fn observe(&mut self, line: &UiLine) {
        match &line.event {
            UiEvent::ApplyErrored(operation) => self.errored.push((operation.clone(), line.message.clone())),
            UiEvent::EphemeralOperation { kind, operation } if kind == "ephemeral_op_errored" => {
                self.errored.push((operation.clone(), line.message.clone()));
            }
            UiEvent::Diagnostic(diagnostic) => self.diagnostics.push(diagnostic.clone()),
            _ => {}
        }
    }

    /// The warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Warning)
    }

    /// What failed: resources first, in the order in which they did, then errors that belong to none of those.
    #[must_use]
    pub fn join(&self) -> Vec<Failure> {
        let mut rest: Vec<&Diagnostic> = self
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .collect();
        let mut failures = Vec::new();
        for (operation, message) in &self.errored {
            let address = Some(&operation.resource.address);
            let errors = rest
                .extract_if(.., |error| error.address.as_ref() == address)
                .cloned()
                .collect();
            failures.push(Failure {
                address: address.cloned(),
                operation: Some(operation.clone()),
                errors,
                message: message.clone(),
            });
        }
        // What Terraform says of a removal that failed names no resource. Where only one is without words they are its own.
        let mut silent = failures
            .iter_mut()
            .filter(|failure: &&mut Failure| failure.errors.is_empty());
        if let (Some(only), None) = (silent.next(), silent.next()) {
            only.errors = rest
                .extract_if(.., |error| error.address.is_none())
                .cloned()
                .collect();
        }
        failures.extend(rest.into_iter().map(|error| Failure {
            address: error.address.clone(),
            operation: None,
            errors: vec![error.clone()],
            message: format!("Error: {}", error.summary),
        }));
        failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(lines: &[&str]) -> Vec<String> {
        let mut diagnostics = Diagnostics::default();
        for line in lines {
            diagnostics.observe(&UiLine::parse(line));
        }
        diagnostics.join().iter().map(ToString::to_string).collect()
    }

    const ERRORED: &str = r#"{"@message":"a.b: Destruction errored after 0s","type":"apply_errored","hook":{"resource":{"addr":"a.b","resource_type":"a","resource_name":"b"},"action":"delete","elapsed_seconds":0}}"#;
    const WITHOUT_ADDRESS: &str = r#"{"@message":"Error","type":"diagnostic","diagnostic":{"severity":"error","summary":"it has members","detail":""}}"#;

    #[test]
    fn the_words_of_a_removal_that_failed_are_its_own_where_nothing_else_is_without_words() {
        assert_eq!(joined(&[ERRORED, WITHOUT_ADDRESS]), ["a.b: it has members"]);
        let other = ERRORED.replace("a.b", "a.c").replace(r#""b""#, r#""c""#);
        assert_eq!(
            joined(&[ERRORED, &other, WITHOUT_ADDRESS]),
            [
                "a.b: Destruction errored after 0s",
                "a.c: Destruction errored after 0s",
                "it has members"
            ]
        );
    }
}
