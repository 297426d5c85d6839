//! What a search asks, parsed and checked: an unknown parameter, modifier or prefix is an error.
//!
//! What only shapes the answer (`_summary`, `_elements`, `_format`, `_pretty`) is no condition and is
//! refused too: a door that offers it takes it out before.

mod condition;
mod number;
mod refusal;
mod suggest;
mod text;
mod value;

pub use text::escape;

use refusal::Refusal;

use super::{SearchKind, SearchParameter, parameter::parameter};
use crate::{Id, ResourceType};

/// Most rows of one page.
pub const COUNT_MAX: u32 = 1000;
/// Rows of a page where none are asked for.
pub const COUNT_DEFAULT: u32 = 20;
/// Most conditions of one search.
pub const FILTERS_MAX: usize = 64;
/// Most alternatives of one condition.
pub const VALUES_MAX: usize = 1000;
/// Most keys of the order.
pub const SORT_KEYS_MAX: usize = 8;
/// Longest value, in bytes, of one condition's alternative.
pub const VALUE_BYTES_MAX: usize = 2048;

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
        /// Alternatives: one must match. None for [`Modifier::Missing`].
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
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum FilterValue {
    /// Folded, and as it came. Also for `:text`.
    String { folded: String, exact: String },
    /// `system|code`: `system` is `None` for any system and `Some("")` for none. The code is in the form of
    /// the index: in lower case where case plays no part. Also for `:identifier`, always with case.
    Token { system: Option<String>, code: Option<String> },
    /// `:of-type`: `system|code|value`, all with case.
    OfType { system: String, code: String, value: String },
    /// A reference by type and id, by id alone (any type that the parameter may point to), or by URL.
    Reference { resource_type: Option<ResourceType>, id: Option<Id>, url: Option<String> },
    /// Microseconds, `low` inside, `high` outside. For [`Prefix::Ap`] already widened.
    Date { prefix: Prefix, low: i64, high: i64 },
    /// The number and the range that its precision implies (`100` is 99.5 to 100.5); for [`Prefix::Ap`] the
    /// range of a tenth to both sides.
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
    /// What is compared.
    pub key: SortKey,
    /// Largest first.
    pub is_descending: bool,
}

/// What rows are ordered by.
#[derive(Debug, Clone)]
pub enum SortKey {
    /// `_id`.
    Id,
    /// `_lastUpdated`.
    LastUpdated,
    /// A parameter of any kind but composite and special: its smallest value, descending its largest. Rows
    /// without a value come last.
    Parameter(&'static SearchParameter),
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {message}")]
pub struct QueryProblem {
    /// The parameter as it came, such as `birthdate:exact`.
    pub parameter: String,
    /// What is wrong, and what is known instead. Never repeats the value.
    pub message: String,
}

impl Query {
    /// A search without conditions: 20 rows, newest first.
    pub fn new(resource_type: ResourceType) -> Self {
        Self {
            resource_type,
            filters: Vec::new(),
            sort: vec![Sort { key: SortKey::LastUpdated, is_descending: true }],
            count: COUNT_DEFAULT,
            total: Total::None,
            cursor: None,
        }
    }

    /// Adds one condition in URL form: `with("date", "ge2020-01-01")`, `with("name:exact", "Ada")`. Text
    /// that is not ours goes through [`escape`] first. `_sort`, `_count`, `_total` and `_cursor` replace what
    /// was.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, QueryProblem> {
        match self.add(name, value) {
            Ok(()) => Ok(self),
            Err(refusal) => Err(QueryProblem { parameter: name.to_owned(), message: refusal.to_string() }),
        }
    }

    /// Parses decoded URL pairs; every problem at once.
    pub fn parse(resource_type: ResourceType, pairs: &[(String, String)]) -> Result<Self, Vec<QueryProblem>> {
        let mut query = Self::new(resource_type);
        let mut problems = Vec::new();
        for (position, (name, value)) in pairs.iter().enumerate() {
            let earlier = pairs.get(..position).unwrap_or_default();
            let is_repeated = is_answer_shape(name) && earlier.iter().any(|(other, _)| other == name);
            let added = if is_repeated { Err(Refusal::GivenTwice) } else { query.add(name, value) };
            if let Err(refusal) = added {
                problems.push(QueryProblem { parameter: name.clone(), message: refusal.to_string() });
            }
        }
        if problems.is_empty() { Ok(query) } else { Err(problems) }
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "_sort" => self.sort = self.sort_keys(value)?,
            "_count" => self.count = count(value)?,
            "_total" => self.total = total(value)?,
            "_cursor" => self.cursor = Some(value.to_owned()),
            _ if self.filters.len() >= FILTERS_MAX => {
                return Err(Refusal::TooMany { most: FILTERS_MAX, what: "conditions" });
            }
            _ => self.filters.push(condition::parse(self.resource_type, name, value)?),
        }
        Ok(())
    }

    fn sort_keys(&self, value: &str) -> Result<Vec<Sort>, Refusal> {
        let keys: Vec<&str> = value.split(',').collect();
        if keys.len() > SORT_KEYS_MAX {
            return Err(Refusal::TooMany { most: SORT_KEYS_MAX, what: "keys" });
        }
        keys.into_iter().map(|key| self.sort_key(key.trim())).collect()
    }

    fn sort_key(&self, text: &str) -> Result<Sort, Refusal> {
        let (code, is_descending) = match text.strip_prefix('-') {
            Some(code) => (code, true),
            None => (text, false),
        };
        let key = match code {
            "_id" => SortKey::Id,
            "_lastUpdated" => SortKey::LastUpdated,
            _ => match parameter(self.resource_type, code) {
                Some(parameter) if parameter.has_order() => SortKey::Parameter(parameter),
                Some(_) => return Err(Refusal::NoOrder),
                None => return Err(suggest::unknown_parameter(self.resource_type, code)),
            },
        };
        Ok(Sort { key, is_descending })
    }
}

impl SearchParameter {
    fn has_order(&self) -> bool {
        !matches!(self.kind, SearchKind::Composite | SearchKind::Special)
    }
}

/// Parameters of which there can be one only, since they hold for the whole answer.
fn is_answer_shape(name: &str) -> bool {
    matches!(name, "_sort" | "_count" | "_total" | "_cursor")
}

fn count(value: &str) -> Result<u32, Refusal> {
    let count = value.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
    count.ok_or(Refusal::Count)
}

/// FHIR R4 §3.1.1.5.12 lets a server answer an estimate with the accurate number.
fn total(value: &str) -> Result<Total, Refusal> {
    match value {
        "none" => Ok(Total::None),
        "accurate" | "estimate" => Ok(Total::Accurate),
        _ => Err(Refusal::Expected("none, estimate or accurate")),
    }
}
