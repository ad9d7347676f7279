//! The sealed blob: encrypted, and self-describing.
//!
//! ```text
//! "SPSEALED"  8 bytes
//! length      4 bytes, big endian: of the header
//! header      JSON: format, key_version, wrapped_key, nonce, sealed_for
//! body        AES-256-GCM of the content under the data key, tag at the end
//! ```
//!
//! Each blob has a random data key of its own, which stands in the header, wrapped by AES-256-GCM under a master
//! key (nonce, ciphertext, tag). The wrapping authenticates format, key version and [`SealedFor`]; the body
//! authenticates everything before it, the header byte for byte. So a blob can be neither changed nor passed off
//! as another site's, and one who has the blobs and the master keys needs nothing else to read them.

use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload, consts::U12},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::id::{CloudAccountId, CustomerId, DeploymentId, MailId, SigningKeyId, SiteId, UserId};
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::keys::{KEY_LENGTH, MasterKeys, UnknownKeyVersion};

const MAGIC: &[u8; 8] = b"SPSEALED";
const FORMAT: &str = "siteplane-sealed-1";
const NONCE_LENGTH: usize = 12;
/// Far above what a header needs; a length beyond it means that the bytes are something else.
const LONGEST_HEADER: usize = 16 * 1024;

/// What a blob holds and to whom it belongs: the part of the header that the opener must expect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SealedFor {
    /// A site's Terraform state.
    State {
        /// The customer that owns the site.
        customer_id: CustomerId,
        /// The site.
        site_id: SiteId,
        /// The state's serial, as Terraform counts it.
        serial: u64,
    },
    /// A plan kept for its approval, with its lock file.
    Plan {
        /// The customer that owns the site.
        customer_id: CustomerId,
        /// The site.
        site_id: SiteId,
        /// The deployment that made the plan and alone may apply it.
        deployment_id: DeploymentId,
    },
    /// The credentials of a cloud account; kept in Postgres.
    Credentials {
        /// The customer whose account it is; none for an account of the platform's own.
        customer_id: Option<CustomerId>,
        /// The account.
        cloud_account_id: CloudAccountId,
    },
    /// A site's own secrets, such as its database password; kept in Postgres beside a specification.
    SiteSecrets {
        /// The customer that owns the site.
        customer_id: CustomerId,
        /// The site.
        site_id: SiteId,
        /// The number of the specification that they belong to.
        specification: i32,
    },
    /// The sensitive outputs of a site's last good apply; kept in Postgres.
    SiteOutputs {
        /// The customer that owns the site.
        customer_id: CustomerId,
        /// The site.
        site_id: SiteId,
    },
    /// A person's TOTP secret; kept in Postgres.
    Totp {
        /// The person.
        user_id: UserId,
    },
    /// The private half of a key that signs access tokens; kept in Postgres.
    SigningKey {
        /// The key.
        signing_key_id: SigningKeyId,
    },
    /// What a mail says, with the links in it; kept in Postgres until it is sent.
    Mail {
        /// The mail.
        mail_id: MailId,
    },
}

/// The readable front of a blob. It is authenticated only once the blob has been opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    format: String,
    /// The master key version under which the data key is wrapped.
    pub key_version: u32,
    wrapped_key: String,
    nonce: String,
    /// What the blob says it is.
    pub sealed_for: SealedFor,
}

/// Seals `content` under the current master key.
///
/// # Errors
/// [`SealError`], in practice never.
pub fn seal(keys: &MasterKeys, sealed_for: &SealedFor, content: &[u8]) -> Result<Vec<u8>, SealError> {
    let (key_version, master) = keys.current();
    let data_key: [u8; KEY_LENGTH] = random()?;
    let nonce: [u8; NONCE_LENGTH] = random()?;
    let header = Header {
        format: FORMAT.to_owned(),
        key_version,
        wrapped_key: STANDARD.encode(wrap(master, key_version, sealed_for, &data_key)?),
        nonce: STANDARD.encode(nonce),
        sealed_for: sealed_for.clone(),
    };
    let header = serde_json::to_vec(&header).expect("a header of texts and numbers is always valid JSON");
    let length = u32::try_from(header.len()).expect("a header is some hundred bytes long");

    let mut blob = [MAGIC.as_slice(), &length.to_be_bytes(), &header].concat();
    let body = cipher(&data_key)
        .encrypt(
            &Nonce::<U12>::from(nonce),
            Payload {
                msg: content,
                aad: &blob,
            },
        )
        .map_err(|_| SealError::TooLong {
            length: content.len(),
        })?;
    blob.extend(body);
    Ok(blob)
}

/// Opens a blob that must be what the caller expects; another site's, or an older serial's, is refused.
///
/// # Errors
/// [`OpenError`] where the blob is damaged, is something else, or its key is not known.
pub fn open(keys: &MasterKeys, expected: &SealedFor, blob: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (found, content) = open_any(keys, blob)?;
    if found != *expected {
        return Err(OpenError::ForAnother {
            expected: Box::new(expected.clone()),
            found: Box::new(found),
        });
    }
    Ok(content)
}

/// Opens a blob and says what it is: the way back when S3 and the master keys are all that is left.
///
/// # Errors
/// As [`open`], except that every content is fine.
pub fn open_any(keys: &MasterKeys, blob: &[u8]) -> Result<(SealedFor, Vec<u8>), OpenError> {
    let (header, front, body) = split(blob)?;
    let master = keys.version(header.key_version)?;
    let data_key = unwrap_key(master, &header)?;
    let nonce: [u8; NONCE_LENGTH] = decode(&header.nonce, "nonce")?;
    let content = cipher(&data_key)
        .decrypt(
            &Nonce::<U12>::from(nonce),
            Payload {
                msg: body,
                aad: front,
            },
        )
        .map_err(|_| OpenError::Damaged)?;
    Ok((header.sealed_for, content))
}

/// Reads a blob's header without opening it, for instance to find what an old master key version still holds.
///
/// # Errors
/// [`OpenError`] where there is no readable header.
pub fn read_header(blob: &[u8]) -> Result<Header, OpenError> {
    split(blob).map(|(header, _, _)| header)
}

/// Seals a small value, such as the fields of a credential, as JSON.
///
/// # Errors
/// [`SealError::NotJson`] where the value has no form in JSON.
pub fn seal_value<T: Serialize>(
    keys: &MasterKeys,
    sealed_for: &SealedFor,
    value: &T,
) -> Result<Vec<u8>, SealError> {
    let content = serde_json::to_vec(value).map_err(|_| SealError::NotJson)?;
    seal(keys, sealed_for, &content)
}

/// Opens what [`seal_value`] sealed.
///
/// # Errors
/// As [`open`], and [`OpenError::NotTheValue`].
pub fn open_value<T: DeserializeOwned>(
    keys: &MasterKeys,
    expected: &SealedFor,
    blob: &[u8],
) -> Result<T, OpenError> {
    let content = open(keys, expected, blob)?;
    // The source is left out: serde's messages quote the value, and the value is a secret.
    serde_json::from_slice(&content).map_err(|_| OpenError::NotTheValue)
}

fn split(blob: &[u8]) -> Result<(Header, &[u8], &[u8]), OpenError> {
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
    let (header, body) = rest.split_at(length);

    // The format comes first: a later one may have a header of another shape.
    #[derive(Deserialize)]
    struct Format {
        format: String,
    }
    let Format { format } = serde_json::from_slice(header).map_err(OpenError::Header)?;
    if format != FORMAT {
        return Err(OpenError::UnknownFormat { format });
    }
    let header = serde_json::from_slice(header).map_err(OpenError::Header)?;
    let front = &blob[..MAGIC.len() + 4 + length];
    Ok((header, front, body))
}

fn wrap(
    master: &[u8; KEY_LENGTH],
    key_version: u32,
    sealed_for: &SealedFor,
    data_key: &[u8; KEY_LENGTH],
) -> Result<Vec<u8>, SealError> {
    let nonce: [u8; NONCE_LENGTH] = random()?;
    let wrapped = cipher(master)
        .encrypt(
            &Nonce::<U12>::from(nonce),
            Payload {
                msg: data_key,
                aad: &wrapping_context(key_version, sealed_for),
            },
        )
        .expect("32 bytes are far below the limit of AES-GCM");
    Ok([nonce.as_slice(), &wrapped].concat())
}

fn unwrap_key(master: &[u8; KEY_LENGTH], header: &Header) -> Result<[u8; KEY_LENGTH], OpenError> {
    let wrapped = STANDARD
        .decode(&header.wrapped_key)
        .map_err(|_| OpenError::HeaderField { field: "wrapped_key" })?;
    let (nonce, wrapped) = wrapped
        .split_first_chunk()
        .ok_or(OpenError::HeaderField { field: "wrapped_key" })?;
    let aad = wrapping_context(header.key_version, &header.sealed_for);
    let key = cipher(master)
        .decrypt(
            &Nonce::<U12>::from(*nonce),
            Payload {
                msg: wrapped,
                aad: &aad,
            },
        )
        .map_err(|_| OpenError::WrongKey {
            version: header.key_version,
        })?;
    key.try_into()
        .map_err(|_| OpenError::HeaderField { field: "wrapped_key" })
}

/// What the wrapping of the data key authenticates.
fn wrapping_context(key_version: u32, sealed_for: &SealedFor) -> Vec<u8> {
    serde_json::to_vec(&(FORMAT, key_version, sealed_for)).expect("texts and numbers are always valid JSON")
}

fn cipher(key: &[u8; KEY_LENGTH]) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key))
}

fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(SealError::NoRandomness)?;
    Ok(bytes)
}

fn decode<const N: usize>(text: &str, field: &'static str) -> Result<[u8; N], OpenError> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| OpenError::HeaderField { field })?;
    bytes.try_into().map_err(|_| OpenError::HeaderField { field })
}

/// Why something could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness(#[source] rand::rngs::SysError),
    /// The content is longer than AES-GCM allows (about 64 GiB).
    #[error("{length} bytes are too many to be sealed as one blob")]
    TooLong {
        /// The content's length in bytes.
        length: usize,
    },
    /// The value has no form in JSON, for instance a map with keys that are not text.
    #[error("the value can't be written as JSON")]
    NotJson,
}

/// Why a blob could not be opened. No variant shows any of its content.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The bytes don't begin as a sealed blob does.
    #[error("these bytes are not a sealed blob")]
    NotSealed,
    /// The blob ends inside its header.
    #[error("the sealed blob is cut off inside its header")]
    Truncated,
    /// The header is not the JSON that it should be.
    #[error("the header of the sealed blob can't be read")]
    Header(#[source] serde_json::Error),
    /// One field of the header is not what it should be.
    #[error("the header of the sealed blob has a damaged field {field}")]
    HeaderField {
        /// The field's name.
        field: &'static str,
    },
    /// The blob was written by a version of Siteplane with another format.
    #[error("the sealed blob has the format {format}, which this version does not know")]
    UnknownFormat {
        /// The format's name in the header.
        format: String,
    },
    /// The master key for it is not known here.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKeyVersion),
    /// The data key doesn't unwrap.
    #[error(
        "master key version {version} does not open this blob: the key is another one, or the header was changed"
    )]
    WrongKey {
        /// The version that the header names.
        version: u32,
    },
    /// The data key unwraps, but the body or the rest of the header isn't what was sealed.
    #[error("the sealed blob was changed or cut off")]
    Damaged,
    /// The blob is whole, and is something else than the caller expects.
    #[error("the sealed blob is {found:?}, and {expected:?} was expected")]
    ForAnother {
        /// What the caller expects.
        expected: Box<SealedFor>,
        /// What the blob is.
        found: Box<SealedFor>,
    },
    /// The content opened, and isn't JSON of the expected shape.
    #[error("the sealed value has another shape than expected")]
    NotTheValue,
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
