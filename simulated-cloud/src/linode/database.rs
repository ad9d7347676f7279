//! Managed databases.

use crate::facts::{Recomputed, ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[ResourceFacts {
    type_name: "linode_database_postgresql_v2",
    computed: &[
        ("id", "{digits:6}"),
        (
            "host_primary",
            "private-a{id}-akamai-prod.{#id}.db.simulated.example",
        ),
        (
            "host_standby",
            "private-replica-a{id}-akamai-prod.{#id}.db.simulated.example",
        ),
        ("host_secondary", "{host_standby}"),
        ("port", "15432"),
        ("root_username", "akmadmin"),
        ("root_password", "AVNS_{hex16}"),
        ("ca_cert", "-----BEGIN CERTIFICATE-----"),
        ("cluster_size", "1"),
        ("created", "{now}"),
        ("updated", "{now}"),
        ("encrypted", "true"),
        ("engine", "postgresql"),
        ("version", "16.9"),
        ("platform", "rdbms-default"),
        ("ssl_connection", "true"),
        ("status", "active"),
        ("suspended", "false"),
        ("oldest_restore_time", "{now}"),
        ("fork_restore_time", ""),
    ],
    unique: Some(UniqueName {
        name: "{label}",
        error: "Failed to create PostgreSQL database: [400] [label] Label must be unique among your databases",
    }),
    slow: true,
    recomputed: &[("updated", Recomputed::WithAnyBut(&[]))],
    ..PLAIN
}];
