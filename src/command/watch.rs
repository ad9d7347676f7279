//! Watches one deployment to its end.

use std::time::Duration;

use chrono::Utc;
use domain::deployment::DeploymentStatus;
use serde_json::Value;

use crate::{
    client::{Client, ClientError, Event, Next},
    terminal::{Screen, road::Road},
};

/// How often the moving line is written anew: its seconds count.
const FRAME: Duration = Duration::from_millis(250);
/// The pause before a stream that ended early is asked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// Who is told what happens.
pub(super) trait Watcher {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// Time passed.
    fn frame(&mut self);
    /// It waits for a person's word; true to ask no more and end here.
    fn waits_for_approval(&mut self) -> bool {
        false
    }
}

/// Shows everything on a screen.
pub(super) struct OnScreen<'a> {
    screen: &'a Screen,
    road: Road,
}

impl<'a> OnScreen<'a> {
    /// Begins a road.
    pub(super) fn new(screen: &'a Screen) -> Self {
        Self {
            screen,
            road: Road::default(),
        }
    }
}

impl Watcher for OnScreen<'_> {
    fn event(&mut self, event: &Event) {
        for line in self.road.happened(event) {
            self.screen.say(&line);
        }
        self.frame();
    }

    fn frame(&mut self) {
        self.screen.show(&self.road.moving(Utc::now()));
    }
}

impl Drop for OnScreen<'_> {
    fn drop(&mut self) {
        self.screen.rest();
    }
}

/// Follows the deployment until its status is final, or the watcher has enough, and returns it.
///
/// # Errors
/// The API is away for too long, or refuses.
pub(super) async fn watch(
    client: &Client,
    id: &str,
    watcher: &mut impl Watcher,
) -> Result<Value, ClientError> {
    let mut events = client.events(id);
    let mut frames = tokio::time::interval(FRAME);
    loop {
        let next = tokio::select! {
            next = events.next() => next?,
            _ = frames.tick() => {
                watcher.frame();
                continue;
            }
        };
        let event = match next {
            Next::Event(event) => event,
            Next::Ended => {
                let deployment = client.deployment(id).await?;
                if is_final(&deployment) {
                    return Ok(deployment);
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        watcher.event(&event);
        if event.kind == "status" {
            let status = event
                .data
                .as_ref()
                .and_then(|data| data["status"].as_str())
                .unwrap_or_default();
            let is_over = status.parse().is_ok_and(DeploymentStatus::is_final);
            if is_over
                || status == DeploymentStatus::AwaitingApproval.as_str() && watcher.waits_for_approval()
            {
                return client.deployment(id).await;
            }
        }
    }
}

/// Whether nothing will happen to the deployment any more.
pub(super) fn is_final(deployment: &Value) -> bool {
    deployment["status"]
        .as_str()
        .is_some_and(|status| status.parse().is_ok_and(DeploymentStatus::is_final))
}
