//! Access tokens: short, signed (EdDSA), and only a name for a session. What the bearer may do is asked of the
//! database at every request, so that an ended session and a changed role count at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use db::{
    signing_keys::{self, SigningKey},
    tenant::{self, Scope},
};
use domain::{
    id::{SessionId, SigningKeyId, UserId},
    specification::Secret,
};
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use state::{
    keys::MasterKeys,
    seal::{self, SealedFor},
};
use tokio::sync::Mutex;

use crate::{App, error::ApiError};

/// How long an access token is good.
pub const LIFE: TimeDelta = TimeDelta::minutes(15);
/// Whom it is for.
const AUDIENCE: &str = "siteplane-api";
/// How long a process goes on with the keys that it read.
const KEYS_ARE_FRESH: Duration = Duration::from_secs(60);
/// A new key is published for so long before it signs: every process has read it by then.
const PUBLISHED_BEFORE: TimeDelta = TimeDelta::minutes(2);
/// An unknown key id makes a process look again, but no more often than this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

struct Key {
    id: SigningKeyId,
    public: Vec<u8>,
    signs_from: DateTime<Utc>,
    signing: EncodingKey,
    verifying: DecodingKey,
}

struct Loaded {
    at: Instant,
    keys: Arc<Vec<Key>>,
}

/// The keys of access tokens as this process read them last.
#[derive(Default)]
pub(crate) struct Keyring(Mutex<Option<Loaded>>);

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

/// The public keys, as RFC 7517 writes them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeySet {
    /// One a key, newest first.
    keys: Vec<PublicKey>,
}

/// A public key (RFC 8037).
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PublicKey {
    /// The kind of key: `OKP`.
    kty: &'static str,
    /// The curve: `Ed25519`.
    crv: &'static str,
    /// What it is for: `sig`.
    r#use: &'static str,
    /// The algorithm: `EdDSA`.
    alg: &'static str,
    /// The name in a token's header.
    kid: SigningKeyId,
    /// The key, base64url.
    x: String,
}

impl Keyring {
    /// A token for a session.
    ///
    /// # Errors
    /// The keys can't be read, or there is none that signs yet.
    pub(crate) async fn issue(
        &self,
        app: &App,
        user: UserId,
        session: SessionId,
        now: DateTime<Utc>,
    ) -> Result<Secret, ApiError> {
        let keys = self.keys(app, KEYS_ARE_FRESH).await?;
        let key = keys
            .iter()
            .find(|key| key.signs_from <= now)
            .or_else(|| keys.last())
            .ok_or_else(|| ApiError::internal(NoKey))?;
        let header = Header {
            kid: Some(key.id.to_string()),
            ..Header::new(Algorithm::EdDSA)
        };
        let claims = Claims {
            iss: app.settings.public_url.clone(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            sid: session,
            iat: now.timestamp(),
            exp: (now + LIFE).timestamp(),
        };
        let token = jsonwebtoken::encode(&header, &claims, &key.signing).map_err(ApiError::internal)?;
        Ok(Secret::new(token))
    }

    /// The session that a token names; `None` where it is not one of ours or past its end.
    ///
    /// # Errors
    /// The keys can't be read.
    pub(crate) async fn verify(&self, app: &App, token: &str) -> Result<Option<SessionId>, ApiError> {
        let Ok(header) = jsonwebtoken::decode_header(token) else {
            return Ok(None);
        };
        let Some(id) = header.kid.and_then(|kid| kid.parse::<SigningKeyId>().ok()) else {
            return Ok(None);
        };
        let mut keys = self.keys(app, KEYS_ARE_FRESH).await?;
        if !keys.iter().any(|key| key.id == id) {
            // Another process may have added it.
            keys = self.keys(app, LOOK_AGAIN).await?;
        }
        let Some(key) = keys.iter().find(|key| key.id == id) else {
            return Ok(None);
        };
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.leeway = 5;
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&[&app.settings.public_url]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.verifying, &rules);
        Ok(decoded.ok().map(|token| token.claims.sid))
    }

    /// What verifies our tokens.
    ///
    /// # Errors
    /// The keys can't be read.
    pub(crate) async fn public(&self, app: &App) -> Result<KeySet, ApiError> {
        let keys = self.keys(app, KEYS_ARE_FRESH).await?;
        let public = |key: &Key| PublicKey {
            kty: "OKP",
            crv: "Ed25519",
            r#use: "sig",
            alg: "EdDSA",
            kid: key.id,
            x: URL_SAFE_NO_PAD.encode(&key.public),
        };
        Ok(KeySet {
            keys: keys.iter().map(public).collect(),
        })
    }

    async fn keys(&self, app: &App, fresh: Duration) -> Result<Arc<Vec<Key>>, ApiError> {
        let mut loaded = self.0.lock().await;
        if let Some(loaded) = &*loaded
            && loaded.at.elapsed() < fresh
        {
            return Ok(loaded.keys.clone());
        }
        let mut tx = tenant::begin(&app.pool, Scope::Auth).await?;
        let mut rows = signing_keys::list(&mut tx).await?;
        if rows.is_empty() {
            signing_keys::lock(&mut tx).await?;
            rows = signing_keys::list(&mut tx).await?;
            if rows.is_empty() {
                let first = new_key(&app.store.keys, Utc::now()).map_err(ApiError::internal)?;
                add(&mut tx, &first).await?;
                rows.push(first);
            }
        }
        tx.commit().await?;
        let keys: Result<Vec<Key>, ApiError> = rows.into_iter().map(|row| open(app, row)).collect();
        let keys = Arc::new(keys?);
        *loaded = Some(Loaded {
            at: Instant::now(),
            keys: keys.clone(),
        });
        Ok(keys)
    }
}

/// Adds a key that signs from two minutes on; the ones before verify until the last token that they signed is over.
///
/// # Errors
/// The database refused, or the key can't be sealed.
pub async fn rotate(
    pool: &PgPool,
    keys: &MasterKeys,
    now: DateTime<Utc>,
) -> Result<SigningKeyId, RotateError> {
    let mut tx = tenant::begin(pool, Scope::Auth).await?;
    signing_keys::lock(&mut tx).await?;
    let key = new_key(keys, now + PUBLISHED_BEFORE)?;
    add(&mut tx, &key).await?;
    tx.commit().await?;
    Ok(key.id)
}

async fn add(conn: &mut PgConnection, key: &SigningKey) -> sqlx::Result<()> {
    signing_keys::insert(conn, key, LIFE.as_seconds_f64() + 60.0).await
}

fn new_key(keys: &MasterKeys, signs_from: DateTime<Utc>) -> Result<SigningKey, seal::SealError> {
    let id = SigningKeyId::new();
    let pair = ed25519_dalek::SigningKey::from_bytes(&super::random());
    let sealed_for = SealedFor::SigningKey { signing_key_id: id };
    Ok(SigningKey {
        id,
        public_key: pair.verifying_key().as_bytes().to_vec(),
        private_key_sealed: seal::seal(keys, &sealed_for, pair.as_bytes())?,
        signs_from,
    })
}

fn open(app: &App, row: SigningKey) -> Result<Key, ApiError> {
    let sealed_for = SealedFor::SigningKey {
        signing_key_id: row.id,
    };
    let private =
        seal::open(&app.store.keys, &sealed_for, &row.private_key_sealed).map_err(ApiError::internal)?;
    let private: [u8; 32] = private.try_into().map_err(|_| ApiError::internal(NoKey))?;
    let der = ed25519_dalek::SigningKey::from_bytes(&private)
        .to_pkcs8_der()
        .map_err(ApiError::internal)?;
    Ok(Key {
        id: row.id,
        signs_from: row.signs_from,
        signing: EncodingKey::from_ed_der(der.as_bytes()),
        verifying: DecodingKey::from_ed_der(&row.public_key),
        public: row.public_key,
    })
}

/// Why there is no new signing key.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The database can't be reached or refused.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// The key can't be sealed.
    #[error("the new key can't be sealed")]
    Seal(#[from] seal::SealError),
}

#[derive(Debug, thiserror::Error)]
#[error("there is no key that signs access tokens")]
struct NoKey;
