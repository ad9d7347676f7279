//! Queueing letters. They are sealed here and opened again by the worker that sends them.

use db::mails::{self, NewMail};
use domain::{
    id::{CustomerId, MailId},
    mail::Letter,
};
use sqlx::PgConnection;
use state::seal::{SealedFor, seal_value};

use crate::{App, error::ApiError};

/// Queues a letter in the transaction of what it tells about.
///
/// # Errors
/// The database refused.
pub(crate) async fn queue(
    app: &App,
    conn: &mut PgConnection,
    customer: Option<CustomerId>,
    recipient: &str,
    letter: &Letter,
) -> Result<(), ApiError> {
    let id = MailId::new();
    let sealed =
        seal_value(&app.store.keys, &SealedFor::Mail { mail_id: id }, letter).map_err(ApiError::internal)?;
    let mail = NewMail {
        id,
        customer,
        recipient,
        template: letter.template(),
        parameters_sealed: &sealed,
    };
    Ok(mails::enqueue(conn, &mail).await?)
}

/// An address of the portal with a token behind `#`, which no server and no log gets to see.
pub(crate) fn link(app: &App, page: &str, token: &str) -> String {
    link_at(&app.settings.public_url, page, token)
}

/// The same at an address that is known otherwise.
pub(crate) fn link_at(public_url: &str, page: &str, token: &str) -> String {
    format!("{}/{page}#token={token}", public_url.trim_end_matches('/'))
}
