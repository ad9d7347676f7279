//! Shipping state: each whole, newer version that Terraform writes goes to S3 while it runs.
//!
//! Terraform's remote backends save every twenty seconds or more during an apply, so a killed run would forget
//! what it made; the local file is written after every resource. A read can be torn: only whole JSON is shipped.

use std::{path::PathBuf, time::Duration};

use db::state_versions::{self, Standing};
use state::{
    store::StoreError,
    terraform_state::TerraformState,
    versions::{ShipError, StateStore, StateWrite, Stored},
};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    attempt::{Stop, Store, in_transaction},
    report::Reporter,
    workspace::{Leftover, Owner, STATE, Workspace},
};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The shortest time between two versions.
const SHIP_EVERY: Duration = Duration::from_secs(1);
/// Pauses between tries while S3 is away: doubling, at most five seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Ships the state of one attempt.
#[derive(Debug)]
pub struct Shipper {
    owner: Owner,
    file: PathBuf,
    states: StateStore,
    store: Store,
    reporter: Reporter,
    /// Lineage and serial of the last version that is stored.
    shipped: Option<(String, u64)>,
    /// The state that Terraform could not write to its file.
    rescued: Option<Vec<u8>>,
}

impl Shipper {
    /// A shipper for a workspace whose state was `stored` as it lies there.
    pub fn new(
        workspace: &Workspace,
        states: StateStore,
        store: Store,
        reporter: Reporter,
        stored: Option<(String, u64)>,
    ) -> Self {
        Self {
            owner: workspace.owner,
            file: workspace.file(STATE),
            states,
            store,
            reporter,
            shipped: stored,
            rescued: None,
        }
    }

    /// Ships while `work` runs, and once more at its end: the last version is stored when this returns.
    ///
    /// # Errors
    /// [`Stop::Lost`]: what could not be stored is still in the workspace.
    pub async fn while_running<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::pin!(work);
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            tokio::select! {
                biased;
                value = &mut work => {
                    self.ship_last().await?;
                    return Ok(value);
                }
                () = tokio::time::sleep_until(next_look) => {}
            }
            let started = Instant::now();
            // Terraform's end must be noticed while S3 is slow or away: the run goes on beside the shipping.
            let (shipped, ended) = {
                let shipping = self.ship_if_newer();
                tokio::pin!(shipping);
                tokio::select! {
                    biased;
                    shipped = &mut shipping => (shipped?, None),
                    value = &mut work => (shipping.await?, Some(value)),
                }
            };
            if let Some(value) = ended {
                self.ship_last().await?;
                return Ok(value);
            }
            next_look = started + if shipped { SHIP_EVERY } else { LOOK_EVERY };
        }
    }

    /// Ships the version that lies there, unless it is stored already.
    ///
    /// # Errors
    /// [`Stop::Lost`].
    pub async fn ship_last(&mut self) -> Result<(), Stop> {
        self.ship_if_newer().await.map(drop)
    }

    /// Ships a state that Terraform could not write to its file, as on a full disk, and left elsewhere.
    ///
    /// # Errors
    /// [`Stop::Lost`].
    pub async fn ship_rescued(&mut self, state: Vec<u8>) -> Result<(), Stop> {
        self.ship(&state).await?;
        self.rescued = Some(state);
        Ok(())
    }

    /// The state that Terraform could not write to its file: newer than what lies there.
    pub fn rescued(&self) -> Option<&[u8]> {
        self.rescued.as_deref()
    }

    /// `true` where a version was shipped.
    async fn ship_if_newer(&mut self) -> Result<bool, Stop> {
        let bytes = match tokio::fs::read(&self.file).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                warn!(error = %error, "The state in the workspace can't be read");
                return Ok(false);
            }
        };
        self.ship(&bytes).await
    }

    async fn ship(&mut self, bytes: &[u8]) -> Result<bool, Stop> {
        // Torn: the next look finds it whole.
        let Ok(state) = TerraformState::parse(bytes) else {
            return Ok(false);
        };
        let version = (state.lineage, state.serial);
        if self
            .shipped
            .as_ref()
            .is_some_and(|(lineage, serial)| *lineage == version.0 && *serial >= version.1)
        {
            return Ok(false);
        }
        let stored = self.store_patiently(bytes).await?;
        let standing = in_transaction!(self.store, tx => {
            // The answer to an earlier commit may have been lost.
            let known = state_versions::list(tx, self.owner.site).await?;
            match known.into_iter().find(|known| known.id == stored.id) {
                Some(known) => Ok(known.standing),
                None => Ok(stored.record(tx).await?),
            }
        })?;
        if standing == Standing::Quarantined {
            return Err(Stop::Lost);
        }
        self.shipped = Some(version);
        Ok(true)
    }

    /// Stores the sealed blob, as long as it takes: a run whose state is stored nowhere must not end.
    async fn store_patiently(&self, bytes: &[u8]) -> Result<Stored, Stop> {
        let mut pause = FIRST_PAUSE;
        loop {
            let write = write_of(self.owner, bytes);
            match self.store.unless_lost(self.states.store(write)).await? {
                Ok(stored) => return Ok(stored),
                Err(error) => {
                    warn!(deployment.id = %self.owner.deployment, error = %format!("{:#}", anyhow::Error::new(error)),
                        "Could not store the state; trying again in {} ms", pause.as_millis());
                    self.reporter.say(
                        "log",
                        crate::report::Report {
                            message: "The state can't be stored right now; it is kept in the workspace and tried again"
                                .to_owned(),
                            ..crate::report::Report::default()
                        },
                    );
                }
            }
            self.store.unless_lost(tokio::time::sleep(pause)).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn write_of(owner: Owner, bytes: &[u8]) -> StateWrite<'_> {
    StateWrite {
        customer: owner.customer,
        site: owner.site,
        deployment: owner.deployment,
        attempt: owner.attempt,
        bytes,
    }
}

/// Ships what an attempt left in its workspace, unless it is stored or is only what the attempt started from.
/// Its lease is gone, so it is quarantined, for recovery to look at.
///
/// # Errors
/// S3 or the database is away, or the workspace can't be read: it must stay.
pub async fn ship_left(
    states: &StateStore,
    pool: &sqlx::PgPool,
    leftover: &Leftover,
) -> Result<(), ShipLeftError> {
    let owner = leftover.owner;
    let Some(bytes) = leftover.read(STATE)? else {
        return Ok(());
    };
    let Ok(state) = TerraformState::parse(&bytes) else {
        return Ok(());
    };
    if leftover.started_from()? == Some((state.lineage.clone(), state.serial)) {
        return Ok(());
    }
    let mut tx = db::tenant::begin(pool, db::tenant::Scope::Worker).await?;
    let known = state_versions::list(&mut tx, owner.site).await?;
    tx.commit().await?;
    let serial = i64::try_from(state.serial).map_err(|_| ShipError::OutOfRange)?;
    let is_stored = known.iter().any(|version| {
        version.lineage == state.lineage
            && version.serial == serial
            && (version.deployment, version.attempt) == (owner.deployment, owner.attempt)
    });
    if !is_stored {
        match states
            .ship(pool, db::tenant::Scope::Worker, write_of(owner, &bytes))
            .await
        {
            // A twin on this machine was faster.
            Ok(_) | Err(ShipError::Store(StoreError::AlreadyExists { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Why what was left could not be shipped.
#[derive(Debug, thiserror::Error)]
pub enum ShipLeftError {
    /// The workspace can't be read.
    #[error("the workspace can't be read")]
    Workspace(#[from] std::io::Error),
    /// S3 or the database is away.
    #[error("the state can't be stored")]
    Ship(#[from] ShipError),
    /// The database is away.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
}
