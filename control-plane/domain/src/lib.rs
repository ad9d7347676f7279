//! The rules of Siteplane.
//!
//! Everything here is pure: no clock, no database, no network, no async. Time, randomness and
//! settings are arguments, so that each rule can be tested on any day with a table of cases.

pub mod access;
pub mod deployment;
pub mod id;
pub mod job;
pub mod mail;
pub mod money;
pub mod plan;
pub mod price;
pub mod provider;
pub mod site;
pub mod specification;
pub mod step;
pub mod tfvars;
