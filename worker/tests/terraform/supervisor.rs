//! What the tests share: a supervisor with a workspace, spoken to through the library or over bare pipes.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::sync::mpsc;
use worker::terraform::{
    boot_clock_ms,
    command::{Exit, LeaseTerms, Line, Run, Supervisor, SupervisorError},
    environment::{Base, Environment, temporary_directory},
    processes::{Process, living},
};

/// The supervisor as a program; cargo builds it with these tests.
pub(super) fn supervisor_program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/supervise");
    let build = "cargo build --package worker --example supervise";
    let built = fs::metadata(&program).and_then(|metadata| metadata.modified());
    let built = built.unwrap_or_else(|error| panic!("{}: {error}; {build}", program.display()));
    // `cargo test --test all` does not build it: an old one would be tested in place of what is written.
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/terraform");
    for source in [
        "supervisor.rs",
        "supervisor/program.rs",
        "supervisor/outgoing.rs",
        "processes.rs",
        "lines.rs",
    ] {
        let changed = fs::metadata(sources.join(source)).unwrap().modified().unwrap();
        assert!(
            changed <= built,
            "{} is older than {source}; {build}",
            program.display()
        );
    }
    program
}

/// A lease that is far away, and a short grace.
pub(super) fn long_lease() -> LeaseTerms {
    LeaseTerms {
        margin: Duration::from_millis(300),
        grace: Duration::from_millis(300),
        good_until_boot_ms: boot_clock_ms() + 600_000,
    }
}

/// A directory to run in.
pub(super) struct Workspace {
    pub(super) directory: TempDir,
    temporary: TempDir,
}

impl Workspace {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(
            directory.path().join("terraformrc"),
            "disable_checkpoint = true\n",
        )
        .unwrap();
        Self {
            directory,
            temporary: temporary_directory().unwrap(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn environment(&self) -> Environment {
        Environment::for_terraform(&Base {
            path: "/usr/local/bin:/usr/bin:/bin",
            workspace: self.path(),
            temporary_directory: self.temporary.path(),
            cli_config: &self.path().join("terraformrc"),
        })
        .unwrap()
    }

    pub(super) fn run(&self, program: impl Into<PathBuf>, args: &[&str]) -> Run {
        Run {
            program: program.into(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            environment: self.environment(),
            directory: self.path().to_path_buf(),
            stdout_to: None,
            journal: None,
            deadline: Duration::from_secs(120),
            grace: Duration::from_millis(300),
        }
    }

    /// A shell script in the workspace.
    pub(super) fn shell(&self, script: &str) -> Run {
        self.run("/bin/sh", &["-c", script])
    }

    pub(super) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path().join(name)).ok()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    /// The process whose id the script wrote into this file.
    pub(super) fn pid(&self, name: &str) -> Option<i32> {
        // A file without a line end is still being written.
        self.read(name)?.strip_suffix('\n')?.trim().parse().ok()
    }

    /// Living processes that work in this workspace.
    pub(super) fn living(&self) -> Vec<Process> {
        let directory = self.path().canonicalize().unwrap();
        let works_here = |process: &Process| {
            fs::read_link(format!("/proc/{}/cwd", process.pid)).is_ok_and(|cwd| cwd.starts_with(&directory))
        };
        living().unwrap().into_iter().filter(works_here).collect()
    }
}

/// Looks until it is so.
pub(super) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "after a minute still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs to the end and gives its lines too.
pub(super) async fn run(supervisor: &mut Supervisor, run: Run) -> (Result<Exit, SupervisorError>, Vec<Line>) {
    let (sender, mut receiver) = mpsc::channel(16);
    let collect = async {
        let mut lines = Vec::new();
        while let Some(line) = receiver.recv().await {
            lines.push(line);
        }
        lines
    };
    tokio::join!(supervisor.run(run, sender), collect)
}

/// A run in a task of its own, so that something can be done to it.
pub(super) fn spawn_run(
    mut supervisor: Supervisor,
    what: Run,
) -> tokio::task::JoinHandle<(Result<Exit, SupervisorError>, Vec<Line>)> {
    tokio::spawn(async move { run(&mut supervisor, what).await })
}

pub(super) fn start(terms: LeaseTerms) -> Supervisor {
    Supervisor::start(&supervisor_program(), &[], terms).unwrap()
}

/// The stdouts of lines.
pub(super) fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

/// A supervisor behind bare pipes: a worker that can misbehave.
pub(super) struct Bare {
    pub(super) process: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
}

impl Bare {
    pub(super) fn start(terms: LeaseTerms) -> Self {
        let mut process = Command::new(supervisor_program())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let mut bare = Self {
            process,
            stdin,
            stdout,
        };
        bare.say(&serde_json::json!({ "lease": {
            "margin_ms": u64::try_from(terms.margin.as_millis()).unwrap(),
            "grace_ms": u64::try_from(terms.grace.as_millis()).unwrap(),
        }}));
        bare.say(&serde_json::json!({ "good_until": { "boot_ms": terms.good_until_boot_ms } }));
        bare
    }

    pub(super) fn say(&mut self, message: &serde_json::Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    pub(super) fn run(&mut self, run: &Run) {
        let env: BTreeMap<&str, &str> = run.environment.iter().collect();
        self.say(&serde_json::json!({ "run": {
            "id": 1, "program": run.program, "args": run.args, "env": env, "cwd": run.directory,
            "stdout_to": run.stdout_to, "journal": run.journal,
        }}));
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // By the pipe, so that a failed test leaves nothing behind either.
        self.stdin = None;
        self.process.wait().unwrap();
    }
}

/// A Terraform module whose only resource runs a script.
pub(super) fn terraform_module(workspace: &Workspace, script: &str) {
    let module = format!(
        "resource \"terraform_data\" \"slow\" {{\n  provisioner \"local-exec\" {{\n    command = {}\n  }}\n}}\n",
        serde_json::Value::from(script)
    );
    fs::write(workspace.path().join("main.tf"), module).unwrap();
}

/// Where terraform is.
pub(super) async fn terraform() -> PathBuf {
    static FOUND: tokio::sync::OnceCell<Arc<PathBuf>> = tokio::sync::OnceCell::const_new();
    let find = || async {
        let path = std::env::var("PATH").unwrap();
        let found = std::env::split_paths(&path).map(|directory| directory.join("terraform"));
        Arc::new(
            found
                .into_iter()
                .find(|path| path.is_file())
                .expect("terraform is on PATH"),
        )
    };
    FOUND.get_or_init(find).await.to_path_buf()
}
