//! A site's name and status.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a site is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SiteStatus {
    /// The first deployment has not succeeded yet.
    Creating,
    /// The applied specification is the desired one and the last deployment succeeded.
    Active,
    /// A change is queued or running.
    Updating,
    /// The last change failed; what was applied before it still serves.
    Degraded,
    /// Compute is down, data is kept.
    Suspended,
    /// A destroy is queued or running.
    Deleting,
    /// Nothing of the site is left in the cloud.
    Deleted,
    /// The first deployment failed; something may stand in the cloud.
    Failed,
}

impl SiteStatus {
    /// Every status, in the order of a site's life.
    pub const ALL: [Self; 8] = [
        Self::Creating,
        Self::Active,
        Self::Updating,
        Self::Degraded,
        Self::Suspended,
        Self::Deleting,
        Self::Deleted,
        Self::Failed,
    ];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Updating => "updating",
            Self::Degraded => "degraded",
            Self::Suspended => "suspended",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
        }
    }
}

impl std::fmt::Display for SiteStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for SiteStatus {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownWord::new("status", text, &Self::ALL.map(Self::as_str)))
    }
}

/// A word that is none of the allowed ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{subject} {found:?} is unknown; allowed are {allowed}")]
pub struct UnknownWord {
    subject: &'static str,
    found: String,
    allowed: String,
}

impl UnknownWord {
    /// `subject` names what was parsed, `allowed` the words that would have passed.
    pub fn new(subject: &'static str, found: &str, allowed: &[&str]) -> Self {
        Self {
            subject,
            found: found.to_owned(),
            allowed: allowed.join(", "),
        }
    }
}

/// A DNS label of 3 to 32 characters, unique among a customer's sites that are not deleted.
///
/// ```
/// use domain::site::SiteName;
/// assert!("shop-1".parse::<SiteName>().is_ok());
/// assert!("Shop".parse::<SiteName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z][a-z0-9-]{1,30}[a-z0-9]$", example = "shop-1")]
pub struct SiteName(String);

impl SiteName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SiteName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is no site name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no site name: 3 to 32 characters of a-z, 0-9 and -, starting with a letter and not ending with -"
)]
pub struct NotASiteName(String);

impl std::str::FromStr for SiteName {
    type Err = NotASiteName;

    fn from_str(text: &str) -> Result<Self, NotASiteName> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for SiteName {
    type Error = NotASiteName;

    fn try_from(text: String) -> Result<Self, NotASiteName> {
        let is_label = (3..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if is_label {
            Ok(Self(text))
        } else {
            Err(NotASiteName(text))
        }
    }
}

impl From<SiteName> for String {
    fn from(name: SiteName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_name_is_a_dns_label_of_3_to_32_characters() {
        for good in ["abc", "shop-1", "a--b", &"a".repeat(32)] {
            assert!(good.parse::<SiteName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            "1ab",
            "-ab",
            "ab-",
            "Abc",
            "a_b",
            "a.b",
            "a b",
            "äbc",
            &"a".repeat(33),
        ] {
            let error = bad.parse::<SiteName>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("{bad:?}")) && error.contains("3 to 32"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_status_survives_the_way_through_its_word() {
        for status in SiteStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        let error = "gone".parse::<SiteStatus>().unwrap_err().to_string();
        assert!(
            error.contains("\"gone\"") && error.contains("degraded"),
            "{error}"
        );
    }
}
