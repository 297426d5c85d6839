//! Showing and listing reports that were kept.

use medcor_fhir::{Id, ResourceType, search::Query};
use medcor_tools::{
    Area, Effect, Listing, ListingBuilder, Need, ROWS_DEFAULT, Ref, Synonym, Tool, ToolContext, ToolError,
    kind, synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{
    content::{Part, Report},
    kept::{self, Charts, Kept},
    kind::ReportType,
};

type R = ResourceType;

/// What tells whether the caller still sees what a report was made of.
const NEEDS: &[Need] = &[
    // Listing too: the documented scope for reports reads and makes them.
    Need::read(R::MEASURE_REPORT),
    Need::read_if_allowed(R::PATIENT),
    Need::search_if_allowed(R::PATIENT),
    Need::read_if_allowed(R::ALLERGY_INTOLERANCE),
    Need::read_if_allowed(R::CONDITION),
    Need::read_if_allowed(R::MEDICATION_REQUEST),
    Need::read_if_allowed(R::MEDICATION_DISPENSE),
    Need::read_if_allowed(R::OBSERVATION),
    Need::read_if_allowed(R::IMMUNIZATION),
    Need::read_if_allowed(R::PROCEDURE),
    Need::read_if_allowed(R::ENCOUNTER),
    Need::read_if_allowed(R::CARE_PLAN),
    Need::read_if_allowed(R::QUESTIONNAIRE_RESPONSE),
    Need::AdministerIfAllowed(Area::Figures),
    Need::search_if_allowed(R::APPOINTMENT),
    Need::search_if_allowed(R::INVOICE),
];

/// Shows a report exactly as it was made, or more rows of a long one.
///
/// Reports about a patient are shown to who made them, as long as they see the chart; reports about the organisation to
/// its administrators. For everybody else there is none of this id.
#[derive(Deserialize, JsonSchema)]
pub(in crate::analytics) struct GetReport {
    /// The id that `generate_report` answered, from `list_reports`.
    #[schemars(length(min = 1, max = 200))]
    report_id: Option<String>,
    /// Most rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before.
    #[schemars(length(max = 20))]
    cursor: Option<String>,
}

impl Tool for GetReport {
    const NAME: &'static str = "get_report";
    const TITLE: &'static str = "Show a report";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] = &[synonym("id", "report_id"), synonym("report", "report_id")];
    const KEYWORDS: &'static [&'static str] = &["stored report", "analytics", "generated report"];
    type Output = Report;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Report, ToolError> {
        let Some(text) = &self.report_id else {
            return Err(ToolError::invalid(
                "/report_id",
                "is missing: give the report_id of generate_report; list_reports lists yours",
            ));
        };
        let not_there = || ToolError::not_found("report of yours");
        let id = Id::new(text.trim()).ok_or_else(not_there)?;
        let record = cx.records().read(R::MEASURE_REPORT, &id).await?.ok_or_else(not_there)?;
        let kept = Kept::of(&record)?.ok_or_else(not_there)?;
        if !kept.opens(&mut Charts::default(), cx).await? {
            return Err(not_there());
        }
        let part = Part { limit: self.limit, cursor: self.cursor.as_deref() };
        kept.content()?.answered(&kept.id, part)
    }
}

/// Lists the reports that you made, newest first, without what they say.
#[derive(Deserialize, JsonSchema)]
pub(in crate::analytics) struct ListReports {
    /// Only reports of this type.
    report_type: Option<ReportType>,
    /// Only reports about this patient.
    patient: Option<Ref<kind::Patient>>,
    /// Rows.
    #[schemars(range(min = 1, max = 20))]
    limit: Option<u32>,
    /// Number of the page, from 1; a cursor is better.
    #[schemars(range(min = 1, max = 10))]
    page: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// A report in a list.
#[derive(Serialize, JsonSchema)]
pub(in crate::analytics) struct ReportRow {
    id: String,
    report_id: String,
    report_type: ReportType,
    title: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    generated_at: String,
    generated_by: String,
    /// The first day that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_from: Option<String>,
    /// The last day that it is of, else when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_to: Option<String>,
}

impl Tool for ListReports {
    const NAME: &'static str = "list_reports";
    const TITLE: &'static str = "List own reports";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] = &[synonym("type", "report_type")];
    const KEYWORDS: &'static [&'static str] = &["my reports", "stored reports", "analytics"];
    type Output = Listing<ReportRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<ReportRow>, ToolError> {
        let mut applied = Map::new();
        let mut query =
            Query::new(R::MEASURE_REPORT).with("_tag", &kept::owner_tag(cx))?.with("_sort", "-date")?;
        if let Some(kind) = self.report_type {
            applied.insert("report_type".to_owned(), kind.word().into());
            query = query.with("measure", &kept::measure(kind))?;
        }
        if let Some(patient) = &self.patient {
            applied.insert("patient".to_owned(), patient.id().as_str().into());
            query = query.with("patient", &patient.reference())?;
        }
        query.count = self.limit.unwrap_or(ROWS_DEFAULT);
        query.cursor = self.cursor;
        let page = cx.page(query, self.page).await?;
        let (mut rows, mut charts) = (ListingBuilder::new(), Charts::default());
        let mut last = page.records.len().checked_sub(1).filter(|_| page.has_more);
        for (index, record) in page.records.iter().enumerate() {
            // What the caller does not see any more is no report of theirs, so a page may be shorter than asked.
            let Some(kept) = Kept::of(record)? else { continue };
            if kept.opens(&mut charts, cx).await? && !rows.push(&ReportRow::of(&kept))? {
                last = index.checked_sub(1);
                break;
            }
        }
        let listing = rows.finish(applied);
        Ok(match last.and_then(|last| page.cursor_after(last)) {
            Some(next) => listing.with_more(Some(next)),
            None if listing.is_empty() => listing.with_hint("You have made none; generate_report makes one."),
            None => listing,
        })
    }
}

impl ReportRow {
    fn of(kept: &Kept<'_>) -> Self {
        let (date_from, date_to) = kept.days();
        Self {
            id: kept.id.to_string(),
            report_id: kept.id.to_string(),
            report_type: kept.kind,
            title: kept.kind.title(),
            status: "complete",
            patient_id: kept.patient.as_ref().map(ToString::to_string),
            generated_at: kept.generated_at(),
            generated_by: kept.generated_by(),
            date_from,
            date_to,
        }
    }
}
