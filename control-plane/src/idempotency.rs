//! `Idempotency-Key`: a request that is sent again gets the same answer again and does nothing twice.
//!
//! Key, change and answer commit together; a refused request is not remembered and may be sent again.

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use db::idempotency::{self, Answer, IdempotencyKey, Known};
use domain::{id::CustomerId, specification::FieldProblem};
use sqlx::PgConnection;

use crate::error::ApiError;

/// The request's `Idempotency-Key`, if it has one.
#[derive(Clone, Debug)]
pub(crate) struct MaybeKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(Some(text)));
        }
        let problem = FieldProblem::new("Idempotency-Key", text, "1 to 255 visible ASCII characters");
        Err(ApiError::invalid(vec![problem]))
    }
}

/// What is to be done about a request.
pub(crate) enum Turn<'a> {
    /// It was answered before: this is the answer.
    Replay(Response),
    /// It is new: carry it out, and answer through [`FirstTime::answer`].
    Go(FirstTime<'a>),
}

/// A request that is carried out for the first time.
pub(crate) struct FirstTime<'a>(Option<IdempotencyKey<'a>>);

impl MaybeKey {
    /// Looks the key up and keeps twins out until the transaction ends.
    ///
    /// # Errors
    /// The key belongs to another request, or a twin is at work.
    pub(crate) async fn begin<'a>(
        &'a self,
        conn: &mut PgConnection,
        customer: CustomerId,
        route: &'a str,
        request_digest: &'a [u8],
    ) -> Result<Turn<'a>, ApiError> {
        let Some(key) = &self.0 else {
            return Ok(Turn::Go(FirstTime(None)));
        };
        let key = IdempotencyKey {
            customer,
            route,
            key,
            request_digest,
        };
        match idempotency::begin(conn, key).await? {
            Known::Nothing => Ok(Turn::Go(FirstTime(Some(key)))),
            Known::Answered(answer) => {
                let mut response = respond(&answer)?;
                let replayed = HeaderName::from_static("idempotency-replayed");
                response.headers_mut().insert(replayed, HeaderValue::from_static("true"));
                Ok(Turn::Replay(response))
            }
            Known::Running => Err(ApiError::conflict(
                "idempotency_key_in_use",
                "a request with the same Idempotency-Key is being carried out; send it again in a moment",
            )
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))),
            Known::OtherRequest => Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The Idempotency-Key belongs to another request",
                "a request with the same Idempotency-Key and another body was answered within the last 24 hours",
            )
            .with_problems(vec![FieldProblem::new(
                "Idempotency-Key",
                key.key,
                "a key that was not used with another body",
            )])),
        }
    }
}

impl FirstTime<'_> {
    /// Remembers the answer in the transaction of the change, and makes the response.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) async fn answer(self, conn: &mut PgConnection, answer: Answer) -> Result<Response, ApiError> {
        if let Some(key) = self.0 {
            idempotency::remember(conn, key, &answer).await?;
        }
        respond(&answer)
    }
}

fn respond(answer: &Answer) -> Result<Response, ApiError> {
    let status = StatusCode::from_u16(answer.status).map_err(ApiError::internal)?;
    let mut response = (status, axum::Json(&answer.body)).into_response();
    if let Some(location) = &answer.location {
        let location = HeaderValue::from_str(location).map_err(ApiError::internal)?;
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
