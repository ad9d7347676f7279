//! Which objects differ between two states of one site.

use std::collections::BTreeMap;

use crate::terraform_state::{Resource, TerraformState};

/// The addresses that differ, each list sorted. A deposed object stands as `address (deposed key)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDiff {
    /// Only in the later state.
    pub added: Vec<String>,
    /// Only in the earlier state.
    pub removed: Vec<String>,
    /// In both, with other attributes, or tainted in only one.
    pub changed: Vec<String>,
}

impl StateDiff {
    /// Whether both states know the same objects with the same attributes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Compares the managed objects of two states; data sources don't exist because of a state and are left out.
pub fn diff(before: &TerraformState, after: &TerraformState) -> StateDiff {
    let (before, after) = (by_name(before), by_name(after));
    let missing_from = |other: &BTreeMap<String, &Resource>, these: &BTreeMap<String, &Resource>| {
        these
            .keys()
            .filter(|name| !other.contains_key(*name))
            .cloned()
            .collect()
    };
    StateDiff {
        added: missing_from(&before, &after),
        removed: missing_from(&after, &before),
        changed: before
            .iter()
            .filter(|(name, resource)| after.get(*name).is_some_and(|later| differs(resource, later)))
            .map(|(name, _)| name.clone())
            .collect(),
    }
}

fn by_name(state: &TerraformState) -> BTreeMap<String, &Resource> {
    let name = |resource: &Resource| match &resource.deposed {
        None => resource.address.clone(),
        Some(key) => format!("{} (deposed {key})", resource.address),
    };
    state
        .managed()
        .map(|resource| (name(resource), resource))
        .collect()
}

fn differs(before: &Resource, after: &Resource) -> bool {
    before.attributes != after.attributes
        || before.tainted != after.tainted
        || before.provider != after.provider
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(instances: &[(&str, Value)]) -> TerraformState {
        let block = |(mode, instance): &(&str, Value)| json!({"mode": mode, "type": "t", "name": "n", "provider": "provider[\"p\"]", "instances": [instance]});
        let resources: Vec<Value> = instances.iter().map(block).collect();
        let file = json!({
            "version": 4, "lineage": "l", "serial": 1, "terraform_version": "1.11.4", "resources": resources,
        });
        TerraformState::parse(file.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn added_removed_changed_tainted_and_deposed_objects_are_listed_and_data_sources_are_not() {
        let object =
            |key: u8, attributes: Value| ("managed", json!({"index_key": key, "attributes": attributes}));
        let before = state(&[
            object(0, json!({"id": "same"})),
            object(1, json!({"id": "gone"})),
            object(2, json!({"id": "x", "size": 1})),
            object(3, json!({"id": "t"})),
            object(4, json!({"id": "replaced"})),
            ("data", json!({"attributes": {"time": 1}})),
        ]);
        let after = state(&[
            object(9, json!({"id": "new"})),
            object(0, json!({"id": "same"})),
            object(2, json!({"id": "x", "size": 2})),
            (
                "managed",
                json!({"index_key": 3, "status": "tainted", "attributes": {"id": "t"}}),
            ),
            (
                "managed",
                json!({"index_key": 4, "deposed": "0a1b2c3d", "attributes": {"id": "replaced"}}),
            ),
            object(4, json!({"id": "replaced"})),
            ("data", json!({"attributes": {"time": 2}})),
        ]);
        let expected = StateDiff {
            added: vec!["t.n[4] (deposed 0a1b2c3d)".into(), "t.n[9]".into()],
            removed: vec!["t.n[1]".into()],
            changed: vec!["t.n[2]".into(), "t.n[3]".into()],
        };
        assert_eq!(diff(&before, &after), expected);
        assert!(diff(&before, &before).is_empty());
    }
}
