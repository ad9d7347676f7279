//! What stays the same from one `siteplane dev` to the next: ports, passwords and tokens. In a file that only its
//! owner may read.

use std::{fs, io, path::Path};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize};

/// Its name.
pub(super) const FILE: &str = "secrets.json";

/// What is kept. Has no `Debug`: most of it is secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// PostgreSQL's port; 0 before the first start.
    pub(crate) postgres_port: u16,
    /// The S3 server's port; 0 before the first start.
    pub(crate) s3_port: u16,
    /// Password of the database's owner.
    pub(crate) postgres_password: String,
    /// Password of the programs' login.
    pub(crate) program_password: String,
    /// Id of the S3 server's only key.
    pub(crate) s3_access_key: String,
    /// Its secret.
    pub(crate) s3_secret_key: String,
    /// The admin's token.
    pub(crate) admin_token: String,
    /// The customers' tokens.
    pub(crate) customer_tokens: [String; 2],
    /// The admin's password. Folders of before there were passwords have none.
    #[serde(default)]
    pub(crate) admin_password: String,
    /// The owners' passwords.
    #[serde(default)]
    pub(crate) customer_passwords: [String; 2],
}

impl Kept {
    /// What the folder has, or new ones.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        match fs::read(&path) {
            Ok(text) => {
                let mut kept: Self = serde_json::from_slice(&text).with_context(|| {
                    format!(
                        "{} can't be understood; remove its folder to start anew",
                        path.display()
                    )
                })?;
                let passwords = kept.customer_passwords.iter_mut();
                for missing in passwords
                    .chain([&mut kept.admin_password])
                    .filter(|text| text.is_empty())
                {
                    *missing = password()?;
                }
                Ok(kept)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::new(),
            Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
        }
    }

    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            postgres_port: 0,
            s3_port: 0,
            postgres_password: random_text()?,
            program_password: random_text()?,
            s3_access_key: "siteplane".to_owned(),
            s3_secret_key: random_text()?,
            admin_token: new_token()?,
            customer_tokens: [new_token()?, new_token()?],
            admin_password: password()?,
            customer_passwords: [password()?, password()?],
        })
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        super::write_private(&folder.join(FILE), &serde_json::to_vec_pretty(self)?)
    }
}

/// The text of a new API token: `sp_` and 256 random bits.
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn new_token() -> anyhow::Result<String> {
    Ok(format!("sp_{}", random_text()?))
}

/// 80 random bits, short enough to be typed.
fn password() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 20];
    SysRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no random numbers")?;
    let letters = bytes.map(|byte| char::from(b"abcdefghjkmnpqrs"[usize::from(byte % 16)]));
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// 256 random bits in letters that need no quoting, in a URL or anywhere.
fn random_text() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no random numbers")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_stay_from_one_start_to_the_next_in_a_file_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Kept::read(folder.path()).unwrap();
        first.postgres_port = 5400;
        first.write(folder.path()).unwrap();
        let second = Kept::read(folder.path()).unwrap();
        assert_eq!(second.admin_token, first.admin_token);
        assert_eq!(second.postgres_port, 5400);
        let mode = fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_token_has_256_bits_and_is_never_the_same() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one, other);
        let random = one.strip_prefix("sp_").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
    }
}
