//! Scale sets, balancers and gateways.

use super::group::ALREADY_EXISTS;
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "azurerm_orchestrated_virtual_machine_scale_set",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}",
            ),
            ("unique_id", "{uuid}"),
            ("instances", "1"),
            ("single_placement_group", "false"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_monitor_autoscale_setting",
        computed: &[(
            "id",
            "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Insights/autoScaleSettings/{name}",
        )],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_lb",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/loadBalancers/{name}",
            ),
            ("private_ip_address", ""),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_lb_backend_address_pool",
        computed: &[("id", "{loadbalancer_id}/backendAddressPools/{name}")],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_lb_probe",
        computed: &[("id", "{loadbalancer_id}/probes/{name}")],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_lb_rule",
        computed: &[
            ("id", "{loadbalancer_id}/loadBalancingRules/{name}"),
            (
                "frontend_ip_configuration_id",
                "{loadbalancer_id}/frontendIPConfigurations/{frontend_ip_configuration_name}",
            ),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_application_gateway",
        computed: &[(
            "id",
            "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Network/applicationGateways/{name}",
        )],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        slow: true,
        ..PLAIN
    },
];
