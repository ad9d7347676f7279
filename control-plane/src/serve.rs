//! Serving on a socket, and ending in good order.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{App, router};

/// Serves the API until `shutdown` is cancelled: then nothing new is accepted, event streams end, and what is
/// under way gets its answer.
///
/// # Errors
/// The listener broke.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) -> std::io::Result<()> {
    let app = App {
        shutdown: shutdown.clone(),
        ..app
    };
    axum::serve(
        listener,
        router(app).into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(shutdown.cancelled_owned())
    .await
}
