//! How much callers may ask for, over several processes of the API.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use control_plane::{Allowance, App, RateLimits, Settings};
use domain::id::CustomerId;
use serde_json::json;

use crate::stage::{Answer, Stage, settings, specification};

const ASKED: u32 = 400;

fn limited(rate_limits: RateLimits) -> Settings {
    Settings {
        rate_limits,
        ..settings()
    }
}

fn requests(most: u32) -> Allowance {
    Allowance {
        requests: NonZeroU32::new(most),
        deployments: None,
    }
}

/// As customers have it: 100 requests for each caller of a standard customer, 300 for each of a premium one.
fn as_sold() -> RateLimits {
    RateLimits {
        standard: requests(100),
        premium: requests(300),
        platform: requests(1000),
        ..RateLimits::NONE
    }
}

/// Another process on the same database.
fn beside(stage: &Stage) -> axum::Router {
    let settings = (*stage.app.settings).clone();
    let app = App::new(stage.app.pool.clone(), stage.app.store.clone(), settings);
    control_plane::router(app)
}

async fn set_tier(stage: &Stage, customer: CustomerId, tier: &str) {
    sqlx::query("update customers set tier = $2 where id = $1")
        .bind(customer.0)
        .bind(tier)
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
}

/// How many of [`ASKED`] requests are answered, of which every `every`-th goes to the other process.
async fn answered(stage: &mut Stage, who: &str, other: &axum::Router, every: u32) -> u32 {
    let own = stage.router.clone();
    let mut answered = 0;
    for number in 0..ASKED {
        stage.router = if number % every == 0 {
            other.clone()
        } else {
            own.clone()
        };
        let answer = stage.get(who, "/api/v1/sites").await;
        match answer.status.as_u16() {
            200 => answered += 1,
            429 => {}
            _ => panic!("{}", answer.text),
        }
    }
    stage.router = own;
    answered
}

#[tokio::test]
async fn two_processes_let_an_allowance_through_within_two_percent_and_premium_gets_more() {
    for every in [2, 10, ASKED] {
        let mut stage = Stage::with(limited(as_sold())).await;
        set_tier(&stage, stage.other, "premium").await;
        let other = beside(&stage);
        let standard = answered(&mut stage, "owner", &other, every).await;
        let premium = answered(&mut stage, "stranger", &other, every).await;
        eprintln!("every {every}-th request to another process: {standard} of 100, premium {premium} of 300");
        assert!((98..=102).contains(&standard), "{standard}");
        assert!((294..=306).contains(&premium), "{premium}");
    }
}

/// A member of `RateLimit` or `RateLimit-Policy`.
fn member<'a>(answer: &'a Answer, header: &str, name: &str) -> Option<&'a str> {
    answer
        .header(header)
        .split(", ")
        .find_map(|member| member.strip_prefix(&format!("\"{name}\";")))
}

#[tokio::test]
async fn answers_say_what_is_left_and_a_caller_that_used_it_up_is_refused_without_the_database() {
    let limits = RateLimits {
        standard: requests(3),
        ..RateLimits::NONE
    };
    let stage = Stage::with(limited(limits)).await;
    for left in [2, 1, 0] {
        let answer = stage.get("owner", "/api/v1/sites").await;
        answer.ok(200);
        assert_eq!(member(&answer, "ratelimit-policy", "caller"), Some("q=3;w=60"));
        assert_eq!(member(&answer, "ratelimit-policy", "customer"), Some("q=15;w=60"));
        let standing = member(&answer, "ratelimit", "caller").unwrap();
        assert!(standing.starts_with(&format!("r={left};t=")), "{standing}");
    }
    stage.app.pool.close().await;
    let refused = stage.get("owner", "/api/v1/sites").await;
    let problem = refused.problem(429, "rate_limited");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("3 requests in 60 seconds"),
        "{problem}"
    );
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // Whoever has not used theirs up needs the database, which is away.
    stage
        .get("viewer", "/api/v1/sites")
        .await
        .problem(503, "unavailable");
}

#[tokio::test]
async fn all_callers_of_a_customer_share_one_allowance_and_another_customer_has_its_own() {
    let limits = RateLimits {
        standard: requests(10),
        callers_per_customer: 2,
        ..RateLimits::NONE
    };
    let stage = Stage::with(limited(limits)).await;
    let mut answered = 0;
    for who in ["owner", "member", "viewer", "ci"] {
        for _ in 0..10 {
            let answer = stage.get(who, "/api/v1/sites").await;
            answered += u32::from(answer.status == 200);
        }
    }
    assert_eq!(answered, 20);
    let refused = stage
        .get("ci", "/api/v1/sites")
        .await
        .problem(429, "rate_limited");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .starts_with("all tokens and people"),
        "{refused}"
    );
    stage.get("stranger", "/api/v1/sites").await.ok(200);
    stage.get("admin", "/api/v1/sites").await.ok(200);
}

#[tokio::test]
async fn an_allowance_is_whole_again_when_its_window_ends() {
    let limits = RateLimits {
        standard: requests(2),
        window: Duration::from_millis(700),
        ..RateLimits::NONE
    };
    let stage = Stage::with(limited(limits)).await;
    let started = Instant::now();
    let mut answered = 0;
    while answered < 6 {
        let answer = stage.get("owner", "/api/v1/sites").await;
        match answer.status.as_u16() {
            200 => answered += 1,
            429 => assert_eq!(answer.header("retry-after"), "1"),
            _ => panic!("{}", answer.text),
        }
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    // Two in a window: the fifth can't come before two windows are over.
    assert!(started.elapsed() >= Duration::from_millis(1400));
}

#[tokio::test]
async fn a_customer_that_bought_more_is_not_held_to_what_it_had() {
    let limits = RateLimits {
        standard: requests(2),
        ..RateLimits::NONE
    };
    let mut stage = Stage::with(limited(limits)).await;
    stage.get("owner", "/api/v1/sites").await.ok(200);
    set_tier(&stage, stage.customer, "enterprise").await;
    // The process learns of it with this one.
    stage.get("owner", "/api/v1/sites").await.ok(200);
    for _ in 0..10 {
        let answer = stage.get("owner", "/api/v1/sites").await;
        answer.ok(200);
        assert_eq!(answer.header("ratelimit"), "");
    }
    // The other way round, and a process that comes anew knows no other.
    set_tier(&stage, stage.customer, "standard").await;
    stage.restart();
    stage
        .get("owner", "/api/v1/sites")
        .await
        .problem(429, "rate_limited");
}

#[tokio::test]
async fn an_unknown_token_is_refused_as_such_and_counts_for_nobody() {
    let stage = Stage::with(limited(as_sold())).await;
    for _ in 0..150 {
        stage
            .get("nobody", "/api/v1/sites")
            .await
            .problem(401, "unauthorized");
    }
    let counts: i64 = sqlx::query_scalar("select count(*) from rate_counts")
        .fetch_one(&mut stage.owner().await)
        .await
        .unwrap();
    assert_eq!(counts, 0);
}

#[tokio::test]
async fn deployments_that_make_or_change_sites_are_counted_by_the_hour() {
    let limits = RateLimits {
        standard: Allowance {
            requests: None,
            deployments: NonZeroU32::new(3),
        },
        premium: Allowance {
            requests: None,
            deployments: NonZeroU32::new(4),
        },
        ..RateLimits::NONE
    };
    let stage = Stage::with(limited(limits)).await;
    let (shop, _) = stage.site("shop").await;
    let (blog, _) = stage.site("blog").await;
    stage
        .patch("owner", &shop, "\"1\"", &json!({"size": "medium"}))
        .await
        .ok(202);
    let refused = stage.post("owner", "/api/v1/sites", &specification("docs")).await;
    refused.problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    stage
        .patch("owner", &blog, "\"1\"", &json!({"size": "medium"}))
        .await
        .problem(429, "rate_limited");
    // What is wrong by itself is told as such, what removes is free, and so is a look.
    stage
        .patch("owner", &blog, "\"1\"", &json!({"size": "huge"}))
        .await
        .problem(422, "invalid_request");
    stage.delete("owner", &blog).await.ok(202);
    stage.get("owner", "/api/v1/sites").await.ok(200);
    // Another customer's allowance is its own.
    stage
        .post("stranger", "/api/v1/sites", &specification("shop"))
        .await
        .ok(202);
    // Trying again what failed is none of its own.
    sqlx::query("update deployments set status = 'failed', reason = 'it broke', lease_until = null, finished_at = now() where site_id = $1::uuid")
        .bind(&shop)
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    stage.patch("owner", &shop, "\"2\"", &json!({})).await.ok(202);
    // Premium has one more.
    set_tier(&stage, stage.customer, "premium").await;
    stage
        .post("owner", "/api/v1/sites", &specification("docs"))
        .await
        .ok(202);
    stage
        .post("owner", "/api/v1/sites", &specification("wiki"))
        .await
        .problem(429, "rate_limited");
    // An hour later there is room.
    sqlx::query("update deployments set created_at = created_at - interval '1 hour'")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    stage
        .post("owner", "/api/v1/sites", &specification("wiki"))
        .await
        .ok(202);
}

#[tokio::test]
async fn many_at_once_get_no_more_deployments_than_there_are() {
    let limits = RateLimits {
        standard: Allowance {
            requests: None,
            deployments: NonZeroU32::new(3),
        },
        ..RateLimits::NONE
    };
    let stage = Stage::with(limited(limits)).await;
    let answers = futures::future::join_all((0..12).map(|number| {
        let body = specification(&format!("site-{number}"));
        let stage = &stage;
        async move { stage.post("owner", "/api/v1/sites", &body).await.status.as_u16() }
    }))
    .await;
    let of = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((of(202), of(429)), (3, 9), "{answers:?}");
}
