//! Events as pages, as a stream, as lines.

use std::time::Duration;

use axum::body::BodyDataStream;
use chrono::Utc;
use db::{
    deployments::{self, Advance},
    events::{self, NewEvent, Writer},
    tenant::{self, Scope},
};
use domain::{
    deployment::{DeploymentEvent, DeploymentStatus},
    id::DeploymentId,
};
use futures::StreamExt;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, settings, token, uuid};

/// Long enough for a loaded machine; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

async fn append(stage: &Stage, deployment: &str, messages: std::ops::Range<i64>) {
    let events: Vec<NewEvent> = messages
        .map(|number| NewEvent {
            at: Utc::now(),
            step: None,
            kind: "log",
            address: None,
            message: format!("line {number}"),
            data: None,
        })
        .collect();
    let mut tx = tenant::begin(&stage.app.pool, Scope::Worker).await.unwrap();
    let id = DeploymentId(uuid(deployment));
    events::append(&mut tx, id, Writer::Anyone, &events)
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
}

async fn end(stage: &Stage, deployment: &str) {
    let mut tx = tenant::begin(&stage.app.pool, Scope::Worker).await.unwrap();
    let advance = Advance {
        deployment: DeploymentId(uuid(deployment)),
        from: DeploymentStatus::Queued,
        event: DeploymentEvent::CancelAsked,
        attempt: None,
        reason: "done",
    };
    deployments::advance(&mut tx, advance).await.unwrap();
    tx.commit().await.unwrap();
}

/// A reader of a stream.
struct Reader {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug, PartialEq)]
enum Frame {
    Event(i64, String),
    Comment(String),
    End,
}

impl Reader {
    async fn open(stage: &Stage, who: &str, deployment: &str, last: Option<i64>) -> Self {
        let path = format!("/api/v1/deployments/{deployment}/events");
        let mut call = stage
            .call(who, "GET", &path)
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            call = call.header("last-event-id", &last.to_string());
        }
        let response = call.response().await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    async fn next(&mut self) -> Frame {
        tokio::time::timeout(PATIENCE, self.read())
            .await
            .expect("the stream says something")
    }

    async fn read(&mut self) -> Frame {
        while !self.text.contains("\n\n") {
            match self.body.next().await {
                Some(bytes) => self.text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap()),
                None => return Frame::End,
            }
        }
        let (frame, rest) = self.text.split_once("\n\n").unwrap();
        let (frame, rest) = (frame.to_owned(), rest.to_owned());
        self.text = rest;
        if let Some(comment) = frame.strip_prefix(':') {
            return Frame::Comment(comment.trim().to_owned());
        }
        let field = |name: &str| {
            let line = frame
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("{name} in {frame}"))
                .trim()
                .to_owned()
        };
        let data: Value = serde_json::from_str(&field("data")).unwrap();
        let id: i64 = field("id").parse().unwrap();
        assert_eq!(
            (data["seq"].as_i64(), data["kind"].as_str()),
            (Some(id), Some(field("event").as_str()))
        );
        Frame::Event(id, data["message"].as_str().unwrap().to_owned())
    }

    /// Reads up to event `last` and gives the numbers.
    async fn up_to(&mut self, last: i64) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&last) {
            match self.next().await {
                Frame::Event(number, _) => numbers.push(number),
                Frame::Comment(_) => {}
                Frame::End => panic!("the stream ended after {numbers:?}"),
            }
        }
        numbers
    }
}

#[tokio::test]
async fn events_come_in_pages_and_say_when_nothing_will_follow() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    append(&stage, &id, 2..6).await;
    let path = format!("/api/v1/deployments/{id}/events");
    let first = stage.get("viewer", &format!("{path}?limit=3")).await.ok(200);
    assert_eq!(first["items"][0]["message"], "Queued");
    assert_eq!(
        (first["next_after"].as_i64(), &first["more"]),
        (Some(3), &Value::Bool(true))
    );
    let second = stage.get("viewer", &format!("{path}?after=3")).await.ok(200);
    assert_eq!(second["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&second["more"], &second["finished"]),
        (&Value::Bool(false), &Value::Bool(false))
    );
    end(&stage, &id).await;
    let last = stage.get("viewer", &format!("{path}?after=5")).await.ok(200);
    assert_eq!(last["items"][0]["data"]["final"], true);
    assert_eq!(last["finished"], true);
    for (query, field) in [
        ("after=-1", "after"),
        ("limit=201", "limit"),
        ("befor=1", "befor"),
    ] {
        stage
            .get("viewer", &format!("{path}?{query}"))
            .await
            .refused_field(422, "invalid_request", field);
    }
}

#[tokio::test]
async fn the_log_is_one_line_an_event_across_pages() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    append(&stage, &id, 2..302).await;
    let log = stage
        .get("owner", &format!("/api/v1/deployments/{id}/log?after=1"))
        .await;
    assert_eq!(log.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(log.header("x-next-after"), "301");
    let lines: Vec<&str> = log.text.lines().collect();
    assert_eq!(lines.len(), 300);
    assert!(
        lines[0].ends_with("deployment line 2") && lines[299].ends_with("line 301"),
        "{}",
        lines[0]
    );
}

#[tokio::test]
async fn a_stream_gives_what_was_and_what_comes_and_ends_after_the_final_status() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    append(&stage, &id, 2..252).await;
    let mut reader = Reader::open(&stage, "viewer", &id, None).await;
    assert_eq!(reader.up_to(251).await, (1..=251).collect::<Vec<_>>());
    append(&stage, &id, 252..255).await;
    assert_eq!(reader.up_to(254).await, [252, 253, 254]);
    end(&stage, &id).await;
    assert_eq!(reader.next().await, Frame::Event(255, "done".to_owned()));
    assert_eq!(reader.next().await, Frame::End);
    // One who has it all already waits for nothing.
    let mut late = Reader::open(&stage, "viewer", &id, Some(255)).await;
    assert_eq!(late.next().await, Frame::End);
}

#[tokio::test]
async fn a_reader_that_comes_back_to_another_process_sees_each_event_once_and_in_order() {
    let mut stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    let mut seen = Vec::new();
    for round in 0..3_i64 {
        let mut reader = Reader::open(&stage, "owner", &id, seen.last().copied()).await;
        let first = 2 + round * 10;
        append(&stage, &id, first..first + 10).await;
        // Broken off in the middle of what came.
        seen.extend(reader.up_to(first + 6).await);
        drop(reader);
        stage.restart();
    }
    end(&stage, &id).await;
    let mut reader = Reader::open(&stage, "owner", &id, seen.last().copied()).await;
    seen.extend(reader.up_to(32).await);
    assert_eq!(seen, (1..=32).collect::<Vec<_>>());
    assert_eq!(reader.next().await, Frame::End);
}

#[tokio::test]
async fn a_stream_survives_the_death_of_the_listening_connection() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    let mut reader = Reader::open(&stage, "owner", &id, None).await;
    assert_eq!(reader.up_to(1).await, [1]);
    append(&stage, &id, 2..3).await;
    assert_eq!(reader.up_to(2).await, [2]);
    for round in 0..3_i64 {
        kill_listener(&stage).await;
        // The poll is a minute away: only the bell can bring these.
        append(&stage, &id, 3 + round..4 + round).await;
        assert_eq!(reader.up_to(3 + round).await, [3 + round]);
    }
}

/// Ends the backend that listens, once there is one: a fresh one listens a moment after the one before died.
async fn kill_listener(stage: &Stage) {
    let mut owner = stage.owner().await;
    let killed = async {
        loop {
            let killed: i64 = sqlx::query_scalar(
                "select count(*) from (
                     select pg_terminate_backend(pid, 5000) from pg_stat_activity
                     where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()
                 ) killed",
            )
            .fetch_one(&mut owner)
            .await
            .unwrap();
            if killed > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, killed)
        .await
        .expect("someone listens");
}

#[tokio::test]
async fn an_event_whose_announcement_was_lost_is_found_by_the_poll() {
    let settings = control_plane::Settings {
        event_poll: Duration::from_millis(200),
        ..settings()
    };
    let stage = Stage::with(settings).await;
    let (_, id) = stage.site("shop-1").await;
    let mut reader = Reader::open(&stage, "owner", &id, None).await;
    assert_eq!(reader.up_to(1).await, [1]);
    // A row without a NOTIFY.
    let mut owner = stage.owner().await;
    for statement in [
        "update deployments set last_seq = 2",
        "insert into deployment_events (month, deployment_id, seq, customer_id, attempt, kind, message)
         select events_month, id, 2, customer_id, 0, 'log', 'silent' from deployments",
    ] {
        sqlx::query(statement).execute(&mut owner).await.unwrap();
    }
    assert_eq!(reader.next().await, Frame::Event(2, "silent".to_owned()));
}

#[tokio::test]
async fn a_stream_says_that_it_lives_and_ends_with_its_token() {
    let settings = control_plane::Settings {
        event_heartbeat: Duration::from_millis(200),
        ..settings()
    };
    let stage = Stage::with(settings).await;
    let (_, id) = stage.site("shop-1").await;
    let mut reader = Reader::open(&stage, "viewer", &id, Some(1)).await;
    assert_eq!(reader.next().await, Frame::Comment("heartbeat".to_owned()));
    sqlx::query("update api_tokens set revoked_at = now() where name = 'viewer'")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    let mut last = reader.next().await;
    while last != Frame::End {
        assert_eq!(last, Frame::Comment("heartbeat".to_owned()));
        last = reader.next().await;
    }
}

#[tokio::test]
async fn a_last_event_id_that_is_no_number_is_refused() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    let call = stage.call("owner", "GET", &format!("/api/v1/deployments/{id}/events"));
    let answer = call
        .header("accept", "text/event-stream")
        .header("last-event-id", "seven")
        .send()
        .await;
    assert_eq!(
        answer.refused_field(422, "invalid_request", "Last-Event-ID").0,
        "seven"
    );
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_ends_its_streams_and_itself() {
    let stage = Stage::new().await;
    let (_, id) = stage.site("shop-1").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(control_plane::serve(listener, stage.app.clone(), stop.clone()));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/deployments/{id}/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\
         authorization: Bearer {}\r\n\r\n",
        token("owner")
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let read = async {
        while !text.contains("Queued") {
            let mut bytes = [0; 4096];
            let length = socket.read(&mut bytes).await.unwrap();
            assert!(length > 0, "{text}");
            text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("the first event comes");
    stop.cancel();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest))
        .await
        .expect("the stream ends")
        .unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "the stream ends in good order");
    tokio::time::timeout(PATIENCE, serving)
        .await
        .expect("the server ends")
        .unwrap()
        .unwrap();
}
