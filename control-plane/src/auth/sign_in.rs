//! Signing in: the one road from an address and a password to a session, and what slows down who guesses.
//!
//! An address that nobody has is answered like a wrong password: with the same words, after as much work, and with
//! the same growing delay.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use chrono::{DateTime, TimeDelta, Utc};
use db::{
    audit::{self, Actor, ActorKind, AuditEvent},
    credentials, customers,
    one_time_tokens::{self, Purpose},
    sessions::{self, NewSession},
    sign_in_failures,
    tenant::{self, Scope},
    users::{self, User},
};
use domain::{
    id::{SessionId, UserId},
    mail::Letter,
    specification::Secret,
};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{password, password::Verdict, random_text, second_factor};
use crate::{App, client_address::ClientAddress, error::ApiError, mail, trace::TraceId};

/// Wrong passwords of one account before each further one has to wait.
const FREE_FOR_ACCOUNT: i32 = 5;
/// Wrong passwords from one address, for whatever accounts, before each further one has to wait.
const FREE_FOR_ADDRESS: i32 = 50;
/// Longest wait; then the next try is free to be made.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
/// Failures that are older than this are forgotten.
const MEMORY: TimeDelta = TimeDelta::hours(24);
/// At this many failures the person is written to.
const TELL_AT: i32 = 10;

/// Where a request comes from, as a person should see it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The address of the caller.
    pub(crate) address: String,
    /// What the caller says it is: browser and system, at most 200 characters.
    pub(crate) device: String,
    /// The request's trace.
    pub(crate) trace: TraceId,
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let client = parts.extensions.get::<ClientAddress>();
        let device = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("unknown");
        Ok(Self {
            address: client.map_or_else(|| "unknown".to_owned(), |client| client.0.to_string()),
            device: device.chars().take(200).collect(),
            trace: TraceId::of_parts(parts),
        })
    }
}

/// What somebody shows to sign in.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The address.
    pub(crate) email: String,
    /// The password.
    pub(crate) password: Secret,
    /// A code of the second factor, or a recovery code.
    pub(crate) code: Option<Secret>,
}

/// A session that began or went on, with the tokens that belong to it.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// For the next fifteen minutes.
    pub(crate) access: Secret,
    /// For the next access token, once.
    pub(crate) refresh: Secret,
}

/// Signs in, or says why not.
///
/// # Errors
/// 401 for what was shown, 429 after too many failures.
pub(crate) async fn sign_in(app: &App, shown: Shown, origin: &Origin) -> Result<Tokens, ApiError> {
    let subjects = [
        account_subject(&shown.email),
        format!("address:{}", origin.address),
    ];
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    sign_in_failures::lock(&mut tx, &subjects[0]).await?;
    if let Some(until) = sign_in_failures::blocked_until(&mut tx, &subjects).await? {
        return Err(too_many(until));
    }
    // Counted before the password is looked at, so that a hundred tries at once are a hundred failures.
    let failures =
        sign_in_failures::count(&mut tx, &subjects[0], FREE_FOR_ACCOUNT, LONGEST_WAIT, MEMORY).await?;
    let user = users::find_by_email(&mut tx, &shown.email).await?;
    let known = match &user {
        Some(user) => credentials::find(&mut tx, user.id).await?,
        None => credentials::Credentials::default(),
    };
    tx.commit().await?;

    let verdict = password::verify(&shown.password, known.password_hash.clone()).await?;
    let (Some(user), Verdict::Right { better }) = (user.clone(), verdict) else {
        return Err(refuse(app, user.as_ref(), &subjects, failures, origin, "password").await?);
    };

    let mut methods = vec!["password".to_owned()];
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    if known.totp_confirmed_at.is_some() {
        let Some(code) = &shown.code else {
            // The password was right: asking for the code is no failure.
            sign_in_failures::forget(&mut tx, &subjects[0]).await?;
            tx.commit().await?;
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "code_required",
                "One more step",
                "the account has a second factor: send its code, or a recovery code, as code",
            ));
        };
        match take_second_factor(app, &mut tx, user.id, known.totp_sealed.as_deref(), code).await? {
            Some(method) => methods.push(method.to_owned()),
            None => {
                drop(tx);
                return Err(refuse(app, Some(&user), &subjects, failures, origin, "code").await?);
            }
        }
    }
    if user.disabled_at.is_some() || is_deactivated(&mut tx, &user).await? {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "account_disabled",
            "This account can't sign in",
            "the account was disabled; ask who runs it",
        ));
    }
    if let (Some(old), Some(better)) = (&known.password_hash, &better) {
        credentials::rehash(&mut tx, user.id, old, better).await?;
    }
    sign_in_failures::forget(&mut tx, &subjects[0]).await?;
    let tokens = begin_session(app, &mut tx, &user, &methods, origin).await?;
    tx.commit().await?;
    Ok(tokens)
}

/// Takes a code or a recovery code; gives which it was.
async fn take_second_factor(
    app: &App,
    conn: &mut PgConnection,
    user: UserId,
    totp_sealed: Option<&[u8]>,
    code: &Secret,
) -> Result<Option<&'static str>, ApiError> {
    if let Some(sealed) = totp_sealed
        && second_factor::take_code(conn, &app.store.keys, user, sealed, code, Utc::now()).await?
    {
        return Ok(Some("totp"));
    }
    let digest = second_factor::digest_of(code.expose());
    Ok(credentials::take_recovery_code(conn, user, &digest)
        .await?
        .then_some("recovery_code"))
}

async fn is_deactivated(conn: &mut PgConnection, user: &User) -> Result<bool, ApiError> {
    let Some(customer) = user.customer else {
        return Ok(false);
    };
    let customer = customers::read(conn, customer).await?;
    Ok(customer.is_none_or(|customer| customer.status == "deactivated"))
}

/// Begins a session for who was recognised.
///
/// # Errors
/// The database refused.
pub(crate) async fn begin_session(
    app: &App,
    conn: &mut PgConnection,
    user: &User,
    methods: &[String],
    origin: &Origin,
) -> Result<Tokens, ApiError> {
    let now = Utc::now();
    let id = SessionId::new();
    let refresh = random_text("sr_");
    let settings = &app.settings.sign_in;
    let session = NewSession {
        id,
        user: user.id,
        methods,
        address: &origin.address,
        device: &origin.device,
        idle_until: now + settings.idle,
        expires_at: now + settings.absolute,
    };
    sessions::insert(conn, &session, refresh.expose()).await?;
    users::set_signed_in(conn, user.id).await?;
    let details = json!({"session_id": id, "methods": methods, "address": origin.address});
    record(conn, user, "session.create", details, &origin.trace).await?;
    Ok(Tokens {
        access: app.keyring.issue(app, user.id, id, now).await?,
        refresh,
    })
}

/// Writes down what somebody did at the door, who has no session yet.
///
/// # Errors
/// The database refused.
pub(crate) async fn record(
    conn: &mut PgConnection,
    user: &User,
    action: &str,
    details: Value,
    trace: &TraceId,
) -> sqlx::Result<()> {
    let actor = Actor {
        kind: ActorKind::User,
        id: Some(user.id.0),
        name: user.email.clone(),
    };
    let event = AuditEvent {
        customer: user.customer,
        actor: &actor,
        action,
        subject_kind: "user",
        subject: user.id.0,
        details,
        trace_id: trace.as_str(),
    };
    audit::record(conn, event).await
}

/// Counts a failure, writes it down and, now and then, to the person.
async fn refuse(
    app: &App,
    user: Option<&User>,
    subjects: &[String; 2],
    failures: i32,
    origin: &Origin,
    what: &str,
) -> Result<ApiError, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    sign_in_failures::count(&mut tx, &subjects[1], FREE_FOR_ADDRESS, LONGEST_WAIT, MEMORY).await?;
    if let Some(user) = user {
        let details = json!({"wrong": what, "failures": failures, "address": origin.address});
        record(&mut tx, user, "session.refuse", details, &origin.trace).await?;
        if failures == TELL_AT {
            let token = random_text("");
            let until = Utc::now() + app.settings.sign_in.link;
            one_time_tokens::insert(&mut tx, user.id, Purpose::Unlock, token.expose(), until).await?;
            let letter = Letter::Lockout {
                address: origin.address.clone(),
                link: mail::link(app, "unlock", token.expose()),
            };
            mail::queue(app, &mut tx, user.customer, &user.email, &letter).await?;
        }
    }
    tx.commit().await?;
    Ok(ApiError::new(
        StatusCode::UNAUTHORIZED,
        "invalid_credentials",
        "That did not fit",
        "the address, the password or the code is not right",
    ))
}

/// 429 until a time.
fn too_many(until: DateTime<Utc>) -> ApiError {
    let seconds = (until - Utc::now()).num_seconds().max(0) + 1;
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_attempts",
        "Too many attempts",
        format!("too many sign-ins failed; try again in {seconds} seconds"),
    )
    .with_header(header::RETRY_AFTER, seconds.into())
}

/// Under which name failures of an account are counted. The address itself is not kept: nobody may have it.
pub fn account_subject(email: &str) -> String {
    let digest = db::tokens::digest(&email.trim().to_lowercase());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("account:{hex}")
}
