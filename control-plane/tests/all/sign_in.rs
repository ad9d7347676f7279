//! Signing in, as people live it: invitation, password, second factor, lockout, sessions, reset.

use std::time::Instant;

use chrono::Utc;
use control_plane::{Settings, SignInSettings};
use domain::{access::Role, mail::Letter};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use crate::stage::{Answer, Stage, settings};

const PASSWORD: &str = "lamp tundra violin 9 mango";

fn token_in(link: &str) -> String {
    link.split_once("#token=")
        .expect("a link has a token")
        .1
        .to_owned()
}

/// A person of the stage's customer who came by an invitation of `owner`, and signs in with [`PASSWORD`].
async fn invited(stage: &Stage, email: &str, role: &str) {
    let path = format!("/api/v1/customers/{}/invitations", stage.customer);
    stage
        .post("owner", &path, &json!({"email": email, "role": role}))
        .await
        .ok(201);
    let letters = stage.letters(email).await;
    let Some(Letter::Invitation { link, to, .. }) = letters.last() else {
        panic!("{letters:?}");
    };
    assert_eq!(to, "shop");
    let body = json!({"token": token_in(link), "name": "Anna Berg", "password": PASSWORD});
    let accepted = stage.post("", "/api/v1/invitations/accept", &body).await.ok(201);
    assert_eq!(accepted["email"], email);
    // The link was good for once.
    let again = stage.post("", "/api/v1/invitations/accept", &body).await;
    again.problem(410, "link_over");
}

async fn sign_in(stage: &Stage, email: &str, password: &str, code: Option<&str>) -> Answer {
    let body = json!({"email": email, "password": password, "code": code});
    stage.post("", "/api/v1/sessions", &body).await
}

async fn session(stage: &Stage, email: &str) -> Value {
    sign_in(stage, email, PASSWORD, None).await.ok(201)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

/// A request with an access token.
async fn with(stage: &Stage, access: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let call = stage
        .call("", method, path)
        .header("authorization", &format!("Bearer {access}"));
    match body {
        Some(body) => call.json(&body).send().await,
        None => call.send().await,
    }
}

async fn refresh(stage: &Stage, token: &str) -> Answer {
    stage
        .post("", "/api/v1/sessions/refresh", &json!({"refresh_token": token}))
        .await
}

fn authenticator(secret: &str) -> Totp {
    Builder::new()
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .build_noncompliant()
}

fn code_at(secret: &str, steps_from_now: i64) -> String {
    let time = u64::try_from(Utc::now().timestamp() + steps_from_now * 30).unwrap();
    authenticator(secret).generate(time).to_string()
}

/// Ends every wait that failures brought, as time would.
async fn wait_is_over(stage: &Stage) {
    sqlx::query("update sign_in_failures set blocked_until = now()")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_person_comes_in_by_an_invitation_and_does_what_their_role_may() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "viewer").await;
    // However the address is written.
    let session = sign_in(&stage, " ANNA@acme.test".trim(), PASSWORD, None)
        .await
        .ok(201);
    assert_eq!(
        (&session["token_type"], &session["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    let access = text(&session, "access_token");
    let me = with(&stage, access, "GET", "/api/v1/me", None).await.ok(200);
    assert_eq!(me["user"]["email"], "anna@acme.test");
    assert_eq!(me["user"]["email_verified"], true);
    assert_eq!(
        (&me["role"], &me["signed_in_by"]),
        (&json!("viewer"), &json!("session"))
    );
    assert_eq!(
        me["permissions"],
        json!(["sites:read", "customer:read", "members:read"])
    );
    with(&stage, access, "GET", "/api/v1/sites", None).await.ok(200);
    let refused = with(
        &stage,
        access,
        "POST",
        "/api/v1/sites",
        Some(crate::stage::specification("a")),
    )
    .await;
    let problem = refused.problem(403, "forbidden");
    assert_eq!(problem["detail"], "your role viewer may not change sites");
    assert_eq!(stage.audited("invitation.accept").await, 1);
    assert_eq!(stage.audited("session.create").await, 1);
}

#[tokio::test]
async fn a_weak_password_is_refused_and_the_invitation_stays_open() {
    let stage = Stage::new().await;
    let path = format!("/api/v1/customers/{}/invitations", stage.customer);
    let invite = json!({"email": "ben@acme.test", "role": "member"});
    stage.post("owner", &path, &invite).await.ok(201);
    let Letter::Invitation { link, .. } = stage.letters("ben@acme.test").await.remove(0) else {
        panic!("an invitation");
    };
    let mut body = json!({"token": token_in(&link), "name": "Ben", "password": "password123"});
    let refused = stage.post("", "/api/v1/invitations/accept", &body).await;
    let (found, _) = refused.refused_field(422, "invalid_request", "password");
    assert!(
        found.is_null() && !refused.text.contains("password123"),
        "{}",
        refused.text
    );
    body["password"] = json!(PASSWORD);
    stage.post("", "/api/v1/invitations/accept", &body).await.ok(201);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_taken_once_and_replaced_by_a_recovery_code() {
    let stage = Stage::new().await;
    let email = "anna@acme.test";
    invited(&stage, email, "owner").await;
    let first = session(&stage, email).await;
    let access = text(&first, "access_token");
    let confirm = json!({"password": PASSWORD});
    let wrong = with(
        &stage,
        access,
        "POST",
        "/api/v1/me/totp",
        Some(json!({"password": "x"})),
    )
    .await;
    wrong.refused_field(422, "invalid_request", "password");
    let proposal = with(&stage, access, "POST", "/api/v1/me/totp", Some(confirm.clone()))
        .await
        .ok(200);
    let secret = text(&proposal, "secret");
    assert!(text(&proposal, "url").contains(secret) && text(&proposal, "qr_svg").contains("<svg"));
    // Not in force yet.
    session(&stage, email).await;
    let code = json!({"code": code_at(secret, -1)});
    let codes = with(&stage, access, "POST", "/api/v1/me/totp/confirm", Some(code))
        .await
        .ok(200);
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);

    sign_in(&stage, email, PASSWORD, None)
        .await
        .problem(401, "code_required");
    sign_in(&stage, email, PASSWORD, Some("000000"))
        .await
        .problem(401, "invalid_credentials");
    let now = code_at(secret, 0);
    let second = sign_in(&stage, email, PASSWORD, Some(&now)).await.ok(201);
    // The same code a second time is a replay, and so is an older one.
    sign_in(&stage, email, PASSWORD, Some(&now))
        .await
        .problem(401, "invalid_credentials");
    sign_in(&stage, email, PASSWORD, Some(&code_at(secret, -1)))
        .await
        .problem(401, "invalid_credentials");
    let recovery = codes["recovery_codes"][0].as_str().unwrap();
    sign_in(&stage, email, PASSWORD, Some(recovery)).await.ok(201);
    sign_in(&stage, email, PASSWORD, Some(recovery))
        .await
        .problem(401, "invalid_credentials");

    let me = with(&stage, text(&second, "access_token"), "GET", "/api/v1/me", None)
        .await
        .ok(200);
    assert_eq!(me["user"]["recovery_codes_left"], 9);
    wait_is_over(&stage).await;
    let removed = with(
        &stage,
        text(&second, "access_token"),
        "DELETE",
        "/api/v1/me/totp",
        Some(confirm),
    )
    .await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    session(&stage, email).await;
}

#[tokio::test]
async fn wrong_passwords_bring_a_growing_wait_that_time_mail_or_an_admin_lifts() {
    let stage = Stage::new().await;
    let email = "anna@acme.test";
    invited(&stage, email, "member").await;
    for _ in 0..4 {
        sign_in(&stage, email, "wrong", None)
            .await
            .problem(401, "invalid_credentials");
    }
    // The fifth is still answered, and the next has to wait: even with the right password.
    sign_in(&stage, email, "wrong", None)
        .await
        .problem(401, "invalid_credentials");
    let mut waits = Vec::new();
    for _ in 0..5 {
        let blocked = sign_in(&stage, email, PASSWORD, None).await;
        blocked.problem(429, "too_many_attempts");
        waits.push(blocked.header("retry-after").parse::<u64>().unwrap());
        wait_is_over(&stage).await;
        sign_in(&stage, email, "wrong", None)
            .await
            .problem(401, "invalid_credentials");
    }
    assert!(waits.is_sorted() && waits[4] >= 8, "{waits:?}");
    // The person was told, once, and can let themselves in.
    let letters = stage.letters(email).await;
    let locks: Vec<&Letter> = letters
        .iter()
        .filter(|letter| letter.template() == "lockout")
        .collect();
    let [Letter::Lockout { link, .. }] = locks[..] else {
        panic!("{letters:?}");
    };
    let unlock = json!({"token": token_in(link)});
    let lifted = stage.post("", "/api/v1/unlocks/confirm", &unlock).await;
    assert_eq!(lifted.status, 204, "{}", lifted.text);
    session(&stage, email).await;

    for _ in 0..5 {
        sign_in(&stage, email, "wrong", None)
            .await
            .problem(401, "invalid_credentials");
    }
    sign_in(&stage, email, PASSWORD, None)
        .await
        .problem(429, "too_many_attempts");
    let members = format!("/api/v1/customers/{}/members", stage.customer);
    let people = stage.get("owner", &members).await.ok(200);
    let id = text(&people["items"][0], "id").to_owned();
    let lifted = stage
        .call("owner", "POST", &format!("{members}/{id}/unlock"))
        .send()
        .await;
    assert_eq!(lifted.status, 204, "{}", lifted.text);
    session(&stage, email).await;
}

#[tokio::test]
async fn a_hundred_guesses_at_once_are_a_hundred_failures() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "member").await;
    let guesses = (0..100).map(|_| sign_in(&stage, "anna@acme.test", "wrong", None));
    let answers = futures::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.status == 401).count();
    let blocked = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!(tried + blocked, 100);
    assert!(tried <= 7, "{tried} passwords were compared");
}

#[tokio::test]
async fn nobody_learns_whether_an_address_has_an_account() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "member").await;
    let known = sign_in(&stage, "anna@acme.test", "wrong", None).await;
    let unknown = sign_in(&stage, "nobody@acme.test", "wrong", None).await;
    let strip = |answer: &Answer| {
        let mut problem = answer.problem(401, "invalid_credentials");
        problem["trace_id"] = Value::Null;
        problem
    };
    assert_eq!(strip(&known), strip(&unknown));
    // Both take as long: a password is compared where there is none, too.
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..12 {
        for (place, email) in ["anna@acme.test", "nobody@acme.test"].into_iter().enumerate() {
            wait_is_over(&stage).await;
            let started = Instant::now();
            sign_in(&stage, email, &format!("wrong {round}"), None).await;
            times[place].push(started.elapsed());
        }
    }
    let median = |mut times: Vec<std::time::Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let [known, unknown] = times.map(median);
    let ratio = known.max(unknown) / known.min(unknown);
    assert!(ratio < 1.6, "known {known} s, unknown {unknown} s");
    // The failures of an unknown address block it just the same.
    for who in ["anna@acme.test", "nobody@acme.test"] {
        sign_in(&stage, who, "wrong", None).await;
        sign_in(&stage, who, "wrong", None)
            .await
            .problem(429, "too_many_attempts");
    }
    for who in ["anna@acme.test", "nobody@acme.test"] {
        let answer = stage
            .post("", "/api/v1/password-resets", &json!({"email": who}))
            .await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (202, ""));
    }
    assert_eq!(stage.letters("nobody@acme.test").await, []);
}

#[tokio::test]
async fn a_session_goes_on_by_its_newest_refresh_token_and_ends_where_an_old_one_comes_back() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "member").await;
    let first = session(&stage, "anna@acme.test").await;
    let second = refresh(&stage, text(&first, "refresh_token")).await.ok(200);
    let third = refresh(&stage, text(&second, "refresh_token")).await.ok(200);
    with(&stage, text(&third, "access_token"), "GET", "/api/v1/me", None)
        .await
        .ok(200);
    // Somebody has a copy of the first one.
    refresh(&stage, text(&first, "refresh_token"))
        .await
        .problem(401, "session_over");
    assert_eq!(stage.audited("session.reuse").await, 1);
    // So nothing of the session is good any more, at once.
    refresh(&stage, text(&third, "refresh_token"))
        .await
        .problem(401, "session_over");
    for answer in [&first, &second, &third] {
        with(&stage, text(answer, "access_token"), "GET", "/api/v1/me", None)
            .await
            .problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn of_two_who_refresh_at_once_with_one_token_the_session_ends() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "member").await;
    let first = session(&stage, "anna@acme.test").await;
    let token = text(&first, "refresh_token");
    let (one, other) = tokio::join!(refresh(&stage, token), refresh(&stage, token));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(stage.count("sessions where revoked_at is null").await, 0);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_and_all_at_once() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "member").await;
    invited(&stage, "ben@acme.test", "member").await;
    let sessions: Vec<Value> = {
        let mut sessions = Vec::new();
        for _ in 0..4 {
            sessions.push(session(&stage, "anna@acme.test").await);
        }
        sessions
    };
    let bens = session(&stage, "ben@acme.test").await;
    let mine = text(&sessions[0], "access_token");
    let list = with(&stage, mine, "GET", "/api/v1/me/sessions", None)
        .await
        .ok(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    assert_eq!(items.iter().filter(|item| item["current"] == true).count(), 1);
    let other = items.iter().find(|item| item["current"] == false).unwrap();
    let path = format!("/api/v1/me/sessions/{}", text(other, "id"));
    // Nobody ends another's.
    with(&stage, text(&bens, "access_token"), "DELETE", &path, None)
        .await
        .problem(404, "not_found");
    assert_eq!(with(&stage, mine, "DELETE", &path, None).await.status, 204);
    with(&stage, mine, "DELETE", &path, None)
        .await
        .problem(404, "not_found");
    assert_eq!(
        with(&stage, mine, "DELETE", "/api/v1/me/sessions", None)
            .await
            .status,
        204
    );
    let list = with(&stage, mine, "GET", "/api/v1/me/sessions", None)
        .await
        .ok(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        with(&stage, mine, "DELETE", "/api/v1/sessions/current", None)
            .await
            .status,
        204
    );
    with(&stage, mine, "GET", "/api/v1/me", None)
        .await
        .problem(401, "unauthorized");
    with(&stage, text(&bens, "access_token"), "GET", "/api/v1/me", None)
        .await
        .ok(200);
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_mailed_link_and_every_session_ends() {
    let stage = Stage::new().await;
    let email = "anna@acme.test";
    invited(&stage, email, "member").await;
    let before = session(&stage, email).await;
    for _ in 0..2 {
        let asked = stage
            .post("", "/api/v1/password-resets", &json!({"email": email}))
            .await;
        assert_eq!(asked.status, 202);
    }
    let links: Vec<String> = stage
        .letters(email)
        .await
        .into_iter()
        .filter_map(|letter| match letter {
            Letter::ResetPassword { link, .. } => Some(token_in(&link)),
            _ => None,
        })
        .collect();
    let new = "another violin under the tundra";
    let confirm = |token: &str| json!({"token": token, "password": new});
    // Only the newest link is good.
    let old = stage
        .post("", "/api/v1/password-resets/confirm", &confirm(&links[0]))
        .await;
    old.problem(410, "link_over");
    let done = stage
        .post("", "/api/v1/password-resets/confirm", &confirm(&links[1]))
        .await;
    assert_eq!(done.status, 204, "{}", done.text);
    let again = stage
        .post("", "/api/v1/password-resets/confirm", &confirm(&links[1]))
        .await;
    again.problem(410, "link_over");
    with(&stage, text(&before, "access_token"), "GET", "/api/v1/me", None)
        .await
        .problem(401, "unauthorized");
    sign_in(&stage, email, PASSWORD, None)
        .await
        .problem(401, "invalid_credentials");
    sign_in(&stage, email, new, None).await.ok(201);
}

#[tokio::test]
async fn the_refresh_cookie_works_for_our_own_pages_only() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "member").await;
    let body = json!({"email": "anna@acme.test", "password": PASSWORD, "keep": "cookie"});
    let answer = stage.post("", "/api/v1/sessions", &body).await;
    assert_eq!(answer.ok(201)["refresh_token"], Value::Null);
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/api/v1/sessions"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    let call = |headers: &[(&str, &str)]| {
        let mut call = stage
            .call("", "POST", "/api/v1/sessions/refresh")
            .header("cookie", pair)
            .header("host", "cloud.example");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.send()
    };
    for foreign in [
        [("origin", "https://evil.example")].as_slice(),
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "null")],
    ] {
        call(foreign).await.problem(403, "forbidden");
    }
    let own = call(&[
        ("origin", "https://cloud.example"),
        ("sec-fetch-site", "same-origin"),
    ])
    .await;
    assert_eq!(own.ok(200)["refresh_token"], Value::Null);
    assert_ne!(own.header("set-cookie"), cookie);
}

#[tokio::test]
async fn an_access_token_that_is_not_ours_as_it_is_is_refused() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "member").await;
    let session = session(&stage, "anna@acme.test").await;
    let access = text(&session, "access_token");
    let parts: Vec<&str> = access.split('.').collect();
    let encode = |value: &Value| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let none = format!("{}.{}.", encode(&json!({"alg": "none", "typ": "JWT"})), parts[1]);
    let hmac = format!(
        "{}.{}.{}",
        encode(&json!({"alg": "HS256", "typ": "JWT"})),
        parts[1],
        parts[2]
    );
    let other_claims = format!("{}.{}.{}", parts[0], encode(&json!({"sub": "admin"})), parts[2]);
    let cut = &access[..access.len() - 4];
    let mut tries = vec![
        none,
        hmac,
        other_claims,
        cut.to_owned(),
        "eyJ".to_owned(),
        "eyJ.eyJ.eyJ".to_owned(),
    ];
    // Signed by a key of another installation, and for another installation by our own.
    let stranger = Stage::new().await;
    invited(&stranger, "anna@acme.test", "member").await;
    let foreign = crate::sign_in::session(&stranger, "anna@acme.test").await;
    tries.push(text(&foreign, "access_token").to_owned());
    let elsewhere = Settings {
        public_url: "https://elsewhere.example".to_owned(),
        ..settings()
    };
    let mut other = stage.app.clone();
    other.settings = std::sync::Arc::new(elsewhere);
    let router = control_plane::router(other);
    let request = axum::http::Request::post("/api/v1/sessions")
        .header("content-type", "application/json")
        .body(axum::body::Body::from(
            json!({"email": "anna@acme.test", "password": PASSWORD}).to_string(),
        ))
        .unwrap();
    let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    tries.push(text(&answer, "access_token").to_owned());
    for token in &tries {
        with(&stage, token, "GET", "/api/v1/me", None)
            .await
            .problem(401, "unauthorized");
    }
    with(&stage, access, "GET", "/api/v1/me", None).await.ok(200);
}

#[tokio::test]
async fn a_new_signing_key_takes_over_and_the_old_one_still_verifies() {
    let stage = Stage::new().await;
    invited(&stage, "anna@acme.test", "member").await;
    let before = session(&stage, "anna@acme.test").await;
    let keys = stage.get("", "/.well-known/jwks.json").await.ok(200);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &keys["keys"][0]["kty"],
            &keys["keys"][0]["crv"],
            &keys["keys"][0]["alg"]
        ),
        (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"))
    );
    let new = control_plane::rotate_signing_key(&stage.app.pool, &stage.app.store.keys, Utc::now())
        .await
        .unwrap();
    // As if the two minutes of its being published were over.
    sqlx::query("update signing_keys set signs_from = signs_from - interval '3 minutes'")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    let mut after = stage;
    after.restart();
    let keys = after.get("", "/.well-known/jwks.json").await.ok(200);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    assert_eq!(keys["keys"][0]["kid"], new.to_string());
    with(&after, text(&before, "access_token"), "GET", "/api/v1/me", None)
        .await
        .ok(200);
    let session = session(&after, "anna@acme.test").await;
    let header = text(&session, "access_token")
        .split('.')
        .next()
        .unwrap()
        .to_owned();
    use base64::Engine;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(header)
        .unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(
        (&header["kid"], &header["alg"]),
        (&json!(new.to_string()), &json!("EdDSA"))
    );
}

#[tokio::test]
async fn a_person_of_the_platform_may_do_nothing_before_a_second_factor() {
    let stage = Stage::new().await;
    let id = stage.person(None, "root@siteplane.test", Role::Admin).await;
    // An imported hash: bcrypt of "U*U" (a vector of crypt_blowfish).
    sqlx::query("insert into credentials (user_id, password_hash) values ($1, $2)")
        .bind(id.0)
        .bind("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    let first = sign_in(&stage, "root@siteplane.test", "U*U", None).await.ok(201);
    let access = text(&first, "access_token");
    assert_eq!(
        stage
            .count("credentials where password_hash like '$argon2id$%'")
            .await,
        1,
        "the hash was replaced by a better one"
    );
    let refused = with(&stage, access, "GET", "/api/v1/customers", None)
        .await
        .problem(403, "forbidden");
    assert!(text(&refused, "detail").contains("second factor"), "{refused}");
    let me = with(&stage, access, "GET", "/api/v1/me", None).await.ok(200);
    assert_eq!(
        (&me["limit"], &me["permissions"]),
        (&json!("second_factor"), &json!([]))
    );
    let confirm = json!({"password": "U*U"});
    let proposal = with(&stage, access, "POST", "/api/v1/me/totp", Some(confirm))
        .await
        .ok(200);
    let code = json!({"code": code_at(text(&proposal, "secret"), 0)});
    with(&stage, access, "POST", "/api/v1/me/totp/confirm", Some(code))
        .await
        .ok(200);
    with(&stage, access, "GET", "/api/v1/customers", None)
        .await
        .ok(200);
}

#[tokio::test]
async fn a_session_that_is_idle_or_old_is_over() {
    let short = Settings {
        sign_in: SignInSettings {
            idle: chrono::TimeDelta::zero(),
            ..SignInSettings::default()
        },
        ..settings()
    };
    let stage = Stage::with(short).await;
    invited(&stage, "anna@acme.test", "member").await;
    let session = session(&stage, "anna@acme.test").await;
    with(&stage, text(&session, "access_token"), "GET", "/api/v1/me", None)
        .await
        .problem(401, "unauthorized");
    refresh(&stage, text(&session, "refresh_token"))
        .await
        .problem(401, "session_over");
}
