//! A site's own secrets on their way into the database and out of it: sealed, always.

use db::specifications::StoredSpecification;
use domain::{
    id::{CustomerId, SiteId},
    specification::{Secret, SiteSecrets},
};
use rand::{TryRng, rngs::SysRng};
use state::seal::{self, SealedFor};

use crate::{App, error::ApiError};

/// What database passwords are made of: every cloud's databases take these 64 characters.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// Seals the secrets of one specification of a site. A database password is made here where there is none yet, also for a site without
/// a database: one that gets a database later finds it.
///
/// # Errors
/// The operating system gave no random bytes.
pub(crate) fn seal_secrets(
    app: &App,
    customer: CustomerId,
    site: SiteId,
    specification: i32,
    secrets: &mut SiteSecrets,
) -> Result<Vec<u8>, ApiError> {
    if secrets.database_password.is_none() {
        secrets.database_password = Some(new_password()?);
    }
    seal::seal(
        &app.store.keys,
        &sealed_for(customer, site, specification),
        &secrets.to_exposed_bytes(),
    )
    .map_err(ApiError::internal)
}

/// Opens what [`seal_secrets`] sealed.
///
/// # Errors
/// The master key is another one, or the bytes are another specification's.
pub(crate) fn open_secrets(
    app: &App,
    customer: CustomerId,
    site: SiteId,
    stored: &StoredSpecification,
) -> Result<SiteSecrets, ApiError> {
    let expected = sealed_for(customer, site, stored.number);
    let bytes = seal::open(&app.store.keys, &expected, &stored.secrets_sealed).map_err(ApiError::internal)?;
    SiteSecrets::from_exposed_bytes(&bytes).map_err(|_| ApiError::internal(NoSecrets))
}

/// The blob opened and holds something else. serde's own message is left out: it may quote a secret.
#[derive(Debug, thiserror::Error)]
#[error("the sealed secrets of a site have another shape than expected")]
struct NoSecrets;

fn sealed_for(customer_id: CustomerId, site_id: SiteId, specification: i32) -> SealedFor {
    SealedFor::SiteSecrets {
        customer_id,
        site_id,
        specification,
    }
}

fn new_password() -> Result<Secret, ApiError> {
    loop {
        let mut bytes = [0_u8; 32];
        SysRng.try_fill_bytes(&mut bytes).map_err(ApiError::internal)?;
        // 64 divides 256: every character is as likely as any other.
        let password: String = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
            .collect();
        if has_three_kinds(&password) {
            return Ok(Secret::new(password));
        }
    }
}

/// Azure takes a password only with characters of three kinds; nearly every draw has them.
fn has_three_kinds(password: &str) -> bool {
    let has = |kind: fn(&char) -> bool| password.chars().any(|character| kind(&character));
    has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_32_characters_of_the_alphabet_and_is_new_each_time() {
        let (one, other) = (new_password().unwrap(), new_password().unwrap());
        assert_eq!(one.expose().len(), 32);
        assert!(one.expose().bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_ne!(one.expose(), other.expose());
        assert!(has_three_kinds(one.expose()));
    }

    #[test]
    fn a_password_of_two_kinds_is_not_enough() {
        for (password, enough) in [("aB3", true), ("ab3", false), ("AB3", false), ("aB_", false)] {
            assert_eq!(has_three_kinds(password), enough, "{password}");
        }
    }
}
