//! The API under thousands of requests that schemathesis makes from `openapi.json`, as each kind of caller: no 5xx,
//! no status that the document does not name, no answer that breaks its schema. No worker runs, so what is asked
//! for stays queued.

use std::{fs, path::Path, process::Command, time::Duration};

use db::{
    roles::RoleOf,
    tenant::{self, Scope},
    tokens::{self, NewToken},
    users,
};
use domain::{
    access::Role,
    id::{ApiTokenId, CustomerId, UserId},
};
use serde_json::Value;

use crate::installation::{Cloud, Installation, Lease};

/// How many requests each caller makes at least; `make fuzz` asks for 2,000.
const REQUESTS: &str = "SITEPLANE__TEST__FUZZ_REQUESTS";
const FEW_REQUESTS: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_keeps_to_its_document_for_admin_owner_viewer_and_ci() {
    let wanted = std::env::var(REQUESTS).map_or(FEW_REQUESTS, |text| text.parse().unwrap());
    let mut failures = Vec::new();
    for role in [Role::Admin, Role::Owner, Role::Viewer, Role::Ci] {
        // What one has deleted or suspended, the next would not find.
        let installation = Installation::start(Lease::Default, Cloud::Simulated(Duration::ZERO)).await;
        let known = Known::make(&installation, role).await;
        let report = fuzz(&installation, &known, wanted);
        let generated = report["test_cases"]["generated"].as_u64().unwrap();
        let failed = &report["failures"];
        eprintln!(
            "{role}: {generated} requests to {} operations in {:.0} s, {} kinds of failure",
            report["operations"]["tested"],
            report["running_time"].as_f64().unwrap(),
            failed.as_array().unwrap().len(),
        );
        assert_eq!(report["operations"]["total"], report["operations"]["tested"]);
        assert!(
            generated >= u64::try_from(wanted).unwrap(),
            "{role}: only {generated} requests"
        );
        if report["exit_code"] != 0 {
            let said = fs::read_to_string(known.folder.path().join("said")).unwrap();
            failures.push(format!("{role}: {failed:#}\n{said}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A caller, and what exists for it to find.
struct Known {
    token: String,
    /// A file for each kind of id.
    folder: tempfile::TempDir,
}

impl Known {
    async fn make(installation: &Installation, role: Role) -> Self {
        let mut sites = Vec::new();
        let mut deployments = Vec::new();
        for name in ["shop", "blog", "docs"] {
            let (site, deployment) = installation.create_site(name).await;
            sites.push(site);
            deployments.push(deployment);
        }
        let mut owner = installation.database.owner().await;
        let customer: uuid::Uuid = sqlx::query_scalar("select id from customers")
            .fetch_one(&mut owner)
            .await
            .unwrap();
        let customer = CustomerId(customer);
        let mut tx = tenant::begin(&installation.database.pool, Scope::Platform)
            .await
            .unwrap();
        let members = [UserId::new(), UserId::new()];
        for (user, built_in) in members.into_iter().zip([Role::Owner, Role::Member]) {
            let email = format!("{built_in}@acme.test");
            users::insert(
                &mut tx,
                user,
                Some(customer),
                &email,
                "",
                RoleOf::BuiltIn(built_in),
            )
            .await
            .unwrap();
        }
        let reads = ["sites:read".to_owned()];
        db::roles::put(&mut tx, customer, "reader", &reads).await.unwrap();
        let token = format!(
            "sp_{}{}",
            uuid::Uuid::new_v4().simple(),
            uuid::Uuid::new_v4().simple()
        );
        let new = NewToken {
            id: ApiTokenId::new(),
            customer: (!role.is_platform()).then_some(customer),
            user: None,
            name: "fuzz",
            role: RoleOf::BuiltIn(role),
            scopes: None,
            expires_at: None,
        };
        tokens::insert(&mut tx, &new, &token).await.unwrap();
        tx.commit().await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let members = members.map(|user| user.to_string());
        for (file, values) in [
            ("customers", &[customer.to_string()][..]),
            ("sites", &sites),
            ("deployments", &deployments),
            ("members", &members),
            ("roles", &["reader".to_owned()]),
        ] {
            let lines: Vec<String> = values.iter().map(|value| format!("\"{value}\"\n")).collect();
            fs::write(folder.path().join(file), lines.concat()).unwrap();
        }
        let settings = root().join("tests/schemathesis/schemathesis.toml");
        fs::copy(settings, folder.path().join("schemathesis.toml")).unwrap();
        Self { token, folder }
    }
}

/// Runs schemathesis until it is done. Gives its report.
fn fuzz(installation: &Installation, known: &Known, wanted: usize) -> Value {
    let program = root().join(".siteplane/schemathesis/bin/schemathesis");
    assert!(
        program.is_file(),
        "{} is missing: run `make test`, which installs it first",
        program.display()
    );
    let document: Value = serde_json::from_str(&control_plane::openapi_json()).unwrap();
    let operations = document["paths"].as_object().unwrap().values();
    let operations: usize = operations.map(|item| item.as_object().unwrap().len()).sum();
    let said = fs::File::create(known.folder.path().join("said")).unwrap();
    let report = known.folder.path().join("report.json");
    let status = Command::new(program)
        .arg("--config-file")
        .arg(known.folder.path().join("schemathesis.toml"))
        .args(["--no-color", "run", "--report", "json", "--report-json-path"])
        .arg(&report)
        .args(["--max-examples", &wanted.div_ceil(operations).to_string()])
        .arg(root().join("openapi.json"))
        .current_dir(known.folder.path())
        .env("SITEPLANE_URL", &installation.url)
        .env("SITEPLANE_TOKEN", &known.token)
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .status()
        .unwrap();
    let Ok(text) = fs::read(&report) else {
        let said = fs::read_to_string(known.folder.path().join("said")).unwrap();
        panic!("schemathesis ended with {status}: {said}");
    };
    serde_json::from_slice(&text).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
