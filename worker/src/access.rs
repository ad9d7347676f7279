//! What an attempt may use: the site's specification and secrets, the cloud account and its credentials.

use std::collections::BTreeMap;

use db::{cloud_accounts, cloud_accounts::CloudAccount, deployments::Deployment, specifications};
use domain::{
    provider::{AccountAccess, World},
    specification::{SiteSecrets, SiteSpecification},
    tfvars::SiteVariables,
};
use serde_json::Value;
use state::{
    keys::MasterKeys,
    seal::{self, OpenError, SealedFor},
};

/// Everything that Terraform's variables and environment are made from.
pub struct Access {
    /// The cloud account, without its credentials.
    pub account: CloudAccount,
    /// What was asked for.
    pub specification: SiteSpecification,
    secrets: SiteSecrets,
    credentials: BTreeMap<String, String>,
}

/// Why an attempt has no access.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// What is stored can't be opened.
    #[error("{what} can't be opened with this worker's master keys")]
    Sealed {
        /// Which of it.
        what: &'static str,
        /// Why.
        source: OpenError,
    },
    /// What was opened is not what it should be.
    #[error("{0} are not in the form that this version knows")]
    Form(&'static str),
}

/// Reads what is stored, sealed.
pub struct Sealed {
    account: CloudAccount,
    credentials: Vec<u8>,
    specification: SiteSpecification,
    secrets: Vec<u8>,
}

impl Sealed {
    /// Reads the rows of a deployment.
    ///
    /// # Errors
    /// The database refused.
    pub async fn read(conn: &mut sqlx::PgConnection, deployment: &Deployment) -> sqlx::Result<Self> {
        let (account, credentials) = cloud_accounts::find_with_credentials(conn, deployment.account).await?;
        let stored = specifications::find(conn, deployment.site, deployment.specification).await?;
        Ok(Self {
            account,
            credentials,
            specification: stored.specification,
            secrets: stored.secrets_sealed,
        })
    }

    /// Opens what was read.
    ///
    /// # Errors
    /// See [`AccessError`].
    pub fn open(self, keys: &MasterKeys, deployment: &Deployment) -> Result<Access, AccessError> {
        let for_account = SealedFor::Credentials {
            customer_id: self.account.customer,
            cloud_account_id: self.account.id,
        };
        let credentials = seal::open_value(keys, &for_account, &self.credentials).map_err(|source| {
            AccessError::Sealed {
                what: "the cloud account's credentials",
                source,
            }
        })?;
        let for_site = SealedFor::SiteSecrets {
            customer_id: deployment.customer,
            site_id: deployment.site,
            specification: deployment.specification,
        };
        let secrets = seal::open(keys, &for_site, &self.secrets).map_err(|source| AccessError::Sealed {
            what: "the site's secrets",
            source,
        })?;
        let secrets =
            SiteSecrets::from_exposed_bytes(&secrets).map_err(|_| AccessError::Form("the site's secrets"))?;
        Ok(Access {
            account: self.account,
            specification: self.specification,
            secrets,
            credentials,
        })
    }
}

impl Access {
    /// The variables of the site's root module.
    pub fn variables<'a>(&'a self, deployment: &Deployment) -> SiteVariables<'a> {
        SiteVariables {
            site: deployment.site,
            customer: deployment.customer,
            specification: &self.specification,
            secrets: &self.secrets,
            world: self.account.world,
            provider_options: &self.account.provider_options,
            credentials: &self.credentials,
        }
    }

    /// The account's environment: credentials, region, and the address of a stand-in.
    pub fn environment(&self, deployment: &Deployment) -> Vec<(String, String)> {
        let facts = self.specification.provider.facts();
        let mut env = (facts.terraform_env)(&AccountAccess {
            world: self.account.world,
            credentials: &self.credentials,
            endpoint_url: self.account.endpoint.as_deref(),
            region: &self.specification.region,
        });
        if self.account.world == World::Simulated {
            let folder = self.account.endpoint.clone().unwrap_or_default();
            env.push(("SIMULATED_CLOUD_DIR".to_owned(), folder));
            let attempt = format!("{}/{}", deployment.id, deployment.attempt);
            env.push(("SIMULATED_CLOUD_ATTEMPT".to_owned(), attempt));
            if let Some(latency) = self
                .account
                .provider_options
                .get("latency_ms")
                .and_then(Value::as_u64)
            {
                env.push(("SIMULATED_CLOUD_LATENCY_MS".to_owned(), latency.to_string()));
            }
        }
        env
    }

    /// Every secret that must not leave this process in clear, for the mask.
    pub fn secrets(&self) -> Vec<String> {
        let own = self.secrets.all().map(|secret| secret.expose().to_owned());
        self.credentials.values().cloned().chain(own).collect()
    }
}
