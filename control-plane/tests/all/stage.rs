//! What every test stands on: a database with two customers, a token for each role, and the router.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode},
};
use control_plane::{App, Settings};
use db::{
    cloud_accounts::{self, CloudAccount},
    customers::{self, Customer},
    roles::RoleOf,
    testing::TestDatabase,
    tokens::{self, NewToken},
    users,
};
use domain::{
    access::Role,
    deployment::DeploymentStatus,
    id::{ApiTokenId, CloudAccountId, CustomerId, MailId, UserId},
    mail::Letter,
    provider::{Provider, World},
};
use serde_json::{Value, json};
use sqlx::PgConnection;
use state::{
    keys::MasterKeys,
    local_s3::LocalS3,
    seal::{SealedFor, open_value},
    store::{BlobStore, Patience, StoreSettings},
    versions::StateStore,
};
use tower::ServiceExt;
use uuid::Uuid;

pub(crate) const ROLES: [&str; 8] = [
    "admin",
    "operator",
    "auditor",
    "collector",
    "owner",
    "member",
    "viewer",
    "ci",
];

pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) app: App,
    pub(crate) router: Router,
    /// The customer of `owner`, `member`, `viewer` and `ci`.
    pub(crate) customer: CustomerId,
    /// The customer of `stranger`.
    pub(crate) other: CustomerId,
    _s3: LocalS3,
    _dir: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a whole problem document and gives it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:siteplane:problem:{code}"));
        assert_eq!(problem["trace_id"], self.header("x-trace-id"));
        assert!(
            !problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty()
        );
        problem
    }

    /// Asserts that exactly one field is refused, and gives what was found and what is allowed.
    #[track_caller]
    pub(crate) fn refused_field(&self, status: u16, code: &str, field: &str) -> (Value, String) {
        let problem = self.problem(status, code);
        let problems = problem["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{problem}");
        assert_eq!(problems[0]["field"], field, "{problem}");
        let allowed = problems[0]["allowed"].as_str().unwrap().to_owned();
        assert!(!allowed.is_empty(), "{problem}");
        (problems[0]["found"].clone(), allowed)
    }

    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }
}

/// A request that is being put together.
pub(crate) struct Call<'a> {
    stage: &'a Stage,
    request: axum::http::request::Builder,
    body: Body,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// As if it came over a socket from this peer.
    pub(crate) fn peer(mut self, address: &str) -> Self {
        let peer = SocketAddr::new(address.parse().unwrap(), 4711);
        self.request = self.request.extension(ConnectInfo(peer));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.request = self.request.header("content-type", content_type);
        self.body = body.into();
        self
    }

    pub(crate) async fn response(self) -> axum::response::Response {
        let request = self.request.body(self.body).unwrap();
        self.stage.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.response().await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        allowed_worlds: vec![World::Simulated],
        event_heartbeat: Duration::from_secs(60),
        event_poll: Duration::from_secs(60),
        request_timeout: Duration::from_secs(30),
        ..Settings::default()
    }
}

/// A token's text; real ones have 256 random bits.
pub(crate) fn token(role: &str) -> String {
    format!("token-of-{role}")
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let database = TestDatabase::new().await;
        let mut owner = database.owner().await;
        let (customer, other) = (CustomerId::new(), CustomerId::new());
        for (id, slug) in [(customer, "shop"), (other, "stranger")] {
            let row = Customer {
                id,
                name: slug.to_owned(),
                slug: slug.to_owned(),
            };
            customers::insert(&mut owner, &row, 3).await.unwrap();
        }
        for (name, role) in ROLES
            .map(|role| (role, role))
            .into_iter()
            .chain([("stranger", "owner")])
        {
            let of = match name {
                "stranger" => Some(other),
                "owner" | "member" | "viewer" | "ci" => Some(customer),
                _ => None,
            };
            let row = NewToken {
                id: ApiTokenId::new(),
                customer: of,
                user: None,
                name,
                role: RoleOf::BuiltIn(role.parse().unwrap()),
                scopes: None,
                expires_at: None,
            };
            tokens::insert(&mut owner, &row, &token(name)).await.unwrap();
        }
        let account = CloudAccount {
            id: CloudAccountId::new(),
            customer: None,
            provider: Provider::ALL[0],
            world: World::Simulated,
            name: "simulated".to_owned(),
            endpoint: Some("simulated-cloud".to_owned()),
            provider_options: json!({}),
        };
        cloud_accounts::insert(&mut owner, &account, 50, b"sealed")
            .await
            .unwrap();

        let dir = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let s3 = LocalS3::start(dir.path(), listener, "access", "secret").unwrap();
        let blobs = BlobStore::new(&StoreSettings {
            patience: Patience {
                attempts: 1,
                ..Patience::default()
            },
            ..s3.settings("siteplane")
        });
        blobs.ensure_bucket().await.unwrap();
        let store = StateStore {
            blobs,
            keys: MasterKeys::development(),
        };
        let app = App::new(database.pool.clone(), store, settings);
        let router = control_plane::router(app.clone());
        Self {
            database,
            app,
            router,
            customer,
            other,
            _s3: s3,
            _dir: dir,
        }
    }

    /// The same database behind another process' router.
    pub(crate) fn restart(&mut self) {
        self.app = App::new(
            self.app.pool.clone(),
            self.app.store.clone(),
            (*self.app.settings).clone(),
        );
        self.router = control_plane::router(self.app.clone());
    }

    /// A request with the token of this name; an empty name is none.
    pub(crate) fn call(&self, who: &str, method: &str, path: &str) -> Call<'_> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path);
        if !who.is_empty() {
            request = request.header("authorization", format!("Bearer {}", token(who)));
        }
        Call {
            stage: self,
            request,
            body: Body::empty(),
        }
    }

    pub(crate) async fn get(&self, who: &str, path: &str) -> Answer {
        self.call(who, "GET", path).send().await
    }

    pub(crate) async fn post(&self, who: &str, path: &str, body: &Value) -> Answer {
        self.call(who, "POST", path).json(body).send().await
    }

    pub(crate) async fn patch(&self, who: &str, site: &str, if_match: &str, patch: &Value) -> Answer {
        let call = self
            .call(who, "PATCH", &format!("/api/v1/sites/{site}"))
            .header("if-match", if_match);
        call.body("application/merge-patch+json", patch.to_string())
            .send()
            .await
    }

    pub(crate) async fn delete(&self, who: &str, site: &str) -> Answer {
        self.call(who, "DELETE", &format!("/api/v1/sites/{site}"))
            .send()
            .await
    }

    /// Makes a site of `owner` and gives its id and its first deployment's.
    pub(crate) async fn site(&self, name: &str) -> (String, String) {
        let answer = self
            .post("owner", "/api/v1/sites", &specification(name))
            .await
            .ok(202);
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        (id(&answer["site"]), id(&answer["deployment"]))
    }

    /// Adds a person without a password.
    pub(crate) async fn person(&self, customer: Option<CustomerId>, email: &str, role: Role) -> UserId {
        let id = UserId::new();
        users::insert(
            &mut self.owner().await,
            id,
            customer,
            email,
            "",
            RoleOf::BuiltIn(role),
        )
        .await
        .unwrap();
        id
    }

    /// The letters that were queued for an address, oldest first, as a worker would open them.
    pub(crate) async fn letters(&self, email: &str) -> Vec<Letter> {
        let rows: Vec<(Uuid, Vec<u8>)> =
            sqlx::query_as("select id, parameters_sealed from mails where recipient = $1 order by id")
                .bind(email)
                .fetch_all(&mut self.owner().await)
                .await
                .unwrap();
        rows.into_iter()
            .map(|(id, sealed)| {
                let sealed_for = SealedFor::Mail { mail_id: MailId(id) };
                open_value(&self.app.store.keys, &sealed_for, &sealed).unwrap()
            })
            .collect()
    }

    pub(crate) async fn owner(&self) -> PgConnection {
        self.database.owner().await
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("select count(*) from {what}"));
        sqlx::query_scalar(statement)
            .fetch_one(&mut self.owner().await)
            .await
            .unwrap()
    }

    /// Deployments, bells, sites, specifications and audit rows: what a refused request must leave alone.
    pub(crate) async fn traces(&self) -> [i64; 5] {
        [
            self.count("deployments").await,
            self.count("apalis.jobs").await,
            self.count("sites").await,
            self.count("site_specifications").await,
            self.count("audit_events").await,
        ]
    }

    pub(crate) async fn audited(&self, action: &str) -> i64 {
        self.count(&format!("audit_events where action = '{action}'"))
            .await
    }

    /// Puts a deployment where a worker would have brought it.
    pub(crate) async fn put_deployment(&self, id: &str, status: DeploymentStatus) {
        sqlx::query(
            "update deployments
             set status = $2, attempt = greatest(attempt, 1), worker_id = gen_random_uuid(),
                 lease_until = case when $3 then now() + interval '1 hour' end,
                 finished_at = case when $4 then now() end, reason = case when $4 then 'as the test wants' end
             where id = $1",
        )
        .bind(uuid(id))
        .bind(status.as_str())
        .bind(status.is_leased())
        .bind(status.is_final())
        .execute(&mut self.owner().await)
        .await
        .unwrap();
    }

    /// Puts a site where a successful apply of its first specification would have brought it.
    pub(crate) async fn put_active(&self, site: &str, deployment: &str) {
        self.put_deployment(deployment, DeploymentStatus::Succeeded).await;
        sqlx::query("update sites set status = 'active', applied_specification = 1 where id = $1")
            .bind(uuid(site))
            .execute(&mut self.owner().await)
            .await
            .unwrap();
    }

    pub(crate) async fn deployment(&self, id: &str) -> Value {
        self.get("owner", &format!("/api/v1/deployments/{id}"))
            .await
            .ok(200)
    }

    pub(crate) async fn site_view(&self, id: &str) -> Value {
        self.get("owner", &format!("/api/v1/sites/{id}")).await.ok(200)
    }
}

pub(crate) fn uuid(text: &str) -> Uuid {
    text.parse().unwrap()
}

pub(crate) fn specification(name: &str) -> Value {
    json!({
        "name": name, "provider": "aws", "region": "us-east-1", "size": "small",
        "application": {"image": "nginx:1.27", "port": 80, "env": {"A": "b"}, "secrets": {"KEY": "planted-key"},
            "registry": {"server": "registry.example.com", "username": "u", "password": "planted-password"}},
        "scaling": {"min": 1, "max": 2}, "database": {"storage_gb": 20}, "storage": {"versioning": true},
    })
}

/// The specification with one change.
pub(crate) fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = specification("shop-1");
    change(&mut body);
    body
}
