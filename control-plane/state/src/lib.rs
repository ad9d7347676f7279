//! Terraform state and kept plans: sealed, versioned, fenced, in S3.
//!
//! - [`envelope`], [`keys`] and [`seal`]: the sealed blob, and the master keys that open it; [`rotation`]: everything
//!   sealed, wrapped anew under another one;
//! - [`store`]: blobs in S3; [`local_s3`]: an S3 server inside the process, for development and tests;
//! - [`terraform_state`], [`redact`], [`diff`] and [`newest`]: what a state file says;
//! - [`versions`]: the states of sites, shipped to S3 and recorded in Postgres; [`kept_plan`]: plans that wait.
//!
//! One thing always holds: nothing leaves this crate towards S3 that isn't sealed, and what is there can be
//! read back with S3 and the master keys alone.

pub mod diff;
pub mod envelope;
pub mod kept_plan;
pub mod keys;
#[cfg(feature = "local-s3")]
pub mod local_s3;
pub mod newest;
pub mod redact;
pub mod rotation;
pub mod seal;
pub mod store;
pub mod terraform_state;
pub mod versions;
