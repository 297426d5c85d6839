//! The logical id of a resource.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A FHIR `id`: 1 to 64 of `A-Z a-z 0-9 - .` (FHIR R4 §2.24.0.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(Box<str>);

/// The text is not a FHIR `id`.
#[derive(Debug, thiserror::Error)]
#[error("not a FHIR id: 1 to 64 letters, digits, '-' or '.'")]
pub struct InvalidId;

impl Id {
    /// The longest id, in bytes.
    pub const LENGTH_MAX: usize = 64;

    /// The id if `text` is one.
    pub fn new(text: &str) -> Option<Self> {
        Self::is_id(text).then(|| Self(text.into()))
    }

    /// Whether `text` is an id.
    pub fn is_id(text: &str) -> bool {
        let fits = (1..=Self::LENGTH_MAX).contains(&text.len());
        fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text).ok_or(InvalidId)
    }
}

impl TryFrom<String> for Id {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(&text).ok_or(InvalidId)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0.into()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
