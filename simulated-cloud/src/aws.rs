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
    extract: Some(include_bytes!("../schemas/aws.json.gz")),
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

#[cfg(test)]
mod tests {
    use super::FACTS;
    use crate::{schema::ProviderSchemas, template};

    #[test]
    fn every_recorded_resource_type_has_a_row_and_every_row_fits_its_schema() {
        let schemas = ProviderSchemas::from_gzip(FACTS.extract.unwrap()).unwrap();
        for (name, schema) in &schemas.resources {
            let row = FACTS
                .resource(name)
                .unwrap_or_else(|| panic!("add a row for {name}"));
            for (attribute, _) in row.computed {
                let known = schema.block.attributes.get(*attribute);
                assert!(
                    known.is_some_and(|a| a.computed),
                    "{name}.{attribute} is not computed"
                );
            }
            for attribute in FACTS.replacing(name) {
                let known = schema.block.attributes.contains_key(*attribute)
                    || schema.block.blocks.contains_key(*attribute);
                assert!(known, "{name} has no {attribute}");
            }
        }
        for row in FACTS.resources.iter().copied().flatten() {
            assert!(
                schemas.resources.contains_key(row.type_name),
                "{} is not recorded",
                row.type_name
            );
        }
    }

    #[test]
    fn every_recorded_data_source_has_a_row() {
        let schemas = ProviderSchemas::from_gzip(FACTS.extract.unwrap()).unwrap();
        for name in schemas
            .data_sources
            .keys()
            .filter(|name| *name != crate::policy_document::TYPE_NAME)
        {
            assert!(FACTS.data_source(name).is_some(), "add a row for {name}");
        }
    }

    #[test]
    fn every_row_of_replaces_is_a_known_type() {
        for (name, _) in FACTS.replaces {
            assert!(FACTS.resource(name).is_some(), "{name}");
        }
        assert_eq!(template::partition("eu-central-1"), "aws");
    }
}
