//! Resources times the price book: what a month costs at least, line by line.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    book::{Confidence, PriceBook, PriceRow, Unit},
    resource::{Component, Quantity, Resource, Resources},
};
use crate::{
    money::{Money, to_cents},
    plan::NotAPlan,
    provider::Provider,
};

/// What some resources cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Estimate {
    /// What a month costs at least: the sum of `lines`, without what only use decides.
    pub monthly: Money,
    /// What is paid whatever happens.
    pub lines: Vec<EstimateLine>,
    /// What use adds: traffic, requests, kept objects.
    pub by_use: Vec<UsageLine>,
    /// What has no price here. It is not free.
    pub not_priced: Vec<NotPriced>,
    /// The oldest day that a price used here is of; null without prices.
    pub as_of: Option<NaiveDate>,
}

/// A part that is paid every month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EstimateLine {
    /// What it is, for people.
    pub label: String,
    /// The price book's word for it.
    #[schema(example = "instance/t3.small")]
    pub item: String,
    /// How many things or gigabytes.
    #[schema(value_type = String, example = "2")]
    pub quantity: Decimal,
    /// What the list price buys.
    pub unit: Unit,
    /// The list price of one unit.
    #[schema(value_type = String, example = "0.0208")]
    pub unit_price: Decimal,
    /// The line's month, rounded to cents.
    pub monthly: Money,
    /// How sure the price is.
    pub confidence: Confidence,
    /// The day for which the source gives the price.
    pub as_of: NaiveDate,
    /// Where the price comes from.
    pub source: String,
    /// Terraform's addresses of the resources that it is paid for.
    pub addresses: Vec<String>,
}

/// A part whose use decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageLine {
    /// What it is, for people.
    pub label: String,
    /// The price book's word for it.
    pub item: String,
    /// What the list price buys.
    pub unit: Unit,
    /// The list price of one unit.
    #[schema(value_type = String, example = "0.09")]
    pub unit_price: Decimal,
    /// How sure the price is.
    pub confidence: Confidence,
    /// The day for which the source gives the price.
    pub as_of: NaiveDate,
    /// Where the price comes from.
    pub source: String,
    /// Free allowances and the like.
    pub note: Option<String>,
}

/// A part without a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotPriced {
    /// What it is, for people.
    pub label: String,
    /// Why there is no price.
    pub reason: String,
    /// Terraform's address of the resource.
    pub address: String,
}

impl Estimate {
    /// What these resources cost in a region of a cloud, at the list prices that come with this version.
    pub fn of(provider: Provider, region: &str, resources: &Resources) -> Self {
        let facts = provider.facts();
        let mut sum = Sum::new(facts.price_book, region);
        for resource in &resources.0 {
            match (facts.components)(resource, resources) {
                Some(components) => {
                    for component in components {
                        sum.add(resource, component);
                    }
                }
                None => sum.not_priced.push(NotPriced {
                    label: resource.resource_type.clone(),
                    reason: format!("{} is not in the price book", resource.resource_type),
                    address: resource.address.clone(),
                }),
            }
        }
        sum.estimate()
    }

    /// One line for a person: `at least $64.12 a month, plus traffic; 1 part not priced`.
    pub fn headline(&self) -> String {
        let mut line = format!("at least {} a month", self.monthly);
        if !self.by_use.is_empty() {
            line.push_str(", plus use");
        }
        line.push_str(&not_priced_words(&self.not_priced));
        line
    }
}

fn not_priced_words(parts: &[NotPriced]) -> String {
    match parts.len() {
        0 => String::new(),
        1 => format!("; not priced: {}", parts[0].label),
        many => format!("; not priced: {many} parts"),
    }
}

/// An estimate in the making.
struct Sum<'a> {
    book: &'a PriceBook,
    region: &'a str,
    lines: Vec<EstimateLine>,
    by_use: BTreeMap<String, UsageLine>,
    not_priced: Vec<NotPriced>,
    as_of: Option<NaiveDate>,
}

impl<'a> Sum<'a> {
    fn new(book: &'a PriceBook, region: &'a str) -> Self {
        Self {
            book,
            region,
            lines: Vec::new(),
            by_use: BTreeMap::new(),
            not_priced: Vec::new(),
            as_of: None,
        }
    }

    fn add(&mut self, resource: &Resource, component: Component) {
        let quantity = match component.quantity {
            Quantity::Unknown(attribute) => {
                let reason = format!("{attribute} is known only after apply");
                return self.leave_out(resource, component.label, reason);
            }
            Quantity::Fixed(quantity) => Some(quantity),
            Quantity::ByUse => None,
        };
        let Some(row) = self.book.find(&component.item, self.region) else {
            let reason = format!("the price book has no {} in {}", component.item, self.region);
            return self.leave_out(resource, component.label, reason);
        };
        match (quantity, row.unit.times_a_month()) {
            (Some(quantity), Some(times)) => self.line(resource, component.label, row, quantity, times),
            (Some(_), None) => {
                let reason = format!("{} is sold by use and not by the month", component.item);
                return self.leave_out(resource, component.label, reason);
            }
            (None, _) => {
                self.by_use
                    .entry(component.item)
                    .or_insert_with_key(|item| UsageLine {
                        label: component.label.to_owned(),
                        item: item.clone(),
                        unit: row.unit,
                        unit_price: row.amount,
                        confidence: row.confidence,
                        as_of: row.as_of,
                        source: row.source.clone(),
                        note: row.note.clone(),
                    });
            }
        }
        self.as_of = Some(self.as_of.map_or(row.as_of, |oldest| oldest.min(row.as_of)));
    }

    /// Adds to the line of the same item, so that two gateways are one line of quantity 2.
    fn line(
        &mut self,
        resource: &Resource,
        label: &'static str,
        row: &PriceRow,
        quantity: Decimal,
        times: Decimal,
    ) {
        let line = match self
            .lines
            .iter_mut()
            .find(|line| line.item == row.item && line.label == label)
        {
            Some(line) => line,
            None => {
                self.lines.push(EstimateLine {
                    label: label.to_owned(),
                    item: row.item.clone(),
                    quantity: Decimal::ZERO,
                    unit: row.unit,
                    unit_price: row.amount,
                    monthly: Money {
                        amount: Decimal::ZERO,
                        currency: self.book.currency,
                    },
                    confidence: row.confidence,
                    as_of: row.as_of,
                    source: row.source.clone(),
                    addresses: Vec::new(),
                });
                let last = self.lines.len() - 1;
                &mut self.lines[last]
            }
        };
        line.quantity += quantity;
        line.monthly.amount = to_cents(line.quantity * times * row.amount);
        line.addresses.push(resource.address.clone());
    }

    fn leave_out(&mut self, resource: &Resource, label: &'static str, reason: String) {
        self.not_priced.push(NotPriced {
            label: label.to_owned(),
            reason,
            address: resource.address.clone(),
        });
    }

    fn estimate(mut self) -> Estimate {
        // Dearest first; a line of nothing says nothing.
        self.lines.retain(|line| !line.quantity.is_zero());
        self.lines
            .sort_by(|a, b| (b.monthly.amount, &a.item).cmp(&(a.monthly.amount, &b.item)));
        Estimate {
            monthly: Money {
                amount: to_cents(self.lines.iter().map(|line| line.monthly.amount).sum()),
                currency: self.book.currency,
            },
            lines: self.lines,
            by_use: self.by_use.into_values().collect(),
            not_priced: self.not_priced,
            as_of: self.as_of,
        }
    }
}

/// What a plan does to the bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostChange {
    /// A month before: at least.
    pub before: Money,
    /// A month after: at least.
    pub after: Money,
    /// What a month gets dearer by; negative where it gets cheaper.
    pub difference: Money,
    /// What stands after, line by line.
    pub estimate: Estimate,
}

impl CostChange {
    /// Reads `terraform show -json` of a plan: every resource that stands before, and every one that stands after.
    ///
    /// # Errors
    /// The document is no plan.
    pub fn of_plan(provider: Provider, region: &str, plan: &Value) -> Result<Self, NotAPlan> {
        let mut before = Resources::default();
        let mut after = Resources::default();
        // Terraform leaves the list out where there is no resource at all.
        let changes = plan.get("resource_changes").and_then(Value::as_array);
        for resource in changes.into_iter().flatten() {
            if resource["mode"] == "data" {
                continue;
            }
            let text = |name: &'static str| resource[name].as_str().ok_or(NotAPlan(name));
            let (address, resource_type) = (text("address")?, text("type")?);
            for (side, of) in [("before", &mut before), ("after", &mut after)] {
                let values = &resource["change"][side];
                if values.is_object() {
                    of.0.push(Resource {
                        address: address.to_owned(),
                        resource_type: resource_type.to_owned(),
                        values: values.clone(),
                    });
                }
            }
        }
        let before = Estimate::of(provider, region, &before).monthly;
        let estimate = Estimate::of(provider, region, &after);
        Ok(Self {
            before,
            after: estimate.monthly,
            difference: Money {
                amount: estimate.monthly.amount - before.amount,
                currency: before.currency,
            },
            estimate,
        })
    }

    /// One line for a person.
    pub fn headline(&self) -> String {
        let Self {
            before,
            after,
            difference,
            estimate,
        } = self;
        if before.amount.is_zero() {
            return estimate.headline();
        }
        let change = if difference.amount.is_zero() {
            format!("at least {after} a month, as before")
        } else {
            let sign = if difference.amount.is_sign_negative() {
                ""
            } else {
                "+"
            };
            format!("at least {after} a month, {before} before ({sign}{difference})")
        };
        change + &not_priced_words(&estimate.not_priced)
    }
}
