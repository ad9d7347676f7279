//! What is known about linode/linode beyond its schema, from the provider's documentation and the Linode references.

use crate::facts::ProviderFacts;

/// linode/linode.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "linode",
    namespace: "linode",
    version: "3.13.0",
    suffix: "",
    extract: None,
    region_environment: &[],
    default_region: "eu-central",
    secret_attributes: &["user_data", "stackscript_data"],
    resources: &[],
    replaces: &[],
    data_sources: &[],
};
