//! The members of a JSON object as places in its text. Only for text that is known to be JSON: on anything
//! else the walk ends early, it never panics.

use std::{borrow::Cow, ops::Range};

/// One member of an object.
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    /// Where its value stands in the text.
    pub(super) value: Range<usize>,
}

/// Walks the members of one object, in order.
pub(super) struct Members<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Members<'a> {
    /// The members of the first object at or after `start`, where only white space may stand before it.
    pub(super) fn of_object(text: &'a str, start: usize) -> Option<Self> {
        let position = skip_white_space(text, start);
        (text.as_bytes().get(position) == Some(&b'{')).then_some(Self { text, position: position + 1 })
    }

    /// Where the next member, or the end of the object, is looked for.
    pub(super) fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let bytes = self.text.as_bytes();
        let mut start = skip_white_space(self.text, self.position);
        if bytes.get(start) == Some(&b',') {
            start = skip_white_space(self.text, start + 1);
        }
        if bytes.get(start) != Some(&b'"') {
            return None;
        }
        let name_end = string_end(bytes, start);
        let colon = skip_white_space(self.text, name_end);
        let value_start = skip_white_space(self.text, colon + 1);
        let value_end = value_end(bytes, value_start);
        self.position = value_end;
        let name = decoded(self.text.get(start..name_end)?);
        Some(Member { name, value: value_start..value_end })
    }
}

/// A key may be written with escapes: `"\u0069d"` is `id`.
fn decoded(quoted: &str) -> Cow<'_, str> {
    let plain = quoted.trim_matches('"');
    if !quoted.contains('\\') {
        return Cow::Borrowed(plain);
    }
    serde_json::from_str(quoted).map_or(Cow::Borrowed(plain), Cow::Owned)
}

fn skip_white_space(text: &str, start: usize) -> usize {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    start + length
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

/// The place after the value that begins at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => string_end(bytes, start),
        Some(b'{' | b'[') => container_end(bytes, start),
        _ => {
            let rest = bytes.get(start..).unwrap_or_default();
            let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            start + rest.iter().position(is_end).unwrap_or(rest.len())
        }
    }
}

fn container_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut position = start;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => {
                position = string_end(bytes, position);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return position + 1;
                }
            }
            _ => {}
        }
        position += 1;
    }
    bytes.len()
}
