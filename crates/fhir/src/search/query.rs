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
pub const VALUES_MAX: usize = 200;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(name: &str) -> ResourceType {
        ResourceType::from_name(name).unwrap()
    }

    fn values(resource_type: &str, name: &str, value: &str) -> Vec<FilterValue> {
        let query = Query::new(named(resource_type)).with(name, value).unwrap();
        match query.filters.into_iter().next().unwrap() {
            Filter::Parameter { values, .. } | Filter::LastUpdated(values) => values,
            Filter::Id(_) => Vec::new(),
        }
    }

    fn refusal(resource_type: &str, name: &str, value: &str) -> String {
        Query::new(named(resource_type)).with(name, value).expect_err("refused").message
    }

    fn token(system: Option<&str>, code: Option<&str>) -> FilterValue {
        FilterValue::Token { system: system.map(str::to_owned), code: code.map(str::to_owned) }
    }

    #[test]
    fn a_new_search_asks_for_the_newest_twenty() {
        let query = Query::new(named("Patient"));
        assert_eq!((query.count, query.total, query.filters.len()), (20, Total::None, 0));
        assert!(matches!(query.sort.as_slice(), [Sort { key: SortKey::LastUpdated, is_descending: true }]));
    }

    #[test]
    fn tokens_have_four_forms() {
        assert_eq!(values("Observation", "code", "8480-6"), [token(None, Some("8480-6"))]);
        assert_eq!(
            values("Observation", "code", "http://loinc.org|8480-6,|BP"),
            [token(Some("http://loinc.org"), Some("8480-6")), token(Some(""), Some("bp"))]
        );
        assert_eq!(
            values("Observation", "code", "http://loinc.org|"),
            [token(Some("http://loinc.org"), None)]
        );
        assert_eq!(values("Patient", "identifier", r"urn:a\|b|X\,1"), [token(Some("urn:a|b"), Some("X,1"))]);
        assert!(refusal("Observation", "code", "|").contains("system|code"));
        assert!(refusal("Observation", "code", "a|b|c").contains("system|code"));
    }

    #[test]
    fn an_implied_system_may_be_written() {
        let gender = "http://hl7.org/fhir/administrative-gender|female";
        assert_eq!(values("Patient", "gender", gender), [token(None, Some("female"))]);
        assert_eq!(values("Patient", "gender", "urn:x|female"), [token(Some("urn:x"), Some("female"))]);
        assert_eq!(values("Patient", "active", "true"), [token(None, Some("true"))]);
        assert_eq!(
            values("Patient", "active", "http://terminology.hl7.org/CodeSystem/special-values|false"),
            [token(None, Some("false"))]
        );
        assert_eq!(refusal("Patient", "active", "yes"), "expected true or false");
    }

    #[test]
    fn references_are_ids_typed_ids_or_urls() {
        let reference = |resource_type: Option<&str>, id: Option<&str>, url: Option<&str>| {
            let (resource_type, id) = (resource_type.map(named), id.and_then(Id::new));
            FilterValue::Reference { resource_type, id, url: url.map(str::to_owned) }
        };
        assert_eq!(
            values("Observation", "subject", "1,Patient/2/_history/3,http://a.b/Patient/1"),
            [
                reference(None, Some("1"), None),
                reference(Some("Patient"), Some("2"), None),
                reference(None, None, Some("http://a.b/Patient/1")),
            ]
        );
        let typed = [reference(Some("Patient"), Some("1"), None)];
        assert_eq!(values("Observation", "subject:Patient", "1"), typed);
        assert_eq!(values("Observation", "subject:Patient", "Patient/1"), typed);
        assert_eq!(
            values("Observation", "subject:identifier", "urn:mrn|A1"),
            [token(Some("urn:mrn"), Some("A1"))]
        );
        assert_eq!(refusal("Observation", "subject", "Practitioner/1"), "never refers to Practitioner");
        assert_eq!(refusal("Observation", "subject:Patient", "Group/1"), "never refers to Group");
        assert!(refusal("Observation", "subject:Practitioner", "1").contains("Patient"));
        assert_eq!(refusal("Observation", "subject", "a b"), "expected an id, Type/id or a URL");
    }

    #[test]
    fn numbers_and_quantities_have_prefixes_and_units() {
        assert_eq!(
            values("RiskAssessment", "probability", "gt0.8"),
            [FilterValue::Number { prefix: Prefix::Gt, value: 0.8, low: 0.75, high: 0.85 }]
        );
        let quantity = |system: Option<&str>, code: Option<&str>| FilterValue::Quantity {
            prefix: Prefix::Eq,
            value: 5.4,
            low: 5.35,
            high: 5.45,
            system: system.map(str::to_owned),
            code: code.map(str::to_owned),
        };
        assert_eq!(
            values("Observation", "value-quantity", "5.4|http://unitsofmeasure.org|mg,5.4||mg,5.4"),
            [
                quantity(Some("http://unitsofmeasure.org"), Some("mg")),
                quantity(None, Some("mg")),
                quantity(None, None)
            ]
        );
        assert!(refusal("Observation", "value-quantity", "5.4|mg").contains("number|system|unit"));
        assert!(refusal("Observation", "value-quantity", "high").contains("expected a number"));
    }

    #[test]
    fn of_type_text_and_composites_have_their_own_forms() {
        assert_eq!(
            values("Patient", "identifier:of-type", "http://t|MR|Ab1"),
            [FilterValue::OfType { system: "http://t".into(), code: "MR".into(), value: "Ab1".into() }]
        );
        assert!(refusal("Observation", "code:of-type", "a|b|c").contains("unknown modifier"));
        assert_eq!(
            values("Condition", "code:text", "Head-ache"),
            [FilterValue::String { folded: "head ache".into(), exact: "Head-ache".into() }]
        );
        let composite = values("Observation", "code-value-quantity", "http://loinc.org|2823-3$gt5.4||mmol/L");
        let FilterValue::Composite(components) = &composite[0] else { panic!("{composite:?}") };
        assert_eq!(components[0], token(Some("http://loinc.org"), Some("2823-3")));
        assert!(matches!(components[1], FilterValue::Quantity { prefix: Prefix::Gt, .. }));
        assert!(refusal("Observation", "code-value-quantity", "2823-3").contains("2 values with $"));
    }

    #[test]
    fn names_are_folded_as_they_are_indexed() {
        let folded = |name, value| match values("Patient", name, value).swap_remove(0) {
            FilterValue::String { folded, .. } => folded,
            other => panic!("{other:?}"),
        };
        assert_eq!(folded("name", "O'Brien"), "obrien");
        assert_eq!(folded("medcor-full-name", "Dr. Ada Lovelace"), "ada lovelace");
        assert_eq!(folded("phonetic", "Schmidt"), "SMT ");
        assert!(refusal("Patient", "phonetic", "Ada Lovelace").contains("one word"));
        assert!(refusal("Patient", "name", "--").contains("a letter or digit"));
    }

    #[test]
    fn missing_takes_true_or_false() {
        let query = Query::new(named("Patient")).with("gender:missing", "true").unwrap();
        assert!(matches!(
            &query.filters[0],
            Filter::Parameter { modifier: Some(Modifier::Missing(true)), values, .. } if values.is_empty()
        ));
        assert_eq!(refusal("Patient", "gender:missing", "maybe"), "expected true or false");
    }

    #[test]
    fn the_answer_is_shaped_by_sort_count_total_and_cursor() {
        let pairs =
            [("_sort", "-birthdate,_id"), ("_count", "5"), ("_total", "estimate"), ("_cursor", "abc")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let query = Query::parse(named("Patient"), &pairs).unwrap();
        assert!(matches!(
            query.sort.as_slice(),
            [
                Sort {
                    key: SortKey::Parameter(SearchParameter { code: "birthdate", .. }),
                    is_descending: true
                },
                Sort { key: SortKey::Id, is_descending: false },
            ]
        ));
        assert_eq!((query.count, query.total, query.cursor.as_deref()), (5, Total::Accurate, Some("abc")));
        for (name, value) in
            [("_count", "0"), ("_count", "1001"), ("_total", "all"), ("_sort", ""), ("_sort", "-x")]
        {
            refusal("Patient", name, value);
        }
        assert_eq!(refusal("Observation", "_sort", "code-value-quantity"), "has no order to sort by");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let pairs = [
            ("birthDate", "2020"),
            ("birthdate", "soon"),
            ("name:fuzzy", "Ada"),
            ("gender", "female"),
            ("_has:Observation:patient:code", "1"),
            ("general-practitioner.name", "Ada"),
            ("general-practitioner:Practitioner.name", "Ada"),
            ("_include", "Patient:organization"),
            ("_summary", "true"),
            ("_count", "1"),
            ("_count", "2"),
            ("_id", "a/b"),
            ("_id:not", "a"),
            ("near", "1|2"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let problems = Query::parse(named("Patient"), &pairs).expect_err("refused");
        assert_eq!(problems.len(), 12);
        assert!(problems[0].message.contains("birthdate"));
        assert!(problems[2].message.contains("exact, contains"));
        assert!(problems.iter().all(|problem| !problem.message.contains("Ada")));
        assert!(refusal("Location", "near", "1|2").contains("not supported"));
    }

    #[test]
    fn limits_hold() {
        let many_values = vec!["1"; VALUES_MAX + 1].join(",");
        assert!(refusal("Patient", "_id", &many_values).contains("200"));
        assert!(refusal("Patient", "name", &"a".repeat(VALUE_BYTES_MAX + 1)).contains("2048"));
        let pairs = vec![("active".to_owned(), "true".to_owned()); FILTERS_MAX + 1];
        assert!(Query::parse(named("Patient"), &pairs).is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(
            code in 0..2318_usize,
            modifier in prop_oneof![Just(""), Just(":text"), Just(":not"), Just(":of-type"), Just(":identifier"),
                Just(":Patient"), Just(":exact"), Just(":above"), Just(":missing"), Just(":x.y")],
            value in prop_oneof!["\\PC*", r"[a-z0-9|$,\\\\:./-]{0,40}", "(eq|gt|ap)[0-9eE.+-]{0,12}"],
        ) {
            let mut all = ResourceType::all().flat_map(crate::search::parameter::parameters);
            if let Some(parameter) = all.nth(code) {
                let pair = (format!("{}{modifier}", parameter.code), value);
                let _query: Result<Query, _> = Query::parse(parameter.resource_type, &[pair]);
            }
        }

        #[test]
        fn any_name_is_answered(name in "\\PC*", value in "\\PC*") {
            let _query: Result<Query, _> = Query::parse(ResourceType::from_name("Patient").unwrap(), &[(name, value)]);
        }
    }
}
