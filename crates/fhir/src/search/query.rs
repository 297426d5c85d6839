//! What a search asks, parsed and checked: an unknown parameter, modifier or prefix is an error.

use super::{IndexEntry, SearchParameter};
use crate::{Id, ResourceType};

/// Most rows of one page.
pub const COUNT_MAX: u32 = 1000;

/// A checked search on one resource type.
#[derive(Debug, Clone)]
pub struct Query {
    /// What is searched.
    pub resource_type: ResourceType,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// In this order; the id of the row decides between equals.
    pub sort: Vec<Sort>,
    /// Rows of a page.
    pub count: u32,
    /// Whether to count all matches.
    pub total: Total,
    /// Where an earlier page ended, as the store sealed it.
    pub cursor: Option<String>,
}

/// One condition. Its values are alternatives.
#[derive(Debug, Clone)]
pub enum Filter {
    /// `_id`.
    Id(Vec<Id>),
    /// `_lastUpdated`.
    LastUpdated(Vec<FilterValue>),
    /// A parameter of the type.
    Parameter {
        /// Which.
        parameter: &'static SearchParameter,
        /// How it is compared.
        modifier: Option<Modifier>,
        /// Alternatives: one must match.
        values: Vec<FilterValue>,
    },
}

/// The modifiers of R4 §3.1.1.5.3 that apply to the parameter's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modifier {
    /// `:missing=true|false`.
    Missing(bool),
    /// `:exact`.
    Exact,
    /// `:contains`.
    Contains,
    /// `:not`.
    Not,
    /// `:text`.
    Text,
    /// `:of-type`.
    OfType,
    /// `:identifier`.
    Identifier,
    /// `:above`.
    Above,
    /// `:below`.
    Below,
    /// `subject:Patient=…`.
    Type(ResourceType),
}

/// Comparison prefixes (R4 §3.1.1.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the prefix of the same name")]
pub enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// One alternative of a filter, in the form in which it is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterValue {
    /// Folded, and as it came.
    String { folded: String, exact: String },
    /// `system|code`: `system` is `None` for any system and `Some("")` for none.
    Token { system: Option<String>, code: Option<String> },
    /// `:of-type`: `system|code|value`.
    OfType { system: String, code: String, value: String },
    /// A reference by type and id, by id alone (any type that the parameter may point to), or by URL.
    Reference { resource_type: Option<ResourceType>, id: Option<Id>, url: Option<String> },
    /// Microseconds.
    Date { prefix: Prefix, low: i64, high: i64 },
    /// The number and the range that its precision implies.
    Number { prefix: Prefix, value: f64, low: f64, high: f64 },
    /// A number with an optional unit. Without a system, `code` matches the coded unit or the unit in words.
    Quantity { prefix: Prefix, value: f64, low: f64, high: f64, system: Option<String>, code: Option<String> },
    /// A URI.
    Uri(String),
    /// Components in order.
    Composite(Vec<FilterValue>),
}

/// One key of the order.
#[derive(Debug, Clone)]
pub struct Sort {
    /// `None` is `_lastUpdated`.
    pub parameter: Option<&'static SearchParameter>,
    /// Largest first.
    pub is_descending: bool,
}

/// `_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Not counted.
    None,
    /// Counted.
    Accurate,
}

/// One thing wrong with a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryProblem {
    /// The parameter as it came, such as `birthdate:exact`.
    pub parameter: String,
    /// What is wrong, and what is known instead.
    pub message: String,
}

impl Query {
    /// A search without conditions: 20 rows, newest first.
    pub fn new(_resource_type: ResourceType) -> Self {
        todo!()
    }

    /// Adds one condition in URL form: `with("date", "ge2020-01-01")`, `with("name:exact", "Ada")`.
    pub fn with(self, _name: &str, _value: &str) -> Result<Self, QueryProblem> {
        todo!()
    }

    /// Parses decoded URL pairs; every problem at once.
    pub fn parse(
        _resource_type: ResourceType,
        _pairs: &[(String, String)],
    ) -> Result<Self, Vec<QueryProblem>> {
        todo!()
    }
}

impl Filter {
    /// Whether a record with these entries, id and last-updated time satisfies this condition. The
    /// meaning of search in one place: the store's SQL must agree with it.
    pub fn matches(&self, _id: &Id, _last_updated: i64, _entries: &[IndexEntry<'_>]) -> bool {
        todo!()
    }
}
