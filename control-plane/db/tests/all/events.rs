//! Events: numbered without a gap, in order, announced once a batch.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use db::{
    events::{self, CHANNEL, NewEvent, Writer},
    tenant::Scope,
};
use domain::step::StepName;
use sqlx::postgres::PgListener;

use crate::scene::Scene;

fn event(message: String) -> NewEvent {
    NewEvent {
        at: Utc::now(),
        step: Some(StepName::Apply),
        kind: "resource",
        address: Some("aws_vpc.this".to_owned()),
        message,
        data: Some(serde_json::json!({"elapsed_seconds": 3})),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_at_once_leave_no_gap_and_each_keeps_its_order() {
    const WRITERS: usize = 8;
    const BATCHES: usize = 40;
    let scene = Arc::new(Scene::new().await);
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    let before = scene.claim().await.unwrap().last_seq;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let scene = scene.clone();
        writers.spawn(async move {
            for batch in 0..BATCHES {
                let lines: Vec<NewEvent> = (0..3)
                    .map(|line| event(format!("{writer} {:04}", batch * 3 + line)))
                    .collect();
                let mut tx = scene.as_worker().await;
                let last = events::append(&mut tx, id, Writer::Attempt(1), &lines)
                    .await
                    .unwrap();
                // Every third batch is taken back, and its numbers with it.
                if batch % 3 == 2 {
                    tx.rollback().await.unwrap()
                } else {
                    tx.commit().await.unwrap()
                }
                assert!(last.is_some());
            }
        });
    }
    writers.join_all().await;
    let read = events::list(&mut *scene.as_worker().await, id, before, 10_000)
        .await
        .unwrap();
    let kept = (0..BATCHES).filter(|batch| batch % 3 != 2).count() * 3 * WRITERS;
    let numbers: Vec<i64> = read.iter().map(|event| event.seq).collect();
    assert_eq!(
        numbers,
        (before + 1..=before + i64::try_from(kept).unwrap()).collect::<Vec<_>>()
    );
    for writer in 0..WRITERS {
        let own: Vec<&str> = read
            .iter()
            .map(|event| event.message.as_str())
            .filter(|message| message.starts_with(&format!("{writer} ")))
            .collect();
        assert!(
            own.is_sorted() && own.len() == kept / WRITERS,
            "writer {writer}: {own:?}"
        );
    }
    assert_eq!(scene.find(id).await.last_seq, *numbers.last().unwrap());
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_written_and_pages_go_on_where_the_last_ended() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    scene.claim().await.unwrap();
    let lines: Vec<NewEvent> = (0..5).map(|line| event(format!("line {line}"))).collect();
    let mut tx = scene.as_worker().await;
    let last = events::append(&mut tx, id, Writer::Attempt(1), &lines)
        .await
        .unwrap();
    assert_eq!(last, Some(7), "after `Queued` and `A worker took it on`");
    tx.commit().await.unwrap();

    let mut tx = scene.begin(Scope::Customer(customer)).await;
    let first = events::list(&mut tx, id, 2, 2).await.unwrap();
    assert_eq!(first.iter().map(|event| event.seq).collect::<Vec<_>>(), [3, 4]);
    let rest = events::list(&mut tx, id, 4, 100).await.unwrap();
    assert_eq!(rest.iter().map(|event| event.seq).collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!(events::list(&mut tx, id, 7, 100).await.unwrap(), []);
    let (read, written) = (&first[0], &lines[0]);
    assert_eq!(
        (read.attempt, read.step, read.kind.as_str()),
        (1, written.step, written.kind)
    );
    assert_eq!(
        (&read.address, &read.message, &read.data),
        (&written.address, &written.message, &written.data)
    );
    assert_eq!(read.at.timestamp_micros(), written.at.timestamp_micros());
}

#[tokio::test]
async fn a_batch_is_announced_once_when_it_commits_and_never_when_it_does_not() {
    let scene = Scene::new().await;
    let customer = scene.customer("acme", 3).await;
    let id = scene.queued_site(customer, "shop").await;
    scene.claim().await.unwrap();
    let mut listener = PgListener::connect(&scene.database.url).await.unwrap();
    listener.listen(CHANNEL).await.unwrap();
    let lines: Vec<NewEvent> = (0..5).map(|line| event(format!("line {line}"))).collect();
    for commits in [false, true] {
        let mut tx = scene.as_worker().await;
        events::append(&mut tx, id, Writer::Attempt(1), &lines)
            .await
            .unwrap();
        if commits {
            tx.commit().await.unwrap()
        } else {
            tx.rollback().await.unwrap()
        }
    }
    sqlx::query("select pg_notify($1, 'the end')")
        .bind(CHANNEL)
        .execute(&mut scene.database.owner().await)
        .await
        .unwrap();
    let mut heard = Vec::new();
    while heard.last().is_none_or(|payload| payload != "the end") {
        let notification = tokio::time::timeout(Duration::from_secs(20), listener.recv())
            .await
            .expect("the end is heard")
            .unwrap();
        heard.push(notification.payload().to_owned());
    }
    assert_eq!(heard, [id.to_string(), "the end".to_owned()]);
}
