//! DigitalOcean.

mod price;

use std::sync::LazyLock;

use serde_json::Value;

use super::{AccountAccess, CredentialField, ProviderFacts, RegionFacts, SizeFacts, World, price_book};
use crate::{
    plan::Capabilities,
    price::PriceBook,
    specification::{FieldProblem, SiteSpecification, Size},
};

/// Regions that are open to new customers, and the size slugs of the `site` module's size table.
///
/// Sources: DigitalOcean's documentation, "Regional availability", and its size slugs, 2026-11.
pub static FACTS: ProviderFacts = ProviderFacts {
    key: "digitalocean",
    name: "DigitalOcean",
    terraform_source: "registry.terraform.io/digitalocean/digitalocean",
    regions: &[
        RegionFacts::new("nyc1", "New York 1", 41, -74),
        RegionFacts::new("nyc2", "New York 2", 41, -74),
        RegionFacts::new("nyc3", "New York 3", 41, -74),
        RegionFacts::new("atl1", "Atlanta 1", 34, -84),
        RegionFacts::new("sfo2", "San Francisco 2", 37, -122),
        RegionFacts::new("sfo3", "San Francisco 3", 37, -122),
        RegionFacts::new("tor1", "Toronto 1", 44, -79),
        RegionFacts::new("ams3", "Amsterdam 3", 52, 5),
        RegionFacts::new("fra1", "Frankfurt 1", 50, 9),
        RegionFacts::new("lon1", "London 1", 52, 0),
        RegionFacts::new("blr1", "Bangalore 1", 13, 78),
        RegionFacts::new("sgp1", "Singapore 1", 1, 104),
        RegionFacts::new("syd1", "Sydney 1", -34, 151),
    ],
    sizes: &[
        SizeFacts {
            size: Size::Small,
            instance_type: "s-1vcpu-2gb",
            vcpu: 1,
            memory_gib: 2,
            database_type: "db-s-1vcpu-2gb",
        },
        SizeFacts {
            size: Size::Medium,
            instance_type: "s-2vcpu-4gb",
            vcpu: 2,
            memory_gib: 4,
            database_type: "db-s-2vcpu-4gb",
        },
        SizeFacts {
            size: Size::Large,
            instance_type: "s-4vcpu-8gb",
            vcpu: 4,
            memory_gib: 8,
            database_type: "db-s-4vcpu-8gb",
        },
        SizeFacts {
            size: Size::Xlarge,
            instance_type: "s-8vcpu-16gb",
            vcpu: 8,
            memory_gib: 16,
            database_type: "db-s-6vcpu-16gb",
        },
    ],
    credential_fields: &[
        CredentialField {
            name: "token",
            required: true,
        },
        // Buckets are made with keys of their own.
        CredentialField {
            name: "spaces_access_key_id",
            required: true,
        },
        CredentialField {
            name: "spaces_secret_access_key",
            required: true,
        },
    ],
    option_fields: &["ssh_keys"],
    secret_options: &[],
    terraform_env,
    import_id,
    problems,
    capabilities,
    price_book: &PRICES,
    components: price::components,
    expected_resources: price::expected_resources,
};

static PRICES: LazyLock<PriceBook> =
    LazyLock::new(|| price_book(include_str!("../../prices/digitalocean.json")));

/// Regions without Spaces, and the one of the same city that has them. Source: as for the regions.
const BUCKETS_ELSEWHERE: &[(&str, &str)] = &[("nyc1", "nyc3"), ("nyc2", "nyc3")];

/// Major versions of PostgreSQL that can be made. Source: DigitalOcean's documentation, 2026-11.
const ENGINES: &[&str] = &["14", "15", "16", "17"];

/// How ranges begin that DigitalOcean uses itself. Source: its documentation, "VPC limits", 2026-11.
const RESERVED_NETWORKS: &[&str] = &["10.229.", "10.244.", "10.245.", "10.246.0."];

fn problems(specification: &SiteSpecification) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if let Some(database) = &specification.database
        && !ENGINES.contains(&database.engine_version.as_str())
    {
        problems.push(FieldProblem::new(
            "database.engine_version",
            &database.engine_version,
            format!("on DigitalOcean {}", ENGINES.join(", ")),
        ));
    }
    if RESERVED_NETWORKS
        .iter()
        .any(|reserved| specification.network_cidr.starts_with(reserved))
    {
        problems.push(FieldProblem::new(
            "network_cidr",
            &specification.network_cidr,
            "a range outside 10.229.0.0/16, 10.244.0.0/16, 10.245.0.0/16 and 10.246.0.0/24, which DigitalOcean uses \
             itself",
        ));
    }
    let is_name = |name: &str| {
        name.len() <= 255
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if let Some(certificate) = &specification.certificate
        && !is_name(certificate)
    {
        problems.push(FieldProblem::new(
            "certificate",
            certificate,
            "the name of a certificate in the DigitalOcean account",
        ));
    }
    problems
}

fn capabilities(specification: &SiteSpecification) -> Capabilities {
    let mut said = Capabilities {
        networking: vec!["No two networks of an account may overlap, so each site needs a range of its own.".to_owned()],
        tags: vec![
            "Network, balancer, project and bucket have no tags; the project holds all that belongs to the site."
                .to_owned(),
        ],
        ..Capabilities::default()
    };
    let scaling = specification.scaling;
    if scaling.max > scaling.min {
        said.compute.push(format!(
            "There are always {} Droplets, and never {}: DigitalOcean scales only with an SSH key in the account's \
             options.",
            scaling.min, scaling.max
        ));
    }
    said.compute.push(
        "Droplets have public addresses for what goes out; the firewall lets nothing in from outside the network."
            .to_owned(),
    );
    if let Some(database) = &specification.database {
        if database.backup_days != 7 {
            said.database
                .push(format!("Backups are kept 7 days, not {}.", database.backup_days));
        }
        let given = price::storage_gb(database.storage_gb, FACTS.size(specification.size).database_type);
        if given != database.storage_gb {
            said.database.push(format!(
                "Storage is {given} GB, not {} GB: DigitalOcean has a minimum for each size, and steps of 10.",
                database.storage_gb
            ));
        }
        said.database
            .push("DigitalOcean makes the password itself.".to_owned());
        if specification.deletion_protection {
            said.database
                .push("The database can't be protected from deletion.".to_owned());
        }
    }
    if let Some(storage) = specification.storage {
        let elsewhere = BUCKETS_ELSEWHERE
            .iter()
            .find(|(region, _)| *region == specification.region);
        if let Some((region, other)) = elsewhere {
            said.storage.push(format!(
                "The bucket is in {other}: there is no Spaces in {region}."
            ));
        }
        if storage.versioning {
            said.storage
                .push("Versions that were overwritten or deleted are kept for 90 days.".to_owned());
        }
    }
    said
}

fn terraform_env(access: &AccountAccess<'_>) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for (field, name) in [
        ("token", "DIGITALOCEAN_TOKEN"),
        ("spaces_access_key_id", "SPACES_ACCESS_KEY_ID"),
        ("spaces_secret_access_key", "SPACES_SECRET_ACCESS_KEY"),
    ] {
        if let Some(secret) = access.credentials.get(field) {
            env.push((name.to_owned(), secret.clone()));
        }
    }
    match access.world {
        // Only the simulation has a region of its own; each real resource names one.
        World::Simulated => env.push(("DIGITALOCEAN_REGION".to_owned(), access.region.to_owned())),
        World::Emulator => {
            if let Some(url) = access.endpoint_url {
                env.push(("DIGITALOCEAN_API_URL".to_owned(), url.to_owned()));
            }
        }
        World::Real => {}
    }
    env
}

/// Types whose import id is not the attribute `id`: the parts and what joins them.
///
/// Source: the "Import" section of each resource's page, digitalocean/digitalocean 2.99.
const IMPORT_IDS: &[(&str, &[&str], &str)] = &[
    ("digitalocean_database_db", &["cluster_id", "name"], ","),
    ("digitalocean_database_firewall", &["cluster_id"], ""),
    ("digitalocean_database_replica", &["cluster_id", "name"], ","),
    ("digitalocean_spaces_bucket", &["region", "name"], ","),
    ("digitalocean_tag", &["name"], ""),
];

fn import_id(resource_type: &str, attributes: &Value) -> Option<String> {
    super::import_id_of(IMPORT_IDS, resource_type, attributes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn site(change: impl FnOnce(&mut Value)) -> SiteSpecification {
        let mut site = json!({
            "name": "shop", "provider": "digitalocean", "region": "fra1", "size": "small",
            "application": {"image": "nginx:1.29", "port": 80}, "database": {"storage_gb": 30},
        });
        change(&mut site);
        serde_json::from_value(site).unwrap()
    }

    #[test]
    fn what_digitalocean_can_not_do_is_refused_by_field() {
        assert_eq!(site(|_| {}).problems(), []);
        type Change = fn(&mut Value);
        let cases: &[(Change, &str)] = &[
            (
                |v| v["database"]["engine_version"] = json!("13"),
                "database.engine_version",
            ),
            (|v| v["network_cidr"] = json!("10.244.0.0/20"), "network_cidr"),
            (|v| v["network_cidr"] = json!("10.246.0.0/16"), "network_cidr"),
            (
                |v| {
                    v["domain"] = json!("shop.example.com");
                    v["certificate"] = json!("arn:aws:acm:1");
                },
                "certificate",
            ),
        ];
        for (change, field) in cases {
            let problems = site(change).problems();
            assert_eq!(problems.len(), 1, "{field}: {problems:?}");
            assert_eq!(problems[0].field, *field);
        }
        assert_eq!(
            site(|v| v["network_cidr"] = json!("10.246.16.0/20")).problems(),
            []
        );
    }

    #[test]
    fn an_import_id_is_made_of_the_parts_that_the_provider_asks_for() {
        let cases = [
            ("digitalocean_vpc", json!({"id": "v-1"}), Some("v-1")),
            (
                "digitalocean_database_db",
                json!({"id": "c/database/app", "cluster_id": "c", "name": "app"}),
                Some("c,app"),
            ),
            (
                "digitalocean_spaces_bucket",
                json!({"id": "b", "region": "fra1", "name": "b"}),
                Some("fra1,b"),
            ),
            ("digitalocean_droplet", json!({}), None),
        ];
        for (resource_type, attributes, expected) in cases {
            assert_eq!(
                import_id(resource_type, &attributes).as_deref(),
                expected,
                "{resource_type}"
            );
        }
    }

    #[test]
    fn only_the_simulation_gets_a_region() {
        let credentials = BTreeMap::from([("token".to_owned(), "t0ken".to_owned())]);
        for world in World::ALL {
            let env = terraform_env(&AccountAccess {
                world,
                credentials: &credentials,
                endpoint_url: None,
                region: "fra1",
            });
            assert!(env.contains(&("DIGITALOCEAN_TOKEN".to_owned(), "t0ken".to_owned())));
            assert_eq!(
                env.iter().any(|(name, _)| name == "DIGITALOCEAN_REGION"),
                world == World::Simulated
            );
        }
    }
}
