//! What must hold after any trouble. It reads the database with plain SQL and the simulated cloud's files and
//! journal, and shares no code with what it checks.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};

/// What was found to be wrong, in words; empty when all holds.
pub(crate) async fn problems(owner_url: &str, cloud: &Path, workspaces: &Path) -> Vec<String> {
    let mut conn = PgConnection::connect(owner_url).await.unwrap();
    let mut problems = Vec::new();
    problems.extend(open_ends(&mut conn).await);
    problems.extend(unknown_resources(&mut conn, cloud).await);
    problems.extend(overlapping_attempts(cloud));
    problems.extend(left_workspaces(workspaces));
    problems.extend(gaps_in_events(&mut conn).await);
    problems
}

/// Deployments without an end, locks and leases that are held.
async fn open_ends(conn: &mut PgConnection) -> Vec<String> {
    let mut problems = Vec::new();
    for (what, query) in [
        (
            "deployment without a final status",
            "select id || ' is ' || status from deployments where finished_at is null",
        ),
        ("lease that is held", "select id::text from deployments where lease_until is not null"),
        ("lock on a state", "select site_id::text from site_states where lock_id is not null"),
        (
            "advisory lock",
            "select classid || '/' || objid from pg_locks
             where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
        ),
        (
            "step that is open after the end",
            "select deployment_id || ' ' || name from deployment_steps where status in ('pending', 'running')",
        ),
    ] {
        for row in sqlx::query(query).fetch_all(&mut *conn).await.unwrap() {
            problems.push(format!("{what}: {}", row.get::<String, _>(0)));
        }
    }
    problems
}

/// Resources in the cloud that no row knows, and rows of resources that are not in the cloud.
async fn unknown_resources(conn: &mut PgConnection, cloud: &Path) -> Vec<String> {
    let mut standing = BTreeSet::new();
    for resource in files(&cloud.join("resources")) {
        let resource: Value = serde_json::from_slice(&fs::read(resource).unwrap()).unwrap();
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        standing.insert((text("type"), text("id")));
    }
    let known: BTreeSet<(String, String)> =
        sqlx::query("select resource_type, provider_id from site_resources")
            .fetch_all(conn)
            .await
            .unwrap()
            .into_iter()
            .map(|row| (row.get(0), row.get::<Option<String>, _>(1).unwrap_or_default()))
            .collect();
    let unknown = standing
        .difference(&known)
        .map(|resource| format!("in the cloud and nobody knows: {resource:?}"));
    let gone = known
        .difference(&standing)
        .map(|resource| format!("known and not in the cloud: {resource:?}"));
    unknown.chain(gone).collect()
}

/// Calls of an attempt after the first call of a later attempt at the same deployment.
fn overlapping_attempts(cloud: &Path) -> Vec<String> {
    let journal = fs::read_to_string(cloud.join("journal.ndjson")).unwrap_or_default();
    let mut newest: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
    let mut problems = Vec::new();
    let mut lines: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.sort_by_key(|line| line["boot_ms"].as_u64());
    for line in lines {
        let Some((deployment, attempt)) = line["attempt"].as_str().and_then(|text| text.split_once('/'))
        else {
            continue;
        };
        let attempt: u32 = attempt.parse().unwrap();
        let seen = newest.entry(deployment.to_owned()).or_default();
        if attempt < *seen {
            problems.push(format!(
                "attempt {attempt} called after attempt {seen} had begun: {line}"
            ));
        }
        *seen = (*seen).max(attempt);
    }
    problems
}

/// Workspaces although every deployment is final and its state is stored.
fn left_workspaces(workspaces: &Path) -> Vec<String> {
    let Ok(sites) = fs::read_dir(workspaces) else {
        return Vec::new();
    };
    sites
        .map(|site| format!("workspace left: {}", site.unwrap().path().display()))
        .collect()
}

async fn gaps_in_events(conn: &mut PgConnection) -> Vec<String> {
    let query = "select d.id::text, d.last_seq, count(e.seq), coalesce(max(e.seq), 0)
                 from deployments d left join deployment_events e on e.deployment_id = d.id and e.month = d.events_month
                 group by d.id, d.last_seq
                 having count(e.seq) <> d.last_seq or coalesce(max(e.seq), 0) <> d.last_seq";
    let rows = sqlx::query(query).fetch_all(conn).await.unwrap();
    rows.into_iter()
        .map(|row| {
            format!(
                "events of {} have a gap: {} of {}",
                row.get::<String, _>(0),
                row.get::<i64, _>(2),
                row.get::<i64, _>(1)
            )
        })
        .collect()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                found.push(entry.path());
            }
        }
    }
    found
}
