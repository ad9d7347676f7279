//! Networks and firewalls.

use crate::facts::{Recomputed, ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

const MADE: (&str, &str) = ("created", "{now}");
const CHANGED: (&str, &str) = ("updated", "{now}");

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "linode_vpc",
        computed: &[("id", "{digits:6}"), ("description", ""), MADE, CHANGED],
        unique: Some(UniqueName {
            name: "{label}",
            error: "Failed to create VPC: [400] [label] Label must be unique among your VPCs",
        }),
        recomputed: &[("updated", Recomputed::WithAnyBut(&[]))],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "linode_vpc_subnet",
        computed: &[("id", "{digits:6}"), MADE, CHANGED],
        import: &["{vpc_id},{id}"],
        unique: Some(UniqueName {
            name: "{vpc_id}/{label}",
            error: "Failed to create VPC subnet: [400] [label] Label must be unique among the VPC's subnets",
        }),
        recomputed: &[("updated", Recomputed::WithAnyBut(&[]))],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "linode_firewall",
        computed: &[
            ("id", "{digits:7}"),
            ("disabled", "false"),
            ("status", "enabled"),
            MADE,
            CHANGED,
        ],
        unique: Some(UniqueName {
            name: "{label}",
            error: "Failed to create Firewall: [400] [label] Label must be unique among your Cloud Firewalls",
        }),
        recomputed: &[("updated", Recomputed::WithAnyBut(&[]))],
        ..PLAIN
    },
];
