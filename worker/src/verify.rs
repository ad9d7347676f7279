//! Asking a site whether it answers.

use std::time::Duration;

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
                return Verdict::Answers(format!("{url} answers with {}", answer.status()));
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
