//! Who may do what: a row for every operation of the document, tried with every role.

use std::collections::BTreeMap;

use domain::deployment::DeploymentStatus;
use serde_json::{Value, json};

use crate::stage::{ROLES, Stage, specification};

const EVERYONE: &[&str] = &[
    "admin",
    "operator",
    "auditor",
    "collector",
    "owner",
    "member",
    "viewer",
    "ci",
    "stranger",
    "",
];
const READERS: &[&str] = &["admin", "operator", "auditor", "owner", "member", "viewer", "ci"];
/// Lists are open to a stranger too, who sees other rows.
const LISTERS: &[&str] = &[
    "admin", "operator", "auditor", "owner", "member", "viewer", "ci", "stranger",
];
const CHANGERS: &[&str] = &["admin", "operator", "owner", "member"];
const MAKERS: &[&str] = &["admin", "operator", "owner", "member", "stranger"];
const PLANNERS: &[&str] = &["admin", "operator", "owner", "member", "ci", "stranger"];
const STATE_READERS: &[&str] = &["admin", "operator", "owner"];
const PLATFORM: &[&str] = &["admin", "operator", "auditor"];

/// Every operation: who may, and how those are answered who do it on the site of the stage.
const TABLE: &[(&str, &[&str], &[u16])] = &[
    ("get_sites", LISTERS, &[200]),
    ("post_sites", MAKERS, &[202]),
    ("get_sites_id", READERS, &[200]),
    ("patch_sites_id", CHANGERS, &[202]),
    ("delete_sites_id", CHANGERS, &[202]),
    ("get_sites_id_deployments", READERS, &[200]),
    ("get_sites_id_resources", READERS, &[200]),
    ("post_sites_id_reveal", CHANGERS, &[200]),
    ("get_deployments_id", READERS, &[200]),
    ("get_deployments_id_events", READERS, &[200]),
    ("get_deployments_id_log", READERS, &[200]),
    ("post_deployments_id_cancel", CHANGERS, &[200]),
    ("post_deployments_id_approve", CHANGERS, &[202]),
    ("post_deployments_id_reject", CHANGERS, &[200]),
    ("post_plans", PLANNERS, &[202]),
    ("post_quotes", LISTERS, &[200]),
    ("get_providers", LISTERS, &[200]),
    ("get_workers", PLATFORM, &[200]),
    ("get_terraform_state_site", STATE_READERS, &[204]),
    // Allowed, and refused for there is no manual deployment.
    ("post_terraform_state_site", STATE_READERS, &[409]),
    ("get_healthz", EVERYONE, &[200]),
    ("get_readyz", EVERYONE, &[200]),
    ("get_metrics", EVERYONE, &[200]),
    ("get_openapi_json", EVERYONE, &[200]),
];

/// Every operation of the document with its id, method and path among it.
pub(crate) fn operations() -> Vec<(String, Value)> {
    let document: Value = serde_json::from_str(&control_plane::openapi_json()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else {
                continue;
            };
            let mut operation = operation.clone();
            operation["method"] = json!(method.to_uppercase());
            operation["path"] = json!(path);
            operations.push((id.to_owned(), operation));
        }
    }
    operations
}

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let mut ids: Vec<String> = operations().into_iter().map(|(id, _)| id).collect();
    let mut rows: Vec<&str> = TABLE.iter().map(|(id, ..)| *id).collect();
    ids.sort();
    rows.sort_unstable();
    assert_eq!(ids, rows, "each operation needs a row in TABLE");
}

#[tokio::test]
async fn every_role_may_do_what_its_rows_say_and_nothing_else() {
    let stage = Stage::new().await;
    let operations: BTreeMap<String, Value> = operations().into_iter().collect();
    let mut tried = 0;
    for (id, allowed, answers) in TABLE {
        for who in ROLES.into_iter().chain(["stranger", "", "unknown"]) {
            let open = allowed.contains(&"");
            // Each try finds a site of its own, whose deployment waits for approval.
            let (site, deployment) = if operations[*id]["path"].as_str().unwrap().contains('{') {
                let name = format!("site-{tried}");
                let made = stage.site(&name).await;
                let status = match *id {
                    "patch_sites_id" | "delete_sites_id" => DeploymentStatus::Succeeded,
                    _ => DeploymentStatus::AwaitingApproval,
                };
                stage.put_deployment(&made.1, status).await;
                made
            } else {
                (String::new(), String::new())
            };
            tried += 1;
            let status = attempt(&stage, &operations[*id], who, &site, &deployment, tried).await;
            let expected: &[u16] = match who {
                _ if open || allowed.contains(&who) => answers,
                "" | "unknown" => &[401],
                // Another customer's rows are unknown; what has no row is refused by role.
                "stranger" if !site.is_empty() => &[404],
                _ => &[403],
            };
            assert!(
                expected.contains(&status),
                "{id} by {who:?}: {status}, expected {expected:?}"
            );
        }
    }
    assert_eq!(tried, TABLE.len() * 11);
}

async fn attempt(
    stage: &Stage,
    operation: &Value,
    who: &str,
    site: &str,
    deployment: &str,
    number: usize,
) -> u16 {
    let (method, template) = (
        operation["method"].as_str().unwrap(),
        operation["path"].as_str().unwrap(),
    );
    let id = if template.contains("deployments/{id}") {
        deployment
    } else {
        site
    };
    let path = template.replace("{id}", id).replace("{site}", site);
    let mut body = specification(&format!("new-{number}"));
    if ["admin", "operator"].contains(&who) {
        body["customer_id"] = json!(stage.customer);
    }
    let call = stage.call(who, method, &path);
    let call = match operation["operationId"].as_str().unwrap() {
        "post_sites" | "post_plans" => call.json(&body),
        "post_quotes" => call.json(&specification("quoted")),
        "patch_sites_id" => call.header("if-match", "\"1\"").json(&json!({"size": "large"})),
        "post_terraform_state_site" => call.json(&json!({})),
        _ => call,
    };
    call.send().await.status.as_u16()
}

#[tokio::test]
async fn a_token_that_is_missing_unknown_revoked_or_past_its_end_is_refused_with_a_challenge() {
    let stage = Stage::new().await;
    let no = |answer: crate::stage::Answer| {
        answer.problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"siteplane\"");
    };
    no(stage.get("", "/api/v1/sites").await);
    no(stage.get("unknown", "/api/v1/sites").await);
    no(stage
        .call("", "GET", "/api/v1/sites")
        .header("authorization", "Bearer ")
        .send()
        .await);
    // Basic is for Terraform only.
    let basic = stage
        .call("", "GET", "/api/v1/sites")
        .header("authorization", "Basic dTp0b2tlbi1vZi1vd25lcg==");
    no(basic.send().await);
    for end in ["revoked_at = now()", "revoked_at = null, expires_at = now()"] {
        stage.get("owner", "/api/v1/sites").await.ok(200);
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "update api_tokens set {end} where name = 'owner'"
        )))
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
        no(stage.get("owner", "/api/v1/sites").await);
        sqlx::query("update api_tokens set revoked_at = null, expires_at = null where name = 'owner'")
            .execute(&mut stage.owner().await)
            .await
            .unwrap();
    }
}
