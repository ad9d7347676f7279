//! The environment of Terraform, made from nothing: what the operator's shell or the worker has never reaches it.
//!
//! Its Debug shows names, never values.

use std::{collections::BTreeMap, fmt, io, path::Path};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// Bytes of the longest usable TMPDIR: a provider listens on `$TMPDIR/plugin<up to 10 digits>`, and the path of
/// a Unix socket ends at 107 bytes (unix(7)).
const TEMPORARY_DIRECTORY_LIMIT: usize = 107 - "/plugin".len() - 10;

/// Names that decide what Terraform runs or reads; an account's settings may not change them.
const OWN_NAMES: &[&str] = &["PATH", "HOME", "TMPDIR", "CHECKPOINT_DISABLE"];
const OWN_PREFIXES: &[&str] = &["TF_", "LD_", "SITEPLANE_"];

/// Environment variables of one Terraform process.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(BTreeMap<String, String>);

/// What an [`Environment`] is built on.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// The directories of programs, joined by `:`; Terraform needs none of its own, provisioners need `sh`.
    pub path: &'a str,
    /// The workspace; it is Terraform's home.
    pub workspace: &'a Path,
    /// A short path, see [`temporary_directory`].
    pub temporary_directory: &'a Path,
    /// The file that says where plugins come from, see [`super::plugins::write_cli_config`].
    pub cli_config: &'a Path,
}

/// Why an environment can't be built.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A path that no environment variable can hold.
    #[error("{} is no UTF-8 path", .0.display())]
    NotUtf8(std::path::PathBuf),
    /// A provider's socket would not fit.
    #[error("the temporary directory {path} is too long: {limit} bytes leave room for a provider's socket")]
    TemporaryDirectoryTooLong {
        /// The path.
        path: String,
        /// Its largest length.
        limit: usize,
    },
    /// The account may not set this one.
    #[error("{0} is set by Siteplane; a cloud account may not set it")]
    Reserved(String),
    /// A name or value that no process can be given.
    #[error("{0:?} is no name of an environment variable, or its value holds a zero byte")]
    Unusable(String),
}

impl Environment {
    /// The environment that every Terraform process gets, without any credential.
    ///
    /// # Errors
    /// A path is no UTF-8, or the temporary directory is too long for a provider's socket.
    pub fn for_terraform(base: &Base<'_>) -> Result<Self, EnvironmentError> {
        let temporary_directory = text(base.temporary_directory)?;
        if temporary_directory.len() > TEMPORARY_DIRECTORY_LIMIT {
            return Err(EnvironmentError::TemporaryDirectoryTooLong {
                path: temporary_directory,
                limit: TEMPORARY_DIRECTORY_LIMIT,
            });
        }
        let variables = [
            ("PATH", base.path.to_owned()),
            ("HOME", text(base.workspace)?),
            ("TMPDIR", temporary_directory),
            ("TF_CLI_CONFIG_FILE", text(base.cli_config)?),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
        ];
        Ok(Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        ))
    }

    /// The environment of a run on a person's own machine: the caller's own variables, which hold the credentials,
    /// without those that decide what Terraform runs or reads. The caller's home stays, for profiles are in it.
    ///
    /// # Errors
    /// As [`Environment::for_terraform`].
    pub fn of_caller(
        base: &Base<'_>,
        caller: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EnvironmentError> {
        let mut environment = Self::for_terraform(base)?;
        for (name, value) in caller {
            let is_ours = name != "HOME"
                && (OWN_NAMES.contains(&name.as_str())
                    || OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
            if !is_ours {
                environment.set(name, value)?;
            }
        }
        Ok(environment)
    }

    /// Adds what the cloud account sets: credentials, region, endpoints.
    ///
    /// # Errors
    /// A name that is ours to set (`TF_…`, `PATH`, …) or unusable.
    pub fn with_account(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EnvironmentError> {
        for (name, value) in variables {
            let reserved = OWN_NAMES.contains(&name.as_str())
                || OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if reserved {
                return Err(EnvironmentError::Reserved(name));
            }
            self.set(name, value)?;
        }
        Ok(self)
    }

    /// Adds Terraform variables that may not be in a file (`TF_VAR_<name>`): a site's own secrets.
    ///
    /// # Errors
    /// An unusable name or value.
    pub fn with_terraform_variables(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EnvironmentError> {
        for (name, value) in variables {
            self.set(format!("TF_VAR_{name}"), value)?;
        }
        Ok(self)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn set(&mut self, name: String, value: String) -> Result<(), EnvironmentError> {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(EnvironmentError::Unusable(name));
        }
        self.0.insert(name, value);
        Ok(())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// A new private directory with a short path, removed when it is dropped: keep it as long as Terraform runs.
///
/// # Errors
/// It can't be made.
pub fn temporary_directory() -> io::Result<TempDir> {
    // Not the worker's own TMPDIR: that may be a long path.
    tempfile::Builder::new().prefix("siteplane-").tempdir_in("/tmp")
}

fn text(path: &Path) -> Result<String, EnvironmentError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| EnvironmentError::NotUtf8(path.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Base<'static> {
        Base {
            path: "/usr/bin:/bin",
            workspace: Path::new("/srv/workspaces/1"),
            temporary_directory: Path::new("/tmp/siteplane-1"),
            cli_config: Path::new("/srv/workspaces/1/terraformrc"),
        }
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_callers_environment_keeps_home_and_credentials_and_loses_what_steers_terraform() {
        let caller = [
            pair("HOME", "/home/ada"),
            pair("AWS_PROFILE", "shop"),
            pair("TF_CLI_ARGS", "-destroy"),
            pair("PATH", "/evil"),
        ];
        let environment = Environment::of_caller(&base(), caller).unwrap();
        let value = |name: &str| {
            environment
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value)
        };
        assert_eq!(value("HOME"), Some("/home/ada"));
        assert_eq!(value("AWS_PROFILE"), Some("shop"));
        assert_eq!(value("PATH"), Some("/usr/bin:/bin"));
        assert_eq!(value("TF_CLI_ARGS"), None);
    }

    #[test]
    fn it_holds_what_terraform_needs_and_nothing_of_this_process() {
        let environment = Environment::for_terraform(&base()).unwrap();
        let names: Vec<&str> = environment.iter().map(|(name, _)| name).collect();
        let expected = [
            "CHECKPOINT_DISABLE",
            "HOME",
            "PATH",
            "TF_CLI_CONFIG_FILE",
            "TF_INPUT",
            "TF_IN_AUTOMATION",
            "TMPDIR",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn an_account_adds_credentials_and_can_not_steer_terraform() {
        let environment = Environment::for_terraform(&base()).unwrap();
        let with_key = environment
            .clone()
            .with_account([pair("AWS_ACCESS_KEY_ID", "test")])
            .unwrap();
        assert!(
            with_key
                .iter()
                .any(|variable| variable == ("AWS_ACCESS_KEY_ID", "test"))
        );
        for name in [
            "TF_PLUGIN_CACHE_DIR",
            "TF_LOG",
            "PATH",
            "HOME",
            "LD_PRELOAD",
            "TMPDIR",
        ] {
            let error = environment.clone().with_account([pair(name, "x")]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("{name} is set by Siteplane; a cloud account may not set it")
            );
        }
        for (name, value) in [("", "x"), ("A=B", "x"), ("A", "x\0")] {
            let error = environment.clone().with_account([pair(name, value)]).unwrap_err();
            assert!(matches!(error, EnvironmentError::Unusable(_)), "{error}");
        }
    }

    #[test]
    fn secrets_are_variables_and_are_not_shown() {
        let environment = Environment::for_terraform(&base())
            .unwrap()
            .with_terraform_variables([pair("database_password", "hunter2-hunter2")])
            .unwrap();
        assert!(
            environment
                .iter()
                .any(|v| v == ("TF_VAR_database_password", "hunter2-hunter2"))
        );
        let shown = format!("{environment:?}");
        assert!(
            shown.contains("TF_VAR_database_password") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn a_temporary_directory_leaves_room_for_a_providers_socket() {
        let long = format!("/tmp/{}", "x".repeat(TEMPORARY_DIRECTORY_LIMIT - 4));
        let error = Environment::for_terraform(&Base {
            temporary_directory: Path::new(&long),
            ..base()
        })
        .unwrap_err();
        assert!(error.to_string().contains("is too long: 90 bytes"), "{error}");
        let made = temporary_directory().unwrap();
        Environment::for_terraform(&Base {
            temporary_directory: made.path(),
            ..base()
        })
        .unwrap();
    }
}
