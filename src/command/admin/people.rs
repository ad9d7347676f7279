//! Passwords of the first people, without the API: links to set one, imported hashes, lockouts.

use anyhow::{Context, bail};
use chrono::{TimeDelta, Utc};
use db::{
    roles::RoleOf,
    sign_in_failures,
    tenant::{self, Scope},
    users,
};
use domain::{access::Role, id::UserId, specification::Secret};
use serde::Deserialize;
use serde_json::json;
use sqlx::PgPool;

use super::{customer_named, note, plain};
use crate::settings::Settings;

/// Somebody to import.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Imported {
    email: String,
    #[serde(default)]
    name: String,
    role: Role,
    password_hash: Secret,
}

/// Reads a JSON object a line.
///
/// # Errors
/// A line is none, or its role does not fit. No line is quoted: it has a hash in it.
pub(super) fn read(text: &str, of_customer: bool) -> anyhow::Result<Vec<Imported>> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let mut people = Vec::new();
    for (index, line) in lines {
        let number = index + 1;
        let person: Imported = serde_json::from_str(line).map_err(|error| match error.classify() {
            // Says which field, never what was in it.
            serde_json::error::Category::Data => anyhow::anyhow!(
                "line {number}: needs the texts email, role and password_hash, may have name, and nothing else"
            ),
            _ => anyhow::anyhow!("line {number}, column {}: is no JSON object", error.column()),
        })?;
        if !person.email.contains('@') {
            bail!("line {number}: {:?} is no e-mail address", person.email);
        }
        if !person.role.is_for_people() || person.role.is_platform() == of_customer {
            let allowed = if of_customer {
                "owner, member, viewer"
            } else {
                "admin, operator, auditor"
            };
            bail!(
                "line {number}: role {} does not fit; here it is one of {allowed}",
                person.role
            );
        }
        people.push(person);
    }
    if people.is_empty() {
        bail!("stdin has nobody in it");
    }
    Ok(people)
}

/// Imports all of them, or none.
///
/// # Errors
/// One is there already, or has no hash that sign-in could verify.
pub(super) async fn import(
    pool: &PgPool,
    customer: Option<&str>,
    people: Vec<Imported>,
) -> anyhow::Result<()> {
    let mut tx = super::begin(pool).await?;
    let customer = customer_named(&mut tx, customer).await?;
    drop(tx);
    let mut tx = tenant::begin(pool, Scope::Auth).await?;
    for person in people {
        let id = UserId::new();
        users::insert(
            &mut tx,
            id,
            customer,
            &person.email,
            &person.name,
            RoleOf::BuiltIn(person.role),
        )
        .await
        .map_err(plain)
        .with_context(|| format!("nobody was imported: {}", person.email))?;
        control_plane::import_password_hash(&mut tx, id, &person.password_hash)
            .await
            .with_context(|| format!("nobody was imported: the password_hash of {}", person.email))?;
        let details = json!({"email": person.email, "role": person.role});
        note(&mut tx, customer, "user.import", "user", id.0, details).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A link by which the person sets a password.
///
/// # Errors
/// Nobody has the address.
pub(super) async fn link_to_set_password(
    pool: &PgPool,
    settings: &Settings,
    email: &str,
) -> anyhow::Result<Secret> {
    let mut tx = tenant::begin(pool, Scope::Auth).await?;
    let user = users::find_by_email(&mut tx, email).await?;
    let user = user.with_context(|| format!("nobody has the address {email}"))?;
    let until = Utc::now() + TimeDelta::minutes(settings.sign_in.link_minutes.into());
    let link = control_plane::link_to_set_password(&mut tx, &settings.public_url()?, user.id, until).await?;
    note(
        &mut tx,
        user.customer,
        "password.ask_reset",
        "user",
        user.id.0,
        json!({"by": "siteplane admin"}),
    )
    .await?;
    tx.commit().await?;
    Ok(link)
}

/// Lifts what failed sign-ins of the account brought.
///
/// # Errors
/// Nobody has the address.
pub(super) async fn unlock(pool: &PgPool, email: &str) -> anyhow::Result<()> {
    let mut tx = tenant::begin(pool, Scope::Auth).await?;
    let user = users::find_by_email(&mut tx, email).await?;
    let user = user.with_context(|| format!("nobody has the address {email}"))?;
    sign_in_failures::forget(&mut tx, &control_plane::account_subject(&user.email)).await?;
    let details = json!({"by": "siteplane admin"});
    note(&mut tx, user.customer, "user.unlock", "user", user.id.0, details).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    #[test]
    fn a_line_that_does_not_fit_is_named_and_not_quoted() {
        let good = json!({"email": "a@b.test", "role": "owner", "password_hash": BCRYPT}).to_string();
        assert_eq!(read(&format!("{good}\n\n{good}\n"), true).unwrap().len(), 2);
        for (text, of_customer, expected) in [
            (
                format!("{good}\n{{\"email\": \"secret-hash\""),
                true,
                "line 2, column",
            ),
            ("[]".to_owned(), true, "line 1: needs the texts email"),
            (
                json!({"email": "a", "role": "owner", "password_hash": "x"}).to_string(),
                true,
                "line 1: \"a\" is no e-mail address",
            ),
            (good.clone(), false, "here it is one of admin, operator, auditor"),
            (
                json!({"email": "a@b", "role": "ci", "password_hash": "x"}).to_string(),
                true,
                "here it is one of owner, member, viewer",
            ),
            (String::new(), true, "stdin has nobody in it"),
        ] {
            let error = read(&text, of_customer).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn all_are_imported_or_none() {
        let database = db::testing::TestDatabase::new().await;
        let person = |email: &str, hash: &str| Imported {
            email: email.to_owned(),
            name: String::new(),
            role: Role::Auditor,
            password_hash: Secret::new(hash),
        };
        let error = import(
            &database.pool,
            None,
            vec![person("a@b.test", BCRYPT), person("c@d.test", "letmein")],
        )
        .await
        .unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("the password_hash of c@d.test") && !error.contains("letmein"),
            "{error}"
        );
        import(&database.pool, None, vec![person("a@b.test", BCRYPT)])
            .await
            .unwrap();
        let twice = import(&database.pool, None, vec![person("A@B.test", BCRYPT)])
            .await
            .unwrap_err();
        assert!(
            format!("{twice:#}").contains("somebody with this address"),
            "{twice:#}"
        );
    }
}
