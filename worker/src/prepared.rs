//! What a worker makes ready before it claims anything: Terraform, the modules, and for each provider and world
//! the plugins with their lock file. A run then fetches and decides nothing.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use domain::provider::{Provider, World};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    modules::ModuleSet,
    settings::{Settings, SupervisorCommand},
    terraform::{
        boot_clock_ms,
        command::{self, ExitReason, Run, Supervisor, SupervisorError},
        environment::{self, Environment, EnvironmentError},
        plugins::{self, MirrorNotFound, MirrorSearch},
        version::{self, Terraform, TerraformError},
    },
    workspace,
};

/// What was made ready.
#[derive(Debug)]
pub struct Prepared {
    /// Terraform.
    pub terraform: Terraform,
    /// The directories of programs that Terraform's processes see.
    pub path: String,
    /// Modules and plugins of each provider and world.
    pub kits: BTreeMap<(Provider, World), Kit>,
    /// What is not ready, in words for the operator.
    pub missing: Vec<String>,
    /// Holds the kits' files.
    folder: TempDir,
}

/// Modules and plugins of one provider in one world.
#[derive(Clone, Debug)]
pub struct Kit {
    /// The modules.
    pub modules: ModuleSet,
    /// Terraform's own settings: where plugins come from.
    pub cli_config: PathBuf,
    /// Content of the lock file.
    pub lock_file: Vec<u8>,
    /// Versions of the plugins, by provider.
    pub plugin_versions: Value,
}

/// Why a worker can't start.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// No Terraform, or a wrong one.
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    /// The modules can't be read.
    #[error("the modules in {} can't be read", .0.display())]
    Modules(PathBuf, #[source] io::Error),
    /// Not one provider and world is ready.
    #[error("nothing can be run here:\n{}", .0.join("\n"))]
    NothingReady(Vec<String>),
    /// A folder can't be written.
    #[error("{} can't be written", .0.display())]
    Folder(PathBuf, #[source] io::Error),
}

/// Makes everything ready.
///
/// # Errors
/// See [`PrepareError`].
pub async fn prepare(settings: &Settings) -> Result<Prepared, PrepareError> {
    // Directories of the system only: what an operator has in PATH is nothing that a run may depend on.
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
    let search = std::env::var("PATH").unwrap_or_else(|_| path.clone());
    let terraform = version::find(settings.terraform_bin.as_deref(), &search).await?;
    make_private(&settings.workspaces)
        .map_err(|error| PrepareError::Folder(settings.workspaces.clone(), error))?;
    let folder =
        environment::temporary_directory().map_err(|error| PrepareError::Folder("/tmp".into(), error))?;
    let mut prepared = Prepared {
        terraform,
        path,
        kits: BTreeMap::new(),
        missing: Vec::new(),
        folder,
    };
    for provider in Provider::ALL {
        let modules = ModuleSet::read(&settings.modules, provider.as_str())
            .map_err(|error| PrepareError::Modules(settings.modules.clone(), error))?;
        let mut ready: BTreeMap<PathBuf, Kit> = BTreeMap::new();
        for world in &settings.worlds {
            let mirror = match mirror_of(settings, *world) {
                Ok(mirror) => mirror,
                Err(missing) => {
                    prepared
                        .missing
                        .push(format!("{provider}/{}: {missing}", world.as_str()));
                    continue;
                }
            };
            if let Some(kit) = ready.get(&mirror) {
                prepared.kits.insert((provider, *world), kit.clone());
                continue;
            }
            let folder = prepared
                .folder
                .path()
                .join(format!("{provider}-{}", world.as_str()));
            match make_kit(settings, &prepared, modules.clone(), &mirror, &folder).await {
                Ok(kit) => {
                    ready.insert(mirror, kit.clone());
                    prepared.kits.insert((provider, *world), kit);
                }
                Err(error) => prepared
                    .missing
                    .push(format!("{provider}/{}: {error}", world.as_str())),
            }
        }
    }
    if prepared.kits.is_empty() {
        return Err(PrepareError::NothingReady(prepared.missing));
    }
    Ok(prepared)
}

impl Prepared {
    /// `provider/world` pairs that can be run here.
    pub fn abilities(&self) -> Vec<String> {
        self.kits
            .keys()
            .map(|(provider, world)| format!("{provider}/{}", world.as_str()))
            .collect()
    }
}

/// Why there are no plugins.
#[derive(Debug, thiserror::Error)]
pub enum MirrorMissing {
    /// No folder has real ones.
    #[error(transparent)]
    Mirror(#[from] MirrorNotFound),
    /// No folder with simulated ones is set.
    #[error("no folder with the simulated cloud's plugin is set")]
    SimulatedMirror,
}

/// Where a world's plugins are.
///
/// # Errors
/// There are none.
pub fn mirror_of(settings: &Settings, world: World) -> Result<PathBuf, MirrorMissing> {
    if world == World::Simulated {
        return settings
            .simulated_mirror
            .clone()
            .ok_or(MirrorMissing::SimulatedMirror);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    Ok(MirrorSearch::new(
        settings.plugin_mirror.as_deref(),
        home.as_deref(),
        data.as_deref(),
    )
    .find()?)
}

#[derive(Debug, thiserror::Error)]
enum KitError {
    #[error("the folder can't be written: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    #[error("terraform init ended with {code:?}: {output}")]
    Init { code: Option<i32>, output: String },
}

async fn make_kit(
    settings: &Settings,
    prepared: &Prepared,
    modules: ModuleSet,
    mirror: &Path,
    folder: &Path,
) -> Result<Kit, KitError> {
    make_private(folder)?;
    let cli_config = folder.join("terraformrc");
    plugins::write_cli_config(&cli_config, mirror)?;
    let trial = folder.join("trial");
    let root = modules.copy_to(&trial)?;
    let temporary = environment::temporary_directory()?;
    let environment = Environment::for_terraform(&environment::Base {
        path: &prepared.path,
        workspace: &root,
        temporary_directory: temporary.path(),
        cli_config: &cli_config,
    })?;
    let mut supervisor = start_supervisor(&settings.supervisor, settings.deadlines.short, settings)?;
    let (lines, mut printed) = mpsc::channel::<command::Line>(64);
    let run = Run {
        program: prepared.terraform.path.clone(),
        args: ["init", "-input=false", "-no-color", "-backend=false"]
            .map(str::to_owned)
            .into(),
        environment,
        directory: root.clone(),
        stdout_to: None,
        journal: None,
        deadline: settings.deadlines.short,
        grace: settings.lease.grace,
    };
    let collect = async {
        let mut text = Vec::new();
        while let Some(line) = printed.recv().await {
            text.push(line.text);
        }
        text
    };
    let (exit, output) = tokio::join!(supervisor.run(run, lines), collect);
    let exit = exit?;
    supervisor.end().await?;
    if exit.code != Some(0) || exit.reason != ExitReason::Exited {
        return Err(KitError::Init {
            code: exit.code,
            output: output.join("\n"),
        });
    }
    let lock_file = fs::read(root.join(workspace::LOCK_FILE))?;
    fs::remove_dir_all(&trial)?;
    let versions: serde_json::Map<String, Value> = plugins::plugin_versions(mirror)?
        .into_iter()
        .filter(|plugin| String::from_utf8_lossy(&lock_file).contains(&plugin.provider))
        .map(|plugin| (plugin.provider, Value::from(plugin.version)))
        .collect();
    Ok(Kit {
        modules,
        cli_config,
        lock_file,
        plugin_versions: Value::Object(versions),
    })
}

/// Credentials for a stand-in that asks nobody who they are.
pub fn stand_in_credentials(provider: Provider) -> BTreeMap<String, String> {
    let fields = provider.facts().credential_fields.iter();
    fields
        .filter(|field| field.required)
        .map(|field| (field.name.to_owned(), "stand-in".to_owned()))
        .collect()
}

/// Starts a supervisor for something that no lease is held for.
///
/// # Errors
/// Its program can't be started.
pub fn start_supervisor(
    supervisor: &SupervisorCommand,
    good_for: std::time::Duration,
    settings: &Settings,
) -> io::Result<Supervisor> {
    let arguments: Vec<&str> = supervisor.arguments.iter().map(String::as_str).collect();
    let good_for = u64::try_from(good_for.as_millis()).unwrap_or(u64::MAX / 2);
    let terms = command::LeaseTerms {
        margin: settings.lease.margin,
        grace: settings.lease.grace,
        good_until_boot_ms: boot_clock_ms().saturating_add(good_for),
    };
    Supervisor::start(&supervisor.program, &arguments, terms)
}

fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
