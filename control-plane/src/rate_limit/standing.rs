//! What an answer says about its caller's allowance.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::seconds;

/// Where a caller stands, for the answer's headers. Filled in by whoever counts the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing(Arc<OnceLock<Vec<Line>>>);

/// Where one of a caller's allowances stands.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Whose: `caller` or `customer`.
    pub(super) name: &'static str,
    /// Requests in a window.
    pub(super) size: u32,
    /// What is left of them.
    pub(super) left: u32,
    /// Until the window ends.
    pub(super) ends_in: Duration,
}

impl Standing {
    /// Sets `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-10 (September 2025) has them.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap, window: Duration) {
        let Some(lines) = self.0.get().filter(|lines| !lines.is_empty()) else {
            return;
        };
        let window = seconds(window);
        let list = |text: &dyn Fn(&Line) -> String| {
            let lines: Vec<String> = lines.iter().map(text).collect();
            HeaderValue::from_str(&lines.join(", ")).expect("names and numbers fit into a header")
        };
        headers.insert(
            HeaderName::from_static("ratelimit-policy"),
            list(&|line| format!("\"{}\";q={};w={window}", line.name, line.size)),
        );
        headers.insert(
            HeaderName::from_static("ratelimit"),
            list(&|line| format!("\"{}\";r={};t={}", line.name, line.left, seconds(line.ends_in))),
        );
    }

    /// Says it. A request that is counted twice keeps what was said first.
    pub(super) fn set(&self, lines: Vec<Line>) {
        let _ = self.0.set(lines);
    }
}
