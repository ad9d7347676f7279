//! How much a caller and a customer may ask for.
//!
//! Each token or person has an allowance of requests a minute, and all of a customer's together have one that is
//! larger. Counts are shared by all processes of the API through Postgres: a process takes a hundredth of an
//! allowance at a time and spends it by itself, so what is left over in other processes is at most a hundredth each,
//! and a large allowance costs no more writes than a small one. A caller whose allowance is used up is refused out
//! of memory until its window ends: a flood costs its sender's process nothing but the refusal.

mod deployments;
mod standing;

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderValue, StatusCode, header};
use db::{
    rate_counts::{self, Part},
    tenant::{self, Scope},
    tokens::{Bearer, Proof},
};
pub(crate) use deployments::admit_deployment;
use domain::specification::Secret;
use sha2::{Digest, Sha256};
use standing::Line;
pub(crate) use standing::Standing;

use crate::{App, error::ApiError};

/// What callers may ask for, by what their customer bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Tier `standard`.
    pub standard: Allowance,
    /// Tier `premium`.
    pub premium: Allowance,
    /// Tier `enterprise`.
    pub enterprise: Allowance,
    /// Each token or person of the platform.
    pub platform: Allowance,
    /// How many callers' worth of requests all of a customer's callers have together.
    pub callers_per_customer: u32,
    /// Over which requests are counted.
    pub window: Duration,
}

/// What may be asked for; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests of one token or person in a window.
    pub requests: Option<NonZeroU32>,
    /// Deployments of one customer in an hour that make or change a site.
    pub deployments: Option<NonZeroU32>,
}

impl Allowance {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        requests: None,
        deployments: None,
    };
}

impl RateLimits {
    /// No limit at all.
    pub const NONE: Self = Self {
        standard: Allowance::UNLIMITED,
        premium: Allowance::UNLIMITED,
        enterprise: Allowance::UNLIMITED,
        platform: Allowance::UNLIMITED,
        callers_per_customer: 5,
        window: Duration::from_secs(60),
    };

    fn of_tier(&self, tier: &str) -> Allowance {
        match tier {
            "enterprise" => self.enterprise,
            "premium" => self.premium,
            _ => self.standard,
        }
    }

    /// What this bearer's requests are counted against, the customer before the caller.
    fn quotas(&self, bearer: &Bearer) -> Vec<Quota> {
        let allowance = bearer
            .tier
            .as_deref()
            .map_or(self.platform, |tier| self.of_tier(tier));
        let Some(requests) = allowance.requests.map(NonZeroU32::get) else {
            return Vec::new();
        };
        let of_caller = Quota {
            name: "caller",
            subject: match (&bearer.proof, bearer.user) {
                (Proof::Session { .. }, Some(user)) => format!("user:{user}"),
                (Proof::Session { id, .. }, None) => format!("session:{id}"),
                (Proof::Token(token), _) => format!("token:{token}"),
            },
            size: requests,
        };
        let of_customer = bearer.customer.map(|customer| Quota {
            name: "customer",
            subject: format!("customer:{customer}"),
            size: requests.saturating_mul(self.callers_per_customer),
        });
        of_customer.into_iter().chain([of_caller]).collect()
    }
}

/// How much a subject may use in a window.
#[derive(Clone, Debug)]
struct Quota {
    name: &'static str,
    subject: String,
    size: u32,
}

impl Quota {
    /// How much a process takes at once.
    fn part(&self) -> u32 {
        (self.size / 100).max(1)
    }
}

/// What a process holds of a subject's allowance.
#[derive(Debug)]
struct Lease {
    /// Taken and not spent.
    left: u32,
    /// What nobody had taken when this process asked last.
    untaken: u32,
    ends: Instant,
}

impl Lease {
    fn is_over(&self, now: Instant) -> bool {
        self.ends <= now
    }

    fn is_used_up(&self, now: Instant) -> bool {
        !self.is_over(now) && self.left == 0 && self.untaken == 0
    }
}

type SharedLease = Arc<tokio::sync::Mutex<Lease>>;

/// A caller that this process has met. Whose a token is never changes; what its customer bought does.
#[derive(Debug)]
struct Known {
    tier: Option<String>,
    quotas: Arc<[Quota]>,
    seen: Instant,
}

/// The leases of this process.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// By the digest of what they show.
    known: Mutex<HashMap<[u8; 32], Known>>,
    leases: Mutex<HashMap<String, SharedLease>>,
    swept: Mutex<Instant>,
}

impl RateLimiter {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            leases: Mutex::default(),
            swept: Mutex::new(Instant::now()),
        }
    }

    /// Counts a request of a caller that this process knows already, before anybody looks up who it is. Says whether
    /// it did.
    ///
    /// # Errors
    /// 429, or the database refused.
    pub(crate) async fn count_known(
        &self,
        app: &App,
        token: &Secret,
        standing: &Standing,
    ) -> Result<bool, ApiError> {
        let quotas = {
            let mut known = lock(&self.known);
            let Some(known) = known.get_mut(&digest(token)) else {
                return Ok(false);
            };
            known.seen = Instant::now();
            known.quotas.clone()
        };
        self.spend(app, &quotas, standing).await?;
        Ok(true)
    }

    /// Learns whose the token is and what that caller may, and counts the request unless [`Self::count_known`] did.
    ///
    /// # Errors
    /// 429, or the database refused.
    pub(crate) async fn count(
        &self,
        app: &App,
        token: &Secret,
        bearer: &Bearer,
        counted: bool,
        standing: &Standing,
    ) -> Result<(), ApiError> {
        if counted && self.knows(token, bearer) {
            return Ok(());
        }
        let quotas: Arc<[Quota]> = app.settings.rate_limits.quotas(bearer).into();
        if quotas.is_empty() {
            // Who was limited may have bought more since.
            lock(&self.known).remove(&digest(token));
            return Ok(());
        }
        let met = Known {
            tier: bearer.tier.clone(),
            quotas: quotas.clone(),
            seen: Instant::now(),
        };
        lock(&self.known).insert(digest(token), met);
        self.sweep(app).await?;
        if !counted {
            self.spend(app, &quotas, standing).await?;
        }
        Ok(())
    }

    fn knows(&self, token: &Secret, bearer: &Bearer) -> bool {
        lock(&self.known)
            .get(&digest(token))
            .is_some_and(|known| known.tier == bearer.tier)
    }

    async fn spend(&self, app: &App, quotas: &[Quota], standing: &Standing) -> Result<(), ApiError> {
        let shared: Vec<SharedLease> = quotas.iter().map(|quota| self.lease(&quota.subject)).collect();
        // Always the customer's first: two requests never wait for each other.
        let mut leases = Vec::with_capacity(shared.len());
        for lease in &shared {
            leases.push(lease.lock().await);
        }
        let now = Instant::now();
        let mut refused = leases.iter().position(|lease| lease.is_used_up(now));
        if refused.is_none() {
            refill(app, quotas, &mut leases, now).await?;
            refused = leases.iter().position(|lease| lease.left == 0);
        }
        if refused.is_none() {
            for lease in &mut leases {
                lease.left -= 1;
            }
        }
        let lines: Vec<Line> = quotas
            .iter()
            .zip(&leases)
            .map(|(quota, lease)| Line {
                name: quota.name,
                size: quota.size,
                left: lease.left.saturating_add(lease.untaken),
                ends_in: lease.ends.saturating_duration_since(now),
            })
            .collect();
        let refusal = refused.map(|place| {
            let whose = match lines[place].name {
                "customer" => "all tokens and people of the customer together",
                _ => "this token or person",
            };
            too_many(
                &format!(
                    "{whose} may make {} requests in {} seconds",
                    lines[place].size,
                    seconds(app.settings.rate_limits.window)
                ),
                lines[place].ends_in,
            )
        });
        standing.set(lines);
        refusal.map_or(Ok(()), Err)
    }

    fn lease(&self, subject: &str) -> SharedLease {
        let mut leases = lock(&self.leases);
        if let Some(lease) = leases.get(subject) {
            return lease.clone();
        }
        let lease = Arc::new(tokio::sync::Mutex::new(Lease {
            left: 0,
            untaken: 0,
            ends: Instant::now(),
        }));
        leases.insert(subject.to_owned(), lease.clone());
        lease
    }

    /// Forgets who has not come for ten windows, here and in the database.
    async fn sweep(&self, app: &App) -> Result<(), ApiError> {
        let patience = app.settings.rate_limits.window * 10;
        let now = Instant::now();
        {
            let mut swept = lock(&self.swept);
            if now.duration_since(*swept) < patience {
                return Ok(());
            }
            *swept = now;
        }
        lock(&self.known).retain(|_, known| now.duration_since(known.seen) < patience);
        // One that somebody is spending from is kept.
        lock(&self.leases)
            .retain(|_, lease| Arc::get_mut(lease).is_none_or(|lease| now < lease.get_mut().ends + patience));
        let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
        rate_counts::prune(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Takes a part for each lease that is over or has nothing left, all in one statement.
async fn refill(
    app: &App,
    quotas: &[Quota],
    leases: &mut [tokio::sync::MutexGuard<'_, Lease>],
    now: Instant,
) -> Result<(), ApiError> {
    let wanting: Vec<usize> = (0..leases.len())
        .filter(|place| leases[*place].is_over(now) || leases[*place].left == 0)
        .collect();
    if wanting.is_empty() {
        return Ok(());
    }
    let parts: Vec<Part<'_>> = wanting
        .iter()
        .map(|place| Part {
            subject: &quotas[*place].subject,
            size: quotas[*place].part(),
        })
        .collect();
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let counts = rate_counts::take(&mut tx, &parts, app.settings.rate_limits.window).await?;
    tx.commit().await?;
    for (place, count) in wanting.into_iter().zip(counts) {
        let (left, untaken) = granted(count.taken, quotas[place].part(), quotas[place].size);
        *leases[place] = Lease {
            left,
            untaken,
            ends: now + count.ends_in,
        };
    }
    Ok(())
}

/// Of a part that was taken, what there still was; and what is left for others.
fn granted(taken: i64, part: u32, size: u32) -> (u32, u32) {
    let within = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
    let before = taken - i64::from(part);
    let left = within(i64::from(size) - before).min(part);
    (left, within(i64::from(size) - taken))
}

fn too_many(what: &str, wait: Duration) -> ApiError {
    let wait = seconds(wait).max(1);
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "Too much at once",
        format!("{what}; there is room again in {wait} seconds"),
    )
    .with_header(header::RETRY_AFTER, HeaderValue::from(wait))
}

/// Whole seconds, never too few.
fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose().as_bytes()).into()
}

/// A panic elsewhere leaves these maps whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::granted;

    #[test]
    fn a_part_is_granted_as_far_as_there_is_something_left() {
        // Allowance 100 in parts of 10: (taken by all, this part included) → (granted, left for others).
        for (taken, expected) in [
            (10, (10, 90)),
            (100, (10, 0)),
            (104, (6, 0)),
            (109, (1, 0)),
            (110, (0, 0)),
            (1000, (0, 0)),
        ] {
            assert_eq!(granted(taken, 10, 100), expected, "{taken}");
        }
    }
}
