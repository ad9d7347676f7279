//! The plugin under the real Terraform, with a cloud and a mirror of its own for each test.

mod failures;
#[cfg(test)] // as below
mod google;
mod lifecycle;
mod programs;
#[cfg(test)] // so that clippy takes its functions for tests
mod sites;
#[cfg(test)] // so that clippy takes its functions for tests
mod world;
