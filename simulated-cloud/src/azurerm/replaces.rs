//! Which attribute's change makes a new resource: "Changing this forces a new resource to be created" in the provider's
//! documentation. A type that is not here is always updated in place.

/// Types and their attributes.
pub(super) const REPLACES: &[(&str, &[&str])] = &[
    (
        "azurerm_application_gateway",
        &["location", "name", "resource_group_name", "zones"],
    ),
    (
        "azurerm_lb",
        &["location", "name", "resource_group_name", "sku", "edge_zone"],
    ),
    ("azurerm_lb_backend_address_pool", &["loadbalancer_id", "name"]),
    ("azurerm_lb_probe", &["loadbalancer_id", "name"]),
    ("azurerm_lb_rule", &["loadbalancer_id", "name"]),
    (
        "azurerm_management_lock",
        &["lock_level", "name", "notes", "scope"],
    ),
    (
        "azurerm_monitor_autoscale_setting",
        &["location", "name", "resource_group_name", "target_resource_id"],
    ),
    (
        "azurerm_nat_gateway",
        &["location", "name", "resource_group_name", "sku_name", "zones"],
    ),
    (
        "azurerm_nat_gateway_public_ip_association",
        &["nat_gateway_id", "public_ip_address_id"],
    ),
    (
        "azurerm_network_security_group",
        &["location", "name", "resource_group_name"],
    ),
    (
        "azurerm_network_security_rule",
        &["name", "network_security_group_name", "resource_group_name"],
    ),
    (
        "azurerm_orchestrated_virtual_machine_scale_set",
        &[
            "location",
            "name",
            "resource_group_name",
            "platform_fault_domain_count",
            "upgrade_mode",
            "zone_balance",
            "extension_operations_enabled",
            "priority",
        ],
    ),
    (
        "azurerm_postgresql_flexible_server",
        &[
            "administrator_login",
            "create_mode",
            "delegated_subnet_id",
            "geo_redundant_backup_enabled",
            "location",
            "name",
            "resource_group_name",
            "source_server_id",
        ],
    ),
    (
        "azurerm_postgresql_flexible_server_database",
        &["charset", "collation", "name", "server_id"],
    ),
    ("azurerm_private_dns_zone", &["name", "resource_group_name"]),
    (
        "azurerm_private_dns_zone_virtual_network_link",
        &["name", "private_dns_zone_id", "virtual_network_id"],
    ),
    (
        "azurerm_public_ip",
        &[
            "edge_zone",
            "ip_version",
            "location",
            "name",
            "resource_group_name",
            "sku",
            "zones",
        ],
    ),
    ("azurerm_resource_group", &["location", "name"]),
    (
        "azurerm_role_assignment",
        &[
            "name",
            "principal_id",
            "role_definition_id",
            "role_definition_name",
            "scope",
        ],
    ),
    (
        "azurerm_storage_account",
        &[
            "account_kind",
            "account_tier",
            "location",
            "name",
            "resource_group_name",
        ],
    ),
    ("azurerm_storage_container", &["name", "storage_account_id"]),
    (
        "azurerm_subnet",
        &["name", "resource_group_name", "virtual_network_name"],
    ),
    (
        "azurerm_subnet_nat_gateway_association",
        &["nat_gateway_id", "subnet_id"],
    ),
    (
        "azurerm_subnet_network_security_group_association",
        &["network_security_group_id", "subnet_id"],
    ),
    (
        "azurerm_user_assigned_identity",
        &["location", "name", "resource_group_name"],
    ),
    (
        "azurerm_virtual_network",
        &["location", "name", "resource_group_name"],
    ),
];
