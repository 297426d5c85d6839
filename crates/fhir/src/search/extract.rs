//! What a record is found by.

use std::borrow::Cow;

use serde_json::Value;

use super::ParameterId;
use crate::ResourceType;

/// One value under which a record is found. Borrows from the record where it can.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexEntry<'a> {
    /// By which parameter.
    pub parameter: ParameterId,
    /// The value.
    pub value: IndexValue<'a>,
}

/// A value in the form in which it is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexValue<'a> {
    /// Folded text (see [`super::name::fold`]) and the text as it came, for `:exact`.
    String {
        /// For comparing by prefix.
        folded: Cow<'a, str>,
        /// For `:exact`.
        exact: Cow<'a, str>,
    },
    /// System and code; booleans and plain codes have no system. `code` is empty where there is none: a
    /// coding with a system only, or a concept's text of which no coding has the same display.
    Token {
        /// Absent for booleans and plain codes.
        system: Option<Cow<'a, str>>,
        /// May be empty.
        code: Cow<'a, str>,
        /// Display or text, as it came, for `:text`.
        text: Option<Cow<'a, str>>,
    },
    /// Beside the token of an `Identifier`: the coding of its type, and its value, for `:of-type` only.
    OfType {
        /// System of the type's coding.
        system: Cow<'a, str>,
        /// Code of the type's coding.
        code: Cow<'a, str>,
        /// The identifier's value.
        value: Cow<'a, str>,
    },
    /// A relative reference `Patient/123` (with a version or without) gives `target`; an absolute URL, a
    /// `urn:`, a fragment or a canonical gives `url` (a canonical with its `|version`). A reference with
    /// nothing but a display has none of the three.
    Reference {
        /// Type and id.
        target: Option<(ResourceType, Cow<'a, str>)>,
        /// Absolute, without `/_history/…`.
        url: Option<Cow<'a, str>>,
        /// System and value of a logical reference.
        identifier: Option<(Option<Cow<'a, str>>, Cow<'a, str>)>,
    },
    /// Microseconds since the epoch, `low` inside, `high` outside. An open period has `i64::MIN` or
    /// `i64::MAX`.
    Date {
        /// First microsecond inside.
        low: i64,
        /// First microsecond after.
        high: i64,
    },
    /// A number (`low` equals `high`) or a range, both ends inside. A record's own precision plays no part
    /// (FHIR R4 §3.1.1.5.6). An open range has infinities.
    Number {
        /// Smallest.
        low: f64,
        /// Largest.
        high: f64,
    },
    /// As a number, with its unit. `<5` is everything below: the comparator opens the range.
    Quantity {
        /// Smallest.
        low: f64,
        /// Largest.
        high: f64,
        /// Of the coded unit.
        system: Option<Cow<'a, str>>,
        /// Coded unit; the currency of money.
        code: Option<Cow<'a, str>>,
        /// Unit in words.
        unit: Option<Cow<'a, str>>,
    },
    /// A URI as it came.
    Uri(Cow<'a, str>),
    /// The component values of one element, for composite parameters: for each component in order its
    /// values, at least one.
    Composite(Vec<Vec<IndexValue<'a>>>),
}

/// Every value of every parameter of this type in this record, MedCor's name parameters included.
pub fn index_entries(resource_type: ResourceType, value: &Value) -> Vec<IndexEntry<'_>> {
    index_entries_for(resource_type, value, &|_| true)
}

/// The values of those parameters that are wanted.
pub fn index_entries_for<'a>(
    _resource_type: ResourceType,
    _value: &'a Value,
    _wanted: &dyn Fn(ParameterId) -> bool,
) -> Vec<IndexEntry<'a>> {
    todo!()
}
