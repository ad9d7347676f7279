//! What a site would cost, on every cloud.

use std::collections::BTreeMap;

use domain::{
    price::quote::{ChosenRegions, Quote},
    provider::Provider,
    specification::{FieldProblem, SiteSpecification},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    auth::{Caller, Read},
    body::{self, FromBody, Json},
};

/// A specification to price, and the regions to price it in.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "only the schema is made from it: the fields of a specification and one more"
)]
#[schema(example = json!({
    "name": "shop-1", "provider": "aws", "region": "eu-central-1", "size": "small",
    "application": {"image": "nginx:1.27", "port": 80}, "scaling": {"min": 1, "max": 2},
    "database": {"storage_gb": 20}, "regions": {"gcp": "europe-west3"},
}))]
pub(crate) struct QuoteBody {
    /// Everything about the site.
    #[serde(flatten)]
    specification: SiteSpecification,
    /// Regions on other clouds, by cloud; left out, it is the one nearest to the specification's own.
    regions: Option<BTreeMap<String, String>>,
}

/// What [`QuoteBody`] says.
#[derive(Debug)]
pub(crate) struct QuoteRequest {
    specification: SiteSpecification,
    regions: ChosenRegions,
}

impl FromBody for QuoteRequest {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let mut fields = body::object(body)?;
        let mut problems = Vec::new();
        let mut regions = ChosenRegions::new();
        match fields.remove("regions") {
            None | Some(Value::Null) => {}
            Some(Value::Object(chosen)) => {
                for (provider, region) in chosen {
                    match region_of(&provider, &region) {
                        Ok((provider, region)) => {
                            regions.insert(provider, region);
                        }
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            Some(other) => problems.push(FieldProblem::new(
                "regions",
                other,
                "an object of regions by cloud",
            )),
        }
        match body::deserialize::<SiteSpecification>(&Value::Object(fields)) {
            Err(problem) => problems.push(problem),
            Ok(specification) => {
                // What only one cloud can't do is part of its quote.
                problems.extend(specification.problems_everywhere());
                if problems.is_empty() {
                    return Ok(Self {
                        specification,
                        regions,
                    });
                }
            }
        }
        Err(problems)
    }
}

fn region_of(provider: &str, region: &Value) -> Result<(Provider, String), FieldProblem> {
    let field = format!("regions.{provider}");
    let provider: Provider = provider
        .parse()
        .map_err(|_| FieldProblem::new(&field, provider, Provider::ALL.map(Provider::as_str).join(", ")))?;
    let facts = provider.facts();
    match region.as_str() {
        Some(key) if facts.region(key).is_some() => Ok((provider, key.to_owned())),
        _ => {
            let known: Vec<&str> = facts.regions.iter().map(|region| region.key).collect();
            Err(FieldProblem::new(
                field,
                region.as_str().map_or_else(|| region.to_string(), str::to_owned),
                format!("a region of {}: {}", facts.name, known.join(", ")),
            ))
        }
    }
}

/// One specification on every cloud.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Quotes {
    /// A quote a cloud: cheapest first, then what could not be priced in full, then what the cloud can't do.
    items: Vec<Quote>,
}

/// Prices a specification on every cloud, line by line, at list prices. Nothing is stored.
#[utoipa::path(post, path = "/quotes", tag = "plans", request_body = QuoteBody,
    responses((status = 200, description = "What it costs", body = Quotes)), security(("token" = [])))]
pub(crate) async fn create(
    _caller: Caller<Read>,
    Json { value: request, .. }: Json<QuoteRequest>,
) -> axum::Json<Quotes> {
    axum::Json(Quotes {
        items: Quote::on_every_cloud(&request.specification, &request.regions),
    })
}
