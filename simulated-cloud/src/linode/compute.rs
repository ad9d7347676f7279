//! Instances and NodeBalancers.

use crate::facts::{Recomputed, ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "linode_instance",
        computed: &[
            ("id", "{digits:8}"),
            ("label", "linode{id}"),
            ("ip_address", "203.0.113.{octet}"),
            ("private_ip_address", "192.168.150.{octet}"),
            ("ipv4", "{ip_address},{private_ip_address}"),
            ("ipv6", "2001:db8::{hex16}/128"),
            ("backups_enabled", "false"),
            ("boot_config_label", "My Ubuntu 24.04 LTS Disk Profile"),
            ("booted", "true"),
            ("capabilities", "SMTP Enabled"),
            ("disk_encryption", "enabled"),
            ("has_user_data", "true"),
            ("host_uuid", "{hex16}{hex16}"),
            ("interface_generation", "legacy_config"),
            ("lke_cluster_id", "0"),
            ("maintenance_policy", "linode/migrate"),
            ("status", "running"),
            ("swap_size", "512"),
        ],
        unique: Some(UniqueName {
            name: "{label}",
            error: "Error creating a Linode Instance: [400] [label] Label must be unique among your linodes",
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "linode_nodebalancer",
        computed: &[
            ("id", "{digits:7}"),
            ("ipv4", "198.51.100.{octet}"),
            ("ipv6", "2001:db8::{hex16}"),
            ("hostname", "nb-{id}.{region}.nodebalancer.simulated.example"),
            ("client_conn_throttle", "0"),
            ("client_udp_sess_throttle", "0"),
            ("region", "{region}"),
            ("created", "{now}"),
            ("updated", "{now}"),
        ],
        unique: Some(UniqueName {
            name: "{label}",
            error: "Failed to create Linode NodeBalancer: [400] [label] Label must be unique among your NodeBalancers",
        }),
        recomputed: &[("updated", Recomputed::WithAnyBut(&[]))],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "linode_nodebalancer_config",
        computed: &[
            ("id", "{digits:7}"),
            ("algorithm", "roundrobin"),
            ("check", "none"),
            ("check_attempts", "3"),
            ("check_body", ""),
            ("check_interval", "5"),
            ("check_passive", "true"),
            ("check_path", ""),
            ("check_timeout", "3"),
            ("cipher_suite", "recommended"),
            ("port", "80"),
            ("protocol", "http"),
            ("proxy_protocol", "none"),
            ("ssl_commonname", ""),
            ("ssl_fingerprint", ""),
            ("stickiness", "none"),
            ("udp_check_port", "80"),
            ("udp_session_timeout", "0"),
        ],
        import: &["{nodebalancer_id},{id}"],
        unique: Some(UniqueName {
            name: "{nodebalancer_id}/{port}",
            error: "Failed to create NodeBalancer config: [400] [port] Port is already in use",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "linode_nodebalancer_node",
        computed: &[
            ("id", "{digits:8}"),
            ("mode", "accept"),
            ("status", "UP"),
            ("vpc_config_id", "0"),
            ("weight", "100"),
        ],
        import: &["{nodebalancer_id},{config_id},{id}"],
        unique: Some(UniqueName {
            name: "{config_id}/{address}",
            error: "Failed to create NodeBalancer node: [400] [address] Address is already in use",
        }),
        ..PLAIN
    },
];
