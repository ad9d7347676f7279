//! Signing in, going on and signing out.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use db::{
    sessions::{self, Refreshed},
    tenant::{self, Scope},
    users,
};
use domain::specification::{FieldProblem, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    App,
    auth::{
        BEARER, Person, access_token, random_text,
        sign_in::{self, Origin, Shown, Tokens},
    },
    body::{self, FromBody, Json, MaybeJson},
    error::ApiError,
};

/// Name of the cookie with the refresh token.
const COOKIE: &str = "siteplane_refresh";
/// Where the browser sends it, and nowhere else.
const COOKIE_PATH: &str = "/api/v1/sessions";

/// Where a refresh token is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keep {
    /// By the program itself: it comes in the answer.
    #[default]
    Body,
    /// By the browser, in a cookie that no script can read.
    Cookie,
}

/// Somebody who wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "anna@acme.example", "password": "lamp tundra violin", "code": "123456"}))]
pub(crate) struct SignIn {
    /// The address.
    email: String,
    /// The password.
    password: Secret,
    /// A code of the second factor, or a recovery code, where the account has one.
    code: Option<Secret>,
    /// Where the refresh token is kept.
    #[serde(default)]
    keep: Keep,
}

impl FromBody for SignIn {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        body::deserialize(&body).map_err(|problem| vec![problem])
    }
}

/// A refresh token, unless it comes in the cookie.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// The token of the last answer.
    refresh_token: Option<Secret>,
}

impl FromBody for Refresh {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        body::deserialize(&body).map_err(|problem| vec![problem])
    }
}

/// What a session gives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    /// For the `Authorization` header.
    access_token: String,
    /// How it is sent: `Bearer`.
    token_type: &'static str,
    /// How many seconds it is good.
    expires_in: i64,
    /// For the next access token, once. Null where the browser keeps it.
    refresh_token: Option<String>,
}

/// Signs in with address and password, and a code where the account has a second factor.
#[utoipa::path(post, path = "/sessions", tag = "account", request_body = SignIn,
    responses((status = 201, description = "Signed in", body = SessionAnswer),
        (status = 401, description = "Address, password or code is not right, or a code is asked for"),
        (status = 403, description = "The account may not sign in this way")))]
pub(crate) async fn create(
    State(app): State<App>,
    origin: Origin,
    Json { value: body, .. }: Json<SignIn>,
) -> Result<Response, ApiError> {
    let shown = Shown {
        email: body.email,
        password: body.password,
        code: body.code,
    };
    let tokens = sign_in::sign_in(&app, shown, &origin).await?;
    Ok(answer(StatusCode::CREATED, &app, tokens, body.keep))
}

/// Gives a new access token and a new refresh token for the old one, which is over with this. One that comes a
/// second time ends the session: somebody has a copy.
#[utoipa::path(post, path = "/sessions/refresh", tag = "account", request_body(content = Option<Refresh>),
    responses((status = 200, description = "The session goes on", body = SessionAnswer),
        (status = 401, description = "The token is unknown or was used before, or its session is over"),
        (status = 403, description = "The account may not sign in any more")))]
pub(crate) async fn refresh(
    State(app): State<App>,
    origin: Origin,
    headers: HeaderMap,
    MaybeJson(body): MaybeJson<Refresh>,
) -> Result<Response, ApiError> {
    let (old, keep) = match body.refresh_token {
        Some(token) => (token, Keep::Body),
        None => (token_of_cookie(&app, &headers)?, Keep::Cookie),
    };
    let now = Utc::now();
    let new = random_text("sr_");
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let idle_until = now + app.settings.sign_in.idle;
    let outcome = sessions::rotate(&mut tx, old.expose(), new.expose(), idle_until).await?;
    let over = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "session_over",
            "Sign in again",
            "the refresh token is unknown or was used before, or its session has ended",
        )
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(BEARER))
    };
    match outcome {
        Refreshed::Refused => Err(over()),
        Refreshed::Reused(session) => {
            if let Some(user) = sessions::user_of(&mut tx, session).await?
                && let Some(user) = users::find(&mut tx, user).await?
            {
                let details = json!({"session_id": session, "address": origin.address});
                sign_in::record(&mut tx, &user, "session.reuse", details, &origin.trace).await?;
            }
            tx.commit().await?;
            Err(over())
        }
        Refreshed::Rotated(session) => {
            // Whoever was disabled meanwhile has no bearer any more.
            let bearer = sessions::find_bearer(&mut tx, session).await?.ok_or_else(over)?;
            let user = bearer.user.ok_or_else(over)?;
            tx.commit().await?;
            let tokens = Tokens {
                access: app.keyring.issue(&app, user, session, now).await?,
                refresh: new,
            };
            Ok(answer(StatusCode::OK, &app, tokens, keep))
        }
    }
}

/// Signs out: this session ends, with every token of it.
#[utoipa::path(delete, path = "/sessions/current", tag = "account",
    responses((status = 204, description = "Signed out")), security(("token" = [])))]
pub(crate) async fn end(State(app): State<App>, person: Person) -> Result<Response, ApiError> {
    let (_, session) = person.in_session()?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    sessions::revoke(&mut tx, session, "signed out").await?;
    person
        .record(&mut tx, "session.end", json!({"session_id": session}))
        .await?;
    tx.commit().await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie("", 0));
    Ok(response)
}

fn answer(status: StatusCode, app: &App, tokens: Tokens, keep: Keep) -> Response {
    let body = SessionAnswer {
        access_token: tokens.access.expose().to_owned(),
        token_type: "Bearer",
        expires_in: access_token::LIFE.num_seconds(),
        refresh_token: (keep == Keep::Body).then(|| tokens.refresh.expose().to_owned()),
    };
    let mut response = (status, Answer(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if keep == Keep::Cookie {
        let seconds = app.settings.sign_in.absolute.num_seconds();
        headers.insert(header::SET_COOKIE, cookie(tokens.refresh.expose(), seconds));
    }
    response
}

/// Browsers take `Secure` from `localhost` too.
fn cookie(token: &str, seconds: i64) -> HeaderValue {
    let text =
        format!("{COOKIE}={token}; Path={COOKIE_PATH}; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict");
    HeaderValue::from_str(&text).expect("a token is made of letters, digits, - and _")
}

/// The token in the cookie, if the request comes from a page of ours: another site's page must not use it.
fn token_of_cookie(app: &App, headers: &HeaderMap) -> Result<Secret, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let same_site = text("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let own_origin = text("origin").is_none_or(|origin| {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        text("host") == Some(host) || origin == app.settings.public_url.trim_end_matches('/')
    });
    if !same_site || !own_origin {
        return Err(ApiError::forbidden(
            "the refresh token's cookie works from this installation's own pages only",
        ));
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && !value.is_empty())
        .map(|(_, value)| Secret::new(value))
        .ok_or_else(|| {
            ApiError::invalid(vec![FieldProblem {
                field: "refresh_token".to_owned(),
                found: None,
                allowed: format!("the token of the last answer, here or in the cookie {COOKIE}"),
            }])
        })
}
