//! A server of `tests/peers` for one test. It ends with the test, however that ends: it reads a pipe that we hold.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

/// Longer than a server needs for anything while the machine compiles.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub(crate) struct Peer {
    process: Child,
    lines: mpsc::Receiver<Value>,
    /// Where it listens, at 127.0.0.1.
    pub(crate) port: u16,
}

impl Peer {
    /// Starts a script of the folder.
    pub(crate) fn start(script: &str, environment: &[(&str, &str)]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|folder| folder.join("tests/peers"))
            .find(|folder| folder.join(script).is_file())
            .expect("tests/peers is in the repository");
        assert!(
            folder.join("node_modules").is_dir(),
            "{} has no node_modules: run `make test`, or npm ci there",
            folder.display()
        );
        let mut process = Command::new("node")
            .arg(script)
            .current_dir(folder)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = read(process.stdout.take().unwrap());
        let first = lines.recv_timeout(PATIENCE).unwrap();
        let port = u16::try_from(first["port"].as_u64().unwrap()).unwrap();
        Self { process, lines, port }
    }

    /// The next thing that it tells of. Fails when it takes too long.
    pub(crate) fn next(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }
}

fn read(output: ChildStdout) -> mpsc::Receiver<Value> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                // Whoever listened may be gone.
                Ok(value) => drop(send.send(value)),
                // Warnings of a library.
                Err(_) => eprintln!("peer: {line}"),
            }
        }
    });
    receive
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
