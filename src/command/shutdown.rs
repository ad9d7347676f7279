//! When a service stops: a signal, or the end of the pipe that `siteplane dev` holds.

use std::{io, time::Duration};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::dev::children::lifeline_ends;

/// After `siteplane dev` is gone so are database and S3, and a service may wait for them in vain.
const WITHOUT_DEV: Duration = Duration::from_secs(20);

/// A token that is cancelled when this process is asked to stop.
///
/// # Errors
/// Signals can't be listened to.
pub(super) fn token(with_lifeline: bool) -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => info!("Interrupted, stopping"),
            _ = terminate.recv() => info!("Asked to stop, stopping"),
            () = lifeline(with_lifeline) => info!("siteplane dev is gone, stopping"),
        }
        stop.cancel();
        if with_lifeline {
            tokio::time::sleep(WITHOUT_DEV).await;
            warn!("Did not stop in time, leaving");
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
