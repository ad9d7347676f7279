//! The list of a customer's sites among a hundred thousand, beside pgbench sending the same statements.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::Value;
use sqlx::{PgConnection, Row as _};
use tokio::task::JoinSet;

use crate::{
    connection::Connection,
    create::Cloud,
    figures::{Row, Section, Series},
    installation::Installation,
};

const CUSTOMERS: u32 = 1000;
const SITES_OF_EACH: u32 = 100;
/// Connections of each side.
const CLIENTS: u32 = 16;
/// How long each side runs in a round.
const SPAN: Duration = Duration::from_secs(5);

/// What the API asks of the database for one page of a customer's sites, in as many round trips. Parameters that are
/// not given are null here as there.
const SCRIPT: &str = "\
\\set n random(0, 999)
\\startpipeline
begin;
set local role siteplane_auth;
\\endpipeline
select id, customer_id, user_id, name, role, permissions, scopes, customer_status, tier from find_api_token(sha256(convert_to('sp_bench_' || :n, 'UTF8')));
commit;
\\startpipeline
begin;
set local role siteplane_api;
select set_config('siteplane.customer_id', '0195e3a0-0000-7000-8000-' || lpad(:n::text, 12, '0'), true);
\\endpipeline
select s.id, s.customer_id, s.cloud_account_id, a.world, s.name, s.provider, s.region, s.status, s.draft, s.desired_specification, s.applied_specification, s.outputs, s.created_at, s.updated_at, s.deleted_at from sites s join cloud_accounts a on a.id = s.cloud_account_id where not s.draft and (null::uuid is null or s.customer_id = null::uuid) and (null::text is null or s.provider = null::text) and (s.status = null::text or null::text is null and s.deleted_at is null) and (null::text is null or s.name = null::text) and (null::uuid is null or s.id < null::uuid) order by s.id desc limit 51;
select p.site_id, p.number, p.specification, p.secrets_sealed from sites s join site_specifications p on p.site_id = s.id and p.number = s.desired_specification where s.id = any (array(select ('0195e3a1-' || lpad(i::text, 4, '0') || '-7000-8000-' || lpad(:n::text, 12, '0'))::uuid from generate_series(50, 100) i));
commit;
";

/// What one side did in one round.
struct Load {
    /// Answers a second.
    rate: f64,
    /// Milliseconds that 99 of a hundred answers took at most.
    p99: f64,
}

/// Both sides in turns, as often as there are rounds.
pub(crate) async fn measure(cloud: &Cloud, rounds: usize) -> anyhow::Result<Section> {
    let folder = tempfile::tempdir()?;
    let installation = Installation::start(cloud.account(folder.path())).await?;
    fill(&installation, cloud).await?;
    let mut pairs = Vec::new();
    for round in 0..=rounds {
        let siteplane = lists(&installation).await?;
        let pgbench = bench(&installation)?;
        // The first round warms caches and pools.
        if round > 0 {
            pairs.push((siteplane, pgbench));
        }
    }
    let of = |figure: fn(&Load) -> f64| -> Vec<(f64, f64)> {
        pairs
            .iter()
            .map(|(siteplane, pgbench)| (figure(siteplane), figure(pgbench)))
            .collect()
    };
    Ok(Section {
        title: format!(
            "The list of one customer's sites, of {} sites of {CUSTOMERS} customers",
            CUSTOMERS * SITES_OF_EACH
        ),
        baseline:
            "pgbench with prepared statements, sending the same SQL in as many round trips to the same \
                   database, as the same login and under the same row-level security"
                .to_owned(),
        how: format!(
            "`GET /sites` with the token of a random customer: signed in, 50 sites of its {SITES_OF_EACH} as JSON. \
             {CLIENTS} connections on each side, {} seconds in turns. A higher ratio is better for requests a second, \
             a lower one for the time.",
            SPAN.as_secs()
        ),
        count: rounds,
        rows: vec![
            Row::of_pairs("requests a second", 0, &of(|load| load.rate)),
            Row::of_pairs("p99, ms", 1, &of(|load| load.p99)),
        ],
    })
}

/// Customers, each with a token and sites that all have the specification of one that was asked for.
async fn fill(installation: &Installation, cloud: &Cloud) -> anyhow::Result<()> {
    installation.post("/sites", &cloud.site("pattern")).await?;
    let mut owner = installation.database.owner().await;
    let statements = [
        "insert into customers (id, name, slug, max_concurrent)
         select ('0195e3a0-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Customer ' || n, 'customer-' || n, 3
         from generate_series(0, $1::integer - 1) n where $2::integer > 0",
        "insert into api_tokens (id, customer_id, name, role, token_hash)
         select gen_random_uuid(), ('0195e3a0-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'bench', 'owner',
             sha256(convert_to('sp_bench_' || n, 'UTF8'))
         from generate_series(0, $1::integer - 1) n where $2::integer > 0",
        "with pattern as (select * from sites where name = 'pattern'), made as (
             insert into sites (id, customer_id, cloud_account_id, name, provider, region, status, desired_specification,
                 applied_specification, outputs)
             select ('0195e3a1-' || lpad(i::text, 4, '0') || '-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
                 ('0195e3a0-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, cloud_account_id, 'site-' || i, provider,
                 region, 'active', 1, 1, '{\"site_url\": \"https://shop.example.com\"}'
             from pattern, generate_series(0, $1::integer - 1) n, generate_series(1, $2::integer) i
             returning id, customer_id
         )
         insert into site_specifications (site_id, number, customer_id, specification, secrets_sealed)
         select made.id, 1, made.customer_id, p.specification, p.secrets_sealed
         from made, pattern join site_specifications p on p.site_id = pattern.id and p.number = 1",
    ];
    for statement in statements {
        sqlx::query(statement)
            .bind(i32::try_from(CUSTOMERS)?)
            .bind(i32::try_from(SITES_OF_EACH)?)
            .execute(&mut owner)
            .await?;
    }
    for table in ["customers", "api_tokens", "sites", "site_specifications"] {
        vacuum(&mut owner, table).await?;
    }
    let stored: i64 = sqlx::query("select count(*) from sites")
        .fetch_one(&mut owner)
        .await?
        .get(0);
    ensure!(
        stored == i64::from(CUSTOMERS * SITES_OF_EACH) + 1,
        "there are {stored} sites"
    );
    // What is measured is a page of fifty, and another one behind it.
    let page: Value = installation
        .request_as("sp_bench_7", Method::GET, "/sites")
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let count = page["items"].as_array().map_or(0, Vec::len);
    ensure!(
        count == 50 && page["next_cursor"].is_string(),
        "a page has {count} sites"
    );
    Ok(())
}

async fn vacuum(owner: &mut PgConnection, table: &'static str) -> anyhow::Result<()> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("vacuum analyze {table}")))
        .execute(owner)
        .await?;
    Ok(())
}

/// Siteplane's side.
async fn lists(installation: &Installation) -> anyhow::Result<Load> {
    let address = installation.address().to_owned();
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let address = address.clone();
        clients.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut times = Vec::new();
            // Every client walks all customers, each from another place.
            let mut customer = client * (CUSTOMERS / CLIENTS);
            while began.elapsed() < SPAN {
                customer = (customer + 617) % CUSTOMERS;
                let token = format!("sp_bench_{customer}");
                let asked = Instant::now();
                let status = connection.get("/api/v1/sites", &token).await?;
                times.push(asked.elapsed().as_secs_f64() * 1000.0);
                ensure!(status == 200, "the API answered {status}");
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    Ok(load(times, began.elapsed()))
}

fn load(times: Vec<f64>, span: Duration) -> Load {
    #[expect(clippy::cast_precision_loss, reason = "thousands of answers")]
    let rate = times.len() as f64 / span.as_secs_f64();
    Load {
        rate,
        p99: Series::new(times).percentile(99),
    }
}

/// The baseline's side.
fn bench(installation: &Installation) -> anyhow::Result<Load> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("script"), SCRIPT)?;
    // What is behind the ? is for sqlx alone.
    let url = &installation.database.url;
    let url = url.split_once('?').map_or(url.as_str(), |(url, _)| url);
    let began = Instant::now();
    let output = Command::new("pgbench")
        .current_dir(folder.path())
        .args(["--no-vacuum", "--protocol=prepared", "--file=script", "--jobs=2"])
        .args(["--log", "--log-prefix=times"])
        .arg(format!("--client={CLIENTS}"))
        .arg(format!("--time={}", SPAN.as_secs()))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .context("pgbench is needed: it comes with PostgreSQL's server, on Debian the package postgresql")?;
    let span = began.elapsed();
    ensure!(
        output.status.success(),
        "pgbench: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut times = Vec::new();
    for file in fs::read_dir(folder.path())? {
        let file = file?;
        if !file.file_name().to_string_lossy().starts_with("times") {
            continue;
        }
        // client, transaction, time in microseconds, …
        for line in fs::read_to_string(file.path())?.lines() {
            let time = line
                .split(' ')
                .nth(2)
                .context("pgbench's log has other columns")?;
            times.push(time.parse::<f64>()? / 1000.0);
        }
    }
    Ok(load(times, span))
}
