//! Networks, rules, addresses, ways out.

use super::group::ALREADY_EXISTS;
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "azurerm_virtual_network",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/virtualNetworks/{name}",
            ),
            ("guid", "{uuid}"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_subnet",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/virtualNetworks/{virtual_network_name}/subnets/{name}",
            ),
            ("network_security_group_id", ""),
            ("route_table_id", ""),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_network_security_group",
        computed: &[(
            "id",
            "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/networkSecurityGroups/{name}",
        )],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_network_security_rule",
        computed: &[(
            "id",
            "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/networkSecurityGroups/{network_security_group_name}/securityRules/{name}",
        )],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_subnet_network_security_group_association",
        computed: &[("id", "{subnet_id}")],
        key: "{subnet_id}",
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_subnet_nat_gateway_association",
        computed: &[("id", "{subnet_id}")],
        key: "{subnet_id}",
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_public_ip",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/publicIPAddresses/{name}",
            ),
            ("ip_address", "203.0.113.{octet}"),
            (
                "fqdn",
                "{domain_name_label}.{location}.cloudapp.simulated.example",
            ),
            ("fqdn", ""),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_nat_gateway",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/natGateways/{name}",
            ),
            ("resource_guid", "{uuid}"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_nat_gateway_public_ip_association",
        computed: &[("id", "{nat_gateway_id}|{public_ip_address_id}")],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_private_dns_zone",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/privateDnsZones/{name}",
            ),
            ("max_number_of_record_sets", "25000"),
            ("max_number_of_virtual_network_links", "1000"),
            ("max_number_of_virtual_network_links_with_registration", "100"),
            ("number_of_record_sets", "1"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_private_dns_zone_virtual_network_link",
        computed: &[
            ("id", "{private_dns_zone_id}/virtualNetworkLinks/{name}"),
            ("resolution_policy", "Default"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
];
