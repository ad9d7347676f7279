//! The worker's side: starts a [`Supervisor`], runs programs through it, and renews its lease.
//!
//! A run ends in every case: with what the supervisor tells, at its deadline, or, when the supervisor itself is
//! dead or does not answer, by ending all of it from here.

use std::{
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    process::{ChildStdin, Command},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_process_stream::{Item, ProcessChunkStream};

pub use super::protocol::{ExitReason, OutputStream};
use super::{
    environment::Environment,
    lines::LineSplitter,
    processes::{kill_group, kill_processes_in},
    protocol::{FromSupervisor, MESSAGE_LIMIT, RunMessage, ToSupervisor, from_line, to_line},
};

/// How long after the end of a grace the supervisor may take to tell that the program is gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Messages that wait in this process; the supervisor keeps the rest.
const WAITING_MESSAGES: usize = 256;
/// Bytes of the supervisor's own stderr that are kept for the error.
const STDERR_KEPT: usize = 4096;

/// How the supervisor handles the lease.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTerms {
    /// Terraform is interrupted so long before the lease ends.
    pub margin: Duration,
    /// How long it may wind down then, or after the worker's death.
    pub grace: Duration,
    /// The end of the lease on the boot clock, in milliseconds, see [`super::boot_clock_ms`].
    pub good_until_boot_ms: u64,
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub environment: Environment,
    /// Its working directory, the workspace.
    pub directory: PathBuf,
    /// A file in the working directory, made anew with mode 0600, that takes its stdout instead of lines.
    pub stdout_to: Option<String>,
    /// A file in the working directory, mode 0600, that each line of stdout is appended to before it is told.
    /// It is complete also when this process dies. Holds what Terraform printed, unmasked.
    pub journal: Option<String>,
    /// How long it may run.
    pub deadline: Duration,
    /// How long it may wind down after its deadline.
    pub grace: Duration,
}

/// A line that a program printed, without its end. Unmasked: see [`super::mask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where.
    pub stream: OutputStream,
    /// What.
    pub text: String,
}

/// How a program ended. All that it started is gone too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Its exit status, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why it ended.
    pub reason: ExitReason,
    /// Why the journal is not complete, if it is not.
    pub journal_error: Option<String>,
}

/// Why there is no [`Exit`].
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The program was not started.
    #[error("the program was not started: {0}")]
    NotStarted(String),
    /// The attempt was interrupted before this program began.
    #[error("interrupted before the program was started")]
    Interrupted,
    /// The supervisor died. What it ran is dead too: its group and what worked in its directory was killed.
    #[error(
        "the supervisor ended ({status}) while the program ran{}",
        with_stderr(stderr)
    )]
    Died {
        /// How it ended.
        status: String,
        /// The end of what it printed.
        stderr: String,
    },
    /// The supervisor did not answer in time and was killed, with all that it ran.
    #[error("the supervisor did not answer in time and was killed")]
    Unresponsive,
    /// The supervisor said something that is not understood and was killed, with all that it ran.
    #[error("the supervisor said something that is not understood")]
    Protocol(#[source] serde_json::Error),
    /// The supervisor is gone, and whether all that it ran is too is not known: nobody may use the workspace.
    #[error("what the supervisor ran could not be ended")]
    Survivors(#[source] io::Error),
}

fn with_stderr(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {}", stderr.trim_end())
    }
}

/// A running supervisor. Dropping it closes the pipe: the supervisor then ends what it runs, with the lease's
/// grace, and itself. It is never killed for that: whoever kills it leaves Terraform's providers behind.
#[derive(Debug)]
pub struct Supervisor {
    commands: mpsc::UnboundedSender<ToSupervisor>,
    messages: mpsc::Receiver<serde_json::Result<FromSupervisor>>,
    interrupt: Arc<watch::Sender<Option<Interrupt>>>,
    reader: Option<JoinHandle<Ended>>,
    /// Its process id, for when it does not answer.
    pid: i32,
    grace: Duration,
    last_id: u64,
}

#[derive(Debug, Clone, Copy)]
struct Interrupt {
    grace: Duration,
    answer_until: Instant,
}

/// How the supervisor ended, and its last words.
#[derive(Debug)]
struct Ended {
    status: io::Result<ExitStatus>,
    stderr: String,
}

/// Renews the lease of a supervisor and stops what it runs, from any task. It does not keep the supervisor alive.
#[derive(Debug, Clone)]
pub struct LeaseHandle {
    commands: mpsc::WeakUnboundedSender<ToSupervisor>,
    interrupt: Arc<watch::Sender<Option<Interrupt>>>,
}

impl LeaseHandle {
    /// The lease is good until then (boot clock, milliseconds). False if the supervisor is gone.
    pub fn extend(&self, good_until_boot_ms: u64) -> bool {
        self.send(ToSupervisor::GoodUntil {
            boot_ms: good_until_boot_ms,
        })
    }

    /// Interrupts what runs, and keeps anything more from being started (see [`Supervisor::resume`]): a cancel
    /// between two programs is not lost. After the grace it is killed. False if the supervisor is gone.
    pub fn interrupt(&self, grace: Duration) -> bool {
        // Known here first, told second: a run that begins meanwhile sees one or the other.
        let answer_until = Instant::now() + grace + ANSWER_WITHIN;
        self.interrupt.send_modify(|interrupt| {
            let sooner = interrupt.filter(|earlier| earlier.answer_until <= answer_until);
            *interrupt = Some(sooner.unwrap_or(Interrupt { grace, answer_until }));
        });
        self.send(ToSupervisor::Interrupt {
            grace_ms: milliseconds(grace),
        })
    }

    fn send(&self, command: ToSupervisor) -> bool {
        self.commands
            .upgrade()
            .is_some_and(|commands| commands.send(command).is_ok())
    }
}

impl Supervisor {
    /// Starts the supervisor: `program` with `arguments` (`siteplane supervise`). It gets an empty environment,
    /// no terminal's signals and no directory of ours.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(program: &Path, arguments: &[&str], terms: LeaseTerms) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .process_group(0);
        // A dropped supervisor is told by the end of its pipe, and winds down; killed, it could not.
        command.kill_on_drop(false);
        let mut stream = ProcessChunkStream::try_from(command)?;
        let child = stream.child_mut().expect("a new stream has its child");
        let stdin = child.stdin.take().expect("stdin was piped");
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .expect("a new child has an id");

        let (commands, to_write) = mpsc::unbounded_channel();
        let (to_read, messages) = mpsc::channel(WAITING_MESSAGES);
        let lease = ToSupervisor::Lease {
            margin_ms: milliseconds(terms.margin),
            grace_ms: milliseconds(terms.grace),
        };
        for command in [
            lease,
            ToSupervisor::GoodUntil {
                boot_ms: terms.good_until_boot_ms,
            },
        ] {
            commands.send(command).expect("the receiver is in scope");
        }
        tokio::spawn(write(stdin, to_write));
        Ok(Self {
            commands,
            messages,
            interrupt: Arc::new(watch::Sender::new(None)),
            reader: Some(tokio::spawn(read(stream, to_read))),
            pid,
            grace: terms.grace,
            last_id: 0,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A handle for the task that renews the lease, and for who cancels.
    #[must_use]
    pub fn lease_handle(&self) -> LeaseHandle {
        LeaseHandle {
            commands: self.commands.downgrade(),
            interrupt: Arc::clone(&self.interrupt),
        }
    }

    /// Allows programs to be started again after [`LeaseHandle::interrupt`]: what has to be looked at or put in
    /// order after a cancelled apply.
    pub fn resume(&mut self) {
        self.interrupt.send_replace(None);
    }

    /// Runs a program to its end; its lines go to `lines` in their order, and are forgotten if nobody receives
    /// them. A slow receiver slows nothing down: the supervisor keeps 64 MiB and then leaves lines out, with a mark.
    ///
    /// Dropping the future interrupts the program; until it is gone no other can be started.
    ///
    /// # Errors
    /// It was not started, or the supervisor failed; after every error but [`SupervisorError::Survivors`] nothing
    /// of the program lives.
    pub async fn run(&mut self, run: Run, lines: mpsc::Sender<Line>) -> Result<Exit, SupervisorError> {
        let mut interrupts = self.interrupt.subscribe();
        if interrupts.borrow_and_update().is_some() {
            return Err(SupervisorError::Interrupted);
        }
        self.last_id += 1;
        let id = self.last_id;
        let deadline = Instant::now() + run.deadline;
        let directory = run.directory.clone();
        let run_grace = run.grace;
        // If this fails the supervisor is gone, which the end of its messages tells below.
        let _ = self.commands.send(ToSupervisor::Run(RunMessage {
            id,
            program: run.program,
            args: run.args,
            env: run.environment,
            cwd: run.directory,
            stdout_to: run.stdout_to,
            journal: run.journal,
        }));
        if let Some(interrupt) = *interrupts.borrow_and_update() {
            // It came before the program was there to be interrupted. A second one would not be passed on.
            let grace_ms = milliseconds(interrupt.grace);
            let _ = self.commands.send(ToSupervisor::Interrupt { grace_ms });
        }
        let mut on_drop = InterruptOnDrop {
            commands: self.commands.downgrade(),
            grace: Some(self.grace),
        };
        let mut following = Following {
            id,
            started: None,
            waiting_line: None,
            deadline: Some(deadline),
            deadline_passed: false,
            answer_until: interrupts.borrow().map(|interrupt| interrupt.answer_until),
        };
        let outcome = loop {
            tokio::select! {
                biased;
                () = until(following.answer_until) => break Outcome::Unresponsive,
                () = until(following.deadline) => {
                    following.deadline = None;
                    following.deadline_passed = true;
                    following.answer_by(Instant::now() + run_grace + ANSWER_WITHIN);
                    let grace_ms = milliseconds(run_grace);
                    let _ = self.commands.send(ToSupervisor::Interrupt { grace_ms });
                }
                Ok(()) = interrupts.changed() => {
                    if let Some(interrupt) = *interrupts.borrow_and_update() {
                        following.answer_by(interrupt.answer_until);
                    }
                }
                permit = lines.reserve(), if following.waiting_line.is_some() => {
                    let line = following.waiting_line.take();
                    if let (Ok(permit), Some(line)) = (permit, line) {
                        permit.send(line);
                    }
                }
                message = self.messages.recv(), if following.waiting_line.is_none() => match message {
                    Some(Ok(message)) => if let Some(outcome) = following.told(message) { break outcome },
                    Some(Err(error)) => break Outcome::Nonsense(error),
                    None => break Outcome::Ended,
                },
            }
        };
        on_drop.grace = None;
        match outcome {
            Outcome::Over(result) => result,
            Outcome::Ended => {
                following.end_all(&directory).await?;
                let ended = self.ended().await;
                let status = ended
                    .status
                    .map_or_else(|error| error.to_string(), |status| status.to_string());
                Err(SupervisorError::Died {
                    status,
                    stderr: ended.stderr,
                })
            }
            Outcome::Unresponsive => {
                self.kill_supervisor();
                following.end_all(&directory).await?;
                Err(SupervisorError::Unresponsive)
            }
            Outcome::Nonsense(error) => {
                self.kill_supervisor();
                following.end_all(&directory).await?;
                Err(SupervisorError::Protocol(error))
            }
        }
    }

    /// Closes the pipe and waits until the supervisor has ended.
    ///
    /// # Errors
    /// How it ended can't be learned.
    pub async fn end(mut self) -> io::Result<ExitStatus> {
        let (closed, _) = mpsc::unbounded_channel();
        self.commands = closed;
        self.messages.close();
        self.ended().await.status
    }

    async fn ended(&mut self) -> Ended {
        match self.reader.take() {
            Some(reader) => reader.await.unwrap_or_else(|error| Ended {
                status: Err(io::Error::other(error)),
                stderr: String::new(),
            }),
            None => Ended {
                status: Err(io::Error::other("it had ended before")),
                stderr: String::new(),
            },
        }
    }

    /// Only as the last resort, before its family is ended from here.
    fn kill_supervisor(&self) {
        let running = self.reader.as_ref().is_some_and(|reader| !reader.is_finished());
        if let (true, Some(pid)) = (running, rustix::process::Pid::from_raw(self.pid)) {
            // It is our child and not reaped while the reader runs; it may be dead already, which is as well.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

enum Outcome {
    Over(Result<Exit, SupervisorError>),
    Ended,
    Unresponsive,
    Nonsense(serde_json::Error),
}

/// What is known of a run.
struct Following {
    id: u64,
    /// Group, and start of its leader.
    started: Option<(i32, u64)>,
    /// A line that the receiver has no room for yet.
    waiting_line: Option<Line>,
    deadline: Option<Instant>,
    deadline_passed: bool,
    /// When the supervisor must have told the end.
    answer_until: Option<Instant>,
}

impl Following {
    fn told(&mut self, message: FromSupervisor) -> Option<Outcome> {
        match message {
            FromSupervisor::Started {
                id,
                group,
                started_ticks,
                ..
            } if id == self.id => {
                self.started = Some((group, started_ticks));
            }
            FromSupervisor::Line { id, stream, text } if id == self.id => {
                self.waiting_line = Some(Line { stream, text });
            }
            FromSupervisor::Failed { id, error } if id == self.id => {
                return Some(Outcome::Over(Err(SupervisorError::NotStarted(error))));
            }
            FromSupervisor::Exited {
                id,
                code,
                signal,
                reason,
                journal_error,
            } if id == self.id => {
                let by_deadline = self.deadline_passed && reason == ExitReason::Interrupted;
                let reason = if by_deadline { ExitReason::Deadline } else { reason };
                return Some(Outcome::Over(Ok(Exit {
                    code,
                    signal,
                    reason,
                    journal_error,
                })));
            }
            // Of a run whose future was dropped.
            _ => {}
        }
        None
    }

    fn answer_by(&mut self, time: Instant) {
        self.answer_until = Some(self.answer_until.map_or(time, |earlier| earlier.min(time)));
    }

    /// Without the supervisor: kills the program's group, then whoever has left it but works in its directory.
    async fn end_all(&self, directory: &Path) -> Result<(), SupervisorError> {
        if let Some((group, started_ticks)) = self.started {
            kill_group(group, started_ticks)
                .await
                .map_err(SupervisorError::Survivors)?;
        }
        kill_processes_in(directory)
            .await
            .map(drop)
            .map_err(SupervisorError::Survivors)
    }
}

/// Sends an interrupt if a run is given up before its end.
struct InterruptOnDrop {
    commands: mpsc::WeakUnboundedSender<ToSupervisor>,
    grace: Option<Duration>,
}

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        if let (Some(grace), Some(commands)) = (self.grace, self.commands.upgrade()) {
            let _ = commands.send(ToSupervisor::Interrupt {
                grace_ms: milliseconds(grace),
            });
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Writes commands until nobody can send any more, then closes the pipe.
async fn write(mut stdin: ChildStdin, mut commands: mpsc::UnboundedReceiver<ToSupervisor>) {
    while let Some(command) = commands.recv().await {
        if stdin.write_all(&to_line(&command)).await.is_err() {
            // The supervisor has ended; the reader tells how.
            return;
        }
    }
}

/// Reads messages until the supervisor has ended. Goes on when nobody wants them: its pipe must not fill up.
async fn read(
    mut stream: ProcessChunkStream,
    messages: mpsc::Sender<serde_json::Result<FromSupervisor>>,
) -> Ended {
    let mut splitter = LineSplitter::new(MESSAGE_LIMIT);
    let mut stderr: Vec<u8> = Vec::new();
    let mut status = Err(io::Error::other("its output ended without a status"));
    while let Some(item) = stream.next().await {
        match item {
            Item::Stdout(chunk) => {
                for line in splitter.push(&chunk) {
                    // An error here means that nobody wants them.
                    let _ = messages.send(from_line(&line)).await;
                }
            }
            Item::Stderr(chunk) => {
                tracing::warn!(
                    "the supervisor says: {}",
                    String::from_utf8_lossy(&chunk).trim_end()
                );
                stderr.extend_from_slice(&chunk);
                stderr.drain(..stderr.len().saturating_sub(STDERR_KEPT));
            }
            Item::Done(done) => status = done,
        }
    }
    Ended {
        status,
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// As many as a message can carry; nobody waits half a billion years.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
