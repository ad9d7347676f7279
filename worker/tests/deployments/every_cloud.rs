//! The same site on every cloud.

use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    price::quote::Quote,
    provider::Provider,
    specification::SiteSpecification,
};
use serde_json::json;

use super::Stage;

/// A site with everything that every cloud can do.
fn whole_site(provider: Provider) -> SiteSpecification {
    let name = format!("shop-{provider}");
    serde_json::from_value(json!({
        "name": name,
        "provider": provider,
        "region": provider.facts().regions[0].key,
        "size": "medium",
        "application": {"image": "nginx:1.27", "port": 80, "secrets": {"API_KEY": "***"}},
        "scaling": {"min": 2, "max": 3},
        "database": {"storage_gb": 60, "backup_days": 7, "high_availability": true, "read_replica": true},
        "storage": {"versioning": true},
    }))
    .expect("a whole site")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_site_stands_on_every_cloud_as_it_was_quoted_and_goes_without_a_trace() {
    let stage = Stage::new().await;
    let worker = stage.start_worker();
    let mut created = Vec::new();
    for provider in Provider::ALL {
        let specification = whole_site(provider);
        assert_eq!(specification.problems(), [], "{provider}");
        let (site, deployment) = stage.create(specification.clone(), false).await;
        created.push((specification, site, deployment));
    }
    for (specification, site, deployment) in &created {
        let provider = specification.provider;
        let created = stage.wait_for(*deployment, DeploymentStatus::Succeeded).await;
        let outputs = stage.site(*site).await.outputs;
        assert!(
            outputs["url"].as_str().unwrap().starts_with("http://"),
            "{provider}: {outputs}"
        );
        let plan = created.plan_summary.unwrap();
        let quote = Quote::of(specification);
        assert_eq!(plan.capabilities, quote.capabilities, "{provider}");
        let cost = plan.cost.expect("a price");
        let (planned, quoted) = (cost.estimate, quote.estimate.expect("a quote"));
        let parts = |estimate: &domain::price::Estimate| -> Vec<String> {
            let lines = estimate.lines.iter();
            lines
                .map(|line| {
                    format!(
                        "{} {} × {} = {}",
                        line.label, line.quantity, line.item, line.monthly
                    )
                })
                .chain(estimate.by_use.iter().map(|line| line.item.clone()))
                .chain(estimate.not_priced.iter().map(|part| part.reason.clone()))
                .collect()
        };
        assert_eq!(parts(&planned), parts(&quoted), "{provider}");
        assert_eq!(cost.before.to_string(), "$0.00", "{provider}");
        assert!(cost.after.amount > cost.before.amount, "{provider}");
    }
    for (_, site, _) in &created {
        let destroy = stage.change_site(*site, DeploymentKind::Destroy, |_| {}).await;
        stage.wait_for(destroy, DeploymentStatus::Succeeded).await;
    }
    assert_eq!(stage.standing(), []);
    worker.stop().await;
}
