//! The readable front of a sealed blob, in both of its formats.
//!
//! ```text
//! "SPSEALED"  8 bytes
//! length      4 bytes, big endian: of the header
//! header      JSON: format, key, wrapped_key, nonce, sealed_for
//! body        AES-256-GCM of the content under the data key, tag at the end
//! ```
//!
//! In the second format, which everything is sealed in now, the body authenticates what the blob is and not under
//! which key its data key is wrapped: so a blob can be wrapped anew and its body stays as it is. In the first one
//! the body authenticates the header byte for byte; such blobs are opened, and no more are made.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    keys::KeyId,
    seal::{OpenError, SealedFor},
};

pub(crate) const MAGIC: &[u8; 8] = b"SPSEALED";
const FORMAT_1: &str = "siteplane-sealed-1";
const FORMAT_2: &str = "siteplane-sealed-2";
/// Far above what a header needs; a length beyond it means that the bytes are something else.
const LONGEST_HEADER: usize = 16 * 1024;
/// So many bytes of a blob hold its header in any case.
pub const LONGEST_FRONT: usize = MAGIC.len() + 4 + LONGEST_HEADER;

/// How a blob is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The body authenticates the header byte for byte.
    First,
    /// The body authenticates what the blob is.
    Second,
}

impl Format {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::First => FORMAT_1,
            Self::Second => FORMAT_2,
        }
    }
}

/// The readable front of a blob. It is authenticated only once the blob has been opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) format: Format,
    /// The key under which the data key is wrapped.
    pub key: KeyId,
    pub(crate) wrapped_key: String,
    pub(crate) nonce: String,
    /// What the blob says it is.
    pub sealed_for: SealedFor,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstFormat {
    format: String,
    key_version: u32,
    wrapped_key: String,
    nonce: String,
    sealed_for: SealedFor,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondFormat<'a> {
    format: Cow<'a, str>,
    key: Cow<'a, KeyId>,
    wrapped_key: Cow<'a, str>,
    nonce: Cow<'a, str>,
    sealed_for: Cow<'a, SealedFor>,
}

impl Header {
    /// The header of a new blob.
    pub(crate) fn new(key: KeyId, wrapped_key: String, nonce: String, sealed_for: SealedFor) -> Self {
        Self {
            format: Format::Second,
            key,
            wrapped_key,
            nonce,
            sealed_for,
        }
    }

    /// Magic, length and header of the second format: a header has one form, so this is also how one is checked.
    pub(crate) fn front(&self) -> Vec<u8> {
        let header = SecondFormat {
            format: FORMAT_2.into(),
            key: Cow::Borrowed(&self.key),
            wrapped_key: self.wrapped_key.as_str().into(),
            nonce: self.nonce.as_str().into(),
            sealed_for: Cow::Borrowed(&self.sealed_for),
        };
        let header = serde_json::to_vec(&header).expect("a header of texts and numbers is always valid JSON");
        let length = u32::try_from(header.len()).expect("a header is some hundred bytes long");
        [MAGIC.as_slice(), &length.to_be_bytes(), &header].concat()
    }

    /// What the body authenticates; `front` is the blob's own.
    pub(crate) fn body_context<'a>(&self, front: &'a [u8]) -> Cow<'a, [u8]> {
        match self.format {
            Format::First => Cow::Borrowed(front),
            Format::Second => Cow::Owned(
                serde_json::to_vec(&(FORMAT_2, &self.sealed_for))
                    .expect("texts and numbers are always valid JSON"),
            ),
        }
    }
}

/// Header, the bytes up to the body, and the body.
pub(crate) fn split(blob: &[u8]) -> Result<(Header, &[u8], &[u8]), OpenError> {
    if blob.len() < MAGIC.len() && MAGIC.starts_with(blob) {
        return Err(OpenError::Truncated);
    }
    let rest = blob.strip_prefix(MAGIC).ok_or(OpenError::NotSealed)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(OpenError::Truncated)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > LONGEST_HEADER {
        return Err(OpenError::NotSealed);
    }
    if rest.len() < length {
        return Err(OpenError::Truncated);
    }
    let (json, body) = rest.split_at(length);
    let front = &blob[..MAGIC.len() + 4 + length];

    // The format comes first: a later one may have a header of another shape.
    #[derive(Deserialize)]
    struct AnyFormat {
        format: String,
    }
    let AnyFormat { format } = serde_json::from_slice(json).map_err(OpenError::Header)?;
    let header = match format.as_str() {
        FORMAT_1 => {
            let first: FirstFormat = serde_json::from_slice(json).map_err(OpenError::Header)?;
            Header {
                format: Format::First,
                key: KeyId::Master(first.key_version),
                wrapped_key: first.wrapped_key,
                nonce: first.nonce,
                sealed_for: first.sealed_for,
            }
        }
        FORMAT_2 => {
            let second: SecondFormat<'_> = serde_json::from_slice(json).map_err(OpenError::Header)?;
            let header = Header {
                format: Format::Second,
                key: second.key.into_owned(),
                wrapped_key: second.wrapped_key.into_owned(),
                nonce: second.nonce.into_owned(),
                sealed_for: second.sealed_for.into_owned(),
            };
            // The body does not authenticate the header's spelling, so only one is taken.
            if header.front() != front {
                return Err(OpenError::HeaderSpelling);
            }
            header
        }
        _ => return Err(OpenError::UnknownFormat { format }),
    };
    Ok((header, front, body))
}
