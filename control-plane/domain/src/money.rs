//! Amounts of money: decimal, and never without their currency.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "USD")]
pub struct Currency([u8; 3]);

/// A word that is no currency code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no currency; allowed are codes of ISO 4217 such as USD")]
pub struct NotACurrency(String);

impl Currency {
    /// The dollar of the United States, in which all five clouds publish their list prices.
    pub const USD: Self = Self(*b"USD");

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl TryFrom<String> for Currency {
    type Error = NotACurrency;

    fn try_from(text: String) -> Result<Self, NotACurrency> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(NotACurrency(text)),
        }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// The amount, as decimal text.
    #[schema(value_type = String, example = "64.12")]
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

impl Money {
    /// An amount in US dollars.
    pub fn usd(amount: Decimal) -> Self {
        Self {
            amount,
            currency: Currency::USD,
        }
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.amount.is_sign_negative() && !self.amount.is_zero() {
            "-"
        } else {
            ""
        };
        let amount = self.amount.abs();
        match self.currency {
            Currency::USD => write!(f, "{sign}${amount:.2}"),
            currency => write!(f, "{sign}{amount:.2} {currency}"),
        }
    }
}

/// Rounded to cents as bills are: half a cent goes up.
pub fn to_cents(amount: Decimal) -> Decimal {
    let mut rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(2);
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_travels_as_text_with_its_currency() {
        let money = Money::usd(Decimal::new(6412, 2));
        let json = serde_json::to_value(money).unwrap();
        assert_eq!(json, serde_json::json!({"amount": "64.12", "currency": "USD"}));
        assert_eq!(serde_json::from_value::<Money>(json).unwrap(), money);
    }

    #[test]
    fn a_word_that_is_no_currency_is_refused() {
        for word in ["usd", "US", "USDT", "U$D", "ÄÖ"] {
            assert!(Currency::try_from(word.to_owned()).is_err(), "{word}");
        }
    }

    #[test]
    fn people_read_a_sign_before_the_currency() {
        assert_eq!(Money::usd(Decimal::new(-5, 1)).to_string(), "-$0.50");
        let euros = Money {
            amount: Decimal::new(1234, 1),
            currency: Currency::try_from("EUR".to_owned()).unwrap(),
        };
        assert_eq!(euros.to_string(), "123.40 EUR");
    }

    #[test]
    fn half_a_cent_goes_up() {
        assert_eq!(to_cents(Decimal::new(10_005, 3)).to_string(), "10.01");
        assert_eq!(to_cents(Decimal::new(10_004, 3)).to_string(), "10.00");
        assert_eq!(to_cents(Decimal::ONE).to_string(), "1.00");
    }
}
