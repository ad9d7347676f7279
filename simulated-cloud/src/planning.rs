//! What a plan says: core's proposal, with everything that the cloud decides marked as known after apply.
//!
//! Plans nothing for attributes that are not computed: Terraform refuses that, so defaults of the real provider which
//! its schema doesn't show stay null.

use crate::{
    facts::{Recomputed, ResourceFacts},
    schema::{Block, Kind, Nesting},
    value::{Fields, Value},
};

/// The planned state for core's `proposed` state.
pub(crate) fn plan(
    block: &Block,
    facts: Option<&ResourceFacts>,
    proposed: &Value,
    prior: &Value,
    default_tags: &Fields,
) -> Value {
    let mut planned = plan_block(block, proposed, prior);
    if let Value::Map(fields) = &mut planned {
        follow_tags(block, fields, default_tags);
        if let (Some(facts), Some(prior)) = (facts, prior.fields()) {
            recompute(facts, fields, prior);
        }
    }
    planned
}

/// The attributes whose change asks for a new resource.
pub(crate) fn replacing_attributes(replaces: &[&str], planned: &Value, prior: &Value) -> Vec<String> {
    let (Some(planned), Some(prior)) = (planned.fields(), prior.fields()) else {
        return Vec::new();
    };
    let changed = |name: &&&str| planned.get(**name) != prior.get(**name);
    replaces
        .iter()
        .filter(changed)
        .map(|name| (*name).to_owned())
        .collect()
}

fn plan_block(block: &Block, proposed: &Value, prior: &Value) -> Value {
    let Value::Map(fields) = proposed else {
        return proposed.clone();
    };
    let mut planned = Fields::new();
    for (name, attribute) in &block.attributes {
        let value = fields.get(name).unwrap_or(&Value::Null);
        let value = match &attribute.kind {
            _ if attribute.write_only => Value::Null,
            _ if value.is_null() && attribute.computed && prior.is_null() => Value::Unknown,
            Kind::Nested(nesting, inner) => plan_nested(*nesting, inner, value, prior.field(name)),
            Kind::Plain(_) => value.clone(),
        };
        planned.insert(name.clone(), value);
    }
    for (name, nested) in &block.blocks {
        let value = fields.get(name).unwrap_or(&Value::Null);
        planned.insert(
            name.clone(),
            plan_nested(nested.nesting, &nested.block, value, prior.field(name)),
        );
    }
    Value::Map(planned)
}

fn plan_nested(nesting: Nesting, block: &Block, value: &Value, prior: &Value) -> Value {
    match (nesting, value) {
        (Nesting::Single | Nesting::Group, Value::Map(_)) => plan_block(block, value, prior),
        (Nesting::List, Value::List(elements)) => {
            let prior = prior.elements();
            let planned = elements.iter().enumerate();
            Value::List(
                planned
                    .map(|(i, e)| plan_block(block, e, prior.get(i).unwrap_or(&Value::Null)))
                    .collect(),
            )
        }
        // Core can't pair elements of a set that hold computed attributes; unpaired, each plan would show a change.
        (Nesting::Set, Value::List(elements)) => {
            let paired = |wanted: &Value| {
                prior
                    .elements()
                    .iter()
                    .find(|had| becomes(block, wanted, had))
                    .cloned()
            };
            let plan_element = |e: &Value| paired(e).unwrap_or_else(|| plan_block(block, e, &Value::Null));
            Value::List(elements.iter().map(plan_element).collect())
        }
        (Nesting::Map, Value::Map(elements)) => {
            let planned = elements
                .iter()
                .map(|(key, e)| (key.clone(), plan_block(block, e, prior.field(key))));
            Value::Map(planned.collect())
        }
        _ => value.clone(),
    }
}

/// Whether `had`, an element of the prior set, is what `wanted` becomes once the cloud has filled it in.
fn becomes(block: &Block, wanted: &Value, had: &Value) -> bool {
    let attribute_fits = |name: &String, computed: bool| {
        wanted.field(name) == had.field(name) || computed && wanted.field(name).is_null()
    };
    let block_fits =
        |name: &String, nesting: Nesting, inner: &Block| match (wanted.field(name), had.field(name)) {
            (Value::List(wanted), Value::List(had)) if wanted.len() != had.len() => false,
            (Value::List(wanted), Value::List(had)) if nesting == Nesting::List => wanted
                .iter()
                .zip(had)
                .all(|(wanted, had)| becomes(inner, wanted, had)),
            (Value::List(wanted), Value::List(had)) => wanted
                .iter()
                .all(|wanted| had.iter().any(|had| becomes(inner, wanted, had))),
            (wanted @ Value::Map(_), had @ Value::Map(_)) if nesting != Nesting::Map => {
                becomes(inner, wanted, had)
            }
            (wanted, had) => wanted == had,
        };
    wanted == had
        || block
            .attributes
            .iter()
            .all(|(name, attribute)| attribute_fits(name, attribute.computed))
            && block
                .blocks
                .iter()
                .all(|(name, nested)| block_fits(name, nested.nesting, &nested.block))
}

/// Every tag of a resource is its own and the provider block's default ones, as each provider names them.
fn follow_tags(block: &Block, planned: &mut Fields, default_tags: &Fields) {
    for (all, own) in [
        ("tags_all", "tags"),
        ("effective_labels", "labels"),
        ("terraform_labels", "labels"),
    ] {
        if !block.attributes.contains_key(all) || !block.attributes.contains_key(own) {
            continue;
        }
        let tags = match planned.get(own) {
            Some(Value::Unknown) => Value::Unknown,
            Some(Value::Map(tags)) => {
                let mut merged = default_tags.clone();
                merged.extend(tags.clone());
                Value::Map(merged)
            }
            _ => Value::Map(default_tags.clone()),
        };
        planned.insert(all.to_owned(), tags);
    }
}

/// What the cloud decides anew when another attribute changes.
fn recompute(facts: &ResourceFacts, planned: &mut Fields, prior: &Fields) {
    for (attribute, when) in facts.recomputed {
        let changes = |name: &str| planned.get(name) != prior.get(name);
        let any_but = |spared: &[&str]| {
            planned
                .keys()
                .any(|name| !spared.contains(&name.as_str()) && changes(name))
        };
        let again = match when {
            Recomputed::WithAnyBut(spared) => any_but(spared),
            Recomputed::WithAnyButWhile(spared, switch) => {
                any_but(spared) && planned.get(*switch) == Some(&Value::Bool(true))
            }
            Recomputed::With(name) => changes(name),
        };
        if again {
            planned.insert((*attribute).to_owned(), Value::Unknown);
        }
    }
}
