//! Asking for a site.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::Response,
};
use db::{
    cloud_accounts::{self, CloudAccount},
    customers,
    deployments::{self, NewDeployment},
    idempotency::Answer,
    sites::{self, NewSite},
    specifications::{self, StoredSpecification},
    tenant::{self, Scope},
};
use domain::{
    deployment::DeploymentKind,
    id::{CustomerId, DeploymentId, SiteId},
    job::RunDeployment,
    provider::Provider,
    specification::{FieldProblem, SiteSecrets, SiteSpecification},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::{SiteAnswer, etag, secrets::seal_secrets, view};
use crate::{
    App,
    auth::{Caller, Change},
    body::{self, FromBody, Json},
    error::ApiError,
    http,
    idempotency::{MaybeKey, Turn},
    rate_limit,
};

/// Whether a plan waits for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Approval {
    /// It goes on by itself.
    #[default]
    Automatic,
    /// It waits until someone approves it.
    Required,
}

impl Approval {
    /// The word of a query parameter.
    pub(crate) fn of_word(text: &str) -> Option<Self> {
        match text {
            "automatic" => Some(Self::Automatic),
            "required" => Some(Self::Required),
            _ => None,
        }
    }
}

/// A site to make: its specification, and two fields beside it.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "only the schema is made from it: the fields of a specification and two more"
)]
#[schema(example = json!({
    "name": "shop-1", "provider": "aws", "region": "us-east-1", "size": "small",
    "application": {"image": "nginx:1.27", "port": 80, "env": {}, "secrets": {}, "health_path": "/"},
    "scaling": {"min": 1, "max": 2},
    "database": {"storage_gb": 20, "high_availability": false, "backup_days": 7},
    "storage": {"versioning": true}, "network_cidr": "10.20.0.0/16", "approval": "automatic",
}))]
pub(crate) struct CreateSiteBody {
    /// Everything about the site.
    #[serde(flatten)]
    specification: SiteSpecification,
    /// Whose it becomes. The platform's people must say; a customer may leave it out.
    customer_id: Option<CustomerId>,
    /// Whether the plan waits for a person.
    approval: Option<Approval>,
}

/// What [`CreateSiteBody`] says, read and found possible.
#[derive(Debug)]
pub(crate) struct CreateSite {
    pub(crate) specification: SiteSpecification,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) approval: Approval,
}

impl FromBody for CreateSite {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let mut fields = body::object(body)?;
        let mut problems = Vec::new();
        let customer = take(&mut fields, "customer_id", &mut problems);
        let approval: Option<Approval> = take(&mut fields, "approval", &mut problems);
        match body::deserialize::<SiteSpecification>(&Value::Object(fields)) {
            Err(problem) => problems.push(problem),
            Ok(specification) => {
                problems.extend(specification.problems());
                if problems.is_empty() {
                    return Ok(Self {
                        specification,
                        customer,
                        approval: approval.unwrap_or_default(),
                    });
                }
            }
        }
        Err(problems)
    }
}

fn take<T: serde::de::DeserializeOwned>(
    fields: &mut Map<String, Value>,
    name: &str,
    problems: &mut Vec<FieldProblem>,
) -> Option<T> {
    let value = fields.remove(name).filter(|value| !value.is_null())?;
    match body::deserialize(&value) {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(FieldProblem {
                field: name.to_owned(),
                ..problem
            });
            None
        }
    }
}

/// Asks for a site: stores it and queues the deployment that makes it.
#[utoipa::path(post, path = "/sites", tag = "sites", request_body = CreateSiteBody,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "The same request with the same key gets the same answer for 24 hours")),
    responses((status = 202, description = "A worker makes it", body = SiteAnswer,
        headers(("Location" = String, description = "The site"), ("ETag" = String, description = "For If-Match")))),
    security(("token" = [])))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<Change>,
    key: MaybeKey,
    Json { value: new, digest }: Json<CreateSite>,
) -> Result<Response, ApiError> {
    let customer = customer_of_new(&app, &caller, new.customer).await?;
    let mut tx = tenant::begin(&app.pool, Scope::Customer(customer)).await?;
    let first = match key
        .begin(&mut tx, customer, "POST /api/v1/sites", &digest)
        .await?
    {
        Turn::Replay(response) => return Ok(response),
        Turn::Go(first) => first,
    };
    rate_limit::admit_deployment(&app, &mut tx, customer).await?;
    if let Some(limit) = sites::limit_reached(&mut tx, customer).await? {
        return Err(ApiError::conflict(
            "too_many_sites",
            format!(
                "the customer has all of the {limit} sites that it may have; remove one, or ask for more"
            ),
        ));
    }
    let (site, account) = store_site(&app, &mut tx, customer, &new.specification, false).await?;
    let deployment = DeploymentId::new();
    let queued = NewDeployment {
        id: deployment,
        customer,
        site,
        specification: 1,
        account: account.id,
        kind: DeploymentKind::Create,
        approval_required: new.approval == Approval::Required,
        replaces: None,
        trace_id: caller.trace.as_str(),
    };
    deployments::insert(&mut tx, &queued).await?;
    let details = json!({"specification": new.specification, "deployment_id": deployment});
    caller
        .record(&mut tx, customer, "site.create", ("site", site.0), details)
        .await?;
    db::enqueue(
        &mut tx,
        &RunDeployment {
            deployment_id: deployment,
        },
    )
    .await?;

    let answer = SiteAnswer {
        site: view(&mut tx, site, caller.role).await?,
        deployment: Some(http::deployments::view(&mut tx, deployment, caller.role).await?),
    };
    let answer = Answer {
        status: StatusCode::ACCEPTED.as_u16(),
        location: Some(format!("/api/v1/sites/{site}")),
        body: serde_json::to_value(answer).map_err(ApiError::internal)?,
    };
    let mut response = first.answer(&mut tx, answer).await?;
    tx.commit().await?;
    response.headers_mut().insert(header::ETAG, etag(1));
    Ok(response)
}

/// Whose a new site becomes.
///
/// # Errors
/// The platform's people named nobody, or nobody that exists; a customer named another one.
pub(crate) async fn customer_of_new<P>(
    app: &App,
    caller: &Caller<P>,
    named: Option<CustomerId>,
) -> Result<CustomerId, ApiError> {
    let problem = |found: Option<CustomerId>, allowed: &str| {
        let found = found.map(|customer| customer.to_string());
        ApiError::invalid(vec![FieldProblem {
            field: "customer_id".to_owned(),
            found,
            allowed: allowed.to_owned(),
        }])
    };
    match (caller.customer(), named) {
        (Some(own), None) => Ok(own),
        (Some(own), Some(named)) if own == named => Ok(own),
        (Some(_), Some(named)) => Err(problem(Some(named), "your own customer's id; it may be left out")),
        (None, None) => Err(problem(None, "the id of the customer whose site it becomes")),
        (None, Some(named)) => {
            let mut tx = tenant::begin(&app.pool, caller.scope()).await?;
            let known = customers::find(&mut tx, named).await?;
            tx.commit().await?;
            known
                .map(|customer| customer.id)
                .ok_or_else(|| problem(Some(named), "the id of a customer that exists"))
        }
    }
}

/// Stores a site with its specification 1, sealed secrets and the account that it will stand in.
///
/// # Errors
/// There is no account for the cloud, a mask stands for no secret, or the name is taken.
pub(crate) async fn store_site(
    app: &App,
    conn: &mut PgConnection,
    customer: CustomerId,
    specification: &SiteSpecification,
    draft: bool,
) -> Result<(SiteId, CloudAccount), ApiError> {
    let account = choose_account(app, conn, specification.provider).await?;
    let mut secrets = SiteSecrets::of(specification, &SiteSecrets::default())
        .map_err(|problem| ApiError::invalid(vec![problem]))?;
    let site = SiteId::new();
    let new = NewSite {
        id: site,
        customer,
        account: account.id,
        name: specification.name.as_str(),
        provider: specification.provider,
        region: &specification.region,
        draft,
    };
    sites::insert(conn, &new).await?;
    let secrets_sealed = seal_secrets(app, customer, site, 1, &mut secrets)?;
    let stored = StoredSpecification {
        number: 1,
        specification: specification.clone(),
        secrets_sealed,
    };
    specifications::insert(conn, site, customer, &stored).await?;
    Ok((site, account))
}

/// The account that a new site stands in: the customer's own before the platform's, in a world that is allowed.
async fn choose_account(
    app: &App,
    conn: &mut PgConnection,
    provider: Provider,
) -> Result<CloudAccount, ApiError> {
    let mut accounts = cloud_accounts::list(conn).await?;
    accounts.retain(|account| app.settings.allowed_worlds.contains(&account.world));
    if let Some(place) = accounts.iter().position(|account| account.provider == provider) {
        return Ok(accounts.swap_remove(place));
    }
    let mut others: Vec<&str> = accounts.iter().map(|account| account.provider.as_str()).collect();
    others.sort_unstable();
    others.dedup();
    let allowed = if others.is_empty() {
        "a cloud that the customer has an account at; there is no account yet".to_owned()
    } else {
        format!(
            "a cloud that the customer has an account at: {}",
            others.join(", ")
        )
    };
    Err(ApiError::invalid(vec![FieldProblem::new(
        "provider", provider, allowed,
    )]))
}
