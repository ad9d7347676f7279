//! MessagePack as Terraform writes it on the wire: plain types, and extensions for what is known only after apply.
//!
//! Needs no schema. Form after <https://github.com/msgpack/msgpack/blob/master/spec.md>; the extension types are
//! cty's: 0 is an unknown value, 12 an unknown value with refinements, read as a plain unknown.

use crate::value::{Fields, Value};

/// Why bytes are no MessagePack value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MsgpackError {
    /// The bytes end within a value.
    #[error("the MessagePack value is cut short")]
    Short,
    /// A text is not UTF-8.
    #[error("a MessagePack text is not UTF-8")]
    Text(#[source] std::str::Utf8Error),
    /// An object's field has a name that is no text.
    #[error("a MessagePack map has a key that is no text")]
    Key,
    /// A byte that starts no value.
    #[error("a MessagePack value starts with the byte {0:#04x}")]
    Marker(u8),
    /// A length that this machine can't hold.
    #[error("a MessagePack length is too large")]
    Length,
}

/// Reads one value.
pub(crate) fn decode(mut bytes: &[u8]) -> Result<Value, MsgpackError> {
    value(&mut bytes)
}

/// Writes one value.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> Result<&'a [u8], MsgpackError> {
    let (head, rest) = input.split_at_checked(length).ok_or(MsgpackError::Short)?;
    *input = rest;
    Ok(head)
}

fn array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], MsgpackError> {
    take(input, N)?.try_into().map_err(|_| MsgpackError::Short)
}

/// A big-endian length of one, two or four bytes.
fn length(input: &mut &[u8], width: usize) -> Result<usize, MsgpackError> {
    let number = take(input, width)?
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    usize::try_from(number).map_err(|_| MsgpackError::Length)
}

fn text(input: &mut &[u8], length: usize) -> Result<Value, MsgpackError> {
    let text = std::str::from_utf8(take(input, length)?).map_err(MsgpackError::Text)?;
    Ok(Value::String(text.to_owned()))
}

fn list(input: &mut &[u8], length: usize) -> Result<Value, MsgpackError> {
    (0..length)
        .map(|_| value(input))
        .collect::<Result<_, _>>()
        .map(Value::List)
}

fn map(input: &mut &[u8], length: usize) -> Result<Value, MsgpackError> {
    let mut fields = Fields::new();
    for _ in 0..length {
        let Value::String(name) = value(input)? else {
            return Err(MsgpackError::Key);
        };
        fields.insert(name, value(input)?);
    }
    Ok(Value::Map(fields))
}

fn extension(input: &mut &[u8], length: usize) -> Result<Value, MsgpackError> {
    take(input, length.checked_add(1).ok_or(MsgpackError::Length)?)?;
    Ok(Value::Unknown)
}

fn unsigned(number: u64) -> Value {
    i64::try_from(number).map_or(Value::Unsigned(number), Value::Integer)
}

fn value(input: &mut &[u8]) -> Result<Value, MsgpackError> {
    let [marker] = array(input)?;
    Ok(match marker {
        0x00..=0x7f => Value::Integer(i64::from(marker)),
        0x80..=0x8f => map(input, usize::from(marker & 0x0f))?,
        0x90..=0x9f => list(input, usize::from(marker & 0x0f))?,
        0xa0..=0xbf => text(input, usize::from(marker & 0x1f))?,
        0xc0 => Value::Null,
        0xc2 => Value::Bool(false),
        0xc3 => Value::Bool(true),
        0xc4..=0xc6 => {
            let length = length(input, 1 << (marker - 0xc4))?;
            Value::Bytes(take(input, length)?.to_vec())
        }
        0xc7..=0xc9 => {
            let length = length(input, 1 << (marker - 0xc7))?;
            extension(input, length)?
        }
        0xca => Value::number(f64::from(f32::from_be_bytes(array(input)?))),
        0xcb => Value::number(f64::from_be_bytes(array(input)?)),
        0xcc => unsigned(u64::from(u8::from_be_bytes(array(input)?))),
        0xcd => unsigned(u64::from(u16::from_be_bytes(array(input)?))),
        0xce => unsigned(u64::from(u32::from_be_bytes(array(input)?))),
        0xcf => unsigned(u64::from_be_bytes(array(input)?)),
        0xd0 => Value::Integer(i64::from(i8::from_be_bytes(array(input)?))),
        0xd1 => Value::Integer(i64::from(i16::from_be_bytes(array(input)?))),
        0xd2 => Value::Integer(i64::from(i32::from_be_bytes(array(input)?))),
        0xd3 => Value::Integer(i64::from_be_bytes(array(input)?)),
        0xd4..=0xd8 => extension(input, 1 << (marker - 0xd4))?,
        0xd9..=0xdb => {
            let length = length(input, 1 << (marker - 0xd9))?;
            text(input, length)?
        }
        0xdc | 0xdd => {
            let length = length(input, 2 << (marker - 0xdc))?;
            list(input, length)?
        }
        0xde | 0xdf => {
            let length = length(input, 2 << (marker - 0xde))?;
            map(input, length)?
        }
        0xe0..=0xff => Value::Integer(i64::from(marker.cast_signed())),
        0xc1 => return Err(MsgpackError::Marker(marker)),
    })
}

/// Writes the four-byte form of a length; the reader takes every form.
fn write_length(out: &mut Vec<u8>, marker: u8, length: usize) {
    out.push(marker);
    let length = u32::try_from(length).expect("a gRPC message is smaller than 4 GiB");
    out.extend(length.to_be_bytes());
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Unknown => out.extend([0xd4, 0, 0]),
        Value::Bool(truth) => out.push(0xc2 | u8::from(*truth)),
        Value::Integer(number) => {
            out.push(0xd3);
            out.extend(number.to_be_bytes());
        }
        Value::Unsigned(number) => {
            out.push(0xcf);
            out.extend(number.to_be_bytes());
        }
        Value::Float(number) => {
            out.push(0xcb);
            out.extend(number.to_be_bytes());
        }
        Value::String(text) => {
            write_length(out, 0xdb, text.len());
            out.extend(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            write_length(out, 0xc6, bytes.len());
            out.extend(bytes);
        }
        Value::List(elements) => {
            write_length(out, 0xdd, elements.len());
            for element in elements {
                write(element, out);
            }
        }
        Value::Map(fields) => {
            write_length(out, 0xdf, fields.len());
            for (name, value) in fields {
                write_length(out, 0xdb, name.len());
                out.extend(name.as_bytes());
                write(value, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_the_same() {
        let value = Value::Map(Fields::from([
            ("bool".into(), Value::Bool(true)),
            ("bytes".into(), Value::Bytes(vec![1, 2])),
            ("float".into(), Value::Float(-0.25)),
            ("large".into(), Value::Unsigned(u64::MAX)),
            (
                "list".into(),
                Value::List(vec![Value::Null, Value::Unknown, Value::Integer(-7)]),
            ),
            ("text".into(), "ä".into()),
        ]));
        assert_eq!(decode(&encode(&value)).unwrap(), value);
    }

    #[test]
    fn every_short_form_of_a_number_is_read() {
        for (bytes, number) in [
            (&[0x05][..], 5),
            (&[0xff][..], -1),
            (&[0xcc, 0xff][..], 255),
            (&[0xcd, 0x01, 0x00][..], 256),
            (&[0xd0, 0x80][..], -128),
            (&[0xd1, 0xff, 0x00][..], -256),
            (&[0xca, 0x42, 0x70, 0, 0][..], 60),
        ] {
            assert_eq!(decode(bytes).unwrap(), Value::Integer(number), "{bytes:x?}");
        }
    }

    #[test]
    fn an_unknown_with_refinements_is_an_unknown() {
        assert_eq!(decode(&[0xc7, 2, 12, 0x81, 0x01]).unwrap(), Value::Unknown);
    }

    #[test]
    fn a_value_cut_short_is_an_error() {
        assert_eq!(
            decode(&[0x92, 0x01]).unwrap_err().to_string(),
            "the MessagePack value is cut short"
        );
    }
}
