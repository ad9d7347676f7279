//! What happens in a deployment: as pages, as a stream, as plain lines. All three read the same rows.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event as SseEvent, Sse},
    },
};
use chrono::{DateTime, Utc};
use db::{
    deployments, events,
    tenant::{self, Scope},
};
use domain::{
    id::{CustomerId, DeploymentId},
    specification::FieldProblem,
    step::StepName,
};
use futures::Stream;
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};
use tracing::warn;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Caller, DeploymentAccess, Read},
    error::ApiError,
    event_bell::Ring,
    pagination::{LONGEST_LIMIT, Parameters},
};

/// Lines that the log has at most in one answer.
const LONGEST_LOG: i64 = 10_000;

/// Something that happened in a deployment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "seq": 7, "attempt": 1, "at": "2026-11-20T12:00:00Z", "step": "apply", "kind": "resource",
    "address": "module.site.module.networking.aws_vpc.this", "message": "Creation complete after 2s", "data": null,
}))]
pub(crate) struct EventView {
    /// Its number: 1 for the first of the deployment, without a gap.
    seq: i64,
    /// The attempt that it happened in; 0 before the first.
    attempt: i32,
    /// When it happened.
    at: DateTime<Utc>,
    /// In which step; null for the deployment itself.
    step: Option<StepName>,
    /// `status`, `step`, `resource`, `log` or `diagnostic`.
    kind: String,
    /// Terraform's address, where it is about one resource.
    address: Option<String>,
    /// One line for a person.
    message: String,
    /// More for a program.
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
}

impl From<events::Event> for EventView {
    fn from(event: events::Event) -> Self {
        Self {
            seq: event.seq,
            attempt: event.attempt,
            at: event.at,
            step: event.step,
            kind: event.kind,
            address: event.address,
            message: event.message,
            data: event.data,
        }
    }
}

impl EventView {
    /// Whether nothing comes after it.
    fn is_last(&self) -> bool {
        let is_final = self
            .data
            .as_ref()
            .and_then(|data| data.get("final"))
            .and_then(Value::as_bool);
        self.kind == "status" && is_final == Some(true)
    }
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// In order.
    items: Vec<EventView>,
    /// What to pass as `after` for the next page.
    next_after: i64,
    /// Whether more is there already.
    more: bool,
    /// Whether the deployment's last event is on this page or before it: nothing will follow.
    finished: bool,
}

/// Events of a deployment. With `Accept: text/event-stream` they are streamed as they happen, each with its number
/// as `id`, its kind as `event` and itself as JSON in `data`; the stream ends after the final status. It goes on
/// after `Last-Event-ID`, or `after`. Else a page of JSON.
#[utoipa::path(get, path = "/deployments/{id}/events", tag = "deployments", params(
        ("id" = DeploymentId, Path, description = "The deployment"),
        ("after" = Option<i64>, Query, description = "Number of the event to go on after"),
        ("limit" = Option<i64>, Query, description = "Events on the page: 1 to 200, 200 if left out"),
        ("Last-Event-ID" = Option<i64>, Header, description = "For a stream: the last event that arrived"),
    ),
    responses((status = 200, description = "A page, or the stream",
        content((EventPage = "application/json"), (String = "text/event-stream")))),
    security(("token" = [])))]
pub(crate) async fn read(
    State(app): State<App>,
    access: DeploymentAccess<Read>,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let after = parameters.after();
    let limit = parameters.limit(LONGEST_LIMIT, LONGEST_LIMIT);
    parameters.finish()?;
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accept.contains("text/event-stream") {
        let after = last_event_id(&headers)?.or(after).unwrap_or(0);
        let follower = Follower::new(app, access, after);
        let no_buffer = [(
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        )];
        return Ok((no_buffer, Sse::new(follower.into_stream())).into_response());
    }
    let id = access.deployment.id;
    let after = after.unwrap_or(0);
    let mut tx = tenant::begin(&app.pool, access.caller.scope()).await?;
    let mut items = page(&mut tx, id, after, limit + 1).await?;
    let row = deployments::find(&mut tx, id)
        .await?
        .ok_or_else(|| ApiError::not_found("deployment"))?;
    tx.commit().await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next_after = items.last().map_or(after, |event| event.seq);
    let finished = row.status.is_final() && next_after >= row.last_seq;
    Ok(Json(EventPage {
        items,
        next_after,
        more,
        finished,
    })
    .into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    match text.parse::<i64>() {
        Ok(seq) if seq >= 0 => Ok(Some(seq)),
        _ => {
            let problem = FieldProblem::new("Last-Event-ID", text, "the number of an event: 0 or more");
            Err(ApiError::invalid(vec![problem]))
        }
    }
}

async fn page(
    conn: &mut sqlx::PgConnection,
    deployment: DeploymentId,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<EventView>> {
    Ok(events::list(conn, deployment, after, limit)
        .await?
        .into_iter()
        .map(EventView::from)
        .collect())
}

/// The events of a deployment as lines of text: time, step, message. The header `X-Next-After` says where to go on;
/// one answer has at most 10,000 lines.
#[utoipa::path(get, path = "/deployments/{id}/log", tag = "deployments", params(
        ("id" = DeploymentId, Path, description = "The deployment"),
        ("after" = Option<i64>, Query, description = "Number of the event to go on after"),
    ),
    responses((status = 200, description = "The lines", body = String, content_type = "text/plain",
        headers(("X-Next-After" = i64, description = "Number of the last event in the answer")))),
    security(("token" = [])))]
pub(crate) async fn log(
    State(app): State<App>,
    access: DeploymentAccess<Read>,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let mut after = parameters.after().unwrap_or(0);
    parameters.finish()?;
    let end = after.saturating_add(LONGEST_LOG);
    let mut text = String::new();
    let mut tx = tenant::begin(&app.pool, access.caller.scope()).await?;
    while after < end {
        let events = page(
            &mut tx,
            access.deployment.id,
            after,
            LONGEST_LIMIT.min(end - after),
        )
        .await?;
        let Some(last) = events.last() else { break };
        after = last.seq;
        for event in &events {
            let step = event.step.map_or("deployment", StepName::as_str);
            let at = event.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            // A line of the log is one line, whatever a provider wrote.
            let message = event.message.replace(['\r', '\n'], " ");
            text.push_str(&format!("{at} {step:10} {message}\n"));
        }
    }
    tx.commit().await?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (HeaderName::from_static("x-next-after"), HeaderValue::from(after)),
    ];
    Ok((headers, text).into_response())
}

/// One open stream.
struct Follower {
    app: App,
    caller: Caller<Read>,
    customer: CustomerId,
    deployment: DeploymentId,
    /// Number of the last event that was read.
    after: i64,
    ready: VecDeque<EventView>,
    /// Whether there may be rows that were not read.
    look: bool,
    ended: bool,
    rings: broadcast::Receiver<Ring>,
    heartbeat: Interval,
    poll: Interval,
}

impl Follower {
    fn new(app: App, access: DeploymentAccess<Read>, after: i64) -> Self {
        Self {
            // Interest comes before the first look.
            rings: app.bell.follow(),
            heartbeat: ticks(app.settings.event_heartbeat),
            poll: ticks(app.settings.event_poll),
            app,
            customer: access.deployment.customer,
            deployment: access.deployment.id,
            caller: access.caller,
            after,
            ready: VecDeque::new(),
            look: true,
            ended: false,
        }
    }

    fn into_stream(self) -> impl Stream<Item = Result<SseEvent, Infallible>> {
        futures::stream::unfold(self, |mut follower| async move {
            let event = follower.next().await?;
            Some((Ok(event), follower))
        })
    }

    /// What is to be sent next; `None` at the end.
    async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.ended = event.is_last();
                return Some(framed(&event));
            }
            if self.ended || self.app.shutdown.is_cancelled() {
                return None;
            }
            if self.look {
                match self.read().await {
                    Ok(()) => continue,
                    // The reader may be through an outage that lasts longer than it: the poll tries again.
                    Err(error) => {
                        warn!(%error, "Could not read the events of deployment {}", self.deployment)
                    }
                }
                self.look = false;
            }
            let shutdown = self.app.shutdown.clone();
            tokio::select! {
                () = shutdown.cancelled() => return None,
                ring = self.rings.recv() => match ring {
                    Ok(Ring::Deployment(deployment)) => self.look = deployment == self.deployment,
                    Ok(Ring::Everyone) | Err(RecvError::Lagged(_)) => self.look = true,
                    Err(RecvError::Closed) => return None,
                },
                _ = self.poll.tick() => self.look = true,
                _ = self.heartbeat.tick() => match self.caller.is_still_there(&self.app).await {
                    Ok(true) => return Some(SseEvent::default().comment("heartbeat")),
                    Ok(false) => return None,
                    Err(error) => {
                        // Who can't be asked for can't be let on; the reader comes back with its Last-Event-ID.
                        warn!(?error, "Could not ask for the token of a stream's reader");
                        return None;
                    }
                },
            }
        }
    }

    /// Reads the next page of rows.
    async fn read(&mut self) -> sqlx::Result<()> {
        let mut tx = tenant::begin(&self.app.pool, Scope::Customer(self.customer)).await?;
        let events = page(&mut tx, self.deployment, self.after, LONGEST_LIMIT).await?;
        self.look = events.len() == usize::try_from(LONGEST_LIMIT).unwrap_or(usize::MAX);
        if events.is_empty() {
            // A reader that has the final status already waits for nothing.
            let row = deployments::find(&mut tx, self.deployment).await?;
            self.ended = row.is_none_or(|row| row.status.is_final() && row.last_seq <= self.after);
        }
        tx.commit().await?;
        self.after = events.last().map_or(self.after, |event| event.seq);
        self.ready.extend(events);
        Ok(())
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn framed(event: &EventView) -> SseEvent {
    SseEvent::default()
        .id(event.seq.to_string())
        .event(&event.kind)
        .json_data(event)
        .expect("an event is text, numbers and JSON")
}
