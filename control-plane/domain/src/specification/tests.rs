//! Tables of specifications, good and bad.

use serde_json::json;

use super::*;

fn whole() -> serde_json::Value {
    json!({
        "name": "shop-1", "provider": "aws", "region": "us-east-1", "size": "small",
        "application": {"image": "nginx:1.27", "port": 80, "secrets": {"KEY": "planted"},
            "registry": {"server": "registry.example.com", "username": "u", "password": "planted-too"}},
        "scaling": {"min": 1, "max": 2},
        "database": {"storage_gb": 20},
    })
}

fn changed(change: impl FnOnce(&mut serde_json::Value)) -> SiteSpecification {
    let mut value = whole();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let site = changed(|_| {});
    assert_eq!(site.network_cidr, "10.20.0.0/16");
    assert_eq!(site.application.health_path, "/");
    assert_eq!(site.database.as_ref().unwrap().backup_days, 7);
    assert_eq!(site.database.as_ref().unwrap().engine_version, "16");
    assert_eq!(site.problems(), []);
}

#[test]
fn each_problem_names_field_found_and_allowed() {
    type Change = fn(&mut serde_json::Value);
    let cases: &[(Change, &str, &str)] = &[
        (|v| v["region"] = json!("mars-1"), "region", "mars-1"),
        (
            |v| v["application"]["image"] = json!("ngi nx"),
            "application.image",
            "ngi nx",
        ),
        (|v| v["application"]["port"] = json!(22), "application.port", "22"),
        (|v| v["application"]["port"] = json!(0), "application.port", "0"),
        (
            |v| v["application"]["env"] = json!({"1A": "x"}),
            "application.env.1A",
            "1A",
        ),
        (
            |v| v["application"]["env"] = json!({"A": "x\ny"}),
            "application.env.A",
            "x\ny",
        ),
        (
            |v| v["application"]["health_path"] = json!("up"),
            "application.health_path",
            "up",
        ),
        (
            |v| v["application"]["command"] = json!("a\nb"),
            "application.command",
            "a\nb",
        ),
        (
            |v| v["domain"] = json!("Shop.Example.com"),
            "domain",
            "Shop.Example.com",
        ),
        (|v| v["domain"] = json!("localhost"), "domain", "localhost"),
        (|v| v["scaling"] = json!({"min": 0, "max": 2}), "scaling.min", "0"),
        (|v| v["scaling"] = json!({"min": 3, "max": 2}), "scaling.max", "2"),
        (
            |v| v["scaling"] = json!({"min": 1, "max": 51}),
            "scaling.max",
            "51",
        ),
        (
            |v| v["database"]["storage_gb"] = json!(9),
            "database.storage_gb",
            "9",
        ),
        (
            |v| v["database"]["backup_days"] = json!(36),
            "database.backup_days",
            "36",
        ),
        (
            |v| v["database"]["engine_version"] = json!("12"),
            "database.engine_version",
            "12",
        ),
        (
            |v| v["network_cidr"] = json!("10.20.0.0/25"),
            "network_cidr",
            "10.20.0.0/25",
        ),
        (
            |v| v["network_cidr"] = json!("10.20.1.0/16"),
            "network_cidr",
            "10.20.1.0/16",
        ),
        (
            |v| v["network_cidr"] = json!("8.8.0.0/16"),
            "network_cidr",
            "8.8.0.0/16",
        ),
    ];
    let crowded = changed(|v| v["application"]["env"] = json!({"A": "x".repeat(6 * 1024)}));
    let problems = crowded.problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].field == "application" && problems[0].allowed.contains("6144 bytes"));
    for (change, field, found) in cases {
        let problems = changed(change).problems();
        assert_eq!(problems.len(), 1, "{field}: {problems:?}");
        assert_eq!(problems[0].field, *field);
        assert_eq!(problems[0].found.as_deref(), Some(*found));
        assert!(!problems[0].allowed.is_empty());
    }
}

#[test]
fn an_unknown_field_is_refused() {
    let mut value = whole();
    value["databse"] = json!(null);
    let error = serde_json::from_value::<SiteSpecification>(value)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("unknown field `databse`") && error.contains("`database`"),
        "{error}"
    );
}

#[test]
fn name_cloud_region_and_network_never_change_and_storage_never_shrinks() {
    let before = changed(|_| {});
    type Change = fn(&mut serde_json::Value);
    let cases: &[(Change, &str)] = &[
        (|v| v["name"] = json!("shop-2"), "name"),
        (|v| v["region"] = json!("eu-west-1"), "region"),
        (|v| v["network_cidr"] = json!("10.21.0.0/16"), "network_cidr"),
        (|v| v["database"]["storage_gb"] = json!(19), "database.storage_gb"),
        (
            |v| v["database"]["engine_version"] = json!("15"),
            "database.engine_version",
        ),
    ];
    for (change, field) in cases {
        let problems = before.problems_of_change_to(&changed(change));
        assert_eq!(
            problems.iter().map(|p| p.field.as_str()).collect::<Vec<_>>(),
            [*field]
        );
    }
    assert_eq!(
        before.problems_of_change_to(&changed(|v| v["size"] = json!("large"))),
        []
    );
    assert_eq!(
        before.problems_of_change_to(&changed(|v| v["database"] = json!(null))),
        []
    );
}

#[test]
fn a_secret_never_shows() {
    let site = changed(|_| {});
    for text in [serde_json::to_string(&site).unwrap(), format!("{site:?}")] {
        assert!(!text.contains("planted"), "{text}");
    }
}

#[test]
fn a_masked_secret_keeps_what_was_stored_and_an_unknown_mask_is_a_problem() {
    let first = SiteSecrets::of(&changed(|_| {}), &SiteSecrets::default()).unwrap();
    let again = changed(|v| {
        v["application"]["secrets"] = json!({"KEY": "***", "NEW": "fresh"});
        v["application"]["registry"]["password"] = json!("***");
    });
    let second = SiteSecrets::of(&again, &first).unwrap();
    assert_eq!(second.application["KEY"].expose(), "planted");
    assert_eq!(second.application["NEW"].expose(), "fresh");
    assert_eq!(second.registry_password.as_ref().unwrap().expose(), "planted-too");
    let problem = SiteSecrets::of(&again, &SiteSecrets::default()).unwrap_err();
    assert_eq!(problem.field, "application.secrets.KEY");
    let bytes = second.to_exposed_bytes();
    assert_eq!(SiteSecrets::from_exposed_bytes(&bytes).unwrap(), second);
}
