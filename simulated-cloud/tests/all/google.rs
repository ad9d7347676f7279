//! A whole site on the simulated Google Cloud, from the modules that customers' sites are made of.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::Value as Json;

use crate::world::World;

const PASSWORD: &str = "correct-horse-battery";

/// Every feature that the small example leaves out.
const EVERYTHING: &str = r#"
domain            = "shop.example.com"
certificate       = "projects/acme-web/global/sslCertificates/shop"
database_password = "correct-horse-battery"
database = {
  storage_gb        = 20
  high_availability = true
  backup_days       = 14
  engine_version    = 16
  read_replica      = true
}
"#;

const NETWORK: &str = r#"
provider "google" {
  region = "europe-west3"
}
resource "google_compute_network" "this" {
  name = "shop"
}
resource "google_compute_router" "this" {
  name    = "shop"
  network = google_compute_network.this.id
}
resource "google_compute_router_nat" "this" {
  name                               = "out"
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}
"#;

const DATABASE: &str = r#"
provider "google" {
  region = "europe-west3"
}
resource "google_sql_database_instance" "this" {
  name             = "shop"
  database_version = "POSTGRES_16"
  settings {
    tier = "db-custom-1-3840"
  }
}
resource "google_sql_database" "this" {
  name     = "app"
  instance = google_sql_database_instance.this.name
}
resource "google_sql_user" "this" {
  name     = "app"
  instance = google_sql_database_instance.this.name
  password = "correct-horse-battery"
}
resource "google_storage_bucket" "this" {
  name     = "shop-pictures"
  location = "EUROPE-WEST3"
}
resource "google_storage_bucket_iam_member" "this" {
  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectUser"
  member = "user:jane@example.com"
}
"#;

/// Everything in the store, by type.
fn stored(world: &World) -> BTreeMap<String, Vec<(PathBuf, Json)>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for of_type in fs::read_dir(world.store().join("resources/google")).unwrap() {
        let of_type = of_type.unwrap().path();
        for file in fs::read_dir(&of_type).unwrap() {
            let file = file.unwrap().path();
            let resource = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            let name = of_type.file_name().unwrap().to_str().unwrap().to_owned();
            all.entry(name).or_default().push((file, resource));
        }
    }
    all
}

#[test]
fn a_site_with_everything_is_made_changed_and_destroyed() {
    let world = World::new();
    let workspace = world.site("gcp", "small", EVERYTHING);
    workspace.apply();
    workspace.is_settled();

    let all = stored(&world);
    assert_eq!(all.values().map(Vec::len).sum::<usize>(), 29);
    assert!(!world.everything().contains(PASSWORD));
    for (type_name, attribute) in [
        ("google_sql_database_instance", "dns_name"),
        ("google_storage_bucket", "self_link"),
        ("google_compute_network", "self_link"),
    ] {
        let value = all[type_name][0].1["attributes"][attribute].as_str().unwrap();
        assert!(value.contains(".simulated.example"), "{value}");
    }
    for type_name in [
        "google_compute_global_address",
        "google_compute_global_forwarding_rule",
        "google_compute_region_instance_template",
        "google_sql_database_instance",
        "google_storage_bucket",
    ] {
        for (_, resource) in &all[type_name] {
            assert_eq!(resource["tags"]["managed_by"], "siteplane", "{resource}");
        }
    }
    let mut kinds: Vec<_> = all["google_sql_database_instance"]
        .iter()
        .map(|(_, instance)| instance["attributes"]["instance_type"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["CLOUD_SQL_INSTANCE", "READ_REPLICA_INSTANCE"]);

    // Another size changes the databases in place, and instances by a new template.
    fs::write(workspace.directory.join("3.auto.tfvars"), "size = \"medium\"\n").unwrap();
    let actions: BTreeMap<_, _> = workspace.planned_actions().into_iter().collect();
    let template = "module.site.module.compute.google_compute_region_instance_template.web";
    let database = "module.site.module.database[0].google_sql_database_instance.this";
    assert_eq!(actions[template], ["create", "delete"]);
    assert_eq!(actions[database], ["update"]);
    workspace.apply();
    workspace.is_settled();

    // What is not asked for any more goes.
    fs::write(
        workspace.directory.join("3.auto.tfvars"),
        "size = \"medium\"\nstorage = null\n",
    )
    .unwrap();
    workspace.apply();
    workspace.is_settled();
    assert!(!stored(&world).contains_key("google_storage_bucket"));

    workspace.succeed(&["destroy", "-auto-approve"]);
    assert!(stored(&world).is_empty());
}

#[test]
fn a_change_of_a_label_in_the_console_shows_in_a_plan() {
    let world = World::new();
    let workspace = world.site("gcp", "small", EVERYTHING);
    workspace.apply();
    let (path, mut bucket) = stored(&world).remove("google_storage_bucket").unwrap().remove(0);
    bucket["attributes"]["labels"]["managed_by"] = "jane".into();
    fs::write(path, bucket.to_string()).unwrap();
    assert_eq!(
        workspace.planned_actions(),
        [(
            "module.site.module.storage[0].google_storage_bucket.this".into(),
            vec!["update".into()]
        )]
    );
}

#[test]
fn taken_names_are_refused_in_googles_words() {
    let world = World::new();
    world.workspace("first", DATABASE).apply();
    let error = world
        .workspace("second", DATABASE)
        .fail(&["apply", "-auto-approve"]);
    for words in [
        "you can't reuse the name of the deleted instance until one week",
        "The requested bucket name is not available.",
    ] {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn resources_are_imported_by_the_ids_of_the_real_provider() {
    let world = World::new();
    world.workspace("networks", NETWORK).apply();
    world.workspace("databases", DATABASE).apply();
    let project = "simulated-123456789012";
    for (name, configuration, imports) in [
        (
            "network-taker",
            NETWORK,
            vec![
                ("google_compute_network.this", "shop".to_owned()),
                ("google_compute_router.this", "shop".to_owned()),
                ("google_compute_router_nat.this", "shop/out".to_owned()),
            ],
        ),
        (
            "database-taker",
            DATABASE,
            vec![
                ("google_sql_database_instance.this", "shop".to_owned()),
                ("google_sql_database.this", "shop/app".to_owned()),
                ("google_sql_user.this", format!("{project}/shop/app")),
                ("google_storage_bucket.this", "shop-pictures".to_owned()),
                (
                    "google_storage_bucket_iam_member.this",
                    "b/shop-pictures roles/storage.objectUser user:jane@example.com".to_owned(),
                ),
            ],
        ),
    ] {
        let taker = world.workspace(name, configuration);
        for (address, id) in imports {
            taker.succeed(&["import", address, &id]);
        }
        // The cloud never shows a password, so it alone is set anew.
        let changes = taker.planned_actions();
        assert!(
            changes
                .iter()
                .all(|(address, _)| address == "google_sql_user.this"),
            "{changes:?}"
        );
    }
}
