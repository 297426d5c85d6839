//! One filter of a search as a condition in SQL, in agreement with [`Filter::matches`].

use std::fmt::Write;

use medcor_fhir::{
    Id, ResourceType,
    search::{Filter, FilterValue, Modifier, ParameterId, SearchKind, SearchParameter, name},
};

use super::{
    range::{self, Columns},
    sql::{Mark, Values},
};
use crate::records::{
    index_row::{TARGET_NONE, TARGET_URL, TEXT_BYTES_MAX, cut, system_number},
    indexed,
};

/// The least `resource.moment` and `moment_end` of a record that has one.
pub(super) const DATED: i64 = i64::MIN + 1;

/// A sub-query with an offset stays what it is: PostgreSQL makes no join of it.
const OF_EACH: &str = " LIMIT 1 OFFSET 0";

/// No alternative is no match.
const NOTHING: &str = "1 = 0";

/// What SQL can say of one filter.
#[derive(Debug)]
pub(super) struct Compiled {
    /// Holds for every record that matches. `None`: SQL can't tell.
    pub(super) test: Option<Test>,
    /// Whether it holds for no other record; else each record found has to be asked.
    pub(super) is_exact: bool,
    /// Whether it is a range of `r.moment`, which its index reads without passing over other rows.
    pub(super) bounds_moment: bool,
}

/// A condition on a row of `resource`, which is `r`.
#[derive(Debug)]
pub(super) enum Test {
    /// On the columns of `r`.
    Columns(String),
    /// `r.id` is one of these marks.
    Ids(String),
    /// The chart of this patient, by the type's chart parameter.
    Chart(Chart),
    /// Rows of an index table.
    Rows(Rows),
}

/// A reference to a patient by the chart parameter: held by `r.patient` where that says it all, by index
/// rows where it doesn't.
#[derive(Debug)]
pub(super) struct Chart {
    /// The mark of the patient's id.
    pub(super) patient: String,
    /// The index rows that say the same of records that are in no or in several charts.
    pub(super) rows: Rows,
}

/// There are rows of an index table for `r`.
#[derive(Debug)]
pub(super) struct Rows {
    table: &'static str,
    parameter: ParameterId,
    /// Alternatives, each a condition on the table, which is `x`.
    arms: Vec<String>,
    /// Whether each arm fixes all columns that come before the row's number in the table's key, so that
    /// asking for one record is one look-up.
    pub(super) is_point: bool,
    pub(super) is_negated: bool,
    pub(super) reach: Reach,
    /// The beginning of a text that all of this is about.
    pub(super) beginning: Option<Beginning>,
}

/// Texts of an index that begin alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    low: Mark,
    high: Mark,
    /// In letters: the longer, the fewer texts.
    pub(super) length: usize,
}

/// How many records an index condition can be expected to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// One or a handful: identifiers, telephone numbers.
    Handful,
    /// Not many in one tenant: names, references.
    Few,
    /// Nobody knows: codes, statuses.
    Many,
    /// Half of them: ranges, words inside of texts.
    Wide,
}

/// Most alternatives that are joined with the records one by one.
const JOINED_MAX: usize = 4;

impl Rows {
    fn of_few(table: &'static str, parameter: ParameterId, arm: String) -> Self {
        Self {
            table,
            parameter,
            arms: vec![arm],
            is_point: true,
            is_negated: false,
            reach: Reach::Few,
            beginning: None,
        }
    }

    /// For a text's beginning: the distinct texts of the index that begin so, as the common table `name`,
    /// and the question whether a record has one of them. Unlike [`Self::set`] it costs as much as there are
    /// different texts, not as there are records.
    pub(super) fn asked_by_text(&self, name: &str) -> Option<(String, String)> {
        let Beginning { low, high, .. } = self.beginning?;
        let next = |after: &str| {
            let source = self.source(&format!("x.folded {after} AND x.folded < {high}"));
            format!("SELECT (SELECT x.folded {source} ORDER BY x.folded LIMIT 1)")
        };
        let texts = format!(
            "{name} (folded) AS MATERIALIZED ({} UNION ALL {} FROM {name} WHERE {name}.folded IS NOT NULL)",
            next(&format!(">= {low}")),
            next(&format!("> {name}.folded"))
        );
        let source = self.source("x.folded = t.folded AND x.row_id = r.row_id");
        let has_text = format!("EXISTS (SELECT 1 {source}{OF_EACH})");
        Some((texts, format!("EXISTS (SELECT 1 FROM {name} t WHERE {has_text}{OF_EACH})")))
    }

    /// As a condition asked of each record. PostgreSQL may turn it round and begin with the index rows.
    pub(super) fn asked(&self) -> String {
        self.asked_with("")
    }

    /// As a condition asked of each record and of no others: the few records of a chart may be asked for a
    /// code that a million others have.
    pub(super) fn asked_of_few(&self) -> String {
        self.asked_with(OF_EACH)
    }

    fn asked_with(&self, limit: &str) -> String {
        let mut text = String::new();
        for arm in &self.arms {
            let or = if text.is_empty() { "" } else { " OR " };
            write!(text, "{or}EXISTS (SELECT 1 {} AND x.row_id = r.row_id{limit})", self.source(arm))
                .expect("a String takes all text");
        }
        if self.is_negated { format!("NOT ({text})") } else { format!("({text})") }
    }

    /// As a set of records.
    pub(super) fn set(&self) -> String {
        let not = if self.is_negated { "NOT " } else { "" };
        format!("r.row_id {not}IN ({})", self.selected())
    }

    /// The same as a set that PostgreSQL reads before it looks at any record.
    pub(super) fn set_at_first(&self) -> String {
        format!("r.row_id = ANY (ARRAY({}))", self.selected())
    }

    /// The statement that selects the numbers of the records.
    pub(super) fn selected(&self) -> String {
        let arms = self.arms.iter().map(|arm| format!("SELECT x.row_id {}", self.source(arm)));
        arms.collect::<Vec<String>>().join(" UNION ALL ")
    }

    /// The table, and for each alternative the condition on it as `x`, to be joined with the records.
    pub(super) fn joined(&self) -> Option<(&'static str, Vec<String>)> {
        let conditions = || self.arms.iter().map(|arm| self.fenced(arm)).collect();
        (!self.is_negated && self.arms.len() <= JOINED_MAX).then(|| (self.table, conditions()))
    }

    /// The fence is in every sub-query: another tenant's rows are never touched.
    fn source(&self, arm: &str) -> String {
        format!("FROM {} x WHERE {}", self.table, self.fenced(arm))
    }

    fn fenced(&self, arm: &str) -> String {
        format!("x.tenant = ?1 AND x.parameter = {} AND {arm}", self.parameter.0)
    }
}

impl Compiled {
    /// SQL can't tell.
    const UNKNOWN: Self = Self { test: None, is_exact: false, bounds_moment: false };

    fn exact(test: Test) -> Self {
        Self { test: Some(test), is_exact: true, bounds_moment: false }
    }
}

/// Compiles one filter on records of this type.
pub(super) fn compile(values: &mut Values, resource_type: ResourceType, filter: &Filter) -> Compiled {
    match filter {
        Filter::Id(ids) if ids.is_empty() => Compiled::exact(Test::Columns(NOTHING.to_owned())),
        Filter::Id(ids) => {
            let marks = values.bind_all(ids.iter().map(Id::as_str));
            Compiled::exact(Test::Ids(marks))
        }
        Filter::LastUpdated(alternatives) => {
            let columns = Columns { low: "r.last_updated", high: "r.last_updated + 1" };
            match any_of(alternatives, |value| range::date(values, value, columns)) {
                Some(test) => Compiled::exact(Test::Columns(test)),
                None => Compiled::UNKNOWN,
            }
        }
        Filter::Parameter { parameter, modifier, values: alternatives } => {
            Condition { resource_type, parameter, modifier: modifier.as_ref(), alternatives }.compile(values)
        }
    }
}

/// Index texts that are this folded one.
pub(super) fn whole_text(values: &mut Values, parameter: ParameterId, folded: &str) -> Compiled {
    let mark = values.bind(cut(folded));
    Compiled::exact(Test::Rows(Rows::of_few("index_string", parameter, format!("x.folded = {mark}"))))
}

/// Index texts that begin with this folded one.
pub(super) fn text_prefix(values: &mut Values, parameter: ParameterId, folded: &str) -> Compiled {
    let (arm, beginning) = prefix(values, folded);
    let rows = Rows::of_few("index_string", parameter, arm);
    Compiled::exact(Test::Rows(Rows { is_point: false, beginning: Some(beginning), ..rows }))
}

/// Index codes that are this one, of any system.
pub(super) fn code(values: &mut Values, parameter: ParameterId, code: &str) -> Compiled {
    let mark = values.bind(cut(code));
    Compiled::exact(Test::Rows(Rows::of_few("index_token", parameter, format!("x.code = {mark}"))))
}

/// A filter on one of the type's parameters.
struct Condition<'q> {
    resource_type: ResourceType,
    parameter: &'static SearchParameter,
    modifier: Option<&'q Modifier>,
    alternatives: &'q [FilterValue],
}

/// The alternatives on one index table.
struct Alternatives {
    arms: Vec<String>,
    is_point: bool,
    is_exact: bool,
    reach: Reach,
    beginning: Option<Beginning>,
}

impl Condition<'_> {
    fn compile(&self, values: &mut Values) -> Compiled {
        let id = self.parameter.id;
        let is_missing = matches!(self.modifier, Some(Modifier::Missing(_)));
        if self.alternatives.is_empty() && !is_missing {
            return Compiled::exact(Test::Columns(NOTHING.to_owned()));
        }
        if indexed::moment_parameter(self.resource_type) == Some(id) {
            return self.moment(values);
        }
        if is_missing {
            return Compiled::UNKNOWN;
        }
        if let Some(chart) = self.chart_parameter() {
            return self.chart(values, chart);
        }
        if !indexed::has_rows(self.resource_type, id) {
            return Compiled::UNKNOWN;
        }
        let (table, arms) = match self.parameter.kind {
            SearchKind::String => ("index_string", self.strings(values)),
            SearchKind::Token => ("index_token", self.tokens(values)),
            SearchKind::Reference => ("index_reference", self.references(values, &[])),
            SearchKind::Date => ("index_date", self.dates(values)),
            SearchKind::Number | SearchKind::Quantity => ("index_number", self.numbers(values)),
            SearchKind::Uri => ("index_uri", self.uris(values)),
            SearchKind::Composite | SearchKind::Special => return Compiled::UNKNOWN,
        };
        let Some(arms) = arms else { return Compiled::UNKNOWN };
        let is_negated = self.modifier == Some(&Modifier::Not);
        if is_negated && !arms.is_exact {
            return Compiled::UNKNOWN;
        }
        let is_exact = arms.is_exact;
        let test = Test::Rows(arms.into_rows(table, id, is_negated));
        Compiled { is_exact, ..Compiled::exact(test) }
    }

    /// The principal date stands in columns of its own.
    fn moment(&self, values: &mut Values) -> Compiled {
        let columns = Columns { low: "r.moment", high: "r.moment_end" };
        let is_dated = format!("r.moment_end >= {DATED}");
        match self.modifier {
            Some(Modifier::Missing(true)) => Compiled::exact(Test::Columns(format!("NOT {is_dated}"))),
            Some(Modifier::Missing(false)) => Compiled::exact(Test::Columns(is_dated)),
            Some(_) => Compiled::UNKNOWN,
            None => match any_of(self.alternatives, |value| range::date(values, value, columns)) {
                Some(test) => {
                    let test = Test::Columns(format!("({is_dated} AND {test})"));
                    Compiled { bounds_moment: range::is_of_low(self.alternatives), ..Compiled::exact(test) }
                }
                None => Compiled::UNKNOWN,
            },
        }
    }

    /// The chart parameter that this one is, or says the same as.
    fn chart_parameter(&self) -> Option<ParameterId> {
        let chart = indexed::chart_parameter(self.resource_type)?;
        let is_chart = chart == self.parameter.id;
        let is_alias =
            self.parameter.code == "patient" && !indexed::has_rows(self.resource_type, self.parameter.id);
        (is_chart || is_alias).then_some(chart)
    }

    fn chart(&self, values: &mut Values, chart: ParameterId) -> Compiled {
        let is_alias = chart != self.parameter.id;
        let targets: &[ResourceType] = if is_alias { &[ResourceType::PATIENT] } else { &[] };
        let Some(arms) = self.references(values, targets) else { return Compiled::UNKNOWN };
        let patients: Vec<&Id> = self.alternatives.iter().filter_map(|value| self.patient(value)).collect();
        let is_exact = arms.is_exact;
        let rows = arms.into_rows("index_reference", chart, false);
        let test = match patients.as_slice() {
            [] => Test::Rows(rows),
            [patient] => Test::Chart(Chart { patient: values.bind(patient.as_str()).to_string(), rows }),
            several => {
                let marks = values.bind_all(several.iter().map(|patient| patient.as_str()));
                let own = format!("(r.is_chart = 1 AND r.patient IN ({marks}))");
                Test::Columns(format!("({own} OR {})", rows.asked()))
            }
        };
        Compiled { is_exact, ..Compiled::exact(test) }
    }

    /// The patient that a reference means, if it can mean one.
    fn patient<'v>(&self, value: &'v FilterValue) -> Option<&'v Id> {
        let FilterValue::Reference { resource_type, id, .. } = value else { return None };
        let resource_type = resource_type.or(self.type_modifier());
        resource_type.is_none_or(|named| named == ResourceType::PATIENT).then_some(id.as_ref()?)
    }

    fn type_modifier(&self) -> Option<ResourceType> {
        match self.modifier {
            Some(Modifier::Type(named)) => Some(*named),
            _ => None,
        }
    }

    fn strings(&self, values: &mut Values) -> Option<Alternatives> {
        // Sounds, and names without titles, can't be made of the text as it came.
        let is_folded = self.parameter.code != "phonetic" && !self.parameter.code.starts_with("medcor-");
        let mut found = Alternatives {
            arms: Vec::new(),
            is_point: false,
            is_exact: true,
            reach: if self.parameter.code == name::NAME_PAIR { Reach::Handful } else { Reach::Few },
            beginning: None,
        };
        for value in self.alternatives {
            let FilterValue::String { folded, exact } = value else { return None };
            let arm = match self.modifier {
                None => {
                    found.narrow_to(folded);
                    if folded.chars().count() < 2 {
                        found.reach = Reach::Wide;
                    }
                    let (arm, beginning) = prefix(values, folded);
                    found.beginning = Some(beginning).filter(|_| self.alternatives.len() == 1);
                    arm
                }
                Some(Modifier::Exact) if is_folded => {
                    found.narrow_to(exact);
                    found.is_point = true;
                    exactly(values, folded, exact)
                }
                Some(Modifier::Contains) => {
                    found.reach = Reach::Wide;
                    found.is_exact = false;
                    let (mark, cut) = (values.bind(folded.as_str()), TEXT_BYTES_MAX - 4);
                    // What stands beyond the cut can contain it too.
                    format!("({} OR octet_length(x.folded) > {cut})", contains("x.folded", &mark.to_string()))
                }
                Some(_) => return None,
            };
            found.arms.push(arm);
        }
        Some(found)
    }

    fn tokens(&self, values: &mut Values) -> Option<Alternatives> {
        let reach = token_reach(self.parameter.code);
        let mut found =
            Alternatives { arms: Vec::new(), is_point: true, is_exact: true, reach, beginning: None };
        for value in self.alternatives {
            let arm = match (self.modifier, value) {
                (None | Some(Modifier::Not), FilterValue::Token { system, code }) => {
                    found.token(values, system.as_deref(), code.as_deref())?
                }
                (Some(Modifier::OfType), FilterValue::OfType { value, .. }) => {
                    // An identifier's value is a token beside the one that knows its type.
                    found.is_exact = false;
                    found.token(values, None, Some(value))?
                }
                _ => return None,
            };
            found.arms.push(arm);
        }
        Some(found)
    }

    /// `targets` restricts an id without a type; empty for any.
    fn references(&self, values: &mut Values, targets: &[ResourceType]) -> Option<Alternatives> {
        if !matches!(self.modifier, None | Some(Modifier::Type(_))) {
            return None;
        }
        let mut found = Alternatives {
            arms: Vec::new(),
            is_point: true,
            is_exact: true,
            reach: Reach::Few,
            beginning: None,
        };
        for value in self.alternatives {
            let FilterValue::Reference { resource_type, id, url } = value else { return None };
            let resource_type = resource_type.or(self.type_modifier());
            let arm = match (resource_type, id, url) {
                (Some(named), Some(id), _) => {
                    let id = values.bind(id.as_str());
                    format!("x.target = {id} AND x.target_type = {}", named.code())
                }
                (None, Some(id), _) => {
                    let id = values.bind(id.as_str());
                    let types = match targets {
                        [] => format!("x.target_type < {TARGET_NONE}"),
                        [only] => format!("x.target_type = {}", only.code()),
                        _ => return None,
                    };
                    found.is_point &= !targets.is_empty();
                    format!("x.target = {id} AND {types}")
                }
                (_, None, Some(url)) => {
                    // Whether a URL leads to a type that the parameter takes, the record tells.
                    found.is_exact &= targets.is_empty();
                    found.url(values, url)
                }
                (_, None, None) => return None,
            };
            found.arms.push(arm);
        }
        Some(found)
    }

    fn dates(&self, values: &mut Values) -> Option<Alternatives> {
        if self.modifier.is_some() {
            return None;
        }
        let columns = Columns { low: "x.low", high: "x.high" };
        self.ranges(|value| range::date(values, value, columns))
    }

    fn numbers(&self, values: &mut Values) -> Option<Alternatives> {
        if self.modifier.is_some() {
            return None;
        }
        let columns = Columns { low: "x.low", high: "x.high" };
        self.ranges(|value| range::number(values, value, columns))
    }

    fn ranges(&self, mut arm: impl FnMut(&FilterValue) -> Option<String>) -> Option<Alternatives> {
        let arms = self.alternatives.iter().map(&mut arm).collect::<Option<Vec<String>>>()?;
        Some(Alternatives { arms, is_point: false, is_exact: true, reach: Reach::Wide, beginning: None })
    }

    fn uris(&self, values: &mut Values) -> Option<Alternatives> {
        if self.modifier.is_some() {
            return None;
        }
        let mut found = Alternatives {
            arms: Vec::new(),
            is_point: true,
            is_exact: true,
            reach: Reach::Many,
            beginning: None,
        };
        for value in self.alternatives {
            let FilterValue::Uri(uri) = value else { return None };
            found.narrow_to(uri);
            let uri = values.bind(cut(uri));
            found.arms.push(format!("x.value = {uri}"));
        }
        Some(found)
    }
}

impl Alternatives {
    /// Index rows hold the beginning of a text only, so a longer one has to be looked at again.
    fn narrow_to(&mut self, text: &str) {
        self.is_exact &= text.len() < TEXT_BYTES_MAX - 4;
    }

    fn token(&mut self, values: &mut Values, system: Option<&str>, code: Option<&str>) -> Option<String> {
        let system = system.map(|system| format!("x.system = {}", values.bind(system_number(Some(system)))));
        let code = code.map(|code| {
            self.narrow_to(code);
            format!("x.code = {}", values.bind(cut(code)))
        });
        match (code, system) {
            (Some(code), Some(system)) => Some(format!("{code} AND {system}")),
            (Some(code), None) => Some(code),
            (None, Some(system)) => {
                self.is_point = false;
                self.reach = Reach::Wide;
                Some(system)
            }
            (None, None) => None,
        }
    }

    /// A canonical without a version stands for every version.
    fn url(&mut self, values: &mut Values, url: &str) -> String {
        self.narrow_to(url);
        self.is_point = false;
        let same = values.bind(cut(url));
        if url.contains('|') {
            return format!("x.target = {same} AND x.target_type = {TARGET_URL}");
        }
        let (low, high) = (values.bind(format!("{}|", cut(url))), values.bind(format!("{}}}", cut(url))));
        let versions = format!("(x.target >= {low} AND x.target < {high})");
        format!("(x.target = {same} OR {versions}) AND x.target_type = {TARGET_URL}")
    }

    fn into_rows(self, table: &'static str, parameter: ParameterId, is_negated: bool) -> Rows {
        let Self { arms, is_point, reach, beginning, .. } = self;
        Rows { table, parameter, arms, is_point, is_negated, reach, beginning }
    }
}

fn token_reach(code: &str) -> Reach {
    match code {
        "identifier" | "email" | "phone" | "telecom" | name::PHONE_DIGITS => Reach::Handful,
        name::NAME_SOUND => Reach::Few,
        _ => Reach::Many,
    }
}

/// One of the alternatives; `None` where one of them can't be said.
fn any_of(alternatives: &[FilterValue], test: impl FnMut(&FilterValue) -> Option<String>) -> Option<String> {
    let tests = alternatives.iter().map(test).collect::<Option<Vec<String>>>()?;
    Some(format!("({})", tests.join(" OR ")))
}

/// Texts that begin with this one.
fn prefix(values: &mut Values, text: &str) -> (String, Beginning) {
    let text = cut(text);
    let low = values.bind(text);
    // No folded text holds this letter, and none is greater.
    let high = values.bind(format!("{text}\u{10FFFF}"));
    let arm = format!("x.folded >= {low} AND x.folded < {high}");
    (arm, Beginning { low, high, length: text.chars().count() })
}

/// Texts as they came. An index row leaves `exact` empty where it would repeat `folded`.
fn exactly(values: &mut Values, folded: &str, exact: &str) -> String {
    let (folded, exact) = (cut(folded), cut(exact));
    let mark = values.bind(folded);
    if folded == exact {
        return format!("x.folded = {mark} AND x.exact = ''");
    }
    let exact = values.bind(exact);
    format!("x.folded = {mark} AND x.exact = {exact}")
}

fn contains(column: &str, mark: &str) -> String {
    // Both databases know `replace`; for finding a text inside of another they have no common word.
    format!("replace({column}, {mark}, '') <> {column}")
}
