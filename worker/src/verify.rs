//! Asking a site whether it answers.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use domain::{provider::World, specification::SiteSpecification};
use serde_json::Value;
use tokio::time::Instant;

/// How long a new site may take to answer: instances install the container first.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// What asking told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answers.
    Answers(String),
    /// It is not asked, and why.
    NotAsked(String),
    /// It does not answer.
    Silent(String),
}

/// Asks the site's health path until it answers.
pub async fn verify(world: World, specification: &SiteSpecification, outputs: &Value) -> Verdict {
    match world {
        World::Simulated => {
            return Verdict::NotAsked("the cloud is simulated: nothing runs there".to_owned());
        }
        World::Emulator => {
            return Verdict::NotAsked("the cloud is an emulator: nothing runs there".to_owned());
        }
        World::Real => {}
    }
    // By the balancer's own name: the domain's records may not be set yet.
    let scheme = if specification.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let host = outputs["hostname"].as_str().or(outputs["ip_address"].as_str());
    let Some(host) = host else {
        return Verdict::NotAsked("the site has neither name nor address".to_owned());
    };
    let url = format!("{scheme}://{host}{}", specification.application.health_path);
    // A certificate names the domain, not the balancer.
    let client = reqwest::Client::builder()
        .timeout(ASK_EVERY)
        .redirect(reqwest::redirect::Policy::none())
        .danger_accept_invalid_certs(specification.domain.is_some())
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return Verdict::NotAsked(format!("no HTTP client could be made: {error}")),
    };
    let until = Instant::now() + ANSWERS_WITHIN;
    loop {
        let told = match client.get(&url).send().await {
            Ok(answer) if answer.status().is_success() || answer.status().is_redirection() => {
                let mut told = format!("{url} answers with {}", answer.status());
                if let Some(domain) = &specification.domain {
                    told.push_str("; ");
                    told.push_str(&records(domain, outputs).await);
                }
                return Verdict::Answers(told);
            }
            Ok(answer) => format!("{url} answers with {}", answer.status()),
            Err(error) => format!("{url} does not answer: {}", error.without_url()),
        };
        if Instant::now() + ASK_EVERY >= until {
            return Verdict::Silent(told);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Whether a domain leads to the site, and if not which records to set. A name that leads nowhere is no failure: only its
/// owner can set it.
async fn records(domain: &str, outputs: &Value) -> String {
    let wanted: Vec<String> = outputs["dns_records"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|record| {
            let text = |name: &str| record[name].as_str();
            Some(format!("{} {} {}", text("name")?, text("type")?, text("value")?))
        })
        .collect();
    let balancer = outputs["ip_address"].as_str().or(outputs["hostname"].as_str());
    let there = addresses(domain).await;
    let expected = addresses(balancer.unwrap_or_default()).await;
    if !there.is_disjoint(&expected) {
        return format!("{domain} leads there");
    }
    let state = if there.is_empty() {
        "leads nowhere yet"
    } else {
        "leads elsewhere"
    };
    format!("{domain} {state}: set {}", wanted.join(", "))
}

/// The addresses of a name; an address is its own. None where nobody knows the name.
async fn addresses(host: &str) -> BTreeSet<IpAddr> {
    match tokio::net::lookup_host((host, 443)).await {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(_) => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_domain_that_leads_elsewhere_or_nowhere_is_told_which_record_to_set() {
        let outputs = |address: &str, name: &str| {
            json!({
                "ip_address": address,
                "dns_records": [{"name": name, "type": "A", "value": address}],
            })
        };
        assert_eq!(
            records("localhost", &outputs("127.0.0.1", "localhost")).await,
            "localhost leads there"
        );
        assert_eq!(
            records("localhost", &outputs("198.51.100.7", "localhost")).await,
            "localhost leads elsewhere: set localhost A 198.51.100.7"
        );
        assert_eq!(
            records("shop.invalid", &outputs("198.51.100.7", "shop.invalid")).await,
            "shop.invalid leads nowhere yet: set shop.invalid A 198.51.100.7"
        );
    }
}
