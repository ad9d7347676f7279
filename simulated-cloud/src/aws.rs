//! What is known about hashicorp/aws beyond its schema, from the provider's documentation and the AWS references.

mod compute;
mod data_sources;
mod database;
mod identity;
mod network;
mod replaces;
mod storage;

use crate::facts::ProviderFacts;

/// hashicorp/aws.
pub(crate) const FACTS: ProviderFacts = ProviderFacts {
    name: "aws",
    namespace: "hashicorp",
    version: "5.100.0",
    suffix: "_x5",
    extract: include_bytes!("../schemas/aws.json.gz"),
    region_environment: &["AWS_REGION", "AWS_DEFAULT_REGION"],
    default_region: "us-east-1",
    secret_attributes: &["user_data", "user_data_base64"],
    resources: &[
        compute::ROWS,
        database::ROWS,
        identity::ROWS,
        network::ROWS,
        storage::ROWS,
    ],
    replaces: replaces::REPLACES,
    data_sources: data_sources::ROWS,
};
