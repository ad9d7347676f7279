//! Handlers, one file a resource.

pub(crate) mod deployments;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod plans;
pub(crate) mod providers;
pub(crate) mod quotes;
pub(crate) mod sites;
pub(crate) mod terraform_state;
pub(crate) mod workers;
