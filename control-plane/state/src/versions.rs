//! The versions of sites' states: sealed and stored in S3, recorded in Postgres.
//!
//! A version is stored first and recorded second, so that Postgres never names a blob that isn't there. What
//! was stored and never recorded is found by its key ([`crate::store::blob_prefix`]) and opens with the master
//! keys alone.

use db::{
    state_versions::{self, NewStateVersion, Standing, StateVersion},
    tenant::{self, Scope},
};
use domain::id::{CustomerId, DeploymentId, SiteId, StateVersionId};
use sqlx::{PgConnection, PgPool};

use crate::{
    keys::MasterKeys,
    seal::{self, OpenError, SealError, SealedFor},
    store::{BlobKind, BlobStore, StoreError, new_blob_key},
    terraform_state::{StateParseError, TerraformState},
};

/// Sealed states and plans: where they are, and the keys to them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StateStore {
    /// The bucket.
    pub blobs: BlobStore,
    /// The master keys.
    pub keys: MasterKeys,
}

/// A state that a deployment's attempt wrote.
#[derive(Debug, Clone, Copy)]
pub struct StateWrite<'a> {
    /// Whose site it is.
    pub customer: CustomerId,
    /// The site.
    pub site: SiteId,
    /// The deployment.
    pub deployment: DeploymentId,
    /// The attempt, which is the fence: after its lease the version is kept, and doesn't count.
    pub attempt: i32,
    /// The whole state file.
    pub bytes: &'a [u8],
}

/// A state whose blob is in S3, to be recorded with [`Stored::record`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The id that its version will have.
    pub id: StateVersionId,
    /// Whose site it is.
    pub customer: CustomerId,
    /// The site.
    pub site: SiteId,
    /// The deployment that wrote it.
    pub deployment: DeploymentId,
    /// The attempt that wrote it.
    pub attempt: i32,
    /// Terraform's lineage.
    pub lineage: String,
    /// Terraform's serial.
    pub serial: i64,
    /// How many managed resources it knows.
    pub resources: i32,
    /// Its key in S3.
    pub blob_key: String,
}

impl Stored {
    /// Records the version in the caller's transaction, which can hold an audit row beside it.
    ///
    /// # Errors
    /// The database refused. The blob stays, and recording can be tried again.
    pub async fn record(&self, conn: &mut PgConnection) -> sqlx::Result<Standing> {
        let new = NewStateVersion {
            id: self.id,
            customer: self.customer,
            site: self.site,
            deployment: self.deployment,
            attempt: self.attempt,
            lineage: &self.lineage,
            serial: self.serial,
            resources: self.resources,
            blob_key: &self.blob_key,
        };
        state_versions::record(conn, &new).await
    }
}

/// A version that is stored and recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// What was stored.
    pub stored: Stored,
    /// Whether it is the site's state now, or kept aside.
    pub standing: Standing,
}

/// The states that recovery chooses from, with [`crate::newest::newest_whole`].
#[derive(Debug)]
pub struct Candidates {
    /// In the order of trust: the current one, then the quarantined ones from the newest on.
    pub readable: Vec<(StateVersion, Vec<u8>)>,
    /// Versions whose blob is gone or doesn't open; a person must hear of them.
    pub unreadable: Vec<(StateVersion, ReadError)>,
}

impl StateStore {
    /// Seals a whole state, stores it and records it, in that order.
    ///
    /// # Errors
    /// [`ShipError`]. Shipping the same state again is always safe.
    pub async fn ship(
        &self,
        pool: &PgPool,
        scope: Scope,
        write: StateWrite<'_>,
    ) -> Result<Shipped, ShipError> {
        let stored = self.store(write).await?;
        let mut tx = tenant::begin(pool, scope).await?;
        let standing = stored.record(&mut tx).await?;
        tx.commit().await?;
        Ok(Shipped { stored, standing })
    }

    /// Seals a whole state and stores it, for a caller that records it in a transaction of its own.
    ///
    /// # Errors
    /// [`ShipError`], without the database's.
    pub async fn store(&self, write: StateWrite<'_>) -> Result<Stored, ShipError> {
        let StateWrite {
            customer,
            site,
            deployment,
            attempt,
            bytes,
        } = write;
        let state = TerraformState::parse(bytes)?;
        let serial = i64::try_from(state.serial).map_err(|_| ShipError::OutOfRange)?;
        let resources = i32::try_from(state.managed().count()).map_err(|_| ShipError::OutOfRange)?;
        let sealed_for = SealedFor::State {
            customer_id: customer,
            site_id: site,
            serial: state.serial,
        };
        let blob = seal::seal(&self.keys, &sealed_for, bytes)?;
        let blob_key = new_blob_key(BlobKind::State, customer, site, deployment, state.serial, attempt);
        self.blobs.put(&blob_key, &blob).await?;
        Ok(Stored {
            id: StateVersionId::new(),
            customer,
            site,
            deployment,
            attempt,
            lineage: state.lineage,
            serial,
            resources,
            blob_key,
        })
    }

    /// The site's current state, or none if it never had one.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn current(
        &self,
        pool: &PgPool,
        scope: Scope,
        customer: CustomerId,
        site: SiteId,
    ) -> Result<Option<(StateVersion, Vec<u8>)>, ReadError> {
        // No transaction stays open while S3 is asked.
        let mut tx = tenant::begin(pool, scope).await?;
        let version = state_versions::current(&mut tx, site).await?;
        tx.commit().await?;
        let Some(version) = version else { return Ok(None) };
        let bytes = self.open_version(customer, site, &version).await?;
        Ok(Some((version, bytes)))
    }

    /// The current state and every quarantined one since: each may be the only record of something that exists.
    ///
    /// # Errors
    /// Where S3 or the database can't be asked. A blob that is gone or damaged is no error, and is handed back.
    pub async fn candidates(
        &self,
        pool: &PgPool,
        scope: Scope,
        customer: CustomerId,
        site: SiteId,
    ) -> Result<Candidates, ReadError> {
        let mut tx = tenant::begin(pool, scope).await?;
        let current = state_versions::current(&mut tx, site).await?;
        let quarantined = state_versions::quarantined_since_current(&mut tx, site).await?;
        tx.commit().await?;
        let mut candidates = Candidates {
            readable: Vec::new(),
            unreadable: Vec::new(),
        };
        for version in current.into_iter().chain(quarantined) {
            match self.open_version(customer, site, &version).await {
                Ok(bytes) => candidates.readable.push((version, bytes)),
                Err(error @ (ReadError::Open(_) | ReadError::Store(StoreError::NotFound { .. }))) => {
                    candidates.unreadable.push((version, error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(candidates)
    }

    /// The state file of one version.
    ///
    /// # Errors
    /// [`ReadError`]; also where the blob under the version's key is another site's or another serial's.
    pub async fn open_version(
        &self,
        customer: CustomerId,
        site: SiteId,
        version: &StateVersion,
    ) -> Result<Vec<u8>, ReadError> {
        let serial = u64::try_from(version.serial).map_err(|_| ReadError::OutOfRange)?;
        let blob = self.blobs.get(&version.blob_key).await?;
        let expected = SealedFor::State {
            customer_id: customer,
            site_id: site,
            serial,
        };
        Ok(seal::open(&self.keys, &expected, &blob)?)
    }

    /// Deletes the versions of a final deployment, all but its last and the site's current one, and says how
    /// many. A deployment that isn't final keeps all of them.
    ///
    /// The rows are marked, then the blobs go, then the rows: whatever is cut off is finished by the next call.
    ///
    /// # Errors
    /// [`ReadError`], where S3 or the database can't be asked.
    pub async fn thin(
        &self,
        pool: &PgPool,
        scope: Scope,
        deployment: DeploymentId,
    ) -> Result<usize, ReadError> {
        let mut tx = tenant::begin(pool, scope).await?;
        let blob_keys = state_versions::mark_thinned(&mut tx, deployment).await?;
        tx.commit().await?;
        for blob_key in &blob_keys {
            self.blobs.delete(blob_key).await?;
        }
        let mut tx = tenant::begin(pool, scope).await?;
        state_versions::forget_thinned(&mut tx, &blob_keys).await?;
        tx.commit().await?;
        Ok(blob_keys.len())
    }
}

/// Why a state could not be shipped. It is still in the workspace.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The bytes are no whole state; a torn one is to be read again.
    #[error("there is no whole state to ship")]
    State(#[from] StateParseError),
    /// It could not be sealed.
    #[error("the state could not be sealed")]
    Seal(#[from] SealError),
    /// It could not be stored.
    #[error("the state could not be stored")]
    Store(#[from] StoreError),
    /// It is stored, and could not be recorded.
    #[error("the state is stored but could not be recorded")]
    Database(#[from] sqlx::Error),
    /// A serial or a number of resources is beyond what the database holds.
    #[error("the state's serial or its number of resources is out of range")]
    OutOfRange,
}

/// Why stored states or plans could not be read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The blob could not be had.
    #[error("the blob could not be fetched")]
    Store(#[from] StoreError),
    /// The blob is there and doesn't open.
    #[error("the blob could not be opened")]
    Open(#[from] OpenError),
    /// The database could not be asked.
    #[error("the database could not be asked for the blob")]
    Database(#[from] sqlx::Error),
    /// The database holds a serial that can't be.
    #[error("the recorded serial is out of range")]
    OutOfRange,
    /// The blob opens, and isn't a bundle of plan and lock file.
    #[error("the kept plan is not a bundle of plan and lock file")]
    NotABundle,
}

#[cfg(test)]
#[path = "versions_tests.rs"]
mod tests;
