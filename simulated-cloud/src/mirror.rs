//! A filesystem mirror for Terraform in which this program is the provider.
//!
//! Only links are made, so a rebuilt program is in every mirror at once. Each link comes into being as a whole.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::facts::PROVIDERS;

/// Why a mirror can't be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MirrorError {
    #[error("{} can't be written: {}", path.display(), source.kind())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the running program's own path is not known")]
    Program(#[source] std::io::Error),
}

/// The platform in Terraform's words.
fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        arch => arch,
    };
    format!("{os}_{arch}")
}

/// Writes the mirror and returns its links, one for each provider. Doing it again changes nothing.
///
/// # Errors
/// The directory can't be written.
pub(crate) fn write(directory: &Path) -> Result<Vec<PathBuf>, MirrorError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| MirrorError::File { path, source }
    };
    let program = std::env::current_exe()
        .and_then(fs::canonicalize)
        .map_err(MirrorError::Program)?;
    let mut links = Vec::new();
    for provider in PROVIDERS {
        let package = directory
            .join("registry.terraform.io")
            .join(provider.address())
            .join(provider.version)
            .join(platform());
        let link = package.join(format!(
            "terraform-provider-{}_v{}{}",
            provider.name, provider.version, provider.suffix
        ));
        fs::create_dir_all(&package).map_err(failed(&package))?;
        if fs::read_link(&link).ok().as_deref() != Some(&program) {
            // Not beside the link: Terraform hashes everything in that directory.
            let draft = directory.join(format!(".draft-{}-{}", provider.name, std::process::id()));
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&draft)(error)),
                _ => std::os::unix::fs::symlink(&program, &draft).map_err(failed(&draft))?,
            }
            fs::rename(&draft, &link).map_err(failed(&link))?;
        }
        links.push(link);
    }
    Ok(links)
}
