//! The process between a worker and Terraform: `siteplane supervise`.
//!
//! It is told over stdin what to run and until when that is allowed, and tells over stdout what happens (see
//! [`super::protocol`]). It ends Terraform when the worker is gone or the lease runs out, both with time to wind
//! down, and then everything that Terraform started: it is the sub-reaper, so nothing can leave its family.
//!
//! It has a single thread and never blocks on the worker. Its own environment is empty; secrets come by the pipe.

mod outgoing;
mod program;

use std::{io, os::fd::AsFd, process::ExitCode, time::Duration};

use anyhow::Context;
use outgoing::{Outgoing, WAITING_LIMIT};
use program::Program;
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

use super::{
    boot_clock_ms,
    lines::LineSplitter,
    protocol::{
        ExitReason, FromSupervisor, MESSAGE_LIMIT, OutputStream, RunMessage, ToSupervisor, from_line,
    },
};

/// Timers of the runtime stand still while the machine is suspended, the lease does not: so look at it again at
/// least this often.
const LOOK_AT_CLOCK_MS: u64 = 250;
/// How long the last words may take to be read before this process ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The body of the hidden subcommand. Call it on the main thread of a process that does nothing else.
///
/// Ends with 0 after the worker closed the pipe or the lease ran out, with 2 when it could not do its work; the
/// reason is then on stderr.
#[must_use]
pub fn supervise() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("supervise: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn start() -> anyhow::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .context("can't become the sub-reaper")?;
    // No blocking pool is ever used either (files are written in place), so this stays the only thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve())
}

enum Happening {
    Input(io::Result<usize>),
    Output(OutputStream, io::Result<usize>),
    Writable,
    Other,
}

async fn serve() -> anyhow::Result<()> {
    let not_a_pipe = "supervise is started by the worker, with pipes";
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    let mut input = pipe::Receiver::from_owned_fd(stdin).context(not_a_pipe)?;
    let mut supervisor = Supervisor {
        lease: None,
        good_until_ms: None,
        program: None,
        leaving: false,
        outgoing: Outgoing::new(
            pipe::Sender::from_owned_fd(stdout).context(not_a_pipe)?,
            WAITING_LIMIT,
        ),
    };
    let mut child_ended = signal(SignalKind::child())?;
    // Who stops a whole service sends these to every process of it. The worker decides: it closes the pipe.
    let mut ignored = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    );

    let mut input_lines = LineSplitter::new(MESSAGE_LIMIT);
    let mut input_bytes = Vec::with_capacity(64 * 1024);
    let mut stdout_bytes = Vec::with_capacity(64 * 1024);
    let mut stderr_bytes = Vec::with_capacity(64 * 1024);
    while !(supervisor.leaving && supervisor.program.is_none()) {
        input_bytes.clear();
        let next_step = supervisor.next_step_in();
        let input_open = !supervisor.leaving;
        let (outgoing, program) = (&supervisor.outgoing, &mut supervisor.program);
        let happening = tokio::select! {
            read = input.read_buf(&mut input_bytes), if input_open => Happening::Input(read),
            (stream, read) = printed(program, &mut stdout_bytes, &mut stderr_bytes) => {
                Happening::Output(stream, read)
            }
            () = outgoing.writable(), if outgoing.is_waiting() => Happening::Writable,
            () = wait_for(next_step) => Happening::Other,
            _ = child_ended.recv() => Happening::Other,
            _ = ignored.0.recv() => Happening::Other,
            _ = ignored.1.recv() => Happening::Other,
            _ = ignored.2.recv() => Happening::Other,
        };
        match happening {
            Happening::Input(Ok(1..)) => {
                for line in input_lines.push(&input_bytes) {
                    supervisor.told(&line)?;
                }
            }
            Happening::Input(_) => supervisor.leave(ExitReason::WorkerGone)?,
            Happening::Output(stream, read) => {
                let bytes = match (stream, read) {
                    (_, Err(_)) => &[][..],
                    (OutputStream::Stdout, Ok(_)) => &stdout_bytes,
                    (OutputStream::Stderr, Ok(_)) => &stderr_bytes,
                };
                supervisor.printed(stream, bytes);
            }
            Happening::Writable => supervisor.outgoing.write(),
            Happening::Other => {}
        }
        supervisor.advance()?;
    }
    // A worker that is frozen does not read them; it finds the pipe closed when it wakes.
    let last_words = async {
        while supervisor.outgoing.is_waiting() {
            supervisor.outgoing.writable().await;
            supervisor.outgoing.write();
        }
    };
    drop(timeout(LAST_WORDS, last_words).await);
    Ok(())
}

/// Reads from whichever pipe of the program has something.
async fn printed(
    program: &mut Option<Program>,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
) -> (OutputStream, io::Result<usize>) {
    match program {
        Some(program) => tokio::select! {
            read = program.stdout.read(stdout) => read,
            read = program.stderr.read(stderr) => read,
        },
        None => std::future::pending().await,
    }
}

async fn wait_for(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

struct Lease {
    margin_ms: u64,
    grace_ms: u64,
}

struct Supervisor {
    lease: Option<Lease>,
    good_until_ms: Option<u64>,
    program: Option<Program>,
    /// Nothing is started any more; when the program is gone, so is this process.
    leaving: bool,
    outgoing: Outgoing,
}

impl Supervisor {
    /// Takes a message of the worker. One that can't be understood is as bad as a worker that is gone: what it
    /// wanted, perhaps to stop, is unknown.
    fn told(&mut self, line: &str) -> anyhow::Result<()> {
        let message = match from_line(line) {
            Ok(message) => message,
            Err(error) => {
                // Not the line itself: it may hold secrets.
                eprintln!(
                    "supervise: a message that is not understood: {:?}",
                    error.classify()
                );
                return self.leave(ExitReason::WorkerGone);
            }
        };
        match message {
            ToSupervisor::Lease { margin_ms, grace_ms } => self.lease = Some(Lease { margin_ms, grace_ms }),
            ToSupervisor::GoodUntil { boot_ms } => self.good_until_ms = Some(boot_ms),
            ToSupervisor::Run(run) => self.run(&run),
            ToSupervisor::Interrupt { grace_ms } => {
                if let Some(program) = &mut self.program {
                    program.interrupt(ExitReason::Interrupted, grace_ms)?;
                }
            }
            ToSupervisor::Kill {} => {
                if let Some(program) = &mut self.program {
                    program.kill()?;
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, run: &RunMessage) {
        let started = match self.act_at_ms() {
            None => Err("no lease was given".to_owned()),
            Some(act_at_ms) if act_at_ms <= boot_clock_ms() => Err("the lease has ended".to_owned()),
            _ if self.program.is_some() => Err("another program still runs".to_owned()),
            _ if self.leaving => Err("the worker has closed the pipe".to_owned()),
            Some(_) => Program::start(run).map_err(|error| error.to_string()),
        };
        match started {
            Ok(program) => {
                self.outgoing.message(&program.started());
                self.program = Some(program);
            }
            Err(error) => self
                .outgoing
                .message(&FromSupervisor::Failed { id: run.id, error }),
        }
    }

    fn printed(&mut self, stream: OutputStream, bytes: &[u8]) {
        if let Some(program) = &mut self.program {
            program.printed(stream, bytes, &mut self.outgoing);
        }
    }

    fn leave(&mut self, reason: ExitReason) -> anyhow::Result<()> {
        self.leaving = true;
        let grace_ms = self.lease.as_ref().map_or(0, |lease| lease.grace_ms);
        if let Some(program) = &mut self.program {
            program.interrupt(reason, grace_ms)?;
        }
        Ok(())
    }

    fn advance(&mut self) -> anyhow::Result<()> {
        let lease_ended = self
            .act_at_ms()
            .is_some_and(|act_at_ms| act_at_ms <= boot_clock_ms());
        if lease_ended && self.program.is_some() && !self.leaving {
            self.leave(ExitReason::LeaseEnded)?;
        }
        if let Some(mut program) = self.program.take() {
            if program.advance().context("can't end a process")? {
                program.finish(&mut self.outgoing);
            } else {
                self.program = Some(program);
            }
        }
        Ok(())
    }

    /// When the lease counts as over, on the boot clock.
    fn act_at_ms(&self) -> Option<u64> {
        Some(self.good_until_ms?.saturating_sub(self.lease.as_ref()?.margin_ms))
    }

    /// `None`: nothing happens until somebody says something.
    fn next_step_in(&self) -> Option<Duration> {
        let program = self.program.as_ref()?;
        let now_ms = boot_clock_ms();
        let lease_ms = self
            .act_at_ms()
            .filter(|_| !self.leaving)
            .map(|at| at.saturating_sub(now_ms).max(1));
        let step_ms = [Some(LOOK_AT_CLOCK_MS), lease_ms, program.next_step_in_ms(now_ms)];
        step_ms.into_iter().flatten().min().map(Duration::from_millis)
    }
}
