//! AWS's bulk price lists, one file a service and region: machines and databases of the sizes.

use std::collections::HashMap;

use domain::price::Unit;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::{Found, Page, Read};

const API: &str = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws";

pub(super) fn pages(regions: &[&str]) -> Vec<Page> {
    let services = ["AmazonEC2", "AmazonRDS"];
    regions
        .iter()
        .flat_map(|region| {
            services.map(|service| Page {
                url: format!("{API}/{service}/current/{region}/index.json"),
                token: None,
                parse,
            })
        })
        .collect()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attributes {
    region_code: String,
    instance_type: String,
    operating_system: String,
    tenancy: String,
    pre_installed_sw: String,
    capacitystatus: String,
    database_engine: String,
    deployment_option: String,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    unit: String,
    price_per_unit: HashMap<String, Decimal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    price_dimensions: HashMap<String, Dimension>,
}

#[derive(Deserialize)]
struct Terms {
    #[serde(rename = "OnDemand", default)]
    on_demand: HashMap<String, HashMap<String, Offer>>,
}

#[derive(Deserialize)]
struct List {
    products: HashMap<String, Product>,
    terms: Terms,
}

fn parse(text: &str) -> anyhow::Result<Read> {
    let list: List = serde_json::from_str(text)?;
    let mut found = Vec::new();
    for (sku, product) in &list.products {
        let Some(item) = item_of(&product.attributes) else {
            continue;
        };
        let offers = list
            .terms
            .on_demand
            .get(sku)
            .into_iter()
            .flat_map(HashMap::values);
        let dimensions = offers.flat_map(|offer| offer.price_dimensions.values());
        for dimension in dimensions.filter(|dimension| dimension.unit == "Hrs") {
            let Some(amount) = dimension.price_per_unit.get("USD") else {
                anyhow::bail!("{item} has no price in USD");
            };
            // Machines that were paid for beforehand are in the list at nothing.
            if !amount.is_zero() {
                found.push(Found {
                    item: item.clone(),
                    region: product.attributes.region_code.clone(),
                    unit: Unit::Hour,
                    amount: *amount,
                });
            }
        }
    }
    found.sort_by(|a, b| (&a.item, &a.region).cmp(&(&b.item, &b.region)));
    Ok((found, None))
}

fn item_of(attributes: &Attributes) -> Option<String> {
    if attributes.database_engine == "PostgreSQL" {
        let suffix = match attributes.deployment_option.as_str() {
            "Single-AZ" => "",
            "Multi-AZ" => "/ha",
            _ => return None,
        };
        return Some(format!("database/{}{suffix}", attributes.instance_type));
    }
    let is_plain = attributes.operating_system == "Linux"
        && attributes.tenancy == "Shared"
        && attributes.pre_installed_sw == "NA"
        && attributes.capacitystatus == "Used";
    is_plain.then(|| format!("instance/{}", attributes.instance_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_machines_and_databases_on_demand_count() {
        // As the bulk lists are, cut down.
        let text = r#"{"formatVersion": "v1.0", "offerCode": "AmazonEC2", "products": {
            "A": {"sku": "A", "productFamily": "Compute Instance", "attributes": {"regionCode": "us-east-1", "instanceType": "t3.small",
                "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}},
            "B": {"sku": "B", "attributes": {"regionCode": "us-east-1", "instanceType": "t3.small",
                "operatingSystem": "Windows", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}},
            "C": {"sku": "C", "attributes": {"regionCode": "us-east-1", "instanceType": "db.t4g.small",
                "databaseEngine": "PostgreSQL", "deploymentOption": "Multi-AZ"}}},
            "terms": {"OnDemand": {
                "A": {"A.J": {"priceDimensions": {"A.J.6": {"unit": "Hrs", "pricePerUnit": {"USD": "0.0208000000"}}}}},
                "B": {"B.J": {"priceDimensions": {"B.J.6": {"unit": "Hrs", "pricePerUnit": {"USD": "0.0392000000"}}}}},
                "C": {"C.J": {"priceDimensions": {"C.J.6": {"unit": "Hrs", "pricePerUnit": {"USD": "0.0650000000"}}}}}}}}"#;
        let told: Vec<String> = parse(text)
            .unwrap()
            .0
            .iter()
            .map(|price| format!("{} {} {}", price.item, price.region, price.amount.normalize()))
            .collect();
        assert_eq!(
            told,
            [
                "database/db.t4g.small/ha us-east-1 0.065",
                "instance/t3.small us-east-1 0.0208"
            ]
        );
        assert!(
            parse(&text.replace("USD", "CNY"))
                .unwrap_err()
                .to_string()
                .contains("no price in USD")
        );
    }
}
