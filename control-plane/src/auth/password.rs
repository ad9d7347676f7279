//! Passwords: argon2id, with the parameters that OWASP's Password Storage Cheat Sheet names (2025: 19 MiB, two
//! passes, one lane). Imported bcrypt hashes are verified and replaced at the first sign-in.

use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use domain::specification::{FieldProblem, Secret};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Fewest characters.
const SHORTEST: usize = 10;
/// Most bytes; more would only cost time.
const LONGEST: usize = 1024;
/// Hashes that one process computes at once: each takes 19 MiB and a processor.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

static HASHER: LazyLock<Argon2<'static>> = LazyLock::new(|| {
    let parameters = Params::new(19 * 1024, 2, 1, None).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
});

/// What is verified where nobody has the address, so that the answer takes as long.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody has this password").expect("argon2 hashes"));

/// A password's hash in PHC form.
///
/// # Errors
/// The operating system gave no random bytes.
pub(crate) async fn hash(password: &Secret) -> Result<String, ApiError> {
    let password = password.expose().to_owned();
    at_once(move || hash_now(&password))
        .await?
        .map_err(ApiError::internal)
}

/// What came of comparing a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the password.
    Right {
        /// A better hash of it, where the stored one is bcrypt or weaker than ours.
        better: Option<String>,
    },
    /// It is not, or there is none to compare with. Both take as long.
    Wrong,
}

/// Compares a password with a stored hash.
///
/// # Errors
/// The process is shutting down.
pub(crate) async fn verify(password: &Secret, stored: Option<String>) -> Result<Verdict, ApiError> {
    let password = password.expose().to_owned();
    at_once(move || {
        let Some(stored) = stored else {
            let nobodys = verify_argon2(&password, &NOBODYS);
            debug_assert!(nobodys.is_some());
            return Verdict::Wrong;
        };
        let (right, weak) = if stored.starts_with("$2") {
            (bcrypt::verify(&password, &stored).unwrap_or(false), true)
        } else {
            match verify_argon2(&password, &stored) {
                Some(parameters) => (parameters.0, parameters.1),
                None => (false, false),
            }
        };
        if !right {
            return Verdict::Wrong;
        }
        Verdict::Right {
            better: if weak { hash_now(&password).ok() } else { None },
        }
    })
    .await
}

/// Whether a text is a hash that [`verify`] can work with.
pub(crate) fn is_hash(text: &str) -> bool {
    if text.starts_with("$2") {
        return text.parse::<bcrypt::HashParts>().is_ok();
    }
    PasswordHash::new(text).is_ok_and(|hash| hash.algorithm.as_str().starts_with("argon2"))
}

/// Whether it is right, and whether the hash was made with less than we ask for now; `None` where it can't be read.
fn verify_argon2(password: &str, stored: &str) -> Option<(bool, bool)> {
    let parsed = PasswordHash::new(stored).ok()?;
    let right = HASHER.verify_password(password.as_bytes(), &parsed).is_ok();
    let parameters = Params::try_from(&parsed).ok()?;
    let ours = HASHER.params();
    let weak = parameters.m_cost() < ours.m_cost() || parameters.t_cost() < ours.t_cost();
    Some((right, weak))
}

fn hash_now(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(HASHER.hash_password(password.as_bytes())?.to_string())
}

async fn at_once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let _place = AT_ONCE.acquire().await.map_err(ApiError::internal)?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)
}

/// What is wrong with a new password, if anything. `about` are words that it must not be made of, such as the
/// person's own address.
pub(crate) fn weakness(field: &str, password: &Secret, about: &[&str]) -> Option<FieldProblem> {
    let problem = |allowed: String| FieldProblem {
        field: field.to_owned(),
        // Never what was found.
        found: None,
        allowed,
    };
    let text = password.expose();
    let length = text.chars().count();
    if length < SHORTEST || text.len() > LONGEST {
        return Some(problem(format!(
            "{SHORTEST} characters or more, at most {LONGEST} bytes"
        )));
    }
    // Longer ones are strong by their length, and the estimate takes quadratic time.
    let judged: String = text.chars().take(100).collect();
    let mut inputs = vec!["siteplane"];
    inputs.extend(
        about
            .iter()
            .flat_map(|word| word.split(['@', '.', ' ']))
            .filter(|word| word.len() > 2),
    );
    let estimate = zxcvbn::zxcvbn(&judged, &inputs);
    if estimate.score() >= zxcvbn::Score::Three {
        return None;
    }
    let advice = estimate
        .feedback()
        .and_then(|feedback| feedback.warning())
        .map_or_else(String::new, |warning| {
            format!("; {}", warning.to_string().trim_end_matches('.').to_lowercase())
        });
    Some(problem(format!(
        "a password that can't be guessed soon: a few words that don't belong together do{advice}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[tokio::test]
    async fn a_password_is_recognised_by_its_hash_and_no_other_is() {
        let stored = hash(&secret("correct horse battery")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let right = verify(&secret("correct horse battery"), Some(stored.clone())).await;
        assert_eq!(right.unwrap(), Verdict::Right { better: None });
        let wrong = verify(&secret("correct horse batterz"), Some(stored)).await;
        assert_eq!(wrong.unwrap(), Verdict::Wrong);
        assert_eq!(
            verify(&secret("nobody has this password"), None).await.unwrap(),
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn an_imported_bcrypt_hash_is_verified_and_a_better_one_comes_back() {
        // Of the crypt_blowfish test vectors (Openwall, 2011): "U*U".
        let stored = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        let Verdict::Right { better: Some(better) } =
            verify(&secret("U*U"), Some(stored.to_owned())).await.unwrap()
        else {
            panic!("it is right, and there is a better one");
        };
        assert!(better.starts_with("$argon2id$"));
        assert_eq!(
            verify(&secret("U*U*"), Some(stored.to_owned())).await.unwrap(),
            Verdict::Wrong
        );
        assert_eq!(
            verify(&secret("x"), Some("no hash at all".to_owned()))
                .await
                .unwrap(),
            Verdict::Wrong
        );
    }

    #[test]
    fn a_hash_is_told_from_what_is_none() {
        for hash in [
            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(is_hash(hash), "{hash}");
        }
        for none in [
            "",
            "letmein",
            "$2a$05$short",
            "$1$salt$hash",
            "$pbkdf2-sha256$i=1000$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        ] {
            assert!(!is_hash(none), "{none}");
        }
    }

    #[test]
    fn a_password_that_is_short_common_or_made_of_the_address_is_refused_without_being_quoted() {
        for bad in [
            "",
            "Tr0ub4dor",
            "password1234",
            "qwertyuiop12",
            "siteplane2026",
            "annabergannaberg",
        ] {
            let problem = weakness("password", &secret(bad), &["anna.berg@acme.test"]).expect(bad);
            assert_eq!(
                (problem.field.as_str(), problem.found),
                ("password", None),
                "{bad}"
            );
            assert!(bad.is_empty() || !problem.allowed.contains(bad));
        }
        assert_eq!(
            weakness(
                "password",
                &secret("lamp tundra violin 9 mango"),
                &["anna@acme.test"]
            ),
            None
        );
        assert!(weakness("password", &secret(&"a".repeat(2000)), &[]).is_some());
    }
}
