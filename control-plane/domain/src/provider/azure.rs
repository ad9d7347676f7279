//! Microsoft Azure.

mod price;

use std::sync::LazyLock;

use serde_json::Value;

use super::{AccountAccess, CredentialField, ProviderFacts, RegionFacts, SizeFacts, World, price_book};
use crate::{
    plan::Capabilities,
    price::PriceBook,
    specification::{FieldProblem, SiteSpecification, Size},
};

/// Regions that are open to everyone, and the types of the `site` module's size table.
///
/// Sources: Azure's documentation, "Azure regions list"; its lists of virtual machines and of compute tiers of flexible
/// servers, 2026-11.
pub static FACTS: ProviderFacts = ProviderFacts {
    key: "azure",
    name: "Microsoft Azure",
    terraform_source: "registry.terraform.io/hashicorp/azurerm",
    regions: &[
        RegionFacts::new("eastus", "East US", 37, -79),
        RegionFacts::new("eastus2", "East US 2", 37, -79),
        RegionFacts::new("centralus", "Central US", 42, -94),
        RegionFacts::new("northcentralus", "North Central US", 42, -88),
        RegionFacts::new("southcentralus", "South Central US", 29, -98),
        RegionFacts::new("westcentralus", "West Central US", 41, -110),
        RegionFacts::new("westus", "West US", 38, -122),
        RegionFacts::new("westus2", "West US 2", 47, -120),
        RegionFacts::new("westus3", "West US 3", 33, -112),
        RegionFacts::new("canadacentral", "Canada Central", 44, -79),
        RegionFacts::new("canadaeast", "Canada East", 47, -71),
        RegionFacts::new("brazilsouth", "Brazil South", -23, -47),
        RegionFacts::new("northeurope", "North Europe (Ireland)", 53, -6),
        RegionFacts::new("westeurope", "West Europe (Netherlands)", 52, 5),
        RegionFacts::new("uksouth", "UK South", 51, -1),
        RegionFacts::new("ukwest", "UK West", 53, -3),
        RegionFacts::new("francecentral", "France Central", 46, 2),
        RegionFacts::new("germanywestcentral", "Germany West Central", 50, 9),
        RegionFacts::new("swedencentral", "Sweden Central", 61, 17),
        RegionFacts::new("norwayeast", "Norway East", 60, 11),
        RegionFacts::new("switzerlandnorth", "Switzerland North", 47, 9),
        RegionFacts::new("italynorth", "Italy North", 45, 9),
        RegionFacts::new("spaincentral", "Spain Central", 40, -4),
        RegionFacts::new("polandcentral", "Poland Central", 52, 21),
        RegionFacts::new("uaenorth", "UAE North", 25, 55),
        RegionFacts::new("southafricanorth", "South Africa North", -26, 28),
        RegionFacts::new("centralindia", "Central India", 19, 74),
        RegionFacts::new("southindia", "South India", 13, 80),
        RegionFacts::new("southeastasia", "Southeast Asia (Singapore)", 1, 104),
        RegionFacts::new("eastasia", "East Asia (Hong Kong)", 22, 114),
        RegionFacts::new("japaneast", "Japan East", 36, 140),
        RegionFacts::new("japanwest", "Japan West", 35, 136),
        RegionFacts::new("koreacentral", "Korea Central", 38, 127),
        RegionFacts::new("australiaeast", "Australia East", -34, 151),
        RegionFacts::new("australiasoutheast", "Australia Southeast", -38, 145),
        RegionFacts::new("australiacentral", "Australia Central", -35, 149),
    ],
    sizes: &[
        SizeFacts {
            size: Size::Small,
            instance_type: "Standard_B2ls_v2",
            vcpu: 2,
            memory_gib: 4,
            database_type: "B_Standard_B2s",
        },
        SizeFacts {
            size: Size::Medium,
            instance_type: "Standard_D2s_v5",
            vcpu: 2,
            memory_gib: 8,
            database_type: "GP_Standard_D2ds_v5",
        },
        SizeFacts {
            size: Size::Large,
            instance_type: "Standard_D4s_v5",
            vcpu: 4,
            memory_gib: 16,
            database_type: "GP_Standard_D4ds_v5",
        },
        SizeFacts {
            size: Size::Xlarge,
            instance_type: "Standard_D8s_v5",
            vcpu: 8,
            memory_gib: 32,
            database_type: "GP_Standard_D8ds_v5",
        },
    ],
    credential_fields: &[
        CredentialField {
            name: "subscription_id",
            required: true,
        },
        CredentialField {
            name: "tenant_id",
            required: true,
        },
        CredentialField {
            name: "client_id",
            required: true,
        },
        CredentialField {
            name: "client_secret",
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

static PRICES: LazyLock<PriceBook> = LazyLock::new(|| price_book(include_str!("../../prices/azure.json")));

/// Regions without availability zones. Source: as in the `site` module's size table.
const WITHOUT_ZONES: &[&str] = &[
    "australiacentral",
    "australiasoutheast",
    "canadaeast",
    "northcentralus",
    "southindia",
    "ukwest",
    "westcentralus",
    "westus",
];

fn problems(specification: &SiteSpecification) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if let Some(certificate) = &specification.certificate
        && !is_secret_id(certificate)
    {
        problems.push(FieldProblem::new(
            "certificate",
            certificate,
            "on Azure the resource id of a secret: /subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/…\
             /secrets/…",
        ));
    }
    problems
}

/// `/subscriptions/<uuid>/resourceGroups/<group>/providers/Microsoft.KeyVault/vaults/<vault>/secrets/<name>`, in the
/// very form that the `site` module's own validation asks for.
fn is_secret_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let [
        "",
        "subscriptions",
        id,
        "resourceGroups",
        group,
        "providers",
        "Microsoft.KeyVault",
        "vaults",
        vault,
        "secrets",
        name,
    ] = parts.as_slice()
    else {
        return false;
    };
    let is_word = |text: &str, length: std::ops::RangeInclusive<usize>| {
        length.contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_uuid = id.len() == 36
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    is_uuid && !group.is_empty() && is_word(vault, 3..=24) && is_word(name, 1..=127)
}

fn capabilities(specification: &SiteSpecification) -> Capabilities {
    let region = &specification.region;
    let zonal = !WITHOUT_ZONES.contains(&region.as_str());
    let mut said = Capabilities {
        tags: vec![
            "Subnets, rules, associations, role assignments and the container have no tags; the resource group holds all \
             that belongs to the site."
                .to_owned(),
        ],
        ..Capabilities::default()
    };
    if !zonal {
        said.networking
            .push(format!("{region} has no availability zones."));
    }
    said.networking.push("The NAT gateway is in one zone.".to_owned());
    if specification.certificate.is_some() {
        said.compute.push(
            "An Application Gateway serves HTTPS in place of the load balancer; the address changes when a certificate is \
             added or removed."
                .to_owned(),
        );
    }
    let protected = |what: &str| {
        format!(
            "Deletion is refused by a management lock and a guard in Terraform: the {what} has no setting for it."
        )
    };
    if let Some(database) = &specification.database {
        let size = FACTS.size(specification.size);
        let given = price::storage_gb(database.storage_gb);
        if given != database.storage_gb {
            said.database.push(format!(
                "Storage is {given} GB, not {} GB: Azure sells fixed sizes.",
                database.storage_gb
            ));
        }
        if database.backup_days < 7 {
            said.database.push(format!(
                "Backups are kept 7 days, not {}: 7 is the least.",
                database.backup_days
            ));
        }
        let server = price::server_type(database, size);
        if server != size.database_type {
            said.database.push(format!(
                "The database is {server}: the burstable type of this size can have neither standby nor replica."
            ));
        }
        if database.high_availability && !zonal {
            said.database.push(format!(
                "The standby is in the same place as the server: {region} has no zones."
            ));
        }
        if specification.deletion_protection {
            said.database.push(protected("server"));
        }
    }
    if specification.storage.is_some() {
        said.storage
            .push("The bucket is a Blob container, without an S3 API.".to_owned());
        if !zonal {
            said.storage
                .push(format!("The objects are in one place: {region} has no zones."));
        }
        if specification.deletion_protection {
            said.storage.push(protected("account"));
        }
    }
    said
}

fn terraform_env(access: &AccountAccess<'_>) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for (field, name) in [
        ("subscription_id", "ARM_SUBSCRIPTION_ID"),
        ("tenant_id", "ARM_TENANT_ID"),
        ("client_id", "ARM_CLIENT_ID"),
        ("client_secret", "ARM_CLIENT_SECRET"),
    ] {
        if let Some(secret) = access.credentials.get(field) {
            env.push((name.to_owned(), secret.clone()));
        }
    }
    if access.world == World::Simulated {
        // Only the simulation has a region of its own; each real resource names one.
        env.push(("ARM_REGION".to_owned(), access.region.to_owned()));
    }
    env
}

/// Azure imports every resource by its id, and the id follows from names that we chose: it is known before the cloud told
/// it where the names are all in the resource. Parts, and the text that they stand in.
///
/// Source: the "Import" section of each resource's page, hashicorp/azurerm 5.2.
fn import_id(resource_type: &str, attributes: &Value) -> Option<String> {
    match resource_type {
        "azurerm_lb_backend_address_pool" => super::import_id_of(
            &[(
                resource_type,
                &["loadbalancer_id", "name"],
                "/backendAddressPools/",
            )],
            resource_type,
            attributes,
        ),
        "azurerm_lb_probe" => super::import_id_of(
            &[(resource_type, &["loadbalancer_id", "name"], "/probes/")],
            resource_type,
            attributes,
        ),
        "azurerm_lb_rule" => super::import_id_of(
            &[(
                resource_type,
                &["loadbalancer_id", "name"],
                "/loadBalancingRules/",
            )],
            resource_type,
            attributes,
        ),
        "azurerm_postgresql_flexible_server_database" => super::import_id_of(
            &[(resource_type, &["server_id", "name"], "/databases/")],
            resource_type,
            attributes,
        ),
        "azurerm_storage_container" => super::import_id_of(
            &[(
                resource_type,
                &["storage_account_id", "name"],
                "/blobServices/default/containers/",
            )],
            resource_type,
            attributes,
        ),
        "azurerm_subnet_network_security_group_association" | "azurerm_subnet_nat_gateway_association" => {
            super::import_id_of(&[(resource_type, &["subnet_id"], "")], resource_type, attributes)
        }
        "azurerm_nat_gateway_public_ip_association" => super::import_id_of(
            &[(resource_type, &["nat_gateway_id", "public_ip_address_id"], "|")],
            resource_type,
            attributes,
        ),
        _ => super::import_id_of(&[], resource_type, attributes),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_certificate_is_a_secret_of_key_vault() {
        let site = |certificate: &str| -> SiteSpecification {
            serde_json::from_value(json!({
                "name": "shop", "provider": "azure", "region": "westeurope", "size": "small",
                "application": {"image": "nginx:1.29", "port": 80},
                "domain": "shop.example.com", "certificate": certificate,
            }))
            .unwrap()
        };
        let subscription = "/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333";
        let vaults = format!("{subscription}/resourceGroups/keys/providers/Microsoft.KeyVault/vaults");
        assert_eq!(site(&format!("{vaults}/acme/secrets/shop")).problems(), []);
        for other in [
            "shop".to_owned(),
            "arn:aws:acm:1".to_owned(),
            "/subscriptions//resourceGroups/x".to_owned(),
            vaults.replace(subscription, "/subscriptions/1") + "/acme/secrets/shop",
            format!("{vaults}/ab/secrets/shop"),
            format!("{vaults}/acme/secrets/shop.pfx"),
        ] {
            let problems = site(&other).problems();
            assert_eq!(
                (problems.len(), problems[0].field.as_str()),
                (1, "certificate"),
                "{other}"
            );
        }
    }

    #[test]
    fn what_hangs_on_another_resource_is_found_by_its_name() {
        let pool = json!({"loadbalancer_id": "/lb", "name": "instances"});
        assert_eq!(
            import_id("azurerm_lb_backend_address_pool", &pool).as_deref(),
            Some("/lb/backendAddressPools/instances")
        );
        let subnet = json!({"subnet_id": "/subnet", "network_security_group_id": "/group"});
        assert_eq!(
            import_id("azurerm_subnet_network_security_group_association", &subnet).as_deref(),
            Some("/subnet")
        );
        assert_eq!(import_id("azurerm_virtual_network", &json!({"name": "x"})), None);
    }
}
