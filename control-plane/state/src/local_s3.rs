//! An S3 server inside the process, over a directory: for `siteplane dev` and for tests.
//!
//! It is s3s-fs behind one lock. Without the lock its `If-None-Match` is a check and then a write, and two
//! writers can both win. A request's body is read wholly before the lock is taken, so that a client that stalls
//! holds up nobody else.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use domain::specification::Secret;
use http_body_util::{BodyExt, Limited};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::{
    HttpResponse,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, watch},
    task::{JoinHandle, JoinSet},
};
use tracing::{debug, warn};

use crate::store::{Patience, StoreSettings};

/// Far above any state or plan; a request beyond it is refused instead of filling the memory.
const LARGEST_BODY_BYTES: usize = 256 * 1024 * 1024;
/// How long requests that run when the server stops may still take.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// The pause after a failed accept: without it, a process out of file descriptors would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server. Dropping it stops it too, without waiting for the end.
#[derive(Debug)]
pub struct LocalS3 {
    address: SocketAddr,
    access_key: String,
    secret_key: Secret,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl LocalS3 {
    /// Serves `dir`, which is created if need be, on `listener`, to whoever signs with this access key.
    ///
    /// What is stored survives a restart on the same directory. A bucket's name should have at most 20
    /// characters: it stands, with each object's key, in one file name.
    ///
    /// # Errors
    /// The directory can't be made or read, or the listener has no address.
    pub fn start(
        dir: &Path,
        listener: TcpListener,
        access_key: &str,
        secret_key: &str,
    ) -> Result<Self, LocalS3Error> {
        let dir_error = |source| LocalS3Error::Directory {
            dir: dir.to_owned(),
            source,
        };
        std::fs::create_dir_all(dir).map_err(dir_error)?;
        let address = listener.local_addr().map_err(LocalS3Error::Listener)?;
        let files = s3s_fs::FileSystem::new(dir).map_err(|error| LocalS3Error::Store {
            dir: dir.to_owned(),
            reason: format!("{error:?}"),
        })?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(access_key, secret_key));
        let service = Arc::new(Mutex::new(service.build()));

        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, service, stopped));
        Ok(Self {
            address,
            access_key: access_key.to_owned(),
            secret_key: Secret::new(secret_key),
            stop,
            serving,
        })
    }

    /// The server's address, such as `http://127.0.0.1:41234`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How a store of this server's `bucket` is reached.
    pub fn settings(&self, bucket: &str) -> StoreSettings {
        StoreSettings {
            endpoint_url: Some(self.endpoint()),
            region: "us-east-1".to_owned(),
            bucket: bucket.to_owned(),
            path_style: true,
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.expose().to_owned(),
            patience: Patience::default(),
        }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets running requests end within two seconds, and closes every connection. Afterwards
    /// the port is free.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.serving.await {
            warn!(%error, "The local S3 server did not end by itself");
        }
    }
}

async fn serve(listener: TcpListener, service: Arc<Mutex<S3Service>>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Also when the sender is gone: the server was dropped.
            _ = stopped.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(serve_connection(socket, Arc::clone(&service), stopped.clone()));
                }
                Err(error) => {
                    warn!(%error, "The local S3 server could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => log_panic(ended),
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        log_panic(ended);
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        warn!(%error, "A connection of the local S3 server ended in a panic");
    }
}

async fn serve_connection(
    socket: TcpStream,
    service: Arc<Mutex<S3Service>>,
    mut stopped: watch::Receiver<bool>,
) {
    // Without it every answer waits for the client's delayed acknowledgement.
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%error, "A connection of the local S3 server is slow");
    }
    let answer = service_fn(|request| answer(Arc::clone(&service), request));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(STOP_GRACE, connection).await {
                Ok(ended) => ended,
                Err(_) => return debug!("The local S3 server cut a connection that did not end in time"),
            }
        }
    };
    if let Err(error) = ended {
        debug!(%error, "A connection of the local S3 server broke");
    }
}

async fn answer(
    service: Arc<Mutex<S3Service>>,
    request: Request<Incoming>,
) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY_BYTES).collect().await?.to_bytes();
    let service = service.lock().await;
    Ok(service.call(Request::from_parts(parts, body.into())).await?)
}

/// Why the local S3 server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LocalS3Error {
    /// The directory can't be made.
    #[error("can't make the directory {dir} of the local S3 server")]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The listener has no address.
    #[error("the listener of the local S3 server has no address")]
    Listener(#[source] std::io::Error),
    /// The directory can't be served.
    #[error("can't serve the directory {dir}: {reason}")]
    Store {
        /// The directory.
        dir: PathBuf,
        /// What the server's library says; it has no error type with a source.
        reason: String,
    },
}
