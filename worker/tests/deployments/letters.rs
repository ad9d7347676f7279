//! Letters on their way out: the true worker, and a mail server that is not ours.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use chrono::{DateTime, TimeDelta, Utc};
use db::mails::{self, NewMail};
use domain::{id::MailId, mail::Letter};
use state::seal::seal_value;
use worker::{MailDelivery, MailSettings, SmtpSecurity, SmtpSettings};

use super::*;
use crate::peer::Peer;

const LINK: &str = "https://siteplane.example/reset#token=PLANTED-link";

fn reset() -> Letter {
    Letter::ResetPassword {
        link: LINK.to_owned(),
        minutes: 60,
    }
}

/// What became of a letter.
#[derive(Debug, sqlx::FromRow)]
struct Kept {
    status: String,
    attempts: i32,
    last_error: Option<String>,
    parameters_sealed: Option<Vec<u8>>,
    next_attempt_at: DateTime<Utc>,
}

impl Stage {
    fn settings_with_mail(&self, port: u16) -> Settings {
        let server = SmtpSettings {
            host: "localhost".to_owned(),
            port,
            security: SmtpSecurity::Plain,
            credentials: None,
            ca_file: None,
        };
        self.settings_with_server(server)
    }

    fn settings_with_server(&self, server: SmtpSettings) -> Settings {
        self.settings_with_delivery(MailDelivery::Smtp(server))
    }

    fn settings_with_delivery(&self, delivery: MailDelivery) -> Settings {
        let mail = MailSettings {
            from: "no-reply@siteplane.example".parse().unwrap(),
            delivery,
            give_up_after: TimeDelta::hours(72),
        };
        Settings {
            mail: Some(mail),
            ..self.settings()
        }
    }

    async fn queue(&self, recipient: &str, letter: &Letter) -> MailId {
        let id = MailId::new();
        let sealed = seal_value(&self.states.keys, &SealedFor::Mail { mail_id: id }, letter).unwrap();
        let mut tx = tenant::begin(&self.database.pool, Scope::Customer(self.customer))
            .await
            .unwrap();
        let mail = NewMail {
            id,
            customer: Some(self.customer),
            recipient,
            template: letter.template(),
            parameters_sealed: &sealed,
        };
        mails::enqueue(&mut tx, &mail).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn kept(&self, id: MailId) -> Kept {
        sqlx::query_as("select status, attempts, last_error, parameters_sealed, next_attempt_at from mails where id = $1")
            .bind(id.0)
            .fetch_one(&mut self.database.owner().await)
            .await
            .unwrap()
    }

    /// Waits until a letter is as it should be.
    async fn kept_when(&self, id: MailId, is_so: impl Fn(&Kept) -> bool) -> Kept {
        let started = Instant::now();
        loop {
            let kept = self.kept(id).await;
            if is_so(&kept) {
                return kept;
            }
            assert!(started.elapsed() < PATIENCE, "{kept:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Changes the outbox as time would, and wakes whoever waits for it.
    async fn later(&self, statement: &'static str) {
        let mut owner = self.database.owner().await;
        sqlx::query(statement).execute(&mut owner).await.unwrap();
        sqlx::query("select pg_notify($1, '')")
            .bind(mails::CHANNEL)
            .execute(&mut owner)
            .await
            .unwrap();
    }
}

/// A certificate for this name, as files: (certificate, key).
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (cert, key) = (
        folder.join(format!("{name}.crt")),
        folder.join(format!("{name}.key")),
    );
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

fn peer_with_tls(security: &str, (cert, key): &(PathBuf, PathBuf)) -> Peer {
    Peer::start(
        "smtp.mjs",
        &[
            ("SMTP_TLS", security),
            ("SMTP_CERT", cert.to_str().unwrap()),
            ("SMTP_KEY", key.to_str().unwrap()),
            ("SMTP_USER", "siteplane"),
            ("SMTP_PASSWORD", "PLANTED-mail-password"),
        ],
    )
}

fn signed_in(port: u16, security: SmtpSecurity, ca_file: Option<PathBuf>) -> SmtpSettings {
    SmtpSettings {
        host: "localhost".to_owned(),
        port,
        security,
        credentials: Some(("siteplane".to_owned(), Secret::new("PLANTED-mail-password"))),
        ca_file,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_out_once_over_tls_and_what_it_said_is_forgotten() {
    let stage = Stage::new().await;
    let certificate = certificate(stage.folder.path(), "localhost");
    for (word, security) in [("starttls", SmtpSecurity::StartTls), ("tls", SmtpSecurity::Tls)] {
        let peer = peer_with_tls(word, &certificate);
        let server = signed_in(peer.port, security, Some(certificate.0.clone()));
        let worker = stage.start_worker_with(stage.settings_with_server(server));
        let id = stage.queue("anna@acme.test", &reset()).await;
        let got = peer.next();
        assert_eq!(got["from"], "\"Siteplane\" <no-reply@siteplane.example>");
        assert_eq!(got["to"], "anna@acme.test");
        assert_eq!(got["subject"], "Choose a new password for Siteplane");
        assert_eq!(got["message_id"], format!("<{id}@siteplane.example>"));
        assert_eq!(got["auto_submitted"], "auto-generated");
        assert_eq!((&got["tls"], &got["user"]), (&json!(true), &json!("siteplane")));
        for part in ["text", "html"] {
            assert!(got[part].as_str().unwrap().contains(LINK), "{got}");
        }
        let kept = stage.kept_when(id, |kept| kept.status == "sent").await;
        assert_eq!((kept.attempts, kept.parameters_sealed), (1, None));
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_show_who_it_is_gets_no_letter() {
    let stage = Stage::new().await;
    let (ours, foreign) = (
        certificate(stage.folder.path(), "localhost"),
        certificate(stage.folder.path(), "mail.example.com"),
    );
    // An authority that nobody knows; a name that is another's; no TLS although it is asked for.
    let plain = Peer::start("smtp.mjs", &[]);
    let unknown = peer_with_tls("starttls", &ours);
    let misnamed = peer_with_tls("tls", &foreign);
    let cases = [
        (unknown.port, SmtpSecurity::StartTls, None),
        (misnamed.port, SmtpSecurity::Tls, Some(foreign.0.clone())),
        (plain.port, SmtpSecurity::StartTls, None),
    ];
    for (port, security, ca_file) in cases {
        let server = signed_in(port, security, ca_file);
        let worker = stage.start_worker_with(stage.settings_with_server(server));
        let id = stage.queue("anna@acme.test", &reset()).await;
        let kept = stage.kept_when(id, |kept| kept.last_error.is_some()).await;
        assert_eq!((kept.status.as_str(), kept.attempts), ("queued", 1), "{kept:?}");
        let why = kept.last_error.unwrap().to_lowercase();
        assert!(why.contains("certificate") || why.contains("starttls"), "{why}");
        worker.stop().await;
        stage.later("delete from mails").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_means_for_good_ends_a_letter_and_what_it_means_for_now_does_not() {
    let stage = Stage::new().await;
    let peer = Peer::start("smtp.mjs", &[]);
    let worker = stage.start_worker_with(stage.settings_with_mail(peer.port));
    let nobody = stage.queue("nobody@acme.test", &reset()).await;
    let gone = stage.kept_when(nobody, |kept| kept.status == "given_up").await;
    assert_eq!((gone.attempts, gone.parameters_sealed), (1, None));
    assert!(
        gone.last_error
            .as_ref()
            .is_some_and(|why| why.contains("550") && why.contains("nobody of this name is here")),
        "{:?}",
        gone.last_error
    );

    let once = stage.queue("once@acme.test", &reset()).await;
    let waits = stage.kept_when(once, |kept| kept.last_error.is_some()).await;
    assert_eq!((waits.status.as_str(), waits.attempts), ("queued", 1));
    assert!(waits.next_attempt_at > Utc::now(), "{waits:?}");
    stage
        .later("update mails set next_attempt_at = now() where status = 'queued'")
        .await;
    let sent = stage.kept_when(once, |kept| kept.status == "sent").await;
    assert_eq!((sent.attempts, sent.last_error), (2, None));
    assert_eq!(peer.next()["to"], "once@acme.test");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_outlast_a_server_that_is_away_and_a_password_that_is_wrong() {
    let stage = Stage::new().await;
    let away = Peer::start("smtp.mjs", &[]);
    let port = away.port;
    drop(away);
    let mut server = signed_in(port, SmtpSecurity::Plain, None);
    server.credentials = Some(("siteplane".to_owned(), Secret::new("PLANTED-wrong")));
    let worker = stage.start_worker_with(stage.settings_with_server(server));
    let id = stage.queue("anna@acme.test", &reset()).await;
    stage.kept_when(id, |kept| kept.last_error.is_some()).await;
    let text = port.to_string();
    let peer = Peer::start(
        "smtp.mjs",
        &[
            ("SMTP_PORT", text.as_str()),
            ("SMTP_USER", "siteplane"),
            ("SMTP_PASSWORD", "PLANTED-mail-password"),
        ],
    );
    stage
        .later("update mails set next_attempt_at = now(), last_error = null")
        .await;
    let refused = stage.kept_when(id, |kept| kept.last_error.is_some()).await;
    assert_eq!((refused.status.as_str(), refused.attempts), ("queued", 2));
    assert!(
        refused
            .last_error
            .as_ref()
            .is_some_and(|why| why.contains("535") && !why.contains("PLANTED")),
        "{refused:?}"
    );
    worker.stop().await;
    // Whoever runs the installation gives it the right one.
    let server = signed_in(port, SmtpSecurity::Plain, None);
    let worker = stage.start_worker_with(stage.settings_with_server(server));
    stage.later("update mails set next_attempt_at = now()").await;
    assert_eq!(peer.next()["to"], "anna@acme.test");
    stage.kept_when(id, |kept| kept.status == "sent").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_over_is_not_sent_and_nor_is_anything_after_three_days() {
    let stage = Stage::new().await;
    let peer = Peer::start("smtp.mjs", &[]);
    let alert = Letter::Alert {
        what: "Your password was changed.".to_owned(),
        address: "192.0.2.1".to_owned(),
    };
    let (over, stale, news) = (
        stage.queue("over@acme.test", &reset()).await,
        stage.queue("stale@acme.test", &alert).await,
        stage.queue("news@acme.test", &alert).await,
    );
    stage
        .later(
            "update mails set created_at = now() - case recipient when 'over@acme.test' then interval '61 minutes' \
             when 'stale@acme.test' then interval '73 hours' else interval '61 minutes' end",
        )
        .await;
    let worker = stage.start_worker_with(stage.settings_with_mail(peer.port));
    stage.kept_when(news, |kept| kept.status == "sent").await;
    let over = stage.kept_when(over, |kept| kept.status == "given_up").await;
    assert_eq!(
        over.last_error.as_deref(),
        Some("the link in it was over before it could be sent")
    );
    let stale = stage.kept_when(stale, |kept| kept.status == "given_up").await;
    assert_eq!(
        stale.last_error.as_deref(),
        Some("it could not be sent for 72 hours")
    );
    assert_eq!(peer.next()["to"], "news@acme.test");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_send_each_letter_once() {
    let stage = Stage::new().await;
    let peer = Peer::start("smtp.mjs", &[]);
    let workers = [
        stage.start_worker_with(stage.settings_with_mail(peer.port)),
        stage.start_worker_with(stage.settings_with_mail(peer.port)),
    ];
    let mut expected = Vec::new();
    for number in 10..40 {
        let recipient = format!("reader-{number}@acme.test");
        stage.queue(&recipient, &reset()).await;
        expected.push(recipient);
    }
    let mut got: Vec<String> = (0..expected.len())
        .map(|_| peer.next()["to"].as_str().unwrap().to_owned())
        .collect();
    got.sort();
    assert_eq!(got, expected);
    for worker in workers {
        worker.stop().await;
    }
    let tries: i64 = sqlx::query_scalar("select sum(attempts) from mails where status = 'sent'")
        .fetch_one(&mut stage.database.owner().await)
        .await
        .unwrap();
    assert_eq!(tries, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_development_letters_are_files_that_only_their_owner_reads() {
    use std::os::unix::fs::PermissionsExt;

    let stage = Stage::new().await;
    let folder = stage.folder.path().join("letters");
    let delivery = MailDelivery::Folder(folder.clone());
    let worker = stage.start_worker_with(stage.settings_with_delivery(delivery));
    let id = stage.queue("anna@acme.test", &reset()).await;
    stage.kept_when(id, |kept| kept.status == "sent").await;
    let letter = std::fs::read_to_string(folder.join(format!("{id}.eml"))).unwrap();
    assert!(
        letter.contains("To: anna@acme.test") && letter.contains("multipart/alternative"),
        "{letter}"
    );
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    worker.stop().await;
}
