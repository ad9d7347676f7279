//! Failures made on purpose: `faults.json` in the store says which operation of which type fails how.
//!
//! The first row that fits and is not used up is the one that counts. How often a row was used is counted across
//! processes; a new `faults.json` starts the counts anew.

use std::{
    fs::File,
    io::{ErrorKind, Read, Seek, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{journal::Operation, redaction::fingerprint};

/// A row of `faults.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// The resource type or data source, or `*`.
    #[serde(rename = "type")]
    type_name: String,
    operation: FaultyOperation,
    /// The operation answers with this error.
    #[serde(default)]
    error: Option<String>,
    /// The operation takes this much longer, in milliseconds.
    #[serde(default)]
    delay_ms: Option<u64>,
    /// Error, crash or silence come after the effect: the answer is lost.
    #[serde(default)]
    pub(crate) after: bool,
    /// How often; without it, always.
    #[serde(default)]
    times: Option<u64>,
    /// The operation never answers.
    #[serde(default)]
    hang: bool,
    /// The provider's process ends at once.
    #[serde(default)]
    exit: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum FaultyOperation {
    Create,
    Read,
    Update,
    Delete,
    Import,
    ReadData,
    #[serde(rename = "*")]
    Any,
}

impl FaultyOperation {
    fn covers(self, operation: Operation) -> bool {
        match self {
            FaultyOperation::Any => true,
            FaultyOperation::Create => operation == Operation::Create,
            FaultyOperation::Read => operation == Operation::Read,
            FaultyOperation::Update => operation == Operation::Update,
            FaultyOperation::Delete => operation == Operation::Delete,
            FaultyOperation::Import => operation == Operation::Import,
            FaultyOperation::ReadData => operation == Operation::ReadData,
        }
    }
}

/// Why the faults can't be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FaultsError {
    #[error("{} can't be read or written: {}", path.display(), source.kind())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} is malformed at {field}: {reason}", path.display())]
    Malformed {
        path: PathBuf,
        field: String,
        reason: String,
    },
}

/// The next fault for an operation, counted as used; none where it shall succeed.
///
/// # Errors
/// `faults.json` is malformed, or a count can't be kept.
pub(crate) fn next(
    directory: &Path,
    type_name: &str,
    operation: Operation,
) -> Result<Option<Fault>, FaultsError> {
    let path = directory.join("faults.json");
    let failed = |source| FaultsError::File {
        path: path.clone(),
        source,
    };
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    let version = format!("{}.{}.{}", meta.ino(), meta.mtime(), meta.mtime_nsec());
    for (index, fault) in parse(&path, &text)?.into_iter().enumerate() {
        let fits =
            (fault.type_name == "*" || fault.type_name == type_name) && fault.operation.covers(operation);
        let Some(times) = fault.times.filter(|_| fits) else {
            if fits {
                return Ok(Some(fault));
            }
            continue;
        };
        let row = serde_json::to_string(&fault).expect("a fault has text keys only");
        let count = fingerprint(&[version.as_bytes(), &index.to_be_bytes(), row.as_bytes()]);
        if count_up(&directory.join("fault-counts").join(count), times)? {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Fault>, FaultsError> {
    let malformed = |field: String, reason: String| FaultsError::Malformed {
        path: path.to_owned(),
        field,
        reason,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let faults: Vec<Fault> = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| malformed(error.path().to_string(), error.inner().to_string()))?;
    for (index, fault) in faults.iter().enumerate() {
        if fault.error.is_none() && fault.delay_ms.is_none() && !fault.hang && !fault.exit {
            return Err(malformed(
                format!("[{index}]"),
                "one of error, delay_ms, hang or exit is needed".to_owned(),
            ));
        }
    }
    Ok(faults)
}

/// Counts one more use; false where there were as many as allowed.
fn count_up(path: &Path, times: u64) -> Result<bool, FaultsError> {
    let failed = |source| FaultsError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let used: u64 = text.trim().parse().unwrap_or(0); // empty: just made
    if used >= times {
        return Ok(false);
    }
    file.rewind().map_err(failed)?;
    file.write_all((used + 1).to_string().as_bytes())
        .map_err(failed)?;
    Ok(true)
}

impl Fault {
    /// How much longer the operation takes.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.unwrap_or(0))
    }

    /// Whether it does more than to delay.
    pub(crate) fn breaks(&self) -> bool {
        self.error.is_some() || self.hang || self.exit
    }

    /// Ends the process, never returns, or gives the error's text; none where the fault is but a delay.
    pub(crate) async fn strike(&self) -> Option<String> {
        if self.exit {
            eprintln!("[ERROR] the simulated cloud ends this process, as faults.json asks");
            std::process::exit(70);
        }
        if self.hang {
            std::future::pending::<()>().await;
        }
        self.error.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_faults(text: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("faults.json"), text).unwrap();
        directory
    }

    #[test]
    fn a_fault_with_times_is_used_up() {
        let directory =
            with_faults(r#"[{"type": "aws_lb", "operation": "create", "error": "no", "times": 2}]"#);
        let next = || next(directory.path(), "aws_lb", Operation::Create).unwrap();
        assert!(next().is_some());
        assert!(next().is_some());
        assert!(next().is_none());
    }

    #[test]
    fn a_fault_fits_its_type_and_operation_only() {
        let directory = with_faults(
            r#"[{"type": "aws_lb", "operation": "*", "error": "a"}, {"type": "*", "operation": "read", "delay_ms": 5}]"#,
        );
        let fits = |type_name, operation| next(directory.path(), type_name, operation).unwrap().is_some();
        assert!(fits("aws_lb", Operation::Import));
        assert!(fits("aws_vpc", Operation::Read));
        assert!(!fits("aws_vpc", Operation::Create));
        assert!(!fits("aws_vpc", Operation::ReadData));
    }

    #[test]
    fn a_malformed_file_is_an_error_that_names_the_field() {
        for (text, words) in [
            (
                r#"[{"type": "*", "operation": "drop", "error": "no"}]"#,
                "[0].operation: unknown variant `drop`",
            ),
            (
                r#"[{"type": "*", "operation": "read", "delay_ms": "5"}]"#,
                "[0].delay_ms: invalid type",
            ),
            (
                r#"[{"type": "*", "operation": "read"}]"#,
                "[0]: one of error, delay_ms, hang or exit is needed",
            ),
            (
                r#"[{"type": "*", "operation": "read", "eror": "x"}]"#,
                "[0].eror: unknown field `eror`",
            ),
        ] {
            let error = next(with_faults(text).path(), "aws_vpc", Operation::Read)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
