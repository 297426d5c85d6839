//! What a report says: as it is stored, and as it is answered, the same each time.

use medcor_fhir::{Id, view::Patient};
use medcor_tools::{
    BYTES_MAX, Listing, ListingBuilder, ROWS_MAX, Record, SecurityLabel, ToolContext, ToolError, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::kind::ReportType;

/// What was reported, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) report_type: ReportType,
    /// FHIR `dateTime`.
    pub(super) generated_at: String,
    pub(super) generated_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) patient: Option<Subject>,
    pub(super) period: Span,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) security_labels: Vec<SecurityLabel>,
    #[serde(flatten)]
    pub(super) findings: Findings,
}

/// What the sources said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Findings {
    /// A chart at a glance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<Map<String, Value>>,
    /// Sums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) figures: Option<Map<String, Value>>,
    /// A table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<Vec<Map<String, Value>>>,
    /// Whether there was more than a report holds.
    #[serde(default)]
    pub(super) is_cut: bool,
}

/// The patient whom a report is about.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Subject {
    pub(super) patient_id: String,
    /// Medical record number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<String>,
}

/// The time that a report is of.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Span {
    /// First day or moment; open where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// Last day or moment; until the report was made where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    /// IANA name: days are those of this zone.
    pub(super) time_zone: String,
}

/// A report.
#[expect(clippy::struct_field_names, reason = "they are the documented names of an answer")]
#[derive(Serialize, JsonSchema)]
pub(in crate::analytics) struct Report {
    report_id: String,
    /// The same as `report_id`.
    id: String,
    report_type: ReportType,
    title: &'static str,
    /// A report is always complete: it is made while one waits.
    status: &'static str,
    /// When it was made. What was found later is not in it.
    generated_at: String,
    /// Who made it.
    generated_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    /// Whom it is about; absent where it is about the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<Subject>,
    period: Span,
    /// The first day of `period`.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_from: Option<String>,
    /// The last day of `period`.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_to: Option<String>,
    /// The security labels of the records that it was made of, all of which hold for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    security_labels: Vec<String>,
    /// Of a patient summary: as `get_patient_summary` answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Map<String, Value>>,
    /// Sums over the organisation. What 1 to 4 patients stand behind is left out and named in `suppressed`. Where there
    /// is `rounded_to`, every count here and in the rows is rounded down to a multiple of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<Map<String, Value>>,
    /// Whether there was more than a report holds: narrow the dates. In a summary, sections with `truncated` have more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    incomplete: bool,
    /// The rows of every other type.
    #[serde(flatten)]
    table: Option<Listing<Line>>,
}

/// One row of a report.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Line(Map<String, Value>);

/// Which rows of a report are answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'p> {
    /// Most rows.
    pub(super) limit: Option<u32>,
    /// How many rows were answered before, as an earlier answer says.
    pub(super) cursor: Option<&'p str>,
}

impl Part<'_> {
    /// Where a report begins.
    pub(super) const FIRST: Self = Self { limit: None, cursor: None };
}

impl Subject {
    /// Whom this record of type `Patient` is about.
    pub(super) fn of(record: &Record) -> Result<Self, ToolError> {
        let patient: Patient<'_> = view(record)?;
        Ok(Self {
            patient_id: record.id.to_string(),
            mrn: patient.mrn().map(str::to_owned),
            name: patient.display_name(),
            date_of_birth: patient.birth_date.as_deref().map(str::to_owned),
        })
    }
}

impl Span {
    pub(super) fn new(from: Option<String>, to: Option<String>, cx: &ToolContext<'_>) -> Self {
        Self { from, to, time_zone: cx.tenant().time_zone.clone() }
    }
}

impl Content {
    /// The report of this id, with the rows that are asked for.
    ///
    /// # Errors
    ///
    /// A `VALIDATION_ERROR` for a cursor that is none of this report's.
    pub(super) fn answered(mut self, id: &Id, part: Part<'_>) -> Result<Report, ToolError> {
        let rows = self.findings.rows.take();
        let table = rows.map(|rows| self.table(rows, part)).transpose()?;
        let labels =
            self.security_labels.iter().filter_map(|label| label.code.clone().or(label.display.clone()));
        Ok(Report {
            report_id: id.to_string(),
            id: id.to_string(),
            report_type: self.report_type,
            title: self.report_type.title(),
            status: "complete",
            security_labels: labels.collect(),
            generated_at: self.generated_at,
            generated_by: self.generated_by,
            patient_id: self.patient.as_ref().map(|patient| patient.patient_id.clone()),
            patient: self.patient,
            date_from: self.period.from.clone(),
            date_to: self.period.to.clone(),
            period: self.period,
            summary: self.findings.summary,
            figures: self.findings.figures,
            incomplete: self.findings.is_cut,
            table,
        })
    }

    fn table(&self, rows: Vec<Map<String, Value>>, part: Part<'_>) -> Result<Listing<Line>, ToolError> {
        let begin = match part.cursor {
            Some(cursor) => cursor.parse().ok().filter(|begin| *begin <= rows.len()).ok_or_else(|| {
                ToolError::invalid("/cursor", "is not `next_cursor` of this report; begin without it")
            })?,
            None => 0,
        };
        let limit = part.limit.unwrap_or(ROWS_MAX) as usize;
        let mut builder = ListingBuilder::new();
        // Figures stand beside the rows, and share their room.
        let mut room = BYTES_MAX.saturating_sub(serde_json::to_string(&self.findings.figures)?.len());
        let all = rows.len();
        for row in rows.into_iter().skip(begin).take(limit) {
            let size = serde_json::to_string(&row)?.len();
            if size > room && !builder.is_empty() || !builder.push(&Line(row))? {
                break;
            }
            room = room.saturating_sub(size);
        }
        let end = begin + builder.len();
        let total = u64::try_from(all).unwrap_or(u64::MAX);
        let listing = builder.finish(self.filter()).with_total(total);
        Ok(if end < all { listing.with_more(Some(end.to_string())) } else { listing })
    }

    /// What was asked.
    fn filter(&self) -> Map<String, Value> {
        let mut filter = Map::new();
        filter.insert("report_type".to_owned(), self.report_type.word().into());
        let patient = self.patient.as_ref().map(|patient| &patient.patient_id);
        for (name, value) in
            [("patient", patient), ("from", self.period.from.as_ref()), ("to", self.period.to.as_ref())]
        {
            if let Some(value) = value {
                filter.insert(name.to_owned(), value.as_str().into());
            }
        }
        filter
    }
}
