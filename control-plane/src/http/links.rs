//! What a mailed link does. Whoever has the link has the mailbox, so nothing more is asked.

use axum::{Json as Answer, extract::State, http::StatusCode};
use chrono::Utc;
use db::{
    credentials, invitations,
    one_time_tokens::{self, Purpose},
    sessions, sign_in_failures,
    tenant::{self, Scope},
    users::{self, User},
};
use domain::{
    id::UserId,
    mail::Letter,
    specification::{FieldProblem, Secret},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{
        password, random_text,
        sign_in::{self, Origin, account_subject},
    },
    body::{self, FromBody, Json},
    error::ApiError,
    mail,
};

/// Somebody who can't sign in any more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskForReset {
    /// The address.
    email: String,
}

/// The token of a mailed link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// What stands behind `#token=`.
    token: Secret,
}

/// The token of a mailed link, and the password to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// What stands behind `#token=`.
    token: Secret,
    /// The password.
    password: Secret,
}

/// The token of an invitation, and who comes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acceptance {
    /// What stands behind `#token=`.
    token: Secret,
    /// The person's name.
    name: String,
    /// The password to sign in with.
    password: Secret,
}

/// Who came in by an invitation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The person's id.
    id: UserId,
    /// The address to sign in with.
    email: String,
}

macro_rules! bodies {
    ($($name:ty),+) => {$(
        impl FromBody for $name {
            fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
                body::deserialize(&body).map_err(|problem| vec![problem])
            }
        }
    )+};
}
bodies!(AskForReset, Link, NewPassword, Acceptance);

/// Mails a link that sets a new password. The answer is the same whether anybody has the address.
#[utoipa::path(post, path = "/password-resets", tag = "account", request_body = AskForReset,
    responses((status = 202, description = "If somebody has the address, a link is on its way")))]
pub(crate) async fn ask_for_reset(
    State(app): State<App>,
    origin: Origin,
    Json { value: body, .. }: Json<AskForReset>,
) -> Result<StatusCode, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let user = users::find_by_email(&mut tx, body.email.trim()).await?;
    if let Some(user) = user.filter(|user| user.disabled_at.is_none()) {
        let token = random_text("");
        let life = app.settings.sign_in.link;
        one_time_tokens::insert(
            &mut tx,
            user.id,
            Purpose::ResetPassword,
            token.expose(),
            Utc::now() + life,
        )
        .await?;
        let letter = Letter::ResetPassword {
            link: mail::link(&app, "reset-password", token.expose()),
            minutes: life.num_minutes(),
        };
        mail::queue(&app, &mut tx, user.customer, &user.email, &letter).await?;
        let details = json!({"address": origin.address});
        sign_in::record(&mut tx, &user, "password.ask_reset", details, &origin.trace).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sets a new password by a mailed link. Every session of the account ends.
#[utoipa::path(post, path = "/password-resets/confirm", tag = "account", request_body = NewPassword,
    responses((status = 204, description = "The password is set"),
        (status = 410, description = "The link is over: unknown, used or past its end")))]
pub(crate) async fn reset(
    State(app): State<App>,
    origin: Origin,
    Json { value: body, .. }: Json<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let user = take(&mut tx, Purpose::ResetPassword, &body.token).await?;
    // A password that is refused leaves the link as it was.
    require_strong(&body.password, &[&user.email, &user.name])?;
    let hash = password::hash(&body.password).await?;
    credentials::set_password(&mut tx, user.id, &hash).await?;
    users::set_email_verified(&mut tx, user.id).await?;
    sessions::revoke_all(&mut tx, user.id, None, "the password was reset").await?;
    sign_in_failures::forget(&mut tx, &account_subject(&user.email)).await?;
    let details = json!({"address": origin.address});
    sign_in::record(&mut tx, &user, "password.reset", details, &origin.trace).await?;
    let letter = Letter::Alert {
        what: "A new password was set by a mailed link, and all sessions ended.".to_owned(),
        address: origin.address,
    };
    mail::queue(&app, &mut tx, user.customer, &user.email, &letter).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows by a mailed link that the address is the person's.
#[utoipa::path(post, path = "/email-verifications/confirm", tag = "account", request_body = Link,
    responses((status = 204, description = "The address is the person's"),
        (status = 410, description = "The link is over: unknown, used or past its end")))]
pub(crate) async fn verify_email(
    State(app): State<App>,
    origin: Origin,
    Json { value: body, .. }: Json<Link>,
) -> Result<StatusCode, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let user = take(&mut tx, Purpose::VerifyEmail, &body.token).await?;
    users::set_email_verified(&mut tx, user.id).await?;
    sign_in::record(&mut tx, &user, "email.verify", json!({}), &origin.trace).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lifts by a mailed link the delay that failed sign-ins brought.
#[utoipa::path(post, path = "/unlocks/confirm", tag = "account", request_body = Link,
    responses((status = 204, description = "The next sign-in need not wait"),
        (status = 410, description = "The link is over: unknown, used or past its end")))]
pub(crate) async fn unlock(
    State(app): State<App>,
    origin: Origin,
    Json { value: body, .. }: Json<Link>,
) -> Result<StatusCode, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let user = take(&mut tx, Purpose::Unlock, &body.token).await?;
    sign_in_failures::forget(&mut tx, &account_subject(&user.email)).await?;
    sign_in::record(
        &mut tx,
        &user,
        "user.unlock",
        json!({"by": "mail"}),
        &origin.trace,
    )
    .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Comes in by an invitation: the person is made, with the role that it names.
#[utoipa::path(post, path = "/invitations/accept", tag = "account", request_body = Acceptance,
    responses((status = 201, description = "Welcome", body = Accepted),
        (status = 410, description = "The link is over: unknown, used or past its end")))]
pub(crate) async fn accept(
    State(app): State<App>,
    origin: Origin,
    Json { value: body, .. }: Json<Acceptance>,
) -> Result<(StatusCode, Answer<Accepted>), ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let invitation = invitations::accept(&mut tx, body.token.expose())
        .await?
        .ok_or_else(link_is_over)?;
    let name = name_of(&body.name)?;
    require_strong(&body.password, &[&invitation.email, &name])?;
    let hash = password::hash(&body.password).await?;
    let id = UserId::new();
    users::insert(
        &mut tx,
        id,
        invitation.customer,
        &invitation.email,
        &name,
        invitation.role,
    )
    .await?;
    users::set_email_verified(&mut tx, id).await?;
    credentials::set_password(&mut tx, id, &hash).await?;
    if let Some(user) = users::find(&mut tx, id).await? {
        let details = json!({"email": user.email, "role": user.role, "address": origin.address});
        sign_in::record(&mut tx, &user, "invitation.accept", details, &origin.trace).await?;
    }
    tx.commit().await?;
    let email = invitation.email;
    Ok((StatusCode::CREATED, Answer(Accepted { id, email })))
}

/// A person's name as it may be shown and mailed.
///
/// # Errors
/// It is empty, too long or has control characters.
pub(crate) fn name_of(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(ApiError::invalid(vec![FieldProblem::new(
        "name",
        name.chars().take(100).collect::<String>(),
        "1 to 100 characters on one line",
    )]))
}

/// A password that may be set.
///
/// # Errors
/// It is weak; it is never quoted.
pub(crate) fn require_strong(password: &Secret, about: &[&str]) -> Result<(), ApiError> {
    match password::weakness("password", password, about) {
        None => Ok(()),
        Some(problem) => Err(ApiError::invalid(vec![problem])),
    }
}

async fn take(conn: &mut PgConnection, purpose: Purpose, token: &Secret) -> Result<User, ApiError> {
    let user = one_time_tokens::take(conn, purpose, token.expose())
        .await?
        .ok_or_else(link_is_over)?;
    users::find(conn, user).await?.ok_or_else(link_is_over)
}

fn link_is_over() -> ApiError {
    ApiError::new(
        StatusCode::GONE,
        "link_over",
        "The link is over",
        "the link is unknown, was used before or is past its end; ask for a new one",
    )
}
