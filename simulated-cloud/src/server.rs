//! The plugin's side of the wire: go-plugin's handshake, TLS, and gRPC over HTTP/2.
//!
//! One connection is all that Terraform makes; when it ends, the process ends, so a killed Terraform leaves nothing
//! behind. SIGINT is ignored: Ctrl-C reaches the whole process group, and only Terraform may act on it.

use std::{
    convert::Infallible,
    io::Write,
    os::unix::fs::DirBuilderExt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use base64::Engine;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Request, Response,
    body::{Body, Bytes, Frame, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message;
use tokio_rustls::{TlsAcceptor, rustls};

use crate::{
    plugin::{CallError, Plugin},
    protocol::HealthCheckResponse,
};

/// The value of `TF_PLUGIN_MAGIC_COOKIE`, by which a plugin knows that Terraform started it.
pub(crate) const MAGIC_COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// How long Terraform has to connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(60);

/// Why the plugin can't serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("no certificate can be made")]
    Certificate(#[source] rcgen::Error),
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
    #[error("the private key has an unknown form: {0}")]
    Key(&'static str),
    #[error("no socket can be opened in the temporary directory")]
    Socket(#[source] std::io::Error),
    #[error("the handshake line can't be written")]
    Handshake(#[source] std::io::Error),
    #[error("Terraform did not connect within {} s", CONNECT_WITHIN.as_secs())]
    NoConnection,
}

/// A gRPC answer: a message and its trailers, or a refusal without either.
struct Reply {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    // A refusal must be one HEADERS frame that ends the stream, else gRPC reports missing trailers.
    fn is_end_stream(&self) -> bool {
        self.message.is_none() && self.trailers.is_none()
    }

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

const GRPC_UNIMPLEMENTED: &str = "12";
const GRPC_INTERNAL: &str = "13";

fn reply(message: &[u8]) -> Response<Reply> {
    let mut framed = Vec::with_capacity(message.len() + 5);
    framed.push(0); // not compressed
    framed.extend(
        u32::try_from(message.len())
            .expect("a gRPC message is smaller than 4 GiB")
            .to_be_bytes(),
    );
    framed.extend(message);
    let trailers = HeaderMap::from_iter([(
        hyper::header::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let mut response = Response::new(Reply {
        message: Some(framed.into()),
        trailers: Some(trailers),
    });
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn refusal(status: &'static str, message: &str) -> Response<Reply> {
    let mut response = Response::new(Reply {
        message: None,
        trailers: None,
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static(status));
    if let Ok(message) = HeaderValue::from_str(message) {
        headers.insert("grpc-message", message);
    }
    response
}

async fn handle(plugin: Arc<Plugin>, request: Request<Incoming>) -> Result<Response<Reply>, Infallible> {
    let path = request.uri().path().to_owned();
    Ok(match path.as_str() {
        "/plugin.GRPCController/Shutdown" => {
            tokio::spawn(async {
                tokio::time::sleep(Duration::from_millis(20)).await; // for the answer to leave
                std::process::exit(0);
            });
            reply(&[])
        }
        "/grpc.health.v1.Health/Check" => reply(&HealthCheckResponse { status: 1 }.encode_to_vec()),
        path => match path.strip_prefix("/tfplugin6.Provider/") {
            Some(method) => call(&plugin, method, request).await,
            // go-plugin's output and broker streams: optional.
            None => refusal(GRPC_UNIMPLEMENTED, "unimplemented"),
        },
    })
}

async fn call(plugin: &Plugin, method: &str, request: Request<Incoming>) -> Response<Reply> {
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refusal(GRPC_INTERNAL, &error.to_string()),
    };
    let Some((_, message)) = body.split_at_checked(5) else {
        return refusal(GRPC_INTERNAL, "the message has no frame");
    };
    match plugin.call(method, message).await {
        Ok(message) => reply(&message),
        Err(error @ CallError::Unimplemented(_)) => refusal(GRPC_UNIMPLEMENTED, &error.to_string()),
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            eprintln!("[ERROR] {method}: {error}: {cause}");
            refusal(GRPC_INTERNAL, &error.to_string())
        }
    }
}

/// A TLS acceptor with a certificate of its own, and that certificate as the handshake wants it.
fn tls() -> Result<(TlsAcceptor, String), ServeError> {
    let made =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).map_err(ServeError::Certificate)?;
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(ServeError::Key)?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(ServeError::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let certificate = base64::engine::general_purpose::STANDARD_NO_PAD.encode(made.cert.der());
    Ok((TlsAcceptor::from(Arc::new(config)), certificate))
}

/// Takes every SIGINT from now on and does nothing about it.
///
/// # Errors
/// The signal can't be taken.
pub(crate) fn ignore_interrupts() -> std::io::Result<()> {
    let mut interrupts = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    tokio::spawn(async move { while interrupts.recv().await.is_some() {} });
    Ok(())
}

/// Serves until Terraform's connection ends. `encrypted` is whether Terraform gave a certificate of its own; it then
/// refuses a server without one.
///
/// # Errors
/// Nothing could be served, or Terraform did not come.
pub(crate) async fn serve(plugin: Plugin, encrypted: bool) -> Result<(), ServeError> {
    let (acceptor, certificate) = match encrypted {
        true => tls().map(|(acceptor, certificate)| (Some(acceptor), certificate))?,
        false => (None, String::new()),
    };
    // Short: a socket's path has at most 107 bytes. Only this user can enter, and it is gone once Terraform is in.
    let id = crate::template::Seed::random()
        .map_err(ServeError::Socket)?
        .hex(8);
    let directory = std::env::temp_dir().join(format!("simcloud-{}-{id}", std::process::id()));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .map_err(ServeError::Socket)?;
    let accepted = accept(&directory.join("s"), &certificate).await;
    std::fs::remove_dir_all(&directory).map_err(ServeError::Socket)?;
    let stream = accepted?;

    let plugin = Arc::new(plugin);
    let service = hyper::service::service_fn(move |request| handle(plugin.clone(), request));
    let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    server
        .timer(TokioTimer::new())
        .max_frame_size(1 << 20)
        .max_send_buf_size(4 << 20);
    let served = match acceptor {
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => server.serve_connection(TokioIo::new(stream), service).await,
            Err(error) => {
                eprintln!("[ERROR] TLS: {error}");
                return Ok(());
            }
        },
        None => server.serve_connection(TokioIo::new(stream), service).await,
    };
    if let Err(error) = served {
        eprintln!("[DEBUG] the connection ended: {error}"); // so it does whenever Terraform is killed
    }
    Ok(())
}

async fn accept(path: &std::path::Path, certificate: &str) -> Result<tokio::net::UnixStream, ServeError> {
    let listener = tokio::net::UnixListener::bind(path).map_err(ServeError::Socket)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "1|6|unix|{}|grpc|{certificate}", path.display()).map_err(ServeError::Handshake)?;
    stdout.flush().map_err(ServeError::Handshake)?;
    let (stream, _) = tokio::time::timeout(CONNECT_WITHIN, listener.accept())
        .await
        .map_err(|_| ServeError::NoConnection)?
        .map_err(ServeError::Socket)?;
    Ok(stream)
}
