//! A deployment's road as lines: what happened becomes lines that stay, what goes on becomes the moving one.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    duration,
    paint::{Line, Mark},
};
use crate::client::Event;

/// How many resources the moving line names.
const NAMED: usize = 2;

/// What is known of a deployment so far.
#[derive(Debug, Default)]
pub(crate) struct Road {
    step: Option<(String, DateTime<Utc>)>,
    status: String,
    total: u64,
    done: u64,
    under_way: BTreeMap<String, DateTime<Utc>>,
    attempt: i32,
}

impl Road {
    /// The lines that an event adds.
    pub(crate) fn happened(&mut self, event: &Event) -> Vec<Line> {
        let at =
            DateTime::parse_from_rfc3339(&event.at).map_or_else(|_| DateTime::UNIX_EPOCH, |at| at.to_utc());
        let mut lines = Vec::new();
        if event.attempt > self.attempt {
            if self.attempt > 0 {
                lines.push(Line::new(
                    Mark::Warning,
                    format!("attempt {}: another worker goes on", event.attempt),
                ));
            }
            self.attempt = event.attempt;
            self.under_way.clear();
            self.step = None;
        }
        let data = event.data.as_ref().unwrap_or(&Value::Null);
        let text = |name: &str| data[name].as_str().unwrap_or_default();
        match event.kind.as_str() {
            "status" => {
                self.status = text("status").to_owned();
                lines.extend(self.status_line(&event.message));
            }
            "step" => lines.extend(self.step_line(text("step"), text("status"), &event.message, at)),
            "resource" => lines.extend(self.resource_line(event, at)),
            "summary" => {
                let count = |name: &str| data[name].as_u64().unwrap_or(0);
                if text("operation") == "plan" {
                    self.total = count("add") + count("change") + count("remove");
                    self.done = 0;
                    lines.push(Line::plain(event.message.clone()).deeper());
                }
            }
            "diagnostic" => lines.push(diagnostic_line(event, text("severity"), text("detail"))),
            "drift" => lines.push(
                Line::new(
                    Mark::Warning,
                    format!("changed outside of Siteplane: {}", event.message),
                )
                .deeper(),
            ),
            // The plan's single changes are in its summary; what Terraform logs is in the log.
            _ => {}
        }
        lines
    }

    fn status_line(&self, message: &str) -> Option<Line> {
        let mark = match self.status.as_str() {
            "awaiting_approval" => Mark::Waiting,
            "interrupted" | "cancelling" => Mark::Warning,
            "queued" => Mark::Begun,
            // Steps tell what these mean, and the end is told by whoever watches.
            _ => return None,
        };
        let words = self.status.replace('_', " ");
        Some(Line::new(
            mark,
            if message.is_empty() {
                words
            } else {
                format!("{words}: {message}")
            },
        ))
    }

    fn step_line(&mut self, step: &str, status: &str, message: &str, at: DateTime<Utc>) -> Option<Line> {
        if status == "running" {
            self.step = Some((step.to_owned(), at));
            self.under_way.clear();
            return None;
        }
        let began = self
            .step
            .take()
            .filter(|(name, _)| name == step)
            .map(|(_, began)| began);
        let took = took(began, at);
        let output = message
            .strip_prefix(&format!("{step} {status}:"))
            .unwrap_or_default()
            .trim();
        let text = if output.is_empty() {
            step.to_owned()
        } else {
            format!("{step}: {output}")
        };
        let mark = match status {
            "succeeded" => Mark::Done,
            "failed" => Mark::Failed,
            "skipped" => Mark::Skipped,
            _ => return None,
        };
        Some(Line::new(mark, text).note(took))
    }

    fn resource_line(&mut self, event: &Event, at: DateTime<Utc>) -> Option<Line> {
        let address = event.address.as_deref()?;
        let data = event.data.as_ref()?;
        let is = |name: &str| data[name].as_bool().unwrap_or(false);
        if is("failed") {
            self.under_way.remove(address);
            return Some(Line::new(Mark::Failed, address).deeper());
        }
        if !is("done") {
            self.under_way.entry(address.to_owned()).or_insert(at);
            return None;
        }
        let began = self.under_way.remove(address);
        self.done += 1;
        self.total = self.total.max(self.done);
        let mark = match data["action"].as_str().unwrap_or_default() {
            "create" => Mark::Made,
            "delete" => Mark::Removed,
            _ => Mark::Changed,
        };
        let took = took(began, at);
        let count = format!("{}/{}  {took}", self.done, self.total);
        Some(Line::new(mark, address).deeper().note(count.trim_end()))
    }

    /// The moving line.
    pub(crate) fn moving(&self, now: DateTime<Utc>) -> String {
        let since = |time: DateTime<Utc>| duration((now - time).to_std().unwrap_or(Duration::ZERO));
        let Some((step, began)) = &self.step else {
            return match self.status.as_str() {
                "" => "waiting for a worker".to_owned(),
                "queued" => "queued, waiting for a worker".to_owned(),
                "awaiting_approval" => "waiting for approval".to_owned(),
                status => status.to_owned(),
            };
        };
        let mut text = format!("{step}  {}", since(*began));
        if step == "apply" && self.total > 0 {
            text.push_str(&format!("  {}/{}", self.done, self.total));
        }
        // The longest first: that is what one waits for.
        let mut under_way: Vec<(&String, &DateTime<Utc>)> = self.under_way.iter().collect();
        under_way.sort_by_key(|(_, began)| **began);
        for (address, began) in under_way.iter().take(NAMED) {
            let name = address.rsplit("module.").next().unwrap_or(address);
            text.push_str(&format!("  {name} ({})", since(**began)));
        }
        if under_way.len() > NAMED {
            text.push_str(&format!("  and {} more", under_way.len() - NAMED));
        }
        text
    }
}

/// How long it took; empty for what went by in an instant.
fn took(began: Option<DateTime<Utc>>, ended: DateTime<Utc>) -> String {
    let time = began
        .and_then(|began| (ended - began).to_std().ok())
        .unwrap_or_default();
    if time < Duration::from_millis(50) {
        String::new()
    } else {
        duration(time)
    }
}

fn diagnostic_line(event: &Event, severity: &str, detail: &str) -> Line {
    let mark = if severity == "warning" {
        Mark::Warning
    } else {
        Mark::Failed
    };
    let mut text = event.message.clone();
    if let Some(address) = &event.address {
        text = format!("{address}: {text}");
    }
    if !detail.is_empty() {
        text.push('\n');
        text.push_str(detail.trim());
    }
    Line::new(mark, text).deeper()
}

/// How a deployment ended, and why.
pub(crate) fn end_line(deployment: &Value) -> Line {
    let text = |name: &str| deployment[name].as_str().unwrap_or_default();
    let (status, reason) = (text("status"), text("reason"));
    let mark = if status == "succeeded" {
        Mark::Done
    } else {
        Mark::Failed
    };
    let words = format!("{} {status}", text("kind"));
    Line::new(
        mark,
        if reason.is_empty() {
            words
        } else {
            format!("{words}: {reason}")
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::terminal::paint::Paint;

    fn event(seconds: u32, kind: &str, address: Option<&str>, message: &str, data: Value) -> Event {
        Event {
            seq: 1,
            attempt: 1,
            at: format!("2026-11-20T10:00:{seconds:02}Z"),
            step: Some("apply".to_owned()),
            kind: kind.to_owned(),
            address: address.map(str::to_owned),
            message: message.to_owned(),
            data: Some(data),
        }
    }

    fn shown(road: &mut Road, events: &[Event]) -> String {
        let lines: Vec<Line> = events.iter().flat_map(|event| road.happened(event)).collect();
        lines
            .iter()
            .map(|line| Paint { colors: false }.line(line, None) + "\n")
            .collect()
    }

    #[test]
    fn a_good_run_reads_from_top_to_bottom() {
        let vpc = Some("module.site.aws_vpc.this");
        let database = Some("module.site.aws_db_instance.this");
        let mut road = Road::default();
        let text = shown(
            &mut road,
            &[
                event(0, "status", None, "claimed", json!({"status": "planning"})),
                event(
                    1,
                    "step",
                    None,
                    "plan started",
                    json!({"step": "plan", "status": "running"}),
                ),
                event(
                    3,
                    "summary",
                    None,
                    "Plan: 2 to add, 0 to change, 0 to destroy.",
                    json!({"operation": "plan", "add": 2}),
                ),
                event(
                    4,
                    "step",
                    None,
                    "plan succeeded: 2 to add",
                    json!({"step": "plan", "status": "succeeded"}),
                ),
                event(
                    4,
                    "step",
                    None,
                    "approval skipped: nobody has to agree",
                    json!({"step": "approval", "status": "skipped"}),
                ),
                event(
                    5,
                    "step",
                    None,
                    "apply started",
                    json!({"step": "apply", "status": "running"}),
                ),
                event(
                    5,
                    "resource",
                    vpc,
                    "Creating",
                    json!({"action": "create", "done": false}),
                ),
                event(
                    7,
                    "resource",
                    vpc,
                    "Creation complete",
                    json!({"action": "create", "done": true}),
                ),
                event(
                    7,
                    "resource",
                    database,
                    "Creating",
                    json!({"action": "create", "done": false}),
                ),
            ],
        );
        assert_eq!(
            text,
            "  Plan: 2 to add, 0 to change, 0 to destroy.\n\
             ✓ plan: 2 to add  3.0s\n\
             ○ approval: nobody has to agree\n  \
             + module.site.aws_vpc.this  1/2  2.0s\n"
        );
        let now = "2026-11-20T10:01:12Z".parse().unwrap();
        assert_eq!(
            road.moving(now),
            "apply  1m 07s  1/2  site.aws_db_instance.this (1m 05s)"
        );
    }

    #[test]
    fn a_failure_has_its_address_and_terraforms_words() {
        let address = Some("module.site.aws_db_instance.this");
        let text = shown(
            &mut Road::default(),
            &[
                event(
                    5,
                    "step",
                    None,
                    "apply started",
                    json!({"step": "apply", "status": "running"}),
                ),
                event(
                    6,
                    "resource",
                    address,
                    "Creation errored",
                    json!({"action": "create", "failed": true}),
                ),
                event(
                    7,
                    "diagnostic",
                    address,
                    "creating RDS DB Instance",
                    json!({"severity": "error", "detail": "quota exceeded"}),
                ),
                event(
                    8,
                    "step",
                    None,
                    "apply failed: 1 error",
                    json!({"step": "apply", "status": "failed"}),
                ),
            ],
        );
        assert_eq!(
            text,
            "  ✗ module.site.aws_db_instance.this\n  \
             ✗ module.site.aws_db_instance.this: creating RDS DB Instance\n    quota exceeded\n\
             ✗ apply: 1 error  3.0s\n"
        );
    }

    #[test]
    fn a_new_attempt_is_told_and_forgets_what_was_under_way() {
        let mut road = Road::default();
        shown(
            &mut road,
            &[event(
                1,
                "step",
                None,
                "",
                json!({"step": "apply", "status": "running"}),
            )],
        );
        shown(
            &mut road,
            &[event(
                2,
                "resource",
                Some("aws_vpc.this"),
                "",
                json!({"action": "create"}),
            )],
        );
        let mut second = event(9, "status", None, "claimed", json!({"status": "planning"}));
        second.attempt = 2;
        assert_eq!(
            shown(&mut road, &[second]),
            "! attempt 2: another worker goes on\n"
        );
        assert_eq!(road.moving(Utc::now()), "planning");
    }

    #[test]
    fn the_end_has_its_reason() {
        let line = end_line(
            &json!({"kind": "create", "status": "denied", "reason": "costs 90 USD a month, budget is 50"}),
        );
        assert_eq!(
            line,
            Line::new(Mark::Failed, "create denied: costs 90 USD a month, budget is 50")
        );
    }
}
