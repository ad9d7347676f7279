//! Numbers for Prometheus: requests as they are answered, the queue as it is when asked.

use std::time::Duration;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use db::{
    queue,
    tenant::{self, Scope},
};
use domain::deployment::DeploymentStatus;
use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::{App, error::ApiError};

const REQUESTS: &str = "siteplane_http_requests_total";
const DURATIONS: &str = "siteplane_http_request_duration_seconds";
const DEPLOYMENTS: &str = "siteplane_deployments";

/// Upper bounds of the duration buckets in seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The numbers of this process.
pub(crate) struct Metrics(PrometheusRecorder);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// All zero.
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .expect("the list of buckets is not empty");
        let recorder = builder.build_recorder();
        with_local_recorder(&recorder, || {
            metrics::describe_counter!(REQUESTS, "Requests by method, route and status");
            metrics::describe_histogram!(
                DURATIONS,
                "Seconds until the head of the answer, by method and route"
            );
            metrics::describe_gauge!(DEPLOYMENTS, "Deployments that are not final, by status");
        });
        Self(recorder)
    }

    /// Counts an answered request. `route` is a pattern, never a path: ids would make a series each.
    pub(crate) fn count_request(&self, method: &str, route: &str, status: u16, duration: Duration) {
        // A caller may make methods up; those are one series.
        let known = [
            "GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "LOCK", "UNLOCK",
        ];
        let method = known.into_iter().find(|name| *name == method).unwrap_or("other");
        with_local_recorder(&self.0, || {
            let route = route.to_owned();
            metrics::counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string())
                .increment(1);
            metrics::histogram!(DURATIONS, "method" => method, "route" => route)
                .record(duration.as_secs_f64());
        });
    }

    fn set_queue(&self, depth: &[(String, i64)]) {
        with_local_recorder(&self.0, || {
            for status in DeploymentStatus::ALL
                .into_iter()
                .filter(|status| !status.is_final())
            {
                let count = depth
                    .iter()
                    .find(|(name, _)| name == status.as_str())
                    .map_or(0, |(_, count)| *count);
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                metrics::gauge!(DEPLOYMENTS, "status" => status.as_str()).set(f64::from(count));
            }
        });
    }
}

/// Numbers of this process and of the queue, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "The numbers", body = String, content_type = "text/plain")))]
pub(crate) async fn read(State(app): State<App>) -> Result<Response, ApiError> {
    let mut tx = tenant::begin(&app.pool, Scope::Platform).await?;
    let depth = queue::depth(&mut tx).await?;
    tx.commit().await?;
    app.metrics.set_queue(&depth);
    let handle = app.metrics.0.handle();
    // Moves what was recorded into the buckets; nothing else does it here.
    handle.run_upkeep();
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        handle.render(),
    )
        .into_response())
}
