//! Networks, firewalls, tags, and the projects that hold a site together.

use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "digitalocean_project",
        computed: &[
            ("id", "{uuid}"),
            ("created_at", "{now}"),
            ("updated_at", "{now}"),
            ("owner_id", "1234567"),
            ("owner_uuid", "{uuid}"),
            ("resources", ""),
        ],
        unique: Some(UniqueName {
            name: "{name}",
            error: "Error creating Project: POST https://api.digitalocean.com/v2/projects: 409 name is already in use",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_project_resources",
        computed: &[("id", "{project}")],
        key: "{project}",
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_tag",
        computed: &[
            ("id", "{name}"),
            ("databases_count", "0"),
            ("droplets_count", "0"),
            ("images_count", "0"),
            ("total_resource_count", "0"),
            ("volume_snapshots_count", "0"),
            ("volumes_count", "0"),
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_vpc",
        computed: &[
            ("id", "{uuid}"),
            ("urn", "do:vpc:{id}"),
            ("ip_range", "10.{octet}.0.0/20"),
            ("created_at", "{now}"),
            ("default", "false"),
        ],
        unique: Some(UniqueName {
            name: "{ip_range}",
            error: "Error creating VPC: POST https://api.digitalocean.com/v2/vpcs: 422 This range/size overlaps with \
                    another VPC network in your account: {ip_range}",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_firewall",
        computed: &[("id", "{uuid}"), ("created_at", "{now}"), ("status", "succeeded")],
        unique: Some(UniqueName {
            name: "{name}",
            error: "Error creating firewall: POST https://api.digitalocean.com/v2/firewalls: 409 duplicate name",
        }),
        ..PLAIN
    },
];
