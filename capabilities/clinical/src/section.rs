//! Sections of an answer: a few rows of one kind, and which tool has the rest.

use std::{borrow::Cow, marker::PhantomData};

use medcor_fhir::{ResourceType, search::Query};
use medcor_tools::{Record, ToolContext, ToolError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::listing::Rows;

/// Records read at a time for a section of which many are left out.
const SCAN_ROWS: u32 = 100;
/// Most records that one section reads to fill its rows; beyond them it says that there may be more.
const SCANNED_MAX: usize = 1000;
/// Bytes that the rows of one section take at most.
const SECTION_BYTES_MAX: usize = 8 * 1024;
/// Bytes that the rows of all sections take at most, but for the first of each: what a model can take in.
const BYTES_MAX: usize = 24 * 1024;

/// A few rows of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct Section<T> {
    results: Vec<Box<RawValue>>,
    count: usize,
    /// Whether there are more.
    truncated: bool,
    /// The tool that lists all of them.
    tool: &'static str,
    #[serde(skip)]
    row: PhantomData<fn(T)>,
}

impl<T> Section<T> {
    /// A section of these rows, the first of them as far as `limit` goes.
    pub(crate) fn of_rows(
        mut rows: Vec<Box<RawValue>>,
        limit: usize,
        has_more: bool,
        tool: &'static str,
    ) -> Self {
        let truncated = has_more || rows.len() > limit;
        rows.truncate(limit);
        Self { count: rows.len(), results: rows, truncated, tool, row: PhantomData }
    }

    /// Leaves out the last rows where they take more than this; the first one stays. What they take then.
    fn fit(&mut self, bytes: usize) -> usize {
        let (mut taken, mut kept) = (0, 0);
        for row in &self.results {
            let size = row.get().len();
            if kept > 0 && taken + size > bytes {
                break;
            }
            taken += size;
            kept += 1;
        }
        self.truncated |= kept < self.results.len();
        self.results.truncate(kept);
        self.count = kept;
        taken
    }

    /// The rows of a search, which goes on until they are enough: a row may be further back than many
    /// records that are left out.
    async fn of_search<R: Rows>(
        cx: &mut ToolContext<'_>,
        mut query: Query,
        limit: usize,
        rows: &mut R,
        tool: &'static str,
    ) -> Result<Self, ToolError> {
        let exact = u32::try_from(limit).unwrap_or(SCAN_ROWS).saturating_add(1);
        query.count = if rows.is_narrow() { SCAN_ROWS } else { exact };
        let mut taken = Vec::new();
        let mut scanned = 0;
        loop {
            let page = cx.records().search(&query).await?;
            rows.prepare(cx, &page.records).await?;
            taken.extend(texts(&page.records, rows)?);
            scanned += page.records.len();
            let next = page.records.len().checked_sub(1).and_then(|last| page.cursor_after(last));
            if next.is_none() || taken.len() > limit || scanned >= SCANNED_MAX {
                return Ok(Self::of_rows(taken, limit, next.is_some(), tool));
            }
            query.cursor = next;
            query.count = SCAN_ROWS;
        }
    }
}

/// Which section: its name, the type of its records, the tool that lists all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) resource_type: ResourceType,
    pub(crate) tool: &'static str,
}

/// The sections that a chart has.
pub(crate) mod parts {
    use super::{Part, ResourceType as R};

    const fn part(name: &'static str, resource_type: R, tool: &'static str) -> Part {
        Part { name, resource_type, tool }
    }

    pub(crate) const ALLERGIES: Part = part("allergies", R::ALLERGY_INTOLERANCE, "get_allergies");
    pub(crate) const CONDITIONS: Part = part("conditions", R::CONDITION, "list_conditions");
    pub(crate) const MEDICATIONS: Part = part("medications", R::MEDICATION_REQUEST, "list_prescriptions");
    pub(crate) const VITALS: Part = part("vitals", R::OBSERVATION, "get_vital_signs");
    pub(crate) const LABS: Part = part("labs", R::OBSERVATION, "get_lab_results");
    pub(crate) const IMMUNIZATIONS: Part = part("immunizations", R::IMMUNIZATION, "list_immunizations");
    pub(crate) const PROCEDURES: Part = part("procedures", R::PROCEDURE, "list_procedures");
    pub(crate) const ENCOUNTERS: Part = part("encounters", R::ENCOUNTER, "list_encounters");
    pub(crate) const SOAP_NOTES: Part = part("soap_notes", R::COMPOSITION, "list_soap_notes");
    pub(crate) const MEDICAL_RECORDS: Part =
        part("medical_records", R::DOCUMENT_REFERENCE, "list_medical_records");
    pub(crate) const CARE_PLANS: Part = part("care_plans", R::CARE_PLAN, "list_treatment_plans");
    pub(crate) const PREVISIT: Part = part("previsit", R::QUESTIONNAIRE_RESPONSE, "list_previsit_responses");
}

/// Collects sections, and what the caller may not see of them.
#[derive(Debug)]
pub(crate) struct Sections {
    limit: usize,
    /// Bytes that are left for their rows.
    bytes: usize,
    withheld: Vec<&'static str>,
}

impl Sections {
    /// No sections yet; each will have at most so many rows.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, bytes: BYTES_MAX, withheld: Vec::new() }
    }

    /// Whether the caller may see this part; notes it where not.
    pub(crate) fn allows(&mut self, part: Part, cx: &ToolContext<'_>) -> bool {
        let allows = cx.may_read(part.resource_type);
        if !allows {
            self.withheld.push(part.name);
        }
        allows
    }

    /// The section of a search; `None` where the caller may not see it.
    pub(crate) async fn section<R: Rows>(
        &mut self,
        cx: &mut ToolContext<'_>,
        part: Part,
        query: Query,
        rows: &mut R,
    ) -> Result<Option<Section<R::Row<'static>>>, ToolError> {
        if !self.allows(part, cx) {
            return Ok(None);
        }
        let section = Section::of_search(cx, query, self.limit, rows, part.tool).await?;
        Ok(Some(self.fitted(section)))
    }

    /// A section without the rows for which the answer has no room.
    pub(crate) fn fitted<T>(&mut self, mut section: Section<T>) -> Section<T> {
        let taken = section.fit(self.bytes.min(SECTION_BYTES_MAX));
        self.bytes = self.bytes.saturating_sub(taken);
        section
    }

    /// What the caller may not see.
    pub(crate) fn into_withheld(self) -> Vec<&'static str> {
        self.withheld
    }
}

/// The rows of these records, serialised.
pub(crate) fn texts<R: Rows>(records: &[Record], rows: &mut R) -> Result<Vec<Box<RawValue>>, ToolError> {
    let mut texts = Vec::with_capacity(records.len());
    for record in records {
        if let Some(row) = rows.row(record)? {
            texts.push(to_raw_value(&row)?);
        }
    }
    Ok(texts)
}

impl<T: JsonSchema> JsonSchema for Section<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("SectionOf{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let row = generator.subschema_for::<T>();
        json_schema!({
            "type": "object",
            "properties": {
                "results": { "type": "array", "items": row },
                "count": { "type": "integer" },
                "truncated": { "type": "boolean", "description": "Whether there are more." },
                "tool": { "type": "string", "description": "The tool that lists all of them." }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(sizes: &[usize]) -> Section<String> {
        let rows = sizes.iter().map(|size| to_raw_value(&"a".repeat(*size)).unwrap()).collect();
        Section::of_rows(rows, 10, false, "list")
    }

    #[test]
    fn sections_share_what_there_is_room_for_and_each_has_its_first_row() {
        let mut sections = Sections::new(10);
        let whole = sections.fitted(section(&[100, 100]));
        assert_eq!((whole.count, whole.truncated), (2, false));
        let cut = sections.fitted(section(&[6000, 1000, 6000, 10]));
        assert_eq!((cut.count, cut.truncated), (2, true), "rows after one that is left out are left out too");
        let long = sections.fitted(section(&[30_000, 10]));
        assert_eq!((long.count, long.truncated), (1, true));
        let last = sections.fitted(section(&[100, 100]));
        assert_eq!((last.count, last.truncated), (1, true));
    }
}
