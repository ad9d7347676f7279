//! Object storage: buckets and keys.

use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "linode_object_storage_bucket",
        computed: &[
            ("id", "{region}:{label}"),
            ("cluster", "{region}-1"),
            ("region", "{region}"),
            ("endpoint_type", "E1"),
            ("s3_endpoint", "{region}-1.objects.simulated.example"),
            ("endpoint", "{s3_endpoint}"),
            ("hostname", "{label}.{s3_endpoint}"),
            ("cors_enabled", "false"),
            ("versioning", "false"),
        ],
        unique: Some(UniqueName {
            name: "{region}/{label}",
            error: "Failed to create Object Storage Bucket: [400] [label] Bucket name is already in use",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "linode_object_storage_key",
        computed: &[
            ("id", "{digits:6}"),
            ("access_key", "SIM{digits}"),
            ("secret_key", "{hex}{hex16}"),
            ("limited", "true"),
            ("regions", "{region}"),
        ],
        ..PLAIN
    },
];
