//! Child processes that never outlive `siteplane dev`.
//!
//! Three ways lead to that, each for another death. Told to stop: a signal, then a kill. Killed itself: the kernel
//! sends the child its stop signal when the *thread* that started it ends, so children are started on the main
//! thread only, which lives as long as the process. And API and worker hold the reading end of a pipe, whose end
//! tells them the same.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;
use rustix::process::{Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal};
use tokio::{
    process::{ChildStdin, Command},
    time::{Instant, timeout},
};

use super::postgres::User;

/// How much of a log is shown when its process died.
const LOG_SHOWN: u64 = 3_000;
/// Deaths within this time count together.
const RESTART_WINDOW: Duration = Duration::from_secs(60);
/// So many of them, and the whole gives up.
const MOST_RESTARTS: usize = 5;
/// The pause before the first restart; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How a process is started.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// What people call it.
    pub(crate) name: String,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments; never a secret.
    pub(crate) arguments: Vec<String>,
    /// What it gets beside our own environment: secrets go here.
    pub(crate) environment: Vec<(String, String)>,
    /// Who runs it, if not ourselves.
    pub(crate) user: Option<User>,
    /// What asks it to stop.
    pub(crate) stop: Signal,
    /// It holds a pipe whose end tells it to stop.
    pub(crate) has_lifeline: bool,
    /// Its working directory.
    pub(crate) folder: PathBuf,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

impl Recipe {
    /// Starts it. Call this on the main thread: see the module.
    ///
    /// # Errors
    /// The program can't be started, or the log not written.
    pub(crate) fn start(&self) -> anyhow::Result<Child> {
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("can't write {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(if self.has_lifeline {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C at the terminal reaches us alone: we stop the others in their order.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        end_with_us(&mut command, self.stop);
        let mut process = command
            .spawn()
            .with_context(|| format!("can't start {}", self.program.display()))?;
        let lifeline = process.stdin.take();
        Ok(Child {
            recipe: self.clone(),
            process,
            lifeline,
            started: Instant::now(),
        })
    }
}

/// The child gets `signal` when the thread that starts it ends.
#[expect(
    unsafe_code,
    reason = "pre_exec runs between fork and exec; only system calls happen there"
)]
fn end_with_us(command: &mut Command, signal: Signal) {
    let us = getpid();
    // SAFETY: the closure makes three system calls and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(signal))?;
            // We may have ended before the line above.
            if getppid() == Some(us) {
                Ok(())
            } else {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        });
    }
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Child {
    recipe: Recipe,
    process: tokio::process::Child,
    lifeline: Option<ChildStdin>,
    started: Instant,
}

impl Child {
    /// Its process id; `None` once it was waited for.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.recipe.name
    }

    /// Asks it to stop, waits, and kills it where that is too long. True if it went by itself.
    pub(crate) async fn stop(&mut self, patience: Duration) -> bool {
        self.lifeline = None;
        if let Some(pid) = self.process.id().and_then(as_pid) {
            // It may have ended this moment; the wait below tells.
            let _ = kill_process(pid, self.recipe.stop);
        }
        match timeout(patience, self.process.wait()).await {
            Ok(_) => true,
            Err(_) => {
                self.kill().await;
                false
            }
        }
    }

    /// Ends it at once.
    pub(crate) async fn kill(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill().await;
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        tail(&self.recipe.log).unwrap_or_default()
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_SHOWN)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // The first line is cut, if anything was left out.
    Ok(match text.split_once('\n') {
        Some((_, rest)) if length > LOG_SHOWN => rest.to_owned(),
        _ => text,
    })
}

/// Processes that are kept running.
#[derive(Debug, Default)]
pub(crate) struct Family {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    child: Child,
    deaths: Vec<Instant>,
}

/// What happened to a member.
#[derive(Debug)]
pub(crate) struct Restarted {
    /// Who.
    pub(crate) name: String,
    /// How it ended.
    pub(crate) status: ExitStatus,
}

impl Family {
    /// Takes one in.
    pub(crate) fn add(&mut self, child: Child) {
        self.members.push(Member {
            child,
            deaths: Vec::new(),
        });
    }

    /// Name and process id of each that runs.
    pub(crate) fn pids(&self) -> Vec<(String, u32)> {
        self.members
            .iter()
            .filter_map(|member| Some((member.child.name().to_owned(), member.child.pid()?)))
            .collect()
    }

    /// Waits until one dies, and starts it anew. Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// One dies again and again; its last words are in the error.
    pub(crate) async fn mend(&mut self) -> anyhow::Result<Restarted> {
        let (status, index) = {
            let waits =
                self.members.iter_mut().enumerate().map(|(index, member)| {
                    Box::pin(async move { (member.child.process.wait().await, index) })
                });
            if waits.len() == 0 {
                return std::future::pending().await;
            }
            futures::future::select_all(waits).await.0
        };
        let status = status.context("can't wait for a child process")?;
        let member = &mut self.members[index];
        let now = Instant::now();
        member.deaths.retain(|death| now - *death < RESTART_WINDOW);
        member.deaths.push(now);
        let name = member.child.name().to_owned();
        if member.deaths.len() > MOST_RESTARTS {
            anyhow::bail!(
                "{name} ended {} times within a minute (last: {status}); its log {} ends with:\n{}",
                member.deaths.len(),
                member.child.recipe.log.display(),
                member.child.last_words()
            );
        }
        let doublings = u32::try_from(member.deaths.len() - 1).expect("there are only a few");
        // One that ran for long enough is started at once.
        if now - member.child.started < RESTART_WINDOW {
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(doublings)).await;
        }
        member.child = member.child.recipe.start()?;
        Ok(Restarted { name, status })
    }

    /// Stops all, the youngest first. Names those that had to be killed.
    pub(crate) async fn stop(&mut self, patience: Duration) -> Vec<String> {
        let mut killed = Vec::new();
        while let Some(mut member) = self.members.pop() {
            if !member.child.stop(patience).await {
                killed.push(member.child.name().to_owned());
            }
        }
        killed
    }
}

/// Resolves when the pipe on stdin ends: whoever started this process is gone or wants it to stop.
///
/// # Errors
/// Stdin is no pipe.
pub(crate) async fn lifeline_ends() -> io::Result<()> {
    use tokio::{io::AsyncReadExt, net::unix::pipe};
    let stdin: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let mut pipe = pipe::Receiver::from_owned_fd(stdin)?;
    let mut bytes = [0; 64];
    while pipe.read(&mut bytes).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path) -> Recipe {
        Recipe {
            name: "script".to_owned(),
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: vec![("WORD".to_owned(), "hello".to_owned())],
            user: None,
            stop: Signal::TERM,
            has_lifeline: true,
            folder: folder.to_path_buf(),
            log: folder.join("log"),
        }
    }

    /// The child is past its first lines once it has said something.
    async fn wait_for_words(child: &Child) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while child.last_words().is_empty() {
            assert!(Instant::now() < deadline, "the child says nothing");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn the_end_of_its_pipe_is_enough_to_stop_a_child() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = shell("trap '' TERM; echo $WORD; read line; echo bye", folder.path())
            .start()
            .unwrap();
        wait_for_words(&child).await;
        assert!(child.stop(Duration::from_secs(10)).await);
        assert_eq!(child.last_words(), "hello\nbye\n");
    }

    #[tokio::test]
    async fn a_child_that_does_not_listen_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = shell(
            "trap '' TERM; echo ready; while :; do sleep 0.1; done",
            folder.path(),
        )
        .start()
        .unwrap();
        wait_for_words(&child).await;
        assert!(!child.stop(Duration::from_millis(300)).await);
    }

    #[tokio::test]
    async fn a_child_that_dies_is_started_anew_and_one_that_always_dies_is_given_up_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut family = Family::default();
        family.add(shell("echo no database; exit 3", folder.path()).start().unwrap());
        let first = family.mend().await.unwrap();
        assert_eq!((first.name.as_str(), first.status.code()), ("script", Some(3)));
        let error = loop {
            match family.mend().await {
                Ok(_) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert!(
            error.contains("6 times within a minute") && error.contains("no database"),
            "{error}"
        );
    }

    #[test]
    fn a_child_ends_with_the_thread_that_started_it() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = shell("exec sleep 600", folder.path());
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let child = runtime.block_on(async { recipe.start().unwrap() });
            sender.send(child.pid().unwrap()).unwrap();
            // As after a kill: nothing is tidied up, the thread is just gone.
            std::mem::forget((child, runtime));
        })
        .join()
        .unwrap();
        let pid = as_pid(receiver.recv().unwrap()).unwrap();
        // The test is the parent, so the ended child waits to be reaped.
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        let ended = loop {
            let found = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG).unwrap();
            if found.is_some() || std::time::Instant::now() > deadline {
                break found;
            }
            std::thread::yield_now();
        };
        assert!(ended.is_some_and(|(_, status)| status.terminating_signal() == Some(Signal::TERM.as_raw())));
    }
}
