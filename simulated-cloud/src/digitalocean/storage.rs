//! Spaces: buckets and their keys.

use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "digitalocean_spaces_bucket",
        computed: &[
            ("id", "{name}"),
            ("urn", "do:space:{name}"),
            ("endpoint", "{region}.spaces.simulated.example"),
            ("bucket_domain_name", "{name}.{endpoint}"),
        ],
        key: "{name}",
        import: &["{region},{name}"],
        unique: Some(UniqueName {
            name: "{region}/{name}",
            error: "Error creating Space bucket: BucketAlreadyExists: {name}",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_spaces_key",
        computed: &[
            ("access_key", "DO00{digits}"),
            ("id", "{access_key}"),
            ("secret_key", "{hex}{hex16}"),
            ("created_at", "{now}"),
        ],
        ..PLAIN
    },
];
