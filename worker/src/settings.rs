//! What a worker is told at its start.

use std::{path::PathBuf, time::Duration};

use domain::provider::World;

use crate::MailSettings;

/// Everything that a worker is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Terraform binary; else `PATH` is searched.
    pub terraform_bin: Option<PathBuf>,
    /// Folder with the clouds' own plugins; else Terraform's usual places are searched.
    pub plugin_mirror: Option<PathBuf>,
    /// Folder with the simulated cloud's plugins; without it there are no simulated accounts.
    pub simulated_mirror: Option<PathBuf>,
    /// The modules.
    pub modules: PathBuf,
    /// Durable folder for workspaces, mode 0700.
    pub workspaces: PathBuf,
    /// How many deployments run at once.
    pub slots: usize,
    /// The lease.
    pub lease: LeaseTerms,
    /// How long Terraform may wind down when a person cancels.
    pub cancel_grace: Duration,
    /// How each attempt's supervisor is started.
    pub supervisor: SupervisorCommand,
    /// Worlds whose accounts may be used; production allows `real` only.
    pub worlds: Vec<World>,
    /// Longest time for each of Terraform's phases.
    pub deadlines: Deadlines,
    /// How letters leave; without it they stay in the outbox.
    pub mail: Option<MailSettings>,
    /// Free disk space under `workspaces` below which nothing new is claimed, in bytes.
    pub minimum_free_disk: u64,
}

/// How a supervisor is started: `siteplane supervise`.
#[derive(Clone, Debug)]
pub struct SupervisorCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Longest time for each of Terraform's phases.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// `init`, `show`, `import`, `untaint`.
    pub short: Duration,
    /// `plan`.
    pub plan: Duration,
    /// `apply`.
    pub apply: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            short: Duration::from_secs(300),
            plan: Duration::from_secs(30 * 60),
            apply: Duration::from_secs(2 * 60 * 60),
        }
    }
}

/// Lengths of the lease. Every worker of one database needs the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How long a claim or a renewal is good.
    pub length: Duration,
    /// How often it is renewed.
    pub renew_every: Duration,
    /// How long before its end the supervisor interrupts Terraform.
    pub margin: Duration,
    /// How long Terraform may wind down then, before it is killed.
    pub grace: Duration,
    /// How long after its end another attempt may start.
    pub takeover_after: Duration,
    /// How often each worker looks for leases that ran out.
    pub sweep_every: Duration,
}

impl Default for LeaseTerms {
    /// A site whose worker died moves again within 45 seconds.
    fn default() -> Self {
        Self {
            length: Duration::from_secs(30),
            renew_every: Duration::from_secs(5),
            margin: Duration::from_secs(12),
            grace: Duration::from_secs(10),
            takeover_after: Duration::from_secs(3),
            sweep_every: Duration::from_secs(2),
        }
    }
}

impl LeaseTerms {
    /// For tests and chaos: moving again within 10 seconds.
    pub fn short() -> Self {
        Self {
            length: Duration::from_secs(6),
            renew_every: Duration::from_secs(1),
            margin: Duration::from_secs(3),
            grace: Duration::from_secs(2),
            takeover_after: Duration::from_millis(500),
            sweep_every: Duration::from_millis(500),
        }
    }

    /// What is wrong with the lengths, if anything: Terraform must be off the cloud before the lease ends.
    pub fn problem(&self) -> Option<&'static str> {
        if self.grace >= self.margin {
            Some(
                "lease.grace must be shorter than lease.margin, so that Terraform is gone before the lease ends",
            )
        } else if self.renew_every * 2 + self.margin > self.length {
            Some(
                "lease.length must hold lease.margin and two of lease.renew_every, so that one lost renewal costs nothing",
            )
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sets_of_terms_hold_together() {
        assert_eq!(LeaseTerms::default().problem(), None);
        assert_eq!(LeaseTerms::short().problem(), None);
        let hasty = LeaseTerms {
            grace: Duration::from_secs(12),
            ..LeaseTerms::default()
        };
        assert!(
            hasty
                .problem()
                .is_some_and(|problem| problem.contains("lease.grace"))
        );
        let lazy = LeaseTerms {
            renew_every: Duration::from_secs(10),
            ..LeaseTerms::default()
        };
        assert!(
            lazy.problem()
                .is_some_and(|problem| problem.contains("lease.length"))
        );
    }
}
