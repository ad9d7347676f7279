//! Runs Terraform so that it can be watched, stopped and never outlives its lease.
//!
//! The worker side is [`command`]: it starts one [`supervisor`] process per attempt and speaks the
//! [`protocol`] with it over pipes. The supervisor owns Terraform's process group and ends it when the
//! worker dies, freezes or loses its lease. Around it: what Terraform prints ([`stream`], [`mask`],
//! [`lines`]), what it is given ([`environment`], [`plugins`], [`version`]) and what a crash left
//! ([`processes`]). What to run, and when, is decided by the jobs.
//!
//! The one invariant: when a run is reported as over, nothing that it started is alive.

pub mod command;
pub mod environment;
pub mod lines;
pub mod mask;
pub mod plugins;
pub mod processes;
pub mod protocol;
pub mod stream;
pub mod supervisor;
pub mod version;

/// Milliseconds on this machine's boot clock (`CLOCK_BOOTTIME`), which goes on while the machine is
/// suspended. The same for every process of a machine, and for no other machine.
#[must_use]
pub fn boot_clock_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).expect("the boot clock starts at zero");
    let nanoseconds = u64::try_from(now.tv_nsec).expect("nanoseconds of a time are not negative");
    seconds * 1_000 + nanoseconds / 1_000_000
}
