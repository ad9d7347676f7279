//! Who may do what: a row for every operation of the document, tried with every role.

use std::collections::BTreeMap;

use control_plane::{Access, OPERATIONS};
use db::{
    invitations::{self, NewInvitation},
    roles::{self, RoleOf},
    tokens::{self, NewToken},
};
use domain::{
    access::{Permission, Role},
    deployment::DeploymentStatus,
    id::{ApiTokenId, CustomerId, InvitationId},
};
use serde_json::{Value, json};

use crate::stage::{Answer, ROLES, Stage, specification};

/// How each operation answers who may call it on what there is on the stage.
const ANSWERS: &[(&str, u16)] = &[
    ("get_sites", 200),
    ("post_sites", 202),
    ("get_sites_id", 200),
    ("patch_sites_id", 202),
    ("delete_sites_id", 202),
    ("get_sites_id_deployments", 200),
    ("get_sites_id_resources", 200),
    ("post_sites_id_reveal", 200),
    ("get_deployments_id", 200),
    ("get_deployments_id_events", 200),
    ("get_deployments_id_log", 200),
    ("post_deployments_id_cancel", 200),
    ("post_deployments_id_approve", 202),
    ("post_deployments_id_reject", 200),
    ("post_plans", 202),
    ("post_quotes", 200),
    ("get_providers", 200),
    ("get_workers", 200),
    ("get_terraform_state_site", 204),
    // Allowed, and refused for there is no manual deployment.
    ("post_terraform_state_site", 409),
    ("LOCK", 200),
    ("UNLOCK", 200),
    ("get_customers", 200),
    ("post_customers", 201),
    ("get_customers_id", 200),
    ("patch_customers_id", 200),
    ("get_customers_id_members", 200),
    ("patch_customers_id_members_user", 200),
    ("delete_customers_id_members_user", 204),
    ("post_customers_id_members_user_unlock", 204),
    ("get_customers_id_invitations", 200),
    ("post_customers_id_invitations", 201),
    ("delete_customers_id_invitations_invitation", 204),
    ("get_customers_id_roles", 200),
    ("put_customers_id_roles_role", 200),
    ("delete_customers_id_roles_role", 204),
    ("get_customers_id_tokens", 200),
    ("post_customers_id_tokens", 201),
    ("delete_customers_id_tokens_token", 204),
    // Whoever is signed in; what is about a session is not for tokens.
    ("get_me", 200),
    ("patch_me", 403),
    ("put_me_password", 403),
    ("post_me_totp", 403),
    ("post_me_totp_confirm", 403),
    ("delete_me_totp", 403),
    ("post_me_recovery_codes", 403),
    ("get_me_sessions", 403),
    ("delete_me_sessions", 403),
    ("delete_me_sessions_id", 403),
    ("delete_sessions_current", 403),
    // Open: what is asked for is in the request, and here it is wrong.
    ("post_sessions", 401),
    ("post_sessions_refresh", 401),
    ("post_password_resets", 202),
    ("post_password_resets_confirm", 410),
    ("post_email_verifications_confirm", 410),
    ("post_unlocks_confirm", 410),
    ("post_invitations_accept", 410),
    ("get_well_known_jwks_json", 200),
    ("get_healthz", 200),
    ("get_readyz", 200),
    ("get_metrics", 200),
    ("get_openapi_json", 200),
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
    let mut rows: Vec<&str> = OPERATIONS.iter().map(|(id, _)| *id).collect();
    let mut answers: Vec<&str> = ANSWERS
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| !id.ends_with("LOCK"))
        .collect();
    ids.sort();
    rows.sort_unstable();
    answers.sort_unstable();
    assert_eq!(ids, rows, "each operation needs a row in auth::operations");
    assert_eq!(rows, answers, "each operation needs a line in ANSWERS");
}

/// What a try is made on: a customer's, with one of each thing that a path can name.
struct Target {
    customer: CustomerId,
    site: String,
    deployment: String,
    user: String,
    invitation: String,
    role: String,
    token: String,
}

/// Makes what the path names, and nothing else.
async fn target(stage: &Stage, operation: &str, path: &str, foreign: bool, number: usize) -> Target {
    let customer = if foreign { stage.other } else { stage.customer };
    let mut target = Target {
        customer,
        site: String::new(),
        deployment: String::new(),
        user: String::new(),
        invitation: String::new(),
        role: format!("role-{number}"),
        token: String::new(),
    };
    if path.contains("/sites/{") || path.contains("/deployments/{") || path.contains("/state/{") {
        let owner = if foreign { "stranger" } else { "owner" };
        let body = specification(&format!("site-{number}"));
        let made = stage.post(owner, "/api/v1/sites", &body).await.ok(202);
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        (target.site, target.deployment) = (id(&made["site"]), id(&made["deployment"]));
        let status = match operation {
            "patch_sites_id" | "delete_sites_id" => DeploymentStatus::Succeeded,
            _ => DeploymentStatus::AwaitingApproval,
        };
        stage.put_deployment(&target.deployment, status).await;
    }
    let mut owner = stage.owner().await;
    if path.contains("{user}") {
        let email = format!("person-{number}@acme.test");
        target.user = stage
            .person(Some(customer), &email, Role::Viewer)
            .await
            .to_string();
    }
    if path.contains("{role}") {
        roles::put(&mut owner, customer, &target.role, &["sites:read".to_owned()])
            .await
            .unwrap();
    }
    if path.contains("{invitation}") {
        let new = NewInvitation {
            id: InvitationId::new(),
            customer: Some(customer),
            email: "new@acme.test",
            role: RoleOf::BuiltIn(Role::Viewer),
            invited_by: "test",
            expires_at: chrono::Utc::now() + chrono::TimeDelta::days(1),
        };
        invitations::insert(&mut owner, &new, &format!("invitation-{number}"))
            .await
            .unwrap();
        target.invitation = new.id.to_string();
    }
    if path.contains("{token}") {
        let new = NewToken {
            id: ApiTokenId::new(),
            customer: Some(customer),
            user: None,
            name: "made",
            role: RoleOf::BuiltIn(Role::Ci),
            scopes: None,
            expires_at: None,
        };
        tokens::insert(&mut owner, &new, &format!("made-{number}"))
            .await
            .unwrap();
        target.token = new.id.to_string();
    }
    target
}

#[tokio::test]
async fn every_role_may_do_what_the_table_says_on_its_own_and_nothing_on_anothers() {
    let stage = Stage::new().await;
    let operations: BTreeMap<String, Value> = operations().into_iter().collect();
    let mut cases: Vec<(&str, String, String, Access)> = OPERATIONS
        .iter()
        .map(|(id, access)| {
            let operation = &operations[*id];
            let text = |key: &str| operation[key].as_str().unwrap().to_owned();
            (*id, text("method"), text("path"), *access)
        })
        .collect();
    // Terraform's own methods can't stand in an OpenAPI document.
    for method in ["LOCK", "UNLOCK"] {
        let access = Access::Holds(Permission::ReadState);
        cases.push((
            method,
            method.to_owned(),
            "/terraform/state/{site}".to_owned(),
            access,
        ));
    }
    let mut tried = 0;
    for (id, method, path, access) in &cases {
        let names_a_row = path.contains('{') && path.as_str() != "/api/v1/me/sessions/{id}";
        for who in ROLES.into_iter().chain(["", "unknown"]) {
            for foreign in [false, true] {
                if foreign && !names_a_row {
                    continue;
                }
                tried += 1;
                let target = target(&stage, id, path, foreign, tried).await;
                let status = attempt(&stage, id, method, path, who, &target, tried)
                    .await
                    .status
                    .as_u16();
                let answer = ANSWERS.iter().find(|(line, _)| line == id).unwrap().1;
                let role = who.parse::<Role>().ok();
                let expected = match (*access, role) {
                    (Access::Open, _) => answer,
                    (_, None) => 401,
                    (Access::SignedIn, Some(_)) => answer,
                    (Access::Holds(permission), Some(role)) if !role.permissions().contains(permission) => {
                        403
                    }
                    // Another customer's rows are unknown; the platform's people see all.
                    (Access::Holds(_), Some(role)) if foreign && !role.is_platform() => 404,
                    (Access::Holds(_), Some(_)) => answer,
                };
                assert_eq!(status, expected, "{id} by {who:?}, foreign: {foreign}");
            }
        }
    }
    println!(
        "{tried} tries: {} operations by {} roles and two who have none, on their own and on another's",
        cases.len(),
        ROLES.len()
    );
    assert!(tried > 900, "{tried}");
}

async fn attempt(
    stage: &Stage,
    id: &str,
    method: &str,
    path: &str,
    who: &str,
    target: &Target,
    number: usize,
) -> Answer {
    let first = if path.contains("/deployments/{") {
        target.deployment.clone()
    } else if path.contains("/customers/{") {
        target.customer.to_string()
    } else if path.contains("/me/sessions/{") {
        uuid::Uuid::nil().to_string()
    } else {
        target.site.clone()
    };
    let path = path
        .replace("{id}", &first)
        .replace("{site}", &target.site)
        .replace("{user}", &target.user)
        .replace("{invitation}", &target.invitation)
        .replace("{role}", &target.role)
        .replace("{token}", &target.token);
    let mut body = specification(&format!("new-{number}"));
    if ["admin", "operator"].contains(&who) {
        body["customer_id"] = json!(stage.customer);
    }
    let call = stage.call(who, method, &path);
    let link = json!({"token": "unknown"});
    let confirm = json!({"password": "x"});
    let call = match id {
        "post_sites" | "post_plans" => call.json(&body),
        "post_quotes" => call.json(&specification("quoted")),
        "patch_sites_id" => call.header("if-match", "\"1\"").json(&json!({"size": "large"})),
        "post_terraform_state_site" => call.json(&json!({})),
        "LOCK" | "UNLOCK" => call.json(&json!({"ID": "1"})),
        "post_customers" => call.json(&json!({"name": "New", "slug": format!("new-{number}")})),
        "patch_customers_id" => call.header("if-match", "*").json(&json!({"weight": 2})),
        "patch_customers_id_members_user" => call.json(&json!({"role": "viewer"})),
        "post_customers_id_invitations" => call.json(&json!({"email": "a@b.test", "role": "viewer"})),
        "put_customers_id_roles_role" => call.json(&json!({"permissions": ["sites:read"]})),
        "post_customers_id_tokens" => {
            call.json(&json!({"name": "pipeline", "role": "ci", "expires_in_days": 1}))
        }
        "post_sessions" => call.json(&json!({"email": format!("{number}@b.test"), "password": "wrong"})),
        "post_sessions_refresh" => call.json(&json!({"refresh_token": "unknown"})),
        "post_password_resets" => call.json(&json!({"email": "nobody@b.test"})),
        "post_password_resets_confirm" => call.json(&json!({"token": "unknown", "password": "x"})),
        "post_email_verifications_confirm" | "post_unlocks_confirm" => call.json(&link),
        "post_invitations_accept" => call.json(&json!({"token": "unknown", "name": "A", "password": "x"})),
        "patch_me" => call.json(&json!({"name": "Anna"})),
        "put_me_password" => call.json(&json!({"current_password": "x", "password": "y"})),
        "post_me_totp" | "delete_me_totp" | "post_me_recovery_codes" => call.json(&confirm),
        "post_me_totp_confirm" => call.json(&json!({"code": "123456"})),
        _ => call,
    };
    // A stream goes on for ever: its head is the answer.
    if id == "get_deployments_id_events" {
        let response = call.response().await;
        return Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: String::new(),
        };
    }
    call.send().await
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
