//! Blobs in S3, or in anything that speaks its protocol.
//!
//! A blob is written once: every write carries `If-None-Match: *`. It is replaced only where its data key is wrapped
//! anew, with `If-Match`. Credentials, region and
//! endpoint are passed in; nothing is looked up in the environment or asked of a metadata service.

use std::time::Duration;

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::{ProvideErrorMetadata, SdkError},
    operation::get_object::builders::GetObjectFluentBuilder,
    primitives::ByteStream,
    types::{BucketLocationConstraint, CreateBucketConfiguration, Object},
};
use aws_smithy_http_client::{Builder as HttpClientBuilder, tls};
use domain::id::{CustomerId, DeploymentId, SiteId};
use uuid::Uuid;

/// Where the blobs are and how to get at them.
#[derive(Clone)]
pub struct StoreSettings {
    /// The server's address, such as `http://127.0.0.1:9000`; none for Amazon's own of the region.
    pub endpoint_url: Option<String>,
    /// The region, such as `us-east-1`; other makers' servers take any.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Whether the bucket stands in the path instead of the host name; most other makers' servers want it.
    pub path_style: bool,
    /// The access key's id.
    pub access_key: String,
    /// The access key's secret.
    pub secret_key: String,
    /// How long to wait and how often to try.
    pub patience: Patience,
}

impl std::fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSettings")
            .field("endpoint_url", &self.endpoint_url)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("path_style", &self.path_style)
            .field("access_key", &self.access_key)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// How long an operation waits and how often it tries.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection to be made.
    pub connect: Duration,
    /// For one attempt, from its start to the answer; the reading of a blob's body has as long again.
    pub attempt: Duration,
    /// How often in all it is tried when the server is away or busy.
    pub attempts: u32,
    /// The longest pause before the second attempt; it doubles with each further one, and is drawn at random.
    pub first_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            attempt: Duration::from_secs(10),
            attempts: 4,
            first_pause: Duration::from_secs(1),
        }
    }
}

/// What a stored blob holds: the part of its key by which a person finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// A version of a site's Terraform state.
    State,
    /// A plan kept for its approval.
    Plan,
}

impl BlobKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Plan => "plan",
        }
    }
}

/// A new key for a blob:
/// `customers/<customer>/sites/<site>/<kind>/<deployment>/<serial>-<attempt>-<random>`.
///
/// Keys of one deployment sort by serial. Ids are written without hyphens and the random part has 12 digits,
/// because the local S3 server keeps the base64 of the whole key in a file name (at most 255 bytes).
pub fn new_blob_key(
    kind: BlobKind,
    customer: CustomerId,
    site: SiteId,
    deployment: DeploymentId,
    serial: u64,
    attempt: i32,
) -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!(
        "{}{serial:010}-{attempt}-{}",
        blob_prefix(kind, customer, site, deployment),
        &random[..12]
    )
}

/// The beginning that all keys of one deployment share.
pub fn blob_prefix(kind: BlobKind, customer: CustomerId, site: SiteId, deployment: DeploymentId) -> String {
    let (customer, site, deployment) = (customer.0.simple(), site.0.simple(), deployment.0.simple());
    format!(
        "{EVERY_BLOB}{customer}/sites/{site}/{}/{deployment}/",
        kind.as_str()
    )
}

/// One blob in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its key.
    pub key: String,
    /// Its length in bytes, sealed.
    pub length: u64,
}

/// A blob as it was read, with what tells it from what may be there later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedBlob {
    /// The sealed bytes.
    pub bytes: Vec<u8>,
    /// The server's ETag.
    tag: String,
}

/// What every blob's key begins with.
pub const EVERY_BLOB: &str = "customers/";

/// A bucket of blobs. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct BlobStore {
    client: Client,
    bucket: String,
    region: String,
    body_timeout: Duration,
}

impl BlobStore {
    /// Prepares the client; nothing is asked of the server yet.
    pub fn new(settings: &StoreSettings) -> Self {
        let StoreSettings { patience, .. } = settings;
        let http_client = HttpClientBuilder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(patience.connect)
            .operation_attempt_timeout(patience.attempt)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(patience.attempts)
            .with_initial_backoff(patience.first_pause);
        let credentials = Credentials::new(
            &settings.access_key,
            &settings.secret_key,
            None,
            None,
            "siteplane settings",
        );
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client)
            .region(Region::new(settings.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(settings.path_style)
            .timeout_config(timeouts)
            .retry_config(retries)
            // A sealed blob authenticates itself, and not every maker's server knows the newer checksums.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        config.set_endpoint_url(settings.endpoint_url.clone());
        Self {
            client: Client::from_conf(config.build()),
            bucket: settings.bucket.clone(),
            region: settings.region.clone(),
            body_timeout: patience.attempt,
        }
    }

    /// Stores a blob under a key that must be free.
    ///
    /// The same bytes under the same key count as stored: a retry can't know that the attempt before it reached
    /// the server.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] where other bytes are there, and whatever keeps us from S3.
    pub async fn put(&self, key: &str, blob: &[u8]) -> Result<(), StoreError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_none_match("*")
            .content_type("application/octet-stream")
            .body(ByteStream::from(blob.to_vec()));
        match put.send().await.map_err(|error| StoreError::from_sdk(key, error)) {
            Ok(_) => Ok(()),
            Err(StoreError::AlreadyExists { .. }) if self.get(key).await? == blob => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and whatever keeps us from S3.
    pub async fn get(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.get_tagged(key).await?.bytes)
    }

    /// The first `bytes` of a blob, or all of a shorter one.
    ///
    /// # Errors
    /// As [`BlobStore::get`].
    pub async fn get_front(&self, key: &str, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        let range = format!("bytes=0-{}", bytes.saturating_sub(1));
        Ok(self.read(key, get.range(range)).await?.bytes)
    }

    /// Reads a blob with the tag by which [`BlobStore::replace`] knows that it is still the same.
    ///
    /// # Errors
    /// As [`BlobStore::get`].
    pub async fn get_tagged(&self, key: &str) -> Result<TaggedBlob, StoreError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        self.read(key, get).await
    }

    /// Puts other bytes in the place of those that were read, and says whether it could: a blob that was deleted or
    /// replaced meanwhile stays as it is. For wrapping anew alone; what a blob says never changes.
    ///
    /// # Errors
    /// Whatever keeps us from S3.
    pub async fn replace(&self, key: &str, read: &TaggedBlob, blob: &[u8]) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_match(&read.tag)
            .content_type("application/octet-stream")
            .body(ByteStream::from(blob.to_vec()));
        match put.send().await.map_err(|error| StoreError::from_sdk(key, error)) {
            Ok(_) => Ok(true),
            // An attempt before may have been the one that replaced it.
            Err(StoreError::AlreadyExists { .. }) => match self.get(key).await {
                Ok(there) => Ok(there == blob),
                Err(StoreError::NotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            },
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, key: &str, get: GetObjectFluentBuilder) -> Result<TaggedBlob, StoreError> {
        let answer = get
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(key, error))?;
        let tag = answer.e_tag.unwrap_or_default();
        let body = tokio::time::timeout(self.body_timeout, answer.body.collect())
            .await
            .map_err(|elapsed| StoreError::Unavailable {
                source: elapsed.into(),
            })?
            .map_err(|broken| StoreError::Unavailable {
                source: broken.into(),
            })?;
        Ok(TaggedBlob {
            bytes: body.to_vec(),
            tag,
        })
    }

    /// Deletes a blob; one that isn't there counts as deleted.
    ///
    /// # Errors
    /// Whatever keeps us from S3.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(key);
        match delete
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(key, error))
        {
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The next blobs after the key `after`, in the order of their keys; at most a thousand. None are left where
    /// none come.
    ///
    /// # Errors
    /// Whatever keeps us from S3.
    pub async fn list_after(&self, prefix: &str, after: Option<&str>) -> Result<Vec<StoredBlob>, StoreError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let page = list
            .set_start_after(after.map(str::to_owned))
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(prefix, error))?;
        Ok(stored_blobs(page.contents))
    }

    /// All blobs whose keys begin with `prefix`, in the order of their keys.
    ///
    /// # Errors
    /// Whatever keeps us from S3.
    pub async fn list(&self, prefix: &str) -> Result<Vec<StoredBlob>, StoreError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = list.into_paginator().send();
        let mut blobs = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| StoreError::from_sdk(prefix, error))?;
            blobs.extend(stored_blobs(page.contents));
        }
        Ok(blobs)
    }

    /// Creates the bucket if it isn't there. Safe to call at every start, and by several processes at once.
    ///
    /// # Errors
    /// Whatever keeps us from S3, or it refuses to create the bucket.
    pub async fn ensure_bucket(&self) -> Result<(), StoreError> {
        match self.head_bucket().await {
            Err(StoreError::NotFound { .. }) => {}
            there_or_failed => return there_or_failed,
        }
        let mut create = self.client.create_bucket().bucket(&self.bucket);
        // The first region is the one that may not be named here.
        if self.region != "us-east-1" {
            let location = BucketLocationConstraint::from(self.region.as_str());
            create = create.create_bucket_configuration(
                CreateBucketConfiguration::builder()
                    .location_constraint(location)
                    .build(),
            );
        }
        match create.send().await {
            Ok(_) => Ok(()),
            // Another process may have been quicker; then it is there now, and ours.
            Err(error) => match self.head_bucket().await {
                Ok(()) => Ok(()),
                Err(_) => Err(StoreError::from_sdk(&self.bucket, error)),
            },
        }
    }

    async fn head_bucket(&self) -> Result<(), StoreError> {
        let head = self.client.head_bucket().bucket(&self.bucket);
        head.send()
            .await
            .map(drop)
            .map_err(|error| StoreError::from_sdk(&self.bucket, error))
    }
}

fn stored_blobs(objects: Option<Vec<Object>>) -> Vec<StoredBlob> {
    let objects = objects.unwrap_or_default().into_iter();
    objects
        .filter_map(|object| {
            let length = u64::try_from(object.size.unwrap_or_default()).unwrap_or_default();
            Some(StoredBlob {
                key: object.key?,
                length,
            })
        })
        .collect()
}

/// What went wrong between us and S3, by what one can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such blob (or, from `ensure_bucket`, no such bucket).
    #[error("{key} is not in the blob store")]
    NotFound {
        /// The key that was asked for.
        key: String,
    },
    /// There is another blob under this key already; it was not touched.
    #[error("{key} is in the blob store already, with other content")]
    AlreadyExists {
        /// The key.
        key: String,
    },
    /// The server could not be reached, did not answer in time or is overloaded, at every attempt. Try later.
    #[error("the blob store is not available")]
    Unavailable {
        /// What the client saw last.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server does not accept the credentials, or they don't allow this. Only other settings help.
    #[error("the blob store refused the credentials ({code})")]
    Refused {
        /// The server's own word, such as `AccessDenied`.
        code: String,
        /// The whole answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else, such as a bucket that doesn't exist.
    #[error("the blob store answered with an error ({code})")]
    Other {
        /// The server's own word, such as `NoSuchBucket`, or `-`.
        code: String,
        /// The whole answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    fn from_sdk<E>(key: &str, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().unwrap_or("-").to_owned();
        match (&error, status) {
            (SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_), _) => {
                Self::Unavailable { source: error.into() }
            }
            (_, Some(404)) if code != "NoSuchBucket" => Self::NotFound { key: key.to_owned() },
            (_, Some(412)) => Self::AlreadyExists { key: key.to_owned() },
            (_, Some(401 | 403)) => Self::Refused {
                code,
                source: error.into(),
            },
            // 409 on a conditional write: another write of the same key is under way.
            (_, Some(408 | 429 | 500..)) => Self::Unavailable { source: error.into() },
            (_, Some(409)) if code == "ConditionalRequestConflict" || code == "OperationAborted" => {
                Self::Unavailable { source: error.into() }
            }
            _ => Self::Other {
                code,
                source: error.into(),
            },
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
