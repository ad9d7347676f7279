//! Which attribute's change makes a new resource: what the provider's documentation and source say needs one. A type
//! that is not here is always updated in place.

/// Types and their attributes.
pub(super) const REPLACES: &[(&str, &[&str])] = &[
    ("linode_database_postgresql_v2", &["region"]),
    (
        "linode_instance",
        &[
            "authorized_keys",
            "authorized_users",
            "image",
            "metadata",
            "root_pass",
            "firewall_id",
            "interface_generation",
        ],
    ),
    ("linode_nodebalancer", &["region"]),
    ("linode_nodebalancer_config", &["nodebalancer_id"]),
    ("linode_nodebalancer_node", &["nodebalancer_id", "config_id"]),
    ("linode_object_storage_bucket", &["cluster", "label", "region"]),
    ("linode_object_storage_key", &["bucket_access"]),
    ("linode_vpc", &["region"]),
    ("linode_vpc_subnet", &["ipv4", "vpc_id"]),
];
