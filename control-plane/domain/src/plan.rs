//! What a plan would do, read from `terraform show -json`, and when a new plan may stand for an approved one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{price::CostChange, provider::Provider};

/// What a plan does to one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    /// Makes it.
    Create,
    /// Changes it in place.
    Update,
    /// Removes it and makes it anew.
    Replace,
    /// Removes it.
    Delete,
    /// Takes it into the state as it is.
    Import,
    /// Drops it from the state and leaves it in the cloud.
    Forget,
}

/// One resource that a plan touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedChange {
    /// Terraform's address, such as `module.site.module.networking.aws_vpc.this`.
    pub address: String,
    /// Terraform's type, such as `aws_vpc`.
    pub resource_type: String,
    /// What happens to it.
    pub action: PlannedAction,
    /// Whether it is taken into the state first.
    #[serde(default)]
    pub importing: bool,
    /// The attributes that change; empty for a create or delete.
    #[serde(default)]
    pub attributes: Vec<AttributeChange>,
}

/// One attribute that a plan changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttributeChange {
    /// Name of the attribute.
    pub name: String,
    /// Value before; null when sensitive.
    pub before: Option<Value>,
    /// Value after; null when sensitive or known only after apply.
    pub after: Option<Value>,
    /// Whether the values are hidden.
    pub sensitive: bool,
    /// Whether the change makes a replacement necessary.
    pub forces_replacement: bool,
}

/// What a plan would do, without a secret in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanSummary {
    /// Resources to make, replacements included.
    pub add: u32,
    /// Resources to change in place.
    pub change: u32,
    /// Resources to remove, replacements included.
    pub destroy: u32,
    /// Resources to take into the state.
    pub import: u32,
    /// Each resource that is touched.
    pub changes: Vec<PlannedChange>,
    /// What the cloud will do otherwise than asked.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// What the plan does to the bill; null where it was not priced.
    #[serde(default)]
    pub cost: Option<CostChange>,
}

/// What a cloud does otherwise than asked, by subject, in sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Capabilities {
    /// Of the network.
    pub networking: Vec<String>,
    /// Of instances and balancer.
    pub compute: Vec<String>,
    /// Of the database.
    pub database: Vec<String>,
    /// Of the bucket.
    pub storage: Vec<String>,
    /// Of tags and labels.
    pub tags: Vec<String>,
}

impl Capabilities {
    /// Every sentence, with its subject.
    pub fn sentences(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("networking", &self.networking),
            ("compute", &self.compute),
            ("database", &self.database),
            ("storage", &self.storage),
            ("tags", &self.tags),
        ]
        .into_iter()
        .flat_map(|(subject, sentences)| sentences.iter().map(move |sentence| (subject, sentence.as_str())))
    }
}

/// A document that is no plan.
#[derive(Debug, thiserror::Error)]
#[error("the plan's JSON has no {0}")]
pub struct NotAPlan(pub(crate) &'static str);

impl PlanSummary {
    /// Reads the document that `terraform show -json <plan>` prints.
    ///
    /// # Errors
    /// The document has not the parts of a plan.
    pub fn read(plan: &Value) -> Result<Self, NotAPlan> {
        if plan.get("format_version").is_none() {
            return Err(NotAPlan("format_version"));
        }
        // Terraform leaves the list out where there is no resource at all.
        let Some(list) = plan.get("resource_changes").and_then(Value::as_array) else {
            return Ok(Self::default());
        };
        let mut summary = Self {
            capabilities: plan
                .pointer("/planned_values/outputs/capabilities/value")
                .and_then(|value| Capabilities::deserialize(value).ok())
                .unwrap_or_default(),
            ..Self::default()
        };
        for resource in list {
            if resource["mode"] == "data" {
                continue;
            }
            let change = &resource["change"];
            let importing = change.get("importing").is_some_and(Value::is_object);
            let Some(action) = action_of(change, importing) else {
                continue;
            };
            match action {
                PlannedAction::Create => summary.add += 1,
                PlannedAction::Update => summary.change += 1,
                PlannedAction::Delete => summary.destroy += 1,
                PlannedAction::Replace => {
                    summary.add += 1;
                    summary.destroy += 1;
                }
                PlannedAction::Import | PlannedAction::Forget => {}
            }
            summary.import += u32::from(importing);
            summary.changes.push(PlannedChange {
                address: resource["address"]
                    .as_str()
                    .ok_or(NotAPlan("address"))?
                    .to_owned(),
                resource_type: resource["type"].as_str().ok_or(NotAPlan("type"))?.to_owned(),
                action,
                importing,
                attributes: match action {
                    PlannedAction::Update | PlannedAction::Replace => attributes_of(change),
                    _ => Vec::new(),
                },
            });
        }
        Ok(summary)
    }

    /// The same, with what it does to the bill.
    ///
    /// # Errors
    /// The document has not the parts of a plan.
    pub fn priced(provider: Provider, region: &str, plan: &Value) -> Result<Self, NotAPlan> {
        Ok(Self {
            cost: Some(CostChange::of_plan(provider, region, plan)?),
            ..Self::read(plan)?
        })
    }

    /// Whether an apply would change nothing in the cloud.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether everything that this plan does was part of `approved`.
    ///
    /// Finishing what the interrupted apply began is within: a creation that got as far as the cloud is an
    /// import or an update by now (a password that the cloud does not tell is set anew), and a replacement
    /// that was cut after its removal is a creation. A dearer plan is not within. Verdicts are judged apart.
    pub fn is_within(&self, approved: &Self) -> bool {
        if let (Some(now), Some(then)) = (&self.cost, &approved.cost)
            && now.after.amount > then.after.amount
        {
            return false;
        }
        let approved: BTreeSet<(&str, PlannedAction)> = approved
            .changes
            .iter()
            .map(|change| (change.address.as_str(), change.action))
            .collect();
        self.changes.iter().all(|change| {
            let pair = (change.address.as_str(), change.action);
            let began_as = |action| approved.contains(&(change.address.as_str(), action));
            let finishes_creation = matches!(change.action, PlannedAction::Import | PlannedAction::Update)
                && (began_as(PlannedAction::Create) || began_as(PlannedAction::Replace));
            let finishes_replacement =
                change.action == PlannedAction::Create && began_as(PlannedAction::Replace);
            approved.contains(&pair) || finishes_creation || finishes_replacement
        })
    }

    /// One line for a person: `3 to add, 1 to change, 0 to destroy`.
    pub fn headline(&self) -> String {
        let mut line = format!(
            "{} to add, {} to change, {} to destroy",
            self.add, self.change, self.destroy
        );
        if self.import > 0 {
            line.push_str(&format!(", {} to import", self.import));
        }
        line
    }
}

fn action_of(change: &Value, importing: bool) -> Option<PlannedAction> {
    let actions: Vec<&str> = change["actions"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    Some(match actions.as_slice() {
        ["create"] => PlannedAction::Create,
        ["update"] => PlannedAction::Update,
        ["delete"] => PlannedAction::Delete,
        ["delete", "create"] | ["create", "delete"] => PlannedAction::Replace,
        ["forget"] => PlannedAction::Forget,
        ["no-op"] if importing => PlannedAction::Import,
        _ => return None,
    })
}

fn attributes_of(change: &Value) -> Vec<AttributeChange> {
    let empty = serde_json::Map::new();
    let part = |name: &str| change[name].as_object().unwrap_or(&empty);
    let (before, after, unknown) = (part("before"), part("after"), part("after_unknown"));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).chain(unknown.keys()).collect();
    let is_marked = |marks: &Value, name: &str| marks.get(name).is_some_and(holds_true);
    names
        .into_iter()
        .filter_map(|name| {
            let comes_later = unknown.get(name).is_some_and(holds_true);
            if before.get(name) == after.get(name) && !comes_later {
                return None;
            }
            let sensitive = change["before_sensitive"] == true
                || change["after_sensitive"] == true
                || is_marked(&change["before_sensitive"], name)
                || is_marked(&change["after_sensitive"], name);
            let shown = |value: Option<&Value>| value.filter(|_| !sensitive).cloned();
            Some(AttributeChange {
                name: name.clone(),
                before: shown(before.get(name)),
                after: shown(after.get(name).filter(|_| !comes_later)),
                sensitive,
                forces_replacement: change["replace_paths"]
                    .as_array()
                    .is_some_and(|paths| paths.iter().any(|path| path[0] == name.as_str())),
            })
        })
        .collect()
}

/// Terraform marks a whole attribute with `true`, or parts of it inside lists and objects.
fn holds_true(marks: &Value) -> bool {
    match marks {
        Value::Bool(mark) => *mark,
        Value::Array(list) => list.iter().any(holds_true),
        Value::Object(map) => map.values().any(holds_true),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(address: &str, actions: &[&str]) -> Value {
        json!({"address": address, "type": "aws_vpc", "mode": "managed",
            "change": {"actions": actions, "before": {}, "after": {}}})
    }

    fn summary(resources: Vec<Value>) -> PlanSummary {
        PlanSummary::read(&json!({"format_version": "1.2", "resource_changes": resources})).unwrap()
    }

    #[test]
    fn a_replacement_counts_on_both_sides_and_reads_do_not_count() {
        let mut data = resource("data.aws_region.current", &["read"]);
        data["mode"] = json!("data");
        let plan = summary(vec![
            resource("a", &["create"]),
            resource("b", &["create", "delete"]),
            resource("c", &["update"]),
            resource("d", &["no-op"]),
            resource("e", &["delete"]),
            data,
        ]);
        assert_eq!(plan.headline(), "2 to add, 1 to change, 2 to destroy");
        assert_eq!(plan.changes.len(), 4);
    }

    #[test]
    fn a_changed_attribute_is_shown_unless_it_is_sensitive() {
        let plan = summary(vec![
            json!({"address": "a", "type": "t", "mode": "managed", "change": {
                "actions": ["delete", "create"],
                "before": {"size": "small", "password": "planted-1", "id": "i-1", "same": 1},
                "after": {"size": "large", "password": "planted-2", "same": 1},
                "after_unknown": {"id": true},
                "before_sensitive": {"password": true}, "after_sensitive": {"password": true},
                "replace_paths": [["size"]],
            }}),
        ]);
        let attributes = &plan.changes[0].attributes;
        let names: Vec<&str> = attributes
            .iter()
            .map(|attribute| attribute.name.as_str())
            .collect();
        assert_eq!(names, ["id", "password", "size"]);
        assert!(attributes[2].forces_replacement && attributes[2].after == Some(json!("large")));
        assert!(attributes[1].sensitive && attributes[1].before.is_none());
        assert!(!serde_json::to_string(&plan).unwrap().contains("planted"));
    }

    #[test]
    fn a_plan_within_the_approved_one_goes_on_and_any_other_asks_again() {
        let approved = summary(vec![
            resource("a", &["create"]),
            resource("b", &["delete", "create"]),
        ]);
        let mut imported = resource("a", &["no-op"]);
        imported["change"]["importing"] = json!({"id": "vpc-1"});
        let cases = [
            (vec![], true),
            (vec![resource("b", &["delete", "create"])], true),
            (vec![imported.clone()], true),
            (vec![resource("b", &["create"])], true),
            (vec![resource("a", &["update"])], true),
            (vec![resource("c", &["update"])], false),
            (vec![resource("a", &["delete", "create"])], false),
            (vec![resource("c", &["create"])], false),
        ];
        for (resources, expected) in cases {
            assert_eq!(
                summary(resources.clone()).is_within(&approved),
                expected,
                "{resources:?}"
            );
        }
        assert_eq!(
            summary(vec![imported]).headline(),
            "0 to add, 0 to change, 0 to destroy, 1 to import"
        );
    }

    #[test]
    fn a_document_that_is_no_plan_is_refused() {
        assert!(PlanSummary::read(&json!({})).is_err());
    }
}
