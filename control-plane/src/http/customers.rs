//! Customers: making, reading and changing them. Suspending or deactivating one destroys nothing.

pub(crate) mod invitations;
pub(crate) mod members;
pub(crate) mod roles;
pub(crate) mod tokens;

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use db::{
    customers::{self, Customer, StoredCustomer},
    tenant::{self, Scope},
};
use domain::{id::CustomerId, specification::FieldProblem};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Caller, CustomerAccess, ManageCustomers, ReadCustomer},
    body::{self, FromBody, Json},
    error::ApiError,
    http::{if_match::IfMatch, sites::etag},
    pagination::{List, Parameters},
};

/// What a customer bought: it decides limits and the share of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tier {
    /// What everybody has.
    Standard,
    /// More requests and deployments.
    Premium,
    /// Most.
    Enterprise,
}

/// Whether a customer may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CustomerStatus {
    /// It may.
    Active,
    /// Its people may read and change nothing; its sites stand.
    Suspended,
    /// Nobody of it may sign in; its sites stand until an admin removes them.
    Deactivated,
}

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomerView {
    /// Its id.
    id: CustomerId,
    /// The name that people read.
    name: String,
    /// A DNS label, unique; never changes.
    slug: String,
    /// `standard`, `premium` or `enterprise`.
    tier: String,
    /// `active`, `suspended` or `deactivated`.
    status: String,
    /// Why it is not active, in words for its people.
    status_reason: Option<String>,
    /// Most sites that are not deleted; null is no limit.
    max_sites: Option<i32>,
    /// Most deployments at once.
    max_concurrent: i32,
    /// Share of the queue, compared with others.
    weight: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl CustomerView {
    fn new(stored: StoredCustomer) -> Self {
        Self {
            id: stored.customer.id,
            name: stored.customer.name,
            slug: stored.customer.slug,
            tier: stored.tier,
            status: stored.status,
            status_reason: stored.status_reason,
            max_sites: stored.max_sites,
            max_concurrent: stored.max_concurrent,
            weight: stored.weight,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// A customer to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Acme", "slug": "acme", "tier": "standard"}))]
pub(crate) struct CreateCustomer {
    /// The name that people read.
    name: String,
    /// 3 to 32 characters of a-z, 0-9 and -, beginning with a letter.
    slug: String,
    /// What it bought.
    tier: Option<Tier>,
}

/// What may change of a customer; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeCustomer {
    /// The name that people read.
    name: Option<String>,
    /// What it bought.
    tier: Option<Tier>,
    /// Whether it may act.
    status: Option<CustomerStatus>,
    /// Why it is not active, in words for its people.
    status_reason: Option<String>,
    /// Most sites that are not deleted: 0 and more. Null removes the limit.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<i32>, minimum = 0, maximum = 1_000_000)]
    max_sites: Option<Option<i32>>,
    /// Most deployments at once: 1 to 1000.
    #[schema(minimum = 1, maximum = 1000)]
    max_concurrent: Option<i32>,
    /// Share of the queue: 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    weight: Option<i32>,
}

/// A field that is named, null included; `serde(default)` makes `None` of one that is not.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl FromBody for CreateCustomer {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let new: Self = body::deserialize(&body).map_err(|problem| vec![problem])?;
        let problems: Vec<FieldProblem> = [name_problem(&new.name), slug_problem(&new.slug)]
            .into_iter()
            .flatten()
            .collect();
        if problems.is_empty() {
            Ok(new)
        } else {
            Err(problems)
        }
    }
}

impl FromBody for ChangeCustomer {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let change: Self = body::deserialize(&body).map_err(|problem| vec![problem])?;
        let mut problems: Vec<FieldProblem> = change
            .name
            .as_deref()
            .and_then(name_problem)
            .into_iter()
            .collect();
        let mut within = |field: &str, value: Option<i32>, range: std::ops::RangeInclusive<i32>| {
            if let Some(value) = value
                && !range.contains(&value)
            {
                problems.push(FieldProblem::new(
                    field,
                    value,
                    format!("{} to {}", range.start(), range.end()),
                ));
            }
        };
        within("max_sites", change.max_sites.flatten(), 0..=1_000_000);
        within("max_concurrent", change.max_concurrent, 1..=1000);
        within("weight", change.weight, 1..=100);
        if problems.is_empty() {
            Ok(change)
        } else {
            Err(problems)
        }
    }
}

fn name_problem(name: &str) -> Option<FieldProblem> {
    let fits = (1..=100).contains(&name.trim().chars().count()) && !name.chars().any(char::is_control);
    let found: String = name.chars().take(100).collect();
    (!fits).then(|| FieldProblem::new("name", found, "1 to 100 characters on one line"))
}

fn slug_problem(slug: &str) -> Option<FieldProblem> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (3..=32).contains(&slug.len())
        && slug.starts_with(|c: char| c.is_ascii_lowercase())
        && !slug.ends_with('-')
        && slug.bytes().all(inner);
    let found: String = slug.chars().take(100).collect();
    (!fits).then(|| {
        let allowed = "3 to 32 characters of a-z, 0-9 and -, beginning with a letter and not ending with -";
        FieldProblem::new("slug", found, allowed)
    })
}

fn word<T: Serialize>(value: T) -> Result<String, ApiError> {
    match serde_json::to_value(value).map_err(ApiError::internal)? {
        Value::String(word) => Ok(word),
        other => Ok(other.to_string()),
    }
}

/// The customers that the caller may see, newest first.
#[utoipa::path(get, path = "/customers", tag = "customers",
    params(("limit" = Option<i64>, Query, description = "1 to 200, by itself 50", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<CustomerView>)), security(("token" = [])))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<ReadCustomer>,
    mut parameters: Parameters,
) -> Result<Answer<List<CustomerView>>, ApiError> {
    let page = parameters.page();
    parameters.finish()?;
    let mut tx = tenant::begin(&app.pool, caller.scope()).await?;
    let mut rows = customers::list(&mut tx, page.before, page.fetch()).await?;
    tx.commit().await?;
    let next_cursor = page.cut(&mut rows, |row| row.customer.id.0);
    Ok(Answer(List {
        items: rows.into_iter().map(CustomerView::new).collect(),
        next_cursor,
    }))
}

/// Makes a customer. Its first owner comes by an invitation.
#[utoipa::path(post, path = "/customers", tag = "customers", request_body = CreateCustomer,
    responses((status = 201, description = "The customer", body = CustomerView)), security(("token" = [])))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<ManageCustomers>,
    Json { value: new, .. }: Json<CreateCustomer>,
) -> Result<Response, ApiError> {
    let id = CustomerId::new();
    let customer = Customer {
        id,
        name: new.name.trim().to_owned(),
        slug: new.slug,
    };
    let mut tx = tenant::begin(&app.pool, Scope::Platform).await?;
    customers::insert(&mut tx, &customer, 3).await?;
    let mut stored = customers::read(&mut tx, id)
        .await?
        .ok_or_else(|| ApiError::not_found("customer"))?;
    if let Some(tier) = new.tier {
        stored.tier = word(tier)?;
        customers::update(&mut tx, &stored).await?;
        stored.version += 1;
    }
    let details = json!({"slug": customer.slug, "tier": stored.tier});
    caller
        .record(&mut tx, id, "customer.create", ("customer", id.0), details)
        .await?;
    tx.commit().await?;
    Ok(respond(
        StatusCode::CREATED,
        stored,
        Some(format!("/api/v1/customers/{id}")),
    ))
}

/// A customer.
#[utoipa::path(get, path = "/customers/{id}", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer")),
    responses((status = 200, description = "The customer", body = CustomerView,
        headers(("ETag" = String, description = "For If-Match")))), security(("token" = [])))]
pub(crate) async fn read(
    State(app): State<App>,
    access: CustomerAccess<ReadCustomer>,
) -> Result<Response, ApiError> {
    let mut tx = tenant::begin(&app.pool, access.caller.scope()).await?;
    let stored = customers::read(&mut tx, access.customer.id)
        .await?
        .ok_or_else(|| ApiError::not_found("customer"))?;
    tx.commit().await?;
    Ok(respond(StatusCode::OK, stored, None))
}

/// Changes a customer: name, tier, limits, whether it may act. Its sites stay as they are.
#[utoipa::path(patch, path = "/customers/{id}", tag = "customers", request_body = ChangeCustomer,
    params(("id" = CustomerId, Path, description = "The customer"),
        ("If-Match" = String, Header, description = "The ETag that the change is meant for")),
    responses((status = 200, description = "The customer", body = CustomerView,
        headers(("ETag" = String, description = "For If-Match")))), security(("token" = [])))]
pub(crate) async fn change(
    State(app): State<App>,
    access: CustomerAccess<ManageCustomers>,
    if_match: IfMatch,
    Json { value: change, .. }: Json<ChangeCustomer>,
) -> Result<Response, ApiError> {
    if_match.require()?;
    let mut tx = tenant::begin(&app.pool, Scope::Platform).await?;
    let before = customers::read_for_update(&mut tx, access.customer.id)
        .await?
        .ok_or_else(|| ApiError::not_found("customer"))?;
    if_match.check(
        before.version,
        "customer_changed",
        "The customer was changed meanwhile",
    )?;
    let mut after = before.clone();
    if let Some(name) = change.name {
        name.trim().clone_into(&mut after.customer.name);
    }
    if let Some(tier) = change.tier {
        after.tier = word(tier)?;
    }
    if let Some(status) = change.status {
        after.status = word(status)?;
        after.status_reason = None;
    }
    if let Some(reason) = change.status_reason {
        after.status_reason = (after.status != "active").then(|| reason.chars().take(500).collect());
    }
    after.max_sites = change.max_sites.unwrap_or(after.max_sites);
    after.max_concurrent = change.max_concurrent.unwrap_or(after.max_concurrent);
    after.weight = change.weight.unwrap_or(after.weight);
    customers::update(&mut tx, &after).await?;
    let id = before.customer.id;
    let details = json!({"before": summary(&before), "after": summary(&after)});
    access
        .caller
        .record(&mut tx, id, "customer.change", ("customer", id.0), details)
        .await?;
    let stored = customers::read(&mut tx, id)
        .await?
        .ok_or_else(|| ApiError::not_found("customer"))?;
    tx.commit().await?;
    Ok(respond(StatusCode::OK, stored, None))
}

fn summary(stored: &StoredCustomer) -> Value {
    json!({
        "name": stored.customer.name, "tier": stored.tier, "status": stored.status,
        "status_reason": stored.status_reason, "max_sites": stored.max_sites,
        "max_concurrent": stored.max_concurrent, "weight": stored.weight,
    })
}

fn respond(status: StatusCode, stored: StoredCustomer, location: Option<String>) -> Response {
    let etag = etag(stored.version);
    let mut response = (status, Answer(CustomerView::new(stored))).into_response();
    response.headers_mut().insert(header::ETAG, etag);
    if let Some(location) = location.and_then(|location| location.parse().ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
