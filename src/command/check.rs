//! `siteplane check`: everything that is wrong with the settings at once, then whether what they name is there.

use std::{path::Path, process::ExitCode, time::Duration};

use db::schema::SchemaStatus;
use sqlx::postgres::PgPoolOptions;
use state::store::BlobStore;
use worker::terraform::{plugins::MirrorSearch, version};

use crate::{
    settings::{Problems, Role, Settings},
    terminal::{
        Screen,
        paint::{Line, Mark},
    },
};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Look at the settings only; ask no server and look for no program.
    #[arg(long)]
    offline: bool,
}

/// Says everything; fails if anything is wrong.
pub(crate) async fn run(
    options: &Options,
    settings: &Settings,
    problems: Problems,
) -> anyhow::Result<ExitCode> {
    let screen = Screen::of_process();
    let mut wrong = 0;
    let mut tell = |result: Result<String, String>| {
        let (mark, text) = match result {
            Ok(text) => (Mark::Done, text),
            Err(text) => {
                wrong += 1;
                (Mark::Failed, text)
            }
        };
        screen.say(&Line::new(mark, text));
    };
    if problems.0.is_empty() {
        tell(Ok("settings: read without a mistake".to_owned()));
    }
    let problems = problems.and(settings.missing_for(Role::Worker));
    for problem in &problems.0 {
        tell(Err(format!("{}: {}", problem.key, problem.what)));
    }
    if !options.offline {
        tell(terraform(settings).await);
        tell(plugins(settings));
        tell(modules(&settings.terraform.modules));
        tell(letters(settings).await);
        if settings.database.url.is_some() {
            tell(database(settings).await);
        }
        if settings.storage.access_key.is_some() && settings.storage.secret_key.is_some() {
            tell(storage(settings).await);
        }
    }
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn terraform(settings: &Settings) -> Result<String, String> {
    let path = std::env::var("PATH").unwrap_or_default();
    match version::find(settings.terraform.bin.as_deref(), &path).await {
        Ok(found) => Ok(format!(
            "terraform: {} is version {}",
            found.path.display(),
            found.version
        )),
        Err(error) => Err(format!("terraform: {error}")),
    }
}

fn plugins(settings: &Settings) -> Result<String, String> {
    let home = std::env::var_os("HOME");
    let data_home = std::env::var_os("XDG_DATA_HOME");
    let search = MirrorSearch::new(
        settings.terraform.plugin_mirror.as_deref(),
        home.as_deref().map(Path::new),
        data_home.as_deref().map(Path::new),
    );
    match (search.find(), &settings.terraform.simulated_mirror) {
        (Ok(mirror), _) => Ok(format!("terraform.plugin_mirror: {}", mirror.display())),
        // Enough for the simulated cloud.
        (Err(_), Some(simulated)) if simulated.join("registry.terraform.io").is_dir() => Ok(format!(
            "terraform.simulated_mirror: {}; there are no plugins of real clouds",
            simulated.display()
        )),
        (Err(error), _) => Err(format!("terraform.plugin_mirror: {error}")),
    }
}

fn modules(folder: &Path) -> Result<String, String> {
    if folder.join("contract.json").is_file() {
        Ok(format!("terraform.modules: {}", folder.display()))
    } else {
        Err(format!(
            "terraform.modules: there are no modules in {}",
            folder.display()
        ))
    }
}

async fn letters(settings: &Settings) -> Result<String, String> {
    let Some(mail) = settings.letters() else {
        return Ok("mail: mail.host is not set, so letters stay in the outbox".to_owned());
    };
    let place = match (&settings.mail.folder, &settings.mail.host) {
        (Some(folder), _) => format!("mail.folder: {}, where nobody gets letters", folder.display()),
        (None, host) => format!("mail.host: {}", host.as_deref().unwrap_or_default()),
    };
    match mail.check().await {
        Ok(()) if settings.mail.folder.is_some() => Ok(place),
        Ok(()) => Ok(format!("{place} takes letters")),
        Err(error) => Err(format!("{place} ({error})")),
    }
}

async fn database(settings: &Settings) -> Result<String, String> {
    let url = settings
        .database
        .url
        .as_ref()
        .map(|url| url.expose())
        .unwrap_or_default();
    let wrong = |error: sqlx::Error| format!("database.url: PostgreSQL does not answer ({error})");
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect(url)
        .await
        .map_err(wrong)?;
    match db::schema::status(&pool).await.map_err(wrong)? {
        SchemaStatus::Current => Ok("database.url: answers, and its schema is up to date".to_owned()),
        SchemaStatus::Missing(missing) => Err(format!(
            "database.url: answers, and misses {}; run `siteplane migrate`",
            missing.join(", ")
        )),
        SchemaStatus::Changed(name) => Err(format!(
            "database.url: migration {name} there is not the one known here"
        )),
    }
}

async fn storage(settings: &Settings) -> Result<String, String> {
    let store = settings.store().map_err(|error| format!("storage: {error:#}"))?;
    let bucket = store.bucket.clone();
    let listing = tokio::time::timeout(PATIENCE, async { BlobStore::new(&store).list("check/").await }).await;
    match listing {
        Ok(Ok(_)) => Ok(format!("storage: bucket {bucket} answers")),
        Ok(Err(error)) => Err(format!(
            "storage: bucket {bucket} can't be used ({:#})",
            anyhow::Error::from(error)
        )),
        Err(_) => Err(format!(
            "storage: bucket {bucket} does not answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}
