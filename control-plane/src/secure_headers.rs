//! What every answer tells a browser: that it is data, for nobody to frame, guess at or keep.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Sets what a handler did not set itself.
pub(crate) fn add(headers: &mut HeaderMap, public_url: &str) {
    let fixed = HeaderValue::from_static;
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, fixed("DENY"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        fixed("same-origin"),
    );
    // Only where people come by https: a browser that heard it refuses plain http for two years.
    if public_url.starts_with("https://") {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            fixed("max-age=63072000; includeSubDomains"),
        );
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(fixed("default-src 'none'; frame-ancestors 'none'"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        // What has an ETag may be kept by the one who asked, who asks again before showing it.
        let kept = headers.contains_key(header::ETAG);
        let rule = if kept { "private, no-cache" } else { "no-store" };
        headers.insert(header::CACHE_CONTROL, fixed(rule));
    }
}
