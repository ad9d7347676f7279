//! What is known about hashicorp/azurerm beyond its schema, from the provider's documentation and the Azure references.

mod compute;
mod database;
mod group;
mod network;
mod replaces;
mod storage;

use crate::facts::ProviderFacts;

/// hashicorp/azurerm.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "azurerm",
    namespace: "hashicorp",
    version: "5.2.0",
    suffix: "_x5",
    extract: include_bytes!("../schemas/azurerm.json.gz"),
    // The real provider has no region of its own; each resource names one.
    region_environment: &["ARM_REGION"],
    default_region: "westeurope",
    secret_attributes: &["custom_data", "user_data", "user_data_base64", "admin_password"],
    resources: &[
        compute::ROWS,
        database::ROWS,
        group::ROWS,
        network::ROWS,
        storage::ROWS,
    ],
    replaces: replaces::REPLACES,
    data_sources: &[],
};
