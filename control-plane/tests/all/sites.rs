//! Making, reading and listing sites.

use serde_json::{Value, json};

use crate::stage::{Stage, changed, settings, specification, uuid};

#[tokio::test]
async fn a_site_is_stored_with_its_deployment_bell_and_audit_in_one_go() {
    let stage = Stage::new().await;
    let answer = stage
        .post("owner", "/api/v1/sites", &specification("shop-1"))
        .await;
    let body = answer.ok(202);
    let (site, deployment) = (&body["site"], &body["deployment"]);
    let id = site["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/api/v1/sites/{id}"));
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(site["status"], "creating");
    assert_eq!(site["customer_id"], stage.customer.to_string());
    assert_eq!(
        (&site["world"], &site["simulated"]),
        (&json!("simulated"), &json!(true))
    );
    assert_eq!(
        (
            &site["specification_number"],
            &site["applied_specification_number"]
        ),
        (&json!(1), &Value::Null)
    );
    assert_eq!(site["actions"]["update"]["denied_because"], Value::Null);
    assert_eq!(deployment["kind"], "create");
    assert_eq!(deployment["status"], "queued");
    assert_eq!(deployment["trace_id"], answer.header("x-trace-id"));
    assert_eq!(deployment["waiting_because"], "it waits for a free worker");
    assert_eq!(deployment["steps"].as_array().unwrap().len(), 9);
    assert_eq!(deployment["steps"][5]["status"], "skipped");
    assert_eq!(stage.traces().await, [1, 1, 1, 1, 1]);
    assert_eq!(stage.audited("site.create").await, 1);

    let read = stage.get("viewer", &format!("/api/v1/sites/{id}")).await;
    assert_eq!(read.header("etag"), "\"1\"");
    let mut read = read.ok(200);
    assert_eq!(
        read["actions"]["update"]["denied_because"],
        "your role viewer may not change sites"
    );
    read["actions"] = site["actions"].clone();
    assert_eq!(&read, site);
}

#[tokio::test]
async fn an_unchanged_site_is_not_sent_again() {
    let stage = Stage::new().await;
    let (id, _) = stage.site("shop-1").await;
    let call = stage
        .call("owner", "GET", &format!("/api/v1/sites/{id}"))
        .header("if-none-match", "\"1\"");
    let answer = call.send().await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (304, ""));
}

#[tokio::test]
async fn secrets_show_in_no_answer_and_no_readable_row_but_in_an_audited_reveal() {
    let stage = Stage::new().await;
    let answer = stage
        .post("owner", "/api/v1/sites", &specification("shop-1"))
        .await;
    assert_eq!(
        answer.ok(202)["site"]["specification"]["application"]["secrets"]["KEY"],
        "***"
    );
    let id = answer.json()["site"]["id"].as_str().unwrap().to_owned();
    let rows: Vec<String> = sqlx::query_scalar(
        "select specification::text from site_specifications union all select details::text from audit_events
         union all select convert_from(payload, 'utf8') from (select job as payload from apalis.jobs) bells",
    )
    .fetch_all(&mut stage.owner().await)
    .await
    .unwrap();
    assert_eq!(rows.len(), 3);
    for text in rows
        .iter()
        .chain([&answer.text, &stage.site_view(&id).await.to_string()])
    {
        assert!(!text.contains("planted"), "{text}");
    }

    let revealed = stage
        .call("member", "POST", &format!("/api/v1/sites/{id}/reveal"))
        .send()
        .await;
    assert_eq!(revealed.header("cache-control"), "no-store");
    let secrets = revealed.ok(200);
    assert_eq!(secrets["application"], json!({"KEY": "planted-key"}));
    assert_eq!(secrets["registry_password"], "planted-password");
    let password = secrets["database_password"].as_str().unwrap();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(
        password.len() == 32 && password.chars().all(is_plain),
        "{password}"
    );
    assert_eq!(stage.audited("site.reveal").await, 1);
    let details: Value = sqlx::query_scalar("select details from audit_events where action = 'site.reveal'")
        .fetch_one(&mut stage.owner().await)
        .await
        .unwrap();
    assert_eq!(
        details,
        json!({"specification_number": 1, "application": ["KEY"]})
    );
}

#[tokio::test]
async fn a_site_without_a_database_has_a_database_password_all_the_same() {
    let stage = Stage::new().await;
    let body = changed(|v| {
        v["database"] = Value::Null;
        v["application"]["registry"] = Value::Null;
    });
    let id = stage.post("owner", "/api/v1/sites", &body).await.ok(202)["site"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let secrets = stage
        .call("owner", "POST", &format!("/api/v1/sites/{id}/reveal"))
        .send()
        .await
        .ok(200);
    assert_eq!(secrets["registry_password"], Value::Null);
    assert_eq!(secrets["database_password"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_specification_that_no_cloud_could_carry_out_is_refused_with_everything_that_is_wrong() {
    let stage = Stage::new().await;
    let before = stage.traces().await;
    let body = changed(|v| {
        v["region"] = json!("mars-1");
        v["application"]["port"] = json!(22);
        v["database"]["storage_gb"] = json!(1);
    });
    let problem = stage
        .post("owner", "/api/v1/sites", &body)
        .await
        .problem(422, "invalid_request");
    let fields: Vec<&str> = problem["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["region", "application.port", "database.storage_gb"]);
    assert_eq!(problem["problems"][0]["found"], "mars-1");
    assert!(
        problem["problems"][0]["allowed"]
            .as_str()
            .unwrap()
            .contains("us-east-1")
    );
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn unknown_cloud_region_size_and_a_name_that_is_no_dns_label_are_refused_and_queue_nothing() {
    let stage = Stage::new().await;
    let before = stage.traces().await;
    for (field, found, allowed) in [
        ("provider", "ibm", "aws"),
        ("region", "mars-1", "us-east-1"),
        ("size", "huge", "small, medium, large, xlarge"),
        ("name", "Shop_1", "3 to 32 characters of a-z, 0-9 and -"),
    ] {
        let answer = stage
            .post("owner", "/api/v1/sites", &changed(|v| v[field] = json!(found)))
            .await;
        let (was, may) = answer.refused_field(422, "invalid_request", field);
        assert_eq!(was, found);
        assert!(may.contains(allowed), "{may}");
    }
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict_and_queues_nothing() {
    let stage = Stage::new().await;
    stage.site("shop-1").await;
    let before = stage.traces().await;
    let answer = stage
        .post("owner", "/api/v1/sites", &specification("shop-1"))
        .await;
    answer.refused_field(409, "site_name_taken", "name");
    assert_eq!(stage.traces().await, before);
    // Another customer's names are its own.
    stage
        .post("stranger", "/api/v1/sites", &specification("shop-1"))
        .await
        .ok(202);
}

#[tokio::test]
async fn a_cloud_without_an_account_is_refused_by_its_name() {
    let stage = Stage::with(control_plane::Settings {
        allowed_worlds: vec![domain::provider::World::Real],
        ..settings()
    })
    .await;
    let answer = stage
        .post("owner", "/api/v1/sites", &specification("shop-1"))
        .await;
    let (found, allowed) = answer.refused_field(422, "invalid_request", "provider");
    assert_eq!(found, "aws");
    assert!(allowed.contains("account"), "{allowed}");
    assert_eq!(stage.traces().await, [0; 5]);
}

#[tokio::test]
async fn the_platforms_people_say_whose_site_it_is_and_customers_make_only_their_own() {
    let stage = Stage::new().await;
    let body = |customer: Option<String>| changed(|v| v["customer_id"] = json!(customer));
    let nobody = uuid::Uuid::now_v7().to_string();
    for (who, customer, found) in [
        ("admin", None, Value::Null),
        ("admin", Some(nobody.clone()), json!(nobody)),
        ("admin", Some("x".to_owned()), json!("x")),
        (
            "owner",
            Some(stage.other.to_string()),
            json!(stage.other.to_string()),
        ),
    ] {
        let answer = stage.post(who, "/api/v1/sites", &body(customer)).await;
        assert_eq!(
            answer.refused_field(422, "invalid_request", "customer_id").0,
            found
        );
    }
    assert_eq!(stage.traces().await, [0; 5]);
    let made = stage
        .post("admin", "/api/v1/sites", &body(Some(stage.customer.to_string())))
        .await
        .ok(202);
    assert_eq!(made["site"]["customer_id"], stage.customer.to_string());
    let id = made["site"]["id"].as_str().unwrap();
    assert_eq!(stage.site_view(id).await["name"], "shop-1");
}

#[tokio::test]
async fn an_unknown_site_and_a_strangers_site_can_not_be_told_apart() {
    let stage = Stage::new().await;
    let (site, deployment) = stage.site("shop-1").await;
    let unknown = uuid::Uuid::now_v7().to_string();
    let before = stage.traces().await;
    for id in [&site, &unknown, &"shop-1".to_owned()] {
        let mut answers = Vec::new();
        for (method, path) in [
            ("GET", format!("/api/v1/sites/{id}")),
            ("GET", format!("/api/v1/sites/{id}/deployments")),
            ("GET", format!("/api/v1/sites/{id}/resources")),
            ("POST", format!("/api/v1/sites/{id}/reveal")),
            ("DELETE", format!("/api/v1/sites/{id}")),
            ("GET", format!("/terraform/state/{id}")),
        ] {
            let problem = stage
                .call("stranger", method, &path)
                .send()
                .await
                .problem(404, "not_found");
            answers.push(problem["detail"].clone());
        }
        answers.push(
            stage
                .patch("stranger", id, "\"1\"", &json!({}))
                .await
                .problem(404, "not_found")["detail"]
                .clone(),
        );
        assert!(
            answers.iter().all(|detail| detail == "there is no such site"),
            "{answers:?}"
        );
    }
    for id in [&deployment, &unknown] {
        for (method, end) in [
            ("GET", ""),
            ("GET", "/events"),
            ("GET", "/log"),
            ("POST", "/cancel"),
            ("POST", "/approve"),
            ("POST", "/reject"),
        ] {
            let path = format!("/api/v1/deployments/{id}{end}");
            let problem = stage
                .call("stranger", method, &path)
                .send()
                .await
                .problem(404, "not_found");
            assert_eq!(problem["detail"], "there is no such deployment");
        }
    }
    assert_eq!(stage.traces().await, before);
}

#[tokio::test]
async fn a_list_is_read_in_pages_newest_first_and_only_of_ones_own() {
    let stage = Stage::new().await;
    for name in ["shop-1", "shop-2", "shop-3", "shop-4", "shop-5"] {
        stage.site(name).await;
    }
    stage
        .post("stranger", "/api/v1/sites", &specification("foreign"))
        .await
        .ok(202);
    let (mut names, mut path) = (Vec::new(), "/api/v1/sites?limit=2".to_owned());
    loop {
        let page = stage.get("viewer", &path).await.ok(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/sites?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["shop-5", "shop-4", "shop-3", "shop-2", "shop-1"]);
    let all = stage.get("auditor", "/api/v1/sites").await.ok(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 6);
    let of_one = stage
        .get("auditor", &format!("/api/v1/sites?customer_id={}", stage.other))
        .await
        .ok(200);
    assert_eq!(of_one["items"][0]["name"], "foreign");
    assert_eq!(of_one["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_is_narrowed_by_cloud_status_and_name() {
    let stage = Stage::new().await;
    let (active, deployment) = stage.site("shop-1").await;
    stage.site("shop-2").await;
    stage.put_active(&active, &deployment).await;
    for (query, names) in [
        ("status=active", vec!["shop-1"]),
        ("status=creating", vec!["shop-2"]),
        ("status=deleted", vec![]),
        ("name=shop-2", vec!["shop-2"]),
        ("provider=aws", vec!["shop-2", "shop-1"]),
    ] {
        let page = stage
            .get("owner", &format!("/api/v1/sites?{query}"))
            .await
            .ok(200);
        let found: Vec<&str> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{query}");
    }
}

#[tokio::test]
async fn a_parameter_that_does_not_fit_is_named() {
    let stage = Stage::new().await;
    for (query, field, found) in [
        ("limit=0", "limit", "0"),
        ("limit=201", "limit", "201"),
        ("limit=x", "limit", "x"),
        ("cursor=shop", "cursor", "shop"),
        ("provider=ibm", "provider", "ibm"),
        ("status=gone", "status", "gone"),
        ("statu=active", "statu", "active"),
        ("limit=1&limit=2", "limit", "2"),
    ] {
        let answer = stage.get("owner", &format!("/api/v1/sites?{query}")).await;
        assert_eq!(
            answer.refused_field(422, "invalid_request", field).0,
            found,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_sites_deployments_and_resources_are_listed() {
    let stage = Stage::new().await;
    let (site, deployment) = stage.site("shop-1").await;
    stage.put_active(&site, &deployment).await;
    stage
        .patch("owner", &site, "\"1\"", &json!({"size": "medium"}))
        .await
        .ok(202);
    let path = format!("/api/v1/sites/{site}/deployments");
    let first = stage.get("owner", &format!("{path}?limit=1")).await.ok(200);
    assert_eq!(first["items"][0]["kind"], "update");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = stage
        .get("owner", &format!("{path}?limit=1&cursor={cursor}"))
        .await
        .ok(200);
    assert_eq!(second["items"][0]["id"], deployment);
    assert_eq!(second["items"][0]["steps"].as_array().unwrap().len(), 9);
    assert_eq!(second["next_cursor"], Value::Null);

    let resource = db::resources::SiteResource {
        address: "aws_vpc.this".to_owned(),
        resource_type: "aws_vpc".to_owned(),
        provider_id: Some("vpc-1".to_owned()),
        tainted: false,
        attributes: json!({"cidr_block": "10.20.0.0/16"}),
    };
    let (site_id, by) = (uuid(&site), uuid(&deployment));
    let mut owner = stage.owner().await;
    let ids = (domain::id::SiteId(site_id), domain::id::DeploymentId(by));
    db::resources::replace(&mut owner, ids.0, stage.customer, ids.1, &[resource])
        .await
        .unwrap();
    let resources = stage
        .get("auditor", &format!("/api/v1/sites/{site}/resources"))
        .await
        .ok(200);
    assert_eq!(resources["items"][0]["provider_id"], "vpc-1");
    assert_eq!(resources["items"][0]["deployment_id"], deployment);
}

#[tokio::test]
async fn a_customer_gets_as_many_sites_as_its_limit_however_many_ask_at_once() {
    let stage = Stage::new().await;
    let customer = format!("/api/v1/customers/{}", stage.customer);
    let limited = stage
        .call("admin", "PATCH", &customer)
        .header("if-match", "*")
        .json(&json!({"max_sites": 2}));
    limited.send().await.ok(200);
    let bodies: Vec<Value> = (0..8)
        .map(|number| specification(&format!("shop-{number}")))
        .collect();
    let asked = bodies
        .iter()
        .map(|body| stage.post("owner", "/api/v1/sites", body));
    let answers = futures::future::join_all(asked).await;
    let made = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(made, 2);
    for refused in answers.iter().filter(|answer| answer.status != 202) {
        let problem = refused.problem(409, "too_many_sites");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("all of the 2 sites"), "{detail}");
    }
    assert_eq!(stage.audited("site.create").await, 2);

    // A site that is gone, and a draft, take no place; another customer has a limit of its own.
    sqlx::query("update sites set status = 'deleted', deleted_at = now() where id = (select min(id::text)::uuid from sites)")
        .execute(&mut stage.owner().await)
        .await
        .unwrap();
    let draft = stage
        .post("owner", "/api/v1/plans", &specification("draft"))
        .await;
    assert_eq!(draft.status, 202, "{}", draft.text);
    stage
        .post("owner", "/api/v1/sites", &specification("shop-8"))
        .await
        .ok(202);
    stage
        .post("owner", "/api/v1/sites", &specification("shop-9"))
        .await
        .problem(409, "too_many_sites");
    stage
        .post("stranger", "/api/v1/sites", &specification("shop-9"))
        .await
        .ok(202);

    // A limit that is not named stays; one that is null is gone.
    for (change, status) in [(json!({"weight": 2}), 409), (json!({"max_sites": null}), 202)] {
        let changed = stage
            .call("admin", "PATCH", &customer)
            .header("if-match", "*")
            .json(&change)
            .send()
            .await
            .ok(200);
        assert_eq!(changed["max_sites"].is_null(), status == 202, "{changed}");
        let asked = stage
            .post("owner", "/api/v1/sites", &specification("shop-9"))
            .await;
        assert_eq!(asked.status, status, "{}", asked.text);
    }
}
