//! What a quote of one site on five clouds takes.

use std::time::Instant;

use anyhow::ensure;
use reqwest::Method;
use serde_json::json;

use crate::{
    create::Cloud,
    figures::{Row, Section, Series},
    installation::Installation,
};

/// Requests of each kind, after [`WARM_UP`] that do not count.
const REQUESTS: usize = 1_000;
const WARM_UP: usize = 50;

/// Asks for quotes and, in turns, for the list of clouds, one after the other on one connection.
pub(crate) async fn measure(cloud: &Cloud) -> anyhow::Result<Section> {
    let folder = tempfile::tempdir()?;
    let installation = Installation::start(cloud.account(folder.path())).await?;
    let mut site = cloud.site("quoted");
    site["database"] = json!({"storage_gb": 60, "high_availability": true, "read_replica": true});
    let mut times = (Vec::new(), Vec::new());
    for round in 0..REQUESTS + WARM_UP {
        let quoting = Instant::now();
        let answer = installation
            .request(Method::POST, "/quotes")
            .json(&site)
            .send()
            .await?;
        ensure!(answer.status() == 200, "a quote answered {}", answer.status());
        answer.bytes().await?;
        let quoted = quoting.elapsed();
        let listing = Instant::now();
        installation
            .request(Method::GET, "/providers")
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        if round >= WARM_UP {
            times.0.push(quoted.as_secs_f64() * 1000.0);
            times.1.push(listing.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let (quotes, lists) = (Series::new(times.0), Series::new(times.1));
    let row = |percent: usize| {
        let (quote, list) = (quotes.percentile(percent), lists.percentile(percent));
        Row {
            what: format!("p{percent}, ms"),
            siteplane: format!("{quote:.2}"),
            baseline: format!("{list:.2}"),
            ratio: format!("{:.2}", quote / list),
        }
    };
    Ok(Section {
        title: "A quote of one site on five clouds".to_owned(),
        baseline: "`GET /providers` of the same API in turns: the same sign-in, and nothing to compute".to_owned(),
        how: "A whole site with database, standby, replica and bucket; request to last byte, one after the other."
            .to_owned(),
        count: quotes.count(),
        rows: vec![row(50), row(99)],
    })
}
