//! The table of contents: a line a route. One registration gives the route and its part of the OpenAPI document.

use axum::{
    Router,
    http::{Method, StatusCode, Uri},
    middleware::from_fn_with_state,
};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use crate::{
    App,
    error::ApiError,
    http::{
        customers, deployments, events, health, jwks, links, me, metrics, plans, providers, quotes, sessions,
        sites, terraform_state, workers,
    },
    observe::observe,
    openapi,
};

/// Every route, with what the document says about it.
pub(crate) fn routes() -> OpenApiRouter<App> {
    let api = OpenApiRouter::new()
        .routes(routes!(sites::list, sites::create::create))
        .routes(routes!(sites::read, sites::change::change, sites::delete::delete))
        .routes(routes!(sites::deployments))
        .routes(routes!(sites::resources))
        .routes(routes!(sites::reveal::reveal))
        .routes(routes!(deployments::read))
        .routes(routes!(events::read))
        .routes(routes!(events::log))
        .routes(routes!(deployments::cancel))
        .routes(routes!(deployments::approve))
        .routes(routes!(deployments::reject))
        .routes(routes!(plans::create))
        .routes(routes!(quotes::create))
        .routes(routes!(providers::list))
        .routes(routes!(workers::list))
        .routes(routes!(sessions::create))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::end))
        .routes(routes!(links::ask_for_reset))
        .routes(routes!(links::reset))
        .routes(routes!(links::verify_email))
        .routes(routes!(links::unlock))
        .routes(routes!(links::accept))
        .routes(routes!(me::read, me::change))
        .routes(routes!(me::change_password))
        .routes(routes!(me::propose_totp, me::remove_totp))
        .routes(routes!(me::confirm_totp))
        .routes(routes!(me::renew_recovery_codes))
        .routes(routes!(me::sessions, me::end_other_sessions))
        .routes(routes!(me::end_session))
        .routes(routes!(customers::list, customers::create))
        .routes(routes!(customers::read, customers::change))
        .routes(routes!(customers::members::list))
        .routes(routes!(customers::members::change, customers::members::remove))
        .routes(routes!(customers::members::unlock))
        .routes(routes!(
            customers::invitations::list,
            customers::invitations::create
        ))
        .routes(routes!(customers::invitations::revoke))
        .routes(routes!(customers::roles::list))
        .routes(routes!(customers::roles::put, customers::roles::delete))
        .routes(routes!(customers::tokens::list, customers::tokens::create))
        .routes(routes!(customers::tokens::revoke));
    let state = routes!(terraform_state::read, terraform_state::write);
    OpenApiRouter::with_openapi(openapi::frame())
        .nest("/api/v1", api)
        .routes(state.map(|state| state.fallback(terraform_state::lock_or_unlock)))
        .routes(routes!(jwks::read))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::read))
        .routes(routes!(openapi::read))
}

/// The whole API, ready to be called: by a server or, in a test, without one.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .method_not_allowed_fallback(async |method: Method| method_not_allowed(method))
        .fallback(async |uri: Uri| ApiError::not_found(&format!("address as {}", uri.path())))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// 405.
pub(crate) fn method_not_allowed(method: Method) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This address has no such method",
        format!("{method} is not possible here; the header Allow says what is"),
    )
}
