//! Around every request: its trace, its time limit, its line in the log, its numbers, and the document where it
//! was refused. A panic in a handler ends here too.

use std::{any::Any, panic::AssertUnwindSafe, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tracing::{Instrument, error, info, info_span};

use crate::{
    App, client_address::ClientAddress, error::ApiError, rate_limit::Standing, secure_headers, trace::TraceId,
};

/// A handler that panicked.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked: {0}")]
struct Panicked(String);

/// Carries a request through the handlers.
pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let trace = TraceId::of(request.headers());
    request.extensions_mut().insert(trace.clone());
    let address = ClientAddress::of(
        request.extensions(),
        request.headers(),
        &app.settings.trusted_proxies,
    );
    if let Some(address) = address {
        request.extensions_mut().insert(address);
    }
    let standing = Standing::default();
    request.extensions_mut().insert(standing.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let span = info_span!("request", trace_id = trace.as_str(), http.method = %method, http.route = %route);

    let handled = tokio::time::timeout(
        app.settings.request_timeout,
        AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind(),
    )
    .await;
    let mut response = match handled {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => ApiError::internal(Panicked(message_of(&*panic))).into_response(),
        Err(_) => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "It took too long",
            "the request was given up after its time limit; what it began was undone",
        )
        .into_response(),
    };

    if let Some(refusal) = response.extensions_mut().remove::<ApiError>() {
        if let Some(cause) = refusal.cause() {
            error!(parent: &span, "Could not answer {method} {path}: {}", chain(cause));
        }
        response = refusal.into_document(trace.as_str());
    }
    let headers = response.headers_mut();
    let text =
        |value: &str| HeaderValue::from_str(value).expect("hexadecimal digits and hyphens fit into a header");
    headers.insert(
        HeaderName::from_static("traceparent"),
        text(&trace.to_traceparent()),
    );
    headers.insert(HeaderName::from_static("x-trace-id"), text(trace.as_str()));
    standing.add_to(headers, app.settings.rate_limits.window);
    secure_headers::add(headers, &app.settings.public_url);

    let status = response.status().as_u16();
    let duration = started.elapsed();
    app.metrics
        .count_request(method.as_str(), &route, status, duration);
    info!(
        parent: &span,
        http.status = status,
        client.address = address.map(|address| tracing::field::display(address.0)),
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        "Answered {method} {path} with {status}"
    );
    response
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// An error with everything under it, for one line of the log.
fn chain(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
