//! What every handler may reach: database, state, settings. Nothing else is global.

use std::{sync::Arc, time::Duration};

use domain::provider::World;
use sqlx::PgPool;
use state::versions::StateStore;
use tokio_util::sync::CancellationToken;

use crate::{event_bell::EventBell, http::metrics::Metrics};

/// What the API is told by its configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worlds in which new sites may stand; production has `real` only.
    pub allowed_worlds: Vec<World>,
    /// Between two signs of life on an event stream. The bearer's token is asked for again at each.
    pub event_heartbeat: Duration,
    /// After which an event stream looks for itself, in case an announcement was lost.
    pub event_poll: Duration,
    /// After which a request that has no answer yet is given up; streams are not bound by it.
    pub request_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_worlds: vec![World::Real],
            event_heartbeat: Duration::from_secs(15),
            event_poll: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// The API's dependencies. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct App {
    /// The database, as a login that is a member of the four roles and owns nothing.
    pub pool: PgPool,
    /// Sealed states in S3, and the master keys.
    pub store: StateStore,
    /// What the configuration says.
    pub settings: Arc<Settings>,
    pub(crate) bell: Arc<EventBell>,
    pub(crate) metrics: Arc<Metrics>,
    /// Event streams end when this is cancelled; nothing else waits for it.
    pub(crate) shutdown: CancellationToken,
}

impl App {
    /// Puts the parts together. Nothing is connected or started yet.
    pub fn new(pool: PgPool, store: StateStore, settings: Settings) -> Self {
        Self {
            bell: Arc::new(EventBell::new(pool.clone())),
            pool,
            store,
            settings: Arc::new(settings),
            metrics: Arc::new(Metrics::new()),
            shutdown: CancellationToken::new(),
        }
    }
}
