//! `siteplane admin`: the first customers, people, tokens and accounts. Works on the database as its owner, so it
//! needs no API and no sign-in; each change is in the audit log.

mod open_state;
mod people;
mod rotate_keys;

use std::{collections::BTreeMap, io::Read, process::ExitCode};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use db::{
    audit::{self, Actor, ActorKind, AuditEvent},
    cloud_accounts::{self, CloudAccount},
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
};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use state::seal::{SealedFor, seal_value};

use super::{owner_pool, print, state_store};
use crate::{
    dev::kept::new_token,
    settings::{Environment, Settings},
};

/// What to make.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// One of the platform's people, with a link to set a password and a token, both shown once.
    #[command(name = "create-admin")]
    Admin {
        /// Address of the person.
        email: String,
        /// What they are: admin, operator, auditor.
        #[arg(long, default_value = "admin")]
        role: Role,
    },
    /// A link by which somebody sets a new password, shown once; for who can't get a mail.
    ResetPassword {
        /// Address of the person.
        email: String,
    },
    /// Lets somebody sign in again at once who waits after wrong passwords.
    Unlock {
        /// Address of the person.
        email: String,
    },
    /// People of another program with their passwords' hashes (bcrypt, argon2). Comes by stdin, a JSON object a line:
    /// {"email", "name", "role", "password_hash"}. All of them, or none.
    ImportPeople {
        /// Whose they become, by slug; without it the platform's.
        #[arg(long)]
        customer: Option<String>,
    },
    /// A new key to sign access tokens with. The old one stays good until its tokens are over.
    RotateSigningKey,
    /// Everything sealed, wrapped anew under the current master key, while everything runs. May be killed and run
    /// again. Succeeds when nothing is left under another key.
    RotateKeys {
        /// Count what is under which key, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Opens a sealed state or plan with the master keys alone, without a database: its content goes to stdout.
    OpenState {
        /// A file, - for stdin, or a key in the bucket; without it the keys in the bucket are listed.
        blob: Option<String>,
    },
    /// A customer, with its first owner and a token that is shown once.
    #[command(name = "create-customer")]
    Customer {
        /// The name that people read.
        name: String,
        /// A short name for addresses: a-z, 0-9 and -.
        #[arg(long)]
        slug: String,
        /// Address of its owner.
        #[arg(long)]
        owner: String,
        /// How many of its deployments run at once.
        #[arg(long, default_value_t = 3)]
        at_once: i32,
    },
    /// A token for a program, shown once.
    #[command(name = "create-token")]
    Token {
        /// What it is for.
        name: String,
        /// Whose it is, by slug; without it the platform's.
        #[arg(long)]
        customer: Option<String>,
        /// Of the platform: admin, operator, auditor, collector. Of a customer: owner, member, viewer, ci.
        #[arg(long)]
        role: Role,
        /// After so many days it ends.
        #[arg(long, value_name = "DAYS")]
        expires_in: Option<i64>,
    },
    /// An account at a cloud. Its credentials come by stdin, as a JSON object of texts.
    #[command(name = "create-cloud-account")]
    CloudAccount {
        /// The name that people read.
        name: String,
        /// The cloud.
        #[arg(long, default_value = "aws")]
        provider: Provider,
        /// Where its resources stand: real, emulator, simulated.
        #[arg(long, default_value = "real")]
        world: World,
        /// Whose it is, by slug; without it every customer's.
        #[arg(long)]
        customer: Option<String>,
        /// Address of the emulator, or folder of the simulated cloud.
        #[arg(long)]
        endpoint: Option<String>,
        /// What only this cloud needs, such as image_id=ami-1.
        #[arg(long = "option", value_name = "KEY=VALUE")]
        options: Vec<String>,
        /// How many deployments run in it at once.
        #[arg(long, default_value_t = 50)]
        at_once: i32,
    },
}

/// Makes it.
pub(crate) async fn run(what: What, settings: &Settings) -> anyhow::Result<ExitCode> {
    if let What::OpenState { blob } = what {
        match blob {
            Some(blob) => open_state::run(settings, &blob).await?,
            None => open_state::list(settings).await?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let pool = owner_pool(settings).await?;
    match what {
        What::OpenState { .. } => unreachable!("it needs no database"),
        What::RotateKeys { dry_run } => {
            let done = rotate_keys::run(&pool, &state_store(settings)?, dry_run).await?;
            pool.close().await;
            return Ok(if done {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        What::Admin { email, role } => {
            ensure!(
                role.is_platform() && role.is_for_people(),
                "--role must be admin, operator or auditor"
            );
            // Before anybody is made: the link that is printed at the end needs it.
            settings.public_url()?;
            let mut tx = begin(&pool).await?;
            let token = add_person(&mut tx, None, &email, role).await?;
            tx.commit().await?;
            let link = people::link_to_set_password(&pool, settings, &email).await?;
            print(format!(
                "{role} {email}. A password is set, once, within {} minutes, at\n{}\nThe token, shown this once:\n{token}",
                settings.sign_in.link_minutes,
                link.expose()
            ));
        }
        What::ResetPassword { email } => {
            let link = people::link_to_set_password(&pool, settings, &email).await?;
            print(format!(
                "{email} sets a new password, once, within {} minutes, at\n{}",
                settings.sign_in.link_minutes,
                link.expose()
            ));
        }
        What::Unlock { email } => {
            people::unlock(&pool, &email).await?;
            print(format!("{email} may sign in again at once."));
        }
        What::ImportPeople { customer } => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("can't read the people from stdin")?;
            let people = people::read(&text, customer.is_some())?;
            let count = people.len();
            people::import(&pool, customer.as_deref(), people).await?;
            print(format!(
                "{count} people imported. Their passwords are what they were."
            ));
        }
        What::RotateSigningKey => {
            let id = control_plane::rotate_signing_key(&pool, &settings.master_keys()?, Utc::now()).await?;
            print(format!(
                "Signing key {id} is published, and signs as soon as every process knows it."
            ));
        }
        What::Customer {
            name,
            slug,
            owner,
            at_once,
        } => {
            let mut tx = begin(&pool).await?;
            let customer = Customer {
                id: CustomerId::new(),
                name,
                slug,
            };
            customers::insert(&mut tx, &customer, at_once)
                .await
                .map_err(plain)?;
            note(
                &mut tx,
                Some(customer.id),
                "customer.create",
                "customer",
                customer.id.0,
                json!({"slug": customer.slug}),
            )
            .await?;
            let token = add_person(&mut tx, Some(customer.id), &owner, Role::Owner).await?;
            tx.commit().await?;
            print(format!(
                "Customer {} ({}), owner {owner}. The token, shown this once:\n{token}",
                customer.name, customer.id
            ));
        }
        What::Token {
            name,
            customer,
            role,
            expires_in,
        } => {
            let expires_at = expires_in.map(ends_at).transpose()?;
            let mut tx = begin(&pool).await?;
            let customer = customer_named(&mut tx, customer.as_deref()).await?;
            let token = add_token(&mut tx, customer, None, &name, role, expires_at).await?;
            tx.commit().await?;
            print(format!("Token {name} ({role}), shown this once:\n{token}"));
        }
        What::CloudAccount {
            name,
            provider,
            world,
            customer,
            endpoint,
            options,
            at_once,
        } => {
            ensure!(
                world == World::Real || settings.environment != Environment::Production,
                "production has real accounts only"
            );
            ensure!(
                (world == World::Real) == endpoint.is_none(),
                "--endpoint belongs to the worlds emulator and simulated, and they need it"
            );
            let credentials = read_credentials(provider)?;
            let options = read_options(provider, &options)?;
            let keys = settings.master_keys()?;
            let mut tx = begin(&pool).await?;
            let customer = customer_named(&mut tx, customer.as_deref()).await?;
            let account = CloudAccount {
                id: CloudAccountId::new(),
                customer,
                provider,
                world,
                name,
                endpoint,
                provider_options: options,
            };
            let sealed_for = SealedFor::Credentials {
                customer_id: customer,
                cloud_account_id: account.id,
            };
            let sealed = seal_value(&keys, &sealed_for, &credentials)?;
            cloud_accounts::insert(&mut tx, &account, at_once, &sealed)
                .await
                .map_err(plain)?;
            let details = json!({"name": account.name, "provider": provider, "world": world});
            note(
                &mut tx,
                customer,
                "cloud_account.create",
                "cloud_account",
                account.id.0,
                details,
            )
            .await?;
            tx.commit().await?;
            print(format!(
                "Cloud account {} ({}) at {provider}, world {}.",
                account.name,
                account.id,
                world.as_str()
            ));
        }
    }
    pool.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn begin(pool: &PgPool) -> anyhow::Result<sqlx::Transaction<'static, sqlx::Postgres>> {
    tenant::begin(pool, Scope::Platform)
        .await
        .context("the owner of the schema can't act as siteplane_platform")
}

fn ends_at(days: i64) -> anyhow::Result<DateTime<Utc>> {
    ensure!(days > 0, "--expires-in must be at least 1 day");
    let length = TimeDelta::try_days(days).and_then(|length| Utc::now().checked_add_signed(length));
    length.context("--expires-in is too far away")
}

async fn customer_named(conn: &mut PgConnection, slug: Option<&str>) -> anyhow::Result<Option<CustomerId>> {
    let Some(slug) = slug else { return Ok(None) };
    let found = customers::find_by_slug(conn, slug).await?;
    Ok(Some(
        found.with_context(|| format!("there is no customer {slug}"))?.id,
    ))
}

async fn add_person(
    conn: &mut PgConnection,
    customer: Option<CustomerId>,
    email: &str,
    role: Role,
) -> anyhow::Result<String> {
    ensure!(email.contains('@'), "{email:?} is no e-mail address");
    let user = UserId::new();
    users::insert(conn, user, customer, email, "", RoleOf::BuiltIn(role))
        .await
        .map_err(plain)?;
    note(
        conn,
        customer,
        "user.create",
        "user",
        user.0,
        json!({"email": email, "role": role}),
    )
    .await?;
    add_token(conn, customer, Some(user), email, role, None).await
}

async fn add_token(
    conn: &mut PgConnection,
    customer: Option<CustomerId>,
    user: Option<UserId>,
    name: &str,
    role: Role,
    expires_at: Option<DateTime<Utc>>,
) -> anyhow::Result<String> {
    let text = new_token()?;
    let id = ApiTokenId::new();
    tokens::insert(
        conn,
        &NewToken {
            id,
            customer,
            user,
            name,
            role: RoleOf::BuiltIn(role),
            scopes: None,
            expires_at,
        },
        &text,
    )
    .await
    .map_err(plain)?;
    note(
        conn,
        customer,
        "api_token.create",
        "api_token",
        id.0,
        json!({"name": name, "role": role}),
    )
    .await?;
    Ok(text)
}

async fn note(
    conn: &mut PgConnection,
    customer: Option<CustomerId>,
    action: &str,
    subject_kind: &str,
    subject: uuid::Uuid,
    details: Value,
) -> anyhow::Result<()> {
    let actor = Actor {
        kind: ActorKind::System,
        id: None,
        name: "siteplane admin".to_owned(),
    };
    let event = AuditEvent {
        customer,
        actor: &actor,
        action,
        subject_kind,
        subject,
        details,
        trace_id: "",
    };
    Ok(audit::record(conn, event).await?)
}

/// Constraints in words.
fn plain(error: sqlx::Error) -> anyhow::Error {
    let constraint = error
        .as_database_error()
        .and_then(|error| error.constraint())
        .unwrap_or_default();
    let words = match constraint {
        "customers_slug_key" => "there is a customer with this slug already",
        "customers_slug_is_dns_label" => {
            "the slug must have 3 to 32 characters of a-z, 0-9 and -, and start with a letter"
        }
        "customers_max_concurrent_is_positive" | "cloud_accounts_max_concurrent_is_positive" => {
            "--at-once must be at least 1"
        }
        "users_email_key" => "there is somebody with this address already",
        "api_tokens_role_fits_customer" => {
            "the role does not fit: admin, operator, auditor, collector are the platform's; owner, member, viewer, ci a customer's"
        }
        "cloud_accounts_customer_id_name_key" => "there is an account of this name already",
        _ => return error.into(),
    };
    anyhow::Error::msg(words)
}

fn read_credentials(provider: Provider) -> anyhow::Result<BTreeMap<String, String>> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("can't read the credentials from stdin")?;
    // The error would show what it could not read.
    let credentials: BTreeMap<String, String> = serde_json::from_str(&text)
        .map_err(|_| anyhow::Error::msg("stdin must have a JSON object of texts: the credentials"))?;
    let fields = provider.facts().credential_fields;
    if let Some(unknown) = credentials
        .keys()
        .find(|name| !fields.iter().any(|field| field.name == *name))
    {
        let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
        bail!(
            "{provider} has no credential {unknown}; it has {}",
            known.join(", ")
        );
    }
    if let Some(missing) = fields
        .iter()
        .find(|field| field.required && !credentials.contains_key(field.name))
    {
        bail!("the credential {} is missing", missing.name);
    }
    Ok(credentials)
}

fn read_options(provider: Provider, options: &[String]) -> anyhow::Result<Value> {
    let known = provider.facts().option_fields;
    let mut object = serde_json::Map::new();
    for option in options {
        let (key, value) = option
            .split_once('=')
            .with_context(|| format!("{option:?} is not key=value"))?;
        ensure!(
            known.contains(&key),
            "{provider} has no option {key}; it has {}",
            known.join(", ")
        );
        object.insert(key.to_owned(), json!(value));
    }
    Ok(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_option_is_refused_with_those_that_there_are() {
        let error = read_options(Provider::ALL[0], &["ssh_keys=1".to_owned()])
            .unwrap_err()
            .to_string();
        assert_eq!(error, "aws has no option ssh_keys; it has image_id");
        assert_eq!(
            read_options(Provider::ALL[0], &["image_id=ami-1".to_owned()]).unwrap(),
            json!({"image_id": "ami-1"})
        );
    }

    #[tokio::test]
    async fn a_token_works_and_its_making_is_in_the_audit_log() {
        let database = db::testing::TestDatabase::new().await;
        let mut tx = begin(&database.pool).await.unwrap();
        let token = add_person(&mut tx, None, "a@b.test", Role::Admin).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = tenant::begin(&database.pool, Scope::Auth).await.unwrap();
        assert_eq!(
            tokens::find_bearer(&mut tx, &token).await.unwrap().unwrap().role,
            "admin"
        );
        let mut tx = begin(&database.pool).await.unwrap();
        let actions: Vec<String> = sqlx::query_scalar("select action from audit_events order by id")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        assert_eq!(actions, ["user.create", "api_token.create"]);
        let error = add_token(&mut tx, None, None, "ci", Role::Ci, None)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("the role does not fit"), "{error}");
    }
}
