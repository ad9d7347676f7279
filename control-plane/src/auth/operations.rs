//! Which operation needs which permission: the only table of it. Extractors refuse to work against it, the OpenAPI
//! document quotes it, and a test tries every row with every role.

use std::{collections::HashMap, sync::LazyLock};

use axum::http::Method;
use domain::access::Permission;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; what it needs is in the request itself.
    Open,
    /// Whoever is signed in, about themselves.
    SignedIn,
    /// Whoever holds the permission, on what they may see.
    Holds(Permission),
}

use Access::{Holds, Open, SignedIn};
use Permission as P;

/// Every operation by its id in the document.
pub const OPERATIONS: &[(&str, Access)] = &[
    ("get_sites", Holds(P::ReadSites)),
    ("post_sites", Holds(P::ChangeSites)),
    ("get_sites_id", Holds(P::ReadSites)),
    ("patch_sites_id", Holds(P::ChangeSites)),
    ("delete_sites_id", Holds(P::ChangeSites)),
    ("get_sites_id_deployments", Holds(P::ReadSites)),
    ("get_sites_id_resources", Holds(P::ReadSites)),
    ("post_sites_id_reveal", Holds(P::RevealSecrets)),
    ("get_deployments_id", Holds(P::ReadSites)),
    ("get_deployments_id_events", Holds(P::ReadSites)),
    ("get_deployments_id_log", Holds(P::ReadSites)),
    ("post_deployments_id_cancel", Holds(P::ChangeSites)),
    ("post_deployments_id_approve", Holds(P::ChangeSites)),
    ("post_deployments_id_reject", Holds(P::ChangeSites)),
    ("post_plans", Holds(P::PlanChanges)),
    ("post_quotes", Holds(P::ReadSites)),
    ("get_providers", Holds(P::ReadSites)),
    ("get_workers", Holds(P::ReadPlatform)),
    ("get_terraform_state_site", Holds(P::ReadState)),
    ("post_terraform_state_site", Holds(P::ReadState)),
    ("post_sessions", Open),
    ("post_sessions_refresh", Open),
    ("delete_sessions_current", SignedIn),
    ("post_password_resets", Open),
    ("post_password_resets_confirm", Open),
    ("post_email_verifications_confirm", Open),
    ("post_unlocks_confirm", Open),
    ("post_invitations_accept", Open),
    ("get_me", SignedIn),
    ("patch_me", SignedIn),
    ("put_me_password", SignedIn),
    ("post_me_totp", SignedIn),
    ("post_me_totp_confirm", SignedIn),
    ("delete_me_totp", SignedIn),
    ("post_me_recovery_codes", SignedIn),
    ("get_me_sessions", SignedIn),
    ("delete_me_sessions", SignedIn),
    ("delete_me_sessions_id", SignedIn),
    ("get_customers", Holds(P::ReadCustomer)),
    ("post_customers", Holds(P::ManageCustomers)),
    ("get_customers_id", Holds(P::ReadCustomer)),
    ("patch_customers_id", Holds(P::ManageCustomers)),
    ("get_customers_id_members", Holds(P::ReadMembers)),
    ("patch_customers_id_members_user", Holds(P::ManageMembers)),
    ("delete_customers_id_members_user", Holds(P::ManageMembers)),
    ("post_customers_id_members_user_unlock", Holds(P::ManageMembers)),
    ("get_customers_id_invitations", Holds(P::ReadMembers)),
    ("post_customers_id_invitations", Holds(P::ManageMembers)),
    (
        "delete_customers_id_invitations_invitation",
        Holds(P::ManageMembers),
    ),
    ("get_customers_id_roles", Holds(P::ReadMembers)),
    ("put_customers_id_roles_role", Holds(P::ManageMembers)),
    ("delete_customers_id_roles_role", Holds(P::ManageMembers)),
    ("get_customers_id_tokens", Holds(P::ManageTokens)),
    ("post_customers_id_tokens", Holds(P::ManageTokens)),
    ("delete_customers_id_tokens_token", Holds(P::ManageTokens)),
    ("get_well_known_jwks_json", Open),
    ("get_healthz", Open),
    ("get_readyz", Open),
    ("get_metrics", Open),
    ("get_openapi_json", Open),
];

static BY_ID: LazyLock<HashMap<&str, Access>> = LazyLock::new(|| OPERATIONS.iter().copied().collect());

/// Who may call the operation of this method and route; `None` is one without a row, which nobody may.
pub(crate) fn access_of(method: &Method, route: &str) -> Option<Access> {
    // Terraform's own methods belong to the write of a state.
    let method = match method.as_str() {
        "LOCK" | "UNLOCK" => "post".to_owned(),
        // A HEAD is answered by the handler of the GET.
        "HEAD" => "get".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    BY_ID.get(operation_id(&method, route).as_str()).copied()
}

/// `POST /api/v1/sites/{id}/reveal` is `post_sites_id_reveal`.
pub(crate) fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}
