//! A value of Terraform's type system (cty), and its JSON form as state files have it.
//!
//! Holds no schema: whether a list is a set, or a map an object, is the schema's business. Every integral number is
//! an [`Value::Integer`], so that a value which went through JSON equals the one that came from the wire.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// The attributes and nested blocks of an object, by name.
pub(crate) type Fields = BTreeMap<String, Value>;

/// One value of Terraform's type system.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Absent.
    Null,
    /// Known only after apply.
    Unknown,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number beyond `i64`.
    Unsigned(u64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    String(String),
    /// Bytes: only the type of a dynamic value is one.
    Bytes(Vec<u8>),
    /// A list, set or tuple; a dynamic value is a list of its type (bytes) and itself.
    List(Vec<Value>),
    /// A map or object.
    Map(Fields),
}

impl Value {
    /// Whether the value is absent.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text, where it is a known one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The fields, where it is a known object or map.
    pub(crate) fn fields(&self) -> Option<&Fields> {
        match self {
            Value::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// The elements, where it is a known list or set; else none.
    pub(crate) fn elements(&self) -> &[Value] {
        match self {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    /// The field of that name; null where there is none.
    pub(crate) fn field(&self, name: &str) -> &Value {
        self.fields()
            .and_then(|fields| fields.get(name))
            .unwrap_or(&Value::Null)
    }

    /// Whether anything in it is known only after apply.
    pub(crate) fn has_unknown(&self) -> bool {
        match self {
            Value::Unknown => true,
            Value::List(elements) => elements.iter().any(Value::has_unknown),
            Value::Map(fields) => fields.values().any(Value::has_unknown),
            _ => false,
        }
    }

    /// The number, as an integer where it is whole and small enough to be exact.
    pub(crate) fn number(number: f64) -> Value {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, so exact")]
        if number.fract() == 0.0 && number.abs() < EXACT {
            Value::Integer(number as i64)
        } else {
            Value::Float(number)
        }
    }

    /// The value as a state file has it. An unknown has no such form and becomes null.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Value::Null | Value::Unknown => Json::Null,
            Value::Bool(truth) => Json::from(*truth),
            Value::Integer(number) => Json::from(*number),
            Value::Unsigned(number) => Json::from(*number),
            Value::Float(number) => Json::from(*number),
            Value::String(text) => Json::from(text.as_str()),
            Value::Bytes(bytes) => Json::from(String::from_utf8_lossy(bytes).into_owned()),
            Value::List(elements) => match elements.as_slice() {
                [Value::Bytes(type_json), value] => serde_json::json!({
                    "type": serde_json::from_slice::<Json>(type_json).unwrap_or(Json::Null),
                    "value": value.to_json(),
                }),
                elements => elements.iter().map(Value::to_json).collect(),
            },
            Value::Map(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), value.to_json()))
                    .collect(),
            ),
        }
    }

    /// A JSON value, without regard to any schema.
    pub(crate) fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), _, _) => Value::Integer(number),
                (_, Some(number), _) => Value::Unsigned(number),
                (_, _, Some(number)) => Value::number(number),
                _ => Value::String(number.to_string()),
            },
            Json::String(text) => Value::String(text.clone()),
            Json::Array(elements) => Value::List(elements.iter().map(Value::from_json).collect()),
            Json::Object(fields) => Value::Map(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), Value::from_json(value)))
                    .collect(),
            ),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_went_through_json_is_the_same() {
        let value = Value::Map(Fields::from([
            ("count".into(), Value::Integer(3)),
            ("share".into(), Value::Float(0.5)),
            ("names".into(), Value::List(vec!["a".into(), "b".into()])),
            ("none".into(), Value::Null),
        ]));
        assert_eq!(Value::from_json(&value.to_json()), value);
    }

    #[test]
    fn a_whole_float_is_an_integer() {
        assert_eq!(Value::number(60.0), Value::Integer(60));
        assert_eq!(Value::number(60.5), Value::Float(60.5));
    }
}
