//! What a record is found by.

use serde_json::Value;

use super::ParameterId;
use crate::ResourceType;

/// One value under which a record is found.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexEntry {
    /// By which parameter.
    pub parameter: ParameterId,
    /// The value.
    pub value: IndexValue,
}

/// A value in the form in which it is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexValue {
    /// Folded text (see [`super::name::fold`]) and the text as it came, for `:exact`.
    String { folded: String, exact: String },
    /// System and code; booleans and plain codes have no system. `text` is the display or text of the
    /// coding's concept, for `:text`.
    Token { system: Option<String>, code: String, text: Option<String> },
    /// A relative or absolute reference: `Patient/123` gives both parts; an absolute URL or canonical
    /// that isn't relative gives `url` only. `identifier` is a logical reference's system and value.
    Reference {
        target: Option<(ResourceType, String)>,
        url: Option<String>,
        identifier: Option<(Option<String>, String)>,
    },
    /// Microseconds since the epoch, `low` inside, `high` outside.
    Date { low: i64, high: i64 },
    /// The number with the half-unit range that its precision implies, and the value itself.
    Number { value: f64, low: f64, high: f64 },
    /// A number with unit.
    Quantity {
        value: f64,
        low: f64,
        high: f64,
        system: Option<String>,
        code: Option<String>,
        unit: Option<String>,
    },
    /// A URI as it came.
    Uri(String),
    /// The component values of one element, for composite parameters.
    Composite(Vec<Vec<IndexValue>>),
}

/// Every value of every parameter of this type in this record, MedCor's name parameters included.
pub fn index_entries(_resource_type: ResourceType, _value: &Value) -> Vec<IndexEntry> {
    todo!()
}
