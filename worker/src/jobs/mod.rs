//! What jobs do, a file each.

pub mod run_deployment;
