//! A resource's text: its references found and replaced in place, its line breaks taken out. Every byte
//! that says something is kept. On anything but JSON the walk stays harmless; parsing refuses it later.

use std::borrow::Cow;

/// The text with the values of `reference` members replaced where `replacement` has another.
///
/// Text that spans several lines becomes one line, since exports and NDJSON have one record a line: white
/// space between its tokens is left out. Text of one line keeps every other byte.
pub(super) fn with_references(
    text: &str,
    mut replacement: impl FnMut(&str) -> Option<String>,
) -> Cow<'_, str> {
    let is_spread = text.bytes().any(|byte| matches!(byte, b'\n' | b'\r'));
    let mut out = Output { text, written: String::new(), kept_from: 0 };
    let tokens = Tokens { bytes: text.as_bytes(), position: 0 };
    let mut is_reference_value = false;
    let mut last_string = 0..0;
    for token in tokens {
        match token {
            Token::WhiteSpace(place) => {
                if is_spread {
                    out.replace(place, "");
                }
            }
            Token::Colon => is_reference_value = text.get(last_string.clone()) == Some("\"reference\""),
            Token::String(place) => {
                if is_reference_value {
                    let replaced =
                        text.get(place.clone()).and_then(|quoted| replaced(quoted, &mut replacement));
                    if let Some(replaced) = replaced {
                        out.replace(place.clone(), &replaced);
                    }
                }
                is_reference_value = false;
                last_string = place;
            }
            Token::Other => {
                is_reference_value = false;
                last_string = 0..0;
            }
        }
    }
    out.finish()
}

/// The text as one line, as an export writes it.
pub(crate) fn as_one_line(text: &str) -> Cow<'_, str> {
    with_references(text, |_| None)
}

/// The replacement as JSON.
fn replaced(quoted: &str, replacement: &mut impl FnMut(&str) -> Option<String>) -> Option<String> {
    let value: Cow<'_, str> = if quoted.contains('\\') {
        Cow::Owned(serde_json::from_str(quoted).ok()?)
    } else {
        Cow::Borrowed(quoted.get(1..quoted.len().checked_sub(1)?)?)
    };
    replacement(&value).map(|value| serde_json::Value::from(value).to_string())
}

/// The text so far, copied only once something differs.
struct Output<'t> {
    text: &'t str,
    written: String,
    kept_from: usize,
}

impl<'t> Output<'t> {
    fn replace(&mut self, place: std::ops::Range<usize>, by: &str) {
        if self.written.capacity() == 0 {
            self.written.reserve(self.text.len() + by.len());
        }
        self.written.push_str(self.text.get(self.kept_from..place.start).unwrap_or_default());
        self.written.push_str(by);
        self.kept_from = place.end;
    }

    fn finish(mut self) -> Cow<'t, str> {
        if self.kept_from == 0 && self.written.is_empty() {
            return Cow::Borrowed(self.text);
        }
        self.written.push_str(self.text.get(self.kept_from..).unwrap_or_default());
        Cow::Owned(self.written)
    }
}

/// What matters of JSON here.
enum Token {
    WhiteSpace(std::ops::Range<usize>),
    /// With its quotes.
    String(std::ops::Range<usize>),
    Colon,
    Other,
}

struct Tokens<'t> {
    bytes: &'t [u8],
    position: usize,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.position;
        let is_white = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let token = match self.bytes.get(start)? {
            b'"' => {
                self.position = string_end(self.bytes, start);
                Token::String(start..self.position)
            }
            b':' => {
                self.position += 1;
                Token::Colon
            }
            byte if is_white(byte) => {
                let rest = self.bytes.get(start..).unwrap_or_default();
                self.position += rest.iter().take_while(|byte| is_white(byte)).count();
                Token::WhiteSpace(start..self.position)
            }
            _ => {
                let is_plain = |byte: &u8| !is_white(byte) && !matches!(byte, b'"' | b':');
                let rest = self.bytes.get(start..).unwrap_or_default();
                self.position += rest.iter().take_while(|byte| is_plain(byte)).count();
                Token::Other
            }
        };
        Some(token)
    }
}

/// The place after the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => return position + 1,
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{as_one_line, with_references};

    fn renamed(text: &str) -> String {
        with_references(text, |reference| (reference == "urn:uuid:a").then(|| "Patient/a".to_owned()))
            .into_owned()
    }

    #[test]
    fn only_the_values_of_reference_members_change() {
        let text = r#"{ "subject" : {"reference" :"urn:uuid:a", "display":"urn:uuid:a"},"note":[{"text":"\"reference\":\"urn:uuid:a\""}],"x":1.10 }"#;
        let expected = text.replacen(r#""reference" :"urn:uuid:a""#, r#""reference" :"Patient/a""#, 1);
        assert_eq!(renamed(text), expected);
    }

    #[test]
    fn another_reference_and_an_object_called_reference_stay() {
        for text in [
            r#"{"reference":"urn:uuid:b"}"#,
            r#"{"reference":{"reference2":"urn:uuid:a"}}"#,
            r#"{"reference":["urn:uuid:a"]}"#,
            r#"["reference","urn:uuid:a"]"#,
        ] {
            assert_eq!(renamed(text), text);
        }
    }

    #[test]
    fn an_escaped_reference_is_the_same_reference() {
        assert_eq!(renamed(r#"{"reference":"urn:uuid:\u0061"}"#), r#"{"reference":"Patient/a"}"#);
    }

    #[test]
    fn lines_are_joined_and_strings_kept() {
        let text = "{\r\n  \"a\": [ 1.00,\n 2 ],\n\t\"b c\": \"d  e\\n: f\"\n}";
        assert_eq!(as_one_line(text), r#"{"a":[1.00,2],"b c":"d  e\n: f"}"#);
        assert_eq!(as_one_line(r#"{ "a" : 1 }"#), r#"{ "a" : 1 }"#);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_walk_panic(text in ".*") {
            renamed(&text);
        }

        #[test]
        fn joining_lines_changes_no_value(strings in prop::collection::vec(".*", 0..6)) {
            let value = Value::from(strings);
            let pretty = serde_json::to_string_pretty(&serde_json::json!({"reference": value, "n": 1}))?;
            let joined = as_one_line(&pretty);
            prop_assert!(!joined.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<Value>(&joined)?, serde_json::from_str::<Value>(&pretty)?);
        }
    }
}
