//! What is known about hashicorp/google beyond its schema, from the provider's documentation and the Google Cloud references.

mod balancer;
mod compute;
mod database;
mod network;
mod replaces;
mod storage;

use crate::facts::ProviderFacts;

/// The project of everything, since no resource here says another.
const PROJECT: (&str, &str) = ("project", "simulated-{account}");

/// When it was made.
const CREATED: (&str, &str) = ("creation_timestamp", "{now}");

/// What a destroy does where nothing else was asked.
const POLICY: (&str, &str) = ("deletion_policy", "DELETE");

/// hashicorp/google.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "google",
    namespace: "hashicorp",
    version: "7.45.0",
    suffix: "_x5",
    extract: include_bytes!("../schemas/google.json.gz"),
    region_environment: &["GOOGLE_REGION"],
    default_region: "europe-west3",
    secret_attributes: &[
        "metadata.user-data",
        "metadata.startup-script",
        "metadata_startup_script",
    ],
    resources: &[
        balancer::ROWS,
        compute::ROWS,
        database::ROWS,
        network::ROWS,
        storage::ROWS,
    ],
    replaces: replaces::REPLACES,
    data_sources: &[],
};
