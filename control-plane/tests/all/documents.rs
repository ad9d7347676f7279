//! The OpenAPI document.

use control_plane::{Access, OPERATIONS};
use serde_json::Value;

use crate::stage::Stage;

#[tokio::test]
async fn the_served_document_is_the_one_that_is_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == control_plane::openapi_json(),
        "openapi.json is not current: run `make prepare`"
    );
    let stage = Stage::new().await;
    assert_eq!(stage.get("", "/openapi.json").await.text, checked_in);
}

#[test]
fn every_reference_in_the_document_leads_somewhere_and_every_operation_has_an_id() {
    let document: Value = serde_json::from_str(&control_plane::openapi_json()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut stack = vec![&document];
    let mut references = 0;
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                    references += 1;
                }
                stack.extend(fields.values());
            }
            Value::Array(list) => stack.extend(list),
            _ => {}
        }
    }
    assert!(references > 50, "{references}");
    let mut ids: Vec<String> = crate::authorization::operations()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn every_operation_under_api_asks_for_a_token_and_says_how_it_refuses() {
    for (id, operation) in crate::authorization::operations() {
        let responses = operation["responses"].as_object().unwrap();
        // An answer by `default` would say nothing: every status is named.
        assert!(!responses.contains_key("default"), "{id}");
        let open = OPERATIONS.contains(&(id.as_str(), Access::Open));
        let expected: &[&str] = if open { &["500"] } else { &["401", "403", "500"] };
        for status in expected {
            let problem = &responses[*status]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{id} {status}");
        }
        assert_eq!(operation["security"].is_array(), !open, "{id}");
    }
}
