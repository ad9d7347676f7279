//! Akamai's cloud, which was Linode's and still is called so in its API.

mod price;

use std::sync::LazyLock;

use serde_json::Value;

use super::{AccountAccess, CredentialField, ProviderFacts, RegionFacts, SizeFacts, World, price_book};
use crate::{
    plan::Capabilities,
    price::PriceBook,
    specification::{FieldProblem, SiteSpecification, Size},
};

/// Regions that have networks, metadata and object storage, and the types of the `site` module's size table.
///
/// Sources: Akamai's documentation, "Regions" and "Linode plans", 2026-11.
pub static FACTS: ProviderFacts = ProviderFacts {
    key: "akamai",
    name: "Akamai",
    terraform_source: "registry.terraform.io/linode/linode",
    regions: &[
        RegionFacts::new("us-iad", "Washington, DC", 39, -77),
        RegionFacts::new("us-ord", "Chicago, IL", 42, -88),
        RegionFacts::new("us-sea", "Seattle, WA", 48, -122),
        RegionFacts::new("us-mia", "Miami, FL", 26, -80),
        RegionFacts::new("us-lax", "Los Angeles, CA", 34, -118),
        RegionFacts::new("br-gru", "São Paulo", -24, -47),
        RegionFacts::new("gb-lon", "London 2", 52, 0),
        RegionFacts::new("nl-ams", "Amsterdam", 52, 5),
        RegionFacts::new("fr-par", "Paris", 49, 2),
        RegionFacts::new("de-fra-2", "Frankfurt 2", 50, 9),
        RegionFacts::new("se-sto", "Stockholm", 59, 18),
        RegionFacts::new("it-mil", "Milan", 45, 9),
        RegionFacts::new("es-mad", "Madrid", 40, -4),
        RegionFacts::new("in-maa", "Chennai", 13, 80),
        RegionFacts::new("in-bom-2", "Mumbai 2", 19, 73),
        RegionFacts::new("sg-sin-2", "Singapore 2", 1, 104),
        RegionFacts::new("id-cgk", "Jakarta", -6, 107),
        RegionFacts::new("jp-tyo-3", "Tokyo 3", 36, 140),
        RegionFacts::new("jp-osa", "Osaka", 35, 136),
        RegionFacts::new("au-mel", "Melbourne", -38, 145),
    ],
    sizes: &[
        SizeFacts {
            size: Size::Small,
            instance_type: "g6-standard-1",
            vcpu: 1,
            memory_gib: 2,
            database_type: "g6-standard-1",
        },
        SizeFacts {
            size: Size::Medium,
            instance_type: "g6-standard-2",
            vcpu: 2,
            memory_gib: 4,
            database_type: "g6-standard-2",
        },
        SizeFacts {
            size: Size::Large,
            instance_type: "g6-standard-4",
            vcpu: 4,
            memory_gib: 8,
            database_type: "g6-standard-4",
        },
        SizeFacts {
            size: Size::Xlarge,
            instance_type: "g6-standard-6",
            vcpu: 6,
            memory_gib: 16,
            database_type: "g6-standard-6",
        },
    ],
    credential_fields: &[
        CredentialField {
            name: "token",
            required: true,
        },
        // A NodeBalancer has no store of certificates: the account's own are given to it.
        CredentialField {
            name: "certificate_pem",
            required: false,
        },
        CredentialField {
            name: "certificate_key_pem",
            required: false,
        },
    ],
    option_fields: &[],
    secret_options: &["certificate_pem", "certificate_key_pem"],
    terraform_env,
    import_id,
    problems,
    capabilities,
    price_book: &PRICES,
    components: price::components,
    expected_resources: price::expected_resources,
};

static PRICES: LazyLock<PriceBook> = LazyLock::new(|| price_book(include_str!("../../prices/akamai.json")));

/// Major versions of PostgreSQL that can be made. Source: Akamai's documentation, "Managed Databases", 2026-11.
const ENGINES: &[&str] = &["14", "15", "16", "17"];

/// The disk of a database of each size in GB, which comes with its plan.
/// Source: `GET /v4/linode/types`; as in the `site` module's size table.
fn database_disk_gb(size: Size) -> u32 {
    match size {
        Size::Small => 50,
        Size::Medium => 80,
        Size::Large => 160,
        Size::Xlarge => 320,
    }
}

fn problems(specification: &SiteSpecification) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if let Some(database) = &specification.database {
        if !ENGINES.contains(&database.engine_version.as_str()) {
            problems.push(FieldProblem::new(
                "database.engine_version",
                &database.engine_version,
                format!("on Akamai {}", ENGINES.join(", ")),
            ));
        }
        let disk = database_disk_gb(specification.size);
        if database.storage_gb > disk {
            problems.push(FieldProblem::new(
                "database.storage_gb",
                database.storage_gb,
                format!(
                    "on Akamai at most {disk} for the size {}: storage comes with the size, and larger ones have more",
                    specification.size.as_str()
                ),
            ));
        }
    }
    if touches_private_range(&specification.network_cidr) {
        problems.push(FieldProblem::new(
            "network_cidr",
            &specification.network_cidr,
            "a range outside 192.168.128.0/17, which Akamai uses itself",
        ));
    }
    problems
}

/// Whether a range overlaps 192.168.128.0/17. Source: Akamai's documentation, "VPC", 2026-11.
fn touches_private_range(cidr: &str) -> bool {
    let Some(rest) = cidr.strip_prefix("192.168.") else {
        return false;
    };
    let third = rest.split('.').next().and_then(|part| part.parse::<u8>().ok());
    third.is_some_and(|third| third >= 128) || cidr.ends_with("/16")
}

fn capabilities(specification: &SiteSpecification) -> Capabilities {
    let mut said = Capabilities {
        tags: vec![
            "Network, database and bucket have no tags; their labels have the site's name and id.".to_owned(),
        ],
        ..Capabilities::default()
    };
    let scaling = specification.scaling;
    if scaling.max > scaling.min {
        said.compute.push(format!(
            "There are always {} instances, and never {}: Akamai does not scale by load.",
            scaling.min, scaling.max
        ));
    }
    if specification.certificate.is_some() {
        said.compute.push(
            "A NodeBalancer can't redirect: port 80 serves the site too, and the application redirects by \
             X-Forwarded-Proto."
                .to_owned(),
        );
    }
    said.compute.push(
        "Instances have public addresses for what goes out; the firewall lets nothing in from outside the network."
            .to_owned(),
    );
    if let Some(database) = &specification.database {
        said.database.push(format!(
            "Storage comes with the size: a disk of {} GB, less what the system takes.",
            database_disk_gb(specification.size)
        ));
        said.database.push(format!(
            "Backups are kept as long as the service does, not {} days.",
            database.backup_days
        ));
        if database.read_replica {
            said.database
                .push("The read replica is a standby of a cluster of three.".to_owned());
        }
        said.database
            .push("The service makes the password itself.".to_owned());
        if specification.deletion_protection {
            said.database
                .push("The database can't be protected from deletion.".to_owned());
        }
    }
    if specification.storage.is_some_and(|storage| storage.versioning) {
        said.storage
            .push("Versions that were overwritten or deleted are kept for 90 days.".to_owned());
    }
    said
}

fn terraform_env(access: &AccountAccess<'_>) -> Vec<(String, String)> {
    let mut env = Vec::new();
    if let Some(token) = access.credentials.get("token") {
        env.push(("LINODE_TOKEN".to_owned(), token.clone()));
    }
    match access.world {
        // Only the simulation has a region of its own; each real resource names one.
        World::Simulated => env.push(("LINODE_REGION".to_owned(), access.region.to_owned())),
        World::Emulator => {
            if let Some(url) = access.endpoint_url {
                env.push(("LINODE_URL".to_owned(), url.to_owned()));
            }
        }
        World::Real => {}
    }
    env
}

/// Types whose import id is not the attribute `id`: the parts and what joins them.
///
/// Source: the "Import" section of each resource's page, linode/linode 3.13.
const IMPORT_IDS: &[(&str, &[&str], &str)] = &[
    ("linode_nodebalancer_config", &["nodebalancer_id", "id"], ","),
    (
        "linode_nodebalancer_node",
        &["nodebalancer_id", "config_id", "id"],
        ",",
    ),
    ("linode_object_storage_bucket", &["region", "label"], ":"),
    ("linode_vpc_subnet", &["vpc_id", "id"], ","),
];

fn import_id(resource_type: &str, attributes: &Value) -> Option<String> {
    super::import_id_of(IMPORT_IDS, resource_type, attributes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn site(change: impl FnOnce(&mut Value)) -> SiteSpecification {
        let mut site = json!({
            "name": "shop", "provider": "akamai", "region": "de-fra-2", "size": "small",
            "application": {"image": "nginx:1.29", "port": 80}, "database": {"storage_gb": 50},
        });
        change(&mut site);
        serde_json::from_value(site).unwrap()
    }

    #[test]
    fn what_akamai_can_not_do_is_refused_by_field() {
        type Change = fn(&mut Value);
        assert_eq!(site(|_| {}).problems(), []);
        let cases: &[(Change, &str)] = &[
            (
                |v| v["database"]["engine_version"] = json!("18"),
                "database.engine_version",
            ),
            (|v| v["database"]["storage_gb"] = json!(51), "database.storage_gb"),
            (|v| v["network_cidr"] = json!("192.168.128.0/20"), "network_cidr"),
            (|v| v["network_cidr"] = json!("192.168.0.0/16"), "network_cidr"),
        ];
        for (change, field) in cases {
            let problems = site(change).problems();
            assert_eq!(problems.len(), 1, "{field}: {problems:?}");
            assert_eq!(problems[0].field, *field);
        }
        let larger = site(|v| {
            v["size"] = json!("medium");
            v["database"]["storage_gb"] = json!(80);
            v["network_cidr"] = json!("192.168.64.0/18");
        });
        assert_eq!(larger.problems(), []);
    }

    #[test]
    fn an_import_id_is_made_of_the_parts_that_the_provider_asks_for() {
        let node = json!({"id": "3", "nodebalancer_id": 1, "config_id": 2});
        assert_eq!(
            import_id("linode_nodebalancer_node", &node).as_deref(),
            Some("1,2,3")
        );
        let bucket = json!({"id": "x", "region": "us-ord", "label": "shop"});
        assert_eq!(
            import_id("linode_object_storage_bucket", &bucket).as_deref(),
            Some("us-ord:shop")
        );
        assert_eq!(import_id("linode_vpc", &json!({})), None);
    }
}
