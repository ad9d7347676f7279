//! Networks, what is in them and their ways out.

use super::{CREATED, POLICY, PROJECT};
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "google_compute_network",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/networks/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            POLICY,
            ("network_id", "{digits}"),
            ("numeric_id", "{network_id}"),
            ("routing_mode", "REGIONAL"),
            ("mtu", "1460"),
            ("bgp_best_path_selection_mode", "LEGACY"),
            ("bgp_inter_region_cost", "DEFAULT"),
            ("internal_ipv6_range", ""),
            ("gateway_ipv4", ""),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating Network: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_subnetwork",
        computed: &[
            PROJECT,
            ("region", "{region}"),
            ("id", "projects/{project}/regions/{region}/subnetworks/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("subnetwork_id", "{digits}"),
            ("gateway_address", "10.0.0.1"),
            ("purpose", "PRIVATE"),
            ("stack_type", "IPV4_ONLY"),
            ("private_ip_google_access", "false"),
            ("private_ipv6_google_access", "DISABLE_GOOGLE_ACCESS"),
            ("state", "READY"),
            ("fingerprint", "{hex16}"),
            ("ipv6_cidr_range", ""),
            ("ipv6_gce_endpoint", ""),
            ("external_ipv6_prefix", ""),
            ("internal_ipv6_prefix", ""),
        ],
        import: &["{project}/{region}/{name}", "{region}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating Subnetwork: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_firewall",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/firewalls/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("direction", "INGRESS"),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating Firewall: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_router",
        computed: &[
            PROJECT,
            ("region", "{region}"),
            ("id", "projects/{project}/regions/{region}/routers/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
        ],
        import: &["{project}/{region}/{name}", "{region}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating Router: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_router_nat",
        computed: &[
            PROJECT,
            ("region", "{region}"),
            ("id", "{project}/{region}/{router}/{name}"),
            POLICY,
            ("auto_network_tier", "PREMIUM"),
            ("endpoint_types", "ENDPOINT_TYPE_VM"),
            ("min_ports_per_vm", "64"),
        ],
        import: &[
            "projects/{project}/regions/{region}/routers/{router}/{name}",
            "{region}/{router}/{name}",
            "{router}/{name}",
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating RouterNat: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_global_address",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/addresses/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("address", "203.0.113.{octet}"),
            ("label_fingerprint", "{hex16}"),
            ("prefix_length", "0"),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating GlobalAddress: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_service_networking_connection",
        computed: &[
            ("id", "{network}:{service}"),
            ("peering", "servicenetworking-googleapis-com"),
            POLICY,
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error waiting for Create Service Networking Connection: Error code 9, message: Cannot \
                    modify allocated ranges in CreateConnection. Please use UpdateConnection.",
        }),
        slow: true,
        ..PLAIN
    },
];
