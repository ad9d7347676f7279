//! Managed databases.

use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "digitalocean_database_cluster",
        computed: &[
            ("id", "{uuid}"),
            ("urn", "do:dbaas:{id}"),
            ("database", "defaultdb"),
            ("user", "doadmin"),
            ("password", "AVNS_{hex16}"),
            ("port", "25060"),
            ("host", "{name}-do-user-1234567-0.{#id}.db.simulated.example"),
            ("private_host", "private-{host}"),
            (
                "uri",
                "postgresql://{user}:{password}@{host}:{port}/{database}?sslmode=require",
            ),
            (
                "private_uri",
                "postgresql://{user}:{password}@{private_host}:{port}/{database}?sslmode=require",
            ),
            ("storage_size_mib", "30720"),
            ("ui_database", ""),
            ("ui_host", ""),
            ("ui_password", ""),
            ("ui_port", "0"),
            ("ui_uri", ""),
            ("ui_user", ""),
        ],
        unique: Some(UniqueName {
            name: "{name}",
            error: "Error creating database cluster: POST https://api.digitalocean.com/v2/databases: 422 cluster name \
                    is not available",
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_database_replica",
        computed: &[
            ("uuid", "{uuid}"),
            ("id", "{cluster_id}/replicas/{name}"),
            ("database", "defaultdb"),
            ("user", "doadmin"),
            ("password", "AVNS_{hex16}"),
            ("port", "25060"),
            ("host", "{name}-do-user-1234567-0.{#uuid}.db.simulated.example"),
            ("private_host", "private-{host}"),
            (
                "uri",
                "postgresql://{user}:{password}@{host}:{port}/{database}?sslmode=require",
            ),
            (
                "private_uri",
                "postgresql://{user}:{password}@{private_host}:{port}/{database}?sslmode=require",
            ),
            ("storage_size_mib", "30720"),
        ],
        import: &["{cluster_id},{name}"],
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_database_firewall",
        computed: &[("id", "{cluster_id}-{stamp}")],
        import: &["{cluster_id}"],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "digitalocean_database_db",
        computed: &[("id", "{cluster_id}/database/{name}")],
        import: &["{cluster_id},{name}"],
        unique: Some(UniqueName {
            name: "{cluster_id}/{name}",
            error: "Error creating Database DB: 422 database name is not available",
        }),
        ..PLAIN
    },
];
