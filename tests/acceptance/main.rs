//! Stories through the real programs: `siteplane api` and `siteplane worker` as processes, the true Terraform,
//! a true Postgres, on the simulated cloud.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and shows what it saw"
)]

mod aws_provider;
mod aws_provider_and_simulation;
mod checker;
mod document;
mod installation;
mod keys;
mod kill;
mod listener;
mod luck;
mod outage;
#[path = "../peers/peer.rs"]
mod peer;
mod plan;
mod rate_limits;
mod rooms;
mod sign_in;
mod start;
