//! Who calls, and what they may do: a handler gets its permission as an argument, or is not called.
//!
//! - [`Caller<P>`]: the bearer of a known token whose role has permission `P`;
//! - [`SiteAccess<P>`], [`DeploymentAccess<P>`]: the same, with the row that the path names. Another customer's row
//!   is as unknown as one that does not exist.

mod role;
mod row;

use std::marker::PhantomData;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use db::{
    audit::{self, Actor, ActorKind, AuditEvent},
    tenant::{self, Scope},
    tokens::{self, TokenBearer},
};
use domain::{id::CustomerId, specification::Secret};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

pub(crate) use role::{Change, Permission, Plan, Read, ReadPlatform, ReadState, Reveal, Role};
pub(crate) use row::{DeploymentAccess, SiteAccess, load_site};

use crate::{App, error::ApiError, trace::TraceId};

/// A caller who has permission `P`.
#[derive(Debug)]
pub(crate) struct Caller<P> {
    /// What their role lets them do.
    pub(crate) role: Role,
    /// The request's trace, for what the caller changes.
    pub(crate) trace: TraceId,
    bearer: TokenBearer,
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
        let token =
            token_of(&parts.headers, P::BY_PASSWORD).ok_or_else(|| ApiError::unauthorized(P::CHALLENGE))?;
        let bearer = find_bearer(&app.pool, &token)
            .await?
            .ok_or_else(|| ApiError::unauthorized(P::CHALLENGE))?;
        let role: Role = bearer.role.parse().map_err(ApiError::internal)?;
        if !P::is_held_by(role) {
            return Err(ApiError::forbidden(format!("the role {role} may not {}", P::TO)));
        }
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
    pub(crate) async fn is_still_there(&self, pool: &PgPool) -> sqlx::Result<bool> {
        Ok(find_bearer(pool, &self.token)
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
        customer: CustomerId,
        action: &str,
        subject: (&str, Uuid),
        details: Value,
    ) -> sqlx::Result<()> {
        let (kind, id) = match self.bearer.user {
            Some(user) => (ActorKind::User, user.0),
            None => (ActorKind::Token, self.bearer.token.0),
        };
        let event = AuditEvent {
            customer: Some(customer),
            actor: &Actor {
                kind,
                id: Some(id),
                name: self.bearer.name.clone(),
            },
            action,
            subject_kind: subject.0,
            subject: subject.1,
            details,
            trace_id: self.trace.as_str(),
        };
        audit::record(conn, event).await
    }
}

async fn find_bearer(pool: &PgPool, token: &Secret) -> sqlx::Result<Option<TokenBearer>> {
    let mut tx = tenant::begin(pool, Scope::Auth).await?;
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
