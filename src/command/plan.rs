//! `siteplane plan FILE`: what the site of a file would become, what that costs, and whether it may be. For CI.

mod markdown;
pub(super) mod report;
mod text;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use domain::{
    plan::PlanSummary,
    provider::World,
    specification::{FieldProblem, SiteSecrets, SiteSpecification},
};
use report::{PlanFailure, PlanReport, PlanResult, PlannedBy};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    deploy::{difference, find_client, find_site, text},
    print,
    watch::{Watcher, watch},
};
use crate::{
    client::{Client, ClientError, Event},
    settings::{Problems, Settings},
    site_file::{SiteFile, SiteFileError},
};

/// What `plan` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 no changes, 2 changes, 1 an error, 3 denied by policy, 4 no answer in time or no API."
)]
pub(crate) struct Options {
    /// The site file, YAML or JSON. `siteplane schema` prints its schema.
    file: PathBuf,
    /// How to say it. `siteplane schema plan` prints the schema of `json`.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Another name for the site than the file's.
    #[arg(long)]
    name: Option<String>,
    /// Give up after so many seconds; the plan itself goes on.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    timeout: u64,
    /// Plan on this machine as a new site, with the credentials of this shell: no API, no stored state.
    #[arg(long)]
    local: bool,
    /// With --local: plan on an empty simulated cloud, which needs no credentials.
    #[arg(long, requires = "local")]
    simulated: bool,
}

/// How a plan is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a person at a terminal.
    #[default]
    Text,
    /// For a program; has a version.
    Json,
    /// For a comment on a merge request.
    Markdown,
}

/// Plans the file and says it.
pub(crate) async fn run(
    options: &Options,
    settings: &Settings,
    problems: Problems,
) -> anyhow::Result<ExitCode> {
    let report = report(options, settings, problems).await;
    match options.format {
        Format::Json => print(serde_json::to_string_pretty(&report)?),
        Format::Markdown => print(markdown::render(&report).trim_end()),
        Format::Text => {
            print(text::render(&report).trim_end());
        }
    }
    Ok(ExitCode::from(report.exit_status))
}

async fn report(options: &Options, settings: &Settings, problems: Problems) -> PlanReport {
    let planned_by = if options.local {
        PlannedBy::Local
    } else {
        PlannedBy::Worker
    };
    let file = match SiteFile::read(&options.file, options.name.as_deref()) {
        Ok(file) => file,
        Err(error) => return PlanReport::failed(planned_by, None, error.into()),
    };
    let failed = |failure| PlanReport::failed(planned_by, Some(&file.specification), failure);
    if let Err(error) = problems.into_result() {
        return failed(PlanFailure::words(PlanResult::Failed, error.to_string()));
    }
    let planned = if options.local {
        plan_here(&file.specification, settings, options.simulated).await
    } else {
        let waiting = plan_by_worker(&file, settings);
        match tokio::time::timeout(Duration::from_secs(options.timeout), waiting).await {
            Ok(planned) => planned,
            Err(_) => Err(PlanFailure::words(
                PlanResult::Unreachable,
                format!("there was no plan within {} seconds", options.timeout),
            )),
        }
    };
    match planned {
        Ok(planned) => PlanReport::planned(planned_by, &file.specification, planned),
        Err(failure) => failed(failure),
    }
}

/// A plan, and where it stands.
struct Planned {
    summary: PlanSummary,
    simulated: bool,
    site_exists: bool,
    deployment: Option<String>,
}

async fn plan_here(
    specification: &SiteSpecification,
    settings: &Settings,
    simulated: bool,
) -> Result<Planned, PlanFailure> {
    let secrets = SiteSecrets::of(specification, &SiteSecrets::default()).map_err(|problem| PlanFailure {
        result: PlanResult::Failed,
        words: "a plan on this machine knows no stored secrets".to_owned(),
        problems: vec![problem],
    })?;
    let (world, environment) = if simulated {
        (World::Simulated, Vec::new())
    } else {
        (World::Real, std::env::vars().collect())
    };
    let program = std::env::current_exe().map_err(|error| {
        PlanFailure::words(
            PlanResult::Failed,
            format!("this program's path is not known: {error}"),
        )
    })?;
    let summary = worker::local_plan::plan_here(
        &settings.worker(program),
        specification,
        secrets,
        world,
        environment,
    )
    .await
    .map_err(|error| PlanFailure::words(PlanResult::Failed, error.to_string()))?;
    Ok(Planned {
        summary,
        simulated,
        site_exists: false,
        deployment: None,
    })
}

async fn plan_by_worker(file: &SiteFile, settings: &Settings) -> Result<Planned, PlanFailure> {
    let client = find_client(settings)
        .map_err(|error| PlanFailure::words(PlanResult::Unreachable, format!("{error:#}")))?;
    let existing = find_site(&client, file.specification.name.as_str()).await?;
    let body = match &existing {
        None => Value::Object(file.body.clone()),
        Some(id) => change_of(&client, id, file).await?,
    };
    let asked = client.post("/api/v1/plans", &body).await?.body;
    let id = text(&asked["deployment"], "id");
    let ended = watch(&client, &id, &mut Steps).await?;
    match ended["status"].as_str() {
        Some("succeeded") => {}
        Some("denied" | "rejected") => {
            return Err(PlanFailure::words(PlanResult::Denied, reason(&ended)));
        }
        _ => return Err(PlanFailure::words(PlanResult::Failed, reason(&ended))),
    }
    let summary = PlanSummary::deserialize(&ended["plan_summary"])
        .map_err(|error| strange(format!("its plan can't be read: {error}")))?;
    Ok(Planned {
        summary,
        simulated: ended["simulated"] == true,
        site_exists: existing.is_some(),
        deployment: Some(id),
    })
}

/// The body of a plan of a change.
async fn change_of(client: &Client, id: &str, file: &SiteFile) -> Result<Value, PlanFailure> {
    let current = client.get(&format!("/api/v1/sites/{id}")).await?.body;
    let current = SiteSpecification::deserialize(&current["specification"])
        .map_err(|error| strange(format!("its site can't be read: {error}")))?;
    let fixed = current.problems_of_change_to(&file.specification);
    if fixed.is_empty() {
        Ok(json!({"site_id": id, "patch": difference(&current, file)}))
    } else {
        Err(PlanFailure {
            result: PlanResult::Failed,
            words: format!("{} can't become what the file says", current.name),
            problems: fixed,
        })
    }
}

fn strange(what: String) -> PlanFailure {
    PlanFailure::words(
        PlanResult::Failed,
        format!("the API answered what this program does not know: {what}"),
    )
}

/// Why a deployment ended: its reason, and Terraform's own words where a step has them.
fn reason(ended: &Value) -> String {
    let mut words = text(ended, "reason");
    let steps = ended["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    for error in steps
        .iter()
        .map(|step| &step["error"])
        .filter(|error| error.is_object())
    {
        for part in ["summary", "detail"] {
            let said = text(error, part);
            if !said.is_empty() && !words.contains(&said) {
                words.push('\n');
                words.push_str(&said);
            }
        }
    }
    words
}

/// Says on stderr, which no program reads, that something is going on.
struct Steps;

impl Watcher for Steps {
    #[expect(clippy::print_stderr, reason = "what a command says while it works")]
    fn event(&mut self, event: &Event) {
        if matches!(event.kind.as_str(), "step" | "status") {
            eprintln!("siteplane: {}", event.message);
        }
    }

    fn frame(&mut self) {}
}

impl From<SiteFileError> for PlanFailure {
    fn from(error: SiteFileError) -> Self {
        Self {
            result: PlanResult::Failed,
            words: error.words,
            problems: error.problems,
        }
    }
}

impl From<ClientError> for PlanFailure {
    fn from(error: ClientError) -> Self {
        let (result, problems): (PlanResult, Vec<FieldProblem>) = match &error {
            ClientError::Unreachable { .. } | ClientError::Strange { .. } => {
                (PlanResult::Unreachable, Vec::new())
            }
            ClientError::Refused(refusal) => {
                let result = match refusal.status.as_u16() {
                    500.. => PlanResult::Unreachable,
                    _ if refusal.code.starts_with("policy") => PlanResult::Denied,
                    _ => PlanResult::Failed,
                };
                (result, refusal.fields.clone())
            }
        };
        let words = match error {
            ClientError::Refused(refusal) => refusal.detail,
            error => error.to_string(),
        };
        Self {
            result,
            words,
            problems,
        }
    }
}
