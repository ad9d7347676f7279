//! The second factor: TOTP (RFC 6238: SHA-1, six digits, thirty seconds, as every authenticator knows it) and
//! recovery codes. A code is taken once, with one step of tolerance for clocks on each side.

use chrono::{DateTime, Utc};
use db::credentials;
use domain::{id::UserId, specification::Secret};
use qrcode::{QrCode, render::svg};
use sqlx::PgConnection;
use state::{
    keys::MasterKeys,
    seal::{self, SealedFor},
};
use totp_rs::{Builder, Totp};

use crate::error::ApiError;

/// Recovery codes that are made at once.
const RECOVERY_CODES: usize = 10;
/// Letters and digits that are not taken for one another: 32 of them, five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";

/// A secret that was just made, in the forms that an authenticator reads.
pub(crate) struct Proposal {
    /// 160 random bits.
    pub(crate) secret: [u8; 20],
    /// The secret in base32, for typing.
    pub(crate) text: String,
    /// The `otpauth://` address.
    pub(crate) url: String,
    /// The same as a QR code: an SVG image.
    pub(crate) qr: String,
}

/// Makes a new secret for the account `email` at `issuer`.
///
/// # Errors
/// The address is too long for a QR code.
pub(crate) fn propose(issuer: &str, email: &str) -> Result<Proposal, ApiError> {
    let secret: [u8; 20] = super::random();
    let text = totp(secret).secret().to_base32();
    let encode = |text: &str| -> String { url_encode(text) };
    let url = format!(
        "otpauth://totp/{issuer}:{email}?secret={text}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
        issuer = encode(issuer),
        email = encode(email),
    );
    let code = QrCode::new(&url).map_err(ApiError::internal)?;
    let qr = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    Ok(Proposal {
        secret,
        text,
        url,
        qr,
    })
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn url_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn totp(secret: [u8; 20]) -> Totp {
    Builder::new()
        .with_secret(secret)
        .with_skew(1)
        .build_noncompliant()
}

/// A secret, sealed for the database.
///
/// # Errors
/// The operating system gave no random bytes.
pub(crate) fn seal_secret(keys: &MasterKeys, user: UserId, secret: &[u8; 20]) -> Result<Vec<u8>, ApiError> {
    seal::seal(keys, &SealedFor::Totp { user_id: user }, secret).map_err(ApiError::internal)
}

/// Takes a code of the person's secret. Says whether it was right and not taken before.
///
/// # Errors
/// The secret can't be opened, or the database refused.
pub(crate) async fn take_code(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    user: UserId,
    sealed: &[u8],
    code: &Secret,
    now: DateTime<Utc>,
) -> Result<bool, ApiError> {
    let secret = seal::open(keys, &SealedFor::Totp { user_id: user }, sealed).map_err(ApiError::internal)?;
    let secret: [u8; 20] = secret.try_into().map_err(|_| ApiError::internal(NotASecret))?;
    let code: String = code.expose().chars().filter(|c| !c.is_whitespace()).collect();
    let time = u64::try_from(now.timestamp()).map_err(ApiError::internal)?;
    let Some(step) = totp(secret).check(&code, time) else {
        return Ok(false);
    };
    let step = i64::try_from(step).map_err(ApiError::internal)?;
    Ok(credentials::take_totp_step(conn, user, step).await?)
}

#[derive(Debug, thiserror::Error)]
#[error("the sealed TOTP secret does not have 20 bytes")]
struct NotASecret;

/// New recovery codes, to be shown once.
pub(crate) fn recovery_codes() -> Vec<String> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let bytes: [u8; 10] = super::random();
            let letters: String = bytes
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
                .collect();
            format!("{}-{}", &letters[..5], &letters[5..])
        })
        .collect()
}

/// What is stored of a recovery code, however a person writes it.
pub(crate) fn digest_of(code: &str) -> Vec<u8> {
    let letters: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    db::tokens::digest(&letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, cut to six digits.
        let secret = *b"12345678901234567890";
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp(secret).check(code, time), Some(time / 30), "{time}");
            assert_eq!(
                totp(secret).check(code, time + 30),
                Some(time / 30),
                "one step late"
            );
            assert_eq!(totp(secret).check(code, time + 60), None, "two steps late");
        }
    }

    #[test]
    fn a_proposal_is_an_address_and_its_qr_code() {
        let made = propose("Siteplane & Söhne", "anna+1@acme.test").unwrap();
        assert!(
            made.url
                .starts_with("otpauth://totp/Siteplane%20%26%20S%C3%B6hne:anna%2B1%40acme.test?secret=")
        );
        assert!(made.qr.contains("<svg"));
        assert_eq!(made.text.len(), 32);
    }

    #[test]
    fn recovery_codes_differ_and_may_be_written_in_any_way() {
        let mut codes = recovery_codes();
        assert_eq!(
            digest_of(&codes[0]),
            digest_of(&codes[0].to_uppercase().replace('-', " "))
        );
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), RECOVERY_CODES);
    }
}
