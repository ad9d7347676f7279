//! One program that stands in for the Terraform providers of five clouds.
//!
//! Started under a provider's name (`terraform-provider-aws_v5.100.0_x5`) it is that provider's plugin and its cloud
//! is a directory of JSON files. Under any other name it has commands to lay out a mirror, look into a cloud and
//! record schemas. The contract is in the room's README.

mod aws;
mod azurerm;
mod change;
mod cloud;
mod command;
mod digitalocean;
mod extract;
mod facts;
mod faults;
mod filling;
mod google;
mod journal;
mod linode;
mod lookup;
mod mirror;
mod msgpack;
mod planning;
mod plugin;
mod policy_document;
mod protocol;
mod redaction;
mod schema;
mod server;
mod store;
mod template;
mod value;

use std::{process::ExitCode, time::Duration};

use crate::{cloud::Environment, facts::ProviderFacts, plugin::Plugin, schema::ProviderSchemas};

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let result = match name.strip_prefix("terraform-provider-") {
        Some(rest) => run_plugin(rest.split('_').next().unwrap_or_default()),
        None => command::run(&arguments.collect::<Vec<_>>()).map_err(|error| chain(&error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn run_plugin(name: &str) -> Result<(), String> {
    let provider = ProviderFacts::named(name)
        .ok_or_else(|| format!("simulated-cloud does not know a provider named {name:?}"))?;
    if std::env::var("TF_PLUGIN_MAGIC_COOKIE").is_ok_and(|cookie| cookie == server::MAGIC_COOKIE) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| chain(&error))?;
        return runtime.block_on(async {
            server::ignore_interrupts().map_err(|error| chain(&error))?;
            let schemas = ProviderSchemas::from_gzip(provider.extract).map_err(|error| chain(&error))?;
            let encrypted =
                std::env::var("PLUGIN_CLIENT_CERT").is_ok_and(|certificate| !certificate.is_empty());
            let plugin = Plugin::new(provider, schemas, environment(provider));
            server::serve(plugin, encrypted)
                .await
                .map_err(|error| chain(&error))
        });
    }
    Err("This is a Terraform provider plugin (simulated); Terraform starts it.".to_owned())
}

fn environment(provider: &ProviderFacts) -> Environment {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let latency = match variable("SIMULATED_CLOUD_LATENCY_MS") {
        None => Ok(Duration::ZERO),
        Some(text) => text
            .parse()
            .map(Duration::from_millis)
            .map_err(|error| format!("It is {text:?}: {error}.")),
    };
    Environment {
        directory: variable("SIMULATED_CLOUD_DIR").map(Into::into),
        attempt: variable("SIMULATED_CLOUD_ATTEMPT").unwrap_or_default(),
        latency,
        account: variable("SIMULATED_CLOUD_ACCOUNT").unwrap_or_else(|| "123456789012".to_owned()),
        region: provider
            .region_environment
            .iter()
            .find_map(|name| variable(name))
            .unwrap_or_else(|| provider.default_region.to_owned()),
    }
}
