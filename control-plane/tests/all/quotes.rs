//! What a site would cost, side by side.

use domain::provider::Provider;
use serde_json::json;

use crate::stage::{Stage, changed, specification};

#[tokio::test]
async fn every_cloud_has_a_quote_the_cheapest_first_and_nothing_is_stored() {
    let stage = Stage::new().await;
    let quotes = stage
        .post("viewer", "/api/v1/quotes", &specification("shop-1"))
        .await
        .ok(200);
    let items = quotes["items"].as_array().unwrap();
    assert_eq!(items.len(), Provider::ALL.len());
    let amounts: Vec<f64> = items
        .iter()
        .filter(|quote| quote["estimate"]["not_priced"] == json!([]))
        .map(|quote| {
            let money = &quote["estimate"]["monthly"];
            assert_eq!(money["currency"], "USD");
            money["amount"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    assert!(!amounts.is_empty() && amounts.is_sorted(), "{amounts:?}");
    for quote in items {
        assert_eq!(quote["problems"], json!([]));
        assert!(!quote["assumptions"].as_array().unwrap().is_empty());
        assert!(quote["estimate"]["lines"][0]["source"].is_string());
    }
    assert_eq!(
        stage.get("owner", "/api/v1/sites").await.ok(200)["items"],
        json!([])
    );
    assert_eq!(stage.traces().await, [0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_field() {
    let stage = Stage::new().await;
    let cases = [
        (json!({"region": "mars-1"}), "region", "mars-1"),
        (json!({"regions": {"ibm": "x"}}), "regions.ibm", "ibm"),
        (json!({"regions": {"aws": "mars-1"}}), "regions.aws", "mars-1"),
        (json!({"regions": {"aws": 1}}), "regions.aws", "1"),
        (json!({"regions": []}), "regions", "[]"),
        (json!({"scaling": {"min": 3, "max": 2}}), "scaling.max", "2"),
    ];
    for (change, field, found) in cases {
        let body = changed(|body| {
            let fields = body.as_object_mut().unwrap();
            fields.extend(change.as_object().unwrap().clone());
        });
        let problem = stage
            .post("viewer", "/api/v1/quotes", &body)
            .await
            .problem(422, "invalid_request");
        assert_eq!(problem["problems"][0]["field"], field, "{problem}");
        assert_eq!(problem["problems"][0]["found"], found, "{problem}");
    }
}
