//! A plan for a person at a terminal.

use std::fmt::Write;

use domain::{
    plan::{PlanSummary, PlannedAction, PlannedChange},
    price::CostChange,
};

use super::report::PlanReport;

/// The report as plain lines.
pub(super) fn render(report: &PlanReport) -> String {
    let mut out = String::new();
    // Writing to a text never fails.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &PlanReport) -> std::fmt::Result {
    if let Some(site) = &report.site {
        let what = if site.exists { "change of" } else { "new site" };
        writeln!(
            out,
            "Plan: {what} {} on {} in {}, {}",
            site.name, site.provider_name, site.region, site.size
        )?;
    }
    if report.simulated {
        writeln!(out, "SIMULATED: nothing of this costs money or exists")?;
    }
    if let Some(error) = &report.error {
        writeln!(out, "No plan: {error}")?;
        for problem in &report.problems {
            writeln!(out, "  {problem}")?;
        }
    }
    if let Some(plan) = &report.plan {
        for change in &plan.changes {
            writeln!(out, "  {} {}", sign(change.action), change.address)?;
            for line in attributes(change) {
                writeln!(out, "      {line}")?;
            }
        }
        writeln!(out, "{}", headline(plan))?;
        if let Some(cost) = &plan.cost {
            write_cost(out, cost)?;
        }
        for (subject, sentence) in plan.capabilities.sentences() {
            writeln!(out, "Note, {subject}: {sentence}")?;
        }
    }
    Ok(())
}

fn write_cost(out: &mut String, cost: &CostChange) -> std::fmt::Result {
    writeln!(out, "Price: {}", cost.headline())?;
    for line in &cost.estimate.lines {
        let monthly = line.monthly.to_string();
        writeln!(
            out,
            "  {monthly:>10}  {}: {} × {} at {} {}",
            line.label,
            line.quantity,
            line.item,
            line.unit_price,
            line.unit.as_str()
        )?;
    }
    for line in &cost.estimate.by_use {
        writeln!(
            out,
            "  {:>10}  {}: {} {}",
            "by use",
            line.label,
            line.unit_price,
            line.unit.as_str()
        )?;
    }
    for part in &cost.estimate.not_priced {
        writeln!(out, "  {:>10}  {}: {}", "not priced", part.label, part.reason)?;
    }
    Ok(())
}

/// `No changes`, or how many of each.
pub(super) fn headline(plan: &PlanSummary) -> String {
    if plan.is_empty() {
        "No changes: everything is as the file says".to_owned()
    } else {
        plan.headline()
    }
}

/// Terraform's own sign of an action.
pub(super) fn sign(action: PlannedAction) -> &'static str {
    match action {
        PlannedAction::Create => "+",
        PlannedAction::Update => "~",
        PlannedAction::Replace => "-/+",
        PlannedAction::Delete => "-",
        PlannedAction::Import => "<-",
        PlannedAction::Forget => ".",
    }
}

/// `name: before → after`, a line an attribute.
pub(super) fn attributes(change: &PlannedChange) -> Vec<String> {
    let shown = |value: &Option<serde_json::Value>, sensitive: bool| match value {
        _ if sensitive => "(sensitive)".to_owned(),
        None => "(known after apply)".to_owned(),
        Some(value) => {
            let text = value.to_string();
            // An attribute may be a whole script.
            if text.chars().count() > 60 {
                text.chars().take(59).chain(['…']).collect()
            } else {
                text
            }
        }
    };
    change
        .attributes
        .iter()
        .map(|attribute| {
            let forces = if attribute.forces_replacement {
                ", makes it anew"
            } else {
                ""
            };
            format!(
                "{}: {} → {}{forces}",
                attribute.name,
                shown(&attribute.before, attribute.sensitive),
                shown(&attribute.after, attribute.sensitive)
            )
        })
        .collect()
}
