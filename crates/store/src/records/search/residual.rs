//! The filters of a search that SQL can't tell: they are asked of each record found.

use std::sync::Arc;

use medcor_fhir::search::{Filter, IndexEntry, ParameterId, Query, index_entries_for};
use serde_json::Value;

use crate::{Record, StoreError};

/// Some filters of a query.
#[derive(Debug)]
pub(super) struct Residual {
    query: Arc<Query>,
    /// Which filters, by their position.
    positions: Vec<usize>,
    /// The parameters whose values they need.
    parameters: Vec<ParameterId>,
}

impl Residual {
    pub(super) fn new(query: &Arc<Query>, positions: &[usize]) -> Self {
        let parameters = positions.iter().filter_map(|position| match query.filters.get(*position) {
            Some(Filter::Parameter { parameter, .. }) => Some(parameter.id),
            Some(Filter::Id(_) | Filter::LastUpdated(_)) | None => None,
        });
        let parameters = parameters.collect();
        Self { query: Arc::clone(query), positions: positions.to_vec(), parameters }
    }

    /// The parameters whose values it needs.
    pub(super) fn parameters(&self) -> &[ParameterId] {
        &self.parameters
    }

    /// Whether a record with these values matches.
    pub(super) fn matches(&self, record: &Record, entries: &[IndexEntry<'_>]) -> bool {
        let mut filters = self.positions.iter().filter_map(|position| self.query.filters.get(*position));
        filters.all(|filter| filter.matches(&record.id, record.last_updated, entries))
    }

    /// Whether a record matches, by the values in it.
    pub(super) fn holds(&self, record: &Record) -> Result<bool, StoreError> {
        if self.positions.is_empty() {
            return Ok(true);
        }
        let value = values_of(record, &self.parameters)?;
        Ok(self.matches(record, &entries(record, &value, &self.parameters)))
    }
}

/// The body of a record, as far as values of these parameters are in it.
pub(super) fn values_of(record: &Record, wanted: &[ParameterId]) -> Result<Value, StoreError> {
    if wanted.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&record.body).map_err(|_invalid| StoreError::Damaged("a body is not JSON"))
}

/// The values of these parameters.
pub(super) fn entries<'v>(record: &Record, value: &'v Value, wanted: &[ParameterId]) -> Vec<IndexEntry<'v>> {
    if wanted.is_empty() {
        return Vec::new();
    }
    index_entries_for(record.resource_type, value, &|parameter| wanted.contains(&parameter))
}
