//! One customer's transaction sees and touches nothing of another's, whatever its SQL says.

use db::{
    audit::{self, Actor, ActorKind, AuditEvent},
    idempotency::{self, Answer, IdempotencyKey},
    invitations::{self, NewInvitation},
    mails::{self, NewMail},
    resources::{self, SiteResource},
    roles::{self, RoleOf},
    state_versions::{self, NewStateVersion},
    tenant::{self, Scope},
    tokens::{self, NewToken},
    users,
};
use domain::{
    access::Role,
    deployment::DeploymentKind,
    id::{
        ApiTokenId, CloudAccountId, CustomerId, DeploymentId, InvitationId, MailId, SiteId, StateVersionId,
        UserId,
    },
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Postgres, Transaction, postgres::PgPoolOptions};

use crate::scene::Scene;

/// Every table whose rows belong to customers, `customers` itself apart.
const TENANT_TABLES: [&str; 16] = [
    "api_tokens",
    "audit_events",
    "cloud_accounts",
    "deployment_events",
    "deployment_steps",
    "deployments",
    "idempotency_keys",
    "invitations",
    "mails",
    "roles",
    "site_resources",
    "site_specifications",
    "site_states",
    "sites",
    "state_versions",
    "users",
];

/// A customer with a row in every table of tenants.
struct Tenant {
    id: CustomerId,
    site: SiteId,
    deployment: DeploymentId,
    account: CloudAccountId,
    version: StateVersionId,
}

async fn tenant(scene: &Scene, slug: &str) -> Tenant {
    let id = scene.customer(slug, 3).await;
    let account = CloudAccountId::new();
    scene.add_account(account, Some(id), 5).await;
    let site = scene.site(id, "shop").await;
    let deployment = scene.queue(id, site, DeploymentKind::Create).await;

    let mut tx = scene.begin(Scope::Platform).await;
    let user = UserId::new();
    users::insert(
        &mut tx,
        user,
        Some(id),
        &format!("owner@{slug}.test"),
        "",
        RoleOf::BuiltIn(Role::Owner),
    )
    .await
    .unwrap();
    let token = NewToken {
        id: ApiTokenId::new(),
        customer: Some(id),
        user: Some(user),
        name: slug,
        role: RoleOf::BuiltIn(Role::Owner),
        scopes: None,
        expires_at: None,
    };
    tokens::insert(&mut tx, &token, &format!("text of {slug}"))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let mut tx = scene.begin(Scope::Customer(id)).await;
    let role = roles::put(&mut tx, id, "releaser", &["sites:read".to_owned()])
        .await
        .unwrap();
    let invitation = NewInvitation {
        id: InvitationId::new(),
        customer: Some(id),
        email: &format!("new@{slug}.test"),
        role: RoleOf::Custom(role),
        invited_by: slug,
        expires_at: chrono::Utc::now() + chrono::TimeDelta::days(1),
    };
    invitations::insert(&mut tx, &invitation, &format!("invitation of {slug}"))
        .await
        .unwrap();
    let mail = NewMail {
        id: MailId::new(),
        customer: Some(id),
        recipient: "new@acme.test",
        template: "invitation",
        parameters_sealed: b"sealed",
    };
    mails::enqueue(&mut tx, &mail).await.unwrap();
    let actor = Actor {
        kind: ActorKind::User,
        id: Some(user.0),
        name: slug.to_owned(),
    };
    let event = AuditEvent {
        customer: Some(id),
        actor: &actor,
        action: "site.create",
        subject_kind: "site",
        subject: site.0,
        details: json!({}),
        trace_id: "trace",
    };
    audit::record(&mut tx, event).await.unwrap();
    let key = IdempotencyKey {
        customer: id,
        route: "POST /api/v1/sites",
        key: "k",
        request_digest: b"d",
    };
    let answer = Answer {
        status: 202,
        location: None,
        body: json!({}),
    };
    idempotency::remember(&mut tx, key, &answer).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = scene.as_worker().await;
    let resource = SiteResource {
        address: "aws_vpc.this".to_owned(),
        resource_type: "aws_vpc".to_owned(),
        provider_id: None,
        tainted: false,
        attributes: json!({}),
    };
    resources::replace(&mut tx, site, id, deployment, &[resource])
        .await
        .unwrap();
    let version = StateVersionId::new();
    let blob_key = format!("states/{version}");
    let new = NewStateVersion {
        id: version,
        customer: id,
        site,
        deployment,
        attempt: 1,
        lineage: "l",
        serial: 1,
        resources: 1,
        blob_key: &blob_key,
    };
    state_versions::record(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    Tenant {
        id,
        site,
        deployment,
        account,
        version,
    }
}

async fn count(tx: &mut Transaction<'static, Postgres>, table: &str, condition: &str) -> i64 {
    let query = format!("select count(*) from {table} where {condition}");
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(&mut **tx)
        .await
        .unwrap()
}

/// The SQLSTATE with which a customer's statement is refused, and the constraint if it is one.
async fn refusal(scene: &Scene, customer: CustomerId, statement: String) -> (String, Option<String>) {
    let mut tx = scene.begin(Scope::Customer(customer)).await;
    let error = sqlx::query(AssertSqlSafe(statement.clone()))
        .execute(&mut *tx)
        .await
        .expect_err(&statement);
    let error = error.into_database_error().expect(&statement);
    (
        error.code().unwrap().into_owned(),
        error.constraint().map(str::to_owned),
    )
}

const NO_RIGHT: &str = "42501";

#[tokio::test]
async fn the_list_of_tenant_tables_is_whole() {
    let scene = Scene::new().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and a.attname = 'customer_id' order by 1",
    )
    .fetch_all(&mut scene.database.owner().await)
    .await
    .unwrap();
    assert_eq!(tables, TENANT_TABLES);
}

#[tokio::test]
async fn a_customer_sees_its_own_rows_of_every_table_and_nobody_elses() {
    let scene = Scene::new().await;
    let (acme, other) = (tenant(&scene, "acme").await, tenant(&scene, "other").await);
    let mut tx = scene.begin(Scope::Customer(acme.id)).await;
    for table in TENANT_TABLES {
        assert!(
            count(&mut tx, table, &format!("customer_id = '{}'", acme.id)).await > 0,
            "{table}: own rows"
        );
        assert_eq!(
            count(&mut tx, table, &format!("customer_id = '{}'", other.id)).await,
            0,
            "{table}: foreign"
        );
        if table != "cloud_accounts" {
            assert_eq!(
                count(&mut tx, table, "customer_id is null").await,
                0,
                "{table}: the platform's"
            );
        }
    }
    assert_eq!(count(&mut tx, "customers", "true").await, 1);
    assert_eq!(
        count(&mut tx, "cloud_accounts", "true").await,
        2,
        "its own and the one for everybody"
    );
    assert!(
        db::deployments::find(&mut tx, other.deployment)
            .await
            .unwrap()
            .is_none()
    );
    assert!(db::sites::find(&mut tx, other.site).await.unwrap().is_none());
    assert_eq!(
        db::events::list(&mut tx, other.deployment, 0, 10).await.unwrap(),
        []
    );
}

#[tokio::test]
async fn without_a_customer_the_api_sees_nothing() {
    let scene = Scene::new().await;
    tenant(&scene, "acme").await;
    let mut tx = scene.database.pool.begin().await.unwrap();
    sqlx::query("set local role siteplane_api")
        .execute(&mut *tx)
        .await
        .unwrap();
    for table in TENANT_TABLES {
        assert_eq!(
            count(&mut tx, table, "customer_id is not null").await,
            0,
            "{table}"
        );
    }
}

#[tokio::test]
async fn a_customer_can_neither_insert_nor_change_nor_delete_nor_give_away_rows_of_another() {
    let scene = Scene::new().await;
    let (acme, other) = (tenant(&scene, "acme").await, tenant(&scene, "other").await);
    for table in TENANT_TABLES {
        let copy: Value = sqlx::query_scalar(AssertSqlSafe(format!(
            "select to_jsonb(t) || jsonb_build_object('customer_id', '{}'::text) from {table} t where customer_id = '{}' limit 1",
            other.id, acme.id
        )))
        .fetch_one(&mut scene.database.owner().await)
        .await
        .unwrap();
        let copy = copy.to_string().replace('\'', "''");
        let insert = format!("insert into {table} select (jsonb_populate_record(null::{table}, '{copy}')).*");
        assert_eq!(
            refusal(&scene, acme.id, insert).await.0,
            NO_RIGHT,
            "insert into {table}"
        );

        let (may_update, may_delete): (bool, bool) = sqlx::query_as(
            "select has_column_privilege('siteplane_api', $1, 'customer_id', 'update'), has_table_privilege('siteplane_api', $1, 'delete')",
        )
        .bind(table)
        .fetch_one(&mut scene.database.owner().await)
        .await
        .unwrap();
        let foreign = format!("customer_id = '{}'", other.id);
        if may_update {
            let mut tx = scene.begin(Scope::Customer(acme.id)).await;
            let change = format!("update {table} set customer_id = customer_id where {foreign}");
            let done = sqlx::query(AssertSqlSafe(change))
                .execute(&mut *tx)
                .await
                .unwrap();
            assert_eq!(done.rows_affected(), 0, "update {table}");
            drop(tx);
            let give = format!("update {table} set {foreign}");
            assert_eq!(
                refusal(&scene, acme.id, give).await.0,
                NO_RIGHT,
                "giving away {table}"
            );
        } else {
            let change = format!("update {table} set customer_id = customer_id where {foreign}");
            assert_eq!(
                refusal(&scene, acme.id, change).await.0,
                NO_RIGHT,
                "update {table}"
            );
        }
        if may_delete {
            let mut tx = scene.begin(Scope::Customer(acme.id)).await;
            let delete = format!("delete from {table} where {foreign}");
            let done = sqlx::query(AssertSqlSafe(delete))
                .execute(&mut *tx)
                .await
                .unwrap();
            assert_eq!(done.rows_affected(), 0, "delete from {table}");
        } else {
            let delete = format!("delete from {table} where {foreign}");
            assert_eq!(
                refusal(&scene, acme.id, delete).await.0,
                NO_RIGHT,
                "delete from {table}"
            );
        }
    }
}

#[tokio::test]
async fn a_customer_cannot_hang_its_own_row_on_something_of_another() {
    let scene = Scene::new().await;
    let (acme, other) = (tenant(&scene, "acme").await, tenant(&scene, "other").await);
    let deployment = |site: SiteId, account: CloudAccountId| {
        format!(
            "insert into deployments (id, customer_id, site_id, specification, cloud_account_id, kind, trace_id, events_month)
             values (gen_random_uuid(), '{}', '{site}', 1, '{account}', 'update', 't', date_trunc('month', now()))",
            acme.id
        )
    };
    let foreign_key = |name: &str| ("23503".to_owned(), Some(name.to_owned()));
    let no_right = (NO_RIGHT.to_owned(), None);
    let cases = [
        (deployment(other.site, scene.account), foreign_key("deployments_site_id_fkey")),
        (deployment(acme.site, other.account), no_right.clone()),
        (format!("update sites set cloud_account_id = '{}'", other.account), no_right.clone()),
        (format!("update deployments set cloud_account_id = '{}'", other.account), no_right.clone()),
        (
            format!(
                "insert into site_specifications (site_id, number, customer_id, specification, secrets_sealed)
                 values ('{}', 2, '{}', '{{}}', '')",
                other.site, acme.id
            ),
            foreign_key("site_specifications_site_id_fkey"),
        ),
        (
            format!(
                "insert into deployment_steps (deployment_id, customer_id, position, name)
                 values ('{}', '{}', 99, 'mine')",
                other.deployment, acme.id
            ),
            foreign_key("deployment_steps_deployment_id_fkey"),
        ),
        (
            format!(
                "insert into deployment_events (month, deployment_id, seq, customer_id, attempt, kind, message)
                 values (date_trunc('month', now()), '{}', 99, '{}', 1, 'log', 'mine')",
                other.deployment, acme.id
            ),
            no_right.clone(),
        ),
        (
            format!(
                "insert into state_versions (id, site_id, customer_id, deployment_id, attempt, lineage, serial, standing, resources, blob_key)
                 values (gen_random_uuid(), '{}', '{}', '{}', 1, 'l', 9, 'current', 0, 'mine')",
                other.site, acme.id, acme.deployment
            ),
            foreign_key("state_versions_site_id_fkey"),
        ),
        (
            format!("update site_states set current_version = '{}'", other.version),
            foreign_key("site_states_current_version_fkey"),
        ),
    ];
    for (statement, expected) in cases {
        assert_eq!(
            refusal(&scene, acme.id, statement.clone()).await,
            expected,
            "{statement}"
        );
    }
}

#[tokio::test]
async fn only_a_worker_reads_credentials() {
    let scene = Scene::new().await;
    let acme = tenant(&scene, "acme").await;
    let read = "select credentials_sealed from cloud_accounts".to_owned();
    assert_eq!(refusal(&scene, acme.id, read).await.0, NO_RIGHT);
    assert_eq!(
        refusal(&scene, acme.id, "select * from cloud_accounts".to_owned())
            .await
            .0,
        NO_RIGHT
    );
    let mut tx = scene.begin(Scope::Platform).await;
    db::cloud_accounts::find_with_credentials(&mut tx, acme.account)
        .await
        .unwrap_err();
    let (account, sealed) =
        db::cloud_accounts::find_with_credentials(&mut *scene.as_worker().await, acme.account)
            .await
            .unwrap();
    assert_eq!((account.customer, sealed), (Some(acme.id), b"sealed".to_vec()));
}

#[tokio::test]
async fn the_audit_log_can_be_written_and_not_changed() {
    let scene = Scene::new().await;
    let acme = tenant(&scene, "acme").await;
    for scope in [Scope::Customer(acme.id), Scope::Platform, Scope::Worker] {
        for statement in [
            "update audit_events set action = 'x'",
            "delete from audit_events",
            "truncate audit_events",
        ] {
            let mut tx = scene.begin(scope).await;
            let error = sqlx::query(statement).execute(&mut *tx).await.unwrap_err();
            assert_eq!(
                error.into_database_error().unwrap().code().unwrap(),
                NO_RIGHT,
                "{scope:?}: {statement}"
            );
        }
    }
}

#[tokio::test]
async fn the_platform_reads_every_customers_rows_and_changes_none() {
    let scene = Scene::new().await;
    tenant(&scene, "acme").await;
    tenant(&scene, "other").await;
    for table in [
        "sites",
        "deployments",
        "deployment_events",
        "site_states",
        "audit_events",
    ] {
        let mut tx = scene.begin(Scope::Platform).await;
        assert!(count(&mut tx, table, "true").await >= 2, "{table}");
        let change = format!("update {table} set customer_id = customer_id");
        let error = sqlx::query(AssertSqlSafe(change))
            .execute(&mut *tx)
            .await
            .unwrap_err();
        assert_eq!(
            error.into_database_error().unwrap().code().unwrap(),
            NO_RIGHT,
            "{table}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_comes_back_has_neither_role_nor_customer() {
    let scene = Scene::new().await;
    let acme = tenant(&scene, "acme").await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(&scene.database.url)
        .await
        .unwrap();
    for ending in ["commit", "rollback", "drop", "error"] {
        let mut tx = tenant::begin(&pool, Scope::Customer(acme.id)).await.unwrap();
        assert_eq!(count(&mut tx, "sites", "true").await, 1);
        match ending {
            "commit" => tx.commit().await.unwrap(),
            "rollback" => tx.rollback().await.unwrap(),
            "drop" => drop(tx),
            _ => {
                sqlx::query("select 1 / 0").execute(&mut *tx).await.unwrap_err();
                drop(tx);
            }
        }
        let (role, customer): (String, Option<String>) = sqlx::query_as(
            "select current_user::text, nullif(current_setting('siteplane.customer_id', true), '')",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(
            (role.as_str(), customer),
            ("siteplane_program", None),
            "after {ending}"
        );
        let error = sqlx::query("select from sites").execute(&pool).await.unwrap_err();
        assert_eq!(
            error.into_database_error().unwrap().code().unwrap(),
            NO_RIGHT,
            "after {ending}"
        );
        let mut tx = tenant::begin(&pool, Scope::Worker).await.unwrap();
        let customer: Option<uuid::Uuid> = sqlx::query_scalar("select current_customer()")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(customer, None, "after {ending}");
    }
}

#[tokio::test]
async fn a_beginning_that_was_cut_off_lends_its_customer_to_nobody() {
    let scene = Scene::new().await;
    let (acme, other) = (tenant(&scene, "acme").await, tenant(&scene, "other").await);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(&scene.database.url)
        .await
        .unwrap();
    for polls in 1..6 {
        let mut beginning = Box::pin(tenant::begin(&pool, Scope::Customer(other.id)));
        for _ in 0..polls {
            if futures::poll!(&mut beginning).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(beginning);
        let mut tx = tenant::begin(&pool, Scope::Customer(acme.id)).await.unwrap();
        assert_eq!(
            count(&mut tx, "sites", &format!("customer_id <> '{}'", acme.id)).await,
            0
        );
        assert_eq!(count(&mut tx, "sites", "true").await, 1);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_is_found_by_its_text_unless_it_is_unknown_revoked_or_has_ended() {
    let scene = Scene::new().await;
    let acme = tenant(&scene, "acme").await;
    let find = async |text: &str| {
        tokens::find_bearer(&mut *scene.begin(Scope::Auth).await, text)
            .await
            .unwrap()
    };
    let bearer = find("text of acme").await.unwrap();
    assert_eq!(
        (bearer.customer, bearer.role.as_str(), bearer.name.as_str()),
        (Some(acme.id), "owner", "acme")
    );
    assert_eq!(find("text of nobody").await, None);
    for end in ["revoked_at = now()", "revoked_at = null, expires_at = now()"] {
        sqlx::query(AssertSqlSafe(format!("update api_tokens set {end}")))
            .execute(&mut scene.database.owner().await)
            .await
            .unwrap();
        assert_eq!(find("text of acme").await, None, "{end}");
    }
    // Sign-in knows an address and not yet whose it is: these four it reads across, and nothing else.
    let open = ["customers", "invitations", "roles", "users"];
    for table in TENANT_TABLES
        .into_iter()
        .filter(|table| !open.contains(table))
        .chain(["workers", "apalis.jobs"])
    {
        let mut tx = scene.begin(Scope::Auth).await;
        let error = sqlx::query(AssertSqlSafe(format!("select from {table}")))
            .execute(&mut *tx)
            .await
            .unwrap_err();
        assert_eq!(
            error.into_database_error().unwrap().code().unwrap(),
            NO_RIGHT,
            "{table}"
        );
    }
    let mut tx = scene.begin(Scope::Customer(acme.id)).await;
    tokens::find_bearer(&mut tx, "text of acme").await.unwrap_err();
}
