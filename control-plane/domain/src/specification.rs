//! What a customer asks for: the shape of a site that API, site file and Terraform share.
//!
//! Parsing refuses what is wrong by itself; [`SiteSpecification::problems`] what does not fit together.

mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use secrets::{Secret, SiteSecrets};

use crate::{
    provider::Provider,
    site::{SiteName, UnknownWord},
};

/// How big a site is; each cloud's facts say what that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// For trying out and for small sites.
    Small,
    /// For sites with daily visitors.
    Medium,
    /// For shops.
    Large,
    /// For shops with a season.
    Xlarge,
}

impl Size {
    /// Every size, smallest first.
    pub const ALL: [Self; 4] = [Self::Small, Self::Medium, Self::Large, Self::Xlarge];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::Xlarge => "xlarge",
        }
    }
}

impl std::str::FromStr for Size {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|size| size.as_str() == text)
            .ok_or_else(|| UnknownWord::new("size", text, &Self::ALL.map(Self::as_str)))
    }
}

/// A whole site as its owner writes it: immutable once stored, each change is a new numbered one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteSpecification {
    /// Name of the site; never changes.
    pub name: SiteName,
    /// The cloud; never changes.
    pub provider: Provider,
    /// The cloud's own name of the region; never changes.
    #[schema(example = "us-east-1")]
    pub region: String,
    /// How big.
    pub size: Size,
    /// The container that runs.
    pub application: Application,
    /// Host name that will point at the site.
    #[serde(default)]
    #[schema(example = "shop.example.com")]
    pub domain: Option<String>,
    /// The cloud's reference of a certificate for the domain; null is HTTP on port 80.
    #[serde(default)]
    pub certificate: Option<String>,
    /// Fewest and most instances.
    #[serde(default)]
    pub scaling: Scaling,
    /// Managed PostgreSQL; null is none.
    #[serde(default)]
    pub database: Option<Database>,
    /// Object storage; null is none.
    #[serde(default)]
    pub storage: Option<Storage>,
    /// Private IPv4 range of the site's network, /16 to /24; never changes.
    #[serde(default = "default_network")]
    #[schema(example = "10.20.0.0/16", default = "10.20.0.0/16")]
    pub network_cidr: String,
    /// The cloud refuses to delete database and bucket.
    #[serde(default)]
    pub deletion_protection: bool,
}

fn default_network() -> String {
    "10.20.0.0/16".to_owned()
}

/// The container that runs on every instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Reference of the container image.
    #[schema(example = "nginx:1.27")]
    pub image: String,
    /// Port that the container listens on.
    #[schema(minimum = 1, maximum = 65535, example = 80)]
    pub port: u16,
    /// Environment of the container.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Environment of the container that is kept sealed and never shown; read back as `***`.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// Path that must answer with 200 when the site is well.
    #[serde(default = "default_health_path")]
    #[schema(default = "/")]
    pub health_path: String,
    /// Command line instead of the image's own.
    #[serde(default)]
    pub command: Option<String>,
    /// Where the image comes from, if that asks for a sign-in.
    #[serde(default)]
    pub registry: Option<Registry>,
}

fn default_health_path() -> String {
    "/".to_owned()
}

/// A container registry that asks for a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Host of the registry.
    pub server: String,
    /// Name to sign in with.
    pub username: String,
    /// Password or token; kept sealed and never shown.
    pub password: Secret,
}

/// Fewest and most instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Fewest instances.
    #[schema(minimum = 1, maximum = 50)]
    pub min: u16,
    /// Most instances.
    #[schema(minimum = 1, maximum = 50)]
    pub max: u16,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { min: 1, max: 1 }
    }
}

/// Managed PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Storage in GB (10^9 bytes as the clouds sell it); never less than before.
    #[schema(minimum = 10, maximum = 16384)]
    pub storage_gb: u32,
    /// A standby in another zone.
    #[serde(default)]
    pub high_availability: bool,
    /// Days that backups are kept.
    #[serde(default = "default_backup_days")]
    #[schema(minimum = 1, maximum = 35, default = 7)]
    pub backup_days: u8,
    /// Major version of PostgreSQL; never older than before.
    #[serde(default = "default_engine_version")]
    #[schema(default = "16")]
    pub engine_version: String,
    /// A copy for reading.
    #[serde(default)]
    pub read_replica: bool,
}

fn default_backup_days() -> u8 {
    7
}

fn default_engine_version() -> String {
    "16".to_owned()
}

/// Object storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Earlier versions of an object are kept.
    #[serde(default)]
    pub versioning: bool,
}

/// A field that does not fit, in words for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Path of the field in the body, such as `application.port`.
    pub field: String,
    /// What was found, as text; null where the field is missing or secret.
    pub found: Option<String>,
    /// What is allowed.
    pub allowed: String,
}

impl FieldProblem {
    /// A problem with a field whose value may be shown.
    pub fn new(field: impl Into<String>, found: impl ToString, allowed: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            found: Some(found.to_string()),
            allowed: allowed.into(),
        }
    }

    fn hidden(field: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            found: None,
            allowed: allowed.into(),
        }
    }
}

impl std::fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.found {
            Some(found) => write!(f, "{}: found {found:?}, allowed is {}", self.field, self.allowed),
            None => write!(f, "{}: allowed is {}", self.field, self.allowed),
        }
    }
}

impl SiteSpecification {
    /// Everything about the specification that can't be carried out on its cloud, field by field.
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = self.problems_everywhere();
        problems.extend((self.provider.facts().problems)(self));
        problems
    }

    /// What no cloud could carry out, and a region that the specification's own cloud does not have.
    pub fn problems_everywhere(&self) -> Vec<FieldProblem> {
        let facts = self.provider.facts();
        let mut problems = Vec::new();
        if !facts.regions.iter().any(|region| region.key == self.region) {
            let known: Vec<&str> = facts.regions.iter().map(|region| region.key).collect();
            problems.push(FieldProblem::new(
                "region",
                &self.region,
                format!("a region of {}: {}", facts.name, known.join(", ")),
            ));
        }
        self.application.problems(&mut problems);
        if let Some(domain) = &self.domain
            && !is_host_name(domain)
        {
            problems.push(FieldProblem::new(
                "domain",
                domain,
                "a host name in lower case such as shop.example.com, without a dot at the end",
            ));
        } else if self.domain.is_some() && self.certificate.is_none() {
            problems.push(FieldProblem {
                field: "certificate".to_owned(),
                found: None,
                allowed: "a certificate for the domain; without one, leave the domain out too: nobody would see whether \
                          the site is genuine"
                    .to_owned(),
            });
        }
        let Scaling { min, max } = self.scaling;
        if !(1..=50).contains(&min) {
            problems.push(FieldProblem::new("scaling.min", min, "1 to 50"));
        }
        if !(1..=50).contains(&max) {
            problems.push(FieldProblem::new("scaling.max", max, "1 to 50"));
        } else if min > max {
            problems.push(FieldProblem::new(
                "scaling.max",
                max,
                format!("at least scaling.min, which is {min}"),
            ));
        }
        if let Some(database) = &self.database {
            database.problems(&mut problems);
        }
        if !is_private_network(&self.network_cidr) {
            problems.push(FieldProblem::new(
                "network_cidr",
                &self.network_cidr,
                "a private IPv4 range from /16 to /24, written with its first address, such as 10.20.0.0/16",
            ));
        }
        problems
    }

    /// What may not change from `self`, which is applied or queued, to `next`.
    pub fn problems_of_change_to(&self, next: &Self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        for (field, before, after) in [
            ("name", self.name.as_str(), next.name.as_str()),
            ("provider", self.provider.as_str(), next.provider.as_str()),
            ("region", &self.region, &next.region),
            ("network_cidr", &self.network_cidr, &next.network_cidr),
        ] {
            if before != after {
                problems.push(FieldProblem::new(
                    field,
                    after,
                    format!("{before}, which never changes"),
                ));
            }
        }
        if let (Some(before), Some(after)) = (&self.database, &next.database) {
            if after.storage_gb < before.storage_gb {
                problems.push(FieldProblem::new(
                    "database.storage_gb",
                    after.storage_gb,
                    format!(
                        "at least {}: a database's storage never shrinks",
                        before.storage_gb
                    ),
                ));
            }
            let major = |version: &str| version.parse::<u16>().unwrap_or(u16::MAX);
            if major(&after.engine_version) < major(&before.engine_version) {
                problems.push(FieldProblem::new(
                    "database.engine_version",
                    &after.engine_version,
                    format!("at least {}: an engine never gets older", before.engine_version),
                ));
            }
        }
        problems
    }
}

impl Application {
    fn problems(&self, problems: &mut Vec<FieldProblem>) {
        let is_image = self.image.len() <= 255
            && self.image.starts_with(|c: char| c.is_ascii_alphanumeric())
            && self
                .image
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._:/@-".contains(c));
        if !is_image {
            problems.push(FieldProblem::new(
                "application.image",
                &self.image,
                "a container image reference such as nginx:1.27, at most 255 characters",
            ));
        }
        if self.port == 0 || self.port == 22 {
            problems.push(FieldProblem::new(
                "application.port",
                self.port,
                "1 to 65535, and not 22",
            ));
        }
        for (key, value) in &self.env {
            if !is_environment_name(key) {
                problems.push(FieldProblem::new(
                    format!("application.env.{key}"),
                    key,
                    ENVIRONMENT_NAME,
                ));
            }
            if value.contains(['\r', '\n']) {
                problems.push(FieldProblem::new(
                    format!("application.env.{key}"),
                    value,
                    "one line of text",
                ));
            }
        }
        for (key, value) in &self.secrets {
            if !is_environment_name(key) {
                problems.push(FieldProblem::new(
                    format!("application.secrets.{key}"),
                    key,
                    ENVIRONMENT_NAME,
                ));
            }
            if value.expose().contains(['\r', '\n']) {
                problems.push(FieldProblem::hidden(
                    format!("application.secrets.{key}"),
                    "one line of text",
                ));
            }
        }
        let is_path = self.health_path.starts_with('/')
            && self.health_path.len() <= 200
            && self.health_path.chars().all(|c| c.is_ascii_graphic());
        if !is_path {
            problems.push(FieldProblem::new(
                "application.health_path",
                &self.health_path,
                "a path that starts with /, without spaces, at most 200 characters",
            ));
        }
        if let Some(command) = &self.command
            && (command.contains(['\r', '\n']) || command.ends_with('\\'))
        {
            problems.push(FieldProblem::new(
                "application.command",
                command,
                "one line of text that does not end with a backslash",
            ));
        }
        let weight = self.user_data_bytes();
        if weight > USER_DATA_LIMIT {
            problems.push(FieldProblem::new(
                "application",
                format!("{weight} bytes of env, secrets, command and registry"),
                format!("{USER_DATA_LIMIT} bytes together: a machine is given at most 16 KiB of user data"),
            ));
        }
        if let Some(registry) = &self.registry {
            if !is_host_name(registry.server.split(':').next().unwrap_or_default()) {
                problems.push(FieldProblem::new(
                    "application.registry.server",
                    &registry.server,
                    "a host name such as registry.example.com",
                ));
            }
            if registry.username.is_empty() {
                problems.push(FieldProblem::new("application.registry.username", "", "a name"));
            }
        }
    }
}

impl Application {
    /// Bytes that env, secrets, command and registry take as JSON, which is how the modules weigh them too.
    fn user_data_bytes(&self) -> usize {
        let exposed = |secret: &Secret| secret.expose().to_owned();
        let secrets: BTreeMap<&String, String> = self
            .secrets
            .iter()
            .map(|(name, secret)| (name, exposed(secret)))
            .collect();
        let registry = self
            .registry
            .as_ref()
            .map(|registry| (&registry.server, &registry.username, exposed(&registry.password)));
        serde_json::to_vec(&(&self.env, secrets, &self.command, registry)).map_or(0, |json| json.len())
    }
}

impl Database {
    fn problems(&self, problems: &mut Vec<FieldProblem>) {
        if !(10..=16384).contains(&self.storage_gb) {
            problems.push(FieldProblem::new(
                "database.storage_gb",
                self.storage_gb,
                "10 to 16384",
            ));
        }
        if !(1..=35).contains(&self.backup_days) {
            problems.push(FieldProblem::new(
                "database.backup_days",
                self.backup_days,
                "1 to 35",
            ));
        }
        if !["13", "14", "15", "16", "17", "18"].contains(&self.engine_version.as_str()) {
            problems.push(FieldProblem::new(
                "database.engine_version",
                &self.engine_version,
                "a major version of PostgreSQL: 13, 14, 15, 16, 17, 18",
            ));
        }
    }
}

/// Most bytes of env, secrets, command and registry: the rest of EC2's and Linode's 16 KiB of user data, which
/// are base64 inside base64, is the template's.
const USER_DATA_LIMIT: usize = 6 * 1024;

const ENVIRONMENT_NAME: &str = "a name of A-Z, a-z, 0-9 and _, not starting with a digit";

fn is_environment_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(is_label)
        && text
            .rsplit('.')
            .next()
            .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()))
}

fn is_private_network(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else {
        return false;
    };
    let (Ok(address), Ok(prefix)) = (address.parse::<std::net::Ipv4Addr>(), prefix.parse::<u32>()) else {
        return false;
    };
    let host_bits = u32::MAX.checked_shr(prefix).unwrap_or(0);
    (16..=24).contains(&prefix) && address.is_private() && u32::from(address) & host_bits == 0
}
