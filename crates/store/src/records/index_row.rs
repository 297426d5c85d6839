//! Index rows: what a record is found by, in the form in which the tables keep it.

use std::cmp::Ordering;

use medcor_fhir::{
    Id, ResourceType,
    search::{IndexEntry, IndexValue, ParameterId, index_entries_for},
};
use serde_json::Value;

use super::indexed;

/// Most bytes of a text in an index row. Longer ones are cut, and searches for longer ones re-check.
pub(crate) const TEXT_BYTES_MAX: usize = 512;

/// `index_reference.target_type` of a reference with nothing but a display or an identifier.
pub(crate) const TARGET_NONE: u8 = 254;
/// `index_reference.target_type` of a URL.
pub(crate) const TARGET_URL: u8 = 255;

/// One row of one index table. Ordered, so that versions can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IndexRow {
    String { parameter: ParameterId, folded: Box<str>, exact: Box<str> },
    Token { parameter: ParameterId, code: Box<str>, system: i64 },
    Reference { parameter: ParameterId, target: Box<str>, target_type: u8 },
    Date { parameter: ParameterId, low: i64, high: i64 },
    Number { parameter: ParameterId, low: Float, high: Float, system: i64, code: Box<str>, unit: Box<str> },
    Uri { parameter: ParameterId, value: Box<str> },
}

/// Everything that a version is found by.
#[derive(Debug, Clone)]
pub(crate) struct Indexed {
    /// In order, each once.
    pub(crate) rows: Vec<IndexRow>,
    /// See `resource.is_chart`.
    pub(crate) is_chart: bool,
    /// See `resource.moment`; [`NO_MOMENT`] without one.
    pub(crate) moment: i64,
    pub(crate) moment_end: i64,
}

/// `moment` and `moment_end` of a record without a date.
pub(crate) const NO_MOMENT: i64 = i64::MIN;

impl Indexed {
    /// What the resource in `patient`'s compartment is found by.
    pub(crate) fn of(resource_type: ResourceType, value: &Value, patient: Option<&Id>) -> Self {
        let chart = indexed::chart_parameter(resource_type);
        let moment = indexed::moment_parameter(resource_type);
        let is_wanted = |parameter| {
            Some(parameter) == chart
                || Some(parameter) == moment
                || indexed::has_rows(resource_type, parameter)
        };
        let entries = index_entries_for(resource_type, value, &is_wanted);
        let is_chart = is_chart(&entries, chart, patient);
        let mut indexed = Self { rows: Vec::with_capacity(entries.len()), is_chart, ..Self::none() };
        for entry in &entries {
            if is_chart && Some(entry.parameter) == chart {
                continue;
            }
            if Some(entry.parameter) == moment {
                indexed.widen_moment(&entry.value);
            } else if let Some(row) = row_of(entry) {
                indexed.rows.push(row);
            }
        }
        indexed.rows.sort_unstable();
        indexed.rows.dedup();
        indexed
    }

    /// What a deletion is found by.
    pub(crate) fn none() -> Self {
        Self { rows: Vec::new(), is_chart: false, moment: NO_MOMENT, moment_end: NO_MOMENT }
    }

    /// A principal date is one value; of several the whole span counts.
    fn widen_moment(&mut self, value: &IndexValue<'_>) {
        let IndexValue::Date { low, high } = value else {
            return;
        };
        let is_first = self.moment_end == NO_MOMENT;
        self.moment = if is_first { *low } else { self.moment.min(*low) };
        self.moment_end = self.moment_end.max(*high);
    }
}

/// Splits two ordered lists of rows into those only before and those only after.
pub(crate) fn difference(before: Vec<IndexRow>, after: Vec<IndexRow>) -> (Vec<IndexRow>, Vec<IndexRow>) {
    if before.is_empty() {
        return (before, after);
    }
    let removed = before.iter().filter(|row| after.binary_search(row).is_err()).cloned().collect();
    let added = after.into_iter().filter(|row| before.binary_search(row).is_err()).collect();
    (removed, added)
}

/// Whether the chart parameter refers to the compartment's patient and to nobody else.
fn is_chart(entries: &[IndexEntry<'_>], chart: Option<ParameterId>, patient: Option<&Id>) -> bool {
    let (Some(chart), Some(patient)) = (chart, patient) else {
        return false;
    };
    let mut values = entries.iter().filter(|entry| entry.parameter == chart).peekable();
    values.peek().is_some()
        && values.all(|entry| match &entry.value {
            IndexValue::Reference { target: Some((of, id)), .. } => {
                *of == ResourceType::PATIENT && *id == patient.as_str()
            }
            _ => false,
        })
}

/// The row of an entry; `None` for what is evaluated on bodies alone.
fn row_of(entry: &IndexEntry<'_>) -> Option<IndexRow> {
    let parameter = entry.parameter;
    let text = |text: &str| Box::from(cut(text));
    Some(match &entry.value {
        IndexValue::String { folded, exact } => {
            let exact = if folded == exact { "" } else { exact };
            IndexRow::String { parameter, folded: text(folded), exact: text(exact) }
        }
        IndexValue::Token { system, code, .. } => {
            IndexRow::Token { parameter, code: text(code), system: system_number(system.as_deref()) }
        }
        IndexValue::Reference { target: Some((of, id)), .. } => {
            IndexRow::Reference { parameter, target: text(id), target_type: of.code() }
        }
        IndexValue::Reference { url: Some(url), .. } => {
            IndexRow::Reference { parameter, target: text(url), target_type: TARGET_URL }
        }
        IndexValue::Reference { .. } => {
            IndexRow::Reference { parameter, target: Box::default(), target_type: TARGET_NONE }
        }
        IndexValue::Date { low, high } => IndexRow::Date { parameter, low: *low, high: *high },
        IndexValue::Number { low, high } => IndexRow::Number {
            parameter,
            low: Float(*low),
            high: Float(*high),
            system: 0,
            code: Box::default(),
            unit: Box::default(),
        },
        IndexValue::Quantity { low, high, system, code, unit } => IndexRow::Number {
            parameter,
            low: Float(*low),
            high: Float(*high),
            system: system_number(system.as_deref()),
            code: text(code.as_deref().unwrap_or_default()),
            unit: text(unit.as_deref().unwrap_or_default()),
        },
        IndexValue::Uri(uri) => IndexRow::Uri { parameter, value: text(uri) },
        IndexValue::OfType { .. } | IndexValue::Composite(_) => return None,
    })
}

/// A number in the total order of IEEE 754.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Float(pub(crate) f64);

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float {}

/// The number under which a system's URI stands in index rows: 0 for none, else the first 63 bits of its
/// SHA-256. A hash needs no table of systems, no cache and no second look-up.
pub(crate) fn system_number(system: Option<&str>) -> i64 {
    let Some(system) = system.filter(|system| !system.is_empty()) else {
        return 0;
    };
    let digest = ring::digest::digest(&ring::digest::SHA256, system.as_bytes());
    let bytes = digest.as_ref().first_chunk::<8>().expect("a SHA-256 has 32 bytes");
    i64::from_be_bytes(*bytes) & i64::MAX
}

/// The text as index rows keep it.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}
