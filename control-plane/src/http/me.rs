//! What a person sees and changes of their own account.

use axum::{Json as Answer, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use db::{
    credentials, customers, sessions,
    tenant::{self, Scope},
    tokens::Proof,
    users::{self, User},
};
use domain::{
    access::Permission,
    id::{CustomerId, SessionId, UserId},
    mail::Letter,
    specification::{FieldProblem, Secret},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::links::{name_of, require_strong};
use crate::{
    App,
    auth::{
        Limit, Person, is_second_factor,
        password::{self, Verdict},
        second_factor,
        sign_in::Origin,
    },
    body::{self, FromBody, Json},
    error::ApiError,
    mail,
};

/// Who is signed in, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The person; null for a token that belongs to nobody.
    user: Option<MyUser>,
    /// The customer; null for the platform.
    customer: Option<MyCustomer>,
    /// The name of the role.
    #[schema(example = "owner")]
    role: String,
    /// Everything that may be done now.
    permissions: Vec<Permission>,
    /// Why that is less than the role says, if so.
    limit: Option<MyLimit>,
    /// How the caller is known.
    signed_in_by: SignedInBy,
}

/// A person, as they see themselves.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MyUser {
    /// The person's id.
    id: UserId,
    /// The address to sign in with.
    email: String,
    /// The name; may be empty.
    name: String,
    /// Whether the address was shown to be theirs.
    email_verified: bool,
    /// Since when sign-in asks for a code; null where it does not.
    second_factor_since: Option<DateTime<Utc>>,
    /// Recovery codes that are left.
    recovery_codes_left: i64,
}

/// The customer, as its people see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MyCustomer {
    /// Its id.
    id: CustomerId,
    /// The name that people read.
    name: String,
    /// `standard`, `premium` or `enterprise`.
    tier: String,
    /// `active`, `suspended` or `deactivated`.
    status: String,
}

/// Why somebody may do less than their role says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MyLimit {
    /// The customer is suspended.
    Suspended,
    /// The customer is deactivated.
    Deactivated,
    /// A second factor has to be set up, or used at the next sign-in.
    SecondFactor,
    /// The token was narrowed when it was made.
    Scopes,
}

/// How a caller is known.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignedInBy {
    /// A session.
    Session,
    /// An API token.
    Token,
}

/// What a person changes of themselves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeMe {
    /// The name.
    name: String,
}

/// A password in the place of another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    /// The one that there is.
    current_password: Secret,
    /// The one to set.
    password: Secret,
}

/// The password, asked for again before something that an intruder would like.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirm {
    /// The password.
    password: Secret,
}

/// A code of the second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    /// Six digits.
    code: Secret,
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
bodies!(ChangeMe, ChangePassword, Confirm, Code);

/// A second factor that waits for its first code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TotpProposal {
    /// The secret, for typing into an authenticator.
    secret: String,
    /// The secret as an address that authenticators open.
    url: String,
    /// The address as a QR code: an SVG image.
    qr_svg: String,
}

/// Codes that are shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Each is good for one sign-in.
    recovery_codes: Vec<String>,
}

/// A session, as its person sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Its id.
    id: SessionId,
    /// Whether the request came by it.
    current: bool,
    /// How it began: `password`, `totp`, `recovery_code`, `oidc`.
    methods: Vec<String>,
    /// Where from.
    address: String,
    /// With what, as the program said.
    device: String,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When it was last gone on with.
    last_used_at: DateTime<Utc>,
    /// When it ends, if it is not used before.
    expires_at: DateTime<Utc>,
}

/// The sessions of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sessions {
    /// Newest first.
    items: Vec<SessionView>,
}

/// Who is signed in, and what they may do.
#[utoipa::path(get, path = "/me", tag = "account",
    responses((status = 200, description = "The caller", body = Me)), security(("token" = [])))]
pub(crate) async fn read(State(app): State<App>, person: Person) -> Result<Answer<Me>, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let mut role = person.bearer.role.clone();
    let user = match person.bearer.user {
        None => None,
        Some(id) => {
            let user = users::find(&mut tx, id).await?;
            let known = credentials::find(&mut tx, id).await?;
            let left = credentials::count_recovery_codes(&mut tx, id).await?;
            user.map(|user| {
                if matches!(person.bearer.proof, Proof::Session { .. }) {
                    role.clone_from(&user.role);
                }
                MyUser {
                    id: user.id,
                    email: user.email,
                    name: user.name,
                    email_verified: user.email_verified_at.is_some(),
                    second_factor_since: known.totp_confirmed_at,
                    recovery_codes_left: left,
                }
            })
        }
    };
    let customer = match person.bearer.customer {
        None => None,
        Some(id) => customers::read(&mut tx, id).await?.map(|stored| MyCustomer {
            id,
            name: stored.customer.name,
            tier: stored.tier,
            status: stored.status,
        }),
    };
    tx.commit().await?;
    Ok(Answer(Me {
        user,
        customer,
        role,
        permissions: person.rights.held().iter().collect(),
        limit: person.rights.limit().map(|limit| match limit {
            Limit::Suspended => MyLimit::Suspended,
            Limit::Deactivated => MyLimit::Deactivated,
            Limit::SecondFactor => MyLimit::SecondFactor,
            Limit::Scopes => MyLimit::Scopes,
        }),
        signed_in_by: match person.bearer.proof {
            Proof::Session { .. } => SignedInBy::Session,
            Proof::Token(_) => SignedInBy::Token,
        },
    }))
}

/// Changes the person's own name.
#[utoipa::path(patch, path = "/me", tag = "account", request_body = ChangeMe,
    responses((status = 204, description = "Changed")), security(("token" = [])))]
pub(crate) async fn change(
    State(app): State<App>,
    person: Person,
    Json { value: body, .. }: Json<ChangeMe>,
) -> Result<StatusCode, ApiError> {
    let (user, _) = person.in_session()?;
    let name = name_of(&body.name)?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    users::set_name(&mut tx, user, &name).await?;
    person
        .record(&mut tx, "user.change", json!({"name": name}))
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets a new password. Every other session of the person ends.
#[utoipa::path(put, path = "/me/password", tag = "account", request_body = ChangePassword,
    responses((status = 204, description = "The password is set")), security(("token" = [])))]
pub(crate) async fn change_password(
    State(app): State<App>,
    person: Person,
    origin: Origin,
    Json { value: body, .. }: Json<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    let (id, session) = person.in_session()?;
    let user = require_password(&app, id, &body.current_password, "current_password").await?;
    require_strong(&body.password, &[&user.email, &user.name])?;
    let hash = password::hash(&body.password).await?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    credentials::set_password(&mut tx, id, &hash).await?;
    let ended = sessions::revoke_all(&mut tx, id, Some(session), "the password was changed").await?;
    person
        .record(&mut tx, "password.change", json!({"sessions_ended": ended}))
        .await?;
    alert(
        &app,
        &mut tx,
        &user,
        "The password was changed, and all other sessions ended.",
        &origin,
    )
    .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Proposes a second factor: it is in force as soon as its first code came back.
#[utoipa::path(post, path = "/me/totp", tag = "account", request_body = Confirm,
    responses((status = 200, description = "What an authenticator needs", body = TotpProposal)),
    security(("token" = [])))]
pub(crate) async fn propose_totp(
    State(app): State<App>,
    person: Person,
    Json { value: body, .. }: Json<Confirm>,
) -> Result<Answer<TotpProposal>, ApiError> {
    let (id, _) = person.in_session()?;
    let user = require_password(&app, id, &body.password, "password").await?;
    let proposal = second_factor::propose("Siteplane", &user.email)?;
    let sealed = second_factor::seal_secret(&app.store.keys, id, &proposal.secret)?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    if !credentials::propose_totp(&mut tx, id, &sealed).await? {
        return Err(ApiError::conflict(
            "second_factor_there",
            "a second factor is in force; remove it before setting up another",
        ));
    }
    tx.commit().await?;
    Ok(Answer(TotpProposal {
        secret: proposal.text,
        url: proposal.url,
        qr_svg: proposal.qr,
    }))
}

/// Puts the proposed second factor in force by its first code. This session counts as signed in with it.
#[utoipa::path(post, path = "/me/totp/confirm", tag = "account", request_body = Code,
    responses((status = 200, description = "It is in force; the codes are shown this once", body = RecoveryCodes)),
    security(("token" = [])))]
pub(crate) async fn confirm_totp(
    State(app): State<App>,
    person: Person,
    origin: Origin,
    Json { value: body, .. }: Json<Code>,
) -> Result<Answer<RecoveryCodes>, ApiError> {
    let (id, session) = person.in_session()?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let known = credentials::find(&mut tx, id).await?;
    let sealed = known.totp_sealed.filter(|_| known.totp_confirmed_at.is_none());
    let Some(sealed) = sealed else {
        return Err(ApiError::conflict(
            "no_proposal",
            "no second factor waits for its first code; propose one with POST /api/v1/me/totp",
        ));
    };
    if !second_factor::take_code(&mut tx, &app.store.keys, id, &sealed, &body.code, Utc::now()).await? {
        return Err(wrong_field("code", "the code that the authenticator shows now"));
    }
    let codes = new_recovery_codes(&mut tx, id).await?;
    sessions::add_method(&mut tx, session, "totp").await?;
    person.record(&mut tx, "second_factor.set_up", json!({})).await?;
    if let Some(user) = users::find(&mut tx, id).await? {
        alert(&app, &mut tx, &user, "A second factor was set up.", &origin).await?;
    }
    tx.commit().await?;
    Ok(Answer(RecoveryCodes {
        recovery_codes: codes,
    }))
}

/// Removes the second factor and its recovery codes.
#[utoipa::path(delete, path = "/me/totp", tag = "account", request_body = Confirm,
    responses((status = 204, description = "Sign-in asks for no code any more")), security(("token" = [])))]
pub(crate) async fn remove_totp(
    State(app): State<App>,
    person: Person,
    origin: Origin,
    Json { value: body, .. }: Json<Confirm>,
) -> Result<StatusCode, ApiError> {
    let (id, _) = person.in_session()?;
    require_second_factor_session(&person)?;
    let user = require_password(&app, id, &body.password, "password").await?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    credentials::remove_totp(&mut tx, id).await?;
    person.record(&mut tx, "second_factor.remove", json!({})).await?;
    alert(&app, &mut tx, &user, "The second factor was removed.", &origin).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes new recovery codes in the place of those that there are.
#[utoipa::path(post, path = "/me/recovery-codes", tag = "account", request_body = Confirm,
    responses((status = 200, description = "The codes, shown this once", body = RecoveryCodes)),
    security(("token" = [])))]
pub(crate) async fn renew_recovery_codes(
    State(app): State<App>,
    person: Person,
    Json { value: body, .. }: Json<Confirm>,
) -> Result<Answer<RecoveryCodes>, ApiError> {
    let (id, _) = person.in_session()?;
    require_second_factor_session(&person)?;
    require_password(&app, id, &body.password, "password").await?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let codes = new_recovery_codes(&mut tx, id).await?;
    person
        .record(&mut tx, "second_factor.renew_codes", json!({}))
        .await?;
    tx.commit().await?;
    Ok(Answer(RecoveryCodes {
        recovery_codes: codes,
    }))
}

/// Where the person is signed in.
#[utoipa::path(get, path = "/me/sessions", tag = "account",
    responses((status = 200, description = "The sessions", body = Sessions)), security(("token" = [])))]
pub(crate) async fn sessions(State(app): State<App>, person: Person) -> Result<Answer<Sessions>, ApiError> {
    let (id, current) = person.in_session()?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let items = db::sessions::list(&mut tx, id).await?;
    tx.commit().await?;
    let view = |session: db::sessions::Session| SessionView {
        current: session.id == current,
        id: session.id,
        methods: session.methods,
        address: session.address,
        device: session.device,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
    };
    Ok(Answer(Sessions {
        items: items.into_iter().map(view).collect(),
    }))
}

/// Ends one of the person's sessions.
#[utoipa::path(delete, path = "/me/sessions/{id}", tag = "account",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 204, description = "It has ended")), security(("token" = [])))]
pub(crate) async fn end_session(
    State(app): State<App>,
    person: Person,
    path: Result<axum::extract::Path<SessionId>, axum::extract::rejection::PathRejection>,
) -> Result<StatusCode, ApiError> {
    let (id, _) = person.in_session()?;
    let unknown = || ApiError::not_found("session");
    let axum::extract::Path(session) = path.map_err(|_| unknown())?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    if !db::sessions::revoke_of(&mut tx, id, session, "ended by its person").await? {
        return Err(unknown());
    }
    person
        .record(&mut tx, "session.end", json!({"session_id": session}))
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of the person's sessions but this one.
#[utoipa::path(delete, path = "/me/sessions", tag = "account",
    responses((status = 204, description = "They have ended")), security(("token" = [])))]
pub(crate) async fn end_other_sessions(
    State(app): State<App>,
    person: Person,
) -> Result<StatusCode, ApiError> {
    let (id, current) = person.in_session()?;
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let ended = db::sessions::revoke_all(&mut tx, id, Some(current), "ended by its person").await?;
    person
        .record(&mut tx, "session.end_others", json!({"sessions_ended": ended}))
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The person, if that is their password: a session that somebody found open is not enough for this.
async fn require_password(app: &App, id: UserId, password: &Secret, field: &str) -> Result<User, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
    let user = users::find(&mut tx, id)
        .await?
        .ok_or_else(|| ApiError::not_found("person"))?;
    let known = credentials::find(&mut tx, id).await?;
    tx.commit().await?;
    match password::verify(password, known.password_hash).await? {
        Verdict::Right { .. } => Ok(user),
        Verdict::Wrong => Err(wrong_field(field, "your password")),
    }
}

/// Who has a second factor must have used it to change it.
fn require_second_factor_session(person: &Person) -> Result<(), ApiError> {
    match &person.bearer.proof {
        Proof::Session { methods, .. } if methods.iter().any(|method| is_second_factor(method)) => Ok(()),
        _ => Err(ApiError::forbidden(
            "sign in with the second factor first: this session began without",
        )),
    }
}

fn wrong_field(field: &str, allowed: &str) -> ApiError {
    ApiError::invalid(vec![FieldProblem {
        field: field.to_owned(),
        found: None,
        allowed: allowed.to_owned(),
    }])
}

async fn new_recovery_codes(conn: &mut PgConnection, user: UserId) -> Result<Vec<String>, ApiError> {
    let codes = second_factor::recovery_codes();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| second_factor::digest_of(code)).collect();
    credentials::set_recovery_codes(conn, user, &hashes).await?;
    Ok(codes)
}

async fn alert(
    app: &App,
    conn: &mut PgConnection,
    user: &User,
    what: &str,
    origin: &Origin,
) -> Result<(), ApiError> {
    let letter = Letter::Alert {
        what: what.to_owned(),
        address: origin.address.clone(),
    };
    mail::queue(app, conn, user.customer, &user.email, &letter).await
}
