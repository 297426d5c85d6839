//! A resource as it came, beside its parsed form.

use serde_json::Value;

use crate::{Id, Problem, ResourceType};

/// Most bytes of one resource.
pub const RESOURCE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deepest nesting of one resource.
pub const RESOURCE_DEPTH_MAX: usize = 64;

/// A syntactically sound resource: the text as it came (decimals' precision and member order survive
/// in it) and the parsed value for validation and indexing.
#[derive(Debug, Clone)]
pub struct ParsedResource {
    resource_type: ResourceType,
    text: String,
    value: Value,
}

impl ParsedResource {
    /// Parses JSON text. Refuses bad JSON, duplicate keys, too deep or too large text, an absent or
    /// unknown `resourceType`; it does not validate content (see [`crate::validate::validate`]).
    pub fn parse(_text: impl Into<String>) -> Result<Self, Vec<Problem>> {
        todo!()
    }

    /// Takes a value built by our own code; its text is its compact serialisation.
    pub fn from_value(_value: Value) -> Result<Self, Vec<Problem>> {
        todo!()
    }

    /// The resource type.
    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    /// The `id` that it carries, if it is a valid one.
    pub fn id(&self) -> Option<Id> {
        self.value.get("id").and_then(Value::as_str).and_then(Id::new)
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parsed value. Decimals may have lost trailing zeros; the text has not.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The text with `id`, `meta.versionId` and `meta.lastUpdated` set and every other byte of every
    /// other member kept (other members of `meta` too).
    pub fn stamped(&self, _id: &Id, _version: u32, _last_updated: &str) -> String {
        todo!()
    }
}
