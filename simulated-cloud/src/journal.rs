//! The record of what was done to the simulated cloud: one line of JSON a step, appended with one write.
//!
//! Lines stay under 4 KiB, so that lines of several processes never mix.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::store::timestamp;

/// What was asked of the cloud.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    Create,
    Read,
    Update,
    Delete,
    Import,
    ReadData,
}

impl Operation {
    /// The word for it in messages.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Read => "read",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::Import => "import",
            Operation::ReadData => "read of the data source",
        }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Error,
    /// Terraform asked to stop before it was done.
    Interrupted,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Begin,
    End,
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    boot_ms: i64,
    pid: u32,
    attempt: &'a str,
    operation: Operation,
    phase: Phase,
    #[serde(rename = "type")]
    type_name: &'a str,
    id: Option<&'a str>,
    outcome: Option<Outcome>,
    error: Option<&'a str>,
}

/// Why a line could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the simulated cloud's journal {} can't be written: {}", path.display(), source.kind())]
pub(crate) struct JournalError {
    path: PathBuf,
    source: std::io::Error,
}

/// The journal of one store.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    attempt: String,
}

impl Journal {
    /// The journal in the store's directory, whose lines bear that attempt.
    pub(crate) fn new(directory: &Path, attempt: &str) -> Journal {
        Journal {
            path: directory.join("journal.ndjson"),
            attempt: shortened(attempt, 500).to_owned(),
        }
    }

    /// Writes that an operation begins.
    pub(crate) fn begin(
        &self,
        operation: Operation,
        type_name: &str,
        id: Option<&str>,
    ) -> Result<(), JournalError> {
        self.write(operation, Phase::Begin, type_name, id, None, None)
    }

    /// Writes that an operation ended.
    pub(crate) fn end(
        &self,
        operation: Operation,
        type_name: &str,
        id: Option<&str>,
        outcome: Outcome,
        error: Option<&str>,
    ) -> Result<(), JournalError> {
        self.write(operation, Phase::End, type_name, id, Some(outcome), error)
    }

    fn write(
        &self,
        operation: Operation,
        phase: Phase,
        type_name: &str,
        id: Option<&str>,
        outcome: Option<Outcome>,
        error: Option<&str>,
    ) -> Result<(), JournalError> {
        // Escapes make a text at most six times as long: 6 × (500 + 80 + 200 + 600) > 4 KiB only for texts of control
        // characters, which are cut until the line fits.
        let mut error_length = 600;
        let text = loop {
            let line = Line {
                at: timestamp(chrono::Utc::now()),
                boot_ms: boot_ms(),
                pid: std::process::id(),
                attempt: &self.attempt,
                operation,
                phase: match phase {
                    Phase::Begin => Phase::Begin,
                    Phase::End => Phase::End,
                },
                type_name: shortened(type_name, 80),
                id: id.map(|id| shortened(id, 1000)),
                outcome,
                error: error.map(|error| shortened(error, error_length)),
            };
            let mut text = serde_json::to_string(&line).expect("a line has text keys only");
            text.push('\n');
            if text.len() < 4096 || error_length == 0 {
                break text;
            }
            error_length /= 2;
        };
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(|source| self.failed(source))?;
        file.write_all(text.as_bytes())
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> JournalError {
        JournalError {
            path: self.path.clone(),
            source,
        }
    }
}

/// Milliseconds since the machine started, sleep included: orders lines also when the clock is set.
fn boot_ms() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

fn shortened(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_short_line_whatever_is_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::new(directory.path(), "deployment/1");
        let error = "\u{1}ä\n".repeat(5000);
        journal
            .end(
                Operation::ReadData,
                "aws_ami",
                Some("x"),
                Outcome::Error,
                Some(&error),
            )
            .unwrap();
        let text = std::fs::read_to_string(directory.path().join("journal.ndjson")).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.len() < 4096, "{}", text.len());
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["attempt"], "deployment/1");
        assert_eq!(line["operation"], "read_data");
        assert_eq!(line["phase"], "end");
        assert_eq!(line["outcome"], "error");
    }
}
