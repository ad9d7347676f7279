//! Google Cloud.

mod price;

use std::sync::LazyLock;

use serde_json::Value;

use super::{AccountAccess, CredentialField, ProviderFacts, RegionFacts, SizeFacts, price_book};
use crate::{
    plan::Capabilities,
    price::PriceBook,
    specification::{FieldProblem, SiteSpecification, Size},
};

/// Regions that are open to everyone, and the machine types of the `site` module's size table.
///
/// Sources: Compute Engine's documentation, "Regions and zones" and "General-purpose machine family"; Cloud SQL's,
/// "Machine series and types", 2026-11.
pub static FACTS: ProviderFacts = ProviderFacts {
    key: "gcp",
    name: "Google Cloud",
    terraform_source: "registry.terraform.io/hashicorp/google",
    regions: &[
        RegionFacts::new("us-central1", "Iowa", 41, -96),
        RegionFacts::new("us-east1", "South Carolina", 33, -80),
        RegionFacts::new("us-east4", "Northern Virginia", 39, -77),
        RegionFacts::new("us-east5", "Columbus", 40, -83),
        RegionFacts::new("us-south1", "Dallas", 33, -97),
        RegionFacts::new("us-west1", "Oregon", 46, -121),
        RegionFacts::new("us-west2", "Los Angeles", 34, -118),
        RegionFacts::new("us-west3", "Salt Lake City", 41, -112),
        RegionFacts::new("us-west4", "Las Vegas", 36, -115),
        RegionFacts::new("northamerica-northeast1", "Montréal", 46, -74),
        RegionFacts::new("northamerica-northeast2", "Toronto", 44, -79),
        RegionFacts::new("northamerica-south1", "Querétaro", 21, -100),
        RegionFacts::new("southamerica-east1", "São Paulo", -24, -47),
        RegionFacts::new("southamerica-west1", "Santiago", -33, -71),
        RegionFacts::new("europe-west1", "Belgium", 50, 4),
        RegionFacts::new("europe-west2", "London", 52, 0),
        RegionFacts::new("europe-west3", "Frankfurt", 50, 9),
        RegionFacts::new("europe-west4", "Netherlands", 53, 7),
        RegionFacts::new("europe-west6", "Zürich", 47, 9),
        RegionFacts::new("europe-west8", "Milan", 45, 9),
        RegionFacts::new("europe-west9", "Paris", 49, 2),
        RegionFacts::new("europe-west10", "Berlin", 53, 13),
        RegionFacts::new("europe-west12", "Turin", 45, 8),
        RegionFacts::new("europe-central2", "Warsaw", 52, 21),
        RegionFacts::new("europe-north1", "Finland", 61, 27),
        RegionFacts::new("europe-north2", "Stockholm", 59, 18),
        RegionFacts::new("europe-southwest1", "Madrid", 40, -4),
        RegionFacts::new("asia-east1", "Taiwan", 24, 121),
        RegionFacts::new("asia-east2", "Hong Kong", 22, 114),
        RegionFacts::new("asia-northeast1", "Tokyo", 36, 140),
        RegionFacts::new("asia-northeast2", "Osaka", 35, 136),
        RegionFacts::new("asia-northeast3", "Seoul", 38, 127),
        RegionFacts::new("asia-south1", "Mumbai", 19, 73),
        RegionFacts::new("asia-south2", "Delhi", 29, 77),
        RegionFacts::new("asia-southeast1", "Singapore", 1, 104),
        RegionFacts::new("asia-southeast2", "Jakarta", -6, 107),
        RegionFacts::new("australia-southeast1", "Sydney", -34, 151),
        RegionFacts::new("australia-southeast2", "Melbourne", -38, 145),
        RegionFacts::new("me-central1", "Doha", 25, 51),
        RegionFacts::new("me-west1", "Tel Aviv", 32, 35),
        RegionFacts::new("africa-south1", "Johannesburg", -26, 28),
    ],
    sizes: &[
        SizeFacts {
            size: Size::Small,
            instance_type: "e2-medium",
            vcpu: 2,
            memory_gib: 4,
            database_type: "db-custom-1-3840",
        },
        SizeFacts {
            size: Size::Medium,
            instance_type: "e2-standard-2",
            vcpu: 2,
            memory_gib: 8,
            database_type: "db-custom-2-7680",
        },
        SizeFacts {
            size: Size::Large,
            instance_type: "e2-standard-4",
            vcpu: 4,
            memory_gib: 16,
            database_type: "db-custom-4-15360",
        },
        SizeFacts {
            size: Size::Xlarge,
            instance_type: "e2-standard-8",
            vcpu: 8,
            memory_gib: 32,
            database_type: "db-custom-8-30720",
        },
    ],
    credential_fields: &[
        CredentialField {
            name: "service_account_key",
            required: true,
        },
        CredentialField {
            name: "project",
            required: true,
        },
    ],
    option_fields: &[],
    secret_options: &[],
    terraform_env,
    import_id,
    problems,
    capabilities,
    price_book: &PRICES,
    components: price::components,
    expected_resources: price::expected_resources,
};

static PRICES: LazyLock<PriceBook> = LazyLock::new(|| price_book(include_str!("../../prices/gcp.json")));

/// How the range begins that Docker uses on every instance, and in which Cloud SQL does not answer.
/// Source: Cloud SQL's documentation, "Private IP", 2026-11.
const DOCKER_NETWORK: &str = "172.17.";

/// Days for which the Enterprise edition keeps the log that recovery to a point in time needs.
/// Source: Cloud SQL's documentation, "Point-in-time recovery", 2026-11.
const POINT_IN_TIME_DAYS: u8 = 7;

fn problems(specification: &SiteSpecification) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if specification.network_cidr.starts_with(DOCKER_NETWORK) {
        problems.push(FieldProblem::new(
            "network_cidr",
            &specification.network_cidr,
            "a range outside 172.17.0.0/16, in which Cloud SQL does not answer",
        ));
    }
    if let Some(certificate) = &specification.certificate
        && !is_certificate(certificate)
    {
        problems.push(FieldProblem::new(
            "certificate",
            certificate,
            "projects/<project>/global/sslCertificates/<name> or \
             //certificatemanager.googleapis.com/projects/<project>/locations/global/certificateMaps/<name>",
        ));
    }
    problems
}

fn is_certificate(text: &str) -> bool {
    let is_name = |name: &str, more: &str| {
        (1..=63).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
    };
    let is_project = |project: &str| {
        !project.is_empty()
            && project
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ":.-".contains(c))
    };
    let (path, is_map) = match text.strip_prefix("//certificatemanager.googleapis.com/") {
        Some(path) => (path, true),
        None => (text, false),
    };
    match (path.split('/').collect::<Vec<_>>().as_slice(), is_map) {
        (["projects", project, "global", "sslCertificates", name], false) => {
            is_project(project) && is_name(name, "-")
        }
        (
            [
                "projects",
                project,
                "locations",
                "global",
                "certificateMaps",
                name,
            ],
            true,
        ) => is_project(project) && is_name(name, "-_"),
        _ => false,
    }
}

fn capabilities(specification: &SiteSpecification) -> Capabilities {
    let mut said = Capabilities {
        tags: vec![
            "Networks, firewall rules, routers, instance groups, health checks and what the balancer is made of have \
             no labels: their names carry the site's id."
                .to_owned(),
        ],
        ..Capabilities::default()
    };
    if let Some(database) = &specification.database {
        let network = &specification.network_cidr;
        if network.ends_with("/24") {
            said.networking.push(format!(
                "The database's addresses are outside {network}: Google's managed services need a /24 of their own."
            ));
        }
        said.database.push(format!(
            "Storage that is nearly full grows by itself, up to {} GB.",
            database.storage_gb * 2
        ));
        if database.backup_days > POINT_IN_TIME_DAYS {
            said.database.push(format!(
                "Recovery to a point in time goes back {POINT_IN_TIME_DAYS} days; older backups, up to {} days, are \
                 daily.",
                database.backup_days
            ));
        }
        said.database.push(
            "The name of a deleted database stays taken for a week, so a site gets no new database in that time."
                .to_owned(),
        );
    }
    if specification.storage.is_some_and(|storage| storage.versioning) {
        said.storage
            .push("Versions that were overwritten or deleted are kept for 90 days.".to_owned());
    }
    said
}

fn terraform_env(access: &AccountAccess<'_>) -> Vec<(String, String)> {
    let mut env = vec![("GOOGLE_REGION".to_owned(), access.region.to_owned())];
    for (field, name) in [
        ("service_account_key", "GOOGLE_CREDENTIALS"),
        ("project", "GOOGLE_PROJECT"),
    ] {
        if let Some(secret) = access.credentials.get(field) {
            env.push((name.to_owned(), secret.clone()));
        }
    }
    env
}

/// Types whose import id is not the attribute `id`, or is known before the cloud made one: the parts and what joins
/// them. Where a name will do, project and region are the provider's.
///
/// Source: the "Import" section of each resource's page, hashicorp/google 7.45.
const IMPORT_IDS: &[(&str, &[&str], &str)] = &[
    ("google_compute_backend_service", &["name"], ""),
    ("google_compute_firewall", &["name"], ""),
    ("google_compute_global_address", &["name"], ""),
    ("google_compute_global_forwarding_rule", &["name"], ""),
    ("google_compute_health_check", &["name"], ""),
    ("google_compute_network", &["name"], ""),
    ("google_compute_region_autoscaler", &["name"], ""),
    ("google_compute_region_instance_group_manager", &["name"], ""),
    ("google_compute_router", &["name"], ""),
    ("google_compute_router_nat", &["router", "name"], "/"),
    ("google_compute_ssl_policy", &["name"], ""),
    ("google_compute_subnetwork", &["name"], ""),
    ("google_compute_target_http_proxy", &["name"], ""),
    ("google_compute_target_https_proxy", &["name"], ""),
    ("google_compute_url_map", &["name"], ""),
    ("google_service_account", &["email"], ""),
    (
        "google_service_networking_connection",
        &["network", "service"],
        ":",
    ),
    ("google_sql_database", &["instance", "name"], "/"),
    ("google_sql_database_instance", &["name"], ""),
    ("google_sql_user", &["project", "instance", "name"], "/"),
    ("google_storage_bucket", &["name"], ""),
    (
        "google_storage_bucket_iam_member",
        &["bucket", "role", "member"],
        " ",
    ),
];

fn import_id(resource_type: &str, attributes: &Value) -> Option<String> {
    super::import_id_of(IMPORT_IDS, resource_type, attributes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::provider::World;

    /// A site; the functions of this file are called by themselves, so its cloud is of no matter.
    fn site(change: impl FnOnce(&mut Value)) -> SiteSpecification {
        let mut site = json!({
            "name": "shop", "provider": "aws", "region": "europe-west3", "size": "small",
            "application": {"image": "nginx:1.29", "port": 80}, "database": {"storage_gb": 30},
        });
        change(&mut site);
        serde_json::from_value(site).unwrap()
    }

    #[test]
    fn sizes_are_those_of_the_module() {
        let table = include_str!("../../../../terraform-modules/gcp/site/sizes.tf");
        for row in FACTS.sizes {
            let line = format!(
                "= {{ instance = \"{}\", database = \"{}\" }}",
                row.instance_type, row.database_type
            );
            let found = table.lines().find(|of| of.contains(&line));
            assert!(
                found.is_some_and(|of| of.trim_start().starts_with(row.size.as_str())),
                "{line}"
            );
        }
    }

    #[test]
    fn what_google_cloud_can_not_do_is_refused_by_field() {
        assert_eq!(problems(&site(|_| {})), []);
        for (field, value) in [
            ("network_cidr", "172.17.0.0/20"),
            ("certificate", "arn:aws:acm:1"),
            ("certificate", "projects/acme/global/sslCertificates/Shop"),
            (
                "certificate",
                "projects/acme/locations/global/certificateMaps/shop",
            ),
        ] {
            let problems = problems(&site(|v| v[field] = json!(value)));
            assert_eq!(problems.len(), 1, "{value}: {problems:?}");
            assert_eq!(problems[0].field, field);
        }
        for (field, value) in [
            ("network_cidr", "172.18.0.0/16"),
            ("certificate", "projects/acme/global/sslCertificates/shop-1"),
            (
                "certificate",
                "//certificatemanager.googleapis.com/projects/acme/locations/global/certificateMaps/shop_1",
            ),
        ] {
            assert_eq!(problems(&site(|v| v[field] = json!(value))), [], "{value}");
        }
    }

    #[test]
    fn what_is_done_otherwise_is_said_as_the_module_says_it() {
        let said = capabilities(&site(|v| {
            v["network_cidr"] = json!("192.168.7.0/24");
            v["database"]["backup_days"] = json!(14);
        }));
        assert_eq!(
            said.networking,
            [
                "The database's addresses are outside 192.168.7.0/24: Google's managed services need a /24 of their own."
            ]
        );
        assert_eq!(
            said.database,
            [
                "Storage that is nearly full grows by itself, up to 60 GB.",
                "Recovery to a point in time goes back 7 days; older backups, up to 14 days, are daily.",
                "The name of a deleted database stays taken for a week, so a site gets no new database in that time.",
            ]
        );
        assert_eq!(said.tags.len(), 1);
        let plain = capabilities(&site(|v| v["database"] = Value::Null));
        assert!(plain.networking.is_empty() && plain.database.is_empty());
    }

    #[test]
    fn an_import_id_is_made_of_the_parts_that_the_provider_asks_for() {
        let cases = [
            (
                "google_compute_network",
                json!({"id": "projects/acme/global/networks/shop", "name": "shop"}),
                Some("shop"),
            ),
            // Known before Google has made it.
            (
                "google_compute_router_nat",
                json!({"router": "shop", "name": "out"}),
                Some("shop/out"),
            ),
            (
                "google_sql_user",
                json!({"id": "app//shop", "project": "acme", "instance": "shop", "name": "app"}),
                Some("acme/shop/app"),
            ),
            (
                "google_storage_bucket_iam_member",
                json!({"bucket": "shop", "role": "roles/storage.objectUser", "member": "user:jane@example.com"}),
                Some("shop roles/storage.objectUser user:jane@example.com"),
            ),
            (
                "google_compute_region_instance_template",
                json!({"id": "projects/acme/regions/europe-west3/instanceTemplates/shop-1", "name": "shop-1"}),
                Some("projects/acme/regions/europe-west3/instanceTemplates/shop-1"),
            ),
            ("google_service_account", json!({"account_id": "shop"}), None),
            ("google_compute_region_instance_template", json!({}), None),
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
    fn terraform_gets_key_project_and_region() {
        let credentials = BTreeMap::from([
            ("service_account_key".to_owned(), "{}".to_owned()),
            ("project".to_owned(), "acme".to_owned()),
        ]);
        let env = terraform_env(&AccountAccess {
            world: World::Real,
            credentials: &credentials,
            endpoint_url: None,
            region: "europe-west3",
        });
        for (name, value) in [
            ("GOOGLE_CREDENTIALS", "{}"),
            ("GOOGLE_PROJECT", "acme"),
            ("GOOGLE_REGION", "europe-west3"),
        ] {
            assert!(env.contains(&(name.to_owned(), value.to_owned())), "{name}");
        }
    }
}
