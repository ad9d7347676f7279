//! One program under the supervisor: how it is started, stopped, and known to be gone with all it started.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::OpenOptionsExt,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions};
use tokio::net::unix::pipe;

use super::outgoing::Outgoing;
use crate::terraform::{
    boot_clock_ms,
    lines::{LINE_LIMIT, LineSplitter},
    processes::{self, Process, tolerate_absence},
    protocol::{ExitReason, FromSupervisor, OutputStream, RunMessage},
};

/// While processes die, whom they leave behind comes without a signal: look for them so often.
const LOOK_AGAIN_AFTER_MS: u64 = 10;

/// One of the two pipes that a program prints to.
pub(super) struct Output {
    stream: OutputStream,
    /// `None` after its end, and where stdout goes to a file.
    pub(super) pipe: Option<pipe::Receiver>,
    splitter: LineSplitter,
}

/// A program that runs, or that has ended and whose children are still being ended.
pub(super) struct Program {
    pub(super) id: u64,
    pid: Pid,
    status: Option<ExitStatus>,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    journal: Option<File>,
    journal_error: Option<String>,
    wind_down: Option<WindDown>,
}

struct WindDown {
    reason: ExitReason,
    kill_at_ms: u64,
}

impl Program {
    /// Starts it in a process group of its own.
    pub(super) fn start(run: &RunMessage) -> io::Result<Self> {
        if !run.cwd.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no such directory: {}", run.cwd.display()),
            ));
        }
        let (stdout, stdout_pipe) = match &run.stdout_to {
            Some(name) => (Stdio::from(private_file(&run.cwd, name, false)?), None),
            None => {
                let (reader, writer) = io::pipe()?;
                (Stdio::from(writer), Some(receiver(reader.into())?))
            }
        };
        let (stderr_reader, stderr) = io::pipe()?;
        let journal = match &run.journal {
            Some(name) => Some(private_file(&run.cwd, name, true)?),
            None => None,
        };
        let mut command = Command::new(&run.program);
        command
            .args(&run.args)
            .env_clear()
            .envs(run.env.iter())
            .current_dir(&run.cwd)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        die_with_supervisor(&mut command);
        let child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", run.program.display())))?;
        let pid = Pid::from_child(&child);
        Ok(Self {
            id: run.id,
            pid,
            status: None,
            stdout: Output::new(OutputStream::Stdout, stdout_pipe),
            stderr: Output::new(OutputStream::Stderr, Some(receiver(stderr_reader.into())?)),
            journal,
            journal_error: None,
            wind_down: None,
        })
    }

    /// What the worker is told first.
    pub(super) fn started(&self) -> FromSupervisor {
        let pid = self.pid.as_raw_nonzero().get();
        // A program that has ended already has no group left to be mistaken for another's.
        let started_ticks = Process::find(pid).map_or(0, |process| process.started_ticks);
        FromSupervisor::Started {
            id: self.id,
            pid,
            group: pid,
            started_ticks,
        }
    }

    /// Interrupts it, the first time only: a second interrupt makes Terraform leave at once, without saving its
    /// state. Of several graces the one that ends first counts.
    pub(super) fn interrupt(&mut self, reason: ExitReason, grace_ms: u64) -> io::Result<()> {
        let kill_at_ms = boot_clock_ms().saturating_add(grace_ms);
        match &mut self.wind_down {
            Some(wind_down) => wind_down.kill_at_ms = wind_down.kill_at_ms.min(kill_at_ms),
            None if self.status.is_some() => {}
            None => {
                self.wind_down = Some(WindDown { reason, kill_at_ms });
                tolerate_absence(rustix::process::kill_process(self.pid, Signal::INT))?;
            }
        }
        Ok(())
    }

    /// Kills it now.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        let now = boot_clock_ms();
        match &mut self.wind_down {
            Some(wind_down) => wind_down.kill_at_ms = wind_down.kill_at_ms.min(now),
            None if self.status.is_some() => {}
            None => {
                self.wind_down = Some(WindDown {
                    reason: ExitReason::Killed,
                    kill_at_ms: now,
                })
            }
        }
        self.advance().map(drop)
    }

    /// Brings its end forward: reaps, kills what is due, and is true when nothing of it lives.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        self.reap_leader()?;
        let overdue = self
            .wind_down
            .as_ref()
            .is_some_and(|w| w.kill_at_ms <= boot_clock_ms());
        if self.status.is_none() {
            if !overdue {
                return self.reap_all().map(|_| false);
            }
            tolerate_survival(rustix::process::kill_process_group(self.pid, Signal::KILL))?;
        }
        // Children of those killed come to this process, which is the sub-reaper: whoever left the group is
        // found here too, if not at once then at the next call.
        for child in own_children()? {
            tolerate_survival(rustix::process::kill_process(child, Signal::KILL))?;
        }
        let no_child_left = self.reap_all()?;
        Ok(self.status.is_some() && no_child_left)
    }

    /// Milliseconds until [`Self::advance`] has something to do that no signal tells.
    pub(super) fn next_step_in_ms(&self, now_ms: u64) -> Option<u64> {
        if self.status.is_some() {
            return Some(LOOK_AGAIN_AFTER_MS);
        }
        let wind_down = self.wind_down.as_ref()?;
        Some(
            wind_down
                .kill_at_ms
                .saturating_sub(now_ms)
                .max(LOOK_AGAIN_AFTER_MS),
        )
    }

    /// Takes what it printed: first into the journal, then to the worker.
    pub(super) fn printed(&mut self, stream: OutputStream, chunk: &[u8], outgoing: &mut Outgoing) {
        let output = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let lines = if chunk.is_empty() {
            output.pipe = None;
            output.splitter.finish().into_iter().collect()
        } else {
            output.splitter.push(chunk)
        };
        for line in lines {
            if stream == OutputStream::Stdout {
                self.write_journal(&line);
            }
            outgoing.line(self.id, stream, line);
        }
    }

    /// Tells all that is left in the pipes and that it is over. Only when [`Self::advance`] was true: then nobody
    /// can print any more.
    pub(super) fn finish(mut self, outgoing: &mut Outgoing) {
        let mut chunk = vec![0; 64 * 1024];
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            let pipe = match stream {
                OutputStream::Stdout => self.stdout.pipe.take(),
                OutputStream::Stderr => self.stderr.pipe.take(),
            };
            // Not through tokio: its "would block" may be stale, the kernel's is not.
            while let Some(pipe) = &pipe
                && let Ok(count @ 1..) =
                    rustix::io::retry_on_intr(|| rustix::io::read(pipe.as_fd(), &mut chunk[..]))
            {
                self.printed(stream, &chunk[..count], outgoing);
            }
            self.printed(stream, &[], outgoing);
        }
        let status = self.status.expect("a finished program has a status");
        outgoing.message(&FromSupervisor::Exited {
            id: self.id,
            code: status.code(),
            signal: status.signal(),
            reason: self
                .wind_down
                .map_or(ExitReason::Exited, |wind_down| wind_down.reason),
            journal_error: self.journal_error,
        });
    }

    fn write_journal(&mut self, line: &str) {
        let Some(journal) = &mut self.journal else { return };
        // One write a line: what is told to the worker is in the file, whatever happens next.
        if let Err(error) = journal.write_all(format!("{line}\n").as_bytes()) {
            // A full disk must not stop Terraform, which has more to lose.
            self.journal_error = Some(error.to_string());
            self.journal = None;
        }
    }

    fn reap_leader(&mut self) -> io::Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if rustix::process::waitid(WaitId::Pid(self.pid), look)?.is_none() {
            return Ok(());
        }
        // As long as it is not reaped its number can't be anybody else's: the last moment to kill its group.
        tolerate_survival(rustix::process::kill_process_group(self.pid, Signal::KILL))?;
        if let Some((_, status)) = rustix::process::waitpid(Some(self.pid), WaitOptions::NOHANG)? {
            self.status = Some(ExitStatus::from_raw(status.as_raw()));
        }
        Ok(())
    }

    /// Reaps every dead child, orphans that came to this process included; true when there is no child at all.
    fn reap_all(&mut self) -> io::Result<bool> {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.pid => {
                    self.status = Some(ExitStatus::from_raw(status.as_raw()));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(false),
                Err(rustix::io::Errno::CHILD) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Output {
    fn new(stream: OutputStream, pipe: Option<pipe::Receiver>) -> Self {
        Self {
            stream,
            pipe,
            splitter: LineSplitter::new(LINE_LIMIT),
        }
    }

    /// Reads the next bytes, none at the end. Safe to drop.
    pub(super) async fn read(&mut self, buffer: &mut Vec<u8>) -> (OutputStream, io::Result<usize>) {
        use tokio::io::AsyncReadExt;
        match &mut self.pipe {
            Some(pipe) => {
                buffer.clear();
                (self.stream, pipe.read_buf(buffer).await)
            }
            None => std::future::pending().await,
        }
    }
}

/// A kill that is not allowed (a provisioner may run `sudo`) is tried again as long as the process lives: the end
/// of the program is not told before.
fn tolerate_survival(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(rustix::io::Errno::PERM) => Ok(()),
        other => tolerate_absence(other),
    }
}

fn own_children() -> io::Result<Vec<Pid>> {
    let own_pid = rustix::process::getpid().as_raw_nonzero().get();
    Ok(processes::living()?
        .iter()
        .filter(|process| process.parent == own_pid)
        .filter_map(|process| Pid::from_raw(process.pid))
        .collect())
}

/// The kernel kills the program when this process dies without having ended it. That reaches neither the program's
/// own children nor does it give it time: it is for the case that somebody kills the supervisor.
///
/// The signal comes when the *thread* that forked ends; this process has one thread, which ends with it.
fn die_with_supervisor(command: &mut Command) {
    let supervisor = rustix::process::getpid();
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // Had the supervisor died before that call, no signal would ever come.
        if rustix::process::getppid() == Some(supervisor) {
            Ok(())
        } else {
            Err(rustix::io::Errno::SRCH.into())
        }
    };
    #[expect(
        unsafe_code,
        reason = "runs between fork and exec; it makes two system calls and allocates nothing"
    )]
    // SAFETY: prctl and getppid are async-signal-safe, and both error paths only carry an error number.
    unsafe {
        command.pre_exec(prepare);
    }
}

fn private_file(directory: &Path, name: &str, append: bool) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(append)
        .write(true)
        .truncate(!append)
        .mode(0o600)
        .open(directory.join(name))
        .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
}

fn receiver(pipe: OwnedFd) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(pipe)
}
