//! Cuts the schemas of the types that modules use out of `terraform providers schema -json`.
//!
//! The whole schema of a large provider makes each of its processes slow and large; an extract of the types in use is
//! some kilobytes. An extract has no prose, and the same input gives the same bytes.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value as Json};

use crate::facts::PROVIDERS;

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExtractError {
    #[error("{} can't be read or written: {}", path.display(), source.kind())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} is not the output of `terraform providers schema -json`", path.display())]
    Schemas {
        path: PathBuf,
        #[source]
        source: Option<serde_json::Error>,
    },
    #[error("{provider} has no {kind} {name}")]
    Unknown {
        provider: String,
        kind: &'static str,
        name: String,
    },
    #[error("no type of a known provider is named in what --types gives")]
    Nothing,
}

/// The names of types, as configurations use them.
#[derive(Debug, Default, PartialEq)]
struct Names {
    resources: BTreeSet<String>,
    data_sources: BTreeSet<String>,
}

/// Writes `<out>/<provider>.json.gz` for each provider with types among the names in `types`: directories of modules
/// (their `resource` and `data` blocks), or files with a type a line (`data.` before a data source, `#` before a
/// remark). Returns a line on each file.
///
/// # Errors
/// A file can't be read or written, or a named type is not in the schemas.
pub(crate) fn record(schemas: &Path, types: &[PathBuf], out: &Path) -> Result<Vec<String>, ExtractError> {
    let malformed = |source| ExtractError::Schemas {
        path: schemas.to_owned(),
        source,
    };
    let bytes = fs::read(schemas).map_err(failed(schemas))?;
    let mut text = Vec::new();
    match bytes.starts_with(&[0x1f, 0x8b]) {
        true => flate2::read::GzDecoder::new(&bytes[..])
            .read_to_end(&mut text)
            .map_err(failed(schemas))?,
        false => {
            text = bytes;
            text.len()
        }
    };
    let json: Json = serde_json::from_slice(&text).map_err(|error| malformed(Some(error)))?;
    let providers = json["provider_schemas"]
        .as_object()
        .ok_or_else(|| malformed(None))?;
    let mut names = Names::default();
    for path in types {
        gather(path, &mut names)?;
    }
    let mut lines = Vec::new();
    for facts in PROVIDERS {
        let Some((address, schema)) = providers
            .iter()
            .find(|(address, _)| address.ends_with(&facts.address()))
        else {
            continue;
        };
        let prefix = format!("{}_", facts.name);
        let own = |names: &BTreeSet<String>| -> BTreeSet<String> {
            names
                .iter()
                .filter(|name| name.starts_with(&prefix))
                .cloned()
                .collect()
        };
        let (resources, data_sources) = (own(&names.resources), own(&names.data_sources));
        if resources.is_empty() && data_sources.is_empty() {
            continue;
        }
        let mut provider = Map::new();
        provider.insert("provider".to_owned(), bare(&schema["provider"], true));
        provider.insert(
            "resource_schemas".to_owned(),
            chosen(address, schema, "resource_schemas", &resources)?,
        );
        provider.insert(
            "data_source_schemas".to_owned(),
            chosen(address, schema, "data_source_schemas", &data_sources)?,
        );
        let extract = serde_json::json!({
            "format_version": json["format_version"],
            "provider_schemas": {address.as_str(): provider},
        });
        let path = out.join(format!("{}.json.gz", facts.name));
        fs::create_dir_all(out).map_err(failed(out))?;
        let bytes = gzip(extract.to_string().as_bytes()).map_err(failed(&path))?;
        fs::write(&path, &bytes).map_err(failed(&path))?;
        let counts = (resources.len(), data_sources.len());
        lines.push(format!(
            "{}: {} resource types, {} data sources, {} bytes",
            path.display(),
            counts.0,
            counts.1,
            bytes.len()
        ));
    }
    if lines.is_empty() {
        Err(ExtractError::Nothing)
    } else {
        Ok(lines)
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> ExtractError {
    move |source| ExtractError::File {
        path: path.to_owned(),
        source,
    }
}

fn gzip(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text)?;
    encoder.finish()
}

fn gather(path: &Path, names: &mut Names) -> Result<(), ExtractError> {
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(failed(path))? {
            let entry = entry.map_err(failed(path))?.path();
            let hidden = entry
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && (entry.is_dir() || entry.extension().is_some_and(|extension| extension == "tf")) {
                gather(&entry, names)?;
            }
        }
        return Ok(());
    }
    let text = fs::read_to_string(path).map_err(failed(path))?;
    match path.extension().is_some_and(|extension| extension == "tf") {
        true => gather_blocks(&text, names),
        false => gather_lines(&text, names),
    }
    Ok(())
}

/// `resource "aws_vpc" "this" {` and `data "aws_region" "current" {`.
fn gather_blocks(text: &str, names: &mut Names) {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(kind), Some(label)) = (words.next(), words.next()) else {
            continue;
        };
        let name = label.trim_matches('"').to_owned();
        match kind {
            "resource" => names.resources.insert(name),
            "data" => names.data_sources.insert(name),
            _ => continue,
        };
    }
}

fn gather_lines(text: &str, names: &mut Names) {
    for line in text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
    {
        match line.strip_prefix("data.") {
            _ if line.is_empty() => false,
            Some(name) => names.data_sources.insert(name.to_owned()),
            None => names.resources.insert(line.to_owned()),
        };
    }
}

fn chosen(
    address: &str,
    schema: &Json,
    kind: &'static str,
    names: &BTreeSet<String>,
) -> Result<Json, ExtractError> {
    let mut all = Map::new();
    for name in names {
        let found = schema[kind].get(name).ok_or_else(|| ExtractError::Unknown {
            provider: address.to_owned(),
            kind,
            name: name.clone(),
        })?;
        all.insert(name.clone(), bare(found, true));
    }
    Ok(Json::Object(all))
}

/// A schema without its prose. Within a `type`, `description` is a field of an object and stays; so does an attribute
/// of that name, which is a key of `attributes`, not of a schema (`schematic`).
fn bare(json: &Json, schematic: bool) -> Json {
    match json {
        Json::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| {
                !(schematic
                    && ["description", "description_kind", "deprecation_message"].contains(&key.as_str()))
            });
            let bared = kept.map(|(key, value)| {
                let names_follow = schematic && (key == "attributes" || key == "block_types");
                let value = if schematic && key == "type" {
                    value.clone()
                } else {
                    bare(value, !names_follow)
                };
                (key.clone(), value)
            });
            Json::Object(bared.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_in_modules_and_in_lists() {
        let mut names = Names::default();
        gather_blocks(
            "resource \"aws_vpc\" \"this\" {\n  data = 1\n}\ndata \"aws_region\" \"current\" {}\n",
            &mut names,
        );
        gather_lines("# more\naws_lb # a balancer\n\ndata.aws_ami\n", &mut names);
        assert_eq!(names.resources, ["aws_lb", "aws_vpc"].map(String::from).into());
        assert!(names.data_sources.contains("aws_region") && names.data_sources.contains("aws_ami"));
    }

    #[test]
    fn prose_goes_and_everything_named_description_stays() {
        let schema = serde_json::json!({"block": {
            "description_kind": "plain",
            "attributes": {
                "description": {"type": "string", "optional": true, "description": "prose"},
                "ingress": {"type": ["set", ["object", {"description": "string"}]], "computed": true},
            },
        }});
        assert_eq!(
            bare(&schema, true),
            serde_json::json!({"block": {"attributes": {
                "description": {"type": "string", "optional": true},
                "ingress": {"type": ["set", ["object", {"description": "string"}]], "computed": true},
            }}})
        );
    }
}
