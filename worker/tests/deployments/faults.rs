//! What a customer sees when a cloud fails, is slow, or was changed by hand: on several clouds, the outcome of each.

use std::{fs, path::PathBuf};

use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    id::SiteId,
    plan::PlannedAction,
    provider::Provider,
    site::SiteStatus,
    specification::SiteSpecification,
    step::{StepName, StepStatus},
};
use serde_json::{Value, json};

use super::Stage;

fn shop(cloud: &str) -> SiteSpecification {
    let provider: Provider = cloud.parse().unwrap();
    serde_json::from_value(json!({
        "name": format!("shop-{cloud}"), "provider": provider, "region": provider.facts().regions[0].key, "size": "small",
        "application": {"image": "nginx:1.27", "port": 80, "secrets": {"API_KEY": "***"}},
        "database": {"storage_gb": 32},
    }))
    .unwrap()
}

/// The types of resources: not every cloud's id in a state is the one by which the cloud is asked.
fn kinds(resources: Vec<(String, String)>) -> Vec<String> {
    let mut kinds: Vec<String> = resources.into_iter().map(|(kind, _)| kind).collect();
    kinds.retain(|kind| kind != "terraform_data");
    kinds.sort();
    kinds
}

/// The file of the site's one resource of a type, in the simulated cloud.
fn file_of(stage: &Stage, site: SiteId, cloud: &str, resource_type: &str) -> PathBuf {
    let name = cloud.parse::<Provider>().unwrap().facts().terraform_name();
    let folder = stage.cloud().join("resources").join(name).join(resource_type);
    let of_the_site = |path: &PathBuf| {
        let resource: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        resource["tags"]["site_id"] == site.to_string()
    };
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .find(of_the_site)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_fails_is_told_in_the_clouds_words_and_what_was_made_can_be_removed() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "azurerm_postgresql_flexible_server", "operation": "create", "error": "QuotaExceeded: no more cores"},
        {"type": "linode_nodebalancer", "operation": "create", "error": "[400] Account limit reached"},
    ]));
    let worker = stage.start_worker();
    let mut sites = Vec::new();
    for (cloud, address, words) in [
        (
            "azure",
            "azurerm_postgresql_flexible_server.this",
            "QuotaExceeded",
        ),
        ("akamai", "linode_nodebalancer.this", "Account limit reached"),
    ] {
        let (site, create) = stage.create(shop(cloud), false).await;
        let failed = stage.wait_for(create, DeploymentStatus::Failed).await;
        assert!(failed.reason.unwrap().contains(words), "{cloud}");
        let steps = stage.steps(create).await;
        let apply = steps.iter().find(|step| step.name == StepName::Apply).unwrap();
        assert_eq!(apply.status, StepStatus::Failed);
        let failure = apply.error.as_ref().unwrap()["failures"][0].clone();
        assert!(
            failure["address"].as_str().unwrap().ends_with(address),
            "{cloud}: {failure}"
        );
        assert_eq!(stage.site(site).await.status, SiteStatus::Failed);
        sites.push(site);
    }
    assert_ne!(stage.standing(), [], "something was made before");
    for site in sites {
        let destroy = stage.change_site(site, DeploymentKind::Destroy, |_| {}).await;
        stage.wait_for(destroy, DeploymentStatus::Succeeded).await;
    }
    assert_eq!(stage.standing(), []);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_fails_once_is_finished_by_the_next_try() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "google_sql_database_instance", "operation": "create", "error": "Error 503: try again", "times": 1},
        {"type": "digitalocean_droplet", "operation": "create", "error": "422 droplet limit", "times": 1},
    ]));
    let worker = stage.start_worker();
    for cloud in ["gcp", "digitalocean"] {
        let (site, create) = stage.create(shop(cloud), false).await;
        stage.wait_for(create, DeploymentStatus::Failed).await;
        let retry = stage.change_site(site, DeploymentKind::Update, |_| {}).await;
        stage.wait_for(retry, DeploymentStatus::Succeeded).await;
        assert_eq!(stage.site(site).await.status, SiteStatus::Active, "{cloud}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_create_shows_what_one_waits_for_and_ends_well() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "google_sql_database_instance", "operation": "create", "delay_ms": 1500},
        {"type": "azurerm_postgresql_flexible_server", "operation": "create", "delay_ms": 1500},
    ]));
    let worker = stage.start_worker();
    for (cloud, resource_type) in [
        ("gcp", "google_sql_database_instance"),
        ("azure", "azurerm_postgresql_flexible_server"),
    ] {
        let (_, create) = stage.create(shop(cloud), false).await;
        stage.wait_for(create, DeploymentStatus::Succeeded).await;
        let events = stage.events(create).await;
        let of_the_database: Vec<_> = events
            .iter()
            .filter(|event| {
                event.kind == "resource"
                    && event
                        .data
                        .as_ref()
                        .is_some_and(|data| data["resource_type"] == resource_type)
            })
            .collect();
        let (first, last) = (of_the_database.first().unwrap(), of_the_database.last().unwrap());
        assert_eq!(first.data.as_ref().unwrap()["done"], false, "{cloud}");
        assert_eq!(last.data.as_ref().unwrap()["done"], true, "{cloud}");
        assert!((last.at - first.at).num_milliseconds() >= 1400, "{cloud}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_that_fails_leaves_the_rest_known_and_the_next_one_finishes() {
    let stage = Stage::new().await;
    let worker = stage.start_worker();
    for (cloud, resource_type, words) in [
        ("digitalocean", "digitalocean_vpc", "409 there are members"),
        ("aws", "aws_vpc", "DependencyViolation"),
    ] {
        let (site, create) = stage.create(shop(cloud), false).await;
        stage.wait_for(create, DeploymentStatus::Succeeded).await;
        stage.set_faults(&json!([
            {"type": resource_type, "operation": "delete", "error": words, "times": 1},
        ]));
        let destroy = stage.change_site(site, DeploymentKind::Destroy, |_| {}).await;
        let failed = stage.wait_for(destroy, DeploymentStatus::Failed).await;
        let reason = failed.reason.unwrap();
        assert!(reason.contains(words), "{cloud}: {reason}");
        let left: Vec<String> = kinds(stage.known(site).await);
        assert_eq!(
            left,
            kinds(stage.standing()),
            "{cloud}: the state knows what is left"
        );
        assert!(left.contains(&resource_type.to_owned()), "{cloud}: {left:?}");
        let again = stage.change_site(site, DeploymentKind::Destroy, |_| {}).await;
        stage.wait_for(again, DeploymentStatus::Succeeded).await;
        assert_eq!(stage.standing(), [], "{cloud}");
        assert_eq!(stage.site(site).await.status, SiteStatus::Deleted);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_by_hand_is_shown_and_put_right() {
    let stage = Stage::new().await;
    let worker = stage.start_worker();
    for (cloud, resource_type, attribute, by_hand) in [
        (
            "azure",
            "azurerm_nat_gateway",
            "idle_timeout_in_minutes",
            json!(4),
        ),
        ("akamai", "linode_nodebalancer", "client_conn_throttle", json!(20)),
    ] {
        let (site, create) = stage.create(shop(cloud), false).await;
        stage.wait_for(create, DeploymentStatus::Succeeded).await;
        let file = file_of(&stage, site, cloud, resource_type);
        let mut resource: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let before = resource["attributes"][attribute].clone();
        assert_ne!(before, by_hand, "{cloud}");
        resource["attributes"][attribute] = by_hand.clone();
        fs::write(&file, resource.to_string()).unwrap();

        let update = stage.change_site(site, DeploymentKind::Update, |_| {}).await;
        let updated = stage.wait_for(update, DeploymentStatus::Succeeded).await;
        let events = stage.events(update).await;
        assert!(
            events
                .iter()
                .any(|event| event.kind == "drift" && event.message.contains(resource_type)),
            "{cloud}: the drift is not told"
        );
        let changes = updated.plan_summary.unwrap().changes;
        let change = changes
            .iter()
            .find(|change| change.resource_type == resource_type)
            .unwrap();
        assert_eq!(change.action, PlannedAction::Update, "{cloud}");
        assert_eq!(change.attributes[0].before, Some(by_hand), "{cloud}");
        let now: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(now["attributes"][attribute], before, "{cloud}: it was put right");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_is_made_anew() {
    let stage = Stage::new().await;
    let worker = stage.start_worker();
    for (cloud, resource_type) in [
        ("gcp", "google_compute_global_forwarding_rule"),
        ("aws", "aws_autoscaling_group"),
    ] {
        let (site, create) = stage.create(shop(cloud), false).await;
        stage.wait_for(create, DeploymentStatus::Succeeded).await;
        let count = stage.standing().len();
        fs::remove_file(file_of(&stage, site, cloud, resource_type)).unwrap();
        let update = stage.change_site(site, DeploymentKind::Update, |_| {}).await;
        let updated = stage.wait_for(update, DeploymentStatus::Succeeded).await;
        let made: Vec<(String, PlannedAction)> = updated
            .plan_summary
            .unwrap()
            .changes
            .into_iter()
            .map(|change| (change.resource_type, change.action))
            .collect();
        assert!(
            made.contains(&(resource_type.to_owned(), PlannedAction::Create)),
            "{cloud}: {made:?}"
        );
        assert_eq!(stage.standing().len(), count, "{cloud}");
        assert_eq!(stage.site(site).await.status, SiteStatus::Active);
    }
    worker.stop().await;
}
