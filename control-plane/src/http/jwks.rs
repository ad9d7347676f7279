//! The public keys of access tokens.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{App, auth::access_token::KeySet, error::ApiError};

/// The keys that verify access tokens (RFC 7517). A key is published two minutes before it signs.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "account",
    responses((status = 200, description = "The keys", body = KeySet)))]
pub(crate) async fn read(State(app): State<App>) -> Result<Response, ApiError> {
    let mut response = Json(app.keyring.public(&app).await?).into_response();
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=60"),
    );
    Ok(response)
}
