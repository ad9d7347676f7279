//! What costs money on Google Cloud, by the attributes of its resources, and what the modules make of it.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    price::{Component, Resource, Resources},
    provider::SizeFacts,
    specification::SiteSpecification,
};

/// Types that cost nothing by themselves.
const FREE: &[&str] = &[
    "google_compute_firewall",
    // A range for managed services, or the address of a forwarding rule.
    "google_compute_global_address",
    "google_compute_health_check",
    "google_compute_network",
    // The autoscaler, which says how many instances there are, is priced.
    "google_compute_region_instance_group_manager",
    "google_compute_region_instance_template",
    "google_compute_router",
    "google_compute_ssl_policy",
    "google_compute_subnetwork",
    "google_compute_target_http_proxy",
    "google_compute_target_https_proxy",
    "google_compute_url_map",
    "google_service_account",
    "google_service_networking_connection",
    "google_sql_database",
    "google_sql_user",
    "google_storage_bucket_iam_member",
];

/// Instances beyond which a NAT gateway costs no more. Source: Cloud NAT's pricing page, 2026-11.
const MOST_PRICED_BY_NAT: u32 = 32;

const FEWEST: &str = "/autoscaling_policy/0/min_replicas";

/// The parts of a resource's price; `None` for a type that is not known.
pub(super) fn components(resource: &Resource, all: &Resources) -> Option<Vec<Component>> {
    Some(match resource.resource_type.as_str() {
        "google_compute_region_autoscaler" => instances(resource, all),
        "google_compute_router_nat" => {
            let instances = all
                .of("google_compute_region_autoscaler")
                .next()
                .and_then(|autoscaler| autoscaler.number(FEWEST));
            vec![
                Component::of(
                    "NAT gateway, by instance",
                    "nat_gateway",
                    instances.map(|count| count.min(Decimal::from(MOST_PRICED_BY_NAT))),
                    "min_replicas",
                ),
                Component::fixed("Public address of the NAT gateway", "public_ip", 1),
                Component::by_use("NAT gateway, traffic", "nat_gateway_traffic"),
            ]
        }
        // One price holds for up to five rules of a project, so the second of a site is in it.
        "google_compute_global_forwarding_rule" if resource.text("/port_range") == Some("443") => Vec::new(),
        "google_compute_global_forwarding_rule" => {
            vec![Component::fixed("Load balancer", "forwarding_rule", 1)]
        }
        "google_compute_backend_service" => vec![
            Component::by_use("Load balancer, traffic", "load_balancer_capacity"),
            Component::by_use("Traffic to the internet", "egress"),
        ],
        "google_sql_database_instance" => database(resource),
        "google_storage_bucket" => vec![
            Component::by_use("Objects kept", "object_storage"),
            Component::by_use("Objects written", "object_storage_requests"),
        ],
        free if FREE.contains(&free) => Vec::new(),
        _ => return None,
    })
}

/// An autoscaler is priced at its fewest: more instances are use.
fn instances(autoscaler: &Resource, all: &Resources) -> Vec<Component> {
    let count = autoscaler.number(FEWEST);
    let Some(template) = all.of("google_compute_region_instance_template").next() else {
        return vec![Component::unknown("Instances", "instance_template")];
    };
    let Some(machine_type) = template.text("/machine_type") else {
        return vec![Component::unknown("Instances", "machine_type")];
    };
    let kind = template.text("/disk/0/disk_type").unwrap_or("pd-standard");
    let disk_gb = template.number("/disk/0/disk_size_gb");
    vec![
        Component::of(
            "Instances",
            format!("instance/{machine_type}"),
            count,
            "min_replicas",
        ),
        Component::of(
            "Disks of the instances",
            format!("disk/{kind}"),
            count.zip(disk_gb).map(|(count, gb)| count * gb),
            "disk_size_gb",
        ),
    ]
}

fn database(database: &Resource) -> Vec<Component> {
    let replica = database.text("/master_instance_name").is_some();
    let standby = database.text("/settings/0/availability_type") == Some("REGIONAL");
    let (processors, memory, storage) = match (replica, standby) {
        (true, _) => (
            "Database replica, processors",
            "Database replica, memory",
            "Database replica, storage",
        ),
        (false, true) => (
            "Database with standby, processors",
            "Database with standby, memory",
            "Database with standby, storage",
        ),
        (false, false) => ("Database processors", "Database memory", "Database storage"),
    };
    let suffix = if standby { "/ha" } else { "" };
    let (vcpu, memory_gib) = match database.text("/settings/0/tier").and_then(machine) {
        Some((vcpu, memory_gib)) => (Some(vcpu), Some(memory_gib)),
        None => (None, None),
    };
    let mut parts = vec![
        Component::of(processors, format!("database_vcpu{suffix}"), vcpu, "tier"),
        Component::of(memory, format!("database_memory{suffix}"), memory_gib, "tier"),
        Component::of(
            storage,
            format!("database_storage{suffix}"),
            database.number("/settings/0/disk_size"),
            "disk_size",
        ),
    ];
    if database.is_on("/settings/0/backup_configuration/0/enabled") {
        parts.push(Component::by_use("Backups", "database_backup"));
    }
    parts
}

/// Processors and GiB of memory of `db-custom-<processors>-<MiB>`, which Google prices apart.
fn machine(tier: &str) -> Option<(Decimal, Decimal)> {
    let (vcpu, mib) = tier.strip_prefix("db-custom-")?.split_once('-')?;
    let mib: Decimal = mib.parse().ok()?;
    Some((vcpu.parse().ok()?, mib / Decimal::from(1024)))
}

/// Everything with a price that the modules make for a specification, as a plan would show it.
pub(super) fn expected_resources(specification: &SiteSpecification, size: &SizeFacts) -> Vec<Resource> {
    let scaling = specification.scaling;
    let mut resources = vec![
        Resource::expected(
            "module.compute.google_compute_region_instance_template.web",
            "google_compute_region_instance_template",
            json!({
                "machine_type": size.instance_type,
                "disk": [{"disk_size_gb": 20, "disk_type": "pd-balanced"}],
            }),
        ),
        Resource::expected(
            "module.compute.google_compute_region_autoscaler.web",
            "google_compute_region_autoscaler",
            json!({"autoscaling_policy": [{"min_replicas": scaling.min, "max_replicas": scaling.max}]}),
        ),
        Resource::expected(
            "module.compute.google_compute_backend_service.web",
            "google_compute_backend_service",
            json!({"load_balancing_scheme": "EXTERNAL_MANAGED"}),
        ),
        Resource::expected(
            "module.compute.google_compute_global_forwarding_rule.http",
            "google_compute_global_forwarding_rule",
            json!({"port_range": "80"}),
        ),
        Resource::expected(
            "module.networking.google_compute_router_nat.this",
            "google_compute_router_nat",
            json!({}),
        ),
    ];
    if let Some(database) = &specification.database {
        let settings = |availability: &str, backups: Value| {
            json!([{
                "tier": size.database_type,
                "disk_size": database.storage_gb,
                "availability_type": availability,
                "backup_configuration": backups,
            }])
        };
        let availability = if database.high_availability {
            "REGIONAL"
        } else {
            "ZONAL"
        };
        resources.push(Resource::expected(
            "module.database[0].google_sql_database_instance.this",
            "google_sql_database_instance",
            json!({"settings": settings(availability, json!([{"enabled": true}]))}),
        ));
        if database.read_replica {
            resources.push(Resource::expected(
                "module.database[0].google_sql_database_instance.replica[0]",
                "google_sql_database_instance",
                json!({"master_instance_name": "primary", "settings": settings("ZONAL", json!([]))}),
            ));
        }
    }
    if specification.storage.is_some() {
        resources.push(Resource::expected(
            "module.storage[0].google_storage_bucket.this",
            "google_storage_bucket",
            json!({}),
        ));
    }
    resources
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::Quantity;

    fn of(resource: &Resource, all: &Resources) -> Vec<(String, Quantity)> {
        let parts = components(resource, all).unwrap().into_iter();
        parts.map(|part| (part.item, part.quantity)).collect()
    }

    fn fixed(number: &str) -> Quantity {
        Quantity::Fixed(number.parse().unwrap())
    }

    #[test]
    fn a_database_is_priced_by_processors_memory_and_storage() {
        let settings = json!([{
            "tier": "db-custom-1-3840", "disk_size": 20, "availability_type": "REGIONAL",
            "backup_configuration": [{"enabled": true}],
        }]);
        let primary = Resource::expected(
            "this",
            "google_sql_database_instance",
            json!({"settings": settings}),
        );
        assert_eq!(
            of(&primary, &Resources::default()),
            [
                ("database_vcpu/ha".to_owned(), fixed("1")),
                ("database_memory/ha".to_owned(), fixed("3.75")),
                ("database_storage/ha".to_owned(), fixed("20")),
                ("database_backup".to_owned(), Quantity::ByUse),
            ]
        );
    }

    #[test]
    fn instances_disks_and_the_nat_gateway_go_by_the_fewest_instances() {
        let template = Resource::expected(
            "web",
            "google_compute_region_instance_template",
            json!({"machine_type": "e2-medium", "disk": [{"disk_size_gb": 20, "disk_type": "pd-balanced"}]}),
        );
        let autoscaler = Resource::expected(
            "web",
            "google_compute_region_autoscaler",
            json!({"autoscaling_policy": [{"min_replicas": 40, "max_replicas": 50}]}),
        );
        let nat = Resource::expected("this", "google_compute_router_nat", json!({}));
        let all = Resources(vec![template, autoscaler.clone(), nat.clone()]);
        assert_eq!(
            of(&autoscaler, &all),
            [
                ("instance/e2-medium".to_owned(), fixed("40")),
                ("disk/pd-balanced".to_owned(), fixed("800")),
            ]
        );
        assert_eq!(of(&nat, &all)[0], ("nat_gateway".to_owned(), fixed("32")));
    }

    #[test]
    fn a_type_that_nobody_knows_has_no_price() {
        let unknown = Resource::expected("this", "google_compute_instance", json!({}));
        assert_eq!(components(&unknown, &Resources::default()), None);
    }
}
