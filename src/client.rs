//! The API, seen from the command line: requests, problems in words, and a deployment's events as they come.

mod sse;

use std::{fmt, time::Duration};

use domain::specification::{FieldProblem, Secret};
use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, ETAG, HeaderValue, IF_MATCH},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sse::Parser;
use tokio::time::Instant;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A stream says at least a comment within this time; silence means that the other side is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the API may be away (it is restarted, say) before a watcher gives up.
const AWAY: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why the API gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody answers there.
    #[error("the API at {url} can't be reached")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It said no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// It said something else than the API does.
    #[error("the answer of {url} is not one of Siteplane's API ({status}): {what}")]
    Strange {
        /// Its address.
        url: String,
        /// The status.
        status: StatusCode,
        /// What is strange.
        what: String,
    },
}

impl ClientError {
    /// Whether the API has no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == StatusCode::NOT_FOUND)
    }
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// The problem's code.
    pub(crate) code: String,
    /// What it says.
    pub(crate) detail: String,
    /// What is wrong with which field.
    pub(crate) fields: Vec<FieldProblem>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.detail)?;
        for field in &self.fields {
            write!(f, "\n  {field}")?;
        }
        Ok(())
    }
}

impl Refusal {
    fn read(status: StatusCode, body: &Value) -> Option<Self> {
        let text = |name: &str| body.get(name)?.as_str().map(str::to_owned);
        let fields = body.get("problems").and_then(Value::as_array);
        let fields: Vec<_> = fields
            .into_iter()
            .flatten()
            .filter_map(|field| FieldProblem::deserialize(field).ok())
            .collect();
        let detail = match (text("title"), text("detail")) {
            // Where there are fields they are the detail.
            (Some(title), _) if !fields.is_empty() => title,
            (Some(title), Some(detail)) if title != detail => format!("{title}: {detail}"),
            (title, detail) => detail.or(title)?,
        };
        Some(Self {
            status,
            code: text("code").unwrap_or_default(),
            detail,
            fields,
        })
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its body; null where there is none.
    pub(crate) body: Value,
    /// The version of what it shows.
    pub(crate) etag: Option<HeaderValue>,
}

/// One thing that happened in a deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Its number.
    pub(crate) seq: i64,
    /// The attempt that it happened in.
    #[serde(default)]
    pub(crate) attempt: i32,
    /// When, RFC 3339.
    #[serde(default)]
    pub(crate) at: String,
    /// In which step.
    #[serde(default)]
    pub(crate) step: Option<String>,
    /// `status`, `step`, `resource`, `log`, `diagnostic`.
    pub(crate) kind: String,
    /// Terraform's address.
    #[serde(default)]
    pub(crate) address: Option<String>,
    /// One line for a person.
    #[serde(default)]
    pub(crate) message: String,
    /// More for a program.
    #[serde(default)]
    pub(crate) data: Option<Value>,
}

/// Speaks to one API as one bearer. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: Secret,
}

impl Client {
    /// `base` is the API's address without a path.
    ///
    /// # Errors
    /// The TLS library can't be set up.
    pub(crate) fn new(base: &str, token: Secret) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// Asks for something, such as `/api/v1/sites`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.answer(self.request(Method::GET, path)).await
    }

    /// Asks for something to be done. Each call has an idempotency key of its own.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        let key = uuid::Uuid::new_v4().to_string();
        self.answer(
            self.request(Method::POST, path)
                .header("Idempotency-Key", key)
                .json(body),
        )
        .await
    }

    /// Changes the version that `etag` names.
    ///
    /// # Errors
    /// [`ClientError`]; status 412 where there is a newer version.
    pub(crate) async fn patch(
        &self,
        path: &str,
        body: &Value,
        etag: Option<&HeaderValue>,
    ) -> Result<Answer, ClientError> {
        let request = self.request(Method::PATCH, path).json(body);
        let request = match etag {
            Some(etag) => request.header(IF_MATCH, etag),
            None => request,
        };
        self.answer(request).await
    }

    /// Asks for something to be removed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) async fn delete(&self, path: &str, etag: Option<&HeaderValue>) -> Result<Answer, ClientError> {
        let request = self.request(Method::DELETE, path);
        let request = match etag {
            Some(etag) => request.header(IF_MATCH, etag),
            None => request,
        };
        self.answer(request).await
    }

    /// A deployment as it is now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) async fn deployment(&self, id: &str) -> Result<Value, ClientError> {
        Ok(self.get(&format!("/api/v1/deployments/{id}")).await?.body)
    }

    /// A deployment's events from its first on.
    pub(crate) fn events(&self, deployment: &str) -> Events {
        Events {
            client: self.clone(),
            path: format!("/api/v1/deployments/{deployment}/events"),
            last: None,
            stream: None,
            parser: Parser::default(),
            waiting: Vec::new().into_iter(),
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let bearer = HeaderValue::try_from(format!("Bearer {}", self.token.expose()));
        let request = self.http.request(method, format!("{}{path}", self.base));
        match bearer {
            Ok(mut bearer) => {
                bearer.set_sensitive(true);
                request.header(AUTHORIZATION, bearer)
            }
            // Not a token at all; the API will say that there is none.
            Err(_) => request,
        }
    }

    fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            url: self.base.clone(),
            source: source.without_url(),
        }
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, ClientError> {
        let answer = request
            .timeout(ANSWER_WITHIN)
            .send()
            .await
            .map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        let etag = answer.headers().get(ETAG).cloned();
        let text = answer.text().await.map_err(|error| self.unreachable(error))?;
        let body = if text.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_str(&text)
        };
        let strange = |what: String| ClientError::Strange {
            url: self.base.clone(),
            status,
            what,
        };
        match body {
            Ok(body) if status.is_success() => Ok(Answer { body, etag }),
            Ok(body) => match Refusal::read(status, &body) {
                Some(refusal) => Err(ClientError::Refused(Box::new(refusal))),
                None => Err(strange("an error that is no problem document".to_owned())),
            },
            Err(error) => Err(strange(format!("no JSON ({error})"))),
        }
    }
}

/// A deployment's events. An API that goes away is asked again where it left off.
#[derive(Debug)]
pub(crate) struct Events {
    client: Client,
    path: String,
    last: Option<String>,
    stream: Option<reqwest::Response>,
    parser: Parser,
    waiting: std::vec::IntoIter<sse::Message>,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// This happened.
    Event(Box<Event>),
    /// The API ended the stream: nothing more will happen, or the token ran out. Asking on starts it again.
    Ended,
}

impl Events {
    /// Waits for the next event. Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// The API is away for too long, or refuses.
    pub(crate) async fn next(&mut self) -> Result<Next, ClientError> {
        let mut away_since: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            for message in self.waiting.by_ref() {
                if let Some(id) = message.id {
                    self.last = Some(id);
                }
                // Another kind of message may come one day; it is not an event.
                if let Ok(event) = serde_json::from_str(&message.data) {
                    return Ok(Next::Event(Box::new(event)));
                }
            }
            let failure = match &mut self.stream {
                None => match self.open().await {
                    Ok(stream) => {
                        self.stream = Some(stream);
                        self.parser = Parser::default();
                        continue;
                    }
                    Err(Opening::Refused(error)) => return Err(error),
                    Err(Opening::Away(error)) => error,
                },
                Some(stream) => match tokio::time::timeout(SILENCE, stream.chunk()).await {
                    Ok(Ok(Some(bytes))) => {
                        self.waiting = self.parser.push(&bytes).into_iter();
                        continue;
                    }
                    Ok(Ok(None)) => {
                        self.stream = None;
                        return Ok(Next::Ended);
                    }
                    Ok(Err(error)) => {
                        self.stream = None;
                        self.client.unreachable(error)
                    }
                    Err(_) => {
                        self.stream = None;
                        continue;
                    }
                },
            };
            if away_since.get_or_insert_with(Instant::now).elapsed() > AWAY {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn open(&self) -> Result<reqwest::Response, Opening> {
        let mut request = self
            .client
            .request(Method::GET, &self.path)
            .header(ACCEPT, "text/event-stream");
        if let Some(last) = &self.last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = tokio::time::timeout(ANSWER_WITHIN, request.send()).await;
        let strange = |status, what: &str| ClientError::Strange {
            url: self.client.base.clone(),
            status,
            what: what.to_owned(),
        };
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(Opening::Away(self.client.unreachable(error))),
            Err(_) => {
                return Err(Opening::Away(strange(
                    StatusCode::GATEWAY_TIMEOUT,
                    "no answer in time",
                )));
            }
        };
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body: Value = answer.json().await.unwrap_or_default();
        let error = match Refusal::read(status, &body) {
            Some(refusal) => ClientError::Refused(Box::new(refusal)),
            None => strange(status, "an error that is no problem document"),
        };
        // While it starts or stops an API is busy, and a proxy before it says so too.
        Err(
            if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                Opening::Away(error)
            } else {
                Opening::Refused(error)
            },
        )
    }
}

enum Opening {
    Away(ClientError),
    Refused(ClientError),
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use axum::{
        Router,
        http::HeaderMap,
        response::{IntoResponse, Response},
        routing::get,
    };
    use serde_json::json;

    use super::*;

    fn client(url: &str) -> Client {
        crate::install_tls();
        Client::new(url, Secret::new("sp_t")).unwrap()
    }

    /// An API that is cut off after two events, then busy, then goes on where it is asked to.
    async fn flaky(calls: Arc<AtomicUsize>, headers: HeaderMap) -> Response {
        let event = |seq: i64| {
            format!(
                "id: {seq}\nevent: log\ndata: {}\n\n",
                json!({"seq": seq, "kind": "log", "message": "m"})
            )
        };
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => {
                assert_eq!(headers.get("authorization").unwrap(), "Bearer sp_t");
                assert!(headers.get("last-event-id").is_none());
                let text = format!(": hello\n\n{}{}id: 3\ndata: {{\"seq\"", event(1), event(2));
                text.into_response()
            }
            1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            _ => {
                assert_eq!(headers.get("last-event-id").unwrap(), "2");
                event(3).into_response()
            }
        }
    }

    #[tokio::test]
    async fn events_go_on_where_they_were_when_the_api_comes_back() {
        let calls = Arc::new(AtomicUsize::new(0));
        let route = get({
            let calls = calls.clone();
            move |headers: HeaderMap| flaky(calls.clone(), headers)
        });
        let app = Router::new().route("/api/v1/deployments/d/events", route);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let mut events = client(&url).events("d");
        let mut seen = Vec::new();
        while seen.len() < 3 {
            if let Next::Event(event) = events.next().await.unwrap() {
                seen.push(event.seq);
            }
        }
        assert_eq!(seen, [1, 2, 3]);
        assert_eq!(calls.load(Ordering::SeqCst), 3);
        server.abort();
    }

    #[tokio::test]
    async fn nobody_there_is_told_with_the_address_and_without_the_token() {
        let port = crate::dev::free_port().unwrap();
        let error = client(&format!("http://127.0.0.1:{port}"))
            .get("/api/v1/sites")
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the API at http://127.0.0.1:{port} can't be reached")
        );
        assert!(!format!("{error:?}").contains("sp_t"));
    }

    #[test]
    fn a_problem_document_names_each_field() {
        let body = json!({"title": "The body does not fit", "status": 422, "code": "invalid_request", "detail": "application.port: …",
            "problems": [{"field": "application.port", "found": "22", "allowed": "1 to 65535 but not 22"}]});
        let refusal = Refusal::read(StatusCode::UNPROCESSABLE_ENTITY, &body).unwrap();
        assert_eq!(
            refusal.to_string(),
            "The body does not fit\n  application.port: found \"22\", allowed is 1 to 65535 but not 22"
        );
        assert!(Refusal::read(StatusCode::BAD_GATEWAY, &json!({"oops": 1})).is_none());
    }
}
