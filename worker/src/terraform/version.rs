//! Which Terraform is used: where its binary is, which version it has, and its digest.

use std::{
    env, fmt, fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use futures::StreamExt;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::{process::Command, time::timeout};
use tokio_process_stream::{Item, ProcessChunkStream};

use super::environment::{Base, Environment, temporary_directory};

/// The first version with write-only arguments, which the modules use.
const MINIMUM: Version = Version {
    major: 1,
    minor: 11,
    patch: 0,
    is_prerelease: false,
};
/// The first version that is not expected to work.
const BELOW: Version = Version {
    major: 2,
    minor: 0,
    patch: 0,
    is_prerelease: true,
};
/// `terraform version` takes some fifty milliseconds; a machine under load, longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A version of Terraform. A pre-release comes before its release; which of several it is, is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third.
    pub patch: u32,
    /// `1.12.0-beta1`.
    pub is_prerelease: bool,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.split('+').next()?;
        let (numbers, prerelease) = match text.split_once('-') {
            Some((numbers, prerelease)) => (numbers, Some(prerelease)),
            None => (text, None),
        };
        let mut numbers = numbers.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let version = Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
            is_prerelease: prerelease.is_some(),
        };
        numbers.next().is_none().then_some(version)
    }

    fn order(self) -> (u32, u32, u32, bool) {
        (self.major, self.minor, self.patch, !self.is_prerelease)
    }

    fn is_allowed(self) -> bool {
        self.order() >= MINIMUM.order() && self.order() < BELOW.order()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A Terraform that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terraform {
    /// Its binary.
    pub path: PathBuf,
    /// Its version as it says it: `1.11.4`.
    pub version: String,
    /// SHA-256 of the binary, in hexadecimal.
    pub sha256: String,
}

/// Why there is no Terraform that may be used.
#[derive(Debug, thiserror::Error)]
pub enum TerraformError {
    /// There is none.
    #[error(
        "terraform was not found ({searched}); install version 1.11.4 from \
         https://developer.hashicorp.com/terraform/install, or set SITEPLANE__TERRAFORM__BIN to it"
    )]
    Missing {
        /// Where it was looked for.
        searched: String,
    },
    /// It is too old or too new.
    #[error("{} is Terraform {found}; at least {MINIMUM} and below 2.0 is needed", path.display())]
    WrongVersion {
        /// The binary.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// It does not say its version.
    #[error("`{} version -json` gave no version: {answer}", path.display())]
    NoVersion {
        /// The binary.
        path: PathBuf,
        /// What it printed, or why it did not.
        answer: String,
    },
    /// The environment for asking it can't be made.
    #[error("terraform can't be asked for its version")]
    Environment(#[from] super::environment::EnvironmentError),
    /// The binary can't be run or read.
    #[error("{} can't be run or read", path.display())]
    Io {
        /// The binary.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Finds Terraform (the setting, else `search_path`, a list as in `PATH`), asks for its version and digests its
/// binary.
///
/// # Errors
/// There is none, it has the wrong version, or it can't be run.
pub async fn find(setting: Option<&Path>, search_path: &str) -> Result<Terraform, TerraformError> {
    let path = locate(setting, search_path)?;
    let version = ask(&path, search_path).await?;
    if !Version::parse(&version).is_some_and(Version::is_allowed) {
        return Err(TerraformError::WrongVersion { path, found: version });
    }
    let binary = path.clone();
    // Ninety megabytes: not on a thread that serves others.
    let digest = tokio::task::spawn_blocking(move || digest(&binary))
        .await
        .map_err(io::Error::other);
    match digest.flatten() {
        Ok(sha256) => Ok(Terraform {
            path,
            version,
            sha256,
        }),
        Err(source) => Err(TerraformError::Io { path, source }),
    }
}

fn locate(setting: Option<&Path>, search_path: &str) -> Result<PathBuf, TerraformError> {
    if let Some(setting) = setting {
        return if is_program(setting) {
            Ok(setting.to_path_buf())
        } else {
            Err(TerraformError::Missing {
                searched: setting.display().to_string(),
            })
        };
    }
    env::split_paths(search_path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("terraform"))
        .find(|path| is_program(path))
        .ok_or_else(|| TerraformError::Missing {
            searched: format!("PATH={search_path}"),
        })
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[derive(Deserialize)]
struct VersionAnswer {
    terraform_version: String,
}

/// Runs `terraform version -json` in an empty directory, with an environment from nothing.
async fn ask(path: &Path, search_path: &str) -> Result<String, TerraformError> {
    let failed = |source| TerraformError::Io {
        path: path.to_path_buf(),
        source,
    };
    let directory = temporary_directory().map_err(failed)?;
    let cli_config = directory.path().join("terraformrc");
    fs::write(&cli_config, "disable_checkpoint = true\n").map_err(failed)?;
    let environment = Environment::for_terraform(&Base {
        path: search_path,
        workspace: directory.path(),
        temporary_directory: directory.path(),
        cli_config: &cli_config,
    })?;
    let mut command = Command::new(path);
    command
        .args(["version", "-json"])
        .env_clear()
        .envs(environment.iter())
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let mut stream = ProcessChunkStream::try_from(command).map_err(failed)?;
    let (mut answer, mut complaint) = (Vec::new(), Vec::new());
    let read_all = async {
        while let Some(item) = stream.next().await {
            match item {
                Item::Stdout(chunk) => answer.extend_from_slice(&chunk),
                Item::Stderr(chunk) => complaint.extend_from_slice(&chunk),
                Item::Done(status) => return status,
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    };
    let status = match timeout(ANSWER_WITHIN, read_all).await {
        Ok(status) => status.map_err(failed)?,
        Err(_) => {
            let answer = format!("nothing in {} s", ANSWER_WITHIN.as_secs());
            return Err(TerraformError::NoVersion {
                path: path.to_path_buf(),
                answer,
            });
        }
    };
    match serde_json::from_slice::<VersionAnswer>(&answer) {
        Ok(answer) if status.success() => Ok(answer.terraform_version),
        _ => {
            answer.append(&mut complaint);
            let answer = format!("{status}, {:?}", String::from_utf8_lossy(&answer));
            Err(TerraformError::NoVersion {
                path: path.to_path_buf(),
                answer,
            })
        }
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_1_11_to_below_2_are_allowed() {
        for (text, allowed) in [
            ("1.11.0", true),
            ("1.11.4", true),
            ("1.12.0-beta1", true),
            ("1.99.0+metadata", true),
            ("1.11.0-rc1", false),
            ("1.10.9", false),
            ("0.15.0", false),
            ("2.0.0-alpha1", false),
            ("2.0.0", false),
        ] {
            assert_eq!(
                Version::parse(text).map(Version::is_allowed),
                Some(allowed),
                "{text}"
            );
        }
        for text in ["", "1.11", "1.11.x", "1.11.4.5", "v1.11.4"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
