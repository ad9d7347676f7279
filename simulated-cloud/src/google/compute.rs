//! Machines and their groups.

use super::{CREATED, POLICY, PROJECT};
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "google_compute_region_instance_template",
        computed: &[
            PROJECT,
            ("region", "{region}"),
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("name_prefix", ""),
            (
                "id",
                "projects/{project}/regions/{region}/instanceTemplates/{name}",
            ),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("numeric_id", "{digits}"),
            ("metadata_fingerprint", "{hex16}"),
            ("tags_fingerprint", "{hex16}"),
        ],
        import: &["{project}/{region}/{name}", "{region}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating RegionInstanceTemplate: googleapi: Error 409: The resource '{id}' already \
                    exists, alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_region_instance_group_manager",
        computed: &[
            PROJECT,
            ("region", "{region}"),
            (
                "id",
                "projects/{project}/regions/{region}/instanceGroupManagers/{name}",
            ),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            (
                "instance_group",
                "https://compute.simulated.example/compute/v1/projects/{project}/regions/{region}/instanceGroups/{name}",
            ),
            ("instance_group_manager_id", "{digits}"),
            ("distribution_policy_target_shape", "EVEN"),
            ("distribution_policy_zones", "{region}-a,{region}-b,{region}-c"),
            ("target_size", "0"),
            ("fingerprint", "{hex16}"),
        ],
        import: &["{project}/{region}/{name}", "{region}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating RegionInstanceGroupManager: googleapi: Error 409: The resource '{id}' \
                    already exists, alreadyExists",
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_region_autoscaler",
        computed: &[
            PROJECT,
            ("region", "{region}"),
            ("id", "projects/{project}/regions/{region}/autoscalers/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
        ],
        import: &["{project}/{region}/{name}", "{region}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating RegionAutoscaler: googleapi: Error 409: The resource '{id}' already \
                    exists, alreadyExists",
        }),
        ..PLAIN
    },
];
