//! Whether a record satisfies a condition (FHIR R4 §3.1.1.4 and §3.1.1.5).

use super::{Filter, FilterValue, IndexEntry, IndexValue, Modifier, Prefix, name::fold};
use crate::Id;

impl Filter {
    /// Whether a record with these entries, id and last-updated time (microseconds) satisfies this
    /// condition. The meaning of search in one place: the store's SQL must agree with it.
    pub fn matches(&self, id: &Id, last_updated: i64, entries: &[IndexEntry<'_>]) -> bool {
        match self {
            Self::Id(ids) => ids.contains(id),
            Self::LastUpdated(values) => {
                let instant = IndexValue::Date { low: last_updated, high: last_updated + 1 };
                values.iter().any(|wanted| value_matches(None, wanted, &instant))
            }
            Self::Parameter { parameter, modifier, values } => {
                let mut found = entries.iter().filter(|entry| entry.parameter == parameter.id);
                let modifier = modifier.as_ref();
                match modifier {
                    Some(Modifier::Missing(is_missing)) => found.next().is_none() == *is_missing,
                    // Reverses the whole match: records without any value are found too.
                    Some(Modifier::Not) => !found
                        .any(|entry| values.iter().any(|wanted| value_matches(None, wanted, &entry.value))),
                    _ => found.any(|entry| {
                        values.iter().any(|wanted| value_matches(modifier, wanted, &entry.value))
                    }),
                }
            }
        }
    }
}

fn value_matches(modifier: Option<&Modifier>, wanted: &FilterValue, found: &IndexValue<'_>) -> bool {
    match (wanted, found) {
        (FilterValue::String { folded, exact }, IndexValue::String { folded: found, exact: found_exact }) => {
            match modifier {
                Some(Modifier::Exact) => found_exact == exact,
                Some(Modifier::Contains) => found.contains(folded.as_str()),
                _ => found.starts_with(folded.as_str()),
            }
        }
        // `:text`.
        (FilterValue::String { folded, .. }, IndexValue::Token { text, .. }) => {
            text.as_deref().is_some_and(|text| fold(text).starts_with(folded.as_str()))
        }
        (FilterValue::Token { system, code }, IndexValue::Token { system: found, code: found_code, .. }) => {
            system_matches(system.as_deref(), found.as_deref())
                && code.as_ref().is_none_or(|code| code == found_code)
        }
        (
            FilterValue::OfType { system, code, value },
            IndexValue::OfType { system: s, code: c, value: v },
        ) => system == s && code == c && value == v,
        (FilterValue::Reference { .. } | FilterValue::Token { .. }, IndexValue::Reference { .. }) => {
            reference_matches(wanted, found)
        }
        (FilterValue::Date { prefix, low, high }, IndexValue::Date { low: found_low, high: found_high }) => {
            date_matches(*prefix, (*low, *high), (*found_low, *found_high))
        }
        (
            FilterValue::Number { prefix, value, low, high },
            IndexValue::Number { low: found_low, high: found_high },
        ) => number_matches(*prefix, (*value, *low, *high), (*found_low, *found_high)),
        (FilterValue::Quantity { .. }, IndexValue::Quantity { .. }) => quantity_matches(wanted, found),
        (FilterValue::Uri(wanted), IndexValue::Uri(found)) => match modifier {
            Some(Modifier::Below) => is_below(found, wanted),
            Some(Modifier::Above) => is_below(wanted, found),
            _ => wanted == found,
        },
        (FilterValue::Composite(wanted), IndexValue::Composite(found)) => {
            let components = wanted.iter().zip(found);
            components
                .into_iter()
                .all(|(wanted, found)| found.iter().any(|found| value_matches(None, wanted, found)))
        }
        _ => false,
    }
}

/// FHIR R4 §3.1.1.4.10: any system where none is given, no system where an empty one is.
fn system_matches(wanted: Option<&str>, found: Option<&str>) -> bool {
    match wanted {
        None => true,
        Some("") => found.is_none_or(str::is_empty),
        Some(wanted) => found == Some(wanted),
    }
}

fn reference_matches(wanted: &FilterValue, found: &IndexValue<'_>) -> bool {
    let IndexValue::Reference { target, url, identifier } = found else {
        return false;
    };
    match wanted {
        FilterValue::Token { system, code } => identifier.as_ref().is_some_and(|(found, value)| {
            system_matches(system.as_deref(), found.as_deref())
                && code.as_ref().is_none_or(|code| code == value)
        }),
        FilterValue::Reference { resource_type, id: Some(id), .. } => {
            target.as_ref().is_some_and(|(target_type, target_id)| {
                resource_type.is_none_or(|resource_type| resource_type == *target_type)
                    && id.as_str() == target_id
            })
        }
        FilterValue::Reference { url: Some(wanted), .. } => {
            url.as_deref().is_some_and(|found| is_same_canonical(wanted, found))
        }
        _ => false,
    }
}

/// A canonical without a version stands for every version.
fn is_same_canonical(wanted: &str, found: &str) -> bool {
    match found.strip_prefix(wanted) {
        Some("") => true,
        Some(version) => version.starts_with('|') && !wanted.contains('|'),
        None => false,
    }
}

/// FHIR R4 §3.1.1.4.5, on spans whose end is outside.
fn date_matches(prefix: Prefix, wanted: (i64, i64), found: (i64, i64)) -> bool {
    let ((low, high), (found_low, found_high)) = (wanted, found);
    let is_inside = low <= found_low && found_high <= high;
    match prefix {
        Prefix::Eq => is_inside,
        Prefix::Ne => !is_inside,
        Prefix::Gt => found_high > high,
        Prefix::Lt => found_low < low,
        Prefix::Ge => found_high > high || is_inside,
        Prefix::Le => found_low < low || is_inside,
        Prefix::Sa => found_low >= high,
        Prefix::Eb => found_high <= low,
        Prefix::Ap => found_low < high && found_high > low,
    }
}

/// FHIR R4 §3.1.1.4.6: precision counts for equality only.
fn number_matches(prefix: Prefix, wanted: (f64, f64, f64), found: (f64, f64)) -> bool {
    let ((value, low, high), (found_low, found_high)) = (wanted, found);
    let is_inside = low <= found_low && found_high < high;
    match prefix {
        Prefix::Eq => is_inside,
        Prefix::Ne => !is_inside,
        Prefix::Gt => found_high > value,
        Prefix::Lt => found_low < value,
        Prefix::Ge => found_high >= value,
        Prefix::Le => found_low <= value,
        Prefix::Sa => found_low > value,
        Prefix::Eb => found_high < value,
        Prefix::Ap => found_low <= high && found_high >= low,
    }
}

fn quantity_matches(wanted: &FilterValue, found: &IndexValue<'_>) -> bool {
    let FilterValue::Quantity { prefix, value, low, high, system, code } = wanted else {
        return false;
    };
    let IndexValue::Quantity {
        low: found_low,
        high: found_high,
        system: found_system,
        code: found_code,
        unit,
    } = found
    else {
        return false;
    };
    let unit_matches = match (system, code) {
        (Some(system), _) if found_system.as_deref() != Some(system.as_str()) => false,
        (Some(_), Some(code)) => found_code.as_deref() == Some(code.as_str()),
        (None, Some(code)) => {
            found_code.as_deref() == Some(code.as_str()) || unit.as_deref() == Some(code.as_str())
        }
        (_, None) => true,
    };
    unit_matches && number_matches(*prefix, (*value, *low, *high), (*found_low, *found_high))
}

/// Whether a URI is the other or in its folder: `http://a/b` is below `http://a` and `http://a/`.
fn is_below(uri: &str, other: &str) -> bool {
    match uri.strip_prefix(other) {
        Some("") => true,
        Some(rest) => other.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}
