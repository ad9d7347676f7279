//! A site file: the body of `POST /api/v1/sites` as YAML or JSON, read with the place of what is wrong in it.

use std::path::Path;

use domain::specification::{FieldProblem, SiteSpecification};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value, json};

/// What only the request has beside the specification: the API's to judge.
const OF_THE_REQUEST: [&str; 2] = ["customer_id", "approval"];

/// A site file that fits by itself.
#[derive(Debug)]
pub(crate) struct SiteFile {
    /// As it is written: what is sent, secrets included.
    pub(crate) body: Map<String, Value>,
    /// What it says.
    pub(crate) specification: SiteSpecification,
}

/// A site file that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub(crate) struct SiteFileError {
    /// What is wrong, with its place where a reader of YAML found it.
    pub(crate) words: String,
    /// The fields that do not fit.
    pub(crate) problems: Vec<FieldProblem>,
}

impl SiteFileError {
    fn new(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            problems: Vec::new(),
        }
    }
}

impl SiteFile {
    /// Reads a file; `name` takes the place of the name in it.
    ///
    /// # Errors
    /// The file can't be read, is no YAML, or does not describe a site.
    pub(crate) fn read(path: &Path, name: Option<&str>) -> Result<Self, SiteFileError> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| SiteFileError::new(format!("can't read {shown}: {error}")))?;
        // JSON is YAML, so one reader does for both.
        let body: Value = serde_saphyr::from_str(&text)
            .map_err(|error| SiteFileError::new(format!("{shown} is neither YAML nor JSON: {error}")))?;
        let Value::Object(mut body) = body else {
            return Err(SiteFileError::new(format!(
                "{shown} must be an object, as `siteplane schema` prints it"
            )));
        };
        let in_fields = |problems| SiteFileError {
            words: format!("{shown} does not fit"),
            problems,
        };
        // The place of a mistake is known only to the reader of the text; its path only to the reader of the body.
        let written = serde_saphyr::from_str::<Written>(&text);
        if let Some(name) = name {
            body.insert("name".to_owned(), json!(name));
        }
        let mut plain = body.clone();
        for name in OF_THE_REQUEST {
            plain.remove(name);
        }
        let read: Result<SiteSpecification, _> = serde_path_to_error::deserialize(Value::Object(plain));
        let specification = read.map_err(|error| {
            let place = written.as_ref().err().and_then(serde_saphyr::Error::location);
            let place = place.map_or_else(String::new, |place| {
                format!(", at line {} column {}", place.line(), place.column())
            });
            in_fields(vec![FieldProblem {
                field: format!("{}{place}", error.path()),
                found: None,
                allowed: error.into_inner().to_string(),
            }])
        })?;
        let problems = specification.problems();
        if problems.is_empty() {
            Ok(Self { body, specification })
        } else {
            Err(in_fields(problems))
        }
    }
}

/// The file as it is written, read as a specification that knows nothing of the request's own fields.
struct Written;

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Written;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a site")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
                SiteSpecification::deserialize(MapAccessDeserializer::new(WithoutRequest(map)))?;
                Ok(Written)
            }
        }
        deserializer.deserialize_map(Whole)
    }
}

/// Leaves out the fields of [`OF_THE_REQUEST`].
struct WithoutRequest<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutRequest<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.0.next_key::<String>()? {
            if OF_THE_REQUEST.contains(&key.as_str()) {
                self.0.next_value::<serde::de::IgnoredAny>()?;
            } else {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = include_str!("../examples/shop.yaml");

    fn read(text: &str) -> Result<SiteFile, SiteFileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        SiteFile::read(file.path(), None)
    }

    #[test]
    fn a_bad_file_names_its_fields() {
        for (file, field) in [
            (SHOP.replace("port: 80", "port: 22"), "application.port"),
            (SHOP.replace("size: small", "size: huge"), "size"),
            (SHOP.replace("region: us-east-1", "region: mars-1"), "region"),
            (format!("{SHOP}\nsise: small"), "sise"),
        ] {
            let refused = read(&file).unwrap_err();
            let shown: String = refused.problems.iter().map(ToString::to_string).collect();
            assert!(shown.contains(field), "{field}: {shown}");
        }
        assert!(read("[1, 2").unwrap_err().words.contains("neither YAML nor JSON"));
        assert!(read("- a").unwrap_err().words.contains("must be an object"));
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_line_and_column() {
        let text = "name: shop\napproval: required\nprovider: aws\nregion: us-east-1\nsize: small\n\
                    application:\n  image: nginx:1.27\n  prot: 80\n";
        let refused = read(text).unwrap_err();
        let field = &refused.problems[0].field;
        assert!(field.contains("line 8 column 3"), "{field}");
    }

    #[test]
    fn what_the_request_has_beside_the_site_is_not_the_files_mistake() {
        let file = read(&format!("{SHOP}\napproval: required\n")).unwrap();
        assert_eq!(file.body["approval"], "required");
    }
}
