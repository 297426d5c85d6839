//! Comparison of ranges with the prefixes of FHIR R4 §3.1.1.5.4, as conditions on two columns.

use medcor_fhir::search::{FilterValue, Prefix};

use super::sql::{Mark, Values};
use crate::records::index_row::{cut, system_number};

/// The columns that hold the range of a record's value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) low: &'static str,
    pub(super) high: &'static str,
}

/// A date: in the record and in the search `low` is inside and `high` outside.
pub(super) fn date(values: &mut Values, value: &FilterValue, columns: Columns) -> Option<String> {
    let FilterValue::Date { prefix, low, high } = value else { return None };
    let (low, high) = (values.bind(*low), values.bind(*high));
    Some(compared(*prefix, columns, low, high))
}

/// Whether [`date`] makes one range of the low column, which an index on it reads at a stretch.
pub(super) fn is_of_low(alternatives: &[FilterValue]) -> bool {
    let is_range = |prefix: &Prefix| matches!(prefix, Prefix::Eq | Prefix::Lt | Prefix::Sa | Prefix::Ap);
    matches!(alternatives, [FilterValue::Date { prefix, .. }] if is_range(prefix))
}

/// A number or a quantity.
pub(super) fn number(values: &mut Values, value: &FilterValue, columns: Columns) -> Option<String> {
    match value {
        FilterValue::Number { prefix, value, low, high } => {
            Some(compared_number(values, *prefix, (*value, *low, *high), columns))
        }
        FilterValue::Quantity { prefix, value, low, high, system, code } => {
            let test = compared_number(values, *prefix, (*value, *low, *high), columns);
            let code = code.as_deref().map(|code| values.bind(cut(code)));
            let unit = match (system, code) {
                (None, None) => String::new(),
                (None, Some(code)) => format!(" AND (x.code = {code} OR x.unit = {code})"),
                (Some(system), code) => {
                    let system = values.bind(system_number(Some(system)));
                    let code = code.map_or(String::new(), |code| format!(" AND x.code = {code}"));
                    format!(" AND x.system = {system}{code}")
                }
            };
            Some(format!("{test}{unit}"))
        }
        _ => None,
    }
}

fn compared(prefix: Prefix, columns: Columns, low: Mark, high: Mark) -> String {
    let Columns { low: record_low, high: record_high } = columns;
    let contained = format!("({record_low} >= {low} AND {record_high} <= {high})");
    match prefix {
        Prefix::Eq => contained,
        Prefix::Ne => format!("NOT {contained}"),
        Prefix::Gt => format!("{record_high} > {high}"),
        Prefix::Lt => format!("{record_low} < {low}"),
        Prefix::Ge => format!("({record_high} > {high} OR {contained})"),
        Prefix::Le => format!("({record_low} < {low} OR {contained})"),
        Prefix::Sa => format!("{record_low} >= {high}"),
        Prefix::Eb => format!("{record_high} <= {low}"),
        Prefix::Ap => format!("({record_low} < {high} AND {record_high} > {low})"),
    }
}

fn compared_number(
    values: &mut Values,
    prefix: Prefix,
    (value, low, high): (f64, f64, f64),
    columns: Columns,
) -> String {
    let Columns { low: record_low, high: record_high } = columns;
    let mut bind = |number: f64| values.bind(number);
    match prefix {
        Prefix::Eq => format!("({record_low} >= {} AND {record_high} < {})", bind(low), bind(high)),
        Prefix::Ne => format!("NOT ({record_low} >= {} AND {record_high} < {})", bind(low), bind(high)),
        Prefix::Gt => format!("{record_high} > {}", bind(value)),
        Prefix::Lt => format!("{record_low} < {}", bind(value)),
        Prefix::Ge => format!("{record_high} >= {}", bind(value)),
        Prefix::Le => format!("{record_low} <= {}", bind(value)),
        Prefix::Sa => format!("{record_low} > {}", bind(value)),
        Prefix::Eb => format!("{record_high} < {}", bind(value)),
        Prefix::Ap => format!("({record_low} <= {} AND {record_high} >= {})", bind(high), bind(low)),
    }
}
