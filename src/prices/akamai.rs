//! Linode's API v4: types of machines, balancers and databases. Only databases ask for a token.

use domain::{price::Unit, specification::Secret};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Found, Page, Read, decimal};

const API: &str = "https://api.linode.com/v4";

pub(super) fn pages(token: Option<Secret>) -> Vec<Page> {
    let mut pages = vec![
        Page {
            url: format!("{API}/linode/types?page_size=500"),
            token: None,
            parse: |text| machines(text, "instance/"),
        },
        Page {
            url: format!("{API}/nodebalancers/types"),
            token: None,
            parse: balancers,
        },
    ];
    if token.is_some() {
        pages.push(Page {
            url: format!("{API}/databases/types?page_size=500"),
            token,
            parse: databases,
        });
    }
    pages
}

#[derive(Deserialize)]
struct Price {
    monthly: Box<RawValue>,
}

#[derive(Deserialize)]
struct RegionPrice {
    id: String,
    monthly: Box<RawValue>,
}

#[derive(Deserialize)]
struct Kind {
    id: String,
    price: Price,
    #[serde(default)]
    region_prices: Vec<RegionPrice>,
}

#[derive(Deserialize)]
struct Kinds {
    data: Vec<Kind>,
}

fn machines(text: &str, prefix: &str) -> anyhow::Result<Read> {
    let kinds: Kinds = serde_json::from_str(text)?;
    let mut found = Vec::new();
    for kind in kinds.data {
        prices_of(&mut found, &format!("{prefix}{}", kind.id), &kind)?;
    }
    Ok((found, None))
}

fn balancers(text: &str) -> anyhow::Result<Read> {
    let kinds: Kinds = serde_json::from_str(text)?;
    let mut found = Vec::new();
    for kind in kinds.data.iter().filter(|kind| kind.id == "nodebalancer") {
        prices_of(&mut found, "load_balancer", kind)?;
    }
    Ok((found, None))
}

fn prices_of(found: &mut Vec<Found>, item: &str, kind: &Kind) -> anyhow::Result<()> {
    let mut push = |region: &str, amount: &RawValue| -> anyhow::Result<()> {
        found.push(Found {
            item: item.to_owned(),
            region: region.to_owned(),
            unit: Unit::Month,
            amount: decimal(amount)?,
        });
        Ok(())
    };
    push("*", &kind.price.monthly)?;
    for region in &kind.region_prices {
        push(&region.id, &region.monthly)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Cluster {
    quantity: u8,
    price: Price,
}

#[derive(Deserialize)]
struct Engines {
    #[serde(default)]
    postgresql: Vec<Cluster>,
}

#[derive(Deserialize)]
struct DatabaseKind {
    id: String,
    engines: Engines,
}

#[derive(Deserialize)]
struct DatabaseKinds {
    data: Vec<DatabaseKind>,
}

fn databases(text: &str) -> anyhow::Result<Read> {
    let kinds: DatabaseKinds = serde_json::from_str(text)?;
    let mut found = Vec::new();
    for kind in kinds.data {
        for cluster in kind.engines.postgresql {
            let suffix = match cluster.quantity {
                1 => "",
                3 => "/ha",
                _ => continue,
            };
            found.push(Found {
                item: format!("database/{}{suffix}", kind.id),
                region: "*".to_owned(),
                unit: Unit::Month,
                amount: decimal(&cluster.price.monthly)?,
            });
        }
    }
    Ok((found, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: anyhow::Result<Read>) -> Vec<String> {
        let found = answer.unwrap().0;
        found
            .iter()
            .map(|price| format!("{} {} {}", price.item, price.region, price.amount))
            .collect()
    }

    #[test]
    fn machines_balancers_and_databases_are_read() {
        // As GET /v4/linode/types answers, cut down.
        let types = r#"{"data": [{"id": "g6-standard-1", "label": "Linode 2GB", "disk": 51200,
            "price": {"hourly": 0.018, "monthly": 12.0},
            "region_prices": [{"id": "br-gru", "hourly": 0.025, "monthly": 16.8}]}], "page": 1, "pages": 1, "results": 1}"#;
        assert_eq!(
            told(machines(types, "instance/")),
            [
                "instance/g6-standard-1 * 12.0",
                "instance/g6-standard-1 br-gru 16.8"
            ]
        );
        let balancer = r#"{"data": [{"id": "nodebalancer", "price": {"hourly": 0.015, "monthly": 10.0}, "region_prices": []}]}"#;
        assert_eq!(told(balancers(balancer)), ["load_balancer * 10.0"]);
        let database = r#"{"data": [{"id": "g6-standard-1", "engines": {
            "mysql": [{"quantity": 1, "price": {"hourly": 0.05, "monthly": 33.0}}],
            "postgresql": [{"quantity": 1, "price": {"hourly": 0.048, "monthly": 32.0}},
                {"quantity": 2, "price": {"hourly": 0.09, "monthly": 60.0}},
                {"quantity": 3, "price": {"hourly": 0.111, "monthly": 74.0}}]}}]}"#;
        assert_eq!(
            told(databases(database)),
            [
                "database/g6-standard-1 * 32.0",
                "database/g6-standard-1/ha * 74.0"
            ]
        );
    }
}
