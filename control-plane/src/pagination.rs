//! Query parameters, and lists in pages: an opaque cursor names the last row of the page before.

use std::fmt::Display;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::specification::FieldProblem;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::ApiError;

/// Rows on a page where the caller does not say.
pub(crate) const DEFAULT_LIMIT: i64 = 50;
/// Most rows on a page.
pub(crate) const LONGEST_LIMIT: i64 = 200;

/// The parameters of a request's query, to be taken one by one; [`Parameters::finish`] refuses what is left.
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    problems: Vec<FieldProblem>,
    known: Vec<&'static str>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = query.map_err(|_| {
            ApiError::invalid(vec![FieldProblem {
                field: "query".to_owned(),
                found: None,
                allowed: "pairs of name=value joined by &".to_owned(),
            }])
        })?;
        Ok(Self {
            pairs,
            problems: Vec::new(),
            known: Vec::new(),
        })
    }
}

impl Parameters {
    /// The parameter's text, if it is there.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut found = None;
        let mut problems = Vec::new();
        self.pairs.retain_mut(|(key, value)| {
            if key == name {
                let value = std::mem::take(value);
                if found.is_some() {
                    problems.push(FieldProblem::new(name, &value, "once"));
                }
                found = Some(value);
                return false;
            }
            true
        });
        self.problems.append(&mut problems);
        found
    }

    /// The parameter parsed; what does not parse is noted with `allowed`.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        allowed: impl Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.problems
                .push(FieldProblem::new(name, text, allowed.to_string()));
        }
        value
    }

    /// A number of rows.
    pub(crate) fn limit(&mut self, longest: i64, otherwise: i64) -> i64 {
        let in_range = |text: &str| text.parse().ok().filter(|limit| (1..=longest).contains(limit));
        self.parsed("limit", format!("1 to {longest}"), in_range)
            .unwrap_or(otherwise)
    }

    /// A page of a list.
    pub(crate) fn page(&mut self) -> Page {
        let limit = self.limit(LONGEST_LIMIT, DEFAULT_LIMIT);
        let before = self.parsed("cursor", "a next_cursor from an earlier answer", read_cursor);
        Page { limit, before }
    }

    /// The number of an event to go on after.
    pub(crate) fn after(&mut self) -> Option<i64> {
        let number = |text: &str| text.parse().ok().filter(|after| *after >= 0);
        self.parsed("after", "the number of an event: 0 or more", number)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Every parameter that did not parse or is unknown.
    pub(crate) fn finish(mut self) -> Result<(), ApiError> {
        let known = self.known.join(", ");
        for (name, value) in self.pairs {
            self.problems.push(FieldProblem::new(
                name,
                value,
                format!("one of the parameters {known}"),
            ));
        }
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.problems))
        }
    }
}

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// At most so many rows.
    pub(crate) limit: i64,
    /// Only rows made before this one.
    pub(crate) before: Option<Uuid>,
}

impl Page {
    /// One row more than the page has, so that its end is known.
    pub(crate) fn fetch(self) -> i64 {
        self.limit + 1
    }

    /// Cuts the row too many off, and makes the cursor from the last one that stays.
    pub(crate) fn cut<T>(self, rows: &mut Vec<T>, id: impl FnOnce(&T) -> Uuid) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        rows.last().map(|row| URL_SAFE_NO_PAD.encode(id(row).as_bytes()))
    }
}

fn read_cursor(text: &str) -> Option<Uuid> {
    Uuid::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The rows, newest first.
    pub(crate) items: Vec<T>,
    /// What to pass as `cursor` for the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
}
