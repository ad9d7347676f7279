//! `siteplane demo`: the main job from beginning to end, and a look from outside at what is there. On the simulated cloud
//! it is one site on five clouds ([`five_clouds`]), on the emulator one on AWS.
//!
//! What exists is asked of the cloud itself (the simulated cloud's own files, or the emulator's API), never of
//! Siteplane: a demo that believed its own program would show nothing.

mod cloud;
mod five_clouds;
mod moto;

use std::{collections::BTreeSet, path::PathBuf, pin::Pin, process::ExitCode, time::Instant};

use anyhow::{Context, bail, ensure};
use cloud::{Cloud, Found};
use domain::{plan::PlanSummary, plan::PlannedAction, specification::Secret};
use moto::Moto;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    deploy::{headline, say_outputs, text},
    dev::{MOTO_IMAGE, refuse_production},
    watch::{OnScreen, watch},
};
use crate::{
    client::Client,
    dev::{CustomerSignIn, Dev, DevFile, Wishes, seed::EmulatorAccount},
    settings::Settings,
    terminal::{
        Screen, duration,
        paint::{Line, Mark},
        road::end_line,
    },
};

/// What `demo` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// With the real AWS provider on moto, an AWS emulator, instead of the simulated cloud.
    #[arg(long)]
    aws: bool,
    /// Folder for everything that it keeps; emptied at the start.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Shows it; fails if anything is left at the end.
pub(crate) async fn run(options: &Options, settings: &Settings) -> anyhow::Result<ExitCode> {
    refuse_production(settings)?;
    if options.aws {
        moto::require_aws_plugin(settings)?;
    }
    let name = if options.aws {
        ".siteplane/demo-aws"
    } else {
        ".siteplane/demo"
    };
    let folder = options.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    let screen = Screen::of_process();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let began = Instant::now();
    let mut moto = match options.aws {
        true => {
            screen.show("starting moto, an AWS emulator");
            Some(Moto::start(&folder).await?)
        }
        false => None,
    };
    let wishes = Wishes {
        folder,
        port: Some(0),
        workers: 1,
        emulator: moto.as_ref().map(|moto| EmulatorAccount {
            url: moto.url.clone(),
            image_id: MOTO_IMAGE.to_owned(),
        }),
        short_lease: false,
        // A demo shows everything from its beginning.
        anew: true,
    };
    screen.show("starting PostgreSQL, S3, API and worker");
    let mut dev = tokio::select! {
        dev = Dev::start(&wishes, settings) => dev?,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    };
    screen.rest();
    screen.say(
        &Line::new(Mark::Done, "PostgreSQL, S3, API and worker are running").note(duration(began.elapsed())),
    );
    let file = dev.file.clone();
    let cloud = match &moto {
        Some(moto) => Cloud::Emulator {
            url: moto.url.clone(),
        },
        None => Cloud::Simulated {
            folder: file.simulated_cloud_dir.clone(),
        },
    };
    let outcome = {
        let mut story: Pin<Box<dyn Future<Output = anyhow::Result<()>>>> = match &cloud {
            Cloud::Simulated { folder } => Box::pin(five_clouds::tell(&screen, &file, folder)),
            Cloud::Emulator { .. } => Box::pin(tell(&screen, &file, &cloud)),
        };
        loop {
            tokio::select! {
                told = &mut story => break told,
                _ = interrupt.recv() => break Err(anyhow::Error::msg("interrupted")),
                _ = terminate.recv() => break Err(anyhow::Error::msg("interrupted")),
                mended = dev.mend() => match mended {
                    Ok(one) => screen.say(&Line::new(Mark::Warning, format!("{} ended ({}) and was started again", one.name, one.status))),
                    Err(error) => break Err(error),
                },
            }
        }
    };
    screen.rest();
    let logs = dev.logs();
    dev.stop().await;
    if let Some(moto) = &mut moto {
        moto.stop().await;
    }
    outcome.with_context(|| format!("the demo failed; the programs' logs are in {}", logs.display()))?;
    screen.say(
        &Line::new(Mark::Done, "Nothing is left, in the cloud or running here")
            .note(duration(began.elapsed())),
    );
    Ok(ExitCode::SUCCESS)
}

async fn tell(screen: &Screen, file: &DevFile, cloud: &Cloud) -> anyhow::Result<()> {
    let customer = file.customers.first().context("there is no customer")?;
    let client = Client::new(&file.api_url, Secret::new(&customer.sign_in.token))?;
    let outside = cloud.look(None).await?;

    chapter(
        screen,
        &format!(
            "{} creates a site: a small shop with a database and a bucket",
            customer.name
        ),
    );
    let mut answer = client.post("/api/v1/sites", &shop()).await?.body;
    let site = answer["site"].take();
    let site_id = text(&site, "id");
    let site_path = format!("/api/v1/sites/{site_id}");
    carry_out(screen, &client, &site, &answer["deployment"]).await?;
    let site = client.get(&site_path).await?.body;
    ensure!(
        site["status"] == "active",
        "the site is {} and should be active",
        site["status"]
    );
    say_outputs(screen, &site);
    let made = cloud.look(Some(&site_id)).await?;
    screen.text("");
    screen.say(&Line::plain(format!(
        "{} has, with the tag site_id={site_id}:",
        cloud.name()
    )));
    screen.say(&Line::plain(by_type(&made)).deeper());
    ensure!(
        !made.is_empty(),
        "the site is active, and the cloud has nothing of it"
    );

    chapter(screen, "It outgrows its size: small becomes medium");
    let current = client.get(&site_path).await?;
    let mut answer = client
        .patch(&site_path, &json!({"size": "medium"}), current.etag.as_ref())
        .await?
        .body;
    let deployment = carry_out(screen, &client, &answer["site"].take(), &answer["deployment"]).await?;
    let summary = PlanSummary::deserialize(&deployment["plan_summary"])
        .context("the deployment has no plan summary")?;
    let changed = cloud.look(Some(&site_id)).await?;
    say_changes(screen, &summary);
    ensure!(!summary.is_empty(), "another size changed nothing");
    let lost: Vec<&Found> = made.difference(&changed).collect();
    let replaced = summary
        .changes
        .iter()
        .filter(|change| change.action != PlannedAction::Update)
        .count();
    ensure!(
        lost.len() <= replaced,
        "{} resources are gone and the plan replaces or removes {replaced}: {lost:?}",
        lost.len()
    );
    let words = format!(
        "{} of the {} resources there are still the ones from before.",
        made.len() - lost.len(),
        made.len()
    );
    screen.say(&Line::plain(words).deeper());

    chapter(screen, "It is no longer needed");
    let current = client.get(&site_path).await?;
    let mut answer = client.delete(&site_path, current.etag.as_ref()).await?.body;
    carry_out(screen, &client, &answer["site"].take(), &answer["deployment"]).await?;
    screen.text("");
    let left = cloud.look(Some(&site_id)).await?;
    ensure!(
        left.is_empty(),
        "these are left with the site's tag: {}",
        by_type(&left)
    );
    let anything: BTreeSet<Found> = cloud.look(None).await?.difference(&outside).cloned().collect();
    ensure!(
        anything.is_empty(),
        "these are left without the site's tag: {}",
        by_type(&anything)
    );
    screen.say(&Line::new(
        Mark::Done,
        format!("{} has nothing of the site", cloud.name()),
    ));
    state_is_empty(file, customer, &site_id).await?;
    screen.say(&Line::new(Mark::Done, "its Terraform state is empty"));
    Ok(())
}

fn chapter(screen: &Screen, title: &str) {
    screen.text("");
    screen.text(title);
}

async fn carry_out(
    screen: &Screen,
    client: &Client,
    site: &Value,
    deployment: &Value,
) -> anyhow::Result<Value> {
    screen.say(&headline(site, deployment));
    let ended = watch(client, &text(deployment, "id"), &mut OnScreen::new(screen)).await?;
    screen.say(&end_line(&ended));
    ensure!(
        ended["status"] == "succeeded",
        "the deployment is {}: {}",
        ended["status"],
        ended["reason"]
    );
    Ok(ended)
}

fn shop() -> Value {
    json!({
        "name": "demo-shop", "provider": "aws", "region": "us-east-1", "size": "small",
        "application": {"image": "nginx:1.27", "port": 80},
        "scaling": {"min": 1, "max": 2},
        "database": {"storage_gb": 20, "backup_days": 7},
        "storage": {"versioning": true},
    })
}

/// `2 aws_subnet, 1 aws_vpc`.
fn by_type(found: &BTreeSet<Found>) -> String {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for one in found {
        *counts.entry(&one.kind).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    format!("{} resources: {}", found.len(), parts.join(", "))
}

fn say_changes(screen: &Screen, summary: &PlanSummary) {
    screen.text("");
    screen.text("Only what has to change did:");
    for change in &summary.changes {
        let mark = match change.action {
            PlannedAction::Create | PlannedAction::Import => Mark::Made,
            PlannedAction::Update | PlannedAction::Replace => Mark::Changed,
            PlannedAction::Delete | PlannedAction::Forget => Mark::Removed,
        };
        let attributes: Vec<String> = change
            .attributes
            .iter()
            .map(|attribute| match (&attribute.before, &attribute.after) {
                (Some(Value::String(before)), Some(Value::String(after))) if !attribute.sensitive => {
                    format!("{}: {before} → {after}", attribute.name)
                }
                _ => attribute.name.clone(),
            })
            .collect();
        screen.say(
            &Line::new(mark, &change.address)
                .deeper()
                .note(attributes.join(", ")),
        );
    }
}

/// Asks the sealed state itself.
async fn state_is_empty(file: &DevFile, customer: &CustomerSignIn, site_id: &str) -> anyhow::Result<()> {
    let client = Client::new(&file.api_url, Secret::new(&customer.sign_in.token))?;
    let state = match client.get(&format!("/terraform/state/{site_id}")).await {
        Ok(answer) => answer.body,
        Err(error) if error.is_not_found() => Value::Null,
        Err(error) => return Err(error.into()),
    };
    let resources = state["resources"].as_array().map_or(0, Vec::len);
    ensure!(
        resources == 0,
        "the site's Terraform state still has {resources} resources"
    );
    Ok(())
}
