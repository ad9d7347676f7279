//! `If-Match`: a change says which version its author saw.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use domain::specification::FieldProblem;

use crate::error::ApiError;

/// The request's `If-Match`, if it has one.
#[derive(Debug)]
pub(crate) struct IfMatch(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let value = parts.headers.get(header::IF_MATCH);
        Ok(Self(value.map(|value| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        })))
    }
}

impl IfMatch {
    /// Refuses a change that does not say what its author saw.
    ///
    /// # Errors
    /// 428 without the header.
    pub(crate) fn require(&self) -> Result<(), ApiError> {
        if self.0.is_some() {
            return Ok(());
        }
        let problem = FieldProblem {
            field: "If-Match".to_owned(),
            found: None,
            allowed: "the ETag that came when it was last read".to_owned(),
        };
        Err(ApiError::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_required",
            "Say which version the change is made from",
            problem.to_string(),
        )
        .with_problems(vec![problem]))
    }

    /// Refuses a change made from another version than the one there is; `code` and `title` name the refusal. Without
    /// the header all is well.
    ///
    /// # Errors
    /// 412 where someone else was quicker.
    pub(crate) fn check(
        &self,
        version: i32,
        code: &'static str,
        title: &'static str,
    ) -> Result<(), ApiError> {
        let Some(found) = &self.0 else { return Ok(()) };
        let wanted = format!("\"{version}\"");
        if found
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag == wanted)
        {
            return Ok(());
        }
        let problem = FieldProblem::new("If-Match", found, format!("{wanted}: that is its version now"));
        Err(
            ApiError::new(StatusCode::PRECONDITION_FAILED, code, title, problem.to_string())
                .with_problems(vec![problem]),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_desired_specification_or_a_star_matches() {
        for (found, matches) in [
            ("\"3\"", true),
            ("\"2\", \"3\"", true),
            ("*", true),
            ("\"2\"", false),
            ("W/\"3\"", false),
            ("3", false),
        ] {
            assert_eq!(
                IfMatch(Some(found.to_owned()))
                    .check(3, "changed", "Changed")
                    .is_ok(),
                matches,
                "{found}"
            );
        }
        assert!(IfMatch(None).check(3, "changed", "Changed").is_ok());
        assert!(IfMatch(None).require().is_err());
    }
}
