//! Permission on one row: the row comes with it, so that a handler can't have the one without the other.

use axum::{
    extract::{FromRef, FromRequestParts, RawPathParams},
    http::request::Parts,
};
use db::{
    customers::{self, Customer},
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

/// Permission `P` on the customer that the path names: the caller's own, or any for the platform's people.
#[derive(Debug)]
pub(crate) struct CustomerAccess<P> {
    /// Who has it.
    pub(crate) caller: Caller<P>,
    /// The customer as it was when the request came.
    pub(crate) customer: Customer,
}

impl<S, P> FromRequestParts<S> for CustomerAccess<P>
where
    S: Send + Sync,
    App: FromRef<S>,
    P: Permission,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::<P>::from_request_parts(parts, state).await?;
        let unknown = || ApiError::not_found("customer");
        let id = id_in_path(parts, state).await.ok_or_else(unknown)?;
        let mut tx = tenant::begin(&App::from_ref(state).pool, caller.scope()).await?;
        let customer = customers::find(&mut tx, id).await?.ok_or_else(unknown)?;
        tx.commit().await?;
        Ok(Self { caller, customer })
    }
}

impl<P> CustomerAccess<P> {
    /// Begins a transaction that sees and touches this customer's rows only, whoever the caller is.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) async fn begin(&self, pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
        tenant::begin(pool, Scope::Customer(self.customer.id)).await
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

/// The second parameter of the path, as an id; what is no id names nothing.
#[derive(Debug)]
pub(crate) struct SecondId<T>(pub(crate) T);

impl<S: Send + Sync, T: std::str::FromStr> FromRequestParts<S> for SecondId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let SecondText(text) = SecondText::from_request_parts(parts, state).await?;
        text.parse()
            .map(Self)
            .map_err(|_| ApiError::not_found("thing of that id"))
    }
}

/// The second parameter of the path, as it is.
#[derive(Debug)]
pub(crate) struct SecondText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for SecondText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let unknown = || ApiError::not_found("thing of that name");
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| unknown())?;
        let text = params.iter().nth(1).map(|(_, text)| text.to_owned());
        text.map(Self).ok_or_else(unknown)
    }
}
