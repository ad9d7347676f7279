//! Tests of `db` on a real Postgres, a database for each, as the roles that the programs use.

#[cfg(test)]
mod catalog;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod enqueue;
#[cfg(test)]
mod events;
#[cfg(test)]
mod fairness;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sealed;
#[cfg(test)]
mod state;
#[cfg(test)]
mod tenancy;
