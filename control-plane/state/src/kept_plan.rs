//! Plans that wait for approval: plan file and lock file in one sealed blob.
//!
//! Both are needed to apply on another host what was approved; the rest that must still be the same (module,
//! binary, account, region) stands in the deployment's row.

use domain::id::{CustomerId, DeploymentId, SiteId};

use crate::{
    seal::{self, SealedFor},
    store::{BlobKind, StoreError, new_blob_key},
    versions::{ReadError, ShipError, StateStore},
};

/// What `terraform plan -out` left, and the lock file it was made with.
#[derive(Clone, PartialEq, Eq)]
pub struct PlanBundle {
    /// The plan file.
    pub plan: Vec<u8>,
    /// `.terraform.lock.hcl`.
    pub lock_file: Vec<u8>,
}

/// A plan holds secrets.
impl std::fmt::Debug for PlanBundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanBundle")
            .field("plan_bytes", &self.plan.len())
            .field("lock_file_bytes", &self.lock_file.len())
            .finish()
    }
}

impl PlanBundle {
    /// The plan's length in eight bytes, big endian; the plan; the lock file.
    fn pack(&self) -> Vec<u8> {
        let length = u64::try_from(self.plan.len()).expect("a length fits 64 bits");
        [
            &length.to_be_bytes(),
            self.plan.as_slice(),
            self.lock_file.as_slice(),
        ]
        .concat()
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (length, files) = bytes.split_first_chunk()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        let (plan, lock_file) = files.split_at_checked(length)?;
        Some(Self {
            plan: plan.to_vec(),
            lock_file: lock_file.to_vec(),
        })
    }
}

impl StateStore {
    /// Seals and stores a plan, and gives its key for the deployment's row.
    ///
    /// # Errors
    /// [`ShipError`], of sealing and of S3.
    pub async fn keep_plan(
        &self,
        customer: CustomerId,
        site: SiteId,
        deployment: DeploymentId,
        attempt: i32,
        bundle: &PlanBundle,
    ) -> Result<String, ShipError> {
        let sealed_for = SealedFor::Plan {
            customer_id: customer,
            site_id: site,
            deployment_id: deployment,
        };
        let blob = seal::seal(&self.keys, &sealed_for, &bundle.pack())?;
        let blob_key = new_blob_key(BlobKind::Plan, customer, site, deployment, 0, attempt);
        self.blobs.put(&blob_key, &blob).await?;
        Ok(blob_key)
    }

    /// Fetches a kept plan. Another deployment's plan under this key is refused.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn open_plan(
        &self,
        customer: CustomerId,
        site: SiteId,
        deployment: DeploymentId,
        blob_key: &str,
    ) -> Result<PlanBundle, ReadError> {
        let expected = SealedFor::Plan {
            customer_id: customer,
            site_id: site,
            deployment_id: deployment,
        };
        let blob = self.blobs.get(blob_key).await?;
        let bundle = seal::open(&self.keys, &expected, &blob)?;
        PlanBundle::unpack(&bundle).ok_or(ReadError::NotABundle)
    }

    /// Deletes a kept plan that was applied, or never will be. Safe to repeat.
    ///
    /// # Errors
    /// Whatever keeps us from S3.
    pub async fn drop_plan(&self, blob_key: &str) -> Result<(), StoreError> {
        self.blobs.delete(blob_key).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_unpacked_as_it_was_packed_and_a_short_one_is_refused() {
        for (plan, lock_file) in [
            (&b"PK\x03\x04plan"[..], &b"# lock"[..]),
            (b"", b""),
            (b"", b"x"),
            (b"x", b""),
        ] {
            let bundle = PlanBundle {
                plan: plan.to_vec(),
                lock_file: lock_file.to_vec(),
            };
            let packed = bundle.pack();
            assert_eq!(PlanBundle::unpack(&packed).unwrap(), bundle);
            for length in 0..8 + plan.len() {
                assert_eq!(
                    PlanBundle::unpack(&packed[..length]),
                    None,
                    "cut to {length} bytes"
                );
            }
        }
    }

    #[test]
    fn debug_shows_lengths_only() {
        let bundle = PlanBundle {
            plan: b"hunter2".to_vec(),
            lock_file: Vec::new(),
        };
        assert_eq!(
            format!("{bundle:?}"),
            "PlanBundle { plan_bytes: 7, lock_file_bytes: 0 }"
        );
    }
}
