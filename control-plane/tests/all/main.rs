//! The API, called as its callers do, on a real database: one binary, one module a resource.

#[cfg(test)]
mod authorization;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod events;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod site_changes;
#[cfg(test)]
mod site_deletion;
#[cfg(test)]
mod sites;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod terraform_state;
