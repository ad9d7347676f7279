//! The processes of this machine, read from `/proc`, and how to end them for certain.
//!
//! A process that is only left as a zombie counts as gone: it runs nothing, and who reaps it is not ours to say.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::time::{Instant, sleep};

/// How long a process may take to vanish after SIGKILL; one that hangs in the kernel takes longer.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// One living process, as `/proc/<pid>/stat` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// The id of its parent.
    pub parent: i32,
    /// The id of its process group.
    pub group: i32,
    /// When it started, in clock ticks since boot: tells it from a later process with the same id.
    pub started_ticks: u64,
}

impl Process {
    /// `None` for a zombie, and for a line that is no stat line.
    fn parse(stat: &str) -> Option<Self> {
        // "pid (name) state parent group …": the name may hold blanks and brackets.
        let (head, tail) = stat.rsplit_once(") ")?;
        let pid = head.split_once(" (")?.0.parse().ok()?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        if matches!(*fields.first()?, "Z" | "X" | "x") {
            return None;
        }
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            started_ticks: fields.get(19)?.parse().ok()?,
        })
    }

    /// The living process with this id.
    #[must_use]
    pub fn find(pid: i32) -> Option<Self> {
        // A process that ends while it is read looks like one that was never there: both are gone.
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }
}

/// All living processes.
///
/// # Errors
/// `/proc` can't be read.
pub fn living() -> io::Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        processes.extend(
            name.to_str()
                .and_then(|name| name.parse().ok())
                .and_then(Process::find),
        );
    }
    Ok(processes)
}

/// Kills every process whose working directory is `directory` or below it, except this one: what a crash of a
/// worker left in a workspace. Gives the ids of the killed.
///
/// # Errors
/// `/proc` can't be read, a process may not be killed, or one is alive five seconds after its SIGKILL.
pub async fn kill_processes_in(directory: &Path) -> io::Result<Vec<i32>> {
    // The kernel tells the resolved path; a removed directory can't be resolved, but may still be somebody's.
    let directory = directory
        .canonicalize()
        .unwrap_or_else(|_| directory.to_path_buf());
    let own_pid = rustix::process::getpid().as_raw_nonzero().get();
    kill_all(|process| {
        process.pid != own_pid
            && working_directory(process.pid).is_some_and(|current| current.starts_with(&directory))
    })
    .await
}

/// Kills a process group and sees to it that nothing of it lives. `leader_started_ticks` is when the process
/// that the group is named after was started: a group that has got the same number since is left alone.
///
/// # Errors
/// `/proc` can't be read, a process may not be killed, or one is alive five seconds after its SIGKILL.
pub async fn kill_group(group: i32, leader_started_ticks: u64) -> io::Result<Vec<i32>> {
    if Process::find(group).is_some_and(|leader| leader.started_ticks != leader_started_ticks) {
        return Ok(Vec::new());
    }
    if let Some(group) = Pid::from_raw(group) {
        // All at once first, so that none has time to start another; the loop below sees what is left.
        tolerate_absence(kill_process_group(group, Signal::KILL))?;
    }
    kill_all(|process| process.group == group).await
}

/// Kills what is selected until nothing that is selected lives.
async fn kill_all(selected: impl Fn(&Process) -> bool) -> io::Result<Vec<i32>> {
    let deadline = Instant::now() + GONE_WITHIN;
    let mut killed = Vec::new();
    loop {
        let mut left: Vec<i32> = living()?
            .iter()
            .filter(|process| selected(process))
            .map(|p| p.pid)
            .collect();
        if left.is_empty() {
            return Ok(killed);
        }
        if Instant::now() > deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "processes {left:?} are alive {} s after SIGKILL",
                    GONE_WITHIN.as_secs()
                ),
            ));
        }
        for pid in left.iter().copied().filter_map(Pid::from_raw) {
            tolerate_absence(kill_process(pid, Signal::KILL))?;
        }
        left.retain(|pid| !killed.contains(pid));
        killed.append(&mut left);
        sleep(LOOK_AGAIN_AFTER).await;
    }
}

/// `None` where it may not be read (another user's process) or the process is gone.
fn working_directory(pid: i32) -> Option<PathBuf> {
    let path = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    // The kernel marks a directory that was removed under its process.
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(removed) => Some(PathBuf::from(removed)),
        None => Some(path),
    }
}

/// A process that is already gone is what was wanted.
pub(super) fn tolerate_absence(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_behind_a_name_with_blanks_and_brackets() {
        let line = "42 (odd) R (name) S 7 40 40 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5150 1000 1 2 3";
        let process = Process {
            pid: 42,
            parent: 7,
            group: 40,
            started_ticks: 5150,
        };
        assert_eq!(Process::parse(line), Some(process));
        assert_eq!(
            Process::parse(&line.replace(") S 7", ") Z 7")),
            None,
            "a zombie is not alive"
        );
        assert_eq!(Process::parse("nonsense"), None);
    }

    #[test]
    fn this_process_is_among_the_living() {
        let own_pid = rustix::process::getpid().as_raw_nonzero().get();
        let own = Process::find(own_pid).unwrap();
        assert!(living().unwrap().contains(&own));
        assert_eq!(own.group, rustix::process::getpgrp().as_raw_nonzero().get());
    }
}
