//! A plan here and now: no queue, no state, the caller's own credentials. What `siteplane plan --local` shows.

use std::{collections::BTreeMap, io};

use domain::{
    id::{CustomerId, SiteId},
    plan::{NotAPlan, PlanSummary},
    provider::World,
    specification::{Secret, SiteSecrets, SiteSpecification},
    tfvars::SiteVariables,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    modules::ModuleSet,
    prepared::{self, MirrorMissing},
    settings::Settings,
    terraform::{
        command::{Line, Run, Supervisor, SupervisorError},
        environment::{self, Base, Environment, EnvironmentError},
        mask::Mask,
        plugins,
        stream::{Severity, UiEvent, UiLine},
        version::{self, TerraformError},
    },
    workspace::{PLAN, PLAN_JSON},
};

/// Stands for the database's password, which is made only when a site is: nothing is ever given it.
const NO_PASSWORD: &str = "No-password-0-of-a-plan";

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum LocalPlanError {
    /// No Terraform, or a wrong one.
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    /// No plugins.
    #[error(transparent)]
    Mirror(#[from] MirrorMissing),
    /// The modules can't be read, or a folder not be written.
    #[error("the modules can't be copied: {0}")]
    Io(#[from] io::Error),
    /// An environment that no process can be given.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Terraform could not be run to its end.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    /// Terraform refused.
    #[error("{0}")]
    Refused(String),
    /// Terraform's plan is not what this version knows.
    #[error(transparent)]
    NotAPlan(#[from] NotAPlan),
    /// The same, and it is no JSON either.
    #[error("the plan that Terraform showed can't be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Plans a site as a new one: with the real plugins and `environment`, or on an empty simulated cloud.
///
/// # Errors
/// See [`LocalPlanError`].
pub async fn plan_here(
    settings: &Settings,
    specification: &SiteSpecification,
    mut secrets: SiteSecrets,
    world: World,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<PlanSummary, LocalPlanError> {
    let search = std::env::var("PATH").unwrap_or_default();
    let terraform = version::find(settings.terraform_bin.as_deref(), &search).await?;
    let mirror = prepared::mirror_of(settings, world)?;
    let modules = ModuleSet::read(&settings.modules, specification.provider.as_str())?;
    // Removed when this function ends, however it does.
    let folder = environment::temporary_directory()?;
    let temporary = environment::temporary_directory()?;
    let root = modules.copy_to(folder.path())?;
    let cli_config = folder.path().join("terraformrc");
    plugins::write_cli_config(&cli_config, &mirror)?;

    let secret = secrets
        .database_password
        .get_or_insert_with(|| Secret::new(NO_PASSWORD));
    let mask = Mask::new(
        [secret.expose().to_owned()]
            .into_iter()
            .chain(secrets.all().map(|secret| secret.expose().to_owned())),
    );
    let variables = SiteVariables {
        site: SiteId::new(),
        customer: CustomerId::new(),
        specification,
        secrets: &secrets,
        world,
        provider_options: &json!({}),
        credentials: &BTreeMap::new(),
    };
    std::fs::write(
        root.join("terraform.tfvars.json"),
        serde_json::to_vec_pretty(&variables.file())?,
    )?;
    let base = Base {
        path: &search,
        workspace: &root,
        temporary_directory: temporary.path(),
        cli_config: &cli_config,
    };
    let mut environment = Environment::of_caller(&base, environment)?;
    if world == World::Simulated {
        let cloud = folder.path().join("cloud");
        std::fs::create_dir(&cloud)?;
        let region = (specification.provider.facts().terraform_env)(&domain::provider::AccountAccess {
            world,
            credentials: &prepared::stand_in_credentials(specification.provider),
            endpoint_url: None,
            region: &specification.region,
        });
        environment = environment
            .with_account(region)?
            .with_account([("SIMULATED_CLOUD_DIR".to_owned(), cloud.display().to_string())])?;
    }
    let environment = environment.with_terraform_variables(variables.secret_variables())?;

    let mut supervisor =
        prepared::start_supervisor(&settings.supervisor, settings.deadlines.plan * 2, settings)?;
    let run = |args: &[&str], deadline| Run {
        program: terraform.path.clone(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        environment: environment.clone(),
        directory: root.clone(),
        stdout_to: None,
        journal: None,
        deadline,
        grace: settings.lease.grace,
    };
    let out = format!("-out={PLAN}");
    let init = run(
        &["init", "-input=false", "-no-color", "-backend=false"],
        settings.deadlines.short,
    );
    let plan = run(&["plan", "-json", "-input=false", &out], settings.deadlines.plan);
    let show = Run {
        stdout_to: Some(PLAN_JSON.to_owned()),
        ..run(&["show", "-json", "-no-color", PLAN], settings.deadlines.short)
    };
    for run in [init, plan, show] {
        succeed(&mut supervisor, run, &mask).await?;
    }
    supervisor.end().await?;

    let plan: Value = serde_json::from_slice(&std::fs::read(root.join(PLAN_JSON))?)?;
    let summary = PlanSummary::priced(specification.provider, &specification.region, &plan)?;
    // Values that were never marked as sensitive may still be a secret.
    let text = serde_json::to_string(&summary)?;
    Ok(serde_json::from_str(&mask.apply(&text))?)
}

/// Runs Terraform, and gives what it complains of where it fails.
async fn succeed(supervisor: &mut Supervisor, run: Run, mask: &Mask) -> Result<(), LocalPlanError> {
    let name = run.args[0].clone();
    let (lines, mut printed) = mpsc::channel::<Line>(64);
    let collect = async {
        let mut plain = Vec::new();
        let mut errors = Vec::new();
        while let Some(line) = printed.recv().await {
            match UiLine::parse(&line.text).event {
                UiEvent::Diagnostic(diagnostic) if diagnostic.severity == Severity::Error => {
                    errors.push(diagnostic.to_string());
                }
                _ => plain.push(line.text),
            }
        }
        if errors.is_empty() { plain } else { errors }
    };
    let (exit, said) = tokio::join!(supervisor.run(run, lines), collect);
    let exit = exit?;
    if exit.code == Some(0) {
        return Ok(());
    }
    let said = said.join("\n");
    Err(LocalPlanError::Refused(format!(
        "terraform {name} failed: {}",
        mask.apply(said.trim())
    )))
}
