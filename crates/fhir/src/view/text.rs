//! Strings that borrow from a record's text where they can.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, de};

/// A JSON string: borrowed where it has no escapes.
///
/// `Option<Cow<str>>` would copy, because serde borrows only a bare `Cow`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, still borrowed where it was.
    pub fn into_cow(self) -> Cow<'a, str> {
        self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, formatter)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> de::Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }
}

/// A list of strings. A `null` in it stands for a value that only has extensions (FHIR R4 §2.6.2.3) and
/// is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts<'a>(Vec<Text<'a>>);

impl Texts<'_> {
    /// The strings joined by single spaces.
    pub fn joined(&self) -> String {
        let parts: Vec<&str> = self.0.iter().map(Text::as_str).collect();
        parts.join(" ")
    }
}

impl<'a> Deref for Texts<'a> {
    type Target = [Text<'a>];
    fn deref(&self) -> &[Text<'a>] {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let with_gaps = Vec::<Option<Text<'a>>>::deserialize(deserializer)?;
        Ok(Self(with_gaps.into_iter().flatten().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_escapes_is_borrowed() {
        let text: Option<Text<'_>> = serde_json::from_str(r#""Zoë""#).unwrap();
        assert!(matches!(text.unwrap().into_cow(), Cow::Borrowed("Zoë")));
        let text: Text<'_> = serde_json::from_str(r#""a\"b""#).unwrap();
        assert_eq!(text, "a\"b");
    }

    #[test]
    fn a_value_that_only_has_extensions_is_left_out_of_a_list() {
        let texts: Texts<'_> = serde_json::from_str(r#"["Ada", null, "King"]"#).unwrap();
        assert_eq!(texts.joined(), "Ada King");
    }
}
