//! DigitalOcean's API v2: the sizes of Droplets. Balancers, databases and Spaces have no price API.

use anyhow::Context;
use domain::{price::Unit, specification::Secret};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Found, Page, Read, decimal};

pub(super) fn pages(token: Option<Secret>) -> anyhow::Result<Vec<Page>> {
    let token = token.context("DigitalOcean shows sizes only with a token (DIGITALOCEAN_TOKEN)")?;
    Ok(vec![Page {
        url: "https://api.digitalocean.com/v2/sizes?per_page=200".to_owned(),
        token: Some(token),
        parse,
    }])
}

#[derive(Deserialize)]
struct Size {
    slug: String,
    price_monthly: Box<RawValue>,
    regions: Vec<String>,
}

#[derive(Deserialize)]
struct Pages {
    next: Option<String>,
}

#[derive(Default, Deserialize)]
struct Links {
    pages: Option<Pages>,
}

#[derive(Deserialize)]
struct Sizes {
    sizes: Vec<Size>,
    #[serde(default)]
    links: Links,
}

fn parse(text: &str) -> anyhow::Result<Read> {
    let answer: Sizes = serde_json::from_str(text)?;
    let mut found = Vec::new();
    for size in answer.sizes {
        let amount = decimal(&size.price_monthly)?;
        found.extend(size.regions.into_iter().map(|region| Found {
            item: format!("instance/{}", size.slug),
            region,
            unit: Unit::Month,
            amount,
        }));
    }
    Ok((found, answer.links.pages.and_then(|pages| pages.next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_price_in_each_of_its_regions_and_pages_go_on() {
        // As GET /v2/sizes answers, cut down.
        let text = r#"{"sizes": [{"slug": "s-1vcpu-2gb", "memory": 2048, "vcpus": 1, "disk": 50, "transfer": 2.0,
            "price_monthly": 12.0, "price_hourly": 0.01786, "regions": ["fra1", "nyc1"], "available": true}],
            "links": {"pages": {"next": "https://api.digitalocean.com/v2/sizes?page=2"}}, "meta": {"total": 2}}"#;
        let (found, next) = parse(text).unwrap();
        assert_eq!(
            next.as_deref(),
            Some("https://api.digitalocean.com/v2/sizes?page=2")
        );
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[1].region.as_str(), found[1].amount.to_string()),
            ("nyc1", "12.0".to_owned())
        );
        assert!(
            pages(None)
                .err()
                .unwrap()
                .to_string()
                .contains("DIGITALOCEAN_TOKEN")
        );
    }
}
