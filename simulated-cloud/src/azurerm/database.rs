//! Managed databases.

use super::group::ALREADY_EXISTS;
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "azurerm_postgresql_flexible_server",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{name}",
            ),
            ("fqdn", "{name}.postgres.database.simulated.example"),
            ("administrator_login", "siteplane"),
            ("backup_retention_days", "7"),
            ("sku_name", "GP_Standard_D2ds_v5"),
            ("storage_mb", "32768"),
            ("storage_tier", "P4"),
            ("version", "16"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_postgresql_flexible_server_database",
        computed: &[("id", "{server_id}/databases/{name}")],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
];
