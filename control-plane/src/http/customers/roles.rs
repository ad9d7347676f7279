//! Roles that a customer makes out of permissions.

use axum::{Json as Answer, extract::State, http::StatusCode};
use db::roles::{self, CustomRole, RoleOf};
use domain::{
    access::{Permission, Permissions, Role},
    id::CustomerId,
    specification::FieldProblem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{CustomerAccess, ManageMembers, ReadMembers, SecondText},
    body::{self, FromBody, Json},
    error::ApiError,
};

/// A role of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleView {
    /// The word for it.
    name: String,
    /// Whether Siteplane has it by itself.
    built_in: bool,
    /// What it may do.
    permissions: Vec<Permission>,
}

/// The roles that a customer's people may have.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Roles {
    /// The built-in ones, then the customer's own by name.
    items: Vec<RoleView>,
}

/// A role to store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"permissions": ["sites:read", "plans:create"]}))]
pub(crate) struct PutRole {
    /// What it may do.
    permissions: Vec<Permission>,
}

impl FromBody for PutRole {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let put: Self = body::deserialize(&body).map_err(|problem| vec![problem])?;
        let of_platform = put
            .permissions
            .iter()
            .position(|permission| !permission.is_for_customers());
        match of_platform {
            None => Ok(put),
            Some(place) => Err(vec![FieldProblem::new(
                format!("permissions[{place}]"),
                put.permissions[place],
                "a permission that customers have",
            )]),
        }
    }
}

/// The roles that a customer's people may have.
#[utoipa::path(get, path = "/customers/{id}/roles", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer")),
    responses((status = 200, description = "The roles", body = Roles)), security(("token" = [])))]
pub(crate) async fn list(
    State(app): State<App>,
    access: CustomerAccess<ReadMembers>,
) -> Result<Answer<Roles>, ApiError> {
    let mut tx = access.begin(&app.pool).await?;
    let own = roles::list(&mut tx, access.customer.id).await?;
    tx.commit().await?;
    let built_in = Role::ALL
        .into_iter()
        .filter(|role| !role.is_platform())
        .map(|role| RoleView {
            name: role.as_str().to_owned(),
            built_in: true,
            permissions: role.permissions().iter().collect(),
        });
    let own = own.into_iter().map(|role| RoleView {
        permissions: permissions_of(&role).iter().collect(),
        name: role.name,
        built_in: false,
    });
    Ok(Answer(Roles {
        items: built_in.chain(own).collect(),
    }))
}

/// Makes a role, or changes one: for everybody who has it, at once.
#[utoipa::path(put, path = "/customers/{id}/roles/{role}", tag = "customers", request_body = PutRole,
    params(("id" = CustomerId, Path, description = "The customer"), ("role" = String, Path, description = "Its name")),
    responses((status = 200, description = "The role", body = RoleView)), security(("token" = [])))]
pub(crate) async fn put(
    State(app): State<App>,
    access: CustomerAccess<ManageMembers>,
    SecondText(name): SecondText,
    Json { value: put, .. }: Json<PutRole>,
) -> Result<Answer<RoleView>, ApiError> {
    let fits = (3..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'));
    if !fits || name == "custom" || Role::ALL.iter().any(|role| role.as_str() == name) {
        let found: String = name.chars().take(100).collect();
        return Err(ApiError::invalid(vec![FieldProblem::new(
            "role",
            found,
            "3 to 32 characters of a-z, 0-9, - and _, and no built-in role",
        )]));
    }
    let wanted: Permissions = put.permissions.iter().copied().collect();
    if !access.caller.role.covers(wanted) {
        return Err(ApiError::forbidden(
            "nobody gives more than they have: your own role lacks some of these permissions",
        ));
    }
    let keys: Vec<String> = wanted
        .iter()
        .map(|permission| permission.key().to_owned())
        .collect();
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    let before = roles::find(&mut tx, customer, &name).await?;
    let id = roles::put(&mut tx, customer, &name, &keys).await?;
    let details = json!({"name": name, "before": before.map(|role| role.permissions), "after": keys});
    access
        .caller
        .record(&mut tx, customer, "role.put", ("role", id.0), details)
        .await?;
    tx.commit().await?;
    Ok(Answer(RoleView {
        name,
        built_in: false,
        permissions: wanted.iter().collect(),
    }))
}

/// Removes a role that nobody has.
#[utoipa::path(delete, path = "/customers/{id}/roles/{role}", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer"), ("role" = String, Path, description = "Its name")),
    responses((status = 204, description = "Removed")), security(("token" = [])))]
pub(crate) async fn delete(
    State(app): State<App>,
    access: CustomerAccess<ManageMembers>,
    SecondText(name): SecondText,
) -> Result<StatusCode, ApiError> {
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    let role = roles::find(&mut tx, customer, &name)
        .await?
        .ok_or_else(|| ApiError::not_found("role"))?;
    roles::delete(&mut tx, customer, role.id).await?;
    let details = json!({"name": name, "before": role.permissions});
    access
        .caller
        .record(&mut tx, customer, "role.delete", ("role", role.id.0), details)
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a customer's own role may do; what this program does not know is not held.
fn permissions_of(role: &CustomRole) -> Permissions {
    role.permissions
        .iter()
        .filter_map(|key| key.parse().ok())
        .collect()
}

/// The role of a customer's people with this name, and what it may do.
///
/// # Errors
/// There is none.
pub(crate) async fn role_named(
    conn: &mut PgConnection,
    customer: CustomerId,
    name: &str,
) -> Result<(RoleOf, Permissions), ApiError> {
    let built_in: Vec<Role> = Role::ALL
        .into_iter()
        .filter(|role| !role.is_platform() && role.is_for_people())
        .collect();
    if let Some(role) = built_in.iter().find(|role| role.as_str() == name) {
        return Ok((RoleOf::BuiltIn(*role), role.permissions()));
    }
    let own = roles::list(conn, customer).await?;
    if let Some(role) = own.iter().find(|role| role.name == name) {
        return Ok((RoleOf::Custom(role.id), permissions_of(role)));
    }
    let known: Vec<&str> = built_in
        .iter()
        .map(|role| role.as_str())
        .chain(own.iter().map(|role| role.name.as_str()))
        .collect();
    let found: String = name.chars().take(100).collect();
    Err(ApiError::invalid(vec![FieldProblem::new(
        "role",
        found,
        known.join(", "),
    )]))
}
