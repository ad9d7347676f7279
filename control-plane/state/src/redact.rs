//! A state without its secrets.
//!
//! Terraform marks sensitive values by path, but only where it knows of them: a provider that echoes an input in
//! another attribute leaves the copy unmarked. So a text that contains a marked one is replaced too.
//! What is replaced too much is a nuisance; what is replaced too little is a leak.

use serde_json::Value;

use crate::terraform_state::{AttributePath, PathStep, Resource, TerraformState};

/// What stands in the place of a secret, in Terraform's own words.
pub const REDACTED: &str = "(sensitive value)";

/// Shorter texts are not looked for elsewhere: a sensitive `postgres` would blot out half of a state.
const SHORTEST_COPY: usize = 12;

impl TerraformState {
    /// The whole state file as JSON, without sensitive attributes, sensitive outputs, their copies, and the
    /// providers' opaque private data.
    pub fn redacted(&self) -> Value {
        let secrets = self.secrets();
        let mut document = self.document.clone();
        for output in document
            .get_mut("outputs")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flatten()
        {
            let sensitive = output.1.get("sensitive") == Some(&Value::Bool(true));
            if let Some(value) = output.1.get_mut("value") {
                if sensitive {
                    replace(value);
                }
                secrets.replace_copies(value);
            }
        }
        let blocks = document
            .get_mut("resources")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        let instances = blocks
            .filter_map(|block| block.get_mut("instances").and_then(Value::as_array_mut))
            .flatten()
            .filter_map(Value::as_object_mut);
        // The file's order is the order of `resources`.
        for (instance, resource) in instances.zip(&self.resources) {
            instance.remove("private");
            instance.remove("attributes_flat");
            instance.insert("attributes".into(), secrets.without(resource));
        }
        document
    }

    /// The resources, with the secrets in their attributes replaced.
    pub fn resources_without_secrets(&self) -> Vec<Resource> {
        let secrets = self.secrets();
        let redacted = |resource: &Resource| {
            let attributes = secrets.without(resource);
            let id = attributes.get("id").and_then(Value::as_str).map(str::to_owned);
            Resource {
                id,
                attributes,
                ..resource.clone()
            }
        };
        self.resources.iter().map(redacted).collect()
    }

    fn secrets(&self) -> Secrets {
        let mut texts = Vec::new();
        for output in self.outputs.iter().filter(|output| output.sensitive) {
            collect_texts(&output.value, &mut texts);
        }
        for resource in &self.resources {
            for path in &resource.sensitive {
                // What the path replaces is what it marks.
                visit(&mut resource.attributes.clone(), &path.0, &mut |secret| {
                    collect_texts(secret, &mut texts)
                });
            }
        }
        texts.sort_unstable();
        texts.dedup();
        Secrets { texts }
    }
}

/// The sensitive texts of one state that are long enough to be looked for.
struct Secrets {
    texts: Vec<String>,
}

impl Secrets {
    fn without(&self, resource: &Resource) -> Value {
        let mut attributes = resource.attributes.clone();
        for AttributePath(steps) in &resource.sensitive {
            visit(&mut attributes, steps, &mut replace);
        }
        self.replace_copies(&mut attributes);
        attributes
    }

    fn replace_copies(&self, value: &mut Value) {
        match value {
            Value::String(text) if self.texts.iter().any(|secret| text.contains(secret)) => replace(value),
            Value::Array(elements) => elements
                .iter_mut()
                .for_each(|element| self.replace_copies(element)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.replace_copies(field)),
            _ => {}
        }
    }
}

/// An absent value tells nothing, and that it is absent is worth knowing.
fn replace(value: &mut Value) {
    if !value.is_null() {
        *value = REDACTED.into();
    }
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= SHORTEST_COPY => texts.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|element| collect_texts(element, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect_texts(field, texts)),
        _ => {}
    }
}

/// Follows the steps and acts on the value at their end, or on the last one on the way if they lead nowhere.
fn visit(value: &mut Value, steps: &[PathStep], act: &mut dyn FnMut(&mut Value)) {
    let Some((step, rest)) = steps.split_first() else {
        return act(value);
    };
    // An attribute of dynamic type is written as {"value": …, "type": …}, and paths leave that out. A record of
    // value and type looks the same, so both readings are followed.
    let is_wrapper = value.as_object().is_some_and(|fields| {
        fields.len() == 2 && fields.contains_key("value") && fields.contains_key("type")
    });
    if is_wrapper && let Some(inner) = value.get_mut("value") {
        visit(inner, steps, act);
    }
    let next = match (step, &mut *value) {
        (PathStep::Name(name), Value::Object(fields)) => fields.get_mut(name),
        (PathStep::Index(index), Value::Array(elements)) => elements.get_mut(*index),
        _ => None,
    };
    match next {
        Some(next) => visit(next, rest, act),
        None if is_wrapper => {}
        None => act(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(attributes: &Value, sensitive: &Value) -> TerraformState {
        let file = json!({
            "version": 4, "lineage": "l", "serial": 1, "terraform_version": "1.11.4", "outputs": {},
            "resources": [{"mode": "managed", "type": "t", "name": "n", "provider": "provider[\"p\"]", "instances": [
                {"attributes": attributes, "sensitive_attributes": sensitive, "private": "b3BhcXVl"}
            ]}],
        });
        TerraformState::parse(file.to_string().as_bytes()).unwrap()
    }

    fn name(name: &str) -> Value {
        json!({"type": "get_attr", "value": name})
    }

    #[test]
    fn each_shape_of_path_hides_its_value_and_nothing_else() {
        let index =
            |value: Value, kind: &str| json!({"type": "index", "value": {"value": value, "type": kind}});
        for (attributes, path, expected) in [
            (
                json!({"a": "s", "b": "x"}),
                json!([name("a")]),
                json!({"a": REDACTED, "b": "x"}),
            ),
            (json!({"a": null}), json!([name("a")]), json!({"a": null})),
            (
                json!({"a": {"k": 5, "l": 6}}),
                json!([name("a"), index(json!("k"), "string")]),
                json!({"a": {"k": REDACTED, "l": 6}}),
            ),
            (
                json!({"a": [1, 2]}),
                json!([name("a"), index(json!(1), "number")]),
                json!({"a": [1, REDACTED]}),
            ),
            // A dynamic value stands in a wrapper that the path does not mention.
            (
                json!({"a": {"value": {"k": "s", "l": "x"}, "type": ["object", {"k": "string", "l": "string"}]}}),
                json!([name("a"), name("k")]),
                json!({"a": {"value": {"k": REDACTED, "l": "x"}, "type": ["object", {"k": "string", "l": "string"}]}}),
            ),
            // A record that only looks like a wrapper.
            (
                json!({"a": {"value": "s", "type": "TXT"}}),
                json!([name("a"), name("value")]),
                json!({"a": {"value": REDACTED, "type": "TXT"}}),
            ),
            // Into an element of a set: the whole set.
            (
                json!({"a": [{"k": "s"}]}),
                json!([name("a"), index(json!({"k": "s"}), "object"), name("k")]),
                json!({"a": REDACTED}),
            ),
            // A path that leads nowhere hides what it reached.
            (
                json!({"a": {"k": "s"}}),
                json!([name("a"), name("missing")]),
                json!({"a": REDACTED}),
            ),
        ] {
            let state = state(&attributes, &json!([path]));
            assert_eq!(
                state.resources_without_secrets()[0].attributes,
                expected,
                "{path}"
            );
            assert_eq!(
                state.redacted()["resources"][0]["instances"][0]["attributes"],
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn an_unmarked_copy_of_a_secret_is_hidden_wherever_it_stands() {
        let attributes = json!({
            "id": "db:correct-horse-battery", "password": "correct-horse-battery", "engine": "postgres",
            "url": "postgres://u:correct-horse-battery@host/db", "list": [{"copy": "correct-horse-battery"}],
        });
        let state = state(&attributes, &json!([[name("password")]]));
        let redacted = state.redacted();
        assert!(!redacted.to_string().contains("correct-horse"), "{redacted}");
        assert_eq!(
            redacted["resources"][0]["instances"][0]["attributes"]["engine"],
            "postgres"
        );
        assert_eq!(state.resources_without_secrets()[0].id.as_deref(), Some(REDACTED));
    }

    #[test]
    fn private_data_of_the_provider_is_left_out() {
        let redacted = state(&json!({"id": "1"}), &json!([])).redacted();
        assert_eq!(redacted["resources"][0]["instances"][0].get("private"), None);
    }

    #[test]
    fn a_real_state_keeps_nothing_of_its_secret() {
        let bytes = include_bytes!("fixtures/terraform-1.11.4.json");
        assert!(String::from_utf8_lossy(bytes).contains("hunter2-fixture"));
        let state = TerraformState::parse(bytes).unwrap();
        let redacted = state.redacted();
        assert!(!redacted.to_string().contains("hunter2"), "{redacted}");
        assert_eq!(redacted["outputs"]["password"]["value"], REDACTED);
        assert_eq!(
            redacted["outputs"]["address"],
            state.document["outputs"]["address"]
        );
        let db = state.resources_without_secrets();
        let db = db
            .iter()
            .find(|resource| resource.address == "module.site[0].terraform_data.db[1]")
            .unwrap();
        assert_eq!(db.attributes["input"]["value"]["username"], "admin");
        assert_eq!(db.attributes["input"]["value"]["password"], REDACTED);
        assert_eq!(
            db.attributes["output"]["value"]["nested"][0],
            json!({"name": "one", "token": REDACTED})
        );
        assert!(!format!("{state:?}").contains("hunter2"));
    }
}
