//! What a customer notices of another one that asks for far more than it may.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use db::{
    customers,
    tenant::{self, Scope},
};
use tokio::{task::JoinSet, time::MissedTickBehavior};

use crate::{
    connection::Connection,
    create::Cloud,
    figures::{Row, Section, Series},
    installation::{Installation, insert_customer},
};

/// Requests of the victim in each half of a round, one after the other.
const REQUESTS: usize = 500;
/// Connections of the neighbour, and how often each asks.
const NEIGHBOURS: usize = 4;
const ASKS_EVERY: Duration = Duration::from_millis(4);
const NOISY: &str = "sp_bench_noisy";
const VICTIM: &str = "sp_bench_victim";

/// The victim alone and beside the neighbour, in turns.
pub(crate) async fn measure(cloud: &Cloud, rounds: usize) -> anyhow::Result<Section> {
    let folder = tempfile::tempdir()?;
    let installation = Installation::start(cloud.account(folder.path())).await?;
    // The installation has no limit for standard customers; a premium one has the limit of production.
    let mut tx = tenant::begin(&installation.database.pool, Scope::Platform).await?;
    insert_customer(&mut tx, "victim", VICTIM).await?;
    let noisy = insert_customer(&mut tx, "noisy", NOISY).await?;
    let mut noisy = customers::read(&mut tx, noisy)
        .await?
        .context("the customer was just made")?;
    "premium".clone_into(&mut noisy.tier);
    customers::update(&mut tx, &noisy).await?;
    tx.commit().await?;
    let mut victim = Connection::open(installation.address()).await?;
    ask(&mut victim).await?;
    let (mut medians, mut tails) = (Vec::new(), Vec::new());
    let mut refused = 0;
    for _ in 0..rounds {
        let alone = ask(&mut victim).await?;
        let neighbour = Neighbour::begin(installation.address()).await?;
        let beside = ask(&mut victim).await?;
        refused += neighbour.end().await?;
        medians.push((beside.median(), alone.median()));
        tails.push((beside.percentile(99), alone.percentile(99)));
    }
    ensure!(refused > 0, "the neighbour was never refused");
    Ok(Section {
        title: "A customer beside one that asks for 200 times what it may".to_owned(),
        baseline: "the same customer alone, in turns".to_owned(),
        how: format!(
            "{REQUESTS} times `GET /sites`, one after the other; the neighbour asks a thousand times a second where \
             its token may five times, and was refused {refused} times."
        ),
        count: rounds,
        rows: vec![
            Row::of_pairs("median, ms", 2, &medians),
            Row::of_pairs("p99, ms", 2, &tails),
        ],
    })
}

/// Milliseconds of each of the victim's requests.
async fn ask(victim: &mut Connection) -> anyhow::Result<Series> {
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let asked = Instant::now();
        let status = victim.get("/api/v1/sites", VICTIM).await?;
        times.push(asked.elapsed().as_secs_f64() * 1000.0);
        ensure!(status == 200, "the victim was answered {status}");
    }
    Ok(Series::new(times))
}

struct Neighbour {
    stop: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
    connections: JoinSet<anyhow::Result<()>>,
}

impl Neighbour {
    async fn begin(address: &str) -> anyhow::Result<Self> {
        let mut neighbour = Self {
            stop: Arc::default(),
            refused: Arc::default(),
            connections: JoinSet::new(),
        };
        for _ in 0..NEIGHBOURS {
            let mut connection = Connection::open(address).await?;
            let (stop, refused) = (neighbour.stop.clone(), neighbour.refused.clone());
            neighbour.connections.spawn(async move {
                let mut clock = tokio::time::interval(ASKS_EVERY);
                clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
                while !stop.load(Ordering::Relaxed) {
                    clock.tick().await;
                    match connection.get("/api/v1/sites", NOISY).await? {
                        200 => {}
                        429 => _ = refused.fetch_add(1, Ordering::Relaxed),
                        status => anyhow::bail!("the neighbour was answered {status}"),
                    }
                }
                Ok(())
            });
        }
        Ok(neighbour)
    }

    /// Stops it. Gives how often it was refused.
    async fn end(mut self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(connection) = self.connections.join_next().await {
            connection??;
        }
        Ok(self.refused.load(Ordering::Relaxed))
    }
}
