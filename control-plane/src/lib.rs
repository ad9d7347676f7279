//! The HTTP API of Siteplane.
//!
//! [`router`](mod@router) is the table of contents: a line a route. `http/<resource>.rs` holds the handlers, `auth`
//! the extractors that hand a handler its permission, `error` and `body` what a caller is told when something is
//! wrong. Rules live in `domain` and SQL in `db`; a worker is never called, it is rung through the database.

mod app;
mod auth;
mod body;
mod client_address;
mod error;
mod event_bell;
mod http;
mod idempotency;
mod mail;
mod observe;
mod openapi;
mod pagination;
mod rate_limit;
mod router;
mod secure_headers;
mod serve;
mod trace;

pub use app::{App, Settings, SignInSettings};
pub use auth::{
    access_token::{RotateError, rotate as rotate_signing_key},
    bootstrap::{
        ImportError, NoHash, UnknownHash, hash_password, import_password_hash, link_to_set_password,
    },
    operations::{Access, OPERATIONS},
    sign_in::account_subject,
};
pub use openapi::openapi_json;
pub use rate_limit::{Allowance, RateLimits};
pub use router::router;
pub use serve::serve;
