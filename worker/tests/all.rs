//! The integration tests of the worker, in one binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod deployments;
#[path = "../../tests/peers/peer.rs"]
mod peer;
mod terraform;
