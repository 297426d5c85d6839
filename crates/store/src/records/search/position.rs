//! The order of a search and a row's place in it.

use std::cmp::Ordering;

use medcor_fhir::{
    ResourceType,
    search::{IndexEntry, IndexValue, ParameterId, Query, SearchKind, SearchParameter, SortKey},
};

use crate::records::{index_row::cut, indexed};

/// In which order records come: by keys, then by the number of their row.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) keys: Vec<OrderKey>,
    /// The row's number follows the first key, so that an index gives both.
    pub(super) rows_descend: bool,
}

/// One key of an order. Records without a value come last, in both directions.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderKey {
    pub(super) source: Source,
    pub(super) is_descending: bool,
}

/// Where a key's value stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// `resource.id`.
    Id,
    /// `resource.last_updated`.
    Update,
    /// `resource.moment`.
    Moment,
    /// In the record: the least value, or the greatest where the order descends.
    Parameter(&'static SearchParameter),
}

/// The value of one key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Missing,
    Integer(i64),
    Real(f64),
    Text(Box<str>),
}

/// A place in an order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Position {
    pub(super) keys: Vec<Key>,
    pub(super) row: i64,
}

impl Order {
    pub(super) fn of(query: &Query) -> Self {
        let mut keys = Vec::with_capacity(query.sort.len());
        for sort in &query.sort {
            let source = match sort.key {
                SortKey::Id => Source::Id,
                SortKey::LastUpdated => Source::Update,
                SortKey::Parameter(parameter) => Source::of(query.resource_type, parameter),
            };
            keys.push(OrderKey { source, is_descending: sort.is_descending });
        }
        if keys.is_empty() {
            keys.push(OrderKey { source: Source::Update, is_descending: true });
        }
        let rows_descend = keys.first().is_some_and(|key| key.is_descending);
        Self { keys, rows_descend }
    }

    /// The only key, if it is a column of `resource`.
    pub(super) fn column(&self) -> Option<(&'static str, OrderKey)> {
        match self.keys.as_slice() {
            [key] => Some((key.source.column()?, *key)),
            _ => None,
        }
    }

    /// The parameters whose values the keys take from the record.
    pub(super) fn parameters(&self) -> impl Iterator<Item = ParameterId> {
        self.keys.iter().filter_map(|key| match key.source {
            Source::Parameter(parameter) => Some(parameter.id),
            Source::Id | Source::Update | Source::Moment => None,
        })
    }

    pub(super) fn compare(&self, left: &Position, right: &Position) -> Ordering {
        for ((key, left), right) in self.keys.iter().zip(&left.keys).zip(&right.keys) {
            let ordering = left.compare(right, key.is_descending);
            if ordering.is_ne() {
                return ordering;
            }
        }
        if self.rows_descend { right.row.cmp(&left.row) } else { left.row.cmp(&right.row) }
    }
}

impl Source {
    fn of(resource_type: ResourceType, parameter: &'static SearchParameter) -> Self {
        if indexed::moment_parameter(resource_type) == Some(parameter.id) {
            return Self::Moment;
        }
        Self::Parameter(parameter)
    }

    fn column(self) -> Option<&'static str> {
        match self {
            Self::Id => Some("r.id"),
            Self::Update => Some("r.last_updated"),
            Self::Moment => Some("r.moment"),
            Self::Parameter(_) => None,
        }
    }

    /// The index table, and its column, that hold this key in its order.
    pub(super) fn index(self, resource_type: ResourceType) -> Option<(&'static str, &'static str)> {
        let Self::Parameter(parameter) = self else { return None };
        if !indexed::has_rows(resource_type, parameter.id) {
            return None;
        }
        match parameter.kind {
            SearchKind::String => Some(("index_string", "folded")),
            SearchKind::Token => Some(("index_token", "code")),
            SearchKind::Date => Some(("index_date", "low")),
            SearchKind::Number | SearchKind::Quantity => Some(("index_number", "low")),
            SearchKind::Uri => Some(("index_uri", "value")),
            // The chart parameter's values stand elsewhere, and the key of `index_reference` has another order.
            SearchKind::Reference | SearchKind::Composite | SearchKind::Special => None,
        }
    }
}

impl OrderKey {
    /// The value of a key that is taken from the record.
    pub(super) fn of_entries(self, parameter: &SearchParameter, entries: &[IndexEntry<'_>]) -> Key {
        let own = entries.iter().filter(|entry| entry.parameter == parameter.id);
        let values = own.map(|entry| Key::of_value(&entry.value)).filter(|key| *key != Key::Missing);
        let compare = |left: &Key, right: &Key| left.compare(right, false);
        let chosen = if self.is_descending { values.max_by(compare) } else { values.min_by(compare) };
        chosen.unwrap_or(Key::Missing)
    }
}

impl Key {
    fn of_value(value: &IndexValue<'_>) -> Self {
        match value {
            IndexValue::String { folded, .. } => Self::of_text(folded),
            IndexValue::Token { code, .. } => Self::of_text(code),
            IndexValue::Reference { target: Some((_, id)), .. } => Self::of_text(id),
            IndexValue::Reference { url: Some(url), .. } | IndexValue::Uri(url) => Self::of_text(url),
            IndexValue::Date { low, .. } => Self::of_moment(*low),
            IndexValue::Number { low, .. } | IndexValue::Quantity { low, .. } => Self::Real(*low),
            IndexValue::OfType { .. } | IndexValue::Reference { .. } | IndexValue::Composite(_) => {
                Self::Missing
            }
        }
    }

    pub(super) fn of_text(text: &str) -> Self {
        Self::Text(cut(text).into())
    }

    /// A period that was always there has no beginning to sort by.
    pub(super) fn of_moment(low: i64) -> Self {
        if low == i64::MIN { Self::Missing } else { Self::Integer(low) }
    }

    pub(super) fn compare(&self, other: &Self, is_descending: bool) -> Ordering {
        let ordering = match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(right),
            (Self::Real(left), Self::Real(right)) => left.total_cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (left, right) => return left.rank().cmp(&right.rank()),
        };
        if is_descending { ordering.reverse() } else { ordering }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Integer(_) | Self::Real(_) | Self::Text(_) => 0,
            Self::Missing => 1,
        }
    }
}

/// How positions are written into a cursor.
impl Position {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.row.to_be_bytes().to_vec();
        for key in &self.keys {
            match key {
                Key::Missing => bytes.push(0),
                Key::Integer(number) => {
                    bytes.push(1);
                    bytes.extend(number.to_be_bytes());
                }
                Key::Real(number) => {
                    bytes.push(2);
                    bytes.extend(number.to_be_bytes());
                }
                Key::Text(text) => {
                    bytes.push(3);
                    let length =
                        u16::try_from(text.len()).expect("a key is cut to the length of an index row");
                    bytes.extend(length.to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let row = i64::from_be_bytes(take(&mut rest)?);
        let mut keys = Vec::new();
        while let Some((tag, after)) = rest.split_first() {
            rest = after;
            keys.push(match tag {
                0 => Key::Missing,
                1 => Key::Integer(i64::from_be_bytes(take(&mut rest)?)),
                2 => Key::Real(f64::from_be_bytes(take(&mut rest)?)),
                3 => {
                    let length = u16::from_be_bytes(take(&mut rest)?);
                    let (text, after) = rest.split_at_checked(usize::from(length))?;
                    rest = after;
                    Key::Text(std::str::from_utf8(text).ok()?.into())
                }
                _ => return None,
            });
        }
        Some(Self { keys, row })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_bytes() {
        let position = Position {
            keys: vec![
                Key::Missing,
                Key::Integer(i64::MIN),
                Key::Real(f64::NEG_INFINITY),
                Key::Text("müller".into()),
                Key::Text("".into()),
            ],
            row: 77,
        };
        assert_eq!(Position::from_bytes(&position.to_bytes()), Some(position));
        assert_eq!(Position::from_bytes(&[0; 7]), None);
        assert_eq!(Position::from_bytes(&[0, 0, 0, 0, 0, 0, 0, 1, 9]), None);
    }

    #[test]
    fn missing_values_come_last_in_both_directions() {
        let ada = Key::Text("ada".into());
        let bob = Key::Text("bob".into());
        for is_descending in [false, true] {
            assert_eq!(Key::Missing.compare(&ada, is_descending), Ordering::Greater);
        }
        assert_eq!(ada.compare(&bob, false), Ordering::Less);
        assert_eq!(ada.compare(&bob, true), Ordering::Greater);
    }
}
