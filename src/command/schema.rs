//! `siteplane schema` and `siteplane openapi`: documents that are made from the API's own types.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::{plan::report::PlanReport, print};

/// The name of what a site file holds, among the API's schemas.
const SITE_FILE: &str = "CreateSite";

/// What a schema can be printed of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Document {
    /// A site file.
    #[default]
    Site,
    /// What `siteplane plan --format json` prints.
    Plan,
}

/// Prints a JSON schema.
pub(crate) fn run(of: Document) -> anyhow::Result<ExitCode> {
    let schema = match of {
        Document::Site => site_file_schema(&control_plane::openapi_json())?,
        Document::Plan => plan_schema()?,
    };
    print(schema.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Prints the API's OpenAPI document.
pub(crate) fn openapi() -> anyhow::Result<ExitCode> {
    print(control_plane::openapi_json().trim_end());
    Ok(ExitCode::SUCCESS)
}

/// The schema of what `POST /api/v1/sites` takes, by itself, with everything that it refers to.
fn site_file_schema(openapi: &str) -> anyhow::Result<String> {
    let openapi: Value = serde_json::from_str(openapi)?;
    let body = "/paths/~1api~1v1~1sites/post/requestBody/content/application~1json/schema/$ref";
    let named = openapi
        .pointer(body)
        .and_then(Value::as_str)
        .and_then(name_of)
        .unwrap_or(SITE_FILE);
    let schemas = openapi.pointer("/components/schemas").and_then(Value::as_object);
    let schemas = schemas.context("the OpenAPI document has no schemas")?;
    standing_alone(schemas, named, "Siteplane site file")
}

/// The schema of a plan's report.
fn plan_schema() -> anyhow::Result<String> {
    #[derive(utoipa::OpenApi)]
    #[openapi(components(schemas(PlanReport)))]
    struct Report;
    let document = serde_json::to_value(<Report as utoipa::OpenApi>::openapi())?;
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let schemas = schemas.context("the report has no schemas")?;
    standing_alone(schemas, "PlanReport", "Siteplane plan")
}

/// One of some schemas by itself, with everything that it refers to.
fn standing_alone(schemas: &Map<String, Value>, named: &str, title: &str) -> anyhow::Result<String> {
    let mut wanted = vec![named.to_owned()];
    let mut found = BTreeSet::new();
    let mut definitions = Map::new();
    while let Some(name) = wanted.pop() {
        if !found.insert(name.clone()) {
            continue;
        }
        let mut schema = schemas
            .get(&name)
            .with_context(|| format!("there is no schema {name}"))?
            .clone();
        point_to_definitions(&mut schema, &mut wanted);
        definitions.insert(name, schema);
    }
    let Some(Value::Object(site)) = definitions.remove(named) else {
        anyhow::bail!("the schema {named} is no object");
    };
    let mut whole = Map::new();
    whole.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    whole.insert("title".to_owned(), json!(title));
    whole.extend(site);
    whole.insert("$defs".to_owned(), Value::Object(definitions));
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

fn name_of(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/components/schemas/")
}

fn point_to_definitions(schema: &mut Value, wanted: &mut Vec<String>) {
    match schema {
        Value::Object(parts) => {
            for (key, part) in parts {
                match part {
                    Value::String(reference) if key == "$ref" => {
                        if let Some(name) = name_of(reference).map(str::to_owned) {
                            *reference = format!("#/$defs/{name}");
                            wanted.push(name);
                        }
                    }
                    part => point_to_definitions(part, wanted),
                }
            }
        }
        Value::Array(parts) => parts
            .iter_mut()
            .for_each(|part| point_to_definitions(part, wanted)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_current() {
        let published = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/site.schema.json");
        let published = std::fs::read_to_string(published).unwrap_or_default();
        let made = site_file_schema(&control_plane::openapi_json()).unwrap();
        assert!(
            published == made,
            "docs/site.schema.json is not current: run `make prepare`"
        );
    }

    #[test]
    fn the_published_schema_of_a_plan_is_current() {
        let published = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/plan.schema.json");
        let published = std::fs::read_to_string(published).unwrap_or_default();
        assert!(
            published == plan_schema().unwrap(),
            "docs/plan.schema.json is not current: run `make prepare`"
        );
    }

    #[test]
    fn only_what_the_site_file_refers_to_is_taken_along() {
        let openapi = json!({
            "paths": {"/api/v1/sites": {"post": {"requestBody": {"content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/NewSite"}}}}}}},
            "components": {"schemas": {
                "NewSite": {"type": "object", "properties": {"size": {"$ref": "#/components/schemas/Size"}}},
                "Size": {"enum": ["small"]},
                "Problem": {"type": "object"},
            }},
        });
        let schema: Value = serde_json::from_str(&site_file_schema(&openapi.to_string()).unwrap()).unwrap();
        assert_eq!(schema["properties"]["size"]["$ref"], "#/$defs/Size");
        assert_eq!(schema["$defs"], json!({"Size": {"enum": ["small"]}}));
    }
}
