//! How many deployments a customer may ask for. They are counted where they are: in the table of deployments.

use chrono::TimeDelta;
use db::recent_deployments;
use domain::id::CustomerId;
use sqlx::PgConnection;

use super::too_many;
use crate::{App, error::ApiError};

/// Refuses a deployment that would be one too many in the last hour. What makes or changes a site counts; what
/// removes one, tries one again or only looks does not.
///
/// # Errors
/// 429, or the database refused.
pub(crate) async fn admit_deployment(
    app: &App,
    conn: &mut PgConnection,
    customer: CustomerId,
) -> Result<(), ApiError> {
    let limits = &app.settings.rate_limits;
    if [limits.standard, limits.premium, limits.enterprise]
        .iter()
        .all(|allowance| allowance.deployments.is_none())
    {
        return Ok(());
    }
    let recent = recent_deployments::of_customer(conn, customer, TimeDelta::hours(1)).await?;
    let Some(most) = limits.of_tier(&recent.tier).deployments else {
        return Ok(());
    };
    let Some(room_in) = recent.room_in(most) else {
        return Ok(());
    };
    Err(too_many(
        &format!("the customer may make or change sites {most} times an hour"),
        room_in,
    ))
}
