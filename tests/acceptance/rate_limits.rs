//! Limits on requests, over two processes of the API that share nothing but the database.

use std::time::Duration;

use crate::installation::{Cloud, Installation, Lease};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_of_the_api_let_an_allowance_through_within_two_percent_and_premium_gets_more() {
    let mut installation = Installation::start(Lease::Default, Cloud::Simulated(Duration::ZERO)).await;
    installation.environment = vec![(
        "SITEPLANE__LIMITS__STANDARD_REQUESTS_PER_MINUTE",
        "100".to_owned(),
    )];
    for (tier, allowed) in [("standard", 98..=102), ("premium", 294..=306)] {
        // A tier's allowance from its first request on.
        let mut owner = installation.database.owner().await;
        sqlx::query("with gone as (delete from rate_counts) update customers set tier = $1")
            .bind(tier)
            .execute(&mut owner)
            .await
            .unwrap();
        installation.start_api().await;
        let (_other, other_url) = installation.start_other_api().await;
        let mut answered = 0;
        for number in 0..400_u32 {
            let url = if number.is_multiple_of(2) {
                &installation.url
            } else {
                &other_url
            };
            let request = installation.http().get(format!("{url}/api/v1/sites"));
            let answer = request.bearer_auth(&installation.token).send().await.unwrap();
            match answer.status().as_u16() {
                200 => answered += 1,
                429 => {}
                status => panic!("{status}: {}", installation.log("api")),
            }
        }
        eprintln!("{tier}: {answered} requests were answered");
        assert!(allowed.contains(&answered), "{tier}: {answered}");
    }
}
