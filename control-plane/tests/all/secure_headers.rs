//! What every answer tells a browser.

use control_plane::Settings;

use crate::stage::{Stage, settings};

#[tokio::test]
async fn every_answer_is_data_that_nobody_frames_guesses_at_or_keeps() {
    let stage = Stage::new().await;
    let (site, _) = stage.site("shop-1").await;
    for (who, path, status) in [
        ("owner", "/api/v1/sites".to_owned(), 200),
        ("owner", format!("/api/v1/sites/{site}"), 200),
        ("", "/api/v1/sites".to_owned(), 401),
        ("owner", "/nowhere".to_owned(), 404),
        ("", "/healthz".to_owned(), 200),
        ("", "/openapi.json".to_owned(), 200),
    ] {
        let answer = stage.get(who, &path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("strict-transport-security", ""),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn nothing_is_kept_but_what_is_asked_for_again_and_what_everybody_may_have() {
    let stage = Stage::new().await;
    let (site, _) = stage.site("shop-1").await;
    for (path, rule) in [
        ("/api/v1/sites".to_owned(), "no-store"),
        ("/api/v1/me".to_owned(), "no-store"),
        (format!("/api/v1/sites/{site}"), "private, no-cache"),
    ] {
        let answer = stage.get("owner", &path).await;
        assert_eq!(answer.header("cache-control"), rule, "{path}");
    }
    let keys = stage.get("", "/.well-known/jwks.json").await;
    assert!(
        keys.header("cache-control").starts_with("public"),
        "{}",
        keys.header("cache-control")
    );
}

#[tokio::test]
async fn a_browser_is_told_to_stay_with_https_where_people_come_by_it() {
    let settings = Settings {
        public_url: "https://siteplane.example.com".to_owned(),
        ..settings()
    };
    let stage = Stage::with(settings).await;
    let answer = stage.get("", "/healthz").await;
    assert_eq!(
        answer.header("strict-transport-security"),
        "max-age=63072000; includeSubDomains"
    );
}
