//! Storage accounts and their containers.

use super::group::ALREADY_EXISTS;
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "azurerm_storage_account",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.Storage/storageAccounts/{name}",
            ),
            ("access_tier", "Hot"),
            ("large_file_share_enabled", "true"),
            ("primary_location", "{location}"),
            ("secondary_location", ""),
            ("primary_access_key", "{hex}{hex16}"),
            ("secondary_access_key", "{hex16}{hex}"),
            ("primary_blob_host", "{name}.blob.core.simulated.example"),
            ("primary_blob_endpoint", "https://{primary_blob_host}/"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_storage_container",
        computed: &[
            (
                "id",
                "{storage_account_id}/blobServices/default/containers/{name}",
            ),
            ("default_encryption_scope", "$account-encryption-key"),
            ("has_immutability_policy", "false"),
            ("has_legal_hold", "false"),
            ("url", "{storage_account_id}/{name}"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
];
