//! The latest record of each kind among those of a page, which is in order, the newest first.

use std::collections::HashSet;

use medcor_fhir::view::{Observation, Text};
use medcor_tools::{Page, Record, ToolError, view};

use crate::{
    flag::judged,
    listing::Rows,
    section::{Section, texts},
    vital_row::is_void,
};

/// Most records among which the latest of each kind are looked for.
pub(super) const LATEST_SCANNED: u32 = 200;

/// The latest record of each kind.
pub(super) struct Latest {
    records: Vec<(Record, bool)>,
    /// Whether records were left unread, among which there may be other kinds.
    has_more: bool,
}

impl Latest {
    /// Of the records of this page the first of each code.
    pub(super) fn of_each(page: &Page) -> Result<Self, ToolError> {
        let mut seen: HashSet<String> = HashSet::new();
        let mut latest = Vec::new();
        for record in &page.records {
            let observation: Observation<'_> = view(record)?;
            if is_void(&observation.status) {
                continue;
            }
            let code = observation.code.code().or_else(|| observation.code.text.as_ref().map(Text::as_str));
            if seen.insert(code.unwrap_or_default().to_owned()) {
                latest.push((record.clone(), is_abnormal(&observation)));
            }
        }
        Ok(Self { records: latest, has_more: page.has_more })
    }

    /// Those that the record itself calls abnormal first.
    pub(super) fn abnormal_first(mut self) -> Self {
        self.records.sort_by_key(|(_, is_abnormal)| !is_abnormal);
        self
    }

    /// The rows of these records.
    pub(super) fn section<R: Rows>(
        self,
        rows: &mut R,
        limit: usize,
        tool: &'static str,
    ) -> Result<Section<R::Row<'static>>, ToolError> {
        let records: Vec<Record> = self.records.into_iter().map(|(record, _)| record).collect();
        Ok(Section::of_rows(texts(&records, rows)?, limit, self.has_more, tool))
    }
}

fn is_abnormal(observation: &Observation<'_>) -> bool {
    let judged = judged(
        observation.value_quantity.as_ref(),
        &observation.interpretation,
        &observation.reference_range,
    );
    judged.is_some_and(|(flag, _)| flag.is_abnormal())
}
