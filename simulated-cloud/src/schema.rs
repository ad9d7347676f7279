//! Recorded schemas (`terraform providers schema -json`) as types, and as the messages that Terraform gets.
//!
//! Also brings JSON into the exact form that a schema asks for; says nothing about what a cloud does.

use std::{collections::BTreeMap, io::Read};

use serde_json::Value as Json;

use crate::{
    protocol,
    value::{Fields, Value},
};

/// The type of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    String,
    Number,
    Bool,
    Dynamic,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Object(BTreeMap<String, Type>),
    Tuple(Vec<Type>),
}

/// How blocks of one name are held together; the numbers are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Nesting {
    Single = 1,
    List = 2,
    Set = 3,
    Map = 4,
    Group = 5,
}

/// What an attribute holds.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A value of one type.
    Plain(Type),
    /// An object with a schema of its own.
    Nested(Nesting, Block),
}

/// One attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) kind: Kind,
    pub(crate) optional: bool,
    pub(crate) computed: bool,
    pub(crate) sensitive: bool,
    pub(crate) write_only: bool,
}

/// Blocks of one name within a block.
#[derive(Debug)]
pub(crate) struct NestedBlock {
    pub(crate) nesting: Nesting,
    pub(crate) block: Block,
}

/// Attributes and nested blocks.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) blocks: BTreeMap<String, NestedBlock>,
}

/// The schema of a resource type or data source, in both forms.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) block: Block,
    pub(crate) message: protocol::Schema,
}

/// Every schema of one provider.
#[derive(Debug)]
pub(crate) struct ProviderSchemas {
    pub(crate) provider: protocol::Schema,
    pub(crate) resources: BTreeMap<String, Schema>,
    pub(crate) data_sources: BTreeMap<String, Schema>,
}

/// Why an extract can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("the schema extract is no gzip")]
    Gzip(#[source] std::io::Error),
    #[error("the schema extract is no JSON")]
    Json(#[source] serde_json::Error),
    #[error("the schema extract has no provider")]
    Empty,
}

impl ProviderSchemas {
    /// Reads a gzipped extract: the form of `terraform providers schema -json`, with one provider.
    pub(crate) fn from_gzip(extract: &[u8]) -> Result<ProviderSchemas, SchemaError> {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(extract)
            .read_to_end(&mut text)
            .map_err(SchemaError::Gzip)?;
        let json: Json = serde_json::from_slice(&text).map_err(SchemaError::Json)?;
        let provider = json["provider_schemas"]
            .as_object()
            .and_then(|providers| providers.values().next())
            .ok_or(SchemaError::Empty)?;
        let all = |kind: &str| {
            let schemas = provider[kind].as_object().into_iter().flatten();
            schemas.map(|(name, json)| (name.clone(), schema(json))).collect()
        };
        Ok(ProviderSchemas {
            provider: schema(&provider["provider"]).message,
            resources: all("resource_schemas"),
            data_sources: all("data_source_schemas"),
        })
    }
}

fn type_of(json: &Json) -> Type {
    let inner = |json: &Json| Box::new(type_of(json));
    match json {
        Json::String(name) => match name.as_str() {
            "string" => Type::String,
            "number" => Type::Number,
            "bool" => Type::Bool,
            _ => Type::Dynamic,
        },
        Json::Array(parts) => match (parts.first().and_then(Json::as_str), parts.get(1)) {
            (Some("list"), Some(element)) => Type::List(inner(element)),
            (Some("set"), Some(element)) => Type::Set(inner(element)),
            (Some("map"), Some(element)) => Type::Map(inner(element)),
            (Some("tuple"), Some(Json::Array(elements))) => {
                Type::Tuple(elements.iter().map(type_of).collect())
            }
            (Some("object"), Some(Json::Object(fields))) => Type::Object(
                fields
                    .iter()
                    .map(|(name, json)| (name.clone(), type_of(json)))
                    .collect(),
            ),
            _ => Type::Dynamic,
        },
        _ => Type::Dynamic,
    }
}

fn nesting(json: &Json) -> Nesting {
    match json.as_str() {
        Some("list") => Nesting::List,
        Some("set") => Nesting::Set,
        Some("map") => Nesting::Map,
        Some("group") => Nesting::Group,
        _ => Nesting::Single,
    }
}

fn attributes(json: &Json) -> (BTreeMap<String, Attribute>, Vec<protocol::SchemaAttribute>) {
    let mut attributes = BTreeMap::new();
    let mut messages = Vec::new();
    for (name, json) in json.as_object().into_iter().flatten() {
        let flag = |key: &str| json[key].as_bool().unwrap_or(false);
        let mut message = protocol::SchemaAttribute {
            name: name.clone(),
            required: flag("required"),
            optional: flag("optional"),
            computed: flag("computed"),
            sensitive: flag("sensitive"),
            deprecated: flag("deprecated"),
            write_only: flag("write_only"),
            ..Default::default()
        };
        let kind = if let Some(nested) = json.get("nested_type") {
            let (inner, inner_messages) = self::attributes(&nested["attributes"]);
            let nesting = nesting(&nested["nesting_mode"]);
            message.nested_type = Some(protocol::SchemaObject {
                attributes: inner_messages,
                nesting: nesting as i32,
            });
            Kind::Nested(
                nesting,
                Block {
                    attributes: inner,
                    blocks: BTreeMap::new(),
                },
            )
        } else {
            message.type_json = json["type"].to_string().into_bytes();
            Kind::Plain(type_of(&json["type"]))
        };
        let attribute = Attribute {
            kind,
            optional: message.optional,
            computed: message.computed,
            sensitive: message.sensitive,
            write_only: message.write_only,
        };
        attributes.insert(name.clone(), attribute);
        messages.push(message);
    }
    (attributes, messages)
}

fn block(json: &Json) -> (Block, protocol::SchemaBlock) {
    let (attributes, attribute_messages) = attributes(&json["attributes"]);
    let mut block = Block {
        attributes,
        blocks: BTreeMap::new(),
    };
    let mut message = protocol::SchemaBlock {
        attributes: attribute_messages,
        deprecated: json["deprecated"].as_bool().unwrap_or(false),
        ..Default::default()
    };
    for (name, json) in json["block_types"].as_object().into_iter().flatten() {
        let (inner, inner_message) = self::block(&json["block"]);
        let nesting = nesting(&json["nesting_mode"]);
        message.block_types.push(protocol::SchemaNestedBlock {
            type_name: name.clone(),
            block: Some(inner_message),
            nesting: nesting as i32,
            min_items: json["min_items"].as_i64().unwrap_or(0),
            max_items: json["max_items"].as_i64().unwrap_or(0),
        });
        block.blocks.insert(
            name.clone(),
            NestedBlock {
                nesting,
                block: inner,
            },
        );
    }
    (block, message)
}

fn schema(json: &Json) -> Schema {
    let (block, message) = block(&json["block"]);
    let version = json["version"].as_i64().unwrap_or(0);
    Schema {
        block,
        message: protocol::Schema {
            version,
            block: Some(message),
        },
    }
}

impl Block {
    /// JSON as a value of exactly this schema's type: missing attributes are null, foreign ones dropped.
    pub(crate) fn conform(&self, json: &Json) -> Value {
        if json.is_null() {
            return Value::Null;
        }
        let mut fields = Fields::new();
        for (name, attribute) in &self.attributes {
            let value = match &attribute.kind {
                Kind::Plain(plain) => plain.conform(&json[name]),
                Kind::Nested(nesting, inner) => inner.conform_all(*nesting, &json[name], Value::Null),
            };
            fields.insert(name.clone(), value);
        }
        for (name, nested) in &self.blocks {
            let absent = match nested.nesting {
                Nesting::List | Nesting::Set => Value::List(Vec::new()),
                Nesting::Map => Value::Map(Fields::new()),
                Nesting::Single | Nesting::Group => Value::Null,
            };
            fields.insert(
                name.clone(),
                nested.block.conform_all(nested.nesting, &json[name], absent),
            );
        }
        Value::Map(fields)
    }

    fn conform_all(&self, nesting: Nesting, json: &Json, absent: Value) -> Value {
        match (nesting, json) {
            (Nesting::List | Nesting::Set, Json::Array(elements)) => {
                Value::List(elements.iter().map(|element| self.conform(element)).collect())
            }
            (Nesting::Map, Json::Object(elements)) => Value::Map(
                elements
                    .iter()
                    .map(|(key, element)| (key.clone(), self.conform(element)))
                    .collect(),
            ),
            (Nesting::Single | Nesting::Group, Json::Object(_)) => self.conform(json),
            _ => absent,
        }
    }

    /// The value of an empty block: every attribute null, every nested block absent.
    pub(crate) fn empty(&self) -> Value {
        self.conform(&Json::Object(serde_json::Map::new()))
    }
}

impl Type {
    fn conform(&self, json: &Json) -> Value {
        match (self, json) {
            (_, Json::Null) => Value::Null,
            (Type::List(element) | Type::Set(element), Json::Array(elements)) => {
                Value::List(elements.iter().map(|json| element.conform(json)).collect())
            }
            (Type::Map(element), Json::Object(elements)) => Value::Map(
                elements
                    .iter()
                    .map(|(key, json)| (key.clone(), element.conform(json)))
                    .collect(),
            ),
            (Type::Object(types), Json::Object(_)) => Value::Map(
                types
                    .iter()
                    .map(|(name, of)| (name.clone(), of.conform(&json[name])))
                    .collect(),
            ),
            (Type::Dynamic, Json::Object(pair))
                if pair.contains_key("type") && pair.contains_key("value") =>
            {
                Value::List(vec![
                    Value::Bytes(json["type"].to_string().into_bytes()),
                    Value::from_json(&json["value"]),
                ])
            }
            _ => Value::from_json(json),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_takes_the_form_of_the_schema() {
        let json = serde_json::json!({"block": {
            "attributes": {"id": {"type": "string", "computed": true}, "tags": {"type": ["map", "string"]}},
            "block_types": {
                "rule": {"nesting_mode": "set", "block": {"attributes": {"port": {"type": "number"}}}},
                "timeouts": {"nesting_mode": "single", "block": {"attributes": {}}},
            },
        }});
        let value = schema(&json)
            .block
            .conform(&serde_json::json!({"id": "a", "foreign": 1, "rule": [{"port": 80}]}));
        assert_eq!(
            value.to_json(),
            serde_json::json!({"id": "a", "tags": null, "rule": [{"port": 80}], "timeouts": null})
        );
        assert_eq!(
            schema(&json).block.empty().to_json()["rule"],
            serde_json::json!([])
        );
    }
}
