//! The story of a person's account, with what arrives in their mailbox and nothing from the database.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::{
    installation::{Cloud, Installation, Lease},
    peer::Peer,
};

const EMAIL: &str = "anna@acme.test";
const PASSWORD: &str = "lamp tundra violin 9 mango";

/// A call with somebody's access token, or with nothing where it is empty. Gives status and body.
async fn call(
    installation: &Installation,
    access: &str,
    method: Method,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let url = format!("{}/api/v1{path}", installation.url);
    let mut request = installation.http().request(method, url);
    if !access.is_empty() {
        request = request.bearer_auth(access);
    }
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

/// The token of the link in the next letter, which must have this subject.
fn token_of_letter(mailbox: &Peer, subject: &str) -> String {
    let letter = mailbox.next();
    assert_eq!(letter["subject"], subject, "{letter}");
    assert_eq!(letter["to"], EMAIL);
    let (_, rest) = text(&letter, "text").split_once("#token=").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

fn code(secret: &str, steps_from_now: i64) -> String {
    let time = chrono::Utc::now().timestamp() + steps_from_now * 30;
    let totp = Builder::new()
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .build_noncompliant();
    totp.generate(u64::try_from(time).unwrap()).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_lives_with_their_account_from_the_mailed_invitation_to_the_last_session() {
    let mailbox = Peer::start("smtp.mjs", &[]);
    let mut installation = Installation::start(Lease::Default, Cloud::Simulated(Duration::ZERO)).await;
    installation.environment = vec![
        ("SITEPLANE__MAIL__HOST", "127.0.0.1".to_owned()),
        ("SITEPLANE__MAIL__PORT", mailbox.port.to_string()),
        ("SITEPLANE__MAIL__SECURITY", "none".to_owned()),
        ("SITEPLANE__MAIL__FROM", "no-reply@siteplane.test".to_owned()),
    ];
    let _worker = installation.start_worker("worker");
    let at = |access: String, method: Method, path: String, body: Value| {
        let installation = &installation;
        async move { call(installation, &access, method, &path, body).await }
    };
    let post = |path: &str, body: Value| at(String::new(), Method::POST, path.to_owned(), body);
    let sign_in = |password: &str, code: Option<String>| {
        post(
            "/sessions",
            json!({"email": EMAIL, "password": password, "code": code}),
        )
    };

    // Invitation, mail, password.
    let (_, owner) = installation.call(Method::GET, "/me", None).await;
    let path = format!("/customers/{}/invitations", text(&owner["customer"], "id"));
    let invite = json!({"email": EMAIL, "role": "member"});
    let (status, answer) = installation.call(Method::POST, &path, Some(invite)).await;
    assert_eq!(status, 201, "{answer}");
    let token = token_of_letter(&mailbox, "acceptance invites you to Acme");
    let accept = json!({"token": token, "name": "Anna Berg", "password": PASSWORD});
    let (status, answer) = post("/invitations/accept", accept).await;
    assert_eq!(status, 201, "{answer}");

    // TOTP.
    let (status, session) = sign_in(PASSWORD, None).await;
    assert_eq!(status, 201, "{session}");
    let access = text(&session, "access_token").to_owned();
    let as_anna = |method: Method, path: &str, body: Value| at(access.clone(), method, path.to_owned(), body);
    let (status, proposal) = as_anna(Method::POST, "/me/totp", json!({"password": PASSWORD})).await;
    assert_eq!(status, 200, "{proposal}");
    let secret = text(&proposal, "secret").to_owned();
    let (status, confirmed) = as_anna(
        Method::POST,
        "/me/totp/confirm",
        json!({"code": code(&secret, -1)}),
    )
    .await;
    assert_eq!(status, 200, "{confirmed}");
    let alert = mailbox.next();
    assert_eq!(
        alert["subject"], "Your account at Siteplane was changed",
        "{alert}"
    );

    // Wrong codes to the lockout, which the right password and code do not get past. The waits grow from a second to
    // half a minute, so the database lets them pass.
    for _ in 0..10 {
        let mut owner = installation.database.owner().await;
        sqlx::query("update sign_in_failures set blocked_until = now()")
            .execute(&mut owner)
            .await
            .unwrap();
        let (status, answer) = sign_in(PASSWORD, Some("000000".to_owned())).await;
        assert_eq!((status, text(&answer, "code")), (401, "invalid_credentials"));
    }
    let (status, blocked) = sign_in(PASSWORD, Some(code(&secret, 0))).await;
    assert_eq!((status, text(&blocked, "code")), (429, "too_many_attempts"));

    // The mailed way out of it.
    let unlock = token_of_letter(&mailbox, "Sign-in to Siteplane is slowed down");
    let (status, _) = post("/unlocks/confirm", json!({"token": unlock})).await;
    assert_eq!(status, 204);
    let (status, first) = sign_in(PASSWORD, Some(code(&secret, 0))).await;
    assert_eq!(status, 201, "{first}");

    // Refresh; and a token that comes a second time ends the session.
    let refresh = |token: &str| post("/sessions/refresh", json!({"refresh_token": token}));
    let (status, second) = refresh(text(&first, "refresh_token")).await;
    assert_eq!(status, 200, "{second}");
    let (status, reused) = refresh(text(&first, "refresh_token")).await;
    assert_eq!((status, text(&reused, "code")), (401, "session_over"));
    let (status, over) = refresh(text(&second, "refresh_token")).await;
    assert_eq!((status, text(&over, "code")), (401, "session_over"));
    let of_second = text(&second, "access_token").to_owned();
    let (status, _) = at(of_second, Method::GET, "/me".to_owned(), Value::Null).await;
    assert_eq!(status, 401);

    // A new password ends everything that is left.
    let (status, me) = as_anna(Method::GET, "/me", Value::Null).await;
    assert_eq!(status, 200, "{me}");
    let (status, _) = post("/password-resets", json!({"email": EMAIL})).await;
    assert_eq!(status, 202);
    let token = token_of_letter(&mailbox, "Choose a new password for Siteplane");
    let new = json!({"token": token, "password": "another violin under the tundra"});
    let (status, answer) = post("/password-resets/confirm", new).await;
    assert_eq!(status, 204, "{answer}");
    let (status, _) = as_anna(Method::GET, "/me", Value::Null).await;
    assert_eq!(status, 401);
    let (status, answer) = sign_in(PASSWORD, Some(code(&secret, 1))).await;
    assert_eq!((status, text(&answer, "code")), (401, "invalid_credentials"));
}
