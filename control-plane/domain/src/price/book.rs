//! The price book: dated list prices with their sources, one file of rows a cloud (`prices/`).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::Currency;

/// Hours of a month in a price: 365 × 24 ÷ 12, as the clouds' own calculators count.
pub const HOURS_OF_A_MONTH: u32 = 730;

/// What an amount buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// One thing for an hour.
    Hour,
    /// One thing for a month.
    Month,
    /// A gigabyte kept for a month.
    GbMonth,
    /// A gigabyte moved.
    Gb,
    /// A million requests.
    Million,
}

impl Unit {
    /// How often a month of one such thing pays the amount; none where only use decides.
    pub fn times_a_month(self) -> Option<Decimal> {
        match self {
            Self::Hour => Some(Decimal::from(HOURS_OF_A_MONTH)),
            Self::Month | Self::GbMonth => Some(Decimal::ONE),
            Self::Gb | Self::Million => None,
        }
    }

    /// The words after an amount.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "an hour",
            Self::Month => "a month",
            Self::GbMonth => "a GB and month",
            Self::Gb => "a GB",
            Self::Million => "a million requests",
        }
    }
}

/// How sure a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Derived or remembered; the row's note says how.
    Low,
    /// From one source that is not the cloud's own.
    Medium,
    /// From the cloud itself, or from two independent sources that agree.
    High,
}

/// One list price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRow {
    /// What is sold, such as `instance/t3.small`.
    pub item: String,
    /// The cloud's names of the regions where this amount holds; `*` is all.
    pub regions: Vec<String>,
    /// What the amount buys.
    pub unit: Unit,
    /// List price without tax and discount.
    pub amount: Decimal,
    /// The day for which the source gives it.
    pub as_of: NaiveDate,
    /// How sure it is.
    pub confidence: Confidence,
    /// Where it comes from.
    pub source: String,
    /// An independent source that agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_source: Option<String>,
    /// What one must know beside: a free allowance, what a unit of capacity is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl PriceRow {
    fn holds_in(&self, region: &str) -> bool {
        self.regions.iter().any(|known| known == region || known == "*")
    }
}

/// The list prices of one cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    /// The currency of all its amounts.
    pub currency: Currency,
    provider: String,
    rows: BTreeMap<String, Vec<PriceRow>>,
}

/// The file of a price book.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BookFile {
    provider: String,
    currency: Currency,
    rows: Vec<PriceRow>,
}

/// A file that is no price book.
#[derive(Debug, thiserror::Error)]
pub enum NotAPriceBook {
    /// The file is not in the form of one.
    #[error("the price book can't be read")]
    Form(#[from] serde_json::Error),
    /// Two rows speak of the same thing.
    #[error("{item} has two prices in {region}")]
    Twice {
        /// The item.
        item: String,
        /// The region.
        region: String,
    },
    /// A price below nothing.
    #[error("{item} costs {amount}; allowed is zero or more")]
    Negative {
        /// The item.
        item: String,
        /// What was found.
        amount: Decimal,
    },
}

impl PriceBook {
    /// Reads the file of a book.
    ///
    /// # Errors
    /// The text is not in the form of a price book, or says two things about one price.
    pub fn from_json(text: &str) -> Result<Self, NotAPriceBook> {
        let file: BookFile = serde_json::from_str(text)?;
        let mut book = Self {
            currency: file.currency,
            provider: file.provider,
            rows: BTreeMap::new(),
        };
        for row in file.rows {
            if row.amount.is_sign_negative() {
                return Err(NotAPriceBook::Negative {
                    item: row.item,
                    amount: row.amount,
                });
            }
            let others = book.rows.entry(row.item.clone()).or_default();
            let taken = row
                .regions
                .iter()
                .find(|region| others.iter().any(|other| other.regions.contains(region)));
            if let Some(region) = taken {
                return Err(NotAPriceBook::Twice {
                    item: row.item.clone(),
                    region: region.clone(),
                });
            }
            others.push(row);
        }
        Ok(book)
    }

    /// The file of the book: a row a line, sorted, so that two versions compare well.
    ///
    /// # Errors
    /// Never in practice: every row can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut lines = Vec::new();
        for row in self.rows() {
            lines.push(format!("    {}", serde_json::to_string(row)?));
        }
        Ok(format!(
            "{{\n  \"provider\": {},\n  \"currency\": {},\n  \"rows\": [\n{}\n  ]\n}}\n",
            serde_json::to_string(&self.provider)?,
            serde_json::to_string(&self.currency)?,
            lines.join(",\n")
        ))
    }

    /// The price of an item in a region: the region's own, else the one that holds everywhere.
    pub fn find(&self, item: &str, region: &str) -> Option<&PriceRow> {
        let rows = self.rows.get(item)?;
        rows.iter()
            .find(|row| row.regions.iter().any(|known| known == region))
            .or_else(|| rows.iter().find(|row| row.holds_in(region)))
    }

    /// Every row, by item.
    pub fn rows(&self) -> impl Iterator<Item = &PriceRow> {
        self.rows.values().flatten()
    }

    /// Sets the price of an item in one region and leaves the other regions as they are. Gives the amount before.
    pub fn set(&mut self, row: PriceRow) -> Option<Decimal> {
        let mut before = None;
        let rows = self.rows.entry(row.item.clone()).or_default();
        for other in rows.iter_mut() {
            let held = other.regions.len();
            other.regions.retain(|region| !row.regions.contains(region));
            if other.regions.len() < held {
                before = Some(other.amount);
            }
        }
        rows.retain(|other| !other.regions.is_empty());
        let twin = rows.iter_mut().find(|other| {
            (&other.amount, other.unit, other.as_of, &other.source, &other.note)
                == (&row.amount, row.unit, row.as_of, &row.source, &row.note)
        });
        match twin {
            Some(twin) => {
                twin.regions.extend(row.regions);
                twin.regions.sort();
            }
            None => rows.push(row),
        }
        rows.sort_by(|a, b| a.regions.cmp(&b.regions));
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(item: &str, regions: &[&str], amount: &str) -> PriceRow {
        PriceRow {
            item: item.to_owned(),
            regions: regions.iter().map(ToString::to_string).collect(),
            unit: Unit::Hour,
            amount: amount.parse().unwrap(),
            as_of: NaiveDate::from_ymd_opt(2026, 11, 1).unwrap(),
            confidence: Confidence::High,
            source: "https://example.com".to_owned(),
            second_source: None,
            note: None,
        }
    }

    fn book(rows: &[PriceRow]) -> Result<PriceBook, NotAPriceBook> {
        let file = BookFile {
            provider: "aws".to_owned(),
            currency: Currency::USD,
            rows: rows.to_vec(),
        };
        PriceBook::from_json(&serde_json::to_string(&file).unwrap())
    }

    #[test]
    fn a_regions_own_price_beats_the_one_of_everywhere() {
        let book = book(&[row("nat", &["*"], "1"), row("nat", &["eu-west-1"], "2")]).unwrap();
        let amount = |region: &str| book.find("nat", region).map(|row| row.amount);
        assert_eq!(amount("eu-west-1"), Some(Decimal::TWO));
        assert_eq!(amount("us-east-1"), Some(Decimal::ONE));
        assert!(book.find("lb", "us-east-1").is_none());
    }

    #[test]
    fn two_prices_for_one_thing_are_refused() {
        let error = book(&[row("nat", &["a", "b"], "1"), row("nat", &["b"], "2")]).unwrap_err();
        assert_eq!(error.to_string(), "nat has two prices in b");
        let error = book(&[row("nat", &["a"], "-1")]).unwrap_err();
        assert_eq!(error.to_string(), "nat costs -1; allowed is zero or more");
    }

    #[test]
    fn a_new_price_of_one_region_leaves_the_others() {
        let mut book = book(&[row("nat", &["a", "b"], "1")]).unwrap();
        assert_eq!(book.set(row("nat", &["b"], "3")), Some(Decimal::ONE));
        assert_eq!(book.set(row("lb", &["a"], "9")), None);
        assert_eq!(book.find("nat", "a").unwrap().amount, Decimal::ONE);
        assert_eq!(book.find("nat", "b").unwrap().amount, Decimal::from(3));
        let again = PriceBook::from_json(&book.to_json().unwrap()).unwrap();
        assert_eq!(again, book);
    }
}
