//! The small language in which [`crate::facts`] says how ids, ARNs and host names look.
//!
//! `{…}` is replaced by, in this order:
//! - `{region}`, `{zone}` (the region's short form in zone ids, `euc1`), `{account}`, `{partition}`;
//! - `{hex}` (17 hex digits as in EC2 ids), `{hex16}`, `{base32}` (26 capitals and digits), `{octet}` (1 to 254),
//!   `{digits}` (10 digits), `{digits:n}` (so many, which do not begin with 0), `{uuid}`, `{stamp}` (26 characters, as the real providers end generated names), `{now}`;
//! - `{#a}` 17 hex digits that follow from the attribute `a` (or the region, `{#region}`), `{crc:a}` its CRC-32, `{next:a}` one more than before
//!   the update, `{tail:a}` the last part of that ARN, for load balancers without `loadbalancer/`;
//! - `{with:a}` nothing, but the template has a text only where `a` has a value;
//! - `{a|b|c}` the first of these attributes that has a value, also within the forms above.

use sha2::{Digest, Sha256};

use crate::value::{Fields, Value};

/// Bytes from which everything in a resource that looks random is made.
#[derive(Clone, Debug)]
pub(crate) struct Seed([u8; 32]);

impl Seed {
    /// The seed that follows from `parts`: the same question has the same answer.
    pub(crate) fn from_parts(parts: &[&[u8]]) -> Seed {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Seed(hash.finalize().into())
    }

    /// A seed that no other process has.
    ///
    /// # Errors
    /// The system's random numbers can't be read.
    pub(crate) fn random() -> std::io::Result<Seed> {
        let mut seed = [0; 32];
        std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut seed)?;
        Ok(Seed(seed))
    }

    /// That many hex digits, at most 64.
    pub(crate) fn hex(&self, digits: usize) -> String {
        let mut text = hex(&self.0);
        text.truncate(digits);
        text
    }

    /// A number from 0 to 255, one of 32.
    pub(crate) fn byte(&self, index: usize) -> u8 {
        self.0[index % self.0.len()]
    }
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

/// Everything that a template can name.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    /// The resource's attributes so far.
    pub(crate) attributes: &'a Fields,
    /// The attributes before an update.
    pub(crate) prior: Option<&'a Fields>,
    /// The provider's region.
    pub(crate) region: &'a str,
    /// The account number.
    pub(crate) account: &'a str,
    /// What looks random.
    pub(crate) seed: &'a Seed,
}

/// The template's text; none where an attribute that it names has no known value.
pub(crate) fn render(template: &str, scope: &Scope<'_>) -> Option<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (expression, after) = after.split_once('}')?;
        text.push_str(before);
        text.push_str(&scope.evaluate(expression)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

impl Scope<'_> {
    fn evaluate(&self, expression: &str) -> Option<String> {
        const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        if let Some(name) = expression.strip_prefix('#') {
            let value = if name == "region" {
                self.region.to_owned()
            } else {
                self.attribute(name)?
            };
            return Some(format!("0{}", Seed::from_parts(&[value.as_bytes()]).hex(16)));
        }
        if let Some((function, name)) = expression.split_once(':') {
            return match function {
                "crc" => {
                    let mut crc = flate2::Crc::new();
                    crc.update(self.attribute(name)?.as_bytes());
                    Some(crc.sum().to_string())
                }
                "digits" => Some(digits(self.seed, name.parse().ok()?)),
                "next" => match self.prior.and_then(|prior| prior.get(name)) {
                    Some(Value::Integer(number)) => Some((number + 1).to_string()),
                    _ => Some("1".to_owned()),
                },
                "tail" => {
                    let arn = self.attribute(name)?;
                    let resource = arn.rsplit(':').next()?;
                    Some(
                        resource
                            .strip_prefix("loadbalancer/")
                            .unwrap_or(resource)
                            .to_owned(),
                    )
                }
                "with" => self.attribute(name).map(|_| String::new()),
                _ => None,
            };
        }
        Some(match expression {
            "region" => self.region.to_owned(),
            "zone" => short_region(self.region),
            "account" => self.account.to_owned(),
            "partition" => partition(self.region).to_owned(),
            "hex" => format!("0{}", self.seed.hex(16)),
            "hex16" => self.seed.hex(16),
            "base32" => (0..26)
                .map(|i| char::from(BASE32[usize::from(self.seed.byte(i) & 31)]))
                .collect(),
            "octet" => (self.seed.byte(0) % 254 + 1).to_string(),
            "digits" => (0..10)
                .map(|i| char::from(b'0' + self.seed.byte(i) % 10))
                .collect(),
            "uuid" => uuid(self.seed),
            "stamp" => {
                let now = chrono::Utc::now();
                let fraction = now.timestamp_subsec_micros() / 100 % 10_000;
                format!("{}{fraction:04}{}", now.format("%Y%m%d%H%M%S"), self.seed.hex(8))
            }
            "now" => chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            names => self.attribute(names)?,
        })
    }

    /// The first of the named attributes (`a|b`) that is known and not empty, as text.
    fn attribute(&self, names: &str) -> Option<String> {
        names
            .split('|')
            .find_map(|name| match self.attributes.get(name)? {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Integer(number) => Some(number.to_string()),
                Value::Bool(truth) => Some(truth.to_string()),
                _ => None,
            })
    }
}

/// A number of that many digits, at most 32.
fn digits(seed: &Seed, count: usize) -> String {
    let digit = |index: usize| match seed.byte(index) % 10 {
        0 if index == 0 => '1',
        digit => char::from(b'0' + digit),
    };
    (0..count.min(32)).map(digit).collect()
}

/// A UUID of version 4.
fn uuid(seed: &Seed) -> String {
    let hex = seed.hex(32);
    let variant = ['8', '9', 'a', 'b'][usize::from(seed.byte(8) & 3)];
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

/// The partition that a region belongs to.
pub(crate) fn partition(region: &str) -> &'static str {
    match region.split('-').collect::<Vec<_>>().as_slice() {
        ["cn", ..] => "aws-cn",
        ["us", "gov", ..] => "aws-us-gov",
        _ => "aws",
    }
}

/// `eu-central-1` → `euc1`, as zone ids begin.
fn short_region(region: &str) -> String {
    let mut parts = region.split('-');
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part {
            "northeast" => short.push_str("ne"),
            "northwest" => short.push_str("nw"),
            "southeast" => short.push_str("se"),
            "southwest" => short.push_str("sw"),
            part if part.starts_with(|first: char| first.is_ascii_digit()) => short.push_str(part),
            part => short.extend(part.chars().next()),
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render_with(template: &str, attributes: &[(&str, Value)], prior: Option<&Fields>) -> Option<String> {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let seed = Seed::from_parts(&[b"seed"]);
        let scope = Scope {
            attributes: &attributes,
            prior,
            region: "eu-central-1",
            account: "123456789012",
            seed: &seed,
        };
        render(template, &scope)
    }

    #[test]
    fn a_template_takes_from_the_scope_and_the_attributes() {
        let prior = Fields::from([("version".to_owned(), Value::Integer(4))]);
        for (template, text) in [
            (
                "arn:{partition}:s3:{region}:{account}:{name}",
                "arn:aws:s3:eu-central-1:123456789012:web",
            ),
            ("{zone}-az1", "euc1-az1"),
            ("{absent|empty|name}", "web"),
            ("r-{crc:cidr}", "r-1080289494"), // what the real provider makes of 0.0.0.0/0
            ("{next:version}", "5"),
            ("{next:absent}", "1"),
            ("replica{with:name}", "replica"),
        ] {
            let attributes = [
                ("name", "web".into()),
                ("empty", "".into()),
                ("cidr", "0.0.0.0/0".into()),
            ];
            assert_eq!(
                render_with(template, &attributes, Some(&prior)).as_deref(),
                Some(text),
                "{template}"
            );
        }
    }

    #[test]
    fn a_stamp_has_as_many_characters_as_the_real_providers() {
        assert_eq!(render_with("{stamp}", &[], None).unwrap().len(), 26);
    }

    #[test]
    fn a_number_has_as_many_digits_as_asked_and_begins_with_none_that_gets_lost() {
        for seed in 0..50_u8 {
            let number = digits(&Seed::from_parts(&[&[seed]]), 7);
            assert!(number.len() == 7 && !number.starts_with('0'), "{number}");
        }
    }

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        let uuid = render_with("{uuid}", &[], None).unwrap();
        let parts: Vec<&str> = uuid.split('-').collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert!(
            parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']),
            "{uuid}"
        );
    }

    #[test]
    fn a_template_that_names_something_unknown_has_no_text() {
        assert_eq!(render_with("{name}", &[("name", Value::Unknown)], None), None);
        assert_eq!(render_with("{absent}", &[], None), None);
        assert_eq!(render_with("replica{with:absent}", &[], None), None);
    }

    #[test]
    fn the_same_parts_make_the_same_seed_and_others_do_not() {
        assert_eq!(
            Seed::from_parts(&[b"a", b"b"]).hex(64),
            Seed::from_parts(&[b"a", b"b"]).hex(64)
        );
        assert_ne!(
            Seed::from_parts(&[b"a", b"b"]).hex(64),
            Seed::from_parts(&[b"ab"]).hex(64)
        );
    }
}
