//! The data source `aws_iam_policy_document`: renders its statements as the JSON that IAM takes.
//!
//! After the real provider: one element of a list is written as a text, several in descending order; `&{…}` becomes
//! `${…}`; a statement with the sid of an earlier one replaces it.

use serde_json::{Map, Value as Json, json};

use crate::value::{Fields, Value};

/// The data source's name.
pub(crate) const TYPE_NAME: &str = "aws_iam_policy_document";

/// Fills `json`, `minified_json`, `id` and `version` from the statements in the configuration.
///
/// # Errors
/// A source or override document is no JSON policy; the text says which.
pub(crate) fn answer(fields: &mut Fields) -> Result<(), String> {
    let document = |fields: &Fields, name: &str| -> Result<Vec<Json>, String> {
        let texts = fields
            .get(name)
            .map(Value::elements)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::text);
        let mut statements = Vec::new();
        for (index, text) in texts.enumerate().filter(|(_, text)| !text.is_empty()) {
            let document: Json = serde_json::from_str(text)
                .map_err(|error| format!("{name}[{index}] is no JSON policy: {error}"))?;
            match &document["Statement"] {
                Json::Array(all) => statements.extend(all.iter().cloned()),
                Json::Null => {}
                one => statements.push(one.clone()),
            }
        }
        Ok(statements)
    };
    let mut statements: Vec<Json> = Vec::new();
    let own = fields
        .get("statement")
        .map(Value::elements)
        .unwrap_or_default()
        .iter()
        .map(statement);
    for new in document(fields, "source_policy_documents")?
        .into_iter()
        .chain(own)
        .chain(document(fields, "override_policy_documents")?)
    {
        let same = |old: &&mut Json| old.get("Sid").is_some() && old.get("Sid") == new.get("Sid");
        match statements.iter_mut().find(same) {
            Some(old) => *old = new,
            None => statements.push(new),
        }
    }
    let version = fields
        .get("version")
        .and_then(Value::text)
        .unwrap_or("2012-10-17")
        .to_owned();
    let mut policy = Map::new();
    policy.insert("Version".to_owned(), json!(version));
    if let Some(id) = fields.get("policy_id").and_then(Value::text) {
        policy.insert("Id".to_owned(), json!(id));
    }
    policy.insert("Statement".to_owned(), json!(statements));
    let policy = Json::Object(policy);
    let pretty = serde_json::to_string_pretty(&policy).expect("a policy has text keys only");
    let mut crc = flate2::Crc::new();
    crc.update(pretty.as_bytes());
    fields.insert("id".to_owned(), Value::String(crc.sum().to_string()));
    fields.insert("json".to_owned(), Value::String(pretty));
    fields.insert("minified_json".to_owned(), Value::String(policy.to_string()));
    fields.insert("version".to_owned(), Value::String(version));
    Ok(())
}

fn statement(block: &Value) -> Json {
    let mut statement = Map::new();
    if let Some(sid) = block.field("sid").text().filter(|sid| !sid.is_empty()) {
        statement.insert("Sid".to_owned(), json!(sid));
    }
    statement.insert(
        "Effect".to_owned(),
        json!(block.field("effect").text().unwrap_or("Allow")),
    );
    for (name, key) in [
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        if let Some(texts) = one_or_many(block.field(name)) {
            statement.insert(key.to_owned(), texts);
        }
    }
    for (name, key) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        if let Some(principals) = principals(block.field(name).elements()) {
            statement.insert(key.to_owned(), principals);
        }
    }
    let mut conditions: Map<String, Json> = Map::new();
    for condition in block.field("condition").elements() {
        let (Some(test), Some(variable)) =
            (condition.field("test").text(), condition.field("variable").text())
        else {
            continue; // both are required by the schema
        };
        let variables = conditions.entry(test.to_owned()).or_insert_with(|| json!({}));
        variables[variable] = one_or_many(condition.field("values")).unwrap_or_else(|| json!([]));
    }
    if !conditions.is_empty() {
        statement.insert("Condition".to_owned(), Json::Object(conditions));
    }
    Json::Object(statement)
}

/// One text as itself, several as a list in descending order, none as nothing.
fn one_or_many(texts: &Value) -> Option<Json> {
    let mut texts: Vec<String> = texts
        .elements()
        .iter()
        .filter_map(Value::text)
        .map(|text| text.replace("&{", "${"))
        .collect();
    texts.sort_by(|a, b| b.cmp(a));
    match texts.as_slice() {
        [] => None,
        [one] => Some(json!(one)),
        many => Some(json!(many)),
    }
}

fn principals(blocks: &[Value]) -> Option<Json> {
    let mut by_type: Map<String, Json> = Map::new();
    for block in blocks {
        let Some(kind) = block.field("type").text() else {
            continue;
        }; // required by the schema
        let identifiers = one_or_many(block.field("identifiers")).unwrap_or_else(|| json!([]));
        if kind == "*" && identifiers == json!("*") {
            return Some(json!("*"));
        }
        by_type.insert(kind.to_owned(), identifiers);
    }
    (!by_type.is_empty()).then_some(Json::Object(by_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(config: Json) -> Json {
        let Value::Map(mut fields) = Value::from_json(&config) else {
            panic!("an object")
        };
        answer(&mut fields).unwrap();
        serde_json::from_str(fields["json"].text().unwrap()).unwrap()
    }

    #[test]
    fn a_statement_is_rendered_as_iam_takes_it() {
        let policy = rendered(json!({"statement": [{
            "sid": "TLSOnly", "effect": "Deny", "actions": ["s3:*"],
            "resources": ["arn:aws:s3:::b", "arn:aws:s3:::b/&{aws:username}"],
            "principals": [{"type": "*", "identifiers": ["*"]}],
            "condition": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}],
        }]}));
        assert_eq!(
            policy,
            json!({"Version": "2012-10-17", "Statement": [{
                "Sid": "TLSOnly", "Effect": "Deny", "Action": "s3:*",
                "Resource": ["arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b"], "Principal": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }]})
        );
    }

    #[test]
    fn a_later_statement_with_the_same_sid_replaces_the_earlier() {
        let source = json!({"Statement": [{"Sid": "a", "Effect": "Allow", "Action": "x"}]}).to_string();
        let policy = rendered(json!({
            "source_policy_documents": [source],
            "statement": [{"sid": "a", "actions": ["y"], "principals": [{"type": "Service", "identifiers": ["ec2"]}]}],
        }));
        assert_eq!(
            policy["Statement"],
            json!([{"Sid": "a", "Effect": "Allow", "Action": "y", "Principal": {"Service": "ec2"}}])
        );
    }
}
