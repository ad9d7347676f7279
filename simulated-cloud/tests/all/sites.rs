//! Whole sites on every cloud, from the modules' own examples: made, settled, tagged, removed.

use std::fs;

use serde_json::{Map, Value as Json};

use crate::world::World;

const CLOUDS: [&str; 5] = ["akamai", "aws", "azure", "digitalocean", "gcp"];

/// What comes by environment in production.
const MORE: &str = "database_password = \"Correct-horse-battery-1\"\n";
const MORE_ON_AKAMAI: &str = "database_password = \"Correct-horse-battery-1\"\n\
     provider_options = { certificate_pem = \"-----BEGIN CERTIFICATE-----\", certificate_key_pem = \"-----BEGIN PRIVATE KEY-----\" }\n";

fn more(cloud: &str) -> &'static str {
    if cloud == "akamai" { MORE_ON_AKAMAI } else { MORE }
}

#[test]
fn every_example_is_made_settles_and_leaves_nothing() {
    for cloud in CLOUDS {
        for example in ["small", "large"] {
            let world = World::new();
            // A protected site is unprotected before it is removed.
            let unprotected = format!("{}deletion_protection = false\n", more(cloud));
            let workspace = world.site(cloud, example, &unprotected);
            workspace.apply();
            workspace.is_settled();
            let url: Json = serde_json::from_str(&workspace.succeed(&["output", "-json", "url"])).unwrap();
            let expected = if example == "small" { "http://" } else { "https://" };
            assert!(
                url.as_str().unwrap().starts_with(expected),
                "{cloud} {example}: {url}"
            );
            workspace.succeed(&["destroy", "-auto-approve"]);
            assert_eq!(files_in(&world.store().join("resources")), 0, "{cloud} {example}");
        }
    }
}

fn files_in(folder: &std::path::Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let each = entries.map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { files_in(&path) } else { 1 }
    });
    each.sum()
}

/// Attributes of these names that are no labels. This list only shrinks.
const NO_LABELS: &[(&str, &str, &str)] = &[
    (
        "digitalocean_firewall",
        "tags",
        "the Droplets that it guards: the site's, and not all of a customer's",
    ),
    (
        "google_compute_region_instance_template",
        "tags",
        "network tags, by which firewalls know instances",
    ),
];

#[test]
fn everything_that_has_tags_or_labels_carries_the_sites() {
    for cloud in CLOUDS {
        let world = World::new();
        let workspace = world.site(cloud, "large", more(cloud));
        workspace.succeed(&["plan", "-out=kept.plan"]);
        let plan: Json = serde_json::from_str(&workspace.succeed(&["show", "-json", "kept.plan"])).unwrap();
        let schemas: Json =
            serde_json::from_str(&workspace.succeed(&["providers", "schema", "-json"])).unwrap();
        let provider = schemas["provider_schemas"]
            .as_object()
            .unwrap()
            .values()
            .find(|schema| {
                schema["resource_schemas"]
                    .as_object()
                    .is_some_and(|types| types.len() > 3)
            })
            .unwrap();
        let variables = &plan["variables"];
        let wanted = Wanted {
            site_id: variables["site_id"]["value"].as_str().unwrap().to_owned(),
            customer_id: variables["customer_id"]["value"].as_str().unwrap().to_owned(),
        };
        let mut checked = 0;
        for resource in plan["resource_changes"].as_array().unwrap() {
            let (kind, change) = (resource["type"].as_str().unwrap(), &resource["change"]);
            if resource["mode"] == "data" || kind == "terraform_data" {
                continue;
            }
            let block = &provider["resource_schemas"][kind]["block"];
            assert!(block.is_object(), "{kind} has no schema");
            checked += wanted.check(kind, kind, block, &change["after"]);
        }
        assert!(checked >= 3, "{cloud}: only {checked} places for tags were found");
        println!("{cloud}: {checked} places for tags carry the site's");
    }
}

struct Wanted {
    site_id: String,
    customer_id: String,
}

impl Wanted {
    /// Walks a block with its schema, and gives how many places for tags it has.
    fn check(&self, kind: &str, place: &str, block: &Json, values: &Json) -> usize {
        let none = Map::new();
        let part = |name: &str| block[name].as_object().unwrap_or(&none);
        let mut found = 0;
        for (name, schema) in part("attributes") {
            let can_be_set = schema["optional"] == true || schema["required"] == true;
            let is_for_tags = ["tags", "labels", "user_labels"].contains(&name.as_str());
            let is_none = NO_LABELS
                .iter()
                .any(|(of, attribute, _)| *of == kind && *attribute == name.as_str());
            if can_be_set && is_for_tags && !is_none {
                assert!(
                    self.stands_in(&values[name]),
                    "{place}.{name} lacks the site's tags: {}",
                    values[name]
                );
                found += 1;
            }
        }
        for (name, schema) in part("block_types") {
            let inside = match &values[name] {
                Json::Array(elements) => elements.clone(),
                Json::Null => continue,
                single => vec![single.clone()],
            };
            // Elsewhere it is a filter of tags.
            if name == "tag" && place == kind {
                let pairs = inside
                    .iter()
                    .map(|tag| (tag["key"].as_str().unwrap().to_owned(), tag["value"].clone()));
                assert!(
                    self.stands_in(&Json::Object(pairs.collect())),
                    "{place}.tag lacks the site's"
                );
                found += 1;
            }
            for element in &inside {
                found += self.check(kind, &format!("{place}.{name}"), &schema["block"], element);
            }
        }
        found
    }

    /// Tags as a map, or as words `key:value`.
    fn stands_in(&self, tags: &Json) -> bool {
        let pairs = [
            ("site_id", self.site_id.as_str()),
            ("customer_id", self.customer_id.as_str()),
            ("managed_by", "siteplane"),
        ];
        match tags {
            Json::Object(map) => pairs
                .iter()
                .all(|(key, value)| map.get(*key).is_some_and(|found| found == value)),
            Json::Array(words) => pairs
                .iter()
                .all(|(key, value)| words.iter().any(|word| *word == format!("{key}:{value}"))),
            _ => false,
        }
    }
}
