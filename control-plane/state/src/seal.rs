//! Sealing, opening, and wrapping anew.
//!
//! Each blob has a random data key of its own, which stands in its header ([`crate::envelope`]), wrapped under a
//! master key. The wrapping authenticates format, key and [`SealedFor`]; the body authenticates format and
//! [`SealedFor`] under the data key. So a blob can be neither changed nor passed off as another site's, and one who
//! has the blobs and the master keys needs nothing else to read them.

use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload, consts::U12},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::id::{CloudAccountId, CustomerId, DeploymentId, MailId, SigningKeyId, SiteId, UserId};
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use crate::envelope::Header;
use crate::{
    envelope::{self, Format},
    keys::{KEY_LENGTH, KeyId, MasterKeys, UnknownKey},
};

pub(crate) const NONCE_LENGTH: usize = 12;

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

/// Seals `content` under the current master key.
///
/// # Errors
/// [`SealError`], in practice never.
pub fn seal(keys: &MasterKeys, sealed_for: &SealedFor, content: &[u8]) -> Result<Vec<u8>, SealError> {
    let data_key: [u8; KEY_LENGTH] = random()?;
    let nonce: [u8; NONCE_LENGTH] = random()?;
    let (key, wrapped_key) = keys.wrap(sealed_for, &data_key)?;
    let header = Header::new(key, wrapped_key, STANDARD.encode(nonce), sealed_for.clone());
    let mut blob = header.front();
    let body = cipher(&data_key)
        .encrypt(
            &Nonce::<U12>::from(nonce),
            Payload {
                msg: content,
                aad: &header.body_context(&blob),
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
    let (header, front, body) = envelope::split(blob)?;
    let data_key = keys.unwrap(&header)?;
    let nonce: [u8; NONCE_LENGTH] = decode(&header.nonce, "nonce")?;
    let content = cipher(&data_key)
        .decrypt(
            &Nonce::<U12>::from(nonce),
            Payload {
                msg: body,
                aad: &header.body_context(front),
            },
        )
        .map_err(|_| OpenError::Damaged)?;
    Ok((header.sealed_for, content))
}

/// Reads a blob's header without opening it; its first [`envelope::LONGEST_FRONT`] bytes are enough.
///
/// # Errors
/// [`OpenError`] where there is no readable header.
pub fn read_header(blob: &[u8]) -> Result<Header, OpenError> {
    envelope::split(blob).map(|(header, _, _)| header)
}

/// Whether a blob with this header is as [`seal`] would make it now. If not, [`rewrap`] makes it so.
pub fn is_current(keys: &MasterKeys, header: &Header) -> bool {
    header.format == Format::Second && header.key == keys.current_id()
}

/// The same blob with its data key wrapped under the current master key. The body stays as it is, unless the blob
/// is of the first format, whose body knows the key.
///
/// # Errors
/// [`RewrapError`].
pub fn rewrap(keys: &MasterKeys, blob: &[u8]) -> Result<Vec<u8>, RewrapError> {
    let (header, _, body) = envelope::split(blob)?;
    if header.format == Format::First {
        let (sealed_for, content) = open_any(keys, blob)?;
        return Ok(seal(keys, &sealed_for, &content)?);
    }
    let data_key = keys.unwrap(&header)?;
    let (key, wrapped_key) = keys.wrap(&header.sealed_for, &data_key)?;
    let header = Header::new(key, wrapped_key, header.nonce, header.sealed_for);
    Ok([header.front().as_slice(), body].concat())
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

pub(crate) fn cipher(key: &[u8; KEY_LENGTH]) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key))
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], SealError> {
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
    /// The header says the right things in another spelling than ours: somebody changed it.
    #[error("the header of the sealed blob was changed")]
    HeaderSpelling,
    /// The blob was written by a version of Siteplane with another format.
    #[error("the sealed blob has the format {format}, which this version does not know")]
    UnknownFormat {
        /// The format's name in the header.
        format: String,
    },
    /// The master key for it is not known here.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// The data key doesn't unwrap.
    #[error("{key} does not open this blob: the key is another one, or the header was changed")]
    WrongKey {
        /// The key that the header names.
        key: KeyId,
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

/// Why a blob could not be wrapped anew. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// It could not be opened.
    #[error("the sealed blob could not be opened")]
    Open(#[from] OpenError),
    /// It could not be sealed again.
    #[error("the sealed blob could not be sealed again")]
    Seal(#[from] SealError),
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
