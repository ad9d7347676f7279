//! What a site costs, before anyone pays: list prices applied to resources.
//!
//! The resources of a plan and the resources that the modules will make for a specification are priced by the same
//! rows of the same [`book::PriceBook`], so that a quote and the plan that follows it agree. A price that is missing
//! is said and never counted as zero.

pub mod book;
pub mod estimate;
pub mod quote;
pub mod resource;

pub use book::{Confidence, PriceBook, PriceRow, Unit};
pub use estimate::{CostChange, Estimate};
pub use resource::{Component, Quantity, Resource, Resources};
