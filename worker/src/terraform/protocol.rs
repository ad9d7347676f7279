//! What worker and supervisor say to each other: one JSON object a line, over the supervisor's stdin and stdout.
//!
//! Both sides are the same program, so there is no versioning. Secrets travel here (a run's environment) and
//! nowhere else: never in arguments, never in the supervisor's own environment.

use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::environment::Environment;

/// Bytes of a message that are read. A line of output is at most 1 MiB and grows sixfold at worst as JSON.
pub const MESSAGE_LIMIT: usize = 8 * 1024 * 1024;

/// From the worker to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToSupervisor {
    /// The first message: how the end of the lease is handled.
    Lease {
        /// Terraform is interrupted so long before the lease ends.
        margin_ms: u64,
        /// How long Terraform may wind down after that, or after the worker's death, before it is killed.
        grace_ms: u64,
    },
    /// The lease is good until then.
    GoodUntil {
        /// On the boot clock, see [`super::boot_clock_ms`].
        boot_ms: u64,
    },
    /// Start a program. One at a time.
    Run(RunMessage),
    /// Interrupt the running program, once; kill it when the grace is over.
    Interrupt {
        /// How long it may wind down.
        grace_ms: u64,
    },
    /// Kill the running program and all that it started, now.
    Kill {},
}

/// A program to run. Its Debug shows no value of its environment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunMessage {
    /// Chosen by the worker; the answers carry it.
    pub id: u64,
    /// Path of the program.
    pub program: PathBuf,
    /// Its arguments, without the program's name.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: Environment,
    /// Its working directory.
    pub cwd: PathBuf,
    /// A file in the working directory that takes the program's stdout instead of [`FromSupervisor::Line`].
    pub stdout_to: Option<String>,
    /// A file in the working directory that each line of stdout is appended to before it is told.
    pub journal: Option<String>,
}

/// From the supervisor to the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FromSupervisor {
    /// The program runs.
    Started {
        /// The run.
        id: u64,
        /// The program's process.
        pid: i32,
        /// Its process group.
        group: i32,
        /// When the process started, in clock ticks since boot.
        started_ticks: u64,
    },
    /// The program printed a line.
    Line {
        /// The run.
        id: u64,
        /// Where it was printed.
        stream: OutputStream,
        /// The line, without its end.
        text: String,
    },
    /// The program and all that it started are gone.
    Exited {
        /// The run.
        id: u64,
        /// Exit status, unless a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// Why it ended.
        reason: ExitReason,
        /// Why the journal is not complete, if it is not.
        journal_error: Option<String>,
    },
    /// The program was not started.
    Failed {
        /// The run.
        id: u64,
        /// What was wrong.
        error: String,
    },
}

/// Where a line was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Why a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// By itself, or by somebody else's signal.
    Exited,
    /// It was asked to stop.
    Interrupted,
    /// The lease was not renewed in time.
    LeaseEnded,
    /// The worker closed the pipe or died.
    WorkerGone,
    /// It was to be killed at once.
    Killed,
    /// It ran longer than its deadline. The worker's verdict: the supervisor only sees an interrupt.
    Deadline,
}

/// A message as a line, with its end.
pub(super) fn to_line(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("messages have only string keys");
    line.push(b'\n');
    line
}

/// The message in a line.
pub(super) fn from_line<M: DeserializeOwned>(line: &str) -> serde_json::Result<M> {
    serde_json::from_str(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_single_lines_and_come_back_as_they_were() {
        let line = to_line(&ToSupervisor::Interrupt { grace_ms: 5 });
        assert_eq!(line, b"{\"interrupt\":{\"grace_ms\":5}}\n");
        assert_eq!(to_line(&ToSupervisor::Kill {}), b"{\"kill\":{}}\n");
        let line = to_line(&FromSupervisor::Line {
            id: 1,
            stream: OutputStream::Stderr,
            text: "two\nlines".into(),
        });
        assert_eq!(
            line,
            b"{\"line\":{\"id\":1,\"stream\":\"stderr\",\"text\":\"two\\nlines\"}}\n"
        );
        let back = from_line::<FromSupervisor>(std::str::from_utf8(&line).unwrap()).unwrap();
        assert!(matches!(back, FromSupervisor::Line { text, .. } if text == "two\nlines"));
    }

    #[test]
    fn a_run_shows_no_value_of_its_environment() {
        let message = r#"{"run":{"id":1,"program":"/bin/sh","args":["-c","exit 0"],"env":{"DB_PASSWORD":"hunter2-hunter2"},
            "cwd":"/","stdout_to":"plan.json","journal":null}}"#;
        let run: ToSupervisor = from_line(message).unwrap();
        let shown = format!("{run:?}");
        assert!(
            shown.contains("DB_PASSWORD") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert!(
            std::str::from_utf8(&to_line(&run))
                .unwrap()
                .contains("hunter2-hunter2"),
            "but it is sent"
        );
    }
}
