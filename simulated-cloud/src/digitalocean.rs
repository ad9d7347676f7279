//! What is known about digitalocean/digitalocean beyond its schema, from the provider's documentation and the DigitalOcean references.

use crate::facts::ProviderFacts;

/// digitalocean/digitalocean.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "digitalocean",
    namespace: "digitalocean",
    version: "2.99.1",
    suffix: "",
    extract: None,
    region_environment: &[],
    default_region: "fra1",
    secret_attributes: &["user_data"],
    resources: &[],
    replaces: &[],
    data_sources: &[],
};
