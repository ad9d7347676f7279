//! Amazon Web Services.

mod price;

use std::sync::LazyLock;

use serde_json::Value;

use super::{AccountAccess, CredentialField, ProviderFacts, RegionFacts, SizeFacts, World, price_book};
use crate::{
    plan::Capabilities,
    price::PriceBook,
    specification::{SiteSpecification, Size},
};

/// Regions that need no opt-in, and the instance types of the `site` module's size table.
///
/// Sources: AWS General Reference, "Regions and Availability Zones"; EC2 and RDS instance type pages, 2026-11.
pub static FACTS: ProviderFacts = ProviderFacts {
    key: "aws",
    name: "Amazon Web Services",
    terraform_source: "registry.terraform.io/hashicorp/aws",
    regions: &[
        RegionFacts::new("us-east-1", "US East (N. Virginia)", 39, -77),
        RegionFacts::new("us-east-2", "US East (Ohio)", 40, -83),
        RegionFacts::new("us-west-1", "US West (N. California)", 37, -122),
        RegionFacts::new("us-west-2", "US West (Oregon)", 46, -120),
        RegionFacts::new("ca-central-1", "Canada (Central)", 45, -74),
        RegionFacts::new("sa-east-1", "South America (São Paulo)", -24, -47),
        RegionFacts::new("eu-central-1", "Europe (Frankfurt)", 50, 9),
        RegionFacts::new("eu-west-1", "Europe (Ireland)", 53, -6),
        RegionFacts::new("eu-west-2", "Europe (London)", 52, 0),
        RegionFacts::new("eu-west-3", "Europe (Paris)", 49, 2),
        RegionFacts::new("eu-north-1", "Europe (Stockholm)", 59, 18),
        RegionFacts::new("ap-south-1", "Asia Pacific (Mumbai)", 19, 73),
        RegionFacts::new("ap-southeast-1", "Asia Pacific (Singapore)", 1, 104),
        RegionFacts::new("ap-southeast-2", "Asia Pacific (Sydney)", -34, 151),
        RegionFacts::new("ap-northeast-1", "Asia Pacific (Tokyo)", 36, 140),
        RegionFacts::new("ap-northeast-2", "Asia Pacific (Seoul)", 37, 127),
        RegionFacts::new("ap-northeast-3", "Asia Pacific (Osaka)", 35, 136),
    ],
    sizes: &[
        SizeFacts {
            size: Size::Small,
            instance_type: "t3.small",
            vcpu: 2,
            memory_gib: 2,
            database_type: "db.t4g.small",
        },
        SizeFacts {
            size: Size::Medium,
            instance_type: "t3.medium",
            vcpu: 2,
            memory_gib: 4,
            database_type: "db.t4g.medium",
        },
        SizeFacts {
            size: Size::Large,
            instance_type: "m6i.xlarge",
            vcpu: 4,
            memory_gib: 16,
            database_type: "db.m6g.large",
        },
        SizeFacts {
            size: Size::Xlarge,
            instance_type: "m6i.2xlarge",
            vcpu: 8,
            memory_gib: 32,
            database_type: "db.m6g.xlarge",
        },
    ],
    credential_fields: &[
        CredentialField {
            name: "access_key_id",
            required: true,
        },
        CredentialField {
            name: "secret_access_key",
            required: true,
        },
        CredentialField {
            name: "session_token",
            required: false,
        },
    ],
    option_fields: &["image_id"],
    secret_options: &[],
    terraform_env,
    import_id,
    // What the contract allows, AWS can do.
    problems: |_| Vec::new(),
    capabilities,
    price_book: &PRICES,
    components: price::components,
    expected_resources: price::expected_resources,
};

static PRICES: LazyLock<PriceBook> = LazyLock::new(|| price_book(include_str!("../../prices/aws.json")));

fn capabilities(specification: &SiteSpecification) -> Capabilities {
    let mut capabilities = Capabilities::default();
    if let Some(database) = &specification.database {
        let given = price::storage_gb(database.storage_gb);
        if given != database.storage_gb {
            capabilities.database.push(format!(
                "Storage is {given} GB, not {} GB: AWS has no less.",
                database.storage_gb
            ));
        }
        capabilities.database.push(format!(
            "Storage that is nearly full grows by itself, up to {} GB.",
            given * 2
        ));
    }
    if specification.storage.is_some_and(|storage| storage.versioning) {
        capabilities
            .storage
            .push("Versions that were overwritten or deleted are kept for 90 days.".to_owned());
    }
    capabilities
}

fn terraform_env(access: &AccountAccess<'_>) -> Vec<(String, String)> {
    let mut env = vec![
        ("AWS_REGION".to_owned(), access.region.to_owned()),
        // Without this a missing credential costs seconds of questions to an address that does not answer.
        ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
    ];
    for (field, name) in [
        ("access_key_id", "AWS_ACCESS_KEY_ID"),
        ("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
        ("session_token", "AWS_SESSION_TOKEN"),
    ] {
        if let Some(secret) = access.credentials.get(field) {
            env.push((name.to_owned(), secret.clone()));
        }
    }
    if access.world == World::Emulator
        && let Some(url) = access.endpoint_url
    {
        env.push(("AWS_ENDPOINT_URL".to_owned(), url.to_owned()));
    }
    env
}

/// Types whose import id is not the attribute `id`, or is known before the cloud made one: the parts and what
/// joins them. A name that we chose finds what an interrupted apply may have made.
///
/// Source: the "Import" section of each resource's page, hashicorp/aws 5.100.0.
const IMPORT_IDS: &[(&str, &[&str], &str)] = &[
    ("aws_autoscaling_group", &["name"], ""),
    ("aws_autoscaling_policy", &["autoscaling_group_name", "name"], "/"),
    ("aws_db_instance", &["identifier"], ""),
    ("aws_db_parameter_group", &["name"], ""),
    ("aws_db_subnet_group", &["name"], ""),
    ("aws_iam_instance_profile", &["name"], ""),
    ("aws_iam_role", &["name"], ""),
    ("aws_iam_role_policy", &["role", "name"], ":"),
    ("aws_iam_role_policy_attachment", &["role", "policy_arn"], "/"),
    ("aws_lb", &["arn"], ""),
    ("aws_lb_listener", &["arn"], ""),
    ("aws_lb_target_group", &["arn"], ""),
    ("aws_route", &["route_table_id", "destination_cidr_block"], "_"),
    (
        "aws_route_table_association",
        &["subnet_id", "route_table_id"],
        "/",
    ),
    ("aws_s3_bucket", &["bucket"], ""),
    ("aws_s3_bucket_policy", &["bucket"], ""),
    ("aws_s3_bucket_public_access_block", &["bucket"], ""),
    (
        "aws_s3_bucket_server_side_encryption_configuration",
        &["bucket"],
        "",
    ),
    ("aws_s3_bucket_versioning", &["bucket"], ""),
];

fn import_id(resource_type: &str, attributes: &Value) -> Option<String> {
    super::import_id_of(IMPORT_IDS, resource_type, attributes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_import_id_is_made_of_the_parts_that_the_provider_asks_for() {
        let cases = [
            ("aws_vpc", json!({"id": "vpc-1"}), Some("vpc-1")),
            (
                "aws_route",
                json!({"id": "r-1", "route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0"}),
                Some("rtb-1_0.0.0.0/0"),
            ),
            (
                "aws_db_instance",
                json!({"id": "db-X", "identifier": "shop"}),
                Some("shop"),
            ),
            (
                "aws_iam_role_policy",
                json!({"role": "shop", "name": "bucket"}),
                Some("shop:bucket"),
            ),
            ("aws_route", json!({"route_table_id": "rtb-1"}), None),
            ("aws_vpc", json!({}), None),
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
    fn only_an_emulator_gets_another_address() {
        let credentials = BTreeMap::from([
            ("access_key_id".to_owned(), "AKIA".to_owned()),
            ("secret_access_key".to_owned(), "s3cr3t".to_owned()),
        ]);
        for (world, expected) in [
            (World::Real, false),
            (World::Emulator, true),
            (World::Simulated, false),
        ] {
            let env = terraform_env(&AccountAccess {
                world,
                credentials: &credentials,
                endpoint_url: Some("http://127.0.0.1:5600"),
                region: "eu-central-1",
            });
            assert_eq!(
                env.iter().any(|(name, _)| name == "AWS_ENDPOINT_URL"),
                expected,
                "{world:?}"
            );
            assert!(env.contains(&("AWS_REGION".to_owned(), "eu-central-1".to_owned())));
        }
    }
}
