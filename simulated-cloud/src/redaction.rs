//! Keeps secrets out of the store: in place of a secret lies its digest, enough to see that it was changed.
//!
//! A secret is what the schema calls sensitive, and what the provider's facts name beside that: an attribute, or one
//! key of a map (`metadata.user-data`).

use serde_json::Value as Json;

use crate::{
    schema::{Block, Kind},
    template::Seed,
    value::{Fields, Value},
};

const MARK: &str = "sha256:";

/// The digest that stands for a secret. The value's kind is part of it, its owner is not.
fn digest(secret: &Value) -> Value {
    if secret.is_null() {
        return Value::Null;
    }
    let text = secret
        .text()
        .map_or_else(|| secret.to_json().to_string(), ToOwned::to_owned);
    Value::String(format!("{MARK}{}", sha256(text.as_bytes())))
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    crate::template::hex(&Sha256::digest(bytes))
}

/// The state as it may lie in the store.
pub(crate) fn redact(block: &Block, secret_names: &[&str], state: &Value) -> Value {
    let Value::Map(fields) = state else {
        return state.clone();
    };
    let mut redacted = Fields::new();
    for (name, value) in fields {
        let value = match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(attribute), _) if attribute.sensitive || secret_names.contains(&name.as_str()) => {
                digest(value)
            }
            (Some(attribute), _) => match &attribute.kind {
                Kind::Nested(_, inner) => redact_nested(inner, secret_names, value),
                Kind::Plain(_) => redact_keys(name, secret_names, value),
            },
            (None, Some(nested)) => redact_nested(&nested.block, secret_names, value),
            (None, None) => value.clone(),
        };
        redacted.insert(name.clone(), value);
    }
    Value::Map(redacted)
}

fn redact_nested(block: &Block, secret_names: &[&str], value: &Value) -> Value {
    match value {
        Value::List(elements) => Value::List(
            elements
                .iter()
                .map(|element| redact(block, secret_names, element))
                .collect(),
        ),
        value => redact(block, secret_names, value),
    }
}

/// Whether that key of a map is named as a secret (`metadata.user-data`).
fn is_secret_key(attribute: &str, secret_names: &[&str], key: &str) -> bool {
    let mut keys = secret_names.iter().filter_map(|name| name.split_once('.'));
    keys.any(|named| named == (attribute, key))
}

/// A map with digests in place of those of its values that are secret; any other value as it is.
fn redact_keys(attribute: &str, secret_names: &[&str], value: &Value) -> Value {
    let Value::Map(entries) = value else {
        return value.clone();
    };
    let redacted = entries.iter().map(|(key, value)| {
        let value = match is_secret_key(attribute, secret_names, key) {
            true => digest(value),
            false => value.clone(),
        };
        (key.clone(), value)
    });
    Value::Map(redacted.collect())
}

/// The stored state as Terraform shall see it: where a digest is that of the secret which Terraform still holds in
/// `current`, the secret; else, where it is a plain text, what is stored, so that a plan shows the change.
pub(crate) fn restore(block: &Block, secret_names: &[&str], stored: &Json, current: &Value) -> Value {
    // A digest is a text also where the secret is none; conforming leaves it as it is.
    restore_block(block, secret_names, &block.conform(stored), current)
}

fn restore_block(block: &Block, secret_names: &[&str], stored: &Value, current: &Value) -> Value {
    if redact(block, secret_names, current) == *stored {
        return current.clone();
    }
    let Value::Map(fields) = stored else {
        return stored.clone();
    };
    let mut restored = Fields::new();
    for (name, value) in fields {
        let held = current.field(name);
        let value = match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(attribute), _) if attribute.sensitive || secret_names.contains(&name.as_str()) => {
                let is_text = matches!(&attribute.kind, Kind::Plain(crate::schema::Type::String));
                match value.text() {
                    _ if digest(held) == *value => held.clone(),
                    // Terraform holds none, as after an import: the cloud never shows it again.
                    Some(text) if held.is_null() && is_digest(text) => Value::Null,
                    _ if is_text => value.clone(),
                    _ => Value::Null,
                }
            }
            (Some(attribute), _) => match &attribute.kind {
                Kind::Nested(_, inner) => restore_nested(inner, secret_names, value, held),
                Kind::Plain(_) => restore_keys(name, secret_names, value, held),
            },
            (None, Some(nested)) => restore_nested(&nested.block, secret_names, value, held),
            (None, None) => value.clone(),
        };
        restored.insert(name.clone(), value);
    }
    Value::Map(restored)
}

fn restore_nested(block: &Block, secret_names: &[&str], stored: &Value, held: &Value) -> Value {
    match stored {
        // The element that Terraform holds is the one with the same digests, else (a list) the one at the same place.
        Value::List(elements) => {
            let restored = elements.iter().enumerate().map(|(index, element)| {
                let same = held
                    .elements()
                    .iter()
                    .find(|held| redact(block, secret_names, held) == *element);
                let held = same
                    .or_else(|| held.elements().get(index))
                    .unwrap_or(&Value::Null);
                restore_block(block, secret_names, element, held)
            });
            Value::List(restored.collect())
        }
        stored => restore_block(block, secret_names, stored, held),
    }
}

/// A stored map as Terraform shall see it; a secret that Terraform doesn't hold is left out.
fn restore_keys(attribute: &str, secret_names: &[&str], stored: &Value, held: &Value) -> Value {
    let Value::Map(entries) = stored else {
        return stored.clone();
    };
    let restored = entries.iter().filter_map(|(key, value)| {
        let held = held.field(key);
        let value = match is_secret_key(attribute, secret_names, key) {
            true if held.is_null() && value.text().is_none_or(is_digest) => return None,
            true if digest(held) == *value => held.clone(),
            _ => value.clone(),
        };
        Some((key.clone(), value))
    });
    Value::Map(restored.collect())
}

/// The stored state for an import: Terraform holds no secret yet, so each is absent, as from a cloud that never shows
/// it again.
pub(crate) fn without_secrets(block: &Block, secret_names: &[&str], stored: &Json) -> Value {
    let mut json = stored.clone();
    blank(&mut json);
    restore(block, secret_names, &json, &Value::Null)
}

fn blank(json: &mut Json) {
    match json {
        Json::String(text) if is_digest(text) => *json = Json::Null,
        Json::Array(elements) => elements.iter_mut().for_each(blank),
        Json::Object(fields) => fields.values_mut().for_each(blank),
        _ => {}
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix(MARK)
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A digest that tells one text from another, for names of files.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> String {
    Seed::from_parts(parts).hex(32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::schema::{Attribute, NestedBlock, Nesting, Type};

    fn text_attribute(sensitive: bool) -> Attribute {
        let kind = Kind::Plain(Type::String);
        Attribute {
            kind,
            optional: true,
            computed: false,
            sensitive,
            write_only: false,
        }
    }

    fn block() -> Block {
        let attributes = || {
            BTreeMap::from([
                ("name".to_owned(), text_attribute(false)),
                ("password".to_owned(), text_attribute(true)),
                ("user_data".to_owned(), text_attribute(false)),
            ])
        };
        let inner = Block {
            attributes: attributes(),
            blocks: BTreeMap::new(),
        };
        let user = NestedBlock {
            nesting: Nesting::Set,
            block: inner,
        };
        Block {
            attributes: attributes(),
            blocks: BTreeMap::from([("user".to_owned(), user)]),
        }
    }

    fn state() -> Value {
        let json = serde_json::json!({
            "name": "web", "password": "hunter2", "user_data": "key=hunter2",
            "user": [{"name": "a", "password": "hunter2"}, {"name": "b", "password": "hunter2"}],
        });
        block().conform(&json)
    }

    #[test]
    fn no_secret_is_stored_and_terraform_reads_back_its_own() {
        let stored = redact(&block(), &["user_data"], &state()).to_json();
        assert!(!stored.to_string().contains("hunter2"), "{stored}");
        assert_eq!(restore(&block(), &["user_data"], &stored, &state()), state());
    }

    #[test]
    fn a_secret_changed_in_the_store_is_a_change_and_the_others_stay() {
        let mut stored = redact(&block(), &["user_data"], &state()).to_json();
        stored["password"] = "sha256:other".into();
        stored["user"][0]["name"] = "renamed".into();
        let read = restore(&block(), &["user_data"], &stored, &state()).to_json();
        assert_eq!(read["password"], "sha256:other");
        assert_eq!(read["user_data"], "key=hunter2");
        assert_eq!(read["user"][0]["name"], "renamed");
        assert_eq!(read["user"][1]["password"], "hunter2");
    }

    #[test]
    fn an_import_has_no_secret_and_no_digest() {
        let stored = redact(&block(), &["user_data"], &state()).to_json();
        let read = without_secrets(&block(), &["user_data"], &stored).to_json();
        assert_eq!(read["name"], "web");
        assert_eq!(read["password"], Json::Null);
        assert_eq!(read["user"][1]["password"], Json::Null);
        let imported = without_secrets(&block(), &["user_data"], &stored);
        assert_eq!(
            restore(&block(), &["user_data"], &stored, &imported).to_json()["password"],
            Json::Null
        );
    }

    #[test]
    fn of_a_map_only_the_named_keys_are_secret() {
        let secrets = ["metadata.user-data"];
        let metadata = Attribute {
            kind: Kind::Plain(Type::Map(Box::new(Type::String))),
            ..text_attribute(false)
        };
        let block = Block {
            attributes: BTreeMap::from([("metadata".to_owned(), metadata)]),
            blocks: BTreeMap::new(),
        };
        let state = block
            .conform(&serde_json::json!({"metadata": {"user-data": "hunter2", "enable-oslogin": "TRUE"}}));
        let mut stored = redact(&block, &secrets, &state).to_json();
        assert!(!stored.to_string().contains("hunter2"), "{stored}");
        assert_eq!(stored["metadata"]["enable-oslogin"], "TRUE");
        assert_eq!(restore(&block, &secrets, &stored, &state), state);
        assert_eq!(
            without_secrets(&block, &secrets, &stored).to_json()["metadata"],
            serde_json::json!({"enable-oslogin": "TRUE"})
        );

        stored["metadata"]["enable-oslogin"] = "FALSE".into();
        let read = restore(&block, &secrets, &stored, &state).to_json();
        assert_eq!(
            read["metadata"],
            serde_json::json!({"user-data": "hunter2", "enable-oslogin": "FALSE"})
        );
    }
}
