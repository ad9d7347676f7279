//! Claims a second: the fair queue with its caps, beside the barest queue that PostgreSQL can be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use db::{
    cloud_accounts::{self, CloudAccount},
    customers::{self, Customer},
    queue::{self, Claim},
    tenant::{self, Scope},
    testing::TestDatabase,
};
use domain::{
    id::{CloudAccountId, CustomerId, WorkerId},
    provider::World,
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::task::JoinSet;

use crate::figures::{Row, Section};

const CLAIMERS: usize = 16;
const QUEUED: usize = 2000;
const CUSTOMERS: usize = 20;
/// No lease ends while it is measured.
const LEASE: Duration = Duration::from_secs(3600);

/// One round claims a whole queue each way.
pub(crate) async fn measure(rounds: usize) -> anyhow::Result<Section> {
    let mut pairs = Vec::new();
    for round in 0..rounds {
        let database = TestDatabase::new().await;
        let owner = PgPoolOptions::new()
            .max_connections(20)
            .connect(&database.owner_url)
            .await?;
        fill(&database, &owner).await?;
        let bare = || bare_claims(owner.clone());
        let pair = if round % 2 == 0 {
            (fair_claims(database.pool.clone()).await?, bare().await?)
        } else {
            let theirs = bare().await?;
            (fair_claims(database.pool.clone()).await?, theirs)
        };
        pairs.push(pair);
        owner.close().await;
        database.pool.close().await;
    }
    Ok(Section {
        title: "Claims a second".to_owned(),
        baseline:
            "`select … for update skip locked limit 1` and `update … set status` in one transaction, on a \
                   table of two columns in the same database, by a superuser past row-level security"
                .to_owned(),
        how: format!(
            "{CLAIMERS} claimers empty a queue of {QUEUED} deployments of {CUSTOMERS} customers; all stay claimed, so \
             that the last claim counts {QUEUED} running ones. A claim of Siteplane's holds caps of customers and \
             accounts, one deployment a site, weights and turns, and writes the event that a page shows. A higher \
             ratio is better here."
        ),
        count: rounds,
        rows: vec![Row::of_pairs("claims a second", 0, &pairs)],
    })
}

/// As many deployments as rows of the bare queue.
async fn fill(database: &TestDatabase, owner: &PgPool) -> anyhow::Result<()> {
    let cap = i32::try_from(QUEUED)?;
    let account = CloudAccount {
        id: CloudAccountId::new(),
        customer: None,
        provider: "aws".parse()?,
        world: World::Simulated,
        name: "bench".to_owned(),
        endpoint: Some("/cloud".to_owned()),
        provider_options: serde_json::json!({}),
    };
    let mut tx = tenant::begin(&database.pool, Scope::Platform).await?;
    cloud_accounts::insert(&mut tx, &account, cap, b"sealed").await?;
    let mut customers = Vec::new();
    for number in 0..CUSTOMERS {
        let customer = Customer {
            id: CustomerId::new(),
            name: format!("c{number}"),
            slug: format!("customer-{number}"),
        };
        customers::insert(&mut tx, &customer, cap).await?;
        customers.push(customer.id.0);
    }
    tx.commit().await?;
    sqlx::query(
        "with numbered as (
             select n, customer, gen_random_uuid() as site, gen_random_uuid() as deployment
             from unnest($1::uuid[]) customer, generate_series(1, $3) n
         ), site as (
             insert into sites (id, customer_id, cloud_account_id, name, provider, region, status, desired_specification)
             select site, customer, $2, 'site-' || site, 'aws', 'us-east-1', 'creating', 1 from numbered
         ), state as (
             insert into site_states (site_id, customer_id) select site, customer from numbered
         ), specification as (
             insert into site_specifications (site_id, number, customer_id, specification, secrets_sealed)
             select site, 1, customer, '{}', '' from numbered
         )
         insert into deployments
             (id, customer_id, site_id, specification, cloud_account_id, kind, trace_id, events_month, queued_at)
         select deployment, customer, site, 1, $2, 'create', 'trace', date_trunc('month', now() at time zone 'utc'),
                now() + n * interval '1 microsecond'
         from numbered",
    )
    .bind(&customers)
    .bind(account.id.0)
    .bind(i32::try_from(QUEUED / CUSTOMERS)?)
    .execute(owner)
    .await?;
    sqlx::raw_sql("create table bench_queue (id bigint primary key, status text not null)")
        .execute(owner)
        .await?;
    sqlx::query("insert into bench_queue select n, 'queued' from generate_series(1, $1) n")
        .bind(cap)
        .execute(owner)
        .await?;
    sqlx::raw_sql(
        "create index bench_queue_queued_idx on bench_queue (id) where status = 'queued';
         analyze bench_queue;
         analyze deployments;
         checkpoint",
    )
    .execute(owner)
    .await?;
    Ok(())
}

async fn fair_claims(pool: PgPool) -> anyhow::Result<f64> {
    rate(move || {
        let pool = pool.clone();
        async move {
            let mut tx = tenant::begin(&pool, Scope::Worker).await?;
            let claim = Claim {
                worker: WorkerId::new(),
                lease: LEASE,
                abilities: &["aws/simulated".to_owned()],
            };
            let claimed = queue::claim(&mut tx, &claim).await?;
            tx.commit().await?;
            Ok(claimed.is_some())
        }
    })
    .await
}

async fn bare_claims(owner: PgPool) -> anyhow::Result<f64> {
    rate(move || {
        let owner = owner.clone();
        async move {
            let mut tx = owner.begin().await?;
            let claimed: Option<i64> = sqlx::query_scalar(
                "select id from bench_queue where status = 'queued' order by id for update skip locked limit 1",
            )
            .fetch_optional(&mut *tx)
            .await?;
            if let Some(id) = claimed {
                let take = sqlx::query("update bench_queue set status = 'running' where id = $1");
                take.bind(id).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(claimed.is_some())
        }
    })
    .await
}

/// Claims until nothing is left, and gives the claims a second.
async fn rate<C, F>(claim: C) -> anyhow::Result<f64>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = sqlx::Result<bool>> + Send,
{
    let (claim, claimed) = (Arc::new(claim), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let mut claimers = JoinSet::new();
    for _ in 0..CLAIMERS {
        let (claim, claimed) = (Arc::clone(&claim), Arc::clone(&claimed));
        claimers.spawn(async move {
            while claim().await? {
                claimed.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), sqlx::Error>(())
        });
    }
    while let Some(ended) = claimers.join_next().await {
        ended??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let claimed = claimed.load(Ordering::Relaxed);
    ensure!(claimed == QUEUED, "{claimed} of {QUEUED} were claimed");
    Ok(f64::from(u32::try_from(claimed)?) / seconds)
}
