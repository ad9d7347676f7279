//! What costs money on Azure, by the attributes of its resources, and what the modules make of it.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    price::{Component, Resource, Resources},
    provider::SizeFacts,
    specification::{Database, SiteSpecification},
};

/// Types that cost nothing by themselves.
const FREE: &[&str] = &[
    "azurerm_lb_backend_address_pool",
    "azurerm_lb_probe",
    "azurerm_lb_rule",
    "azurerm_management_lock",
    // Its fewest instances are the scale set's price.
    "azurerm_monitor_autoscale_setting",
    "azurerm_nat_gateway_public_ip_association",
    "azurerm_network_security_group",
    "azurerm_network_security_rule",
    "azurerm_postgresql_flexible_server_database",
    "azurerm_private_dns_zone_virtual_network_link",
    "azurerm_resource_group",
    "azurerm_role_assignment",
    "azurerm_storage_container",
    "azurerm_subnet",
    "azurerm_subnet_nat_gateway_association",
    "azurerm_subnet_network_security_group_association",
    "azurerm_user_assigned_identity",
    "azurerm_virtual_network",
    // Stands in the state alone.
    "terraform_data",
];

/// Premium disks by the GB that they hold at most. Source: Azure's documentation, "Premium SSD size", 2026-11.
const PREMIUM_DISKS: &[(u32, &str)] = &[(32, "P4"), (64, "P6"), (128, "P10"), (256, "P15")];

/// Storage that a server can have, in GB. Source: as in the `site` module's size table.
const STORAGE_STEPS: &[u32] = &[32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];

/// The parts of a resource's price; `None` for a type that is not known.
pub(super) fn components(resource: &Resource, all: &Resources) -> Option<Vec<Component>> {
    Some(match resource.resource_type.as_str() {
        "azurerm_orchestrated_virtual_machine_scale_set" => instances(resource, all),
        "azurerm_public_ip" => vec![Component::fixed("Public addresses", "public_ip", 1)],
        "azurerm_nat_gateway" => vec![
            Component::fixed("NAT gateway", "nat_gateway", 1),
            Component::by_use("NAT gateway, traffic", "nat_gateway_traffic"),
        ],
        "azurerm_lb" => vec![
            Component::fixed("Load balancer", "load_balancer", 1),
            Component::by_use("Load balancer, traffic", "load_balancer_capacity"),
        ],
        "azurerm_application_gateway" => vec![
            Component::fixed("Application Gateway", "application_gateway", 1),
            Component::of(
                "Application Gateway, least capacity",
                "application_gateway_capacity",
                resource.number("/autoscale_configuration/0/min_capacity"),
                "min_capacity",
            ),
        ],
        "azurerm_postgresql_flexible_server" => database(resource),
        "azurerm_private_dns_zone" => vec![Component::fixed("Private DNS zone", "private_dns_zone", 1)],
        "azurerm_storage_account" => {
            let kept = match resource.text("/account_replication_type") {
                Some("ZRS") => "object_storage/zrs",
                _ => "object_storage",
            };
            vec![
                Component::by_use("Objects kept", kept),
                Component::by_use("Objects written", "object_storage_requests"),
            ]
        }
        free if FREE.contains(&free) => Vec::new(),
        _ => return None,
    })
}

/// A set is priced at its smallest: more instances are use.
fn instances(set: &Resource, all: &Resources) -> Vec<Component> {
    let count = all
        .of("azurerm_monitor_autoscale_setting")
        .next()
        .and_then(|setting| setting.number("/profile/0/capacity/0/minimum"))
        .or_else(|| set.number("/instances"));
    let disk = set
        .number("/os_disk/0/disk_size_gb")
        .and_then(|gb| PREMIUM_DISKS.iter().find(|(most, _)| gb <= Decimal::from(*most)));
    vec![
        match set.text("/sku_name") {
            Some(kind) => Component::of("Instances", format!("instance/{kind}"), count, "minimum"),
            None => Component::unknown("Instances", "sku_name"),
        },
        match disk {
            Some((_, kind)) => {
                Component::of("Disks of the instances", format!("disk/{kind}"), count, "minimum")
            }
            None => Component::unknown("Disks of the instances", "disk_size_gb"),
        },
        Component::by_use("Traffic to the internet", "egress"),
    ]
}

fn database(server: &Resource) -> Vec<Component> {
    let replica = server.text("/create_mode") == Some("Replica");
    let has_standby = server
        .values
        .pointer("/high_availability/0/mode")
        .is_some_and(Value::is_string);
    // A standby is a server of the same type with storage of its own.
    let servers = if has_standby { Decimal::TWO } else { Decimal::ONE };
    let (label, storage_label) = match (replica, has_standby) {
        (true, _) => ("Database replica", "Database replica, storage"),
        (false, true) => ("Database and standby", "Database storage with standby's"),
        (false, false) => ("Database", "Database storage"),
    };
    let storage_gb = server.number("/storage_mb").map(|mb| mb / Decimal::from(1024));
    let mut parts = vec![
        match server.text("/sku_name") {
            Some(kind) => Component::fixed(label, format!("database/{kind}"), servers),
            None => Component::unknown(label, "sku_name"),
        },
        Component::of(
            storage_label,
            "database_storage",
            storage_gb.map(|gb| gb * servers),
            "storage_mb",
        ),
    ];
    if !replica {
        parts.push(Component::by_use(
            "Backups beyond the database's size",
            "database_backup",
        ));
    }
    parts
}

/// The storage that a database really gets.
pub(super) fn storage_gb(asked: u32) -> u32 {
    STORAGE_STEPS
        .iter()
        .copied()
        .find(|step| *step >= asked)
        .unwrap_or(asked)
}

/// The type of server that a database really gets: a burstable one can have neither standby nor replica.
pub(super) fn server_type(database: &Database, size: &SizeFacts) -> &'static str {
    let has_others = database.high_availability || database.read_replica;
    if has_others && size.database_type.starts_with("B_") {
        "GP_Standard_D2ds_v5"
    } else {
        size.database_type
    }
}

/// Everything with a price that the modules make for a specification, as a plan would show it.
pub(super) fn expected_resources(specification: &SiteSpecification, size: &SizeFacts) -> Vec<Resource> {
    let mut resources = vec![
        Resource::expected(
            "module.compute.azurerm_orchestrated_virtual_machine_scale_set.this",
            "azurerm_orchestrated_virtual_machine_scale_set",
            json!({"sku_name": size.instance_type, "os_disk": [{"disk_size_gb": 64}]}),
        ),
        Resource::expected(
            "module.compute.azurerm_monitor_autoscale_setting.this",
            "azurerm_monitor_autoscale_setting",
            json!({"profile": [{"capacity": [{"minimum": specification.scaling.min}]}]}),
        ),
        Resource::expected(
            "module.networking.azurerm_public_ip.outbound",
            "azurerm_public_ip",
            json!({}),
        ),
        Resource::expected(
            "module.networking.azurerm_nat_gateway.this",
            "azurerm_nat_gateway",
            json!({}),
        ),
        Resource::expected(
            if specification.certificate.is_some() {
                "module.compute.azurerm_public_ip.gateway[0]"
            } else {
                "module.compute.azurerm_public_ip.balancer[0]"
            },
            "azurerm_public_ip",
            json!({}),
        ),
    ];
    resources.push(if specification.certificate.is_some() {
        Resource::expected(
            "module.compute.azurerm_application_gateway.this[0]",
            "azurerm_application_gateway",
            json!({"autoscale_configuration": [{"min_capacity": 1}]}),
        )
    } else {
        Resource::expected("module.compute.azurerm_lb.this[0]", "azurerm_lb", json!({}))
    });
    if let Some(database) = &specification.database {
        let storage_mb = u64::from(storage_gb(database.storage_gb)) * 1024;
        let server = server_type(database, size);
        resources.push(Resource::expected(
            "module.database[0].azurerm_private_dns_zone.this",
            "azurerm_private_dns_zone",
            json!({}),
        ));
        let standby = database
            .high_availability
            .then(|| json!([{"mode": "ZoneRedundant"}]));
        resources.push(Resource::expected(
            "module.database[0].azurerm_postgresql_flexible_server.this",
            "azurerm_postgresql_flexible_server",
            json!({"sku_name": server, "storage_mb": storage_mb, "high_availability": standby}),
        ));
        if database.read_replica {
            resources.push(Resource::expected(
                "module.database[0].azurerm_postgresql_flexible_server.replica[0]",
                "azurerm_postgresql_flexible_server",
                json!({"sku_name": server, "storage_mb": storage_mb, "create_mode": "Replica"}),
            ));
        }
    }
    if specification.storage.is_some() {
        let zonal = !super::WITHOUT_ZONES.contains(&specification.region.as_str());
        resources.push(Resource::expected(
            "module.storage[0].azurerm_storage_account.this",
            "azurerm_storage_account",
            json!({"account_replication_type": if zonal { "ZRS" } else { "LRS" }}),
        ));
    }
    resources
}
