//! The variables that a site's root module gets: plain ones in a file, secret ones by environment.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    id::{CustomerId, SiteId},
    provider::World,
    specification::{SiteSecrets, SiteSpecification},
};

/// Everything that the variables of a site are made from.
#[derive(Debug)]
pub struct SiteVariables<'a> {
    /// The site.
    pub site: SiteId,
    /// Its customer.
    pub customer: CustomerId,
    /// What was asked for.
    pub specification: &'a SiteSpecification,
    /// Its secrets.
    pub secrets: &'a SiteSecrets,
    /// Where the cloud account's resources stand.
    pub world: World,
    /// What only this cloud needs, from the cloud account.
    pub provider_options: &'a Value,
    /// The cloud account's credentials: some clouds' modules take some of them.
    pub credentials: &'a BTreeMap<String, String>,
}

impl SiteVariables<'_> {
    /// The content of `terraform.tfvars.json`. Holds no secret.
    pub fn file(&self) -> Value {
        let specification = self.specification;
        let application = &specification.application;
        let mut variables = json!({
            "site_id": self.site,
            "site_name": specification.name,
            "customer_id": self.customer,
            "region": specification.region,
            "size": specification.size,
            "network_cidr": specification.network_cidr,
            "application": {
                "image": application.image,
                "port": application.port,
                "env": application.env,
                "health_path": application.health_path,
                "command": application.command,
            },
            "domain": specification.domain,
            "certificate": specification.certificate,
            "scaling": specification.scaling,
            "database": specification.database,
            "storage": specification.storage,
            "deletion_protection": specification.deletion_protection,
        });
        if self.specification.provider.facts().secret_options.is_empty() {
            variables["provider_options"] = self.provider_options();
        }
        // Only roots of clouds that have an emulator know the word.
        if self.world == World::Emulator {
            variables["emulator"] = Value::Bool(true);
        }
        variables
    }

    /// The account's options that are this cloud's: Terraform would drop others without a word.
    fn provider_options(&self) -> Value {
        let known = self.specification.provider.facts().option_fields;
        let options = self.provider_options.as_object().into_iter().flatten();
        let secret = self.specification.provider.facts().secret_options.iter();
        options
            .filter(|(name, _)| known.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain(secret.filter_map(|name| {
                let value = self.credentials.get(*name)?;
                Some(((*name).to_owned(), Value::from(value.as_str())))
            }))
            .collect()
    }

    /// The site's own secrets by the names of their variables: they go by environment, as `TF_VAR_…`,
    /// and again at the apply of a kept plan.
    pub fn secret_variables(&self) -> Vec<(String, String)> {
        let secrets = self.secrets;
        let application: serde_json::Map<String, Value> = secrets
            .application
            .iter()
            .map(|(name, secret)| (name.clone(), Value::from(secret.expose())))
            .collect();
        let mut env = vec![(
            "application_secrets".to_owned(),
            Value::Object(application).to_string(),
        )];
        if let (Some(registry), Some(password)) = (
            &self.specification.application.registry,
            &secrets.registry_password,
        ) {
            let registry = json!({
                "server": registry.server,
                "username": registry.username,
                "password": password.expose(),
            });
            env.push(("registry".to_owned(), registry.to_string()));
        }
        if !self.specification.provider.facts().secret_options.is_empty() {
            env.push(("provider_options".to_owned(), self.provider_options().to_string()));
        }
        if let Some(password) = &secrets.database_password {
            env.push(("database_password".to_owned(), password.expose().to_owned()));
        }
        env
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specification::SiteSpecification;

    #[test]
    fn secrets_go_by_environment_and_never_into_the_file() {
        let specification: SiteSpecification = serde_json::from_value(json!({
            "name": "shop-1", "provider": "aws", "region": "us-east-1", "size": "small",
            "application": {"image": "nginx:1.27", "port": 80, "secrets": {"KEY": "planted-1"},
                "registry": {"server": "registry.example.com", "username": "u", "password": "planted-2"}},
            "database": {"storage_gb": 20},
        }))
        .expect("a whole site");
        let mut secrets = SiteSecrets::of(&specification, &SiteSecrets::default()).expect("plain secrets");
        secrets.database_password = Some(crate::specification::Secret::new("planted-3"));
        let variables = SiteVariables {
            site: SiteId::new(),
            customer: CustomerId::new(),
            specification: &specification,
            secrets: &secrets,
            world: World::Emulator,
            provider_options: &json!({"image_id": "ami-1"}),
            credentials: &BTreeMap::new(),
        };
        let file = variables.file();
        assert!(!file.to_string().contains("planted"), "{file}");
        assert_eq!(file["emulator"], true);
        assert_eq!(file["database"]["engine_version"], "16");
        let env = variables.secret_variables();
        for (name, planted) in [
            ("application_secrets", "planted-1"),
            ("registry", "planted-2"),
            ("database_password", "planted-3"),
        ] {
            assert!(
                env.iter()
                    .any(|(key, value)| key == name && value.contains(planted)),
                "{name}"
            );
        }
    }

    #[test]
    fn options_with_a_secret_in_them_go_by_environment_as_a_whole() {
        let specification: SiteSpecification = serde_json::from_value(json!({
            "name": "shop-1", "provider": "akamai", "region": "us-ord", "size": "small",
            "application": {"image": "nginx:1.27", "port": 80},
        }))
        .expect("a whole site");
        let variables = SiteVariables {
            site: SiteId::new(),
            customer: CustomerId::new(),
            specification: &specification,
            secrets: &SiteSecrets::default(),
            world: World::Simulated,
            provider_options: &json!({"unknown": 1}),
            credentials: &BTreeMap::from([
                ("token".to_owned(), "planted-token".to_owned()),
                ("certificate_key_pem".to_owned(), "planted-key".to_owned()),
            ]),
        };
        assert_eq!(variables.file().get("provider_options"), None);
        let env = variables.secret_variables();
        let options = env.iter().find(|(name, _)| name == "provider_options");
        assert_eq!(options.unwrap().1, r#"{"certificate_key_pem":"planted-key"}"#);
    }
}
