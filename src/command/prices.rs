//! `siteplane prices refresh`: brings the price book up to date from the clouds' own price APIs.

use std::{path::PathBuf, process::ExitCode};

use chrono::Utc;
use domain::{provider::Provider, specification::Secret};
use rust_decimal::Decimal;

use super::print;
use crate::{
    prices::{self, Keys, Refreshed},
    terminal::table::{Align, table},
};

/// What `prices` does.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum What {
    /// Ask the clouds for their list prices, and write what moved into the book's files.
    Refresh(Options),
}

/// What `prices refresh` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this cloud; may be said several times.
    #[arg(long, value_name = "CLOUD")]
    provider: Vec<Provider>,
    /// The folder of the book's files.
    #[arg(long, value_name = "FOLDER", default_value = "control-plane/domain/prices")]
    book: PathBuf,
    /// Show what moved, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Refreshes cloud by cloud; one that can't be asked leaves its file as it is, and the exit status is 1.
pub(crate) async fn run(what: &What) -> anyhow::Result<ExitCode> {
    let What::Refresh(options) = what;
    let key = |name: &str| {
        std::env::var(name)
            .ok()
            .filter(|key| !key.is_empty())
            .map(Secret::new)
    };
    let keys = Keys {
        google: key("GOOGLE_API_KEY"),
        digitalocean: key("DIGITALOCEAN_TOKEN"),
        linode: key("LINODE_TOKEN"),
    };
    let wanted: &[Provider] = if options.provider.is_empty() {
        &Provider::ALL
    } else {
        &options.provider
    };
    let mut failed = false;
    for provider in wanted {
        match prices::refresh(*provider, &options.book, &keys, Utc::now().date_naive()).await {
            Ok(refreshed) => {
                say(*provider, &refreshed);
                if !options.dry_run && !refreshed.moved.is_empty() {
                    refreshed.write()?;
                }
            }
            Err(error) => {
                failed = true;
                print(format!("{provider}: the book stays as it is: {error:#}"));
            }
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn say(provider: Provider, refreshed: &Refreshed) {
    print(format!(
        "{provider}: {} prices moved, {} are as they were, {} items have no price API",
        refreshed.moved.len(),
        refreshed.same,
        refreshed.untold.len()
    ));
    let mut rows = Vec::new();
    for (item, region, before, now) in &refreshed.moved {
        let change = before.filter(|before| !before.is_zero()).map(|before| {
            let percent = (now - before) / before * Decimal::ONE_HUNDRED;
            format!("{percent:+.1} %")
        });
        let before = before.map_or_else(|| "new".to_owned(), |before| before.to_string());
        rows.push(vec![
            format!("  {item}"),
            region.clone(),
            before,
            now.to_string(),
            change.unwrap_or_default(),
        ]);
    }
    let columns = [Align::Left, Align::Left, Align::Right, Align::Right, Align::Right];
    for line in table(&columns, &rows) {
        print(line);
    }
    if !refreshed.untold.is_empty() {
        print(format!("  not told: {}", refreshed.untold.join(", ")));
    }
}
