//! What is known about digitalocean/digitalocean beyond its schema, from the provider's documentation and the
//! DigitalOcean references.

mod compute;
mod database;
mod network;
mod replaces;
mod storage;

use crate::facts::ProviderFacts;

/// digitalocean/digitalocean.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "digitalocean",
    namespace: "digitalocean",
    version: "2.99.1",
    suffix: "",
    extract: include_bytes!("../schemas/digitalocean.json.gz"),
    // The real provider has no region of its own; each resource names one.
    region_environment: &["DIGITALOCEAN_REGION"],
    default_region: "fra1",
    secret_attributes: &["user_data"],
    resources: &[compute::ROWS, database::ROWS, network::ROWS, storage::ROWS],
    replaces: replaces::REPLACES,
    data_sources: &[],
};
