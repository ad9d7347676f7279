//! The clouds: what differs between them is data and a few pure functions, one file a cloud.
//!
//! `Provider::Xxx` is named in this file and nowhere else.

pub mod akamai;
pub mod aws;
pub mod azure;
pub mod digitalocean;
pub mod gcp;

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    plan::Capabilities,
    price::{Component, PriceBook, Resource, Resources},
    site::UnknownWord,
    specification::{FieldProblem, SiteSpecification, Size},
};

/// A cloud that sites can stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(rename_all = "lowercase")]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
    /// DigitalOcean.
    DigitalOcean,
    /// Akamai's cloud, which was Linode's.
    Akamai,
}

/// What Siteplane knows of a cloud.
#[derive(Debug)]
pub struct ProviderFacts {
    /// The word in the API, the database and the name of the module's folder.
    pub key: &'static str,
    /// The name that people read.
    pub name: &'static str,
    /// Address of the Terraform provider in the public registry.
    pub terraform_source: &'static str,
    /// Where sites can stand.
    pub regions: &'static [RegionFacts],
    /// What each size is on this cloud.
    pub sizes: &'static [SizeFacts],
    /// Names of the credentials that an account needs; each is a secret.
    pub credential_fields: &'static [CredentialField],
    /// Keys that an account's `provider_options` may hold.
    pub option_fields: &'static [&'static str],
    /// Credentials that the modules take, as `provider_options`, and not the Terraform provider. Where there are any,
    /// all of `provider_options` is a secret.
    pub secret_options: &'static [&'static str],
    /// The environment that gives Terraform the account's credentials, region and, for an emulator, address.
    pub terraform_env: fn(&AccountAccess<'_>) -> Vec<(String, String)>,
    /// The id that `import` wants for a resource of this type with these attributes.
    pub import_id: fn(resource_type: &str, attributes: &Value) -> Option<String>,
    /// What a specification asks that this cloud can't do at all, field by field.
    pub problems: fn(&SiteSpecification) -> Vec<FieldProblem>,
    /// What this cloud will do otherwise than asked: word for word what its `site` module says.
    pub capabilities: fn(&SiteSpecification) -> Capabilities,
    /// The price book that comes with this version.
    pub price_book: &'static LazyLock<PriceBook>,
    /// The parts of a resource's price; `None` for a type that nothing is known of.
    pub components: fn(&Resource, &Resources) -> Option<Vec<Component>>,
    /// Everything with a price that the modules make for a specification, as a plan would show it.
    pub expected_resources: fn(&SiteSpecification, &SizeFacts) -> Vec<Resource>,
}

impl ProviderFacts {
    /// The last part of the Terraform provider's address, which is also the prefix of its types.
    pub fn terraform_name(&self) -> &'static str {
        match self.terraform_source.rsplit_once('/') {
            Some((_, name)) => name,
            None => self.terraform_source,
        }
    }

    /// What a size is here.
    pub fn size(&self, size: Size) -> &'static SizeFacts {
        // A test holds that every cloud has every size, in this order.
        &self.sizes[size as usize]
    }

    /// The region of this name.
    pub fn region(&self, key: &str) -> Option<&'static RegionFacts> {
        self.regions.iter().find(|region| region.key == key)
    }

    /// The region that is nearest to a place, on the great circle.
    pub fn nearest_region(&self, place: Place) -> &'static RegionFacts {
        self.regions
            .iter()
            .min_by(|a, b| place.distance_km(a.place).total_cmp(&place.distance_km(b.place)))
            .unwrap_or(&self.regions[0])
    }
}

/// The id that `import` wants: the attribute `id`, or for the types of a table the parts and what joins them.
pub(crate) fn import_id_of(
    table: &[(&str, &[&str], &str)],
    resource_type: &str,
    attributes: &Value,
) -> Option<String> {
    let text = |name: &str| match attributes.get(name)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let Some((_, parts, joined_by)) = table.iter().find(|(of, _, _)| *of == resource_type) else {
        return text("id");
    };
    let parts: Option<Vec<String>> = parts.iter().map(|part| text(part)).collect();
    parts.map(|parts| parts.join(joined_by))
}

/// Reads the price book of a cloud, which a test has read before.
pub(crate) fn price_book(text: &str) -> PriceBook {
    match PriceBook::from_json(text) {
        Ok(book) => book,
        Err(error) => panic!("a price book that was checked in can't be read: {error}"),
    }
}

/// A region.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegionFacts {
    /// The cloud's own name.
    pub key: &'static str,
    /// The name that people read.
    pub name: &'static str,
    /// Where on Earth it is, roughly.
    pub place: Place,
}

impl RegionFacts {
    /// A region at a latitude and a longitude in whole degrees, north and east positive.
    pub const fn new(key: &'static str, name: &'static str, latitude: i16, longitude: i16) -> Self {
        Self {
            key,
            name,
            place: Place { latitude, longitude },
        }
    }
}

/// A place in whole degrees: enough to tell which of two regions is nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    /// North of the equator; south is negative.
    pub latitude: i16,
    /// East of Greenwich; west is negative.
    pub longitude: i16,
}

impl Place {
    /// Kilometres on the great circle.
    pub fn distance_km(self, other: Self) -> f64 {
        let radians = |degrees: i16| f64::from(degrees).to_radians();
        let half_latitude = (radians(other.latitude) - radians(self.latitude)) / 2.0;
        let half_longitude = (radians(other.longitude) - radians(self.longitude)) / 2.0;
        let a = half_latitude.sin().powi(2)
            + radians(self.latitude).cos() * radians(other.latitude).cos() * half_longitude.sin().powi(2);
        2.0 * 6371.0 * a.sqrt().min(1.0).asin()
    }
}

/// What a size is on one cloud: as in the size table of the cloud's `site` module.
#[derive(Debug, Serialize, ToSchema)]
pub struct SizeFacts {
    /// The size that customers choose.
    pub size: Size,
    /// The cloud's name of an instance of this size.
    pub instance_type: &'static str,
    /// Virtual processors of an instance.
    pub vcpu: u16,
    /// Memory of an instance in GiB.
    pub memory_gib: u16,
    /// The cloud's name of a database of this size.
    pub database_type: &'static str,
}

/// One credential of a cloud account.
#[derive(Debug, Serialize, ToSchema)]
pub struct CredentialField {
    /// Its name in the account's credentials.
    pub name: &'static str,
    /// Whether an account can't do without it.
    pub required: bool,
}

/// Where an account's resources really stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// At the cloud itself: costs money.
    Real,
    /// At a program that speaks the cloud's API.
    Emulator,
    /// In a directory of files; a simulation.
    Simulated,
}

impl World {
    /// Every world.
    pub const ALL: [Self; 3] = [Self::Real, Self::Emulator, Self::Simulated];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Emulator => "emulator",
            Self::Simulated => "simulated",
        }
    }
}

impl std::str::FromStr for World {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|world| world.as_str() == text)
            .ok_or_else(|| UnknownWord::new("world", text, &Self::ALL.map(Self::as_str)))
    }
}

/// What Terraform's environment is made from. Holds secrets: has no `Debug`.
pub struct AccountAccess<'a> {
    /// Where the account's resources stand.
    pub world: World,
    /// Secrets by the names of [`ProviderFacts::credential_fields`].
    pub credentials: &'a BTreeMap<String, String>,
    /// Base address of the emulator.
    pub endpoint_url: Option<&'a str>,
    /// The site's region.
    pub region: &'a str,
}

impl Provider {
    /// Every cloud.
    pub const ALL: [Self; 5] = [
        Self::Aws,
        Self::Azure,
        Self::Gcp,
        Self::DigitalOcean,
        Self::Akamai,
    ];

    /// What Siteplane knows of the cloud.
    pub fn facts(self) -> &'static ProviderFacts {
        match self {
            Self::Aws => &aws::FACTS,
            Self::Azure => &azure::FACTS,
            Self::Gcp => &gcp::FACTS,
            Self::DigitalOcean => &digitalocean::FACTS,
            Self::Akamai => &akamai::FACTS,
        }
    }

    /// The word in the API, the database and the name of the module's folder.
    pub fn as_str(self) -> &'static str {
        self.facts().key
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Provider {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.as_str() == text)
            .ok_or_else(|| UnknownWord::new("provider", text, &Self::ALL.map(Self::as_str)))
    }
}

impl TryFrom<String> for Provider {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<Provider> for String {
    fn from(provider: Provider) -> Self {
        provider.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_every_size_and_at_least_one_region() {
        for provider in Provider::ALL {
            let facts = provider.facts();
            assert!(!facts.regions.is_empty(), "{provider}");
            let sizes: Vec<Size> = facts.sizes.iter().map(|row| row.size).collect();
            assert_eq!(sizes, Size::ALL, "{provider}");
        }
    }

    #[test]
    fn every_price_book_is_written_as_a_refresh_writes_it() {
        for provider in Provider::ALL {
            let file = format!("{}/prices/{provider}.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(file).unwrap();
            assert!(
                provider.facts().price_book.to_json().unwrap() == text,
                "{provider}"
            );
        }
    }

    #[test]
    fn the_nearest_region_is_the_one_of_the_same_city() {
        let frankfurt = Provider::ALL[0].facts().region("eu-central-1").unwrap().place;
        let nearest: Vec<&str> = Provider::ALL
            .iter()
            .map(|provider| provider.facts().nearest_region(frankfurt).key)
            .collect();
        assert_eq!(
            nearest,
            [
                "eu-central-1",
                "germanywestcentral",
                "europe-west3",
                "fra1",
                "de-fra-2"
            ]
        );
    }

    #[test]
    fn an_unknown_cloud_is_told_which_there_are() {
        let error = serde_json::from_str::<Provider>("\"ibm\"")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("provider \"ibm\" is unknown; allowed are aws, "),
            "{error}"
        );
    }
}
