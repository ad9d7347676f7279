//! Permission on one row: the row comes with it, so that a handler can't have the one without the other.

use axum::{
    extract::{FromRef, FromRequestParts, RawPathParams},
    http::request::Parts,
};
use db::{
    deployments::{self, Deployment},
    sites::{self, Site},
    tenant::{self, Scope},
};
use domain::id::SiteId;
use sqlx::{PgPool, Postgres, Transaction};

use super::{Caller, Permission};
use crate::{App, error::ApiError};

/// Permission `P` on the site that the path names.
#[derive(Debug)]
pub(crate) struct SiteAccess<P> {
    /// Who has it.
    pub(crate) caller: Caller<P>,
    /// The site as it was when the request came.
    pub(crate) site: Site,
}

/// Permission `P` on the deployment that the path names.
#[derive(Debug)]
pub(crate) struct DeploymentAccess<P> {
    /// Who has it.
    pub(crate) caller: Caller<P>,
    /// The deployment as it was when the request came.
    pub(crate) deployment: Deployment,
}

impl<S, P> FromRequestParts<S> for SiteAccess<P>
where
    S: Send + Sync,
    App: FromRef<S>,
    P: Permission,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::<P>::from_request_parts(parts, state).await?;
        let id = id_in_path(parts, state)
            .await
            .ok_or_else(|| ApiError::not_found("site"))?;
        let site = load_site(&App::from_ref(state).pool, caller.scope(), id).await?;
        Ok(Self { caller, site })
    }
}

impl<S, P> FromRequestParts<S> for DeploymentAccess<P>
where
    S: Send + Sync,
    App: FromRef<S>,
    P: Permission,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::<P>::from_request_parts(parts, state).await?;
        let unknown = || ApiError::not_found("deployment");
        let id = id_in_path(parts, state).await.ok_or_else(unknown)?;
        let mut tx = tenant::begin(&App::from_ref(state).pool, caller.scope()).await?;
        let deployment = deployments::find(&mut tx, id).await?.ok_or_else(unknown)?;
        tx.commit().await?;
        Ok(Self { caller, deployment })
    }
}

impl<P> SiteAccess<P> {
    /// Begins a transaction of the site's customer in which nobody else changes the site, and gives the site as it
    /// is now.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) async fn lock(
        &self,
        pool: &PgPool,
    ) -> Result<(Transaction<'static, Postgres>, Site), ApiError> {
        let mut tx = tenant::begin(pool, Scope::Customer(self.site.customer)).await?;
        let site = sites::find_for_update(&mut tx, self.site.id)
            .await?
            .ok_or_else(|| ApiError::not_found("site"))?;
        Ok((tx, site))
    }
}

impl<P> DeploymentAccess<P> {
    /// Begins a transaction of the deployment's customer in which nobody else moves the deployment or changes its
    /// site, and gives both as they are now.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) async fn lock(
        &self,
        pool: &PgPool,
    ) -> Result<(Transaction<'static, Postgres>, Site, Deployment), ApiError> {
        let unknown = || ApiError::not_found("deployment");
        let mut tx = tenant::begin(pool, Scope::Customer(self.deployment.customer)).await?;
        // Site first, as everywhere: two requests never wait for each other.
        let site = sites::find_for_update(&mut tx, self.deployment.site)
            .await?
            .ok_or_else(unknown)?;
        let deployment = deployments::find_for_update(&mut tx, self.deployment.id)
            .await?
            .ok_or_else(unknown)?;
        Ok((tx, site, deployment))
    }
}

/// The site with this id, if the scope has it and it is no draft.
///
/// # Errors
/// 404 where it is not.
pub(crate) async fn load_site(pool: &PgPool, scope: Scope, id: SiteId) -> Result<Site, ApiError> {
    let mut tx = tenant::begin(pool, scope).await?;
    let site = sites::find(&mut tx, id).await?;
    tx.commit().await?;
    site.filter(|site| !site.draft)
        .ok_or_else(|| ApiError::not_found("site"))
}

/// The first parameter of the path; what is no id names nothing.
async fn id_in_path<S: Send + Sync, T: std::str::FromStr>(parts: &mut Parts, state: &S) -> Option<T> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok()?;
    params.iter().next()?.1.parse().ok()
}
