//! Takes secrets out of text. Everything that Terraform says passes it before it leaves the worker.
//!
//! A secret is looked for as it is, line by line if it has several, and as it looks inside JSON (also JSON within
//! JSON), in base64 at any offset, and percent-encoded.

use std::{borrow::Cow, fmt, fmt::Write, ops::Range};

use base64::{Engine, engine::general_purpose};

/// Shorter ones are not looked for: they would be found in ordinary words.
const SHORTEST: usize = 6;
const REPLACEMENT: &str = "***";

/// What is never to be shown. Its Debug shows nothing of it.
#[derive(Clone, Default)]
pub struct Mask {
    patterns: Vec<String>,
}

impl Mask {
    /// A mask of these secrets; those under six bytes are left alone.
    #[must_use]
    pub fn new<S: Into<String>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut patterns = Vec::new();
        for secret in secrets {
            let secret = secret.into();
            if secret.len() < SHORTEST {
                continue;
            }
            // A key in PEM is printed line by line.
            patterns.extend(secret.lines().map(str::trim).flat_map(forms));
            patterns.extend(forms(&secret));
        }
        patterns.retain(|pattern| pattern.len() >= SHORTEST);
        patterns.sort_unstable();
        patterns.dedup();
        Self { patterns }
    }

    /// The text with `***` for every secret.
    #[must_use]
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for pattern in &self.patterns {
            found.extend(
                text.match_indices(pattern.as_str())
                    .map(|(at, _)| at..at + pattern.len()),
            );
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable_by_key(|range| range.start);
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for range in found {
            // Secrets may overlap: no piece of the second one is left standing.
            if range.start >= end {
                masked.push_str(&text[end..range.start]);
                masked.push_str(REPLACEMENT);
            }
            end = end.max(range.end);
        }
        masked.push_str(&text[end..]);
        Cow::Owned(masked)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Mask(..)")
    }
}

fn forms(secret: &str) -> Vec<String> {
    if secret.len() < SHORTEST {
        return Vec::new();
    }
    let mut forms = vec![secret.to_owned()];
    let once = [json(secret), json_of_go(secret)];
    forms.extend(once.iter().flat_map(|inner| [json(inner), json_of_go(inner)]));
    forms.extend(once);
    forms.extend(base64_at_any_offset(secret.as_bytes()));
    forms.extend(percent_encoded(secret));
    forms
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As Go's encoder, and so Terraform, writes it: with `<`, `>` and `&` escaped.
fn json_of_go(text: &str) -> String {
    json(text)
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// What base64 makes of the secret wherever it stands in a longer text, without the characters that depend on
/// its neighbours.
fn base64_at_any_offset(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for engine in [general_purpose::STANDARD_NO_PAD, general_purpose::URL_SAFE_NO_PAD] {
        // The whole of it, its last character included, which in the middle of a text would be another.
        forms.push(engine.encode(secret));
        for offset in 0..3 {
            let mut text = vec![0; offset];
            text.extend_from_slice(secret);
            let encoded = engine.encode(&text);
            // A character holds six bits: only those that lie wholly within the secret are its own.
            let (first, last) = ((offset * 8).div_ceil(6), text.len() * 8 / 6);
            forms.push(encoded[first..last].to_owned());
        }
    }
    forms
}

fn percent_encoded(secret: &str) -> Vec<String> {
    // What is left unescaped differs: RFC 3986 for paths and queries, form encoding with + for a blank.
    let encode = |plain: &dyn Fn(u8) -> bool, upper: bool| {
        let mut encoded = String::new();
        for byte in secret.bytes() {
            if plain(byte) {
                encoded.push(char::from(byte));
            } else if upper {
                write!(encoded, "%{byte:02X}").expect("a String takes all");
            } else {
                write!(encoded, "%{byte:02x}").expect("a String takes all");
            }
        }
        encoded
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~$&+,/:;=@!'()*".contains(&byte);
    let mut forms = vec![
        encode(&unreserved, true),
        encode(&unreserved, false),
        encode(&in_path, true),
    ];
    forms.push(forms[0].replace("%20", "+"));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "p4ss \"wörd\"<&>/+=";

    #[test]
    fn a_secret_is_found_in_every_form_that_it_takes() {
        let mask = Mask::new([SECRET]);
        let inner = serde_json::json!({ "key": SECRET }).to_string();
        let texts = [
            format!("before {SECRET} after {SECRET}"),
            inner.clone(),
            serde_json::json!({ "user_data": inner }).to_string(),
            r#"{"key":"p4ss \"wörd\"\u003c\u0026\u003e/+="}"#.to_owned(),
            "?key=p4ss%20%22w%C3%B6rd%22%3C%26%3E%2F%2B%3D&x=1".to_owned(),
            "key=p4ss+%22w%C3%B6rd%22%3C%26%3E%2F%2B%3D".to_owned(),
            "?key=p4ss%20%22w%c3%b6rd%22%3c%26%3e%2f%2b%3d".to_owned(),
            general_purpose::STANDARD.encode(SECRET),
            general_purpose::URL_SAFE_NO_PAD.encode(SECRET),
        ];
        for text in texts {
            let masked = mask.apply(&text);
            assert!(masked.contains("***"), "{text}");
            assert!(
                !masked.contains("p4ss") && !masked.contains("rd"),
                "{text} became {masked}"
            );
        }
        assert_eq!(mask.apply(&format!("before {SECRET} after")), "before *** after");
    }

    #[test]
    fn a_secret_is_found_in_the_base64_of_a_longer_text_at_any_offset() {
        let mask = Mask::new(["correct-horse-battery"]);
        for before in ["", "a", "ab", "abc", "abcd"] {
            let text = general_purpose::STANDARD.encode(format!("{before}correct-horse-battery and more"));
            let masked = mask.apply(&text).into_owned();
            assert!(masked.contains("***"), "{before:?}: {masked}");
            // Two characters may be left at an edge: they hold at most ten bits of it.
            assert!(
                masked.len() <= text.len() - "correct-horse-battery".len() * 8 / 6 + 3 + 2,
                "{masked}"
            );
        }
    }

    #[test]
    fn secrets_that_overlap_leave_no_piece() {
        assert_eq!(Mask::new(["abcdef", "defghi"]).apply("xabcdefghiy"), "x***y");
        assert_eq!(
            Mask::new(["abcdef", "abcdefgh"]).apply("abcdefghabcdef!"),
            "******!"
        );
    }

    #[test]
    fn each_line_of_a_secret_is_one() {
        let mask = Mask::new(["-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"]);
        assert_eq!(mask.apply("  kqhkiG9w0BAQEF"), "  ***");
    }

    #[test]
    fn what_holds_no_secret_is_not_copied_and_short_ones_are_left_alone() {
        let mask = Mask::new(["correct-horse", "short", ""]);
        assert!(matches!(
            mask.apply("a short text"),
            Cow::Borrowed("a short text")
        ));
        assert_eq!(format!("{mask:?}"), "Mask(..)");
    }
}
