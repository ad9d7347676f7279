//! What costs money on AWS, by the attributes of its resources, and what the modules make of it.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    price::{Component, Resource, Resources},
    provider::SizeFacts,
    specification::SiteSpecification,
};

/// Types that cost nothing by themselves.
const FREE: &[&str] = &[
    "aws_autoscaling_policy",
    "aws_db_parameter_group",
    "aws_db_subnet_group",
    "aws_default_security_group",
    "aws_iam_instance_profile",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_internet_gateway",
    // The group that starts instances from it is priced.
    "aws_launch_template",
    "aws_lb_listener",
    "aws_lb_target_group",
    "aws_route",
    "aws_route_table",
    "aws_route_table_association",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_security_group",
    "aws_subnet",
    "aws_vpc",
    // Gateway endpoints, the only kind that the modules make, are free.
    "aws_vpc_endpoint",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
];

/// Metrics that detailed monitoring of one instance sends. Source: EC2 user guide, "Monitor your instances", 2026-11.
const METRICS_OF_AN_INSTANCE: u32 = 7;

/// The parts of a resource's price; `None` for a type that is not known.
pub(super) fn components(resource: &Resource, all: &Resources) -> Option<Vec<Component>> {
    Some(match resource.resource_type.as_str() {
        "aws_autoscaling_group" => instances(resource, all),
        "aws_lb" => vec![
            Component::fixed("Load balancer", "load_balancer", 1),
            // One in each of its two zones.
            Component::fixed("Public addresses", "public_ip", 2),
            Component::by_use("Load balancer, capacity used", "load_balancer_capacity"),
            Component::by_use("Traffic to the internet", "egress"),
        ],
        "aws_nat_gateway" => vec![
            Component::fixed("NAT gateway", "nat_gateway", 1),
            Component::by_use("NAT gateway, traffic", "nat_gateway_traffic"),
        ],
        "aws_eip" => vec![Component::fixed("Public addresses", "public_ip", 1)],
        "aws_db_instance" => database(resource, all),
        "aws_s3_bucket" => vec![
            Component::by_use("Objects kept", "object_storage"),
            Component::by_use("Objects written", "object_storage_requests"),
        ],
        free if FREE.contains(&free) => Vec::new(),
        _ => return None,
    })
}

/// A group is priced at its smallest: more instances are use.
fn instances(group: &Resource, all: &Resources) -> Vec<Component> {
    let count = group.number("/min_size");
    let Some(template) = all.of("aws_launch_template").next() else {
        return vec![Component::unknown("Instances", "launch_template")];
    };
    let Some(instance_type) = template.text("/instance_type") else {
        return vec![Component::unknown("Instances", "instance_type")];
    };
    let disk = "/block_device_mappings/0/ebs/0";
    let disk_gb = template.number(&format!("{disk}/volume_size"));
    let kind = template
        .text(&format!("{disk}/volume_type"))
        .unwrap_or("gp2")
        .to_owned();
    let mut parts = vec![
        Component::of(
            "Instances",
            format!("instance/{instance_type}"),
            count,
            "min_size",
        ),
        Component::of(
            "Disks of the instances",
            format!("disk/{kind}"),
            count.zip(disk_gb).map(|(count, gb)| count * gb),
            "volume_size",
        ),
    ];
    if template.is_on("/monitoring/0/enabled") {
        parts.push(Component::of(
            "Detailed monitoring of the instances",
            "instance_metric",
            count.map(|count| count * Decimal::from(METRICS_OF_AN_INSTANCE)),
            "min_size",
        ));
    }
    parts
}

fn database(database: &Resource, all: &Resources) -> Vec<Component> {
    let replica = database.text("/replicate_source_db").is_some();
    // A replica's storage is its primary's, and AWS tells it only afterwards.
    let storage_gb = database.number("/allocated_storage").or_else(|| {
        all.of("aws_db_instance")
            .find(|other| other.text("/replicate_source_db").is_none())
            .filter(|_| replica)?
            .number("/allocated_storage")
    });
    let (label, storage_label) = match (replica, database.is_on("/multi_az")) {
        (true, _) => ("Database replica", "Database replica, storage"),
        (false, true) => ("Database with standby", "Database storage with standby's"),
        (false, false) => ("Database", "Database storage"),
    };
    let suffix = if database.is_on("/multi_az") { "/ha" } else { "" };
    let mut parts = vec![
        match database.text("/instance_class") {
            Some(class) => Component::fixed(label, format!("database/{class}{suffix}"), 1),
            None => Component::unknown(label, "instance_class"),
        },
        Component::of(
            storage_label,
            "database_storage",
            // A standby has storage of its own.
            storage_gb.map(|gb| if suffix.is_empty() { gb } else { gb * Decimal::TWO }),
            "allocated_storage",
        ),
    ];
    if database
        .number("/backup_retention_period")
        .is_some_and(|days| !days.is_zero())
    {
        parts.push(Component::by_use(
            "Backups beyond the database's size",
            "database_backup",
        ));
    }
    parts
}

/// Everything with a price that the modules make for a specification, as a plan would show it.
pub(super) fn expected_resources(specification: &SiteSpecification, size: &SizeFacts) -> Vec<Resource> {
    let mut resources = vec![
        Resource::expected(
            "module.compute.aws_launch_template.web",
            "aws_launch_template",
            json!({
                "instance_type": size.instance_type,
                "block_device_mappings": [{"ebs": [{"volume_size": 20, "volume_type": "gp3"}]}],
                "monitoring": [{"enabled": true}],
            }),
        ),
        Resource::expected(
            "module.compute.aws_autoscaling_group.web",
            "aws_autoscaling_group",
            json!({"min_size": specification.scaling.min, "max_size": specification.scaling.max}),
        ),
        Resource::expected(
            "module.compute.aws_lb.this",
            "aws_lb",
            json!({"load_balancer_type": "application"}),
        ),
    ];
    // A second instance is in a second zone, and each zone then has a gateway of its own.
    for zone in 0..if specification.scaling.min > 1 { 2 } else { 1 } {
        for (name, resource_type) in [("nat", "aws_eip"), ("this", "aws_nat_gateway")] {
            resources.push(Resource::expected(
                &format!("module.networking.{resource_type}.{name}[{zone}]"),
                resource_type,
                json!({}),
            ));
        }
    }
    if let Some(database) = &specification.database {
        let primary = |class: &str| -> Value {
            json!({
                "instance_class": class,
                "allocated_storage": storage_gb(database.storage_gb),
                "multi_az": database.high_availability,
                "backup_retention_period": database.backup_days,
            })
        };
        resources.push(Resource::expected(
            "module.database[0].aws_db_instance.this",
            "aws_db_instance",
            primary(size.database_type),
        ));
        if database.read_replica {
            resources.push(Resource::expected(
                "module.database[0].aws_db_instance.replica[0]",
                "aws_db_instance",
                json!({
                    "instance_class": size.database_type,
                    "replicate_source_db": "primary",
                    "multi_az": false,
                    "backup_retention_period": 0,
                }),
            ));
        }
    }
    if specification.storage.is_some() {
        resources.push(Resource::expected(
            "module.storage[0].aws_s3_bucket.this",
            "aws_s3_bucket",
            json!({}),
        ));
    }
    resources
}

/// The storage that a database really gets: gp3 has at least 20 GB.
pub(super) fn storage_gb(asked: u32) -> u32 {
    asked.max(20)
}
