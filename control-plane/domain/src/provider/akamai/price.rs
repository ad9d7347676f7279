//! What costs money on Akamai, by the attributes of its resources, and what the modules make of it.

use serde_json::json;

use crate::{
    price::{Component, Resource, Resources},
    provider::SizeFacts,
    specification::SiteSpecification,
};

/// Types that cost nothing by themselves.
const FREE: &[&str] = &[
    "linode_firewall",
    "linode_nodebalancer_config",
    "linode_nodebalancer_node",
    "linode_object_storage_key",
    "linode_vpc",
    "linode_vpc_subnet",
];

/// The parts of a resource's price; `None` for a type that is not known.
pub(super) fn components(resource: &Resource, _all: &Resources) -> Option<Vec<Component>> {
    Some(match resource.resource_type.as_str() {
        "linode_instance" => vec![
            match resource.text("/type") {
                Some(plan) => Component::fixed("Instances", format!("instance/{plan}"), 1),
                None => Component::unknown("Instances", "type"),
            },
            Component::by_use("Traffic to the internet", "egress"),
        ],
        "linode_nodebalancer" => vec![Component::fixed("Load balancer", "load_balancer", 1)],
        "linode_database_postgresql_v2" => {
            let nodes = resource.number("/cluster_size");
            vec![match (resource.text("/type"), nodes) {
                (Some(plan), Some(nodes)) if nodes == 1.into() => {
                    Component::fixed("Database", format!("database/{plan}"), 1)
                }
                // The price is one for all three nodes.
                (Some(plan), Some(_)) => {
                    Component::fixed("Database of three nodes", format!("database/{plan}/ha"), 1)
                }
                (None, _) => Component::unknown("Database", "type"),
                (_, None) => Component::unknown("Database", "cluster_size"),
            }]
        }
        "linode_object_storage_bucket" => vec![
            Component::fixed(
                "Object storage, once for all buckets of the account",
                "object_storage_base",
                1,
            ),
            Component::by_use("Objects kept beyond what that has in it", "object_storage"),
        ],
        free if FREE.contains(&free) => Vec::new(),
        _ => return None,
    })
}

/// Everything with a price that the modules make for a specification, as a plan would show it.
pub(super) fn expected_resources(specification: &SiteSpecification, size: &SizeFacts) -> Vec<Resource> {
    let mut resources: Vec<Resource> = (0..specification.scaling.min)
        .map(|index| {
            Resource::expected(
                &format!("module.compute.linode_instance.web[{index}]"),
                "linode_instance",
                json!({"type": size.instance_type}),
            )
        })
        .collect();
    resources.push(Resource::expected(
        "module.compute.linode_nodebalancer.this",
        "linode_nodebalancer",
        json!({}),
    ));
    if let Some(database) = &specification.database {
        let nodes = if database.high_availability || database.read_replica {
            3
        } else {
            1
        };
        resources.push(Resource::expected(
            "module.database[0].linode_database_postgresql_v2.this",
            "linode_database_postgresql_v2",
            json!({"type": size.database_type, "cluster_size": nodes}),
        ));
    }
    if specification.storage.is_some() {
        resources.push(Resource::expected(
            "module.storage[0].linode_object_storage_bucket.this",
            "linode_object_storage_bucket",
            json!({}),
        ));
    }
    resources
}
