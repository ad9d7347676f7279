//! Inviting people to a customer.

use axum::{Json as Answer, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use db::invitations::{self, Invitation, NewInvitation};
use domain::{
    id::{CustomerId, InvitationId},
    mail::Letter,
    specification::FieldProblem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::roles::role_named;
use crate::{
    App,
    auth::{CustomerAccess, ManageMembers, ReadMembers, SecondId, random_text},
    body::{self, FromBody, Json},
    error::ApiError,
    mail,
};

/// An invitation that is open.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationView {
    /// Its id.
    id: InvitationId,
    /// Who is invited.
    email: String,
    /// The name of the role.
    role: String,
    /// Who invited.
    invited_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// When it ends by itself.
    expires_at: DateTime<Utc>,
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role,
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

/// The invitations of a customer that are open.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invitations {
    /// Newest first.
    items: Vec<InvitationView>,
}

/// Somebody to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ben@acme.example", "role": "member"}))]
pub(crate) struct Invite {
    /// The address that the invitation is mailed to.
    email: String,
    /// `owner`, `member`, `viewer`, or the name of one of the customer's own roles.
    role: String,
}

impl FromBody for Invite {
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>> {
        let mut invite: Self = body::deserialize(&body).map_err(|problem| vec![problem])?;
        invite.email = invite.email.trim().to_owned();
        match email_problem(&invite.email) {
            None => Ok(invite),
            Some(problem) => Err(vec![problem]),
        }
    }
}

/// What is wrong with an address, if anything. Whether it has a reader only a mail can tell.
fn email_problem(email: &str) -> Option<FieldProblem> {
    let fits = email.len() <= 254
        && email.split_once('@').is_some_and(|(name, host)| {
            (1..=64).contains(&name.len())
                && host.contains('.')
                && !host.starts_with('.')
                && !host.ends_with('.')
        })
        && email.matches('@').count() == 1
        && email
            .chars()
            .all(|c| c.is_alphanumeric() || "@.!#$%&'*+/=?^_`{|}~-".contains(c));
    let found: String = email.chars().take(254).collect();
    (!fits).then(|| {
        FieldProblem::new(
            "email",
            found,
            "an address like anna@acme.example, at most 254 characters",
        )
    })
}

/// The invitations that are open.
#[utoipa::path(get, path = "/customers/{id}/invitations", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer")),
    responses((status = 200, description = "The invitations", body = Invitations)), security(("token" = [])))]
pub(crate) async fn list(
    State(app): State<App>,
    access: CustomerAccess<ReadMembers>,
) -> Result<Answer<Invitations>, ApiError> {
    let mut tx = access.begin(&app.pool).await?;
    let items = invitations::list(&mut tx, Some(access.customer.id)).await?;
    tx.commit().await?;
    Ok(Answer(Invitations {
        items: items.into_iter().map(InvitationView::from).collect(),
    }))
}

/// Invites somebody by mail. Whoever has the link comes in with the role.
#[utoipa::path(post, path = "/customers/{id}/invitations", tag = "customers", request_body = Invite,
    params(("id" = CustomerId, Path, description = "The customer")),
    responses((status = 201, description = "The invitation is on its way", body = InvitationView)),
    security(("token" = [])))]
pub(crate) async fn create(
    State(app): State<App>,
    access: CustomerAccess<ManageMembers>,
    Json { value: invite, .. }: Json<Invite>,
) -> Result<(StatusCode, Answer<InvitationView>), ApiError> {
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    let (role, permissions) = role_named(&mut tx, customer, &invite.role).await?;
    if !access.caller.role.covers(permissions) {
        return Err(ApiError::forbidden(format!(
            "nobody gives more than they have: your own role lacks some of what {} may do",
            invite.role
        )));
    }
    let now = Utc::now();
    let token = random_text("");
    let new = NewInvitation {
        id: InvitationId::new(),
        customer: Some(customer),
        email: &invite.email,
        role,
        invited_by: access.caller.name(),
        expires_at: now + app.settings.sign_in.invitation,
    };
    invitations::insert(&mut tx, &new, token.expose()).await?;
    let letter = Letter::Invitation {
        invited_by: access.caller.name().to_owned(),
        to: access.customer.name.clone(),
        role: invite.role.clone(),
        link: mail::link(&app, "invitation", token.expose()),
    };
    mail::queue(&app, &mut tx, Some(customer), &invite.email, &letter).await?;
    let details = json!({"email": invite.email, "role": invite.role});
    access
        .caller
        .record(
            &mut tx,
            customer,
            "invitation.create",
            ("invitation", new.id.0),
            details,
        )
        .await?;
    let view = InvitationView {
        id: new.id,
        email: invite.email.clone(),
        role: invite.role.clone(),
        invited_by: access.caller.name().to_owned(),
        created_at: now,
        expires_at: new.expires_at,
    };
    tx.commit().await?;
    Ok((StatusCode::CREATED, Answer(view)))
}

/// Takes an invitation back: its link is over.
#[utoipa::path(delete, path = "/customers/{id}/invitations/{invitation}", tag = "customers",
    params(("id" = CustomerId, Path, description = "The customer"),
        ("invitation" = InvitationId, Path, description = "The invitation")),
    responses((status = 204, description = "Taken back")), security(("token" = [])))]
pub(crate) async fn revoke(
    State(app): State<App>,
    access: CustomerAccess<ManageMembers>,
    SecondId(id): SecondId<InvitationId>,
) -> Result<StatusCode, ApiError> {
    let customer = access.customer.id;
    let mut tx = access.begin(&app.pool).await?;
    if !invitations::revoke(&mut tx, Some(customer), id).await? {
        return Err(ApiError::not_found("open invitation"));
    }
    access
        .caller
        .record(
            &mut tx,
            customer,
            "invitation.revoke",
            ("invitation", id.0),
            json!({}),
        )
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
