//! Reads keys one by one, so that every mistake is found and none hides another.

use std::{collections::BTreeSet, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use domain::{provider::World, site::UnknownWord, specification::Secret};
use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};
use ipnet::{AddrParseError, IpNet};
use worker::{MailAddress, SmtpSecurity};

use super::{Environment, LogFormat};

/// The beginning of every variable that is a setting.
const PREFIX: &str = "SITEPLANE__";
/// Told by variables to the tests and their scripts alone; never a setting of the programs.
const TEST_SECTION: &str = "test";

/// Something that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The key, such as `worker.slots`, with where it was set if that is known.
    pub(crate) key: String,
    /// What is wrong with it.
    pub(crate) what: String,
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, key: impl Into<String>, what: impl Into<String>) {
        self.0.push(Problem {
            key: key.into(),
            what: what.into(),
        });
    }

    /// Both, as one.
    pub(crate) fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// Goes on only if there are none.
    ///
    /// # Errors
    /// There are some; the error lists all of them.
    pub(crate) fn into_result(self) -> anyhow::Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(anyhow::Error::msg(self.to_string()))
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the settings have {} mistake{}:",
            self.0.len(),
            if self.0.len() == 1 { "" } else { "s" }
        )?;
        for Problem { key, what } in &self.0 {
            write!(f, "\n  {key}: {what}")?;
        }
        Ok(())
    }
}

/// The environment as figment sees it. Unlike figment's own it leaves every value as the text that it is: a token
/// of digits stays a token.
pub(super) struct ProgramEnvironment(Vec<(String, String)>);

impl ProgramEnvironment {
    /// The variables of this process.
    pub(super) fn of_process() -> Self {
        Self::new(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Some variables. An empty one counts as not set.
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
            let is_setting = key.split('.').next() != Some(TEST_SECTION) && !value.is_empty();
            is_setting.then_some((key, value))
        });
        Self(ours.collect())
    }
}

impl Provider for ProgramEnvironment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        let mut data = Dict::new();
        for (key, value) in &self.0 {
            let mut dict = &mut data;
            let (parents, leaf) = key.rsplit_once('.').unwrap_or(("", key));
            for part in parents.split('.').filter(|part| !part.is_empty()) {
                let slot = dict
                    .entry(part.to_owned())
                    .or_insert_with(|| Value::from(Dict::new()));
                if !matches!(slot, Value::Dict(..)) {
                    *slot = Value::from(Dict::new());
                }
                let Value::Dict(_, inner) = slot else {
                    unreachable!("it was made one just now")
                };
                dict = inner;
            }
            dict.insert(leaf.to_owned(), Value::from(value.clone()));
        }
        Ok(Profile::Default.collect(data))
    }
}

/// Hands out keys and keeps what was wrong with them.
pub(super) struct Reader {
    figment: Figment,
    known: BTreeSet<&'static str>,
    problems: Problems,
}

impl Reader {
    pub(super) fn new(figment: Figment) -> Self {
        let mut problems = Problems::default();
        let figment = match figment.data() {
            Ok(_) => figment,
            Err(error) => {
                for part in error {
                    let file = part
                        .metadata
                        .as_ref()
                        .and_then(|metadata| metadata.source.as_ref());
                    let file = file.map_or_else(|| super::FILE.to_owned(), ToString::to_string);
                    problems.add(file, part.kind.to_string().trim().replace('\n', "\n    "));
                }
                Figment::new().merge(ProgramEnvironment::of_process())
            }
        };
        Self {
            figment,
            known: BTreeSet::new(),
            problems,
        }
    }

    /// The value of `key`, or `default` where it is not set or wrong.
    pub(super) fn take<T: FromSetting>(&mut self, key: &'static str, default: T) -> T {
        self.known.insert(key);
        let Ok(value) = self.figment.find_value(key) else {
            return default;
        };
        T::from_value(&value).unwrap_or_else(|what| {
            let place = self.place(key);
            self.problems.add(place, what);
            default
        })
    }

    /// The keys that were asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().copied()
    }

    /// What was wrong, unknown keys included.
    pub(super) fn finish(mut self) -> Problems {
        let mut found = Vec::new();
        if let Ok(data) = self.figment.data() {
            for dict in data.values() {
                leaves(dict, "", &mut found);
            }
        }
        for key in found {
            // A section without a key in it is fine, if there is such a section.
            let is_section = self
                .known
                .iter()
                .any(|known| known.split_once('.').is_some_and(|(section, _)| section == key));
            if self.known.contains(key.as_str()) || is_section {
                continue;
            }
            let guess = self.known.iter().find(|known| is_near(known, &key));
            let guess = guess.map_or_else(String::new, |guess| format!("; did you mean {guess}?"));
            let place = self.place(&key);
            self.problems
                .add(place, format!("there is no such setting{guess}"));
        }
        self.problems
    }

    fn place(&self, key: &str) -> String {
        match self.figment.find_metadata(key) {
            Some(metadata) if metadata.name == "environment" => {
                format!(
                    "{key} (environment, {PREFIX}{})",
                    key.to_uppercase().replace('.', "__")
                )
            }
            Some(Metadata {
                source: Some(source), ..
            }) => format!("{key} ({source})"),
            _ => key.to_owned(),
        }
    }
}

fn leaves(dict: &Dict, prefix: &str, found: &mut Vec<String>) {
    for (name, value) in dict {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Dict(_, inner) if !inner.is_empty() => leaves(inner, &key, found),
            _ => found.push(key),
        }
    }
}

/// Whether two keys differ by a slip of the hand: the same section and a name that begins alike, or the same name
/// in another section.
fn is_near(known: &str, found: &str) -> bool {
    let (known_section, known_name) = known.split_once('.').unwrap_or(("", known));
    let (found_section, found_name) = found.split_once('.').unwrap_or(("", found));
    let alike = known_name
        .chars()
        .zip(found_name.chars())
        .take_while(|(a, b)| a == b)
        .count();
    if known_section == found_section {
        alike * 2 >= known_name.len().max(3)
    } else {
        known_name == found_name
    }
}

/// A type of setting: as TOML has it, or as text of the environment.
pub(super) trait FromSetting: Sized {
    /// Reads text.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Reads what TOML or the environment gave.
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(_, text) => Self::from_text(text),
            Value::Num(_, number) => match (number.to_i128(), number.to_f64()) {
                (Some(number), _) => Self::from_text(&number.to_string()),
                (None, Some(number)) => Self::from_text(&number.to_string()),
                (None, None) => Self::from_text(&format!("{number:?}")),
            },
            Value::Bool(_, flag) => Self::from_text(&flag.to_string()),
            Value::Array(..) => Err("is a list, and a single value is needed".to_owned()),
            _ => Err("is a section, and a single value is needed".to_owned()),
        }
    }
}

impl<T: FromSetting> FromSetting for Option<T> {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Ok(None)
        } else {
            T::from_text(text).map(Some)
        }
    }
}

impl FromSetting for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl FromSetting for Secret {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }
}

impl FromSetting for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }
}

impl FromSetting for Duration {
    fn from_text(text: &str) -> Result<Self, String> {
        let seconds = text
            .parse()
            .ok()
            .and_then(|seconds| Self::try_from_secs_f64(seconds).ok());
        seconds.ok_or_else(|| format!("{text:?} is no number of seconds"))
    }
}

/// Texts in a list, or in one text with commas between them.
macro_rules! from_lists {
    ($($type:ty: $mistake:expr),+ $(,)?) => {$(
        impl FromSetting for Vec<$type> {
            fn from_text(text: &str) -> Result<Self, String> {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                words
                    .map(|word| word.parse().map_err(|error| $mistake(word, error)))
                    .collect()
            }

            fn from_value(value: &Value) -> Result<Self, String> {
                match value {
                    Value::Array(_, values) => {
                        let words: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
                        Self::from_text(&words.ok_or("is not a list of texts")?.join(","))
                    }
                    Value::String(_, text) => Self::from_text(text),
                    _ => Err("is not a list of texts".to_owned()),
                }
            }
        }
    )+};
}

from_lists! {
    World: |_: &str, error: UnknownWord| error.to_string(),
    IpNet: |word: &str, _: AddrParseError| format!("{word:?} is no network, such as 10.0.0.0/8 or 192.0.2.7/32"),
}

macro_rules! parsed {
    ($($type:ty: $meaning:literal),+ $(,)?) => {$(
        impl FromSetting for $type {
            fn from_text(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!(concat!("{:?} is no ", $meaning), text))
            }
        }
    )+};
}

parsed! {
    bool: "true or false",
    u16: "number from 0 to 65535",
    u32: "whole number",
    u64: "whole number",
    usize: "whole number",
    SocketAddr: "address with a port, such as 127.0.0.1:7600",
    MailAddress: "mail address, such as no-reply@example.com",
}

macro_rules! words {
    ($type:ident: $($word:literal => $variant:ident),+) => {
        impl FromSetting for $type {
            fn from_text(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("{text:?} is none of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}

words!(Environment: "development" => Development, "production" => Production);
words!(SmtpSecurity: "starttls" => StartTls, "tls" => Tls, "none" => Plain);
words!(LogFormat: "text" => Text, "json" => Json);
