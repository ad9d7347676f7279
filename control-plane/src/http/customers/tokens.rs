//! API tokens of a customer: for pipelines and programs.

use axum::{Json as Answer, extract::State, http::StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use db::roles::RoleOf;
use db::tokens::{self, NewToken, StoredToken};
use domain::{
    access::{Permission, Permissions, Role},
    id::{ApiTokenId, CustomerId},
    specification::FieldProblem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::roles::role_named;
use crate::{
    App,
    auth::{CustomerAccess, ManageTokens, SecondId, random_text},
    body::{self, FromBody, Json},
    error::ApiError,
};

/// Longest life of a token, in days.
const LONGEST_LIFE: i64 = 366;

/// A token, without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// Its id.
    id: ApiTokenId,
    /// What it is for.
    name: String,
    /// The name of its role.
    role: String,
    /// What of the role's permissions it has; null is all.
    scopes: Option<Vec<String>>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// When it was used last, to five minutes.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<StoredToken> for TokenView {
    fn from(token: StoredToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            role: token.role,
            scopes: token.scopes,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// The tokens of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Newest first.
    items: Vec<TokenView>,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeToken {
    /// What is known of it from now on.
    #[serde(flatten)]
    view: TokenView,
    /// Its text, shown this once.
    token: String,
}

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "pipeline of the shop", "role": "ci", "expires_in_days": 90}))]
pub(crate) struct MakeToken {
    /// What it is for.
    name: String,
    /// `ci`, `owner`, `member`, `viewer`, or the name of one of the customer's own roles.
    role: String,
    /// What of the role's permissions it has; left out, all.
    scopes: Option<Vec<Permission>>,
    /// After so many days it ends: 1 to 366.
    #[schema(minimum = 1, maximum = 366)]
    expires_in_days: i64,
}

impl FromBody for MakeToken {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let make: Self = body::deserialize(&body).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        if !(1..=100).contains(&make.name.trim().chars().count()) || make.name.chars().any(char::is_control) {
            let found: String = make.name.chars().take(100).collect();
            problems.push(FieldProblem::new(
                "name",
                found,
                "1 to 100 characters on one line",
            ));
        }
        if !(1..=LONGEST_LIFE).contains(&make.expires_in_days) {
            problems.push(FieldProblem::new(
                "expires_in_days",
                make.expires_in_days,
                format!("1 to {LONGEST_LIFE}"),
            ));
        }
        if problems.is_empty() {
            Ok(make)
        } else {
            Err(problems)
        }
    }
}

/// The tokens of a customer that are not revoked.
#[utoipa::path(get, path = "/customers/{id}/tokens", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer")),
    responses((status = 200, description = "The tokens", body = Tokens)), security(("token" = [])))]
pub(crate) async fn list(
    State(app): State<App>,
    access: CustomerAccess<ManageTokens>,
) -> Result<Answer<Tokens>, ApiError> {
    let mut tx = access.begin(&app.pool).await?;
    let items = tokens::list(&mut tx, Some(access.customer.id)).await?;
    tx.commit().await?;
    Ok(Answer(Tokens {
        items: items.into_iter().map(TokenView::from).collect(),
    }))
}

/// Makes a token. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/customers/{id}/tokens", tag = "customers", request_body = MakeToken,
    params(("id" = CustomerId, Path, description = "The customer")),
    responses((status = 201, description = "The token", body = MadeToken)), security(("token" = [])))]
pub(crate) async fn create(
    State(app): State<App>,
    access: CustomerAccess<ManageTokens>,
    Json { value: make, .. }: Json<MakeToken>,
) -> Result<(StatusCode, Answer<MadeToken>), ApiError> {
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    let (role, mut permissions) = if make.role == Role::Ci.as_str() {
        (RoleOf::BuiltIn(Role::Ci), Role::Ci.permissions())
    } else {
        role_named(&mut tx, customer, &make.role).await?
    };
    if let Some(scopes) = &make.scopes {
        let scopes: Permissions = scopes.iter().copied().collect();
        if let Some(more) = scopes.iter().find(|scope| !permissions.contains(*scope)) {
            let allowed: Vec<&str> = permissions.iter().map(Permission::key).collect();
            return Err(ApiError::invalid(vec![FieldProblem::new(
                "scopes",
                more,
                format!("what the role {} has: {}", make.role, allowed.join(", ")),
            )]));
        }
        permissions = scopes;
    }
    if !access.caller.role.covers(permissions) {
        return Err(ApiError::forbidden(
            "nobody gives more than they have: your own role lacks some of what the token could do",
        ));
    }
    let now = Utc::now();
    let text = random_text("sp_");
    let scopes: Option<Vec<String>> = make.scopes.as_ref().map(|_| {
        permissions
            .iter()
            .map(|permission| permission.key().to_owned())
            .collect()
    });
    let token = NewToken {
        id: ApiTokenId::new(),
        customer: Some(customer),
        user: None,
        name: make.name.trim(),
        role,
        scopes: scopes.clone(),
        expires_at: Some(now + TimeDelta::days(make.expires_in_days)),
    };
    tokens::insert(&mut tx, &token, text.expose()).await?;
    let details =
        json!({"name": token.name, "role": make.role, "scopes": scopes, "expires_at": token.expires_at});
    access
        .caller
        .record(
            &mut tx,
            customer,
            "api_token.create",
            ("api_token", token.id.0),
            details,
        )
        .await?;
    let made = MadeToken {
        view: TokenView {
            id: token.id,
            name: token.name.to_owned(),
            role: make.role.clone(),
            scopes,
            created_at: now,
            expires_at: token.expires_at,
            last_used_at: None,
        },
        token: text.expose().to_owned(),
    };
    tx.commit().await?;
    Ok((StatusCode::CREATED, Answer(made)))
}

/// Ends a token for good.
#[utoipa::path(delete, path = "/customers/{id}/tokens/{token}", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer"), ("token" = ApiTokenId, Path, description = "The token")),
    responses((status = 204, description = "It has ended")), security(("token" = [])))]
pub(crate) async fn revoke(
    State(app): State<App>,
    access: CustomerAccess<ManageTokens>,
    SecondId(id): SecondId<ApiTokenId>,
) -> Result<StatusCode, ApiError> {
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    if !tokens::revoke(&mut tx, Some(customer), id).await? {
        return Err(ApiError::not_found("API token"));
    }
    access
        .caller
        .record(
            &mut tx,
            customer,
            "api_token.revoke",
            ("api_token", id.0),
            json!({}),
        )
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
