//! The commands: `record`, `mirror`, `list`. The one place, beside the plugin's handshake, that prints.

use std::path::{Path, PathBuf};

use crate::{
    extract::{self, ExtractError},
    mirror::{self, MirrorError},
    store::{Store, StoreError},
};

const USAGE: &str = "usage:
  simulated-cloud record --schemas <providers-schema.json or .gz> --types <file or modules directory>… [--out <directory>]
      cuts the schemas of the types that are named out of `terraform providers schema -json`
  simulated-cloud mirror <directory>
      writes a filesystem mirror in which this program is every provider that it has schemas of
  simulated-cloud list <store directory> [--tag <key>=<value>]…
      prints the resources of a simulated cloud, one line of JSON each";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{0}\n{USAGE}")]
    Usage(String),
    #[error(transparent)]
    Extract(#[from] ExtractError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs the command that the arguments (without the program's name) ask for.
///
/// # Errors
/// The arguments are wrong, or the command failed.
pub(crate) fn run(arguments: &[String]) -> Result<(), CommandError> {
    let usage = |problem: &str| Err(CommandError::Usage(problem.to_owned()));
    let Some((command, rest)) = arguments.split_first() else {
        return usage("a command is needed");
    };
    match command.as_str() {
        "record" => record(rest),
        "mirror" => match rest {
            [directory] => {
                let links = mirror::write(Path::new(directory))?;
                print_lines(links.iter().map(|path| path.display()));
                Ok(())
            }
            _ => usage("mirror takes one directory"),
        },
        "list" => list(rest),
        "help" | "--help" | "-h" => {
            print_lines([USAGE]);
            Ok(())
        }
        other => usage(&format!("there is no command {other:?}")),
    }
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn print_lines(lines: impl IntoIterator<Item = impl std::fmt::Display>) {
    for line in lines {
        println!("{line}");
    }
}

fn record(arguments: &[String]) -> Result<(), CommandError> {
    let mut schemas = None;
    let mut types: Vec<PathBuf> = Vec::new();
    let mut out = PathBuf::from("simulated-cloud/schemas");
    for pair in arguments.chunks(2) {
        match pair {
            [option, value] if option == "--schemas" => schemas = Some(PathBuf::from(value)),
            [option, value] if option == "--types" => types.push(value.into()),
            [option, value] if option == "--out" => out = value.into(),
            other => {
                return Err(CommandError::Usage(format!(
                    "record does not take {}",
                    other.join(" ")
                )));
            }
        }
    }
    let schemas = schemas.ok_or_else(|| CommandError::Usage("record needs --schemas".to_owned()))?;
    if types.is_empty() {
        return Err(CommandError::Usage("record needs --types".to_owned()));
    }
    print_lines(extract::record(&schemas, &types, &out)?);
    Ok(())
}

fn list(arguments: &[String]) -> Result<(), CommandError> {
    let usage = |problem: String| Err(CommandError::Usage(problem));
    let Some((directory, options)) = arguments.split_first() else {
        return usage("list needs a store directory".to_owned());
    };
    let mut tags = Vec::new();
    for pair in options.chunks(2) {
        match pair {
            [option, tag] if option == "--tag" => match tag.split_once('=') {
                Some(tag) => tags.push(tag),
                None => return usage(format!("{tag:?} is not <key>=<value>")),
            },
            other => return usage(format!("list does not take {}", other.join(" "))),
        }
    }
    if !Path::new(directory).is_dir() {
        return usage(format!("there is no directory {directory}"));
    }
    let resources = Store::open(Path::new(directory))?.all()?;
    let has = |tags_of: &serde_json::Map<_, serde_json::Value>, (key, value): &(&str, &str)| {
        tags_of.get(*key).and_then(serde_json::Value::as_str) == Some(*value)
    };
    let chosen = resources
        .iter()
        .filter(|resource| tags.iter().all(|tag| has(&resource.tags, tag)));
    print_lines(
        chosen.map(|resource| serde_json::to_string(resource).expect("a resource has text keys only")),
    );
    Ok(())
}
