//! The people of a customer.

use axum::{Json as Answer, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use db::{
    sign_in_failures,
    tenant::{self, Scope},
    users::{self, User},
};
use domain::{
    deployment::Action,
    id::{CustomerId, UserId},
    specification::FieldProblem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::roles::role_named;
use crate::{
    App,
    auth::{CustomerAccess, ManageMembers, ReadMembers, Rights, SecondId, sign_in::account_subject},
    body::{self, FromBody, Json},
    error::ApiError,
};

/// A person of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    /// The person's id.
    id: UserId,
    /// The address to sign in with.
    email: String,
    /// The name; may be empty.
    name: String,
    /// The name of the role.
    role: String,
    /// When they were added.
    created_at: DateTime<Utc>,
    /// When they signed in last.
    last_sign_in_at: Option<DateTime<Utc>>,
    /// Since when they may not sign in.
    disabled_at: Option<DateTime<Utc>>,
    /// What the caller may do about them.
    actions: MemberActions,
}

/// What a caller may do about a member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberActions {
    /// Change the role, or whether they may sign in; lift a lockout.
    change: Action,
}

impl Member {
    fn new(user: User, rights: Rights) -> Self {
        Self {
            actions: MemberActions {
                change: Action {
                    denied_because: rights.denied::<ManageMembers>(),
                },
            },
            id: user.id,
            email: user.email,
            name: user.name,
            role: user.role,
            created_at: user.created_at,
            last_sign_in_at: user.last_sign_in_at,
            disabled_at: user.disabled_at,
        }
    }
}

/// The people of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Members {
    /// Oldest first.
    items: Vec<Member>,
}

/// What may change of a member; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "viewer"}))]
pub(crate) struct ChangeMember {
    /// `owner`, `member`, `viewer`, or the name of one of the customer's own roles.
    role: Option<String>,
    /// Whether they may not sign in. Their sessions and tokens stop at once.
    disabled: Option<bool>,
}

impl FromBody for ChangeMember {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        body::deserialize(&body).map_err(|problem| vec![problem])
    }
}

/// The people of a customer.
#[utoipa::path(get, path = "/customers/{id}/members", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer")),
    responses((status = 200, description = "The people", body = Members)), security(("token" = [])))]
pub(crate) async fn list(
    State(app): State<App>,
    access: CustomerAccess<ReadMembers>,
) -> Result<Answer<Members>, ApiError> {
    let mut tx = access.begin(&app.pool).await?;
    let people = users::list(&mut tx, Some(access.customer.id)).await?;
    tx.commit().await?;
    let rights = access.caller.role;
    Ok(Answer(Members {
        items: people.into_iter().map(|user| Member::new(user, rights)).collect(),
    }))
}

/// Changes what a person may do, at once. The last owner stays one.
#[utoipa::path(patch, path = "/customers/{id}/members/{user}", tag = "customers", request_body = ChangeMember,
    params(("id" = CustomerId, Path, description = "The customer"), ("user" = UserId, Path, description = "The person")),
    responses((status = 200, description = "The person", body = Member)), security(("token" = [])))]
pub(crate) async fn change(
    State(app): State<App>,
    access: CustomerAccess<ManageMembers>,
    SecondId(id): SecondId<UserId>,
    Json { value: change, .. }: Json<ChangeMember>,
) -> Result<Answer<Member>, ApiError> {
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    let in_charge = users::count_in_charge(&mut tx, Some(customer)).await?;
    let before = member(&mut tx, customer, id).await?;
    if let Some(name) = &change.role {
        let (role, permissions) = role_named(&mut tx, customer, name).await?;
        if !access.caller.role.covers(permissions) {
            return Err(ApiError::forbidden(format!(
                "nobody gives more than they have: your own role lacks some of what {name} may do"
            )));
        }
        users::set_role(&mut tx, id, role).await?;
    }
    if let Some(disabled) = change.disabled {
        users::set_disabled(&mut tx, id, disabled).await?;
    }
    let after = member(&mut tx, customer, id).await?;
    keep_somebody_in_charge(&before, &after, in_charge)?;
    let shown = |user: &User| json!({"role": user.role, "disabled": user.disabled_at.is_some()});
    let details = json!({"email": before.email, "before": shown(&before), "after": shown(&after)});
    access
        .caller
        .record(&mut tx, customer, "member.change", ("user", id.0), details)
        .await?;
    tx.commit().await?;
    Ok(Answer(Member::new(after, access.caller.role)))
}

/// Ends a person's membership: they can't sign in any more. What they did stays in the audit log.
#[utoipa::path(delete, path = "/customers/{id}/members/{user}", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer"), ("user" = UserId, Path, description = "The person")),
    responses((status = 204, description = "They can't sign in any more")), security(("token" = [])))]
pub(crate) async fn remove(
    State(app): State<App>,
    access: CustomerAccess<ManageMembers>,
    SecondId(id): SecondId<UserId>,
) -> Result<StatusCode, ApiError> {
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    let in_charge = users::count_in_charge(&mut tx, Some(customer)).await?;
    let before = member(&mut tx, customer, id).await?;
    users::set_disabled(&mut tx, id, true).await?;
    let after = member(&mut tx, customer, id).await?;
    keep_somebody_in_charge(&before, &after, in_charge)?;
    let details = json!({"email": before.email, "role": before.role});
    access
        .caller
        .record(&mut tx, customer, "member.remove", ("user", id.0), details)
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lifts the delay that failed sign-ins brought to a person.
#[utoipa::path(post, path = "/customers/{id}/members/{user}/unlock", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer"), ("user" = UserId, Path, description = "The person")),
    responses((status = 204, description = "The next sign-in need not wait")), security(("token" = [])))]
pub(crate) async fn unlock(
    State(app): State<App>,
    access: CustomerAccess<ManageMembers>,
    SecondId(id): SecondId<UserId>,
) -> Result<StatusCode, ApiError> {
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    let user = member(&mut tx, customer, id).await?;
    let details = json!({"email": user.email});
    access
        .caller
        .record(&mut tx, customer, "user.unlock", ("user", id.0), details)
        .await?;
    tx.commit().await?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    sign_in_failures::forget(&mut tx, &account_subject(&user.email)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn member(conn: &mut PgConnection, customer: CustomerId, id: UserId) -> Result<User, ApiError> {
    users::find(conn, id)
        .await?
        .filter(|user| user.customer == Some(customer))
        .ok_or_else(|| ApiError::not_found("member"))
}

/// Whether somebody could still let others in afterwards.
fn keep_somebody_in_charge(before: &User, after: &User, in_charge: usize) -> Result<(), ApiError> {
    let is_in_charge = |user: &User| user.role == "owner" && user.disabled_at.is_none();
    if is_in_charge(before) && !is_in_charge(after) && in_charge <= 1 {
        return Err(ApiError::conflict(
            "last_owner",
            "this is the last owner who can sign in; make somebody else owner first",
        ));
    }
    Ok(())
}
