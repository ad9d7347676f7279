//! What is known about linode/linode beyond its schema, from the provider's documentation and the Linode API's.

mod compute;
mod database;
mod network;
mod replaces;
mod storage;

use crate::facts::ProviderFacts;

/// linode/linode.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "linode",
    namespace: "linode",
    version: "3.13.0",
    suffix: "",
    extract: include_bytes!("../schemas/linode.json.gz"),
    // The real provider has no region of its own; each resource names one.
    region_environment: &["LINODE_REGION"],
    default_region: "us-ord",
    secret_attributes: &["user_data"],
    resources: &[compute::ROWS, database::ROWS, network::ROWS, storage::ROWS],
    replaces: replaces::REPLACES,
    data_sources: &[],
};
