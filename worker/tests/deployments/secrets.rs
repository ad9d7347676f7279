//! Where secrets lie during a run, and after it.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::deployment::DeploymentStatus;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use super::{Stage, invariants::until};

/// Credentials of a cloud: never at rest anywhere.
const CLOUD: [&str; 2] = ["PLANTED-ACCESS-KEY", "PLANTED-SECRET-KEY"];
/// A site's own: in the workspace, where Terraform can't do without.
const SITE: [&str; 2] = ["PLANTED-application-secret", "PLANTED-database-password-0001"];

/// The forms in which a secret may stand somewhere: as it is, base64 at any offset, and hexadecimal as the
/// database prints bytes.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    for offset in 0..3 {
        let shifted = [vec![b' '; offset], secret.as_bytes().to_vec()].concat();
        let encoded = STANDARD.encode(&shifted);
        // Without the ends, which depend on the neighbours.
        forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
    }
    let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hexadecimal.into_bytes());
    forms
}

fn holds(content: &[u8], secrets: &[&str]) -> bool {
    secrets
        .iter()
        .flat_map(|secret| forms(secret))
        .any(|form| content.windows(form.len()).any(|window| window == form))
}

/// The files below a folder that hold one of the secrets.
fn files_with(folder: &Path, secrets: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(files_with(&path, secrets));
        } else if kind.is_file() && fs::read(&path).is_ok_and(|content| holds(&content, secrets)) {
            found.push(path);
        }
    }
    found
}

/// Every row of every table, as the owner sees it.
async fn rows(owner: &mut PgConnection) -> Vec<(String, String)> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema')",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let query = format!("select t::text from {table} t");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut *owner)
            .await
            .unwrap();
        found.extend(rows.into_iter().map(|row| (table.clone(), row)));
    }
    found
}

/// The command lines of everything that this process started.
fn command_lines() -> Vec<Vec<u8>> {
    let mut ours = BTreeSet::from([i32::try_from(std::process::id()).unwrap()]);
    let living = worker::terraform::processes::living().unwrap();
    loop {
        let before = ours.len();
        let children: Vec<i32> = living
            .iter()
            .filter(|process| ours.contains(&process.parent))
            .map(|process| process.pid)
            .collect();
        ours.extend(children);
        if ours.len() == before {
            break;
        }
    }
    ours.iter()
        .filter_map(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok())
        .collect()
}

impl Stage {
    async fn assert_no_secret_outside_the_workspace(&self) {
        let both = [CLOUD, SITE].concat();
        let mut owner = self.database.owner().await;
        let rows = rows(&mut owner).await;
        assert!(
            rows.iter().any(|(_, row)| row.contains("shop-1")),
            "the rows are read"
        );
        for (table, row) in &rows {
            assert!(!holds(row.as_bytes(), &both), "{table}: {row}");
        }
        assert_eq!(
            files_with(&self.folder.path().join("s3"), &both),
            [] as [PathBuf; 0]
        );
        assert_eq!(files_with(&self.cloud(), &both), [] as [PathBuf; 0]);
        assert_eq!(files_with(&self.workspaces(), &CLOUD), [] as [PathBuf; 0]);
        let lines = command_lines();
        assert!(!lines.is_empty());
        assert!(!lines.iter().any(|line| holds(line, &both)));
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = SITE[1];
    for text in [
        format!("a {secret} b"),
        STANDARD.encode(format!("x{secret} and more")),
        STANDARD.encode(format!("xy{secret} and more")),
        STANDARD.encode(format!("xyz{secret} and more")),
    ] {
        assert!(holds(text.as_bytes(), &SITE), "{text}");
        assert!(!holds(text.as_bytes(), &CLOUD), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_lie_nowhere_but_the_sites_own_in_its_private_workspace() {
    let stage = Stage::new().await;
    // Late enough that the state in the workspace holds the database already.
    stage.set_faults(&json!([
        {"type": "aws_autoscaling_group", "operation": "create", "delay_ms": 60_000, "times": 1},
    ]));
    let worker = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    stage
        .wait_for_call(create, 1, "create", "aws_autoscaling_group")
        .await;
    until("the state is shipped with the database", async || {
        let (known, _) = stage.in_state(site).await;
        known.iter().any(|(kind, _)| kind == "aws_db_instance")
    })
    .await;
    stage.assert_no_secret_outside_the_workspace().await;
    let in_workspace = files_with(&stage.workspaces(), &SITE);
    assert!(
        in_workspace
            .iter()
            .any(|file| file.ends_with("terraform.tfstate")),
        "the search finds what is there: {in_workspace:?}"
    );
    for file in &in_workspace {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let is_closed = file
            .ancestors()
            .take_while(|folder| *folder != stage.folder.path())
            .any(|folder| folder.is_dir() && mode(folder) == 0o700);
        assert!(is_closed, "{} is open to others", file.display());
    }
    assert_eq!(
        stage.deployment(create).await.status,
        DeploymentStatus::Applying,
        "all this was looked at during the apply"
    );

    stage.cancel(create).await;
    stage.wait_for(create, DeploymentStatus::Cancelled).await;
    worker.stop().await;
    stage.assert_no_secret_outside_the_workspace().await;
    stage.assert_in_order(site).await;
}
