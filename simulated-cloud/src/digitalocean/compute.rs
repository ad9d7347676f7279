//! Droplets, pools of them, and balancers.

use crate::facts::{Recomputed, ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "digitalocean_droplet",
        computed: &[
            ("id", "{digits:9}"),
            ("urn", "do:droplet:{id}"),
            ("region", "{region}"),
            ("created_at", "{now}"),
            ("disk", "50"),
            ("memory", "2048"),
            ("vcpus", "1"),
            ("ipv4_address", "203.0.113.{octet}"),
            ("ipv4_address_private", "10.20.0.{octet}"),
            ("ipv6_address", ""),
            ("locked", "false"),
            ("price_hourly", "0.01786"),
            ("price_monthly", "12"),
            ("private_networking", "true"),
            ("public_networking", "true"),
            ("status", "active"),
        ],
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        // The pool's Droplets are its own: they stand in no state and in no file here.
        type_name: "digitalocean_droplet_autoscale",
        computed: &[
            ("id", "{uuid}"),
            ("created_at", "{now}"),
            ("updated_at", "{now}"),
            ("status", "active"),
        ],
        slow: true,
        recomputed: &[("updated_at", Recomputed::WithAnyBut(&[]))],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_loadbalancer",
        computed: &[
            ("id", "{uuid}"),
            ("urn", "do:loadbalancer:{id}"),
            ("ip", "198.51.100.{octet}"),
            ("ipv6", ""),
            ("status", "active"),
            ("type", "REGIONAL"),
            ("size_unit", "1"),
            ("http_idle_timeout_seconds", "60"),
            ("subnet_uuid", ""),
        ],
        unique: Some(UniqueName {
            name: "{name}",
            error: "Error creating Load Balancer: POST https://api.digitalocean.com/v2/load_balancers: 422 name is \
                    already in use",
        }),
        slow: true,
        ..PLAIN
    },
];
