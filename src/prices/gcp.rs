//! Google's Cloud Billing catalogue: processors and memory of E2 machines, of which the sizes are made.

use std::collections::BTreeMap;

use anyhow::Context;
use domain::{price::Unit, specification::Secret};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::{Found, Page, Read, is_in_dollars};

/// The service "Compute Engine".
const COMPUTE: &str = "6F81-5844-456A";

/// Machine types by processors that are paid for, and GiB. Source: Google's documentation, "E2 machine series", 2026-11.
const MACHINES: &[(&str, u32, u32)] = &[
    ("e2-medium", 1, 4),
    ("e2-standard-2", 2, 8),
    ("e2-standard-4", 4, 16),
    ("e2-standard-8", 8, 32),
];

pub(super) fn pages(key: Option<&Secret>) -> anyhow::Result<Vec<Page>> {
    let key = key.context("Google shows its catalogue only with an API key (GOOGLE_API_KEY)")?;
    // The API takes a key in the address only; it is shown in no message.
    Ok(vec![Page {
        url: format!(
            "https://cloudbilling.googleapis.com/v1/services/{COMPUTE}/skus?pageSize=5000&currencyCode=USD&key={}",
            key.expose()
        ),
        token: None,
        parse,
    }])
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Money {
    currency_code: String,
    #[serde(default)]
    units: String,
    #[serde(default)]
    nanos: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    unit_price: Money,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expression {
    tiered_rates: Vec<Rate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pricing {
    pricing_expression: Expression,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Category {
    usage_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sku {
    description: String,
    category: Category,
    #[serde(default)]
    service_regions: Vec<String>,
    #[serde(default)]
    pricing_info: Vec<Pricing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    skus: Vec<Sku>,
}

/// The catalogue of one page; E2's are few, and on one.
fn parse(text: &str) -> anyhow::Result<Read> {
    let answer: Answer = serde_json::from_str(text)?;
    let mut regions: BTreeMap<String, (Option<Decimal>, Option<Decimal>)> = BTreeMap::new();
    for sku in answer
        .skus
        .iter()
        .filter(|sku| sku.category.usage_type == "OnDemand")
    {
        let is_core = sku.description.starts_with("E2 Instance Core running");
        let is_memory = sku.description.starts_with("E2 Instance Ram running");
        let rate = sku
            .pricing_info
            .first()
            .and_then(|info| info.pricing_expression.tiered_rates.last());
        let (true, Some(rate)) = (is_core || is_memory, rate) else {
            continue;
        };
        let amount = amount(&rate.unit_price)?;
        for region in &sku.service_regions {
            let parts = regions.entry(region.clone()).or_default();
            if is_core {
                parts.0 = Some(amount);
            } else {
                parts.1 = Some(amount);
            }
        }
    }
    let mut found = Vec::new();
    for (region, parts) in regions {
        let (Some(core), Some(memory)) = parts else {
            continue;
        };
        for (machine, cores, gib) in MACHINES {
            found.push(Found {
                item: format!("instance/{machine}"),
                region: region.clone(),
                unit: Unit::Hour,
                amount: core * Decimal::from(*cores) + memory * Decimal::from(*gib),
            });
        }
    }
    Ok((found, None))
}

fn amount(money: &Money) -> anyhow::Result<Decimal> {
    is_in_dollars(&money.currency_code)?;
    let units: Decimal = match money.units.as_str() {
        "" => Decimal::ZERO,
        units => units.parse()?,
    };
    Ok(units + Decimal::new(money.nanos, 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_its_processors_and_its_memory() {
        // As the catalogue answers, cut down.
        let sku = |description: &str, usage: &str, nanos: i64| {
            format!(
                r#"{{"name": "services/6F81-5844-456A/skus/x", "description": "{description}",
                "category": {{"resourceFamily": "Compute", "resourceGroup": "CPU", "usageType": "{usage}"}},
                "serviceRegions": ["us-central1"], "pricingInfo": [{{"pricingExpression": {{"usageUnit": "h",
                "tieredRates": [{{"startUsageAmount": 0, "unitPrice": {{"currencyCode": "USD", "units": "0", "nanos": {nanos}}}}}]}}}}]}}"#
            )
        };
        let skus = [
            sku("E2 Instance Core running in Americas", "OnDemand", 21_811_590),
            sku("E2 Instance Ram running in Americas", "OnDemand", 2_923_530),
            sku(
                "Spot Preemptible E2 Instance Core running in Americas",
                "Preemptible",
                1,
            ),
        ];
        let text = format!(r#"{{"skus": [{}], "nextPageToken": ""}}"#, skus.join(","));
        let (found, _) = parse(&text).unwrap();
        let medium = found
            .iter()
            .find(|price| price.item == "instance/e2-medium")
            .unwrap();
        assert_eq!(medium.amount.to_string(), "0.033505710");
        assert_eq!(found.len(), 4);
        assert!(pages(None).err().unwrap().to_string().contains("GOOGLE_API_KEY"));
    }
}
