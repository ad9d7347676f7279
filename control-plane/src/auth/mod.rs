//! Who calls, and what they may do: a handler gets its permission as an argument, or is not called.
//!
//! - [`Caller<P>`]: the bearer of a token, or of a session's access token, who holds permission `P`;
//! - [`SiteAccess<P>`], [`DeploymentAccess<P>`], [`CustomerAccess<P>`]: the same, with the row that the path names.
//!   Another customer's row is as unknown as one that does not exist;
//! - [`Person`]: whoever is signed in, about themselves.

pub(crate) mod access_token;
pub(crate) mod bootstrap;
pub(crate) mod operations;
pub(crate) mod password;
mod permission;
mod row;
pub(crate) mod second_factor;
pub(crate) mod sign_in;

use std::marker::PhantomData;

use axum::{
    extract::{FromRef, FromRequestParts, MatchedPath},
    http::{HeaderMap, Method, header, request::Parts},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use db::{
    audit::{self, Actor, ActorKind, AuditEvent},
    sessions,
    tenant::{self, Scope},
    tokens::{self, Bearer, Proof},
};
use domain::{
    id::{CustomerId, SessionId, UserId},
    specification::Secret,
};
use rand::{TryRng, rngs::SysRng};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use operations::Access;
pub(crate) use permission::{
    BEARER, Change, Limit, ManageCustomers, ManageMembers, ManageTokens, Permission, Plan, Read,
    ReadCustomer, ReadMembers, ReadPlatform, ReadState, Reveal, Rights, is_second_factor,
};
pub(crate) use row::{CustomerAccess, DeploymentAccess, SecondId, SecondText, SiteAccess, load_site};

use crate::{App, error::ApiError, rate_limit::Standing, trace::TraceId};

/// A caller who has permission `P`.
#[derive(Debug)]
pub(crate) struct Caller<P> {
    /// What they may do.
    pub(crate) role: Rights,
    /// The request's trace, for what the caller changes.
    pub(crate) trace: TraceId,
    bearer: Bearer,
    token: Secret,
    permission: PhantomData<fn() -> P>,
}

impl<S, P> FromRequestParts<S> for Caller<P>
where
    S: Send + Sync,
    App: FromRef<S>,
    P: Permission,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = App::from_ref(state);
        require_row(parts, Access::Holds(P::PERMISSION))?;
        let token =
            token_of(&parts.headers, P::BY_PASSWORD).ok_or_else(|| ApiError::unauthorized(P::CHALLENGE))?;
        let bearer = admit(&app, &token, parts)
            .await?
            .ok_or_else(|| ApiError::unauthorized(P::CHALLENGE))?;
        let role = Rights::of(&bearer, app.settings.sign_in.platform_second_factor)?;
        role.require::<P>()?;
        let trace = TraceId::of_parts(parts);
        Ok(Self {
            role,
            trace,
            bearer,
            token,
            permission: PhantomData,
        })
    }
}

/// Whoever is signed in, whatever they may do.
#[derive(Debug)]
pub(crate) struct Person {
    /// What they may do.
    pub(crate) rights: Rights,
    /// The request's trace.
    pub(crate) trace: TraceId,
    /// By what they are known.
    pub(crate) bearer: Bearer,
}

impl<S> FromRequestParts<S> for Person
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = App::from_ref(state);
        require_row(parts, Access::SignedIn)?;
        let token = token_of(&parts.headers, false).ok_or_else(|| ApiError::unauthorized(BEARER))?;
        let bearer = admit(&app, &token, parts)
            .await?
            .ok_or_else(|| ApiError::unauthorized(BEARER))?;
        Ok(Self {
            rights: Rights::of(&bearer, app.settings.sign_in.platform_second_factor)?,
            trace: TraceId::of_parts(parts),
            bearer,
        })
    }
}

impl Person {
    /// The person, who must have come by a session: what a token does in somebody's name stops here.
    ///
    /// # Errors
    /// They came by an API token.
    pub(crate) fn in_session(&self) -> Result<(UserId, SessionId), ApiError> {
        match (&self.bearer.proof, self.bearer.user) {
            (Proof::Session { id, .. }, Some(user)) => Ok((user, *id)),
            _ => Err(ApiError::forbidden(
                "this is for people who signed in; an API token can't do it",
            )),
        }
    }

    /// Writes down what the person did to their own account.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) async fn record(
        &self,
        conn: &mut PgConnection,
        action: &str,
        details: Value,
    ) -> sqlx::Result<()> {
        let actor = actor_of(&self.bearer);
        let subject = self.bearer.user.map_or(Uuid::nil(), |user| user.0);
        let event = AuditEvent {
            customer: self.bearer.customer,
            actor: &actor,
            action,
            subject_kind: "user",
            subject,
            details,
            trace_id: self.trace.as_str(),
        };
        audit::record(conn, event).await
    }
}

/// The operation's row and the handler's signature must say the same.
fn require_row(parts: &Parts, asked: Access) -> Result<(), ApiError> {
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let row = operations::access_of(&parts.method, route);
    if row == Some(asked) {
        return Ok(());
    }
    Err(ApiError::internal(WrongRow {
        method: parts.method.clone(),
        route: route.to_owned(),
        row,
        asked,
    }))
}

#[derive(Debug, thiserror::Error)]
#[error("{method} {route} asks for {asked:?} and its row in auth::operations says {row:?}")]
struct WrongRow {
    method: Method,
    route: String,
    row: Option<Access>,
    asked: Access,
}

/// `N` bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("an operating system without randomness can't serve anybody");
    bytes
}

/// A text with 256 random bits, to be stored as its digest only.
pub(crate) fn random_text(prefix: &str) -> Secret {
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>())))
}

fn actor_of(bearer: &Bearer) -> Actor {
    let (kind, id) = match (&bearer.proof, bearer.user) {
        (_, Some(user)) => (ActorKind::User, user.0),
        (Proof::Token(token), None) => (ActorKind::Token, token.0),
        (Proof::Session { id, .. }, None) => (ActorKind::User, id.0),
    };
    Actor {
        kind,
        id: Some(id),
        name: bearer.name.clone(),
    }
}

impl<P> Caller<P> {
    /// The customer that the caller belongs to; none for the platform's people.
    pub(crate) fn customer(&self) -> Option<CustomerId> {
        self.bearer.customer
    }

    /// What the caller may read.
    pub(crate) fn scope(&self) -> Scope {
        self.bearer.customer.map_or(Scope::Platform, Scope::Customer)
    }

    /// Whether the token still says what it said when the request came.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) async fn is_still_there(&self, app: &App) -> Result<bool, ApiError> {
        Ok(find_bearer(app, &self.token)
            .await?
            .is_some_and(|bearer| bearer == self.bearer))
    }

    /// The name by which people know the caller.
    pub(crate) fn name(&self) -> &str {
        &self.bearer.name
    }

    /// Writes down what the caller did, in the transaction of the change.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) async fn record(
        &self,
        conn: &mut PgConnection,
        customer: impl Into<Option<CustomerId>>,
        action: &str,
        subject: (&str, Uuid),
        details: Value,
    ) -> sqlx::Result<()> {
        let actor = actor_of(&self.bearer);
        let event = AuditEvent {
            customer: customer.into(),
            actor: &actor,
            action,
            subject_kind: subject.0,
            subject: subject.1,
            details,
            trace_id: self.trace.as_str(),
        };
        audit::record(conn, event).await
    }
}

/// Who bears the token, once the request is counted. A caller that is known by now is counted first: refusing one
/// needs nobody to look up who it is.
async fn admit(app: &App, token: &Secret, parts: &Parts) -> Result<Option<Bearer>, ApiError> {
    let standing = parts.extensions.get::<Standing>().cloned().unwrap_or_default();
    let counted = app.rate_limiter.count_known(app, token, &standing).await?;
    let bearer = find_bearer(app, token).await?;
    if let Some(bearer) = &bearer {
        app.rate_limiter
            .count(app, token, bearer, counted, &standing)
            .await?;
    }
    Ok(bearer)
}

async fn find_bearer(app: &App, token: &Secret) -> Result<Option<Bearer>, ApiError> {
    // A JSON object in base64url begins like this; an API token does not.
    if token.expose().starts_with("eyJ") {
        let Some(session) = app.keyring.verify(app, token.expose()).await? else {
            return Ok(None);
        };
        let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
        let bearer = sessions::find_bearer(&mut tx, session).await?;
        tx.commit().await?;
        return Ok(bearer);
    }
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let bearer = tokens::find_bearer(&mut tx, token.expose()).await?;
    tx.commit().await?;
    Ok(bearer)
}

/// The token in the `Authorization` header; where `by_password`, also as the password of Basic, because that is
/// all that Terraform's http backend can send.
fn token_of(headers: &HeaderMap, by_password: bool) -> Option<Secret> {
    let (scheme, rest) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    let token = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if by_password && scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        pair.split_once(':')?.1.to_owned()
    } else {
        return None;
    };
    (!token.is_empty()).then(|| Secret::new(token))
}
