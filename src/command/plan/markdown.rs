//! A plan as a comment on a merge request: what counts first, the long lists folded.

use std::fmt::Write;

use domain::price::CostChange;

use super::{
    report::{PlanReport, PlanResult},
    text::{attributes, headline, sign},
};

/// The report in GitHub's and GitLab's Markdown. The same plan gives the same text.
pub(super) fn render(report: &PlanReport) -> String {
    let mut out = String::new();
    // Writing to a text never fails.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &PlanReport) -> std::fmt::Result {
    let title = match &report.site {
        Some(site) => format!(
            "Siteplane plan: `{}` on {} ({}, {})",
            site.name, site.provider_name, site.region, site.size
        ),
        None => "Siteplane plan".to_owned(),
    };
    writeln!(out, "### {title}\n")?;
    writeln!(out, "{}\n", verdict(report))?;
    if report.simulated {
        writeln!(
            out,
            "> **Simulated cloud**: nothing of this costs money or exists.\n"
        )?;
    }
    if !report.problems.is_empty() {
        writeln!(out, "| field | found | allowed |\n|---|---|---|")?;
        for problem in &report.problems {
            writeln!(
                out,
                "| `{}` | {} | {} |",
                cell(&problem.field),
                problem
                    .found
                    .as_deref()
                    .map_or_else(String::new, |found| format!("`{}`", cell(found))),
                cell(&problem.allowed)
            )?;
        }
        writeln!(out)?;
    }
    let Some(plan) = &report.plan else { return Ok(()) };
    if let Some(cost) = &plan.cost {
        write_cost(out, cost)?;
    }
    let notes: Vec<_> = plan.capabilities.sentences().collect();
    if !notes.is_empty() {
        writeln!(out, "What this cloud does otherwise:\n")?;
        for (subject, sentence) in notes {
            writeln!(out, "- {subject}: {sentence}")?;
        }
        writeln!(out)?;
    }
    if !plan.changes.is_empty() {
        writeln!(out, "<details><summary>{}</summary>\n\n```diff", headline(plan))?;
        for change in &plan.changes {
            writeln!(out, "{} {}", sign(change.action), change.address)?;
            for line in attributes(change) {
                writeln!(out, "      {}", line.replace("```", "'''"))?;
            }
        }
        writeln!(out, "```\n\n</details>")?;
    }
    Ok(())
}

fn verdict(report: &PlanReport) -> String {
    let error = report.error.as_deref().unwrap_or_default();
    match (report.result, &report.plan) {
        (PlanResult::NoChanges, _) => "**No changes.** Everything is as the file says.".to_owned(),
        (PlanResult::Changes, Some(plan)) => format!("**{}.**", plan.headline()),
        (PlanResult::Denied, _) => format!("**Denied.** {}", cell(error)),
        (PlanResult::Unreachable, _) => format!("**No answer.** {}", cell(error)),
        _ => format!("**No plan.** {}", cell(error)),
    }
}

fn write_cost(out: &mut String, cost: &CostChange) -> std::fmt::Result {
    let (before, after) = (cost.before, cost.after);
    writeln!(out, "| | before | after | difference |\n|---|--:|--:|--:|")?;
    let sign = if cost.difference.amount.is_sign_negative() {
        ""
    } else {
        "+"
    };
    writeln!(
        out,
        "| a month, at least | {before} | **{after}** | {sign}{} |\n",
        cost.difference
    )?;
    for part in &cost.estimate.not_priced {
        writeln!(
            out,
            "- **not priced**: {}: {}",
            cell(&part.label),
            cell(&part.reason)
        )?;
    }
    if !cost.estimate.not_priced.is_empty() {
        writeln!(out)?;
    }
    if cost.estimate.lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "<details><summary>Price by line</summary>\n")?;
    writeln!(
        out,
        "| part | quantity | list price | a month |\n|---|--:|--:|--:|"
    )?;
    for line in &cost.estimate.lines {
        writeln!(
            out,
            "| {} (`{}`) | {} | {} {} | {} |",
            line.label,
            line.item,
            line.quantity,
            line.unit_price,
            line.unit.as_str(),
            line.monthly
        )?;
    }
    for line in &cost.estimate.by_use {
        writeln!(
            out,
            "| {} (`{}`) | by use | {} {} | |",
            line.label,
            line.item,
            line.unit_price,
            line.unit.as_str()
        )?;
    }
    let as_of = cost
        .estimate
        .as_of
        .map_or_else(String::new, |day| format!(", oldest of {day}"));
    writeln!(
        out,
        "\nList prices in {}{as_of}, without tax and discounts.\n\n</details>\n",
        after.currency
    )
}

/// Text that can't break out of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', "<br>")
}
