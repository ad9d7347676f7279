//! Whether the process lives, and whether it can do its work.

use axum::{Json, extract::State, http::StatusCode};
use db::schema::{self, SchemaStatus};
use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::App;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "The process answers", body = String, content_type = "text/plain")))]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the API can do its work, and what stands in the way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "ready": false, "database": "ok", "schema": "migration 0010_row_level_security is missing: run siteplane migrate",
    "object_store": "ok", "missing_migrations": ["0010_row_level_security"],
}))]
pub(crate) struct Readiness {
    /// Whether all of it is ok.
    ready: bool,
    /// `ok`, or what is wrong with the database.
    database: String,
    /// `ok`, or what is wrong with its schema.
    schema: String,
    /// `ok`, or what is wrong with the object store.
    object_store: String,
    /// Migrations that this version needs and the database has not.
    missing_migrations: Vec<String>,
}

/// Whether database, schema and object store are there.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "Ready", body = Readiness),
    (status = 503, description = "Not ready, and why", body = Readiness),
))]
pub(crate) async fn ready(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    // No blob lies there: the list is short, and only its arrival matters.
    let (schema, listed) = tokio::join!(schema::status(&app.pool), app.store.blobs.list("readiness/"));
    let ok = || "ok".to_owned();
    let mut readiness = Readiness {
        ready: false,
        database: ok(),
        schema: ok(),
        object_store: ok(),
        missing_migrations: Vec::new(),
    };
    match schema {
        Ok(SchemaStatus::Current) => {}
        Ok(SchemaStatus::Missing(missing)) => {
            let (word, verb) = if missing.len() == 1 {
                ("migration", "is")
            } else {
                ("migrations", "are")
            };
            readiness.schema = format!(
                "{word} {} {verb} missing: run siteplane migrate",
                missing.join(", ")
            );
            readiness.missing_migrations = missing;
        }
        Ok(SchemaStatus::Changed(name)) => {
            readiness.schema =
                format!("migration {name} was applied in another form than this version knows");
        }
        Err(error) => {
            warn!(%error, "The database is not ready");
            readiness.database = "does not answer".to_owned();
            readiness.schema = "unknown: the database does not answer".to_owned();
        }
    }
    if let Err(error) = listed {
        warn!(%error, "The object store is not ready");
        // Display never prints the source, which may name hosts.
        readiness.object_store = error.to_string();
    }
    readiness.ready = [&readiness.database, &readiness.schema, &readiness.object_store]
        .iter()
        .all(|part| *part == "ok");
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}
