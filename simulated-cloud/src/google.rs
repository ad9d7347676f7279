//! What is known about hashicorp/google beyond its schema, from the provider's documentation and the Google Cloud references.

use crate::facts::ProviderFacts;

/// hashicorp/google.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "google",
    namespace: "hashicorp",
    version: "7.45.0",
    suffix: "_x5",
    extract: None,
    region_environment: &["GOOGLE_REGION"],
    default_region: "europe-west3",
    secret_attributes: &["metadata", "metadata_startup_script"],
    resources: &[],
    replaces: &[],
    data_sources: &[],
};
