//! Resource groups, identities, and who may do what.

use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

/// Azure's words, by the provider, for a name that is taken.
pub(super) const ALREADY_EXISTS: &str = "a resource with the ID {id} already exists - to be managed via Terraform this \
                                         resource needs to be imported into the State";

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "azurerm_resource_group",
        computed: &[(
            "id",
            "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{name}",
        )],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_user_assigned_identity",
        computed: &[
            (
                "id",
                "/subscriptions/00000000-0000-4000-8000-{account}/resourceGroups/{resource_group_name}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
            ),
            ("principal_id", "{uuid}"),
            ("client_id", "{principal_id}"),
            ("tenant_id", "00000000-0000-4000-9000-{account}"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_role_assignment",
        computed: &[
            ("name", "{uuid}"),
            (
                "id",
                "{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
            ),
            (
                "role_definition_id",
                "/providers/Microsoft.Authorization/roleDefinitions/{#role_definition_name}",
            ),
            ("principal_type", "ServicePrincipal"),
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "azurerm_management_lock",
        computed: &[("id", "{scope}/providers/Microsoft.Authorization/locks/{name}")],
        unique: Some(UniqueName {
            name: "{id}",
            error: ALREADY_EXISTS,
        }),
        ..PLAIN
    },
];
