//! The `siteplane` command: arguments and wiring. What it does is in the crates beside it.

mod client;
mod command;
mod dev;
mod logging;
mod prices;
mod settings;
mod simulated_cloud;
mod site_file;
mod terminal;

use std::{future::Future, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use settings::Settings;

/// A control plane that puts customers' sites on any cloud.
#[derive(Debug, Parser)]
#[command(name = "siteplane", version, max_term_width = 100)]
struct Arguments {
    /// Settings file instead of siteplane.toml in this folder.
    #[arg(long, global = true, value_name = "FILE", env = "SITEPLANE_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start all of Siteplane on this machine; needs nothing running.
    Dev(command::dev::Options),
    /// Show the main job: a site created, changed and removed on a cloud that costs nothing.
    Demo(command::demo::Options),
    /// Serve the HTTP API.
    Api(command::Service),
    /// Run deployments.
    Worker(command::Service),
    /// Bring the database's schema up to date. Safe to run twice and at once.
    Migrate,
    /// Say everything that is wrong with the settings, and whether what they name answers.
    Check(command::check::Options),
    /// Make customers, people, tokens and cloud accounts; change keys.
    #[command(subcommand)]
    Admin(command::admin::What),
    /// Create or change the site that a file describes.
    Deploy(command::deploy::Options),
    /// Say what the site of a file would become, and what that costs. For CI.
    Plan(command::plan::Options),
    /// The price book: bring it up to date from the clouds' own price APIs.
    #[command(subcommand)]
    Prices(command::prices::What),
    /// Print the JSON schema of a site file, or of a plan.
    Schema {
        /// Whose.
        #[arg(value_enum, default_value_t)]
        of: command::schema::Document,
    },
    /// Print the API's OpenAPI document.
    Openapi,
    /// The simulated cloud's own commands: mirror, list, record.
    #[command(disable_help_flag = true)]
    SimulatedCloud {
        /// Passed on as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Owns one Terraform run; started by the worker.
    #[command(hide = true)]
    Supervise,
}

fn main() -> ExitCode {
    // `siteplane deploy | head` ends quietly, as a pipe does.
    let arguments = Arguments::parse();
    // Before anything else: the supervisor has one thread and reads nothing but its pipe.
    if matches!(arguments.command, Command::Supervise) {
        return worker::terraform::supervisor::supervise();
    }
    install_tls();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("siteplane: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All TLS is rustls on ring; without this the first connection would panic.
fn install_tls() {
    // It is an error only if it was done before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, problems) = Settings::read(arguments.config.as_deref());
    // `check` is there to show what is wrong, and these need no settings.
    match &arguments.command {
        Command::Check(options) => {
            logging::start(&settings)?;
            return block_on(command::check::run(options, &settings, problems));
        }
        Command::Schema { of } => return command::schema::run(*of),
        Command::Openapi => return command::schema::openapi(),
        Command::SimulatedCloud { arguments } => match simulated_cloud::become_it(arguments)? {},
        _ => {}
    }
    if let Command::Deploy(options) = &arguments.command {
        return block_on(command::deploy::run(options, &settings, problems));
    }
    if let Command::Plan(options) = &arguments.command {
        return block_on(command::plan::run(options, &settings, problems));
    }
    problems.into_result()?;
    logging::start(&settings)?;
    match arguments.command {
        Command::Dev(options) => block_on(command::dev::run(&options, &settings)),
        Command::Demo(options) => block_on(command::demo::run(&options, &settings)),
        Command::Api(service) => block_on(command::api::run(&service, &settings)),
        Command::Worker(service) => block_on(command::worker::run(&service, &settings)),
        Command::Migrate => block_on(command::migrate::run(&settings)),
        Command::Admin(what) => block_on(command::admin::run(what, &settings)),
        Command::Prices(what) => block_on(command::prices::run(&what)),
        Command::Check(_)
        | Command::Deploy(_)
        | Command::Plan(_)
        | Command::Schema { .. }
        | Command::Openapi
        | Command::SimulatedCloud { .. }
        | Command::Supervise => unreachable!("handled above"),
    }
}

/// Runs the command on this thread, which is the main one: child processes are bound to the thread that starts them
/// (see [`dev::children`]).
fn block_on(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
