//! What is known about hashicorp/azurerm beyond its schema, from the provider's documentation and the Azure references.

use crate::facts::ProviderFacts;

/// hashicorp/azurerm.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "azurerm",
    namespace: "hashicorp",
    version: "5.2.0",
    suffix: "_x5",
    extract: None,
    region_environment: &[],
    default_region: "westeurope",
    secret_attributes: &["custom_data", "user_data"],
    resources: &[],
    replaces: &[],
    data_sources: &[],
};
