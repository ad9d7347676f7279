//! When a service stops: a signal, or the end of the pipe that `siteplane dev` holds.

use std::{io, time::Duration};

use rustix::process::getppid;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::dev::children::lifeline_ends;

/// After `siteplane dev` was killed database and S3 are gone too, and a service would wait for them in vain.
const WITHOUT_DEV: Duration = Duration::from_secs(2);
/// How often it is looked whether `siteplane dev` still lives; nothing tells.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A token that is cancelled when this process is asked to stop.
///
/// # Errors
/// Signals can't be listened to.
pub(super) fn token(with_lifeline: bool) -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = token.clone();
    let parent = getppid();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => info!("Interrupted, stopping"),
            _ = terminate.recv() => info!("Asked to stop, stopping"),
            () = lifeline(with_lifeline) => info!("siteplane dev is gone, stopping"),
        }
        stop.cancel();
        if with_lifeline {
            while getppid() == parent {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            tokio::time::sleep(WITHOUT_DEV).await;
            warn!("siteplane dev is gone and so is the database; leaving");
            // Terraform's supervisors end what they run when this process is gone.
            std::process::exit(1);
        }
    });
    Ok(token)
}

async fn lifeline(is_there: bool) {
    if is_there {
        if let Err(error) = lifeline_ends().await {
            warn!("The pipe of siteplane dev can't be read: {error}");
        }
    } else {
        std::future::pending::<()>().await;
    }
}
