//! Handing a letter over: to a mail server, or in development to a folder. Says whether trying again is of use.

use std::{path::PathBuf, time::Duration};

use db::mails::DueMail;
use domain::{id::MailId, mail::Rendered, specification::Secret};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    address::AddressError,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        self, PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use super::MailAddress;

/// How long one step of the conversation may take.
const STEP_LIMIT: Duration = Duration::from_secs(20);
/// An unused connection is closed after so long; servers do so after five minutes (RFC 5321, 4.5.3.2.7).
const IDLE: Duration = Duration::from_secs(60);
/// Answers that are about how we sign in, not about the letter (RFC 4954, section 6).
const ABOUT_SIGN_IN: [u16; 5] = [454, 530, 534, 535, 538];

/// What takes letters.
#[derive(Clone, Debug)]
pub enum MailDelivery {
    /// A mail server.
    Smtp(SmtpSettings),
    /// A folder, where each becomes a file `.eml`. Nobody gets them: for development.
    Folder(PathBuf),
}

/// A mail server that takes letters for everybody.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// User and password, where it wants them.
    pub credentials: Option<(String, Secret)>,
    /// PEM file of an authority that is trusted beside the machine's own.
    pub ca_file: Option<PathBuf>,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Begins in the clear and must change to TLS before anything else.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None: for a server on the same machine.
    Plain,
}

impl SmtpSecurity {
    /// The port where servers listen for it (RFC 8314; port 25 for the plain one).
    pub fn usual_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::Plain => 25,
        }
    }
}

/// Why letters can't be sent from here.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The authority's file can't be read.
    #[error("{} can't be read (mail.ca_file)", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// TLS can't be set up, for instance because the authority's file holds no certificate.
    #[error("TLS to the mail server can't be set up ({0})")]
    Tls(#[source] smtp::Error),
    /// The folder can't be made.
    #[error("{} can't be made (mail.folder)", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Why a letter was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// It may be taken another time.
    NotNow(String),
    /// It never will.
    Never(String),
}

/// Where letters go.
#[derive(Debug)]
pub(super) enum Delivery {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

impl Delivery {
    pub(super) async fn new(settings: &MailDelivery) -> Result<Self, MailError> {
        match settings {
            MailDelivery::Smtp(server) => Ok(Self::Smtp(connect(server).await?)),
            MailDelivery::Folder(folder) => {
                tokio::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(folder)
                    .await
                    .map_err(|source| MailError::Folder {
                        path: folder.clone(),
                        source,
                    })?;
                Ok(Self::Folder(folder.clone()))
            }
        }
    }

    /// Whether letters would be taken: signs in, and sends nothing.
    pub(super) async fn answers(&self) -> Result<(), String> {
        let Self::Smtp(server) = self else { return Ok(()) };
        match tokio::time::timeout(STEP_LIMIT, server.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the mail server answers with a refusal".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", STEP_LIMIT.as_secs())),
        }
    }

    pub(super) async fn hand_over(&self, id: MailId, message: Message) -> Result<(), Undelivered> {
        match self {
            Self::Smtp(server) => match server.send(message).await {
                Ok(_) => Ok(()),
                Err(error) => Err(judge(&error)),
            },
            Self::Folder(folder) => {
                let (draft, place) = (
                    folder.join(format!("{id}.draft")),
                    folder.join(format!("{id}.eml")),
                );
                let written = async {
                    tokio::fs::write(&draft, message.formatted()).await?;
                    tokio::fs::rename(&draft, &place).await
                };
                written.await.map_err(|error| {
                    Undelivered::NotNow(format!("{} can't be written: {error}", place.display()))
                })
            }
        }
    }
}

async fn connect(server: &SmtpSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let tls = match server.security {
        SmtpSecurity::Plain => Tls::None,
        SmtpSecurity::StartTls => Tls::Required(trust(server).await?),
        SmtpSecurity::Tls => Tls::Wrapper(trust(server).await?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
        .port(server.port)
        .tls(tls)
        .timeout(Some(STEP_LIMIT))
        .pool_config(PoolConfig::new().max_size(1).idle_timeout(IDLE));
    if let Some((user, password)) = &server.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

async fn trust(server: &SmtpSettings) -> Result<TlsParameters, MailError> {
    let mut parameters = TlsParameters::builder(server.host.clone());
    if let Some(path) = &server.ca_file {
        let pem = tokio::fs::read(path).await.map_err(|source| MailError::CaFile {
            path: path.clone(),
            source,
        })?;
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(MailError::Tls)?);
    }
    parameters.build_rustls().map_err(MailError::Tls)
}

/// Whether the server means this letter for good, or the moment or ourselves.
fn judge(error: &smtp::Error) -> Undelivered {
    let why = error.to_string();
    let is_about_sign_in = error
        .status()
        .is_some_and(|code| ABOUT_SIGN_IN.contains(&u16::from(code)));
    if error.is_permanent() && !is_about_sign_in {
        Undelivered::Never(why)
    } else {
        Undelivered::NotNow(why)
    }
}

/// Tells other programs not to answer with an absence note (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The letter as the wire has it.
pub(super) fn message(
    mail: &DueMail,
    rendered: &Rendered,
    from: &MailAddress,
    product: &str,
) -> Result<Message, Undelivered> {
    let recipient: MailAddress = mail.recipient.parse().map_err(|error: AddressError| {
        Undelivered::Never(format!("the address can't be written to: {error}"))
    })?;
    Message::builder()
        .from(Mailbox::new(Some(product.to_owned()), from.clone()))
        .to(Mailbox::new(None, recipient))
        .subject(rendered.subject.clone())
        .message_id(Some(format!("<{}@{}>", mail.id, from.domain())))
        .date_now()
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(
            rendered.text.clone(),
            rendered.html.clone(),
        ))
        .map_err(|error| Undelivered::Never(format!("it can't be written: {error}")))
}
