//! What is priced: resources with their attributes, and the parts of their price.

use rust_decimal::Decimal;
use serde_json::Value;

/// A resource of a plan, or one that the modules will make.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Terraform's address.
    pub address: String,
    /// Terraform's type.
    pub resource_type: String,
    /// Its attributes; what is known only after apply is missing or null.
    pub values: Value,
}

impl Resource {
    /// A resource that the `site` module makes, by its address in the module.
    pub fn expected(address: &str, resource_type: &str, values: Value) -> Self {
        Self {
            address: format!("module.site.{address}"),
            resource_type: resource_type.to_owned(),
            values,
        }
    }

    /// A text attribute, by its JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.values
            .pointer(pointer)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// A whole number, by its JSON pointer.
    pub fn number(&self, pointer: &str) -> Option<Decimal> {
        self.values.pointer(pointer)?.as_i64().map(Decimal::from)
    }

    /// A switch, by its JSON pointer; off where it is missing.
    pub fn is_on(&self, pointer: &str) -> bool {
        self.values.pointer(pointer).is_some_and(|value| value == true)
    }
}

/// All resources of a site: the price of one may depend on another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources(pub Vec<Resource>);

impl Resources {
    /// The resources of a type.
    pub fn of<'a>(&'a self, resource_type: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.0
            .iter()
            .filter(move |resource| resource.resource_type == resource_type)
    }
}

/// A part of a resource's price.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// What people read.
    pub label: &'static str,
    /// The book's word for it.
    pub item: String,
    /// How much of it.
    pub quantity: Quantity,
}

/// How much of an item there is.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// As many things, or gigabytes, all month.
    Fixed(Decimal),
    /// Only use decides; the unit's price is shown beside the total.
    ByUse,
    /// The plan does not say: this attribute is known only after apply.
    Unknown(&'static str),
}

impl Component {
    /// So many things or gigabytes; unknown where the attribute is.
    pub fn of(
        label: &'static str,
        item: impl Into<String>,
        quantity: Option<Decimal>,
        attribute: &'static str,
    ) -> Self {
        Self {
            label,
            item: item.into(),
            quantity: quantity.map_or(Quantity::Unknown(attribute), Quantity::Fixed),
        }
    }

    /// So many things or gigabytes.
    pub fn fixed(label: &'static str, item: impl Into<String>, quantity: impl Into<Decimal>) -> Self {
        Self {
            label,
            item: item.into(),
            quantity: Quantity::Fixed(quantity.into()),
        }
    }

    /// What only use decides.
    pub fn by_use(label: &'static str, item: impl Into<String>) -> Self {
        Self {
            label,
            item: item.into(),
            quantity: Quantity::ByUse,
        }
    }

    /// A part whose item itself is known only after apply.
    pub fn unknown(label: &'static str, attribute: &'static str) -> Self {
        Self {
            label,
            item: String::new(),
            quantity: Quantity::Unknown(attribute),
        }
    }
}
