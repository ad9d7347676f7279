//! `make bench`: what Siteplane costs over the plain way, each figure beside a named baseline of the same run.
//!
//! Arguments name sections (`create`, `start`, `claims`, `idle`, `quotes`, `sites`, `neighbour`, `many`, `moto`);
//! without any the whole is measured and `docs/benchmarks.md` is written, moto only where `SITEPLANE__BENCH__MOTO` says
//! how many pairs (one takes minutes).
//! `SITEPLANE__BENCH__ROUNDS` is the number of pairs of the others, 7 if it is not set.
//! Needs `SITEPLANE__TEST__POSTGRES_SYNC=1 tests/with-postgres`, and the simulated cloud's mirror in `target`.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod claims;
mod connection;
mod create;
mod figures;
mod idle;
mod installation;
mod many;
mod neighbour;
mod page;
mod quotes;
mod sites;
mod start;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use create::Cloud;
use figures::Section;
use page::Page;

/// The simulated cloud as every plugin, where `make` puts it.
const SIMULATED_MIRROR: &str = "target/simulated-mirror";
/// How many deployments the time to the start of Terraform is measured on, if `SITEPLANE__BENCH__STARTS` does not say.
const STARTS: usize = 60;

fn main() -> anyhow::Result<()> {
    // Cargo passes `--bench`.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let known = [
        "create",
        "start",
        "claims",
        "idle",
        "quotes",
        "sites",
        "neighbour",
        "many",
        "moto",
    ];
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        anyhow::bail!("there is no section {unknown:?}; there are {}", known.join(", "));
    }
    let rounds = number("SITEPLANE__BENCH__ROUNDS")?.unwrap_or(7);
    ensure!(rounds > 0, "SITEPLANE__BENCH__ROUNDS must be at least 1");
    let moto_rounds = number("SITEPLANE__BENCH__MOTO")?.unwrap_or(0);
    ensure!(
        std::env::var_os("SITEPLANE__TEST__POSTGRES_URL").is_some(),
        "run this as: SITEPLANE__TEST__POSTGRES_SYNC=1 tests/with-postgres cargo bench -p siteplane --bench road"
    );
    // The client's TLS; it is an error only if it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&wanted, rounds, moto_rounds))
}

async fn run(wanted: &[String], rounds: usize, moto_rounds: usize) -> anyhow::Result<()> {
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let mirror = root().join(SIMULATED_MIRROR);
    ensure!(
        mirror.is_dir(),
        "{} is missing: `make bench` builds the plugin first",
        mirror.display()
    );
    let mut page = Page::begin().await?;
    let mut show = |section: Section| {
        println!("{section}");
        page.sections.push(section);
    };
    if is_wanted("claims") {
        show(claims::measure(rounds).await?);
    }
    if is_wanted("create") {
        show(
            create::measure(
                &Cloud::Simulated {
                    mirror: mirror.clone(),
                },
                rounds,
            )
            .await?,
        );
    }
    if is_wanted("start") {
        show(
            start::measure(
                &mirror,
                number("SITEPLANE__BENCH__STARTS")?.unwrap_or(STARTS).max(1),
            )
            .await?,
        );
    }
    if is_wanted("idle") {
        show(idle::measure(&mirror, rounds).await?);
    }
    let simulated = Cloud::Simulated {
        mirror: mirror.clone(),
    };
    if is_wanted("quotes") {
        show(quotes::measure(&simulated).await?);
    }
    if is_wanted("sites") {
        show(sites::measure(&simulated, rounds).await?);
    }
    if is_wanted("neighbour") {
        show(neighbour::measure(&simulated, rounds).await?);
    }
    if is_wanted("many") {
        show(many::measure(&simulated).await?);
    }
    if is_wanted("moto") && moto_rounds > 0 {
        let moto = create::Moto::start().await?;
        show(create::measure(&moto.cloud()?, moto_rounds).await?);
    }
    if wanted.is_empty() {
        let file = root().join("docs/benchmarks.md");
        std::fs::write(&file, page.end()?).with_context(|| format!("can't write {}", file.display()))?;
        println!("Written to docs/benchmarks.md");
    } else {
        println!("docs/benchmarks.md stays as it is: only a run of every section writes it");
    }
    Ok(())
}

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn number(variable: &str) -> anyhow::Result<Option<usize>> {
    match std::env::var(variable) {
        Ok(text) => {
            Ok(Some(text.parse().with_context(|| {
                format!("{variable} is {text:?}, which is no number")
            })?))
        }
        Err(_) => Ok(None),
    }
}
