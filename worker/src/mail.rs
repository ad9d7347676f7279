//! Letters leave here: each that is due is opened, written in its sender's name and handed to the mail server.
//!
//! The outbox decides who sends: a worker takes a letter for [`HOLD`], longer than a delivery may last. One that
//! dies meanwhile leaves it to the others, so a letter can arrive twice, under the same Message-ID, but is never
//! lost. What a letter says is forgotten as soon as it was sent or given up.

mod delivery;

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use db::{
    mails::{self, DueMail},
    tenant::{self, Scope},
};
use domain::mail::{Letter, Sender};
use sqlx::{PgPool, postgres::PgListener};
use state::{
    keys::MasterKeys,
    seal::{self, SealedFor},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::delivery::{Delivery, Undelivered};
pub use self::delivery::{MailDelivery, MailError, SmtpSecurity, SmtpSettings};
pub use lettre::Address as MailAddress;

/// How long a letter belongs to the worker that took it.
const HOLD: Duration = Duration::from_secs(120);
/// The longest that handing over one letter may take.
const DELIVERY_LIMIT: Duration = Duration::from_secs(60);
/// The outbox is looked at so often without any announcement, in case one was lost.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Pause after the database refused.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The pause after a first failure. It doubles with each further one …
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How letters leave.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Whom they come from; the name beside it is the brand's.
    pub from: MailAddress,
    /// What takes them.
    pub delivery: MailDelivery,
    /// A letter that could not be sent for so long is given up.
    pub give_up_after: TimeDelta,
}

impl MailSettings {
    /// Whether letters would leave: signs in at the mail server, and sends nothing.
    ///
    /// # Errors
    /// Why they would not.
    pub async fn check(&self) -> Result<(), String> {
        let delivery = Delivery::new(&self.delivery).await;
        let delivery = delivery.map_err(|error| error.to_string())?;
        delivery.answers().await
    }
}

/// Who sends the letters of one worker.
#[derive(Debug)]
pub(crate) struct Postman {
    pool: PgPool,
    keys: MasterKeys,
    settings: MailSettings,
    delivery: Delivery,
}

impl Postman {
    /// Makes ready; the server is spoken to when there is something for it.
    ///
    /// # Errors
    /// See [`MailError`].
    pub(crate) async fn new(
        pool: PgPool,
        keys: MasterKeys,
        settings: MailSettings,
    ) -> Result<Self, MailError> {
        let delivery = Delivery::new(&settings.delivery).await?;
        Ok(Self {
            pool,
            keys,
            settings,
            delivery,
        })
    }

    /// Sends what is due until `shutdown`; a letter that is on its way is waited for.
    pub(crate) async fn work(self, listening: PgPool, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let Err(error) = self.send_until_broken(&listening, &shutdown).await else {
                return;
            };
            warn!(error = %error, "Stopped sending letters; trying again");
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(AGAIN_AFTER) => {}
            }
        }
    }

    async fn send_until_broken(&self, listening: &PgPool, shutdown: &CancellationToken) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(listening).await?;
        listener.listen(mails::CHANNEL).await?;
        loop {
            while !shutdown.is_cancelled() {
                let Some(mail) = self.take().await? else { break };
                self.handle(mail).await?;
            }
            let pause = self.seconds_until_due().await?.map_or(LOOK_EVERY, |seconds| {
                Duration::try_from_secs_f64(seconds).map_or(LOOK_EVERY, |due| due.min(LOOK_EVERY))
            });
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                // A broken connection is an error here, and what came meanwhile is found by looking.
                announced = listener.recv() => { announced?; }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn take(&self) -> sqlx::Result<Option<DueMail>> {
        let mut tx = tenant::begin(&self.pool, Scope::Worker).await?;
        let mail = mails::take_due(&mut tx, HOLD.as_secs_f64()).await?;
        tx.commit().await?;
        Ok(mail)
    }

    async fn seconds_until_due(&self) -> sqlx::Result<Option<f64>> {
        let mut tx = tenant::begin(&self.pool, Scope::Worker).await?;
        let seconds = mails::seconds_until_due(&mut tx).await?;
        tx.commit().await?;
        Ok(seconds)
    }

    async fn handle(&self, mail: DueMail) -> sqlx::Result<()> {
        let outcome = self.deliver(&mail).await;
        let mut tx = tenant::begin(&self.pool, Scope::Worker).await?;
        match outcome {
            Ok(()) => {
                mails::set_sent(&mut tx, mail.id).await?;
                info!(mail.id = %mail.id, mail.template = mail.template, "Sent letter {}", mail.id);
            }
            Err(Undelivered::Never(why)) => {
                mails::set_given_up(&mut tx, mail.id, &why).await?;
                warn!(mail.id = %mail.id, mail.template = mail.template, error = why, "Gave letter {} up", mail.id);
            }
            Err(Undelivered::NotNow(why)) => {
                let pause = pause_after(mail.attempts);
                mails::set_retry(&mut tx, mail.id, &why, pause.as_secs_f64()).await?;
                warn!(mail.id = %mail.id, mail.template = mail.template, mail.attempts = mail.attempts + 1,
                    retry.after_s = pause.as_secs(), error = why, "Could not send letter {}", mail.id);
            }
        }
        tx.commit().await
    }

    async fn deliver(&self, mail: &DueMail) -> Result<(), Undelivered> {
        let age = Utc::now() - mail.created_at;
        if age > self.settings.give_up_after {
            return Err(Undelivered::Never(format!(
                "it could not be sent for {} hours",
                self.settings.give_up_after.num_hours()
            )));
        }
        let letter: Letter = seal::open_value(
            &self.keys,
            &SealedFor::Mail { mail_id: mail.id },
            &mail.parameters_sealed,
        )
        // A key that is missing here may be given to this worker yet.
        .map_err(|error| Undelivered::NotNow(format!("it can't be opened: {error}")))?;
        if letter.good_for().is_some_and(|good_for| age > good_for) {
            return Err(Undelivered::Never(
                "the link in it was over before it could be sent".to_owned(),
            ));
        }
        let sender = Sender::default();
        let rendered = letter.render(&sender);
        let message = delivery::message(mail, &rendered, &self.settings.from, &sender.product)?;
        let handed_over = self.delivery.hand_over(mail.id, message);
        tokio::time::timeout(DELIVERY_LIMIT, handed_over)
            .await
            .unwrap_or_else(|_| {
                Err(Undelivered::NotNow(format!(
                    "the mail server did not take it within {} s",
                    DELIVERY_LIMIT.as_secs()
                )))
            })
    }
}

/// How long to wait after a failure with so many before it.
fn pause_after(failures: i32) -> Duration {
    let doublings = u32::try_from(failures).unwrap_or(0).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds: Vec<u64> = (0..10).map(|failures| pause_after(failures).as_secs()).collect();
        assert_eq!(seconds, [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(pause_after(i32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn a_letter_is_held_longer_than_its_delivery_may_last() {
        assert!(HOLD > DELIVERY_LIMIT);
    }
}
