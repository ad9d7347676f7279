//! What a caller is told when something is wrong: RFC 9457 problem documents, made here and nowhere else.
//!
//! A 5xx never says more than that; its cause goes to the log, once, by [`crate::observe`], which also adds the
//! trace id and writes the document.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use db::deployments::AdvanceError;
use domain::specification::FieldProblem;
use serde::Serialize;
use utoipa::ToSchema;

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:siteplane:problem:invalid_request", "title": "The request does not fit", "status": 422,
    "detail": "region: found \"mars-1\", allowed is a region of Amazon Web Services: us-east-1, …",
    "code": "invalid_request", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "problems": [{"field": "region", "found": "mars-1", "allowed": "a region of Amazon Web Services: us-east-1, …"}],
}))]
pub(crate) struct Problem {
    /// A name for the kind of problem, made from `code`.
    r#type: String,
    /// The kind of problem in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The kind of problem for a program; never changes.
    code: &'static str,
    /// What to quote when asking for help.
    trace_id: String,
    /// Each field that is wrong; empty where it isn't about fields.
    problems: Vec<FieldProblem>,
}

/// Anything but the answer that the caller wanted. Boxed: a handler's good answer should not carry its size.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Refusal>);

#[derive(Clone, Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    problems: Vec<FieldProblem>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Cause>,
}

impl ApiError {
    /// A refusal with words of its own.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Refusal {
            status,
            code,
            title,
            detail: detail.into(),
            problems: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// 422: fields of the body, parameters or headers that do not fit, all at once.
    pub(crate) fn invalid(problems: Vec<FieldProblem>) -> Self {
        let detail = problems
            .iter()
            .map(FieldProblem::to_string)
            .collect::<Vec<_>>()
            .join("; ");
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "The request does not fit",
            detail,
        )
        .with_problems(problems)
    }

    /// 401: no credentials, or none that are known.
    pub(crate) fn unauthorized(challenge: &'static str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Sign in first",
            "the request has no API token, or one that is unknown, revoked or past its end",
        )
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403: known, and not allowed.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    /// 404: unknown, or another customer's; the answer never tells which.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Not found",
            format!("there is no such {what}"),
        )
    }

    /// 409: it is fine by itself and does not fit to what is there.
    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            code,
            "It does not fit to what is there",
            detail,
        )
    }

    /// 500: our fault.
    pub(crate) fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something broke",
            "the request could not be carried out; quote the trace id when asking for help",
        );
        error.0.cause = Some(Arc::new(cause));
        error
    }

    /// 503: something that we need is away; trying again helps.
    pub(crate) fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Not now",
            "a service that is needed does not answer; try again in a moment",
        )
        .with_header(header::RETRY_AFTER, HeaderValue::from_static("2"));
        error.0.cause = Some(Arc::new(cause));
        error
    }

    /// With the fields that it is about.
    pub(crate) fn with_problems(mut self, problems: Vec<FieldProblem>) -> Self {
        self.0.problems = problems;
        self
    }

    /// With a header beside the document.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// What broke, for the log.
    pub(crate) fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.0.cause.as_deref()
    }

    /// The response with its document.
    pub(crate) fn into_document(self, trace_id: &str) -> Response {
        let refusal = *self.0;
        let problem = Problem {
            r#type: format!("urn:siteplane:problem:{}", refusal.code),
            title: refusal.title,
            status: refusal.status.as_u16(),
            detail: refusal.detail,
            code: refusal.code,
            trace_id: trace_id.to_owned(),
            problems: refusal.problems,
        };
        let body = serde_json::to_vec(&problem).expect("a problem is text and numbers");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = refusal.status;
        for (name, value) in refusal.headers {
            response.headers_mut().insert(name, value);
        }
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // `observe` knows the trace and writes the document.
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) => match refusal.constraint() {
                Some("sites_customer_id_name_key") => {
                    Self::conflict("site_name_taken", "another site of this customer has this name")
                        .with_problems(vec![FieldProblem {
                            field: "name".to_owned(),
                            found: None,
                            allowed: "a name that no other site of the customer has".to_owned(),
                        }])
                }
                Some("customers_slug_key") => Self::conflict("slug_taken", "another customer has this slug"),
                Some("users_email_key") => Self::conflict("email_taken", "somebody has this address already"),
                Some(
                    "users_custom_role_id_fkey"
                    | "api_tokens_custom_role_id_fkey"
                    | "invitations_custom_role_id_fkey",
                ) => Self::conflict(
                    "role_in_use",
                    "somebody, a token or an invitation still has this role",
                ),
                Some("site_specifications_pkey") => Self::conflict(
                    "site_changed",
                    "the site was changed by someone else at the same time",
                ),
                _ => match refusal.code().as_deref() {
                    // Serialization failure, deadlock, too many connections, the server shuts down or starts up.
                    Some("40001" | "40P01" | "53300" | "57P01" | "57P02" | "57P03") => {
                        Self::unavailable(error)
                    }
                    _ => Self::internal(error),
                },
            },
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::unavailable(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<AdvanceError> for ApiError {
    fn from(error: AdvanceError) -> Self {
        match error {
            AdvanceError::Illegal(illegal) => Self::conflict("deployment_status", illegal.to_string()),
            AdvanceError::Moved(_) => Self::conflict(
                "deployment_moved",
                "the deployment moved on at the same time; look again",
            ),
            AdvanceError::Database(error) => error.into(),
        }
    }
}
