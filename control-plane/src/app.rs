//! What every handler may reach: database, state, settings. Nothing else is global.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::provider::World;
use ipnet::IpNet;
use sqlx::PgPool;
use state::versions::StateStore;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::access_token::Keyring,
    event_bell::EventBell,
    http::metrics::Metrics,
    rate_limit::{RateLimiter, RateLimits},
};

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
    /// Where people reach this installation: in links that are mailed, and as the issuer of access tokens.
    pub public_url: String,
    /// How people sign in.
    pub sign_in: SignInSettings,
    /// How much callers may ask for.
    pub rate_limits: RateLimits,
    /// Proxies in front of the API, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// How people sign in.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// A session that is not used for so long ends.
    pub idle: TimeDelta,
    /// A session ends after so long in any case.
    pub absolute: TimeDelta,
    /// Whether the platform's people may do nothing before they signed in with a second factor.
    pub platform_second_factor: bool,
    /// How long an invitation is good.
    pub invitation: TimeDelta,
    /// How long a mailed link is good.
    pub link: TimeDelta,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self {
            idle: TimeDelta::days(7),
            absolute: TimeDelta::days(30),
            platform_second_factor: true,
            invitation: TimeDelta::days(7),
            link: TimeDelta::hours(1),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_worlds: vec![World::Real],
            event_heartbeat: Duration::from_secs(15),
            event_poll: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            public_url: "http://127.0.0.1:7600".to_owned(),
            sign_in: SignInSettings::default(),
            rate_limits: RateLimits::NONE,
            trusted_proxies: Vec::new(),
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
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) rate_limiter: Arc<RateLimiter>,
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
            keyring: Arc::new(Keyring::default()),
            rate_limiter: Arc::new(RateLimiter::new()),
            shutdown: CancellationToken::new(),
        }
    }
}
