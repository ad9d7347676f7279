//! Killing: worker, supervisor, Terraform and provider, at every place of a run, by lot.
//!
//! The seed is printed; `SITEPLANE__TEST__SEED` repeats a lot, `SITEPLANE__TEST__KILL_ROUNDS` makes more rounds,
//! `SITEPLANE__TEST__KILL_PLACE` (such as `ProviderInApply`) stays at one place.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use sqlx::{Connection, PgConnection, Row};

use crate::{
    checker,
    installation::{Cloud, Installation, Lease, Program, signal},
};

/// Where in a run, and whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    WorkerInPlan,
    WorkerBetweenPlanAndApply,
    WorkerInApply,
    WorkerWhileShipping,
    WorkerFrozen,
    SupervisorInApply,
    TerraformInApply,
    ProviderInApply,
}

/// Every place, each as often as it stands here for twelve rounds.
const QUOTAS: [Place; 12] = [
    Place::WorkerInApply,
    Place::WorkerInPlan,
    Place::SupervisorInApply,
    Place::WorkerFrozen,
    Place::WorkerWhileShipping,
    Place::TerraformInApply,
    Place::WorkerInApply,
    Place::WorkerBetweenPlanAndApply,
    Place::ProviderInApply,
    Place::WorkerInApply,
    Place::WorkerWhileShipping,
    Place::WorkerInPlan,
];

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(180);

fn seed() -> u64 {
    let set = std::env::var("SITEPLANE__TEST__SEED").ok();
    set.map_or_else(rand::random, |text| text.parse().unwrap())
}

fn rounds(default: usize) -> usize {
    let set = std::env::var("SITEPLANE__TEST__KILL_ROUNDS").ok();
    set.map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_run_is_lost_when_anything_is_killed_at_any_place() {
    kill_rounds(Lease::Short, rounds(12), Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: part of make test-long"]
async fn no_run_is_lost_with_the_default_lease() {
    kill_rounds(Lease::Default, 5, Duration::from_secs(45)).await;
}

async fn kill_rounds(lease: Lease, rounds: usize, moving_within: Duration) {
    let seed = seed();
    eprintln!("seed {seed}");
    let mut lot = StdRng::seed_from_u64(seed);
    let installation = Installation::start(lease, Cloud::Simulated(Duration::from_millis(120))).await;
    let mut conn = PgConnection::connect(&installation.database.owner_url)
        .await
        .unwrap();
    let mut workers: Vec<Program> = (0..2).map(|_| installation.start_worker("worker")).collect();
    let mut done: BTreeMap<Place, (usize, Duration)> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    let only = std::env::var("SITEPLANE__TEST__KILL_PLACE").ok();
    let places: Vec<Place> = QUOTAS
        .into_iter()
        .filter(|place| only.as_ref().is_none_or(|only| *only == format!("{place:?}")))
        .collect();
    for round in 0..rounds {
        let place = places[round % places.len()];
        let name = format!("site-{round}");
        let (site, deployment) = installation.create_site(&name).await;
        let moving = strike(
            &installation,
            &mut conn,
            &mut workers,
            &deployment,
            place,
            &mut lot,
        )
        .await;
        let status = wait_for_end(&mut conn, &deployment).await;
        let found = settled_problems(&installation).await;
        let attempts: i32 = scalar(
            &mut conn,
            "select attempt from deployments where id = $1::uuid",
            &deployment,
        )
        .await;
        eprintln!(
            "round {round:2} {place:?}: {status} after {attempts} attempts, moving again after {moving:.1?}"
        );
        if status != "succeeded" {
            tell(&mut conn, &deployment).await;
        }
        assert!(
            found.is_empty(),
            "seed {seed}, round {round}, {place:?}:\n{}\n{}",
            found.join("\n"),
            installation.log("worker")
        );
        assert_eq!(
            status,
            "succeeded",
            "seed {seed}, round {round}, {place:?}\n{}",
            installation.log("worker")
        );
        let entry = done.entry(place).or_default();
        entry.0 += 1;
        entry.1 = entry.1.max(moving);
        slowest = slowest.max(moving);
        while workers.len() < 2 {
            workers.push(installation.start_worker("worker"));
        }
        // What a kill left must not stand in the way of the end.
        let destroy = installation.destroy_site(&site).await;
        assert_eq!(
            wait_for_end(&mut conn, &destroy).await,
            "succeeded",
            "seed {seed}, round {round}"
        );
    }
    for (place, (times, slowest)) in &done {
        eprintln!("{place:?}: {times} times, slowest {slowest:.1?}");
    }
    eprintln!(
        "{rounds} rounds, longest kill to moving again {slowest:.1?}, unknown resources 0, locks 0, overlaps 0"
    );
    assert!(slowest < moving_within, "moving again took {slowest:.1?}");
    for worker in workers {
        worker.terminate();
    }
}

/// Shows what a deployment went through.
async fn tell(conn: &mut PgConnection, deployment: &str) {
    let query = "select e.attempt || ' ' || coalesce(e.step, '') || ' ' || e.kind || ' ' || e.message || ' ' || coalesce(e.data::text, '')
                 from deployment_events e where e.deployment_id = $1::uuid and e.attempt > 1 order by seq";
    for row in sqlx::query(query)
        .bind(deployment)
        .fetch_all(&mut *conn)
        .await
        .unwrap()
    {
        eprintln!("{}", row.get::<String, _>(0));
    }
    let query = "select jsonb_pretty(plan_summary) from deployments where id = $1::uuid";
    let summary: Option<String> = scalar(conn, query, deployment).await;
    eprintln!("{}", summary.unwrap_or_default());
}

/// Waits for the place, strikes, and gives the time until another attempt, or the end, was there.
async fn strike(
    installation: &Installation,
    conn: &mut PgConnection,
    workers: &mut Vec<Program>,
    deployment: &str,
    place: Place,
    lot: &mut StdRng,
) -> Duration {
    match place {
        Place::WorkerInPlan => {
            wait_for_step(conn, deployment, "plan", "running").await;
            tokio::time::sleep(Duration::from_millis(lot.random_range(0..250))).await;
        }
        Place::WorkerBetweenPlanAndApply => wait_for_step(conn, deployment, "plan", "succeeded").await,
        Place::WorkerWhileShipping => {
            let versions = lot.random_range(1..3);
            until(async || {
                let shipped: i64 = scalar(
                    conn,
                    "select count(*) from state_versions where deployment_id = $1::uuid",
                    deployment,
                )
                .await;
                shipped >= versions
            })
            .await;
        }
        _ => {
            let calls = lot.random_range(1..45);
            until(async || creations(&installation.cloud(), deployment) >= calls).await;
        }
    }
    let before: i32 = scalar(
        conn,
        "select attempt from deployments where id = $1::uuid",
        deployment,
    )
    .await;
    let holder: i32 = scalar(
        conn,
        "select w.process_id from deployments d join workers w on w.id = d.worker_id where d.id = $1::uuid",
        deployment,
    )
    .await;
    let index = workers.iter().position(|worker| worker.pid() == holder).unwrap();
    let struck = Instant::now();
    match place {
        Place::WorkerFrozen => signal(holder, Signal::STOP),
        Place::SupervisorInApply => signal_descendant(holder, "supervise", Signal::KILL),
        Place::TerraformInApply => signal_descendant(holder, "apply", Signal::KILL),
        Place::ProviderInApply => signal_descendant(holder, "terraform-provider", Signal::KILL),
        _ => workers.remove(index).kill(),
    }
    until(async || {
        let row = sqlx::query(
            "select attempt > $2 or finished_at is not null from deployments where id = $1::uuid",
        )
        .bind(deployment)
        .bind(before)
        .fetch_one(&mut *conn)
        .await
        .unwrap();
        row.get::<bool, _>(0)
    })
    .await;
    let moving = struck.elapsed();
    if place == Place::WorkerFrozen {
        signal(holder, Signal::CONT);
    }
    moving
}

/// Kills the descendant of a worker whose command line holds `word`. It may be gone: then there is nothing to kill.
fn signal_descendant(worker: i32, word: &str, what: Signal) {
    let mut family = vec![worker];
    let mut index = 0;
    while index < family.len() {
        for thread in fs::read_dir(format!("/proc/{}/task", family[index]))
            .into_iter()
            .flatten()
            .flatten()
        {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()));
        }
        index += 1;
    }
    for pid in family.into_iter().skip(1) {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(word) {
            return signal(pid, what);
        }
    }
}

/// How many creations of a deployment the cloud has begun.
fn creations(cloud: &Path, deployment: &str) -> usize {
    let journal = fs::read_to_string(cloud.join("journal.ndjson")).unwrap_or_default();
    let is_creation =
        |line: &&str| line.contains(deployment) && line.contains("\"create\"") && line.contains("\"begin\"");
    journal.lines().filter(is_creation).count()
}

/// Problems that are still there once everyone had the time to put things away.
async fn settled_problems(installation: &Installation) -> Vec<String> {
    let workspaces = installation.folder.path().join("workspaces");
    let started = Instant::now();
    loop {
        let found = checker::problems(
            &installation.database.owner_url,
            &installation.cloud(),
            &workspaces,
        )
        .await;
        // Workspaces of other workers' dead attempts are put away by housekeeping.
        if found.is_empty() || started.elapsed() > Duration::from_secs(40) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn wait_for_step(conn: &mut PgConnection, deployment: &str, step: &str, status: &str) {
    until(async || {
        let query = "select exists (select from deployment_steps where deployment_id = $1::uuid and name = $2 and status = $3)";
        let row = sqlx::query(query).bind(deployment).bind(step).bind(status).fetch_one(&mut *conn).await.unwrap();
        row.get::<bool, _>(0)
    })
    .await;
}

async fn wait_for_end(conn: &mut PgConnection, deployment: &str) -> String {
    let mut status = String::new();
    until(async || {
        status = scalar(
            &mut *conn,
            "select status from deployments where id = $1::uuid",
            deployment,
        )
        .await;
        !matches!(
            status.as_str(),
            "queued" | "planning" | "applying" | "cancelling" | "interrupted"
        )
    })
    .await;
    status
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "waited for too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn scalar<T>(conn: &mut PgConnection, query: &'static str, deployment: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query(query)
        .bind(deployment)
        .fetch_one(conn)
        .await
        .unwrap()
        .get(0)
}
