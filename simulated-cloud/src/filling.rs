//! What an apply adds: a value for everything that the plan left open.
//!
//! Touches nothing else, so Terraform can't find an apply inconsistent with its plan. First come the templates of
//! [`crate::facts`], then values guessed from the names and types of attributes.

use crate::{
    schema::{Attribute, Block, Kind, Nesting, Type},
    template::{self, Scope, Seed},
    value::{Fields, Value},
};

/// What is filled in, and for whom.
#[derive(Debug)]
pub(crate) struct Filling<'a> {
    /// The resource type or data source.
    pub(crate) type_name: &'a str,
    /// Attributes and their templates, in order.
    pub(crate) computed: &'static [(&'static str, &'static str)],
    /// The attributes before an update.
    pub(crate) prior: Option<&'a Fields>,
    /// The provider's region.
    pub(crate) region: &'a str,
    /// The account number.
    pub(crate) account: &'a str,
    /// What looks random.
    pub(crate) seed: Seed,
    /// Whether computed attributes without a value are open too, as in the configuration of a data source.
    pub(crate) nulls_are_open: bool,
}

impl Filling<'_> {
    /// The state after apply.
    pub(crate) fn fill(&self, block: &Block, planned: &Value) -> Value {
        let Value::Map(fields) = planned else {
            return planned.clone();
        };
        let mut fields = fields.clone();
        for (name, template) in self.computed {
            let Some(attribute) = block.attributes.get(*name) else {
                continue;
            };
            if !self.is_open(attribute, fields.get(*name).unwrap_or(&Value::Null)) {
                continue;
            }
            let scope = Scope {
                attributes: &fields,
                prior: self.prior,
                region: self.region,
                account: self.account,
                seed: &self.seed,
            };
            let value = template::render(template, &scope).and_then(|text| typed(&attribute.kind, &text));
            if let Some(value) = value {
                fields.insert((*name).to_owned(), value);
            }
        }
        let id = match fields.get("id").and_then(Value::text) {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => format!("{}-{}", self.type_name, self.seed.hex(17)).replace('_', "-"),
        };
        self.fill_block(block, &Value::Map(fields), &id)
    }

    fn is_open(&self, attribute: &Attribute, value: &Value) -> bool {
        *value == Value::Unknown || self.nulls_are_open && attribute.computed && value.is_null()
    }

    fn fill_block(&self, block: &Block, value: &Value, id: &str) -> Value {
        let Value::Map(fields) = value else {
            return value.clone();
        };
        let mut filled = fields.clone();
        for (name, attribute) in &block.attributes {
            let value = fields.get(name).unwrap_or(&Value::Null);
            let value = match &attribute.kind {
                _ if self.is_open(attribute, value) => self.guess_attribute(name, attribute, id),
                Kind::Nested(nesting, inner) => self.fill_nested(*nesting, inner, value, id),
                Kind::Plain(plain) => self.fill_inside(plain, name, value, id),
            };
            filled.insert(name.clone(), value);
        }
        for (name, nested) in &block.blocks {
            if let Some(value) = fields.get(name) {
                filled.insert(
                    name.clone(),
                    self.fill_nested(nested.nesting, &nested.block, value, id),
                );
            }
        }
        Value::Map(filled)
    }

    fn fill_nested(&self, nesting: Nesting, block: &Block, value: &Value, id: &str) -> Value {
        match (nesting, value) {
            (Nesting::Map, Value::Map(elements)) => Value::Map(
                elements
                    .iter()
                    .map(|(key, e)| (key.clone(), self.fill_block(block, e, id)))
                    .collect(),
            ),
            (_, Value::List(elements)) => Value::List(
                elements
                    .iter()
                    .map(|element| self.fill_block(block, element, id))
                    .collect(),
            ),
            (_, Value::Map(_)) => self.fill_block(block, value, id),
            (Nesting::List | Nesting::Set, Value::Unknown) => Value::List(Vec::new()),
            (Nesting::Map, Value::Unknown) => Value::Map(Fields::new()),
            (Nesting::Single | Nesting::Group, Value::Unknown) => Value::Null,
            _ => value.clone(),
        }
    }

    /// Unknowns within a value that is known as a whole.
    fn fill_inside(&self, plain: &Type, name: &str, value: &Value, id: &str) -> Value {
        match (plain, value) {
            (_, Value::Unknown) => self.guess(plain, name, false, id),
            (_, value) if !value.has_unknown() => value.clone(),
            (Type::List(element) | Type::Set(element), Value::List(elements)) => Value::List(
                elements
                    .iter()
                    .map(|value| self.fill_inside(element, name, value, id))
                    .collect(),
            ),
            (Type::Map(element), Value::Map(elements)) => {
                let filled = elements
                    .iter()
                    .map(|(key, e)| (key.clone(), self.fill_inside(element, key, e, id)));
                Value::Map(filled.collect())
            }
            (Type::Object(types), Value::Map(fields)) => {
                let filled = types.iter().map(|(name, of)| {
                    let value = fields.get(name).unwrap_or(&Value::Null);
                    (name.clone(), self.fill_inside(of, name, value, id))
                });
                Value::Map(filled.collect())
            }
            _ => self.guess(plain, name, false, id),
        }
    }

    fn guess_attribute(&self, name: &str, attribute: &Attribute, id: &str) -> Value {
        match &attribute.kind {
            Kind::Plain(plain) => self.guess(plain, name, !attribute.optional, id),
            // Only what is computed: core takes any other inner attribute for one that was configured and removed.
            Kind::Nested(Nesting::Single, block) => {
                let open = |a: &Attribute| if a.computed { Value::Unknown } else { Value::Null };
                let fields = block
                    .attributes
                    .iter()
                    .map(|(name, a)| (name.clone(), open(a)))
                    .collect();
                self.fill_block(block, &Value::Map(fields), id)
            }
            Kind::Nested(Nesting::Map, _) => Value::Map(Fields::new()),
            Kind::Nested(..) => Value::List(Vec::new()),
        }
    }

    /// A value of that type for an attribute of that name. Lists of objects that the cloud alone decides get one
    /// element, since modules take the first.
    fn guess(&self, plain: &Type, name: &str, only_computed: bool, id: &str) -> Value {
        match plain {
            Type::String => Value::String(self.guess_text(name, id)),
            Type::Number => Value::Integer(if name.contains("version") { 1 } else { 0 }),
            Type::Bool => Value::Bool(false),
            Type::Dynamic => Value::Null,
            Type::List(element) | Type::Set(element)
                if only_computed && matches!(**element, Type::Object(_)) =>
            {
                Value::List(vec![self.guess(element, name, true, id)])
            }
            Type::List(_) | Type::Set(_) => Value::List(Vec::new()),
            Type::Map(_) => Value::Map(Fields::new()),
            Type::Object(types) => Value::Map(
                types
                    .iter()
                    .map(|(name, of)| (name.clone(), self.guess(of, name, false, id)))
                    .collect(),
            ),
            Type::Tuple(types) => {
                Value::List(types.iter().map(|of| self.guess(of, name, false, id)).collect())
            }
        }
    }

    fn guess_text(&self, name: &str, id: &str) -> String {
        let host = || format!("{}.{}.simulated.example", self.seed.hex(10), self.region);
        let octet = |index| self.seed.byte(index);
        match name {
            "id" => id.to_owned(),
            "arn" if id.starts_with("arn:") => id.to_owned(),
            "owner_id" | "account_id" => self.account.to_owned(),
            "name" | "bucket" | "identifier" => format!("simulated-{}", self.seed.hex(16)),
            "region" | "location" => self.region.to_owned(),
            "status" | "state" => "active".to_owned(),
            name if name == "arn" || name.ends_with("_arn") => {
                let partition = template::partition(self.region);
                format!(
                    "arn:{partition}:simulated:{}:{}:{}/{id}",
                    self.region, self.account, self.type_name
                )
            }
            name if name.contains("ipv6") => format!("2001:db8::{}", self.seed.hex(4)),
            name if name.contains("private_ip") => format!("10.{}.{}.{}", octet(0), octet(1), octet(2)),
            name if name == "ip" || name.ends_with("_ip") || name.contains("ip_address") => {
                format!("203.0.113.{}", octet(0))
            }
            name if name.contains("endpoint")
                || name.contains("dns_name")
                || name.contains("domain_name") =>
            {
                host()
            }
            name if name == "address" || name == "host" || name == "hostname" || name == "fqdn" => host(),
            name if name.contains("self_link") || name.ends_with("url") || name.ends_with("uri") => {
                format!("https://{}/{id}", host())
            }
            name if name.contains("password") || name.contains("token") || name.contains("secret") => {
                format!("simulated-{}", self.seed.hex(32))
            }
            name if name.ends_with("_id") => {
                format!(
                    "{}-{}",
                    name.trim_end_matches("_id").replace('_', "-"),
                    self.seed.hex(17)
                )
            }
            _ => String::new(),
        }
    }
}

/// A template's text as a value of the attribute's type; a list's elements are parted by commas.
fn typed(kind: &Kind, text: &str) -> Option<Value> {
    let Kind::Plain(plain) = kind else { return None };
    match plain {
        Type::String => Some(Value::from(text)),
        Type::Number => text.parse().ok().map(Value::Integer),
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::List(element) | Type::Set(element) if **element == Type::String => Some(Value::List(
            text.split(',')
                .filter(|part| !part.is_empty())
                .map(Value::from)
                .collect(),
        )),
        _ => None,
    }
}
