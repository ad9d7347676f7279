//! All SQL of Siteplane: plain functions on `&mut PgConnection`, one file a term.
//!
//! A caller opens a transaction with [`tenant::begin`], which is the only door, and every function joins it.
//! Each migration, table and policy is described in `migrations/`.

pub mod audit;
pub mod cloud_accounts;
pub mod credentials;
pub mod customers;
pub mod deployments;
mod enqueue;
pub mod events;
pub mod idempotency;
pub mod invitations;
pub mod mails;
pub mod one_time_tokens;
pub mod queue;
pub mod rate_counts;
pub mod recent_deployments;
pub mod resources;
pub mod roles;
pub mod schema;
pub mod sealed;
pub mod sessions;
pub mod sign_in_failures;
pub mod signing_keys;
pub mod sites;
pub mod specifications;
pub mod state_locks;
pub mod state_versions;
pub mod steps;
pub mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tokens;
pub mod users;
pub mod workers;

pub use enqueue::{PruneBells, enqueue, prune_bells};

/// The text of a row that no longer parses: the schema and this program disagree.
fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
