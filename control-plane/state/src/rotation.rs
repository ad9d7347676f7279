//! Changing the master key: everything sealed, in Postgres and in S3, wrapped anew under the current one.
//!
//! It runs beside API and workers and may be killed at any point. A value is replaced only where it is still the one
//! that was read, by one that opens to the same content, so whoever reads meanwhile finds either; and what is under
//! the current key already is passed over, so the next run goes on where this one ended.

use std::{collections::BTreeMap, time::Duration};

use db::sealed::{self, Replacement, SEALED_COLUMNS, SealedColumn};
use sqlx::PgPool;
use tokio::task::JoinSet;

use crate::{
    envelope::LONGEST_FRONT,
    keys::{KeyId, MasterKeys},
    seal::{self, Header, OpenError, RewrapError},
    store::{BlobStore, EVERY_BLOB, StoreError},
    versions::StateStore,
};

/// Rows in one transaction.
const ROWS_AT_ONCE: i64 = 200;
/// Blobs under way at once.
const BLOBS_AT_ONCE: usize = 8;
/// So many bytes hold every header that was ever written; a longer one is asked for again.
const USUAL_FRONT: usize = 2048;
/// How often what others held is tried again, and the pause before.
const PASSES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// So many unreadable values are named; the others are counted.
const NAMED: usize = 20;

/// Where sealed values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A column in Postgres.
    Column(SealedColumn),
    /// States and kept plans in S3.
    Blobs,
}

impl Place {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let columns = SEALED_COLUMNS.map(Self::Column);
        columns.into_iter().chain([Self::Blobs]).collect()
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Column(column) => column.fmt(f),
            Self::Blobs => f.write_str("states and plans in S3"),
        }
    }
}

/// What is sealed under which key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// How many values are under each key, by what their headers say.
    pub under: BTreeMap<KeyId, u64>,
    /// Values that are no sealed blobs.
    pub unreadable: Unreadable,
}

/// Values that can't be read: the first ones by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// How many.
    pub count: u64,
    /// Where the first ones are, and why they can't be read.
    pub first: Vec<String>,
}

impl Unreadable {
    fn add(&mut self, place: impl std::fmt::Display, name: &str, why: &dyn std::error::Error) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(format!("{place} {name}: {why}"));
        }
    }

    /// Both, as one.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        let room = NAMED.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
    }
}

impl Census {
    /// Both, as one.
    pub fn merge(&mut self, other: Self) {
        for (key, count) in other.under {
            *self.under.entry(key).or_default() += count;
        }
        self.unreadable.merge(other.unreadable);
    }

    /// How many values are under other keys than `current`.
    pub fn elsewhere(&self, current: &KeyId) -> u64 {
        let others = self.under.iter().filter(|(key, _)| *key != current);
        others.map(|(_, count)| count).sum()
    }
}

/// How far the walk through a place is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Values that were looked at.
    pub read: u64,
    /// Values that were wrapped anew.
    pub rewrapped: u64,
    /// Values that somebody else was changing, at the last look.
    pub held: u64,
    /// Values that don't open.
    pub unreadable: Unreadable,
}

/// Why the walk could not go on. What was wrapped anew until then stays so.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// S3 refused.
    #[error("S3 refused")]
    Store(#[from] StoreError),
    /// A key could not be used.
    #[error("nothing can be wrapped anew")]
    Rewrap(#[from] RewrapError),
    /// A part of the work ended in a panic.
    #[error("a part of the work broke off")]
    Broken(#[from] tokio::task::JoinError),
}

/// Counts what is under which key. `owner` is a pool of the schema's owner.
///
/// # Errors
/// [`RotationError`].
pub async fn count(owner: &PgPool, store: &StateStore, place: Place) -> Result<Census, RotationError> {
    let mut census = Census::default();
    let mut add = |name: &str, header: Result<Header, OpenError>| match header {
        Ok(header) => *census.under.entry(header.key).or_default() += 1,
        Err(error) => census.unreadable.add(place, name, &error),
    };
    match place {
        Place::Column(of) => {
            let front = i32::try_from(LONGEST_FRONT).expect("some thousand bytes");
            let mut after = None;
            loop {
                let mut conn = owner.acquire().await?;
                let rows = sealed::page(&mut conn, &of, after.as_deref(), Some(front), ROWS_AT_ONCE).await?;
                let Some(last) = rows.last() else { break };
                after = Some(last.key.clone());
                for row in rows {
                    add(&row.key.join(" "), seal::read_header(&row.sealed));
                }
            }
        }
        Place::Blobs => {
            let mut after: Option<String> = None;
            loop {
                let blobs = store.blobs.list_after(EVERY_BLOB, after.as_deref()).await?;
                let Some(last) = blobs.last() else { break };
                after = Some(last.key.clone());
                for some in blobs.chunks(BLOBS_AT_ONCE) {
                    let mut reading = JoinSet::new();
                    for blob in some {
                        let (store, blob) = (store.blobs.clone(), blob.clone());
                        reading.spawn(async move {
                            let header = header_of(&store, &blob.key, blob.length).await;
                            (blob.key, header)
                        });
                    }
                    while let Some(read) = reading.join_next().await {
                        let (key, header) = read?;
                        if let Some(header) = header? {
                            add(&key, header);
                        }
                    }
                }
            }
        }
    }
    Ok(census)
}

/// Wraps everything in a place anew that is not under the current key. `tell` hears of every step.
///
/// # Errors
/// [`RotationError`]. Values that don't open are no error, and stay.
pub async fn rewrap(
    owner: &PgPool,
    store: &StateStore,
    place: Place,
    mut tell: impl FnMut(&Walk),
) -> Result<Walk, RotationError> {
    let mut rewrapped = 0;
    for pass in 1.. {
        let mut walk = Walk {
            rewrapped,
            ..Walk::default()
        };
        match place {
            Place::Column(of) => rewrap_column(owner, &store.keys, &of, &mut walk, &mut tell).await?,
            Place::Blobs => rewrap_blobs(store, &mut walk, &mut tell).await?,
        }
        if walk.held == 0 || pass == PASSES {
            return Ok(walk);
        }
        rewrapped = walk.rewrapped;
        tokio::time::sleep(PAUSE * pass).await;
    }
    unreachable!("the last pass returns")
}

async fn rewrap_column(
    owner: &PgPool,
    keys: &MasterKeys,
    of: &SealedColumn,
    walk: &mut Walk,
    tell: &mut impl FnMut(&Walk),
) -> Result<(), RotationError> {
    let mut after = None;
    loop {
        // The connection is given back while keys are asked: a key service may be slow.
        let rows = {
            let mut conn = owner.acquire().await?;
            sealed::page(&mut conn, of, after.as_deref(), None, ROWS_AT_ONCE).await?
        };
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.key.clone());
        let mut replacements = Vec::new();
        for read in rows {
            walk.read += 1;
            match rewrapped(keys, &read.sealed)? {
                Ok(None) => {}
                Ok(Some(sealed)) => replacements.push(Replacement { read, sealed }),
                Err(error) => walk.unreadable.add(of, &read.key.join(" "), &error),
            }
        }
        if !replacements.is_empty() {
            let mut conn = owner.acquire().await?;
            let replaced = sealed::replace(&mut conn, of, &replacements).await?;
            walk.rewrapped += replaced;
            walk.held += u64::try_from(replacements.len()).unwrap_or(u64::MAX) - replaced;
        }
        tell(walk);
    }
}

async fn rewrap_blobs(
    store: &StateStore,
    walk: &mut Walk,
    tell: &mut impl FnMut(&Walk),
) -> Result<(), RotationError> {
    let mut after: Option<String> = None;
    loop {
        let blobs = store.blobs.list_after(EVERY_BLOB, after.as_deref()).await?;
        let Some(last) = blobs.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for some in blobs.chunks(BLOBS_AT_ONCE) {
            let mut under_way = JoinSet::new();
            for blob in some {
                let (store, blob) = (store.clone(), blob.clone());
                under_way.spawn(async move {
                    let outcome = rewrap_blob(&store, &blob.key, blob.length).await;
                    (blob.key, outcome)
                });
            }
            while let Some(done) = under_way.join_next().await {
                let (key, outcome) = done?;
                walk.read += 1;
                match outcome? {
                    Outcome::Fine => {}
                    Outcome::Rewrapped => walk.rewrapped += 1,
                    Outcome::Held => walk.held += 1,
                    Outcome::Unreadable(error) => walk.unreadable.add(Place::Blobs, &key, &error),
                }
            }
        }
        tell(walk);
    }
}

enum Outcome {
    /// It is under the current key, or gone.
    Fine,
    Rewrapped,
    Held,
    Unreadable(OpenError),
}

async fn rewrap_blob(store: &StateStore, key: &str, length: u64) -> Result<Outcome, RotationError> {
    match header_of(&store.blobs, key, length).await? {
        None => return Ok(Outcome::Fine),
        Some(Ok(header)) if seal::is_current(&store.keys, &header) => return Ok(Outcome::Fine),
        Some(_) => {}
    }
    let read = match store.blobs.get_tagged(key).await {
        Ok(read) => read,
        Err(StoreError::NotFound { .. }) => return Ok(Outcome::Fine),
        Err(error) => return Err(error.into()),
    };
    Ok(match rewrapped(&store.keys, &read.bytes)? {
        Ok(None) => Outcome::Fine,
        Ok(Some(blob)) if store.blobs.replace(key, &read, &blob).await? => Outcome::Rewrapped,
        Ok(Some(_)) => Outcome::Held,
        Err(error) => Outcome::Unreadable(error),
    })
}

/// The header of a blob; none where the blob is gone.
async fn header_of(
    store: &BlobStore,
    key: &str,
    length: u64,
) -> Result<Option<Result<Header, OpenError>>, StoreError> {
    // A range of nothing is refused.
    if length == 0 {
        return Ok(Some(seal::read_header(&[])));
    }
    for bytes in [USUAL_FRONT, LONGEST_FRONT] {
        let front = match store.get_front(key, bytes).await {
            Ok(front) => front,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match seal::read_header(&front) {
            Err(OpenError::Truncated) if bytes < LONGEST_FRONT && front.len() == bytes => {}
            header => return Ok(Some(header)),
        }
    }
    Ok(Some(Err(OpenError::Truncated)))
}

/// A value under the current key; none where it is already. The inner error is the value's own fault.
fn rewrapped(keys: &MasterKeys, sealed: &[u8]) -> Result<Result<Option<Vec<u8>>, OpenError>, RewrapError> {
    let header = match seal::read_header(sealed) {
        Ok(header) => header,
        Err(error) => return Ok(Err(error)),
    };
    if seal::is_current(keys, &header) {
        return Ok(Ok(None));
    }
    match seal::rewrap(keys, sealed) {
        Ok(sealed) => Ok(Ok(Some(sealed))),
        Err(RewrapError::Open(error)) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
