//! What must hold after any bad luck, told from the simulated cloud's own journal and files: nothing here shares
//! code with recovery.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use db::{
    deployments::Deployment,
    tenant::{self, Scope},
};
use domain::id::{DeploymentId, SiteId};
use serde::Deserialize;
use state::terraform_state::TerraformState;

use super::{PATIENCE, Stage};

/// A line of the simulated cloud's journal.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// `<deployment>/<attempt>`.
    pub attempt: String,
    /// `create`, `read`, …
    pub operation: String,
    /// `begin` or `end`.
    pub phase: String,
    /// Terraform's type.
    #[serde(rename = "type")]
    pub resource_type: String,
}

impl Call {
    /// Whether the call changes the cloud.
    pub fn changes(&self) -> bool {
        matches!(self.operation.as_str(), "create" | "update" | "delete")
    }

    /// Deployment and number of the attempt.
    pub fn who(&self) -> (DeploymentId, i32) {
        let (deployment, attempt) = self.attempt.split_once('/').unwrap();
        (deployment.parse().unwrap(), attempt.parse().unwrap())
    }
}

/// Every whole line of the journal, in order.
pub fn journal(cloud: &Path) -> Vec<Call> {
    let Ok(text) = std::fs::read_to_string(cloud.join("journal.ndjson")) else {
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Asserts that no attempt touched the cloud after the next attempt of its deployment did.
///
/// The kernel appends the lines in the order in which the calls came.
pub fn assert_one_attempt_at_a_time(calls: &[Call]) {
    let mut newest: BTreeMap<DeploymentId, i32> = BTreeMap::new();
    for call in calls {
        let (deployment, attempt) = call.who();
        let newest = newest.entry(deployment).or_insert(attempt);
        assert!(
            attempt >= *newest,
            "attempt {attempt} of {deployment} made {call:?} after attempt {newest} had begun"
        );
        *newest = attempt;
    }
}

/// Waits for a condition; shows `what` if that takes too long.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The living processes that work in a folder or below it: ids and command lines.
pub fn processes_in(folder: &Path) -> Vec<(i32, String)> {
    let mut found = Vec::new();
    for process in worker::terraform::processes::living().unwrap() {
        let proc = PathBuf::from(format!("/proc/{}", process.pid));
        let Ok(cwd) = std::fs::read_link(proc.join("cwd")) else {
            continue;
        };
        if cwd.starts_with(folder) {
            let line = std::fs::read(proc.join("cmdline")).unwrap_or_default();
            found.push((
                process.pid,
                String::from_utf8_lossy(&line).replace('\0', " ").to_string(),
            ));
        }
    }
    found
}

impl Stage {
    /// Waits until an attempt of the deployment has begun this operation.
    pub async fn wait_for_call(
        &self,
        deployment: DeploymentId,
        attempt: i32,
        operation: &str,
        resource_type: &str,
    ) {
        let is_there = |_: &Deployment| {
            journal(&self.cloud()).iter().any(|call| {
                call.who() == (deployment, attempt)
                    && call.operation == operation
                    && call.phase == "begin"
                    && call.resource_type == resource_type
            })
        };
        self.wait_until(deployment, is_there).await;
    }

    /// Types and ids that the site's current state knows, and whether any of them is tainted.
    pub async fn in_state(&self, site: SiteId) -> (Vec<(String, String)>, bool) {
        let current = self
            .states
            .current(&self.database.pool, Scope::Worker, self.customer, site)
            .await
            .unwrap();
        let Some((_, bytes)) = current else {
            return (Vec::new(), false);
        };
        let state = TerraformState::parse(&bytes).unwrap();
        let mut known: Vec<_> = state
            .managed()
            .map(|resource| {
                (
                    resource.resource_type.clone(),
                    resource.id.clone().unwrap_or_default(),
                )
            })
            .collect();
        known.sort();
        (known, state.managed().any(|resource| resource.tainted))
    }

    /// What must hold once the only site's last deployment is final and its workers have ended.
    pub async fn assert_in_order(&self, site: SiteId) {
        let standing = self.standing();
        assert_eq!(self.in_state(site).await.0, standing, "the state and the cloud");
        assert_eq!(self.known(site).await, standing, "the rows and the cloud");
        assert_one_attempt_at_a_time(&journal(&self.cloud()));
        assert_eq!(processes_in(self.folder.path()), []);
        assert_eq!(self.left_workspaces(), Vec::<String>::new());
        let mut tx = tenant::begin(&self.database.pool, Scope::Worker).await.unwrap();
        assert_eq!(db::state_locks::holder(&mut tx, site).await.unwrap(), None);
        for deployment in db::deployments::list_of_site(&mut tx, site, None, 100)
            .await
            .unwrap()
        {
            assert!(deployment.status.is_final(), "{deployment:?}");
            assert!(deployment.reason.is_some(), "{deployment:?}");
            assert_eq!(deployment.lease_until, None);
        }
        tx.rollback().await.unwrap();
    }

    /// Asserts that a deployment's events are numbered without a gap, and that none is there twice.
    pub async fn assert_events_whole(&self, id: DeploymentId) {
        let events = self.events(id).await;
        let numbers: Vec<i64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
        for (index, event) in events.iter().enumerate() {
            let twin = events[index + 1..].iter().find(|other| {
                (other.at, &other.message, &other.address, other.attempt)
                    == (event.at, &event.message, &event.address, event.attempt)
            });
            assert_eq!(twin, None, "event {} is there twice", event.seq);
        }
    }
}

fn call(attempt: &str, operation: &str) -> Call {
    Call {
        attempt: attempt.to_owned(),
        operation: operation.to_owned(),
        phase: "begin".to_owned(),
        resource_type: "aws_vpc".to_owned(),
    }
}

#[test]
fn a_call_of_an_earlier_attempt_after_the_next_one_began_is_found() {
    let id = DeploymentId::new();
    let other = format!("{}/1", DeploymentId::new());
    let (first, second) = (format!("{id}/1"), format!("{id}/2"));
    let good = [
        call(&first, "create"),
        call(&second, "read"),
        call(&other, "create"),
    ];
    assert_one_attempt_at_a_time(&good);
    let bad = [
        call(&first, "create"),
        call(&second, "read"),
        call(&first, "create"),
    ];
    let found = std::panic::catch_unwind(|| assert_one_attempt_at_a_time(&bad));
    assert!(found.is_err());
}
