//! The API, called as its callers do, on a real database: one binary, one module a resource.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod authorization;
mod bodies;
mod client_address;
mod deployments;
mod documents;
mod events;
mod idempotency;
mod operation;
mod plans;
mod quotes;
mod rate_limits;
mod secure_headers;
mod sign_in;
mod site_changes;
mod site_deletion;
mod sites;
mod stage;
mod terraform_state;
