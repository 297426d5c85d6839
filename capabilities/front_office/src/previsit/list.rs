//! Listing what patients answered before their visits.

use jiff::{ToSpan, civil::Date};
use medcor_fhir::{
    ResourceType, naming::PREVISIT_QUESTIONNAIRE, primitive::format_instant, search::Query,
    view::QuestionnaireResponse,
};
use medcor_tools::{
    Alias, Effect, Format, FreeText, Listing, Need, ROWS_DEFAULT, Raw, Record, Ref, ResourceBinding, Tool,
    ToolContext, ToolError, alias,
    detail::{self, Problems},
    kind, resource, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::submit::{APPOINTMENT_ITEM, NOTES_ITEM};

/// Lists what patients answered before their visits, newest first.
///
/// Narrow it to a patient or to the days on which answers were submitted.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListPrevisitResponses {
    /// Whose: id, MRN, telephone number or full name.
    patient: Option<Ref<kind::Patient>>,
    /// Submitted on this day or later, as YYYY-MM-DD.
    from: Option<String>,
    /// Submitted on this day or earlier, as YYYY-MM-DD.
    to: Option<String>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    #[serde(default)]
    format: Format,
}

/// The answers of one patient to one questionnaire.
#[derive(Serialize, JsonSchema)]
pub(super) struct ResponseRow {
    id: String,
    /// The same as `id`.
    response_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submitted_at: Option<String>,
    is_complete: bool,
    responses: Vec<AnswerRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

/// A question and its answer.
#[derive(Serialize, JsonSchema)]
struct AnswerRow {
    link_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<FreeText>,
}

impl Tool for ListPrevisitResponses {
    const NAME: &'static str = "list_previsit_responses";
    const TITLE: &'static str = "List answers before visits";
    const ALIASES: &'static [Alias] = &[alias("get_previsit_responses")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::search(ResourceType::QUESTIONNAIRE_RESPONSE), Need::read(ResourceType::PATIENT)];
    const RESOURCES: &'static [ResourceBinding] =
        &[resource("previsit://all"), resource("previsit://date-range/{from}/{to}")];
    const KEYWORDS: &'static [&'static str] = &["intake form", "pre-visit", "questionnaire", "survey"];
    type Output = Listing<ResponseRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<ResponseRow>, ToolError> {
        let mut applied = Map::new();
        let mut query = Query::new(ResourceType::QUESTIONNAIRE_RESPONSE)
            .with("questionnaire", PREVISIT_QUESTIONNAIRE)?
            .with("status:not", "entered-in-error")?
            .with("_sort", "-authored")?;
        if let Some(patient) = &self.patient {
            applied.insert("patient".to_owned(), patient.id().as_str().into());
            query = query.with("patient", &patient.reference())?;
        }
        let days = Days::checked(self.from.as_deref(), self.to.as_deref())?;
        for (name, day) in [("from", days.from), ("to", days.to)] {
            if let Some(day) = day {
                applied.insert(name.to_owned(), day.to_string().into());
            }
        }
        if let Some(from) = days.from {
            query = query.with("authored", &format!("ge{}", format_instant(cx.midnight(from, "/from")?)))?;
        }
        if let Some(after) = days.to.and_then(|to| to.checked_add(1.day()).ok()) {
            query = query.with("authored", &format!("lt{}", format_instant(cx.midnight(after, "/to")?)))?;
        }
        query.count = self.limit.unwrap_or(ROWS_DEFAULT);
        query.cursor = self.cursor;
        let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
        let listing = Listing::of_page(&page, applied, |record| ResponseRow::of(record, self.format))?;
        let is_empty = listing.is_empty();
        let hint = "Nobody answered; submit_previsit_response keeps answers.";
        Ok(if is_empty { listing.with_hint(hint) } else { listing })
    }
}

/// The days that are asked for, in the organisation's time zone, both inside.
struct Days {
    from: Option<Date>,
    to: Option<Date>,
}

impl Days {
    fn checked(from: Option<&str>, to: Option<&str>) -> Result<Self, ToolError> {
        let mut problems = Problems::default();
        let from = problems.checked("from", from, detail::day);
        let to = problems.checked("to", to, detail::day);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            problems.add("to", "is before `from`");
        }
        problems.refuse()?;
        Ok(Self { from, to })
    }
}

impl ResponseRow {
    fn of(record: &Record, format: Format) -> Result<Self, ToolError> {
        let response: QuestionnaireResponse<'_> = view(record)?;
        let (mut responses, mut notes) = (Vec::new(), None);
        for answered in response.answers() {
            match answered.link_id.as_str() {
                APPOINTMENT_ITEM => {}
                NOTES_ITEM => notes = FreeText::new(&answered.answer),
                _ => responses.push(AnswerRow {
                    link_id: answered.link_id,
                    question: answered.question.as_deref().and_then(FreeText::new),
                    answer: FreeText::new(&answered.answer),
                }),
            }
        }
        let appointment = response.reference(APPOINTMENT_ITEM);
        Ok(Self {
            id: record.id.to_string(),
            response_id: record.id.to_string(),
            patient_id: record.patient.as_ref().map(ToString::to_string),
            patient_name: response
                .subject
                .as_ref()
                .and_then(|subject| subject.display.as_ref())
                .map(ToString::to_string),
            appointment_id: appointment
                .and_then(|appointment| appointment.id_of(ResourceType::APPOINTMENT))
                .map(|id| id.to_string()),
            submitted_at: response.authored.as_ref().map(ToString::to_string),
            is_complete: matches!(response.status.as_str(), "completed" | "amended"),
            responses,
            notes,
            fhir: format.resource_of(record)?,
        })
    }
}
