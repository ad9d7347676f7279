//! `siteplane dev`.

use std::{path::PathBuf, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    dev::{Dev, FILE, FOLDER, Wishes, seed::EmulatorAccount},
    settings::{Environment, Settings},
    terminal::{
        Screen,
        paint::{Line, Mark},
    },
};

/// What `dev` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder for everything that it keeps.
    #[arg(long, default_value = FOLDER, value_name = "FOLDER")]
    dir: PathBuf,
    /// Port of the API; 0 takes any that is free. Without it 7600 or, where that is taken, any.
    #[arg(long)]
    port: Option<u16>,
    /// How many workers.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Address of an AWS emulator (moto): the customers get accounts there instead of the simulated cloud.
    #[arg(long, value_name = "URL")]
    emulator_url: Option<String>,
    /// Machine image that the emulator knows.
    #[arg(long, default_value = MOTO_IMAGE, value_name = "ID", requires = "emulator_url")]
    emulator_image: String,
    /// Leases of 6 s instead of 30 s: to watch another worker go on after a kill.
    #[arg(long)]
    test_lease: bool,
}

/// An image of moto's own; it does not have Canonical's.
pub(super) const MOTO_IMAGE: &str = "ami-12c6146b";

/// Starts everything and keeps it running until Ctrl-C.
pub(crate) async fn run(options: &Options, settings: &Settings) -> anyhow::Result<ExitCode> {
    refuse_production(settings)?;
    let wishes = Wishes {
        folder: options.dir.clone(),
        port: options.port,
        workers: options.workers,
        emulator: options.emulator_url.as_ref().map(|url| EmulatorAccount {
            url: url.clone(),
            image_id: options.emulator_image.clone(),
        }),
        short_lease: options.test_lease,
        anew: false,
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let screen = Screen::of_process();
    screen.show("starting PostgreSQL, S3, API and workers");
    let mut dev = tokio::select! {
        dev = Dev::start(&wishes, settings) => dev?,
        _ = interrupt.recv() => return Ok(ExitCode::FAILURE),
        _ = terminate.recv() => return Ok(ExitCode::FAILURE),
    };
    screen.rest();
    introduce(&screen, &dev, options, settings);
    let outcome = loop {
        tokio::select! {
            _ = interrupt.recv() => break Ok(()),
            _ = terminate.recv() => break Ok(()),
            mended = dev.mend() => match mended {
                Ok(restarted) => screen.say(&Line::new(
                    Mark::Warning,
                    format!("{} ended ({}) and was started again", restarted.name, restarted.status),
                )),
                Err(error) => break Err(error),
            },
        }
    };
    screen.show("stopping");
    let killed = dev.stop().await;
    screen.rest();
    if !killed.is_empty() {
        screen.say(&Line::new(
            Mark::Warning,
            format!("did not stop by themselves: {}", killed.join(", ")),
        ));
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// A production shell must not lead to a development database by mistake.
pub(super) fn refuse_production(settings: &Settings) -> anyhow::Result<()> {
    anyhow::ensure!(
        settings.environment == Environment::Development,
        "environment is \"production\" here (siteplane.toml or SITEPLANE__ENVIRONMENT); dev and demo are for development"
    );
    Ok(())
}

fn introduce(screen: &Screen, dev: &Dev, options: &Options, settings: &Settings) {
    let file = &dev.file;
    for remark in &dev.remarks {
        screen.say(&Line::new(Mark::Warning, remark));
    }
    screen.say(&Line::new(Mark::Done, "Siteplane is running").note("Ctrl-C stops all of it"));
    screen.text("");
    let place = options.dir.join(FILE);
    let rows = [
        ("API", file.api_url.clone()),
        ("database", place_of(&file.postgres_url)),
        ("S3", file.s3_url.clone()),
        (
            "clouds",
            match &options.emulator_url {
                Some(url) => format!(
                    "AWS emulator at {url}; SIMULATED in {}",
                    file.simulated_cloud_dir.display()
                ),
                None => format!(
                    "SIMULATED, in {}: nothing there costs money or exists",
                    file.simulated_cloud_dir.display()
                ),
            },
        ),
        ("letters", dev.letters(settings)),
        ("logs", dev.logs().display().to_string()),
        ("admin", file.admin.email.clone()),
    ];
    for (name, value) in rows {
        screen.say(&Line::plain(format!("{name:9} {value}")).deeper());
    }
    for customer in &file.customers {
        screen.say(&Line::plain(format!("customer  {}, {}", customer.name, customer.sign_in.email)).deeper());
    }
    screen.text("");
    screen.say(
        &Line::plain(format!(
            "Passwords and tokens to sign in with are in {}.",
            place.display()
        ))
        .deeper(),
    );
    screen.say(
        &Line::plain(format!(
            "Try, in another terminal: {} deploy examples/shop.yaml --wait",
            own_name()
        ))
        .deeper(),
    );
}

/// How this program is called from here.
fn own_name() -> String {
    let relative = std::env::current_exe().ok().zip(std::env::current_dir().ok());
    let relative = relative.and_then(|(program, folder)| {
        program
            .strip_prefix(folder)
            .ok()
            .map(|path| path.display().to_string())
    });
    relative.unwrap_or_else(|| "siteplane".to_owned())
}

/// An address without its password.
fn place_of(url: &str) -> String {
    url.rsplit_once('@')
        .map_or_else(|| url.to_owned(), |(_, place)| place.to_owned())
}
