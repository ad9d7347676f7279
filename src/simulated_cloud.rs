//! Finds the simulated cloud's program, which is a binary of its own: Terraform starts it as a plugin.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

const PROGRAM: &str = "simulated-cloud";

/// Beside this program, else where the checkout that this program was built in has it.
///
/// # Errors
/// It is nowhere; the error says how to build it.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path is not known")?;
    let beside = own.with_file_name(PROGRAM);
    let built = [std::env::current_dir().ok(), checkout()];
    let built = built
        .into_iter()
        .flatten()
        .map(|root| root.join("target/plugin").join(PROGRAM));
    // The plugin's own profile first: Terraform hashes the program at every command, so its size is time.
    let candidates: Vec<PathBuf> = built.chain([beside]).collect();
    if let Some(found) = candidates.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let searched: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    bail!(
        "the simulated cloud's program is not there (searched {}); build it with: cargo build --profile plugin -p simulated-cloud",
        searched.join(", ")
    )
}

/// The root of the checkout that this program was built in, if it still stands in it: `<root>/target/<profile>/siteplane`.
pub(crate) fn checkout() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    own.ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "target"))?
        .parent()
        .map(Path::to_path_buf)
}

/// Becomes that program.
///
/// # Errors
/// It is nowhere, or can't be started.
pub(crate) fn become_it(arguments: &[String]) -> anyhow::Result<std::convert::Infallible> {
    let program = find()?;
    let error = Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| format!("can't start {}", program.display()))
}
