//! What becomes of the records that a statement finds: those that match, in order, up to a page.

use std::{cmp::Ordering, ops::ControlFlow, sync::Arc};

use medcor_fhir::search::{IndexEntry, ParameterId, Query};

use super::{
    position::{Key, Order, Position, Source},
    residual::{Residual, entries, values_of},
};
use crate::{
    Record, StoreError,
    database::{Found, SqlValue},
};

/// Where the columns behind a record's own are.
const ROW: usize = 0;
const MOMENT: usize = 1;
const STREAM_VALUE: usize = 2;

/// Takes records one by one and keeps those of the page.
#[derive(Debug)]
pub(super) struct Collector {
    order: Order,
    residual: Residual,
    /// Parameters whose values are needed for filters and order.
    wanted: Vec<ParameterId>,
    arrival: Arrival,
    /// Only rows behind this place.
    after: Option<Position>,
    limit: usize,
    kept: Vec<(Position, Record)>,
    /// Records that match, whatever their place.
    matched: u64,
    error: Option<StoreError>,
}

/// Keeps each record once, in the order of their rows.
pub(super) fn keep_once(found: &mut Vec<Found>) {
    let row = |found: &Found| found.keys.integer(ROW).ok();
    found.sort_by_key(row);
    // A row without a number is an error, which the collector reports.
    found.dedup_by(|later, earlier| row(later).is_some() && row(later) == row(earlier));
}

/// In which order records arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// In the page's own order: it is complete when it is full.
    Ordered,
    /// In the order of the first key, once for each of its values.
    ByFirstKey,
    /// In any order.
    Unordered,
    /// Not to be kept, only counted.
    Counted,
}

impl Collector {
    pub(super) fn new(query: &Arc<Query>, order: &Order, residual: &[usize], arrival: Arrival) -> Self {
        let residual = Residual::new(query, residual);
        let wanted = residual.parameters().iter().copied().chain(order.parameters()).collect();
        Self {
            order: order.clone(),
            residual,
            wanted,
            arrival,
            after: None,
            limit: 0,
            kept: Vec::new(),
            matched: 0,
            error: None,
        }
    }

    pub(super) fn page(mut self, after: Option<Position>, limit: usize) -> Self {
        self.after = after;
        self.limit = limit;
        self
    }

    /// Goes on with records that arrive in another order; those kept stay first.
    pub(super) fn arriving(mut self, arrival: Arrival) -> Self {
        self.arrival = arrival;
        self
    }

    /// Whether records have to arrive in the page's order.
    pub(super) fn is_ordered(&self) -> bool {
        self.arrival == Arrival::Ordered
    }

    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= self.limit
    }

    pub(super) fn visit(&mut self, found: Found) -> ControlFlow<()> {
        match self.take(found) {
            Ok(flow) => flow,
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    pub(super) fn finish(self) -> Result<(Vec<(Position, Record)>, u64), StoreError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok((self.kept, self.matched)),
        }
    }

    /// What has been kept so far, for a further statement to add to.
    pub(super) fn checked(self) -> Result<Self, StoreError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    fn take(&mut self, found: Found) -> Result<ControlFlow<()>, StoreError> {
        let row = found.keys.integer(ROW)?;
        let moment = found.keys.integer(MOMENT)?;
        if self.is_beyond(&found) {
            return Ok(ControlFlow::Break(()));
        }
        let record = found.record;
        let value = values_of(&record, &self.wanted)?;
        let entries = entries(&record, &value, &self.wanted);
        if !self.residual.matches(&record, &entries) {
            return Ok(ControlFlow::Continue(()));
        }
        let position = self.position(row, moment, &record, &entries);
        if self.arrival == Arrival::ByFirstKey && !is_of_its_value(&position, found.keys.0.get(STREAM_VALUE))
        {
            return Ok(ControlFlow::Continue(()));
        }
        self.matched += 1;
        let is_before = |after: &Position| self.order.compare(&position, after) != Ordering::Greater;
        if self.arrival == Arrival::Counted || self.after.as_ref().is_some_and(is_before) {
            return Ok(ControlFlow::Continue(()));
        }
        self.keep(position, record);
        let is_complete = self.arrival == Arrival::Ordered && self.is_full();
        Ok(if is_complete { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Whether rows arrive that can't be on the page any more, because their first key is greater than the
    /// last one kept.
    fn is_beyond(&self, found: &Found) -> bool {
        if self.arrival != Arrival::ByFirstKey || !self.is_full() {
            return false;
        }
        let first = self.order.keys.first().zip(self.kept.last());
        let Some((key, (last, _))) = first else { return false };
        let value = found.keys.0.get(STREAM_VALUE).and_then(Key::of_column);
        let compared =
            value.zip(last.keys.first()).map(|(value, last)| value.compare(last, key.is_descending));
        compared == Some(Ordering::Greater)
    }

    fn position(&self, row: i64, moment: i64, record: &Record, entries: &[IndexEntry<'_>]) -> Position {
        let keys = self.order.keys.iter().map(|key| match key.source {
            Source::Id => Key::of_text(record.id.as_str()),
            Source::Update => Key::Integer(record.last_updated),
            Source::Moment => Key::of_moment(moment),
            Source::Parameter(parameter) => key.of_entries(parameter, entries),
        });
        Position { keys: keys.collect(), row }
    }

    /// Keeps a row if it is among the first.
    fn keep(&mut self, position: Position, record: Record) {
        let place = if self.arrival == Arrival::Ordered {
            self.kept.len()
        } else {
            let order = &self.order;
            let compare = |(kept, _): &(Position, Record)| order.compare(kept, &position);
            match self.kept.binary_search_by(compare) {
                // A row has one place, so it is here already: it has its value in two index rows.
                Ok(_) => return,
                Err(place) => place,
            }
        };
        if place < self.limit {
            self.kept.truncate(self.limit - 1);
            self.kept.insert(place, (position, record));
        }
    }
}

impl Key {
    /// The value of an index row.
    fn of_column(value: &SqlValue) -> Option<Self> {
        match value {
            SqlValue::Integer(number) => Some(Self::of_moment(*number)),
            SqlValue::Real(number) => Some(Self::Real(*number)),
            SqlValue::Text(text) => Some(Self::Text(text.clone())),
            SqlValue::Null | SqlValue::Blob(_) => None,
        }
    }
}

/// Whether the index row is the one by which its record is sorted.
fn is_of_its_value(position: &Position, value: Option<&SqlValue>) -> bool {
    let value = value.and_then(Key::of_column);
    // Zero has two signs, which index rows may not tell apart.
    let is_same = |(key, value): (&Key, &Key)| match (key, value) {
        (Key::Real(key), Key::Real(value)) => key.partial_cmp(value) == Some(Ordering::Equal),
        (key, value) => key == value,
    };
    position.keys.first().zip(value.as_ref()).is_some_and(is_same)
}
