//! Which attribute's change makes a new resource: "Forces new resource" in the provider's documentation. A type that
//! is not here is always updated in place.

/// Types and their attributes.
pub(super) const REPLACES: &[(&str, &[&str])] = &[
    (
        "digitalocean_database_cluster",
        &["engine", "name", "backup_restore"],
    ),
    ("digitalocean_database_db", &["cluster_id", "name"]),
    ("digitalocean_database_firewall", &["cluster_id"]),
    (
        "digitalocean_database_replica",
        &["cluster_id", "name", "region", "private_network_uuid", "tags"],
    ),
    (
        "digitalocean_droplet",
        &[
            "image",
            "region",
            "ssh_keys",
            "user_data",
            "vpc_uuid",
            "droplet_agent",
        ],
    ),
    (
        "digitalocean_loadbalancer",
        &["region", "vpc_uuid", "type", "network"],
    ),
    ("digitalocean_project_resources", &["project"]),
    ("digitalocean_spaces_bucket", &["name", "region"]),
    ("digitalocean_tag", &["name"]),
    ("digitalocean_vpc", &["ip_range", "region"]),
];
