//! The first people of a development database: one admin, two customers, and accounts at clouds that cost nothing.
//! Doing it again changes nothing.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail};
use db::{
    cloud_accounts::{self, CloudAccount},
    credentials,
    customers::{self, Customer},
    roles::RoleOf,
    tenant::{self, Scope},
    tokens::{self, NewToken},
    users,
};
use domain::{
    access::Role,
    id::{ApiTokenId, CloudAccountId, CustomerId, UserId},
    provider::{Provider, World},
    specification::Secret,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use state::{
    keys::MasterKeys,
    seal::{SealedFor, seal_value},
};

use super::{CustomerSignIn, SignIn, kept::Kept};

const ADMIN_EMAIL: &str = "admin@siteplane.test";
/// Name, slug and the owner's address.
const CUSTOMERS: [(&str, &str, &str); 2] = [
    ("Acme Shops", "acme-shops", "owner@acme-shops.test"),
    ("Borealis Media", "borealis-media", "owner@borealis-media.test"),
];
const CUSTOMER_AT_ONCE: i32 = 10;
const ACCOUNT_AT_ONCE: i32 = 50;

/// An AWS emulator to make an account at, for each customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EmulatorAccount {
    /// Its address.
    pub(crate) url: String,
    /// A machine image that it knows.
    pub(crate) image_id: String,
}

/// What the database has now.
pub(crate) struct Seeded {
    /// The admin.
    pub(crate) admin: SignIn,
    /// The customers.
    pub(crate) customers: Vec<CustomerSignIn>,
}

/// Makes what is not there yet.
///
/// # Errors
/// The database refuses, or an account is there with another address.
pub(crate) async fn seed(
    pool: &PgPool,
    keys: &MasterKeys,
    kept: &Kept,
    simulated_cloud: &Path,
    emulator: Option<&EmulatorAccount>,
) -> anyhow::Result<Seeded> {
    ensure_person(pool, None, ADMIN_EMAIL, Role::Admin, &kept.admin_token).await?;
    ensure_password(pool, ADMIN_EMAIL, &kept.admin_password).await?;
    let mut seeded = Vec::new();
    let ways_in = kept.customer_tokens.iter().zip(&kept.customer_passwords);
    for ((name, slug, email), (token, password)) in CUSTOMERS.into_iter().zip(ways_in) {
        let id = ensure_customer(pool, name, slug).await?;
        ensure_person(pool, Some(id), email, Role::Owner, token).await?;
        ensure_password(pool, email, password).await?;
        if let Some(emulator) = emulator {
            // A customer's own account comes before the platform's.
            let account = Wanted {
                customer: Some(id),
                provider: Provider::ALL[0],
                world: World::Emulator,
                name: "moto".to_owned(),
                endpoint: emulator.url.clone(),
                options: json!({"image_id": emulator.image_id}),
            };
            ensure_account(pool, keys, account).await?;
        }
        let sign_in = SignIn {
            email: email.to_owned(),
            password: Some(password.clone()),
            token: token.clone(),
        };
        seeded.push(CustomerSignIn {
            id: id.to_string(),
            name: name.to_owned(),
            sign_in,
        });
    }
    for provider in Provider::ALL {
        let simulated = Wanted {
            customer: None,
            provider,
            world: World::Simulated,
            name: format!("simulated-{provider}"),
            endpoint: simulated_cloud.display().to_string(),
            options: json!({}),
        };
        ensure_account(pool, keys, simulated).await?;
    }
    let admin = SignIn {
        email: ADMIN_EMAIL.to_owned(),
        password: Some(kept.admin_password.clone()),
        token: kept.admin_token.clone(),
    };
    Ok(Seeded {
        admin,
        customers: seeded,
    })
}

async fn ensure_customer(pool: &PgPool, name: &str, slug: &str) -> anyhow::Result<CustomerId> {
    let mut tx = tenant::begin(pool, Scope::Platform).await?;
    if let Some(found) = customers::find_by_slug(&mut tx, slug).await? {
        return Ok(found.id);
    }
    let customer = Customer {
        id: CustomerId::new(),
        name: name.to_owned(),
        slug: slug.to_owned(),
    };
    customers::insert(&mut tx, &customer, CUSTOMER_AT_ONCE).await?;
    tx.commit().await?;
    Ok(customer.id)
}

async fn ensure_person(
    pool: &PgPool,
    customer: Option<CustomerId>,
    email: &str,
    role: Role,
    token: &str,
) -> anyhow::Result<()> {
    let mut tx = tenant::begin(pool, Scope::Auth).await?;
    if tokens::find_bearer(&mut tx, token).await?.is_some() {
        return Ok(());
    }
    drop(tx);
    let mut tx = tenant::begin(pool, Scope::Platform).await?;
    let user = UserId::new();
    users::insert(&mut tx, user, customer, email, "", RoleOf::BuiltIn(role))
        .await
        .with_context(|| {
            format!("{email} can't be added; if secrets.json was lost, remove the folder and start anew")
        })?;
    let token_row = NewToken {
        id: ApiTokenId::new(),
        customer,
        user: Some(user),
        name: "siteplane dev",
        role: RoleOf::BuiltIn(role),
        scopes: None,
        expires_at: None,
    };
    tokens::insert(&mut tx, &token_row, token).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives the person the password, unless they have one: they may have set another.
async fn ensure_password(pool: &PgPool, email: &str, password: &str) -> anyhow::Result<()> {
    let mut tx = tenant::begin(pool, Scope::Auth).await?;
    let user = users::find_by_email(&mut tx, email).await?;
    let user = user.with_context(|| format!("{email} was removed; remove the folder to start anew"))?;
    if credentials::find(&mut tx, user.id).await?.password_hash.is_none() {
        let hash = control_plane::hash_password(&Secret::new(password)).await?;
        control_plane::import_password_hash(&mut tx, user.id, &hash).await?;
    }
    tx.commit().await?;
    Ok(())
}

struct Wanted {
    customer: Option<CustomerId>,
    provider: Provider,
    world: World,
    name: String,
    endpoint: String,
    options: Value,
}

async fn ensure_account(pool: &PgPool, keys: &MasterKeys, wanted: Wanted) -> anyhow::Result<()> {
    let mut tx = tenant::begin(pool, Scope::Platform).await?;
    let there = cloud_accounts::list(&mut tx).await?;
    let same_name = there
        .iter()
        .find(|account| account.name == wanted.name && account.customer == wanted.customer);
    match same_name {
        Some(found) if found.endpoint.as_ref() == Some(&wanted.endpoint) => return Ok(()),
        Some(found) => bail!(
            "the account {} in this folder's database stands at {}, not at {}; its sites are there. Use that, or another --dir",
            wanted.name,
            found.endpoint.as_deref().unwrap_or("a real cloud"),
            wanted.endpoint
        ),
        None => {}
    }
    let account = CloudAccount {
        id: CloudAccountId::new(),
        customer: wanted.customer,
        provider: wanted.provider,
        world: wanted.world,
        name: wanted.name,
        endpoint: Some(wanted.endpoint),
        provider_options: wanted.options,
    };
    // Neither asks who you are; the fields are what the cloud's provider insists on.
    let credentials: BTreeMap<&str, &str> = account
        .provider
        .facts()
        .credential_fields
        .iter()
        .filter(|field| field.required)
        .map(|field| (field.name, "stand-in"))
        .collect();
    let sealed_for = SealedFor::Credentials {
        customer_id: account.customer,
        cloud_account_id: account.id,
    };
    let sealed = seal_value(keys, &sealed_for, &credentials)?;
    cloud_accounts::insert(&mut tx, &account, ACCOUNT_AT_ONCE, &sealed).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn counts(pool: &PgPool) -> (i64, i64, i64) {
        let mut tx = tenant::begin(pool, Scope::Platform).await.unwrap();
        sqlx::query_as(
            "select (select count(*) from customers), (select count(*) from api_tokens), (select count(*) from cloud_accounts)",
        )
        .fetch_one(&mut *tx)
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn seeding_twice_is_seeding_once_and_the_tokens_work() {
        let database = db::testing::TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::read(folder.path()).unwrap();
        let keys = MasterKeys::development();
        let emulator = EmulatorAccount {
            url: "http://127.0.0.1:5600".to_owned(),
            image_id: "ami-1".to_owned(),
        };
        let first = seed(&database.pool, &keys, &kept, folder.path(), Some(&emulator))
            .await
            .unwrap();
        let second = seed(&database.pool, &keys, &kept, folder.path(), Some(&emulator))
            .await
            .unwrap();
        assert_eq!(first.customers[0].id, second.customers[0].id);
        let accounts = i64::try_from(Provider::ALL.len()).unwrap() + 2;
        assert_eq!(counts(&database.pool).await, (2, 3, accounts));

        let mut tx = tenant::begin(&database.pool, Scope::Auth).await.unwrap();
        let admin = tokens::find_bearer(&mut tx, &first.admin.token)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((admin.role.as_str(), admin.customer), ("admin", None));
        let owner = tokens::find_bearer(&mut tx, &first.customers[1].sign_in.token)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            owner.customer.map(|id| id.to_string()),
            Some(first.customers[1].id.clone())
        );
        drop(tx);

        let moved = EmulatorAccount {
            url: "http://127.0.0.1:5601".to_owned(),
            ..emulator
        };
        let error = seed(&database.pool, &keys, &kept, folder.path(), Some(&moved))
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("stands at http://127.0.0.1:5600, not at http://127.0.0.1:5601"),
            "{error}"
        );
    }
}
