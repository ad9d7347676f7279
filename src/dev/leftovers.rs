//! What an earlier `siteplane dev` left when it was killed so hard that even its children stayed.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// How long a leftover may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(15);

/// The arguments of a process, program first; `None` if there is none of that id.
pub(crate) fn command_line(pid: u32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    let parts: Vec<String> = parts
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    (!parts.is_empty()).then_some(parts)
}

/// Whether this process is of ours: ids are used again, so the number alone says nothing. Every child of ours has
/// the folder, or one in it, among its arguments.
fn is_ours(pid: u32, folders: &[&Path]) -> bool {
    command_line(pid).is_some_and(|line| {
        line.iter().any(|part| {
            folders
                .iter()
                .any(|folder| Path::new(part).is_absolute() && Path::new(part) == *folder)
        })
    })
}

/// Ends those of `pids` that are ours, and says which they were.
///
/// # Errors
/// One does not end.
pub(crate) async fn end(pids: &[(String, u32)], folders: &[&Path]) -> anyhow::Result<Vec<String>> {
    let mut ended = Vec::new();
    // The youngest first, as at every stop: the database goes last.
    for (name, pid) in pids.iter().rev() {
        if !is_ours(*pid, folders) {
            continue;
        }
        let process = i32::try_from(*pid)
            .ok()
            .and_then(Pid::from_raw)
            .context("a process id is out of range")?;
        let gentle = if name == "postgres" {
            Signal::INT
        } else {
            Signal::TERM
        };
        for signal in [gentle, Signal::KILL] {
            // It may end this moment; what counts is whether it is still there.
            let _ = kill_process(process, signal);
            let deadline = Instant::now() + PATIENCE;
            while is_ours(*pid, folders) && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if !is_ours(*pid, folders) {
                break;
            }
        }
        anyhow::ensure!(
            !is_ours(*pid, folders),
            "{name} (process {pid}) of an earlier run does not end"
        );
        ended.push(format!("{name} ({pid})"));
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_process_that_names_the_folder_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = std::process::Command::new("/bin/sh")
            .args(["-c", "read line; :", "sh"])
            .arg(folder.path())
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stranger = std::process::Command::new("/bin/sh")
            .args(["-c", "read line; :", "sh", "elsewhere"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // For a moment after its exec a process has no arguments yet.
        for pid in [ours.id(), stranger.id()] {
            while command_line(pid).is_none() {
                tokio::task::yield_now().await;
            }
        }
        let pids = [
            ("worker".to_owned(), ours.id()),
            ("api".to_owned(), stranger.id()),
            ("postgres".to_owned(), 4_194_303),
        ];
        // Whoever started a process reaps it; here that is this test.
        let reaper = std::thread::spawn(move || ours.wait().unwrap());
        let ended = end(&pids, &[folder.path()]).await.unwrap();
        assert_eq!(ended, [format!("worker ({})", pids[0].1)]);
        assert!(!reaper.join().unwrap().success());
        assert!(stranger.try_wait().unwrap().is_none(), "a stranger was ended");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
