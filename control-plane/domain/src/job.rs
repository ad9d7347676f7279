//! What the queue carries: an id and nothing else. The table of deployments says what to do.

use serde::{Deserialize, Serialize};

use crate::id::DeploymentId;

/// A kind of job.
pub trait Job: Serialize {
    /// Name of the queue.
    const QUEUE: &'static str;
    /// How often the queue may hand the job out. One: we count attempts ourselves.
    const MAX_ATTEMPTS: usize = 1;
}

/// Rings the workers: this deployment is runnable, or something is that this one held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDeployment {
    /// The deployment that became runnable.
    pub deployment_id: DeploymentId,
}

impl Job for RunDeployment {
    const QUEUE: &'static str = "deployments";
}
