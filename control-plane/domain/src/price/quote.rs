//! One specification on every cloud, side by side.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{estimate::Estimate, resource::Resources};
use crate::{
    plan::Capabilities,
    provider::{Place, Provider},
    specification::{FieldProblem, SiteSpecification},
};

/// What a specification costs on one cloud.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Quote {
    /// The cloud.
    pub provider: Provider,
    /// The name of the cloud that people read.
    #[schema(value_type = String)]
    pub provider_name: &'static str,
    /// The region that was priced.
    pub region: String,
    /// The name of the region that people read.
    #[schema(value_type = Option<String>)]
    pub region_name: Option<&'static str>,
    /// How far the region is from the one asked for, in kilometres; 0 for that one itself.
    pub distance_km: Option<u32>,
    /// What a month costs, line by line; null where the cloud can't carry the specification out.
    pub estimate: Option<Estimate>,
    /// What the numbers assume, in sentences.
    pub assumptions: Vec<String>,
    /// What this cloud does otherwise than asked.
    pub capabilities: Capabilities,
    /// Why this cloud can't carry the specification out, field by field; empty where it can.
    pub problems: Vec<FieldProblem>,
}

/// Regions that were asked for by name, by cloud; all others are the nearest to the specification's own.
pub type ChosenRegions = BTreeMap<Provider, String>;

impl Quote {
    /// Prices a specification as it is, on its own cloud.
    pub fn of(specification: &SiteSpecification) -> Self {
        Self::with_problems(specification, specification.problems())
    }

    fn with_problems(specification: &SiteSpecification, problems: Vec<FieldProblem>) -> Self {
        let provider = specification.provider;
        let facts = provider.facts();
        let region = facts.region(&specification.region);
        let estimate = problems.is_empty().then(|| {
            let expected = (facts.expected_resources)(specification, facts.size(specification.size));
            Estimate::of(provider, &specification.region, &Resources(expected))
        });
        Self {
            provider,
            provider_name: facts.name,
            region: specification.region.clone(),
            region_name: region.map(|region| region.name),
            distance_km: None,
            assumptions: estimate
                .as_ref()
                .map(|estimate| assumptions(specification, estimate))
                .unwrap_or_default(),
            estimate,
            capabilities: (facts.capabilities)(specification),
            problems,
        }
    }

    /// Prices a specification on every cloud: in the regions chosen, else in the one nearest to the specification's
    /// own. Cheapest first, then what can't be priced in full, then what the cloud can't do.
    pub fn on_every_cloud(specification: &SiteSpecification, regions: &ChosenRegions) -> Vec<Self> {
        let facts = specification.provider.facts();
        let home = facts.region(&specification.region).map(|region| region.place);
        let mut quotes: Vec<Self> = Provider::ALL
            .into_iter()
            .map(|provider| {
                let region = region_on(provider, specification, home, regions);
                let there = SiteSpecification {
                    provider,
                    region,
                    ..specification.clone()
                };
                let mut problems = there.problems();
                let mut quote = if provider == specification.provider {
                    Self::with_problems(&there, problems)
                } else {
                    // A certificate is one cloud's own reference: each other cloud needs one of its own.
                    problems.retain(|problem| problem.field != "certificate");
                    let mut quote = Self::with_problems(&there, problems);
                    if there.certificate.is_some() {
                        quote
                            .assumptions
                            .push("A certificate in the form of this cloud is there.".to_owned());
                    }
                    quote
                };
                let place = provider.facts().region(&there.region).map(|region| region.place);
                quote.distance_km = home.zip(place).map(|(a, b)| kilometres(a, b));
                quote
            })
            .collect();
        quotes.sort_by_key(|quote| {
            let estimate = quote.estimate.as_ref();
            (
                estimate.is_none(),
                estimate.is_some_and(|estimate| !estimate.not_priced.is_empty()),
                estimate.map(|estimate| estimate.monthly.amount),
                quote.provider,
            )
        });
        quotes
    }
}

fn region_on(
    provider: Provider,
    specification: &SiteSpecification,
    home: Option<Place>,
    regions: &ChosenRegions,
) -> String {
    if let Some(chosen) = regions.get(&provider) {
        return chosen.clone();
    }
    match home {
        Some(home) if provider != specification.provider => {
            provider.facts().nearest_region(home).key.to_owned()
        }
        // An unknown region is a problem that the specification itself names.
        _ => specification.region.clone(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no distance on Earth is negative or beyond 20,000 km"
)]
fn kilometres(a: Place, b: Place) -> u32 {
    a.distance_km(b).round() as u32
}

fn assumptions(specification: &SiteSpecification, estimate: &Estimate) -> Vec<String> {
    let mut sentences = vec![
        "List prices in US dollars without tax, discounts and free tiers; a month has 730 hours.".to_owned(),
    ];
    let scaling = specification.scaling;
    if scaling.max > scaling.min {
        sentences.push(format!(
            "{} of at most {} instances run all month; each more is paid while it runs.",
            scaling.min, scaling.max
        ));
    }
    if !estimate.by_use.is_empty() {
        sentences.push("Traffic, requests and kept objects come on top, by use.".to_owned());
    }
    sentences
}
