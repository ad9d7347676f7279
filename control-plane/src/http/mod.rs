//! Handlers, one file a resource.

pub(crate) mod customers;
pub(crate) mod deployments;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod if_match;
pub(crate) mod jwks;
pub(crate) mod links;
pub(crate) mod me;
pub(crate) mod metrics;
pub(crate) mod plans;
pub(crate) mod providers;
pub(crate) mod quotes;
pub(crate) mod sessions;
pub(crate) mod sites;
pub(crate) mod terraform_state;
pub(crate) mod workers;
