//! One site on five clouds: priced side by side, deployed at once, one changed, a drift found, all removed.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use domain::{
    plan::PlanSummary,
    price::{Estimate, estimate::NotPriced},
    provider::Provider,
    specification::Secret,
};
use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    by_type, carry_out, chapter,
    cloud::{Cloud, Found},
    say_changes, state_is_empty,
};
use crate::{
    client::{Client, Event},
    command::{
        deploy::text,
        watch::{Watcher, watch},
    },
    dev::{CustomerSignIn, DevFile},
    terminal::{
        Screen, duration,
        paint::{Line, Mark},
        road::Road,
        rows::Rows,
        table::{Align, table},
    },
};

/// A site of the demo, on one cloud.
struct OnCloud {
    provider: Provider,
    id: String,
    path: String,
}

/// Tells the story; fails where something is not as it should be.
pub(super) async fn tell(screen: &Screen, file: &DevFile, folder: &Path) -> anyhow::Result<()> {
    let customer = file.customers.first().context("there is no customer")?;
    let client = Client::new(&file.api_url, Secret::new(&customer.sign_in.token))?;
    let cloud = Cloud::Simulated {
        folder: folder.to_owned(),
    };
    let outside = cloud.look(None).await?;

    chapter(
        screen,
        &format!("{} asks what a shop costs, on every cloud", customer.name),
    );
    let quotes = client
        .post("/api/v1/quotes", &shop(Provider::ALL[0], "us-east-1", 0))
        .await?
        .body;
    let quotes = quotes["items"].as_array().context("there are no quotes")?;
    ensure!(
        quotes.len() == Provider::ALL.len(),
        "{} clouds were priced",
        quotes.len()
    );
    say_quotes(screen, quotes)?;

    chapter(screen, "It goes up on all five at once");
    screen.say(&Line::plain("SIMULATED: nothing of it costs money or exists").deeper());
    let sites = create_all(screen, &client, quotes).await?;
    screen.text("");
    say_made(screen, &client, &cloud, &sites).await?;

    let first = &sites[0];
    let name = first.provider.facts().name;
    chapter(
        screen,
        &format!("On {name} it outgrows its size: small becomes medium"),
    );
    let current = client.get(&first.path).await?;
    let mut answer = client
        .patch(&first.path, &json!({"size": "medium"}), current.etag.as_ref())
        .await?
        .body;
    let deployment = carry_out(screen, &client, &answer["site"].take(), &answer["deployment"]).await?;
    let summary = summary_of(&deployment)?;
    ensure!(!summary.is_empty(), "another size changed nothing");
    say_changes(screen, &summary);
    let cost = summary.cost.as_ref().context("the change has no price")?;
    screen.say(&Line::plain(cost.headline()).deeper());

    let (drifted, changed) = make_drift(&sites, folder)?;
    let name = drifted.provider.facts().name;
    chapter(
        screen,
        &format!("Somebody changes something on {name} by hand: {changed}"),
    );
    find_drift(screen, &client, drifted, &changed).await?;

    chapter(screen, "They are no longer needed");
    destroy_all(screen, &client, &sites).await?;
    screen.text("");
    let anything: BTreeSet<Found> = cloud.look(None).await?.difference(&outside).cloned().collect();
    ensure!(anything.is_empty(), "these are left: {}", by_type(&anything));
    screen.say(&Line::new(
        Mark::Done,
        format!("{} has nothing of the five sites", cloud.name()),
    ));
    states_are_empty(file, customer, &sites).await?;
    screen.say(&Line::new(Mark::Done, "their Terraform states are empty"));
    Ok(())
}

/// The site, with a network of its own: some clouds let no two of an account overlap.
fn shop(provider: Provider, region: &str, number: usize) -> Value {
    json!({
        "name": format!("demo-{provider}"), "provider": provider, "region": region, "size": "small",
        "application": {"image": "nginx:1.27", "port": 80},
        "scaling": {"min": 1, "max": 2},
        "database": {"storage_gb": 20, "backup_days": 7},
        "storage": {"versioning": true},
        "network_cidr": format!("10.{}.0.0/16", 20 + number),
    })
}

fn say_quotes(screen: &Screen, quotes: &[Value]) -> anyhow::Result<()> {
    let mut rows = vec![
        [
            "cloud",
            "region",
            "machines",
            "database",
            "balancer",
            "network",
            "rest",
            "a month, at least",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let mut missing: Vec<(String, NotPriced)> = Vec::new();
    for quote in quotes {
        let estimate = Estimate::deserialize(&quote["estimate"]).context("a quote has no estimate")?;
        let share = |prefixes: &[&str]| {
            let lines = estimate.lines.iter();
            lines
                .filter(|line| prefixes.iter().any(|prefix| line.item.starts_with(prefix)))
                .map(|line| line.monthly.amount)
                .sum::<rust_decimal::Decimal>()
        };
        let machines = share(&["instance/", "instance_", "disk/"]);
        let database = share(&["database"]);
        let balancer = share(&["load_balancer", "forwarding_rule", "application_gateway"]);
        let network = share(&["nat_gateway", "public_ip"]);
        let total = estimate.monthly.amount;
        let rest = total - machines - database - balancer - network;
        let amounts = [machines, database, balancer, network, rest].map(|amount| format!("{amount:.2}"));
        let mut row = vec![text(quote, "provider_name"), text(quote, "region")];
        row.extend(amounts);
        row.push(estimate.monthly.to_string());
        rows.push(row);
        missing.extend(
            estimate
                .not_priced
                .into_iter()
                .map(|part| (text(quote, "provider_name"), part)),
        );
    }
    let numbers = std::iter::repeat_n(Align::Right, 6);
    let columns: Vec<Align> = [Align::Left, Align::Left].into_iter().chain(numbers).collect();
    for line in table(&columns, &rows) {
        screen.say(&Line::plain(line).deeper());
    }
    for (cloud, part) in missing {
        screen.say(&Line::new(
            Mark::Warning,
            format!("not priced on {cloud}: {} ({})", part.label, part.reason),
        ));
    }
    screen.say(&Line::plain("List prices in USD; traffic and kept objects come on top.").deeper());
    Ok(())
}

async fn create_all(screen: &Screen, client: &Client, quotes: &[Value]) -> anyhow::Result<Vec<OnCloud>> {
    let mut sites = Vec::new();
    let mut deployments = Vec::new();
    for (number, provider) in Provider::ALL.into_iter().enumerate() {
        let quote = quotes.iter().find(|quote| quote["provider"] == provider.as_str());
        let region = text(quote.context("a cloud has no quote")?, "region");
        let answer = client
            .post("/api/v1/sites", &shop(provider, &region, number))
            .await?
            .body;
        let id = text(&answer["site"], "id");
        deployments.push(text(&answer["deployment"], "id"));
        sites.push(OnCloud {
            provider,
            path: format!("/api/v1/sites/{id}"),
            id,
        });
    }
    follow_all(screen, client, &sites, &deployments).await?;
    Ok(sites)
}

async fn destroy_all(screen: &Screen, client: &Client, sites: &[OnCloud]) -> anyhow::Result<()> {
    let mut deployments = Vec::new();
    for site in sites {
        let current = client.get(&site.path).await?;
        let answer = client.delete(&site.path, current.etag.as_ref()).await?.body;
        deployments.push(text(&answer["deployment"], "id"));
    }
    follow_all(screen, client, sites, &deployments).await
}

/// Shows every deployment in a row of its own until the last has ended; all must succeed.
async fn follow_all(
    screen: &Screen,
    client: &Client,
    sites: &[OnCloud],
    deployments: &[String],
) -> anyhow::Result<()> {
    let labels = sites
        .iter()
        .map(|site| site.provider.facts().name.to_owned())
        .collect();
    let rows = Rows::new(screen, labels);
    let began = Instant::now();
    let each = deployments.iter().enumerate().map(|(row, id)| {
        let rows = rows.clone();
        async move {
            let mut watcher = OnRow {
                rows: rows.clone(),
                row,
                road: Road::default(),
            };
            let ended = watch(client, id, &mut watcher).await?;
            rows.finish(row, &end_words(&ended, began.elapsed()));
            anyhow::ensure!(
                ended["status"] == "succeeded",
                "a deployment is {}: {}",
                ended["status"],
                ended["reason"]
            );
            Ok(())
        }
    });
    try_join_all(each).await?;
    Ok(())
}

fn end_words(ended: &Value, took: Duration) -> String {
    let headline = summary_of(ended).map(|plan| plan.headline()).unwrap_or_default();
    format!("{} in {} ({headline})", text(ended, "status"), duration(took))
}

/// Shows a deployment in its row.
struct OnRow {
    rows: Rows,
    row: usize,
    road: Road,
}

impl Watcher for OnRow {
    fn event(&mut self, event: &Event) {
        // Lines that would stay have no place in a row.
        self.road.happened(event);
        self.frame();
    }

    fn frame(&mut self) {
        self.rows.show(self.row, &self.road.moving(chrono::Utc::now()));
    }
}

async fn say_made(screen: &Screen, client: &Client, cloud: &Cloud, sites: &[OnCloud]) -> anyhow::Result<()> {
    let heading = ["cloud", "resources", "a month, at least", "address"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for site in sites {
        let view = client.get(&site.path).await?.body;
        ensure!(view["status"] == "active", "a site is {}", view["status"]);
        let newest = client
            .get(&format!("{}/deployments?limit=1", site.path))
            .await?
            .body["items"][0]
            .take();
        let cost = summary_of(&newest)?.cost.context("a site has no price")?;
        let made = cloud.look(Some(&site.id)).await?;
        ensure!(
            !made.is_empty(),
            "the cloud has nothing with the tag of {}",
            site.id
        );
        let resources = newest["plan_summary"]["add"].to_string();
        rows.push(vec![
            site.provider.facts().name.to_owned(),
            resources,
            cost.after.to_string(),
            text(&view["outputs"], "url"),
        ]);
    }
    let columns = [Align::Left, Align::Right, Align::Right, Align::Left];
    for line in table(&columns, &rows) {
        screen.say(&Line::plain(line).deeper());
    }
    Ok(())
}

fn summary_of(deployment: &Value) -> anyhow::Result<PlanSummary> {
    PlanSummary::deserialize(&deployment["plan_summary"]).context("the deployment has no plan summary")
}

/// What is changed by hand: the type, a number of it, and what it becomes.
const DRIFT: (&str, &str, i64) = ("azurerm_nat_gateway", "idle_timeout_in_minutes", 4);

/// Changes one attribute in the simulated cloud's own files, as somebody in a control panel would.
fn make_drift<'s>(sites: &'s [OnCloud], folder: &Path) -> anyhow::Result<(&'s OnCloud, String)> {
    let (resource_type, attribute, value) = DRIFT;
    let is_of = |site: &&OnCloud| {
        let prefix = format!("{}_", site.provider.facts().terraform_name());
        resource_type.starts_with(&prefix)
    };
    let site = sites
        .iter()
        .find(is_of)
        .context("no site has what is to be changed")?;
    let types = folder
        .join("resources")
        .join(site.provider.facts().terraform_name())
        .join(resource_type);
    for entry in std::fs::read_dir(&types).with_context(|| format!("can't read {}", types.display()))? {
        let path = entry?.path();
        let mut resource: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        if resource["tags"]["site_id"] == site.id.as_str() {
            let before = resource["attributes"][attribute].clone();
            resource["attributes"][attribute] = json!(value);
            std::fs::write(&path, serde_json::to_vec(&resource)?)?;
            return Ok((
                site,
                format!("{resource_type}.{attribute} from {before} to {value}"),
            ));
        }
    }
    anyhow::bail!("no resource was found to change by hand")
}

/// A plan of the site as it is asked for shows what differs.
async fn find_drift(screen: &Screen, client: &Client, site: &OnCloud, changed: &str) -> anyhow::Result<()> {
    let mut asked = client
        .post("/api/v1/plans", &json!({"site_id": site.id}))
        .await?
        .body;
    let view = client.get(&site.path).await?.body;
    let planned = carry_out(screen, client, &view, &asked["deployment"].take()).await?;
    let summary = summary_of(&planned)?;
    let found = summary.changes.iter().any(|change| {
        change
            .attributes
            .iter()
            .any(|attribute| changed.contains(&format!("{}.{}", change.resource_type, attribute.name)))
    });
    ensure!(found, "the plan does not show the change that was made by hand");
    screen.text("");
    screen.text("The plan shows it, and what would put it right:");
    for change in &summary.changes {
        screen.say(&Line::new(Mark::Changed, &change.address).deeper());
    }
    Ok(())
}

async fn states_are_empty(
    file: &DevFile,
    customer: &CustomerSignIn,
    sites: &[OnCloud],
) -> anyhow::Result<()> {
    for site in sites {
        state_is_empty(file, customer, &site.id).await?;
    }
    Ok(())
}
