//! Bodies: parsed at the door, and refused in words that name field, what was found and what is allowed.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use domain::specification::FieldProblem;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// Longest JSON body in bytes.
pub(crate) const LONGEST_JSON: usize = 1024 * 1024;

/// Something that a body can say.
pub(crate) trait FromBody: Sized {
    /// Reads it from the body's JSON.
    ///
    /// # Errors
    /// The fields that do not fit.
    fn from_body(body: Value) -> Result<Self, Vec<FieldProblem>>;
}

/// A JSON body. With it the handler has something whose form is right.
#[derive(Debug)]
pub(crate) struct Json<T> {
    /// What the body says.
    pub(crate) value: T,
    /// SHA-256 of the body's bytes, for the idempotency key.
    pub(crate) digest: [u8; 32],
}

impl<S: Send + Sync, T: FromBody> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        require_json(request.headers())?;
        let bytes = read(request, LONGEST_JSON).await?;
        let digest = Sha256::digest(&bytes).into();
        let value = T::from_body(parse(&bytes)?).map_err(ApiError::invalid)?;
        Ok(Self { value, digest })
    }
}

/// A JSON body that may be left out.
pub(crate) struct MaybeJson<T>(pub(crate) T);

impl<S: Send + Sync, T: FromBody + Default> FromRequest<S> for MaybeJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let typed = require_json(request.headers());
        let bytes = read(request, LONGEST_JSON).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        typed?;
        Ok(Self(T::from_body(parse(&bytes)?).map_err(ApiError::invalid)?))
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let found = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = found
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if ["application/json", "application/merge-patch+json"].contains(&essence.as_str()) {
        return Ok(());
    }
    let problem = FieldProblem {
        field: "Content-Type".to_owned(),
        found: found.map(str::to_owned),
        allowed: "application/json".to_owned(),
    };
    let detail = problem.to_string();
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The body is no JSON",
        detail,
    )
    .with_problems(vec![problem]))
}

/// The body's bytes, at most `limit`.
///
/// # Errors
/// It is longer, or the caller broke off.
pub(crate) async fn read(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let problem = FieldProblem {
                field: "body".to_owned(),
                found: Some(format!("more than {limit} bytes")),
                allowed: format!("at most {limit} bytes"),
            };
            Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The body is too long",
                problem.to_string(),
            )
            .with_problems(vec![problem]))
        }
        Err(_) => Err(not_json("a body that broke off".to_owned())),
    }
}

/// The JSON in the bytes.
///
/// # Errors
/// They are no JSON.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    // serde_json's message quotes nothing of the body, only names the place.
    serde_json::from_slice(bytes).map_err(|error| not_json(error.to_string()))
}

fn not_json(found: String) -> ApiError {
    let problem = FieldProblem::new("body", found, "a JSON object");
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "not_json",
        "The body is no JSON",
        problem.to_string(),
    )
    .with_problems(vec![problem])
}

/// Reads a part of the body, or says which field does not fit.
///
/// # Errors
/// The first field that does not fit; serde stops there.
pub(crate) fn deserialize<T: DeserializeOwned>(value: &Value) -> Result<T, FieldProblem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        problem_of(value, &path, &message)
    })
}

/// A body that has to be an object, as its fields.
///
/// # Errors
/// It is something else.
pub(crate) fn object(body: Value) -> Result<serde_json::Map<String, Value>, Vec<FieldProblem>> {
    match body {
        Value::Object(fields) => Ok(fields),
        other => Err(vec![FieldProblem::new("body", kind_of(&other), "an object")]),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Takes serde's message apart. What it says beside the field's name is one of a few forms; the value is looked
/// up in the body instead, because a secret must not be quoted.
fn problem_of(body: &Value, path: &str, message: &str) -> FieldProblem {
    let named = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?;
        rest.split('`').next().map(str::to_owned)
    };
    let below = |name: &str| {
        if path == "." {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(name) = named("unknown field `") {
        // The path already ends in the field that is unknown.
        let field = if path == name || path.ends_with(&format!(".{name}")) {
            path.to_owned()
        } else {
            below(&name)
        };
        return FieldProblem {
            field,
            found: Some(name),
            allowed: expected(message, "no such field"),
        };
    }
    if let Some(name) = named("missing field `") {
        return FieldProblem {
            field: below(&name),
            found: None,
            allowed: "a value: the field is missing".to_owned(),
        };
    }
    let field = if path == "." {
        "body".to_owned()
    } else {
        path.to_owned()
    };
    let hidden = ["secrets", "registry", "password", "token", "code"]
        .iter()
        .any(|word| path.contains(word));
    let found = match value_at(body, path) {
        Some(value) if !hidden => Some(match value {
            Value::String(text) => text.chars().take(200).collect(),
            Value::Array(_) | Value::Object(_) => kind_of(value).to_owned(),
            plain => plain.to_string(),
        }),
        _ => None,
    };
    let otherwise = if hidden {
        "a value of another kind"
    } else {
        message
    };
    FieldProblem {
        field,
        found,
        allowed: expected(message, otherwise),
    }
}

/// What serde or one of our own types says would have fitted.
fn expected(message: &str, otherwise: &str) -> String {
    for mark in ["; allowed are ", "expected ", "is no site name: "] {
        if let Some((_, allowed)) = message.rsplit_once(mark) {
            return allowed.replace('`', "");
        }
    }
    otherwise.to_owned()
}

fn value_at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    if path == "." {
        return Some(body);
    }
    let mut value = body;
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        value = match value {
            Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            _ => value.get(part)?,
        };
    }
    Some(value)
}

/// RFC 7396: `patch` laid over `target`; null removes.
pub(crate) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else {
        unreachable!("made an object above")
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(&name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::specification::SiteSpecification;
    use serde_json::json;

    use super::*;

    fn whole() -> Value {
        json!({"name": "shop-1", "provider": "aws", "region": "us-east-1", "size": "small",
            "application": {"image": "nginx:1.27", "port": 80}})
    }

    #[test]
    fn a_field_that_does_not_fit_is_named_with_what_was_found_and_what_is_allowed() {
        type Change = fn(&mut Value);
        let cases: &[(Change, &str, Option<&str>, &str)] = &[
            (|v| v["provider"] = json!("ibm"), "provider", Some("ibm"), "aws"),
            (
                |v| v["size"] = json!("huge"),
                "size",
                Some("huge"),
                "one of small, medium, large, xlarge",
            ),
            (
                |v| v["name"] = json!("Shop_1"),
                "name",
                Some("Shop_1"),
                "3 to 32 characters",
            ),
            (
                |v| v["application"]["port"] = json!("80"),
                "application.port",
                Some("80"),
                "u16",
            ),
            (
                |v| v["application"]["port"] = json!(70000),
                "application.port",
                Some("70000"),
                "u16",
            ),
            (
                |v| v["application"]["prot"] = json!(80),
                "application.prot",
                Some("prot"),
                "image",
            ),
            (
                |v| v["databse"] = json!(null),
                "databse",
                Some("databse"),
                "database",
            ),
            (
                |v| v["application"] = json!({"port": 80}),
                "application.image",
                None,
                "missing",
            ),
            (
                |v| v["application"]["secrets"] = json!({"A": 5}),
                "application.secrets.A",
                None,
                "a string",
            ),
            (
                |v| v["application"]["registry"] = json!("planted"),
                "application.registry",
                None,
                "struct Registry",
            ),
        ];
        for (change, field, found, allowed) in cases {
            let mut body = whole();
            change(&mut body);
            let problem = deserialize::<SiteSpecification>(&body).unwrap_err();
            assert_eq!(problem.field, *field, "{problem}");
            assert_eq!(problem.found.as_deref(), *found, "{problem}");
            assert!(problem.allowed.contains(allowed), "{problem}");
            assert!(!problem.to_string().contains("planted"), "{problem}");
        }
    }

    #[test]
    fn a_merge_patch_does_what_rfc_7396_shows() {
        // The examples of its appendix A.
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, patch.clone());
            assert_eq!(merged, result, "{target} with {patch}");
        }
    }
}
