//! Secrets of a site, kept apart from its specification.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FieldProblem, SiteSpecification};

/// Text that never shows: not in a log, not in an answer, not in the specification's row.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "***")]
pub struct Secret(String);

impl Secret {
    /// What stands in the place of a secret.
    pub const MASK: &'static str = "***";

    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Whoever calls this must keep it from disk, log and answer.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is the mask that stands for a secret that was stored before.
    pub fn is_mask(&self) -> bool {
        self.0 == Self::MASK
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::MASK)
    }
}

/// The secrets of a site's specification, apart from it: this is what gets sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteSecrets {
    /// Values of `application.secrets`.
    pub application: BTreeMap<String, Secret>,
    /// Password of `application.registry`.
    pub registry_password: Option<Secret>,
    /// Password of the database's user; made by Siteplane.
    pub database_password: Option<Secret>,
}

#[derive(Serialize, Deserialize)]
struct ExposedSecrets {
    application: BTreeMap<String, String>,
    registry_password: Option<String>,
    database_password: Option<String>,
}

impl SiteSecrets {
    /// The secrets that a specification carries; a masked one is taken from `before`.
    ///
    /// # Errors
    /// A field whose mask stands for nothing that was stored before.
    pub fn of(specification: &SiteSpecification, before: &Self) -> Result<Self, FieldProblem> {
        let nothing_stored =
            |field: String| FieldProblem::new(field, Secret::MASK, "a value: none was stored before");
        let mut application = BTreeMap::new();
        for (name, secret) in &specification.application.secrets {
            let secret = match (secret.is_mask(), before.application.get(name)) {
                (true, Some(stored)) => stored,
                (true, None) => return Err(nothing_stored(format!("application.secrets.{name}"))),
                (false, _) => secret,
            };
            application.insert(name.clone(), secret.clone());
        }
        let registry_password = match &specification.application.registry {
            Some(registry) if registry.password.is_mask() => Some(
                before
                    .registry_password
                    .clone()
                    .ok_or_else(|| nothing_stored("application.registry.password".to_owned()))?,
            ),
            Some(registry) => Some(registry.password.clone()),
            None => None,
        };
        Ok(Self {
            application,
            registry_password,
            database_password: before.database_password.clone(),
        })
    }

    /// The bytes to seal. They hold the secrets in clear.
    pub fn to_exposed_bytes(&self) -> Vec<u8> {
        let expose = |secret: &Secret| secret.expose().to_owned();
        serde_json::to_vec(&ExposedSecrets {
            application: self
                .application
                .iter()
                .map(|(name, secret)| (name.clone(), expose(secret)))
                .collect(),
            registry_password: self.registry_password.as_ref().map(expose),
            database_password: self.database_password.as_ref().map(expose),
        })
        .expect("maps of text always serialize")
    }

    /// What [`Self::to_exposed_bytes`] made.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn from_exposed_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let exposed: ExposedSecrets = serde_json::from_slice(bytes)?;
        Ok(Self {
            application: exposed
                .application
                .into_iter()
                .map(|(name, text)| (name, Secret(text)))
                .collect(),
            registry_password: exposed.registry_password.map(Secret),
            database_password: exposed.database_password.map(Secret),
        })
    }

    /// Every secret, for a mask.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        self.application
            .values()
            .chain(&self.registry_password)
            .chain(&self.database_password)
    }
}
