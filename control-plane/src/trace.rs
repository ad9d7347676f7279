//! The trace of a request: W3C `traceparent` taken over or begun, kept with everything that the request makes.

use axum::http::{HeaderMap, request::Parts};
use rand::{RngExt, rng};

/// A trace id: 32 lower-case hexadecimal digits, not all zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(String);

impl TraceId {
    /// The trace that the caller is in, or a new one where it names none that is valid.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .and_then(Self::parse)
            .unwrap_or_else(|| Self(format!("{:032x}", rng().random_range(1..=u128::MAX))))
    }

    /// The trace of the request, which `observe` set around every route.
    pub(crate) fn of_parts(parts: &Parts) -> Self {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or_else(|| Self::of(&parts.headers))
    }

    fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str, length: usize| {
            text.len() == length
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let is_set = |text: &str| text.bytes().any(|byte| byte != b'0');
        let valid = is_hex(version, 2)
            && version != "ff"
            && is_hex(trace, 32)
            && is_set(trace)
            && is_hex(parent, 16)
            && is_set(parent)
            && is_hex(flags, 2)
            && (version != "00" || parts.next().is_none());
        valid.then(|| Self(trace.to_owned()))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The `traceparent` of our part in the trace.
    pub(crate) fn to_traceparent(&self) -> String {
        format!("00-{}-{:016x}-01", self.0, rng().random_range(1..=u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_traceparent_is_taken_over_and_any_other_begins_a_trace() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", text.parse().unwrap());
            TraceId::of(&headers)
        };
        assert_eq!(with(&format!("00-{trace}-00f067aa0ba902b7-01")).as_str(), trace);
        assert_eq!(
            with(&format!("cc-{trace}-00f067aa0ba902b7-01-what-comes-later")).as_str(),
            trace
        );
        for bad in [
            "",
            "00",
            &format!("ff-{trace}-00f067aa0ba902b7-01"),
            &format!("00-{trace}-00f067aa0ba902b7-01-more"),
            &format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{trace}-0000000000000000-01"),
        ] {
            let made = with(bad);
            assert_ne!(made.as_str(), trace, "{bad}");
            assert_eq!(made.as_str().len(), 32, "{bad}");
        }
    }

    #[test]
    fn our_traceparent_is_one_that_the_next_program_takes_over() {
        let trace = TraceId::of(&HeaderMap::new());
        assert_eq!(TraceId::parse(&trace.to_traceparent()), Some(trace));
    }
}
