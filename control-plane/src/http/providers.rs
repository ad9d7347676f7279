//! The clouds and what they offer.

use axum::Json;
use domain::provider::{Provider, RegionFacts, SizeFacts};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Read};

/// A cloud.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderView {
    /// The word that a site's `provider` takes.
    key: &'static str,
    /// The name that people read.
    name: &'static str,
    /// Where sites can stand.
    regions: &'static [RegionFacts],
    /// What each size is.
    sizes: &'static [SizeFacts],
}

/// Every cloud; there are few, so there are no pages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Providers {
    /// The clouds.
    items: Vec<ProviderView>,
}

/// The clouds, their regions, and what each size is there.
#[utoipa::path(get, path = "/providers", tag = "providers",
    responses((status = 200, description = "The clouds", body = Providers)), security(("token" = [])))]
pub(crate) async fn list(_caller: Caller<Read>) -> Json<Providers> {
    let view = |provider: Provider| {
        let facts = provider.facts();
        ProviderView {
            key: facts.key,
            name: facts.name,
            regions: facts.regions,
            sizes: facts.sizes,
        }
    };
    Json(Providers {
        items: Provider::ALL.into_iter().map(view).collect(),
    })
}
