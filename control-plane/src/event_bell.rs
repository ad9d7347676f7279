//! One listening connection for the whole process: says which deployment has new events, to whoever follows one.
//!
//! A ring only says "look": followers read rows. So a lost ring costs time and never an event. After every
//! (re)connection all followers are told to look, because what was announced meanwhile is gone.

use std::{sync::OnceLock, time::Duration};

use domain::id::DeploymentId;
use sqlx::{PgPool, postgres::PgListener};
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

/// Rings that a slow follower may be behind; one that is further behind is told so and looks.
const BACKLOG: usize = 1024;
/// The pause before the second attempt to connect; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Who should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    /// Followers of this deployment.
    Deployment(DeploymentId),
    /// Everyone: announcements may have been missed.
    Everyone,
}

/// The bell. Its task starts with the first follower and ends with the bell.
#[derive(Debug)]
pub(crate) struct EventBell {
    pool: PgPool,
    rings: broadcast::Sender<Ring>,
    listening: OnceLock<DropGuard>,
}

impl EventBell {
    /// A bell that nobody listens to yet.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            rings: broadcast::Sender::new(BACKLOG),
            listening: OnceLock::new(),
        }
    }

    /// Registers interest. Do it before the first look, so that nothing falls in between.
    pub(crate) fn follow(&self) -> broadcast::Receiver<Ring> {
        let receiver = self.rings.subscribe();
        self.listening.get_or_init(|| {
            let end = CancellationToken::new();
            let listening = listen(self.pool.clone(), self.rings.clone());
            tokio::spawn(end.clone().run_until_cancelled_owned(listening));
            end.drop_guard()
        });
        receiver
    }
}

async fn listen(pool: PgPool, rings: broadcast::Sender<Ring>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match listen_once(&pool, &rings, &mut pause).await {
            sqlx::Error::PoolClosed => return,
            error => warn!(%error, "Lost the connection that listens for events; connecting again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Listens until something breaks.
async fn listen_once(pool: &PgPool, rings: &broadcast::Sender<Ring>, pause: &mut Duration) -> sqlx::Error {
    let mut listener = match PgListener::connect_with(pool).await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    if let Err(error) = listener.listen(db::events::CHANNEL).await {
        return error;
    }
    info!("Listening for events");
    *pause = FIRST_PAUSE;
    ring(rings, Ring::Everyone);
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) => match notification.payload().parse() {
                Ok(deployment) => ring(rings, Ring::Deployment(deployment)),
                Err(_) => warn!(
                    payload = notification.payload(),
                    "An announcement of events names no deployment"
                ),
            },
            // The listener connected again by itself.
            Ok(None) => ring(rings, Ring::Everyone),
            Err(error) => return error,
        }
    }
}

fn ring(rings: &broadcast::Sender<Ring>, ring: Ring) {
    // An error only says that nobody follows anything now.
    drop(rings.send(ring));
}
