//! `siteplane admin rotate-keys`: everything sealed, wrapped anew under the current master key.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;
use sqlx::PgPool;
use state::{
    keys::KeyId,
    rotation::{self, Census, Place, Unreadable, Walk},
    versions::StateStore,
};

use super::{begin, note, print};

/// Time between two lines about one place.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Counts, wraps anew and counts again. Says whether nothing is left under another key.
pub(super) async fn run(owner: &PgPool, store: &StateStore, dry_run: bool) -> anyhow::Result<bool> {
    let current = store.keys.current_id();
    let before = census(owner, store, true).await?;
    if dry_run {
        print(format!(
            "{} to be wrapped anew under {current}. Nothing was changed.",
            values(before.elsewhere(&current))
        ));
        name(&before.unreadable);
        return Ok(true);
    }
    let run = uuid::Uuid::now_v7();
    write_down(
        owner,
        "master_key.rotate",
        run,
        json!({"to": current.to_string(), "values": before.elsewhere(&current)}),
    )
    .await?;
    let started = Instant::now();
    let mut rewrapped = 0;
    let mut unreadable = Unreadable::default();
    for place in Place::all() {
        let mut told = Instant::now();
        let tell = |walk: &Walk| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                print(format!(
                    "{place}: {} of {} wrapped anew",
                    walk.rewrapped, walk.read
                ));
            }
        };
        let walk = rotation::rewrap(owner, store, place, tell)
            .await
            .with_context(|| format!("{place}: stopped; run it again, it goes on from here"))?;
        if walk.rewrapped > 0 {
            print(format!("{place}: {} wrapped anew", values(walk.rewrapped)));
        }
        rewrapped += walk.rewrapped;
        unreadable.merge(walk.unreadable);
    }
    print(format!(
        "{} wrapped anew under {current} in {:.1} s.",
        values(rewrapped),
        started.elapsed().as_secs_f64()
    ));
    let after = census(owner, store, false).await?;
    let left = after.elsewhere(&current);
    write_down(
        owner,
        "master_key.rotated",
        run,
        json!({"to": current.to_string(), "values": rewrapped, "left": left}),
    )
    .await?;
    name(&unreadable);
    for (key, count) in after.under.iter().filter(|(key, _)| **key != current) {
        print(format!("{} still under {key}: keep it.", values(*count)));
    }
    if left > 0 {
        print("Some process may still seal under an old key, or a value does not open. Run this again.");
    }
    for key in may_go(store, &after) {
        print(format!(
            "Nothing is left under {key}. It may be taken out of the settings once every process seals under {current}; keep it for as long as there are dumps and old versions of objects from before."
        ));
    }
    Ok(left == 0 && unreadable.count == 0)
}

/// Known keys under which nothing is.
fn may_go(store: &StateStore, census: &Census) -> Vec<KeyId> {
    let current = store.keys.current_id();
    let mut known = store.keys.ids();
    known.retain(|key| *key != current && !census.under.contains_key(key));
    known
}

async fn census(owner: &PgPool, store: &StateStore, tell: bool) -> anyhow::Result<Census> {
    let mut all = Census::default();
    for place in Place::all() {
        let census = rotation::count(owner, store, place)
            .await
            .with_context(|| format!("{place} can't be counted"))?;
        if tell {
            for (key, count) in &census.under {
                print(format!("{place}: {} under {key}", values(*count)));
            }
        }
        all.merge(census);
    }
    Ok(all)
}

fn values(count: u64) -> String {
    match count {
        1 => "1 value".to_owned(),
        _ => format!("{count} values"),
    }
}

fn name(unreadable: &Unreadable) {
    if unreadable.count == 0 {
        return;
    }
    print(format!(
        "{} can't be opened, and stay as they are:",
        values(unreadable.count)
    ));
    for line in &unreadable.first {
        print(format!("  {line}"));
    }
    let more = unreadable.count - u64::try_from(unreadable.first.len()).unwrap_or(u64::MAX);
    if more > 0 {
        print(format!("  and {more} more"));
    }
}

async fn write_down(
    owner: &PgPool,
    action: &str,
    run: uuid::Uuid,
    details: serde_json::Value,
) -> anyhow::Result<()> {
    let mut tx = begin(owner).await?;
    note(&mut tx, None, action, "master_key", run, details).await?;
    Ok(tx.commit().await?)
}
