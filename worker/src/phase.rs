//! One run of Terraform in an attempt: its lines become events, its end becomes a verdict.

use std::{collections::BTreeSet, time::Duration};

use domain::step::StepName;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    attempt::{Failed, Stop},
    lease::Signals,
    recovery::{self, ResourceLine},
    report::{Report, Reporter},
    terraform::{
        command::{ExitReason, Line, OutputStream, Run, Supervisor, SupervisorError},
        stream::{Change, Diagnostics, Failure, Severity, UiEvent, UiLine},
    },
};

/// Lines that wait to be read here; the supervisor keeps the rest.
const WAITING_LINES: usize = 1024;

/// What a run of Terraform told.
#[derive(Debug, Default)]
pub struct Told {
    /// Its exit status.
    pub code: Option<i32>,
    /// Its failures, joined by resource.
    pub failures: Vec<Failure>,
    /// Addresses whose wait was cut by an interrupt of ours.
    pub cut: BTreeSet<String>,
    /// The state, where Terraform could write it nowhere and printed it. Holds secrets.
    pub printed_state: Option<Vec<u8>>,
}

/// How a run of Terraform ended, other than well.
#[derive(Debug)]
pub enum Broke {
    /// It said why.
    Failed(Told),
    /// Something was asked to stop it; see the signals.
    Interrupted(Told),
    /// It, its supervisor or a provider died. Another attempt may do better.
    Crashed(String),
    /// It ran longer than it may.
    Deadline(Told),
}

/// How the lines of a run look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `-json`.
    Json,
    /// Plain text.
    Plain,
}

/// Runs Terraform to its end and reports every line.
pub async fn run(
    supervisor: &mut Supervisor,
    reporter: &Reporter,
    signals: &Signals,
    step: StepName,
    output: Output,
    run: Run,
) -> Result<Told, Broke> {
    let deadline = run.deadline;
    let (lines, received) = mpsc::channel(WAITING_LINES);
    let (exit, mut told) = tokio::join!(
        supervisor.run(run, lines),
        listen(received, reporter, step, output)
    );
    let exit = match exit {
        Ok(exit) => exit,
        Err(SupervisorError::Interrupted) => return Err(Broke::Interrupted(told)),
        Err(error) => return Err(Broke::Crashed(error.to_string())),
    };
    told.code = exit.code;
    if let Some(error) = exit.journal_error {
        reporter.log(
            step,
            format!("Not all that Terraform printed could be kept: {error}"),
        );
    }
    match exit.reason {
        ExitReason::Exited if exit.code == Some(0) => Ok(told),
        ExitReason::Exited => match (exit.signal, provider_died(&told)) {
            (Some(signal), _) => Err(Broke::Crashed(format!("Terraform was ended by signal {signal}"))),
            (None, true) => Err(Broke::Crashed("a provider of Terraform's died".to_owned())),
            // A person's interrupt can come in the very moment of the end.
            (None, false) if signals.any() && !told.cut.is_empty() => Err(Broke::Interrupted(told)),
            (None, false) => Err(Broke::Failed(told)),
        },
        ExitReason::Deadline => {
            reporter.log(step, format!("Stopped after {} minutes", deadline.as_secs() / 60));
            Err(Broke::Deadline(told))
        }
        ExitReason::Interrupted | ExitReason::LeaseEnded | ExitReason::WorkerGone | ExitReason::Killed => {
            Err(Broke::Interrupted(told))
        }
    }
}

/// Terraform's words when a provider process is gone.
fn provider_died(told: &Told) -> bool {
    told.failures
        .iter()
        .flat_map(|failure| &failure.errors)
        .any(|diagnostic| {
            // The second where the connection ended while a request was on its way.
            ["Plugin did not respond", "Request cancelled"].contains(&diagnostic.summary.as_str())
        })
}

async fn listen(
    mut lines: mpsc::Receiver<Line>,
    reporter: &Reporter,
    step: StepName,
    output: Output,
) -> Told {
    let mut told = Told::default();
    let mut diagnostics = Diagnostics::default();
    let mut was_interrupted = false;
    let mut waits = Vec::new();
    let mut planned = BTreeSet::new();
    let mut drifted = Vec::new();
    while let Some(line) = lines.recv().await {
        if output == Output::Plain || line.stream == OutputStream::Stderr {
            if !line.text.trim().is_empty() {
                reporter.log(step, line.text.trim_end());
            }
            continue;
        }
        let text = line.text;
        let line = UiLine::parse(&text);
        if line.message == STATE_DUMP {
            told.printed_state = state_in(&text).or(told.printed_state);
        }
        diagnostics.observe(&line);
        was_interrupted |= recovery::is_interrupt(&line);
        if let UiEvent::Diagnostic(diagnostic) = &line.event {
            waits.extend(recovery::cut_wait(diagnostic).map(str::to_owned));
        }
        match &line.event {
            UiEvent::PlannedChange(change) => {
                planned.insert(change.resource.address.clone());
            }
            UiEvent::ResourceDrift(change) => {
                drifted.push((change.clone(), line.message.trim().to_owned()));
                continue;
            }
            _ => {}
        }
        report(reporter, step, &line);
    }
    // A cloud fills in much by itself; drift is what the plan would put back.
    for (change, message) in drifted {
        if planned.contains(&change.resource.address) {
            report_drift(reporter, step, &change, message);
        }
    }
    if was_interrupted {
        told.cut.extend(waits);
    }
    told.failures = diagnostics.join();
    told
}

/// What Terraform says with a state that it could not write anywhere, not even to `errored.tfstate`.
const STATE_DUMP: &str = "Emergency state dump";

fn state_in(line: &str) -> Option<Vec<u8>> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let state = line.get("state").filter(|state| state.is_object())?;
    serde_json::to_vec(state).ok()
}

/// One line of `-json` as an event. What Terraform repeats from the plan, or says to a terminal, is left out.
fn report(reporter: &Reporter, step: StepName, line: &UiLine) {
    let message = line.message.trim().to_owned();
    if let Some(resource) = ResourceLine::of(&line.event) {
        let data = serde_json::to_value(&resource).expect("a resource line has only plain fields");
        let address = Some(resource.address);
        return reporter.say(
            "resource",
            Report {
                step: Some(step),
                address,
                message,
                data: Some(data),
            },
        );
    }
    match &line.event {
        UiEvent::PlannedChange(change) if step == StepName::Plan => reporter.say(
            "planned_change",
            Report {
                step: Some(step),
                address: Some(change.resource.address.clone()),
                message,
                data: Some(json!({
                    "resource_type": change.resource.resource_type,
                    "action": change.action.as_str(),
                    "reason": change.reason,
                })),
            },
        ),
        UiEvent::Diagnostic(diagnostic) => reporter.say(
            "diagnostic",
            Report {
                step: Some(step),
                address: diagnostic.address.clone(),
                message: diagnostic.summary.clone(),
                data: Some(json!({
                    "severity": if diagnostic.severity == Severity::Error { "error" } else { "warning" },
                    "detail": diagnostic.detail,
                })),
            },
        ),
        UiEvent::ChangeSummary(summary) => reporter.say(
            "summary",
            Report {
                step: Some(step),
                address: None,
                message,
                data: Some(json!({
                    "operation": summary.operation, "add": summary.add, "change": summary.change,
                    "remove": summary.remove, "import": summary.import,
                })),
            },
        ),
        UiEvent::Log | UiEvent::Provision { .. } | UiEvent::NotJson(_) | UiEvent::Unknown { .. }
            if !message.is_empty() =>
        {
            reporter.log(step, message);
        }
        _ => {}
    }
}

fn report_drift(reporter: &Reporter, step: StepName, change: &Change, message: String) {
    reporter.say(
        "drift",
        Report {
            step: Some(step),
            address: Some(change.resource.address.clone()),
            message,
            data: Some(json!({"action": change.action.as_str()})),
        },
    );
}

impl Broke {
    /// The attempt's verdict on a run that broke in `step`.
    pub fn into_stop(self, step: StepName, signals: &Signals) -> Stop {
        match self {
            _ if signals.lost.is_cancelled() => Stop::Lost,
            Self::Interrupted(_) if signals.cancel.is_cancelled() => Stop::Cancelled,
            // The supervisor acted on its own clock, or this worker shuts down.
            Self::Interrupted(_) => Stop::HandBack("Terraform was interrupted".to_owned()),
            Self::Crashed(why) => Stop::HandBack(why),
            Self::Deadline(told) => Stop::Failed(Failed {
                step,
                reason: format!("{step} ran longer than it may and was stopped"),
                exit_code: told.code,
                failures: told.failures,
            }),
            Self::Failed(told) => {
                // One that says why before one that says only that.
                let says_why = told.failures.iter().find(|failure| !failure.errors.is_empty());
                let first = says_why.or(told.failures.first()).map(ToString::to_string);
                let reason = first.and_then(|text| text.lines().next().map(str::to_owned));
                Stop::Failed(Failed {
                    step,
                    reason: reason.unwrap_or_else(|| format!("terraform {step} ended with {:?}", told.code)),
                    exit_code: told.code,
                    failures: told.failures,
                })
            }
        }
    }
}

/// The failures as they lie in a step's `error`: Terraform's own words, by resource.
pub fn failures_json(failures: &[Failure]) -> serde_json::Value {
    let one = |failure: &Failure| {
        let diagnostics: Vec<_> = failure
            .errors
            .iter()
            .map(|diagnostic| {
                json!({"summary": diagnostic.summary, "detail": diagnostic.detail, "address": diagnostic.address})
            })
            .collect();
        json!({"address": failure.address, "message": failure.message, "diagnostics": diagnostics})
    };
    json!({"failures": failures.iter().map(one).collect::<Vec<_>>()})
}

/// How long Terraform may wind down after a deadline.
pub const DEADLINE_GRACE: Duration = Duration::from_secs(60);
