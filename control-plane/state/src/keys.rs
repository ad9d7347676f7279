//! The master keys, under which every blob's own data key is wrapped.
//!
//! A key has a version, so that a new one can be brought in while blobs of the old one exist: sealing uses the
//! current version, opening any that is known. The keys never appear in `Debug`, in an error or in a log.

use std::collections::BTreeMap;

use aes_gcm::{
    Nonce,
    aead::{Aead, Payload, consts::U12},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    envelope::{Format, Header},
    seal::{NONCE_LENGTH, OpenError, SealError, SealedFor, cipher, random},
};

/// Length of a master key and of a data key, in bytes (AES-256).
pub const KEY_LENGTH: usize = 32;

/// The key of `siteplane dev`. It is in the source, so it protects nothing; production refuses to start on it.
const DEVELOPMENT_KEY: &[u8; KEY_LENGTH] = b"siteplane development master key";

/// Which key wraps a blob's data key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyId {
    /// A version of the master key that Siteplane holds.
    Master(u32),
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Master(version) => write!(f, "master key version {version}"),
        }
    }
}

/// The known versions of the master key.
#[derive(Clone)]
pub struct MasterKeys {
    versions: BTreeMap<u32, [u8; KEY_LENGTH]>,
    current: u32,
}

impl MasterKeys {
    /// Reads `version:base64` pairs separated by commas, such as `1:…,2:…`; each key is 32 bytes in standard
    /// base64. The highest version becomes the current one.
    ///
    /// A rotation is done in two steps, so that no process meets a version that it doesn't know: first every
    /// process gets the new key with [`MasterKeys::with_current`] at the old version, then the new one becomes
    /// current.
    ///
    /// # Errors
    /// [`ParseKeysError`] says which entry is wrong, and never shows it.
    pub fn parse(text: &str) -> Result<Self, ParseKeysError> {
        let mut versions = BTreeMap::new();
        for (index, entry) in text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .enumerate()
        {
            let position = index + 1;
            let (version, key) = entry
                .split_once(':')
                .ok_or(ParseKeysError::NotAPair { position })?;
            let version: u32 = version
                .trim()
                .parse()
                .map_err(|_| ParseKeysError::NotAVersion { position })?;
            let key = STANDARD
                .decode(key.trim())
                .map_err(|_| ParseKeysError::NotBase64 { version })?;
            let length = key.len();
            let key = key
                .try_into()
                .map_err(|_| ParseKeysError::WrongLength { version, length })?;
            if versions.insert(version, key).is_some() {
                return Err(ParseKeysError::Twice { version });
            }
        }
        let current = *versions.keys().next_back().ok_or(ParseKeysError::Empty)?;
        Ok(Self { versions, current })
    }

    /// The fixed key of development and tests, as version 1.
    pub fn development() -> Self {
        Self {
            versions: BTreeMap::from([(1, *DEVELOPMENT_KEY)]),
            current: 1,
        }
    }

    /// The same keys, with another version used for sealing.
    ///
    /// # Errors
    /// The version is not among them.
    pub fn with_current(mut self, version: u32) -> Result<Self, UnknownKey> {
        if !self.versions.contains_key(&version) {
            return Err(self.unknown(version));
        }
        self.current = version;
        Ok(self)
    }

    /// Whether the development key is among them, under any version.
    pub fn is_development(&self) -> bool {
        self.versions.values().any(|key| key == DEVELOPMENT_KEY)
    }

    /// The version that seals.
    pub fn current_version(&self) -> u32 {
        self.current
    }

    /// The key that seals.
    pub fn current_id(&self) -> KeyId {
        KeyId::Master(self.current)
    }

    /// Every key that opens.
    pub fn ids(&self) -> Vec<KeyId> {
        self.versions.keys().copied().map(KeyId::Master).collect()
    }

    /// Wraps a data key under the current key: its id, and nonce, ciphertext and tag as base64.
    pub(crate) fn wrap(
        &self,
        sealed_for: &SealedFor,
        data_key: &[u8; KEY_LENGTH],
    ) -> Result<(KeyId, String), SealError> {
        let id = self.current_id();
        let master = self
            .versions
            .get(&self.current)
            .expect("the current version is one of the versions");
        let nonce: [u8; NONCE_LENGTH] = random()?;
        let wrapped = cipher(master)
            .encrypt(
                &Nonce::<U12>::from(nonce),
                Payload {
                    msg: data_key,
                    aad: &wrapping_context(Format::Second, &id, sealed_for),
                },
            )
            .expect("32 bytes are far below the limit of AES-GCM");
        Ok((id, STANDARD.encode([nonce.as_slice(), &wrapped].concat())))
    }

    /// The data key of a blob.
    pub(crate) fn unwrap(&self, header: &Header) -> Result<[u8; KEY_LENGTH], OpenError> {
        let KeyId::Master(version) = header.key;
        let master = self.version(version)?;
        let wrapped = STANDARD
            .decode(&header.wrapped_key)
            .map_err(|_| OpenError::HeaderField { field: "wrapped_key" })?;
        let (nonce, wrapped) = wrapped
            .split_first_chunk()
            .ok_or(OpenError::HeaderField { field: "wrapped_key" })?;
        let key = cipher(master)
            .decrypt(
                &Nonce::<U12>::from(*nonce),
                Payload {
                    msg: wrapped,
                    aad: &wrapping_context(header.format, &header.key, &header.sealed_for),
                },
            )
            .map_err(|_| OpenError::WrongKey {
                key: header.key.clone(),
            })?;
        key.try_into()
            .map_err(|_| OpenError::HeaderField { field: "wrapped_key" })
    }

    fn version(&self, version: u32) -> Result<&[u8; KEY_LENGTH], UnknownKey> {
        self.versions.get(&version).ok_or_else(|| self.unknown(version))
    }

    fn unknown(&self, version: u32) -> UnknownKey {
        let known = self.versions.keys().map(u32::to_string);
        UnknownKey {
            key: KeyId::Master(version),
            known: known.collect::<Vec<_>>().join(", "),
        }
    }
}

/// What the wrapping of the data key authenticates.
fn wrapping_context(format: Format, key: &KeyId, sealed_for: &SealedFor) -> Vec<u8> {
    let context = match (format, key) {
        (Format::First, KeyId::Master(version)) => {
            serde_json::to_vec(&(format.as_str(), version, sealed_for))
        }
        (Format::Second, _) => serde_json::to_vec(&(format.as_str(), key, sealed_for)),
    };
    context.expect("texts and numbers are always valid JSON")
}

impl std::fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKeys")
            .field("versions", &self.versions.keys().collect::<Vec<_>>())
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

/// Something is sealed, or to be sealed, under a key that this process was not given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is not known here (known: {known})")]
pub struct UnknownKey {
    /// The key that was asked for.
    pub key: KeyId,
    /// The versions that are known, as text for a person.
    pub known: String,
}

/// Why the setting with the master keys can't be used. No variant shows any part of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeysError {
    /// There is no key at all.
    #[error("no master key is set; write version:base64, such as 1:…")]
    Empty,
    /// An entry has no colon.
    #[error("master key {position} is not of the form version:base64")]
    NotAPair {
        /// Which entry, counted from 1.
        position: usize,
    },
    /// The part before the colon isn't a whole number.
    #[error("master key {position} has no number before its colon")]
    NotAVersion {
        /// Which entry, counted from 1.
        position: usize,
    },
    /// The part after the colon isn't standard base64.
    #[error("master key version {version} is not valid base64")]
    NotBase64 {
        /// The key's version.
        version: u32,
    },
    /// The key hasn't 32 bytes.
    #[error("master key version {version} has {length} bytes, it must have 32")]
    WrongLength {
        /// The key's version.
        version: u32,
        /// Its length in bytes.
        length: usize,
    },
    /// A version is there more than once.
    #[error("master key version {version} is there twice")]
    Twice {
        /// The version.
        version: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(versions: &[u32]) -> String {
        let pair = |version: &u32| {
            format!(
                "{version}:{}",
                STANDARD.encode([u8::try_from(*version).unwrap(); 32])
            )
        };
        versions.iter().map(pair).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn the_highest_version_becomes_the_current_one_wherever_it_stands() {
        let keys = MasterKeys::parse(&text(&[2, 10, 1])).unwrap();
        assert_eq!(keys.current_version(), 10);
        assert_eq!(keys.version(1).unwrap(), &[1; 32]);
        assert_eq!(keys.with_current(2).unwrap().current_id(), KeyId::Master(2));
    }

    #[test]
    fn spaces_line_ends_and_a_trailing_comma_do_not_matter() {
        let keys = MasterKeys::parse(&format!(" {} ,\n{},\n", text(&[1]), text(&[2]))).unwrap();
        assert_eq!(keys.current_version(), 2);
    }

    #[test]
    fn a_bad_setting_is_refused_with_its_place_and_without_the_key() {
        let short = STANDARD.encode([7; 31]);
        for (setting, message) in [
            (
                String::new(),
                "no master key is set; write version:base64, such as 1:…",
            ),
            (
                "secretsecret".into(),
                "master key 1 is not of the form version:base64",
            ),
            (
                format!("{},one:{short}", text(&[1])),
                "master key 2 has no number before its colon",
            ),
            ("1:se cret".into(), "master key version 1 is not valid base64"),
            (
                format!("3:{short}"),
                "master key version 3 has 31 bytes, it must have 32",
            ),
            (
                format!("{},{}", text(&[4]), text(&[4])),
                "master key version 4 is there twice",
            ),
        ] {
            assert_eq!(MasterKeys::parse(&setting).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn an_unknown_version_is_named_beside_the_known_ones() {
        let error = MasterKeys::parse(&text(&[1, 2]))
            .unwrap()
            .with_current(9)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "master key version 9 is not known here (known: 1, 2)"
        );
    }

    #[test]
    fn the_development_key_is_recognised_under_any_version() {
        assert!(MasterKeys::development().is_development());
        let disguised = format!("{},7:{}", text(&[1]), STANDARD.encode(DEVELOPMENT_KEY));
        assert!(MasterKeys::parse(&disguised).unwrap().is_development());
        assert!(!MasterKeys::parse(&text(&[1, 2])).unwrap().is_development());
    }

    #[test]
    fn debug_shows_versions_and_no_key() {
        let shown = format!("{:?}", MasterKeys::parse(&text(&[1, 2])).unwrap());
        assert_eq!(shown, "MasterKeys { versions: [1, 2], current: 2, .. }");
    }
}
