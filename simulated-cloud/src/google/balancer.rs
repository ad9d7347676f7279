//! Load balancers, of their many parts.

use super::{CREATED, POLICY, PROJECT};
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "google_compute_health_check",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/healthChecks/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("type", "HTTP"),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating HealthCheck: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_backend_service",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/backendServices/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("generated_id", "{digits}"),
            ("port_name", "http"),
            ("protocol", "HTTP"),
            ("session_affinity", "NONE"),
            ("timeout_sec", "30"),
            ("fingerprint", "{hex16}"),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating BackendService: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_url_map",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/urlMaps/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("map_id", "{digits}"),
            ("fingerprint", "{hex16}"),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating UrlMap: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_target_http_proxy",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/targetHttpProxies/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("proxy_id", "{digits}"),
            ("fingerprint", "{hex16}"),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating TargetHttpProxy: googleapi: Error 409: The resource '{id}' already \
                    exists, alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_target_https_proxy",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/targetHttpsProxies/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            ("proxy_id", "{digits}"),
            ("tls_early_data", "DISABLED"),
            ("fingerprint", "{hex16}"),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating TargetHttpsProxy: googleapi: Error 409: The resource '{id}' already \
                    exists, alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_ssl_policy",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/sslPolicies/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            CREATED,
            POLICY,
            (
                "enabled_features",
                "TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384,TLS_CHACHA20_POLY1305_SHA256",
            ),
            ("fingerprint", "{hex16}"),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating SslPolicy: googleapi: Error 409: The resource '{id}' already exists, \
                    alreadyExists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_compute_global_forwarding_rule",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/global/forwardingRules/{name}"),
            ("self_link", "https://compute.simulated.example/compute/v1/{id}"),
            POLICY,
            ("forwarding_rule_id", "{digits}"),
            ("base_forwarding_rule", ""),
            ("ip_address", "203.0.113.{octet}"),
            ("ip_protocol", "TCP"),
            ("network_tier", "PREMIUM"),
            ("label_fingerprint", "{hex16}"),
            ("network", ""),
            ("subnetwork", ""),
            ("psc_connection_id", ""),
            ("psc_connection_status", ""),
        ],
        import: &["{project}/{name}", "{name}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating GlobalForwardingRule: googleapi: Error 409: The resource '{id}' already \
                    exists, alreadyExists",
        }),
        slow: true,
        ..PLAIN
    },
];
