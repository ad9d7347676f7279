//! What costs money on DigitalOcean, by the attributes of its resources, and what the modules make of it.

use rust_decimal::Decimal;
use serde_json::json;

use crate::{
    price::{Component, Resource, Resources},
    provider::SizeFacts,
    specification::{SiteSpecification, Size},
};

/// Types that cost nothing by themselves.
const FREE: &[&str] = &[
    "digitalocean_database_db",
    "digitalocean_database_firewall",
    "digitalocean_firewall",
    "digitalocean_project",
    "digitalocean_project_resources",
    "digitalocean_spaces_key",
    "digitalocean_tag",
    "digitalocean_vpc",
];

/// Storage that the price of a database's size has in it, which is also the least that it can have; in GB.
/// Source: DigitalOcean's pricing page, managed PostgreSQL, 2026-11; as in the `site` module's size table.
const STORAGE_OF_SIZES: &[(&str, u32)] = &[
    ("db-s-1vcpu-2gb", 30),
    ("db-s-2vcpu-4gb", 60),
    ("db-s-4vcpu-8gb", 140),
    ("db-s-6vcpu-16gb", 290),
];

/// The parts of a resource's price; `None` for a type that is not known.
pub(super) fn components(resource: &Resource, _all: &Resources) -> Option<Vec<Component>> {
    Some(match resource.resource_type.as_str() {
        "digitalocean_droplet" => {
            let mut parts = vec![droplets(resource.text("/size"), Some(Decimal::ONE))];
            parts.push(Component::by_use("Traffic to the internet", "egress"));
            parts
        }
        "digitalocean_droplet_autoscale" => vec![
            droplets(
                resource.text("/droplet_template/0/size"),
                resource.number("/config/0/min_instances"),
            ),
            Component::by_use("Traffic to the internet", "egress"),
        ],
        "digitalocean_loadbalancer" => vec![Component::of(
            "Load balancer nodes",
            "load_balancer",
            resource.number("/size_unit"),
            "size_unit",
        )],
        "digitalocean_database_cluster" => database(
            resource,
            "Database nodes",
            "Database storage beyond the size's",
            resource.number("/node_count"),
        ),
        "digitalocean_database_replica" => database(
            resource,
            "Database replica",
            "Database replica, storage beyond the size's",
            Some(Decimal::ONE),
        ),
        "digitalocean_spaces_bucket" => vec![
            Component::fixed(
                "Spaces, once for all buckets of the account",
                "object_storage_base",
                1,
            ),
            Component::by_use("Objects kept beyond what that has in it", "object_storage"),
        ],
        free if FREE.contains(&free) => Vec::new(),
        _ => return None,
    })
}

fn droplets(size: Option<&str>, count: Option<Decimal>) -> Component {
    match size {
        Some(size) => Component::of("Droplets", format!("instance/{size}"), count, "min_instances"),
        None => Component::unknown("Droplets", "size"),
    }
}

fn database(
    resource: &Resource,
    label: &'static str,
    storage_label: &'static str,
    nodes: Option<Decimal>,
) -> Vec<Component> {
    let Some(size) = resource.text("/size") else {
        return vec![Component::unknown(label, "size")];
    };
    let storage_gb = resource
        .text("/storage_size_mib")
        .and_then(|mib| mib.parse::<Decimal>().ok())
        .map(|mib| mib / Decimal::from(1024));
    let beyond = storage_gb.map(|gb| (gb - Decimal::from(storage_of(size))).max(Decimal::ZERO));
    vec![
        Component::of(label, format!("database/{size}"), nodes, "node_count"),
        Component::of(
            storage_label,
            "database_storage",
            beyond.zip(nodes).map(|(gb, nodes)| gb * nodes),
            "storage_size_mib",
        ),
    ]
}

fn storage_of(size: &str) -> u32 {
    STORAGE_OF_SIZES
        .iter()
        .find(|(known, _)| *known == size)
        .map_or(0, |(_, gb)| *gb)
}

/// The storage that a database really gets: whole tens, and what its size has at least.
pub(super) fn storage_gb(asked: u32, size: &str) -> u32 {
    asked.next_multiple_of(10).max(storage_of(size))
}

/// Everything with a price that the modules make for a specification, as a plan would show it.
pub(super) fn expected_resources(specification: &SiteSpecification, size: &SizeFacts) -> Vec<Resource> {
    let mut resources: Vec<Resource> = (0..specification.scaling.min)
        .map(|index| {
            Resource::expected(
                &format!("module.compute.digitalocean_droplet.web[{index}]"),
                "digitalocean_droplet",
                json!({"size": size.instance_type}),
            )
        })
        .collect();
    // As many nodes as the size table of the module says.
    let nodes = match size.size {
        Size::Small | Size::Medium => 1,
        Size::Large => 2,
        Size::Xlarge => 3,
    };
    resources.push(Resource::expected(
        "module.compute.digitalocean_loadbalancer.this",
        "digitalocean_loadbalancer",
        json!({"size_unit": nodes}),
    ));
    if let Some(database) = &specification.database {
        let storage_gb = storage_gb(database.storage_gb, size.database_type);
        let storage_size_mib = (u64::from(storage_gb) * 1024).to_string();
        resources.push(Resource::expected(
            "module.database[0].digitalocean_database_cluster.this",
            "digitalocean_database_cluster",
            json!({
                "size": size.database_type,
                "node_count": if database.high_availability { 2 } else { 1 },
                "storage_size_mib": storage_size_mib,
            }),
        ));
        if database.read_replica {
            resources.push(Resource::expected(
                "module.database[0].digitalocean_database_replica.this[0]",
                "digitalocean_database_replica",
                json!({"size": size.database_type, "storage_size_mib": storage_size_mib}),
            ));
        }
    }
    if specification.storage.is_some() {
        resources.push(Resource::expected(
            "module.storage[0].digitalocean_spaces_bucket.this",
            "digitalocean_spaces_bucket",
            json!({}),
        ));
    }
    resources
}
