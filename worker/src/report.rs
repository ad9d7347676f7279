//! Reporting: what happens becomes rows in batches, in order, each once, and only while the lease is held.

use std::time::Duration;

use chrono::{SubsecRound, Utc};
use db::{
    deployments::Deployment,
    events::{self, NewEvent, Writer},
    steps::{self, StepEnd},
};
use domain::{
    id::DeploymentId,
    step::{StepName, StepStatus},
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    attempt::{Stop, Store, WriteError, in_transaction},
    terraform::mask::Mask,
};

/// The longest that an event waits for others.
const BATCH_WITHIN: Duration = Duration::from_millis(200);
/// The most events in one statement.
const BATCH_AT_MOST: usize = 500;

/// Takes events from anywhere in the attempt; every text passes the mask.
#[derive(Clone, Debug)]
pub struct Reporter {
    deployment: DeploymentId,
    attempt: i32,
    store: Store,
    mask: std::sync::Arc<Mask>,
    messages: mpsc::UnboundedSender<Message>,
}

#[derive(Debug)]
enum Message {
    Event(Box<NewEvent>),
    Flush(oneshot::Sender<()>),
}

/// Something to report.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In which step.
    pub step: Option<StepName>,
    /// Terraform's address, where it is about one resource.
    pub address: Option<String>,
    /// One line for a person.
    pub message: String,
    /// More for a program.
    pub data: Option<Value>,
}

impl Reporter {
    /// Starts the task that writes. It ends when the last clone is dropped, or the lease is lost.
    pub fn start(deployment: &Deployment, store: Store, mask: Mask) -> Self {
        let (messages, received) = mpsc::unbounded_channel();
        let reporter = Self {
            deployment: deployment.id,
            attempt: deployment.attempt,
            store: store.clone(),
            mask: std::sync::Arc::new(mask),
            messages,
        };
        tokio::spawn(write_batches(
            received,
            store,
            deployment.id,
            deployment.attempt,
            deployment.last_seq,
        ));
        reporter
    }

    /// Replaces every secret in a text.
    pub fn masked(&self, text: &str) -> String {
        self.mask.apply(text).into_owned()
    }

    /// Replaces every secret in every text of a document.
    pub fn masked_json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.masked(&text)),
            Value::Array(list) => list.into_iter().map(|value| self.masked_json(value)).collect(),
            Value::Object(map) => map
                .into_iter()
                .map(|(name, value)| (name, self.masked_json(value)))
                .collect(),
            other => other,
        }
    }

    /// Reports something of this kind: `step`, `resource`, `log`, `diagnostic`.
    pub fn say(&self, kind: &'static str, report: Report) {
        let event = NewEvent {
            // To the precision of the database, by which a batch is found again after a lost answer.
            at: Utc::now().trunc_subsecs(6),
            step: report.step,
            kind,
            address: report.address.map(|address| self.masked(&address)),
            message: self.masked(&report.message),
            data: report.data.map(|data| self.masked_json(data)),
        };
        // The task is gone only once the lease is lost; then nothing may be written.
        let _ = self.messages.send(Message::Event(Box::new(event)));
    }

    /// A line for a person about this step.
    pub fn log(&self, step: StepName, message: impl Into<String>) {
        self.say(
            "log",
            Report {
                step: Some(step),
                message: message.into(),
                ..Report::default()
            },
        );
    }

    /// Waits until everything that was said is stored.
    ///
    /// # Errors
    /// [`Stop::Lost`].
    pub async fn flush(&self) -> Result<(), Stop> {
        let (done, stored) = oneshot::channel();
        if self.messages.send(Message::Flush(done)).is_err() {
            return Err(Stop::Lost);
        }
        stored.await.map_err(|_| Stop::Lost)
    }

    /// Starts a step.
    ///
    /// # Errors
    /// [`Stop::Lost`].
    pub async fn start_step(&self, step: StepName) -> Result<(), Stop> {
        in_transaction!(self.store, tx => match steps::start(tx, self.deployment, self.attempt, step).await? {
            true => Ok(()),
            false => Err(WriteError::Fenced),
        })?;
        self.say(
            "step",
            step_report(step, StepStatus::Running, format!("{step} started")),
        );
        Ok(())
    }

    /// Ends a step.
    ///
    /// # Errors
    /// [`Stop::Lost`].
    pub async fn finish_step(
        &self,
        step: StepName,
        status: StepStatus,
        exit_code: Option<i32>,
        output: &str,
        error: Option<Value>,
    ) -> Result<(), Stop> {
        let output = self.masked(output);
        let error = error.map(|error| self.masked_json(error));
        in_transaction!(self.store, tx => {
            let end = StepEnd { status, exit_code, output: Some(&output), error: error.as_ref() };
            match steps::finish(tx, self.deployment, self.attempt, step, end).await? {
                true => Ok(()),
                false => Err(WriteError::Fenced),
            }
        })?;
        self.say(
            "step",
            step_report(step, status, format!("{step} {}: {output}", status.as_str())),
        );
        Ok(())
    }
}

fn step_report(step: StepName, status: StepStatus, message: String) -> Report {
    let data = Some(serde_json::json!({"step": step, "status": status}));
    Report {
        step: Some(step),
        address: None,
        message,
        data,
    }
}

async fn write_batches(
    mut messages: mpsc::UnboundedReceiver<Message>,
    store: Store,
    deployment: DeploymentId,
    attempt: i32,
    mut last_seq: i64,
) {
    let mut batch = Vec::new();
    while let Some(first) = messages.recv().await {
        let until = Instant::now() + BATCH_WITHIN;
        let mut waiting = None;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Event(event) => batch.push(*event),
                Message::Flush(done) => {
                    waiting = Some(done);
                    break;
                }
            }
            if batch.len() == BATCH_AT_MOST {
                break;
            }
            next = tokio::time::timeout_at(until, messages.recv())
                .await
                .ok()
                .flatten();
        }
        if !batch.is_empty() {
            match write_once(&store, deployment, attempt, last_seq, &batch).await {
                Ok(seq) => last_seq = seq,
                // The lease is lost: whoever waits sees the channel end.
                Err(_) => return,
            }
            batch.clear();
        }
        if let Some(done) = waiting {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }
}

/// Writes a batch. If an answer of the database was lost, looks whether the batch is there before writing it again.
async fn write_once(
    store: &Store,
    deployment: DeploymentId,
    attempt: i32,
    last_seq: i64,
    batch: &[NewEvent],
) -> Result<i64, Stop> {
    let mut tried = false;
    in_transaction!(store, tx => {
        if std::mem::replace(&mut tried, true) {
            let newer = events::list(tx, deployment, last_seq, i64::MAX).await?;
            let is_ours = |event: &events::Event| {
                event.attempt == attempt && batch.iter().any(|new| new.at == event.at && new.message == event.message)
            };
            if let Some(there) = newer.iter().rfind(|event| is_ours(event)) {
                return Ok(there.seq);
            }
        }
        events::append(tx, deployment, Writer::Attempt(attempt), batch).await?.ok_or(WriteError::Fenced)
    })
}
