//! The form of what is known about a provider and its types beyond their schemas: rows of data, no code.
//!
//! The rows themselves are in a module a provider ([`crate::aws`]); [`PROVIDERS`] lists the five. A type without a row
//! still works, with values made from the names of its attributes.

use crate::{aws, azurerm, digitalocean, google, linode};

/// One provider that this program can answer for.
#[derive(Debug)]
pub(crate) struct ProviderFacts {
    /// The last part of its address, also the prefix of its types.
    pub(crate) name: &'static str,
    /// The middle part of its address.
    pub(crate) namespace: &'static str,
    /// The version that the extract was recorded from.
    pub(crate) version: &'static str,
    /// What follows the version in the name of its real program.
    pub(crate) suffix: &'static str,
    /// The gzipped schema extract.
    pub(crate) extract: &'static [u8],
    /// Environment variables that name the region, best first.
    pub(crate) region_environment: &'static [&'static str],
    /// The region where neither the configuration nor the environment names one.
    pub(crate) default_region: &'static str,
    /// Names of attributes that carry secrets though their schema doesn't say so.
    pub(crate) secret_attributes: &'static [&'static str],
    /// What is known about resource types, in groups.
    pub(crate) resources: &'static [&'static [ResourceFacts]],
    /// Which attributes of which type make a new resource when they change.
    pub(crate) replaces: &'static [(&'static str, &'static [&'static str])],
    /// What is known about data sources.
    pub(crate) data_sources: &'static [DataSourceFacts],
}

/// What is known about one resource type. Texts are templates, see [`crate::template`].
#[derive(Debug)]
pub(crate) struct ResourceFacts {
    /// The type.
    pub(crate) type_name: &'static str,
    /// Computed attributes, made in this order, each only where the plan left it open.
    pub(crate) computed: &'static [(&'static str, &'static str)],
    /// What tells this resource from all others of its type in the whole cloud.
    pub(crate) key: &'static str,
    /// The id forms that the real provider imports, beside the id itself.
    pub(crate) import: &'static [&'static str],
    /// The name that no two resources may have at once.
    pub(crate) unique: Option<UniqueName>,
    /// The real provider waits long for it, and its wait ends when Terraform asks to stop.
    pub(crate) slow: bool,
    /// What the cloud decides anew at an update.
    pub(crate) recomputed: &'static [(&'static str, Recomputed)],
}

impl ResourceFacts {
    /// A row with nothing but the id: the base of every row.
    pub(crate) const PLAIN: ResourceFacts = ResourceFacts {
        type_name: "",
        computed: &[],
        key: "{id}",
        import: &[],
        unique: None,
        slow: false,
        recomputed: &[],
    };
}

/// A name that is taken once it is used.
#[derive(Debug)]
pub(crate) struct UniqueName {
    /// The name with what it is unique in.
    pub(crate) name: &'static str,
    /// The cloud's words for a second one.
    pub(crate) error: &'static str,
}

/// When an attribute is decided anew at an update.
#[derive(Debug)]
pub(crate) enum Recomputed {
    /// When any attribute changes but these.
    WithAnyBut(&'static [&'static str]),
    /// When any attribute changes but these, while the named switch is on.
    WithAnyButWhile(&'static [&'static str], &'static str),
    /// When that attribute changes.
    With(&'static str),
}

/// What is known about one data source.
#[derive(Debug)]
pub(crate) struct DataSourceFacts {
    /// The data source.
    pub(crate) type_name: &'static str,
    /// Attributes, made in this order where the configuration left them open; templates.
    pub(crate) computed: &'static [(&'static str, &'static str)],
}

/// The providers, in the order of their addresses.
pub(crate) static PROVIDERS: &[ProviderFacts] = &[
    aws::FACTS,
    azurerm::FACTS,
    google::FACTS,
    digitalocean::FACTS,
    linode::FACTS,
];

impl ProviderFacts {
    /// The provider with that name.
    pub(crate) fn named(name: &str) -> Option<&'static ProviderFacts> {
        PROVIDERS.iter().find(|provider| provider.name == name)
    }

    /// Its source address, without the host: `hashicorp/aws`.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// What is known about that resource type.
    pub(crate) fn resource(&self, type_name: &str) -> Option<&'static ResourceFacts> {
        self.resources
            .iter()
            .copied()
            .flatten()
            .find(|row| row.type_name == type_name)
    }

    /// What is known about that data source.
    pub(crate) fn data_source(&self, type_name: &str) -> Option<&'static DataSourceFacts> {
        self.data_sources.iter().find(|row| row.type_name == type_name)
    }

    /// The attributes whose change makes a new resource of that type.
    pub(crate) fn replacing(&self, type_name: &str) -> &'static [&'static str] {
        self.replaces
            .iter()
            .find(|(name, _)| *name == type_name)
            .map_or(&[], |(_, attributes)| attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ProviderSchemas;

    /// The providers with their schemas.
    fn recorded() -> impl Iterator<Item = (&'static ProviderFacts, ProviderSchemas)> {
        PROVIDERS
            .iter()
            .map(|provider| (provider, ProviderSchemas::from_gzip(provider.extract).unwrap()))
    }

    #[test]
    fn every_recorded_resource_type_has_a_row_and_every_row_fits_its_schema() {
        for (provider, schemas) in recorded() {
            for (name, schema) in &schemas.resources {
                let row = provider
                    .resource(name)
                    .unwrap_or_else(|| panic!("add a row for {name}"));
                for (attribute, _) in row.computed {
                    let known = schema.block.attributes.get(*attribute);
                    assert!(
                        known.is_some_and(|a| a.computed),
                        "{name}.{attribute} is not computed"
                    );
                }
                for attribute in provider.replacing(name) {
                    let known = schema.block.attributes.contains_key(*attribute)
                        || schema.block.blocks.contains_key(*attribute);
                    assert!(known, "{name} has no {attribute}");
                }
            }
            for row in provider.resources.iter().copied().flatten() {
                assert!(
                    schemas.resources.contains_key(row.type_name),
                    "{} is not recorded",
                    row.type_name
                );
            }
            for (name, _) in provider.replaces {
                assert!(provider.resource(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn every_recorded_data_source_has_a_row() {
        for (provider, schemas) in recorded() {
            for name in schemas
                .data_sources
                .keys()
                .filter(|name| *name != crate::policy_document::TYPE_NAME)
            {
                assert!(provider.data_source(name).is_some(), "add a row for {name}");
            }
        }
    }
}
