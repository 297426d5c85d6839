//! Who comes on a day and has not answered the questions before the visit.

use std::collections::HashSet;

use jiff::{ToSpan, civil::Date};
use medcor_fhir::{
    Id, ResourceType,
    naming::PREVISIT_QUESTIONNAIRE,
    primitive::format_instant,
    search::Query,
    view::{Appointment, Patient, QuestionnaireResponse},
};
use medcor_tools::{
    Alias, Effect, Need, Page, Ref, Synonym, Tool, ToolContext, ToolError, alias, detail, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::submit::APPOINTMENT_ITEM;

/// Most appointments of a day that are looked at.
const APPOINTMENTS_MAX: u32 = 200;
/// Patients whose answers are looked up at a time.
const PATIENTS_AT_ONCE: usize = 50;
/// Most answers of them that are looked at.
const RESPONSES_MAX: u32 = 500;

/// Lists the appointments of a day whose patients have not answered the questions before the visit.
///
/// Today when no date is given. Cancelled appointments are left out; answers count for the appointment that
/// they were given for.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListMissingPrevisit {
    /// Which day, as YYYY-MM-DD; today when absent.
    date: Option<String>,
    /// Only with this clinician: id, NPI or full name; clinicians say `me`.
    provider: Option<Ref<kind::Practitioner>>,
}

/// The appointments of a day that nobody has prepared.
#[derive(Serialize, JsonSchema)]
pub(super) struct Missing {
    date: String,
    /// How many appointments there are on that day.
    appointments: usize,
    /// For how many of them somebody answered.
    answered: usize,
    /// The others, the earliest first.
    results: Vec<MissingRow>,
    count: usize,
    /// Whether there are more appointments than were looked at.
    truncated: bool,
}

/// An appointment without answers.
#[derive(Serialize, JsonSchema)]
struct MissingRow {
    appointment_id: String,
    /// In the organisation's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_name: Option<String>,
}

impl Tool for ListMissingPrevisit {
    const NAME: &'static str = "list_missing_previsit";
    const TITLE: &'static str = "List who has not answered before the visit";
    const ALIASES: &'static [Alias] = &[alias("get_missing_previsit")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::search(ResourceType::APPOINTMENT),
        Need::search(ResourceType::QUESTIONNAIRE_RESPONSE),
        Need::read(ResourceType::PATIENT),
    ];
    const SYNONYMS: &'static [Synonym] = &[synonym("day", "date")];
    const KEYWORDS: &'static [&'static str] =
        &["intake form", "pre-visit", "questionnaire", "not filled", "missing form"];
    type Output = Missing;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Missing, ToolError> {
        let date = match &self.date {
            Some(text) => detail::day(text.trim()).map_err(|problem| ToolError::invalid("/date", problem))?,
            None => cx.today(),
        };
        let page = self.booked(date, cx).await?;
        let appointments: Vec<Appointment<'_>> = page.records.iter().map(view).collect::<Result<_, _>>()?;
        let answered = answered(&appointments, cx).await?;
        let mut results = Vec::new();
        for appointment in &appointments {
            if !answered.contains(appointment.id.as_str()) {
                results.push(MissingRow::of(appointment, cx).await?);
            }
        }
        Ok(Missing {
            date: date.to_string(),
            appointments: appointments.len(),
            answered: appointments.len() - results.len(),
            count: results.len(),
            results,
            truncated: page.has_more,
        })
    }
}

impl ListMissingPrevisit {
    async fn booked(&self, date: Date, cx: &mut ToolContext<'_>) -> Result<Page, ToolError> {
        let mut query = Query::new(ResourceType::APPOINTMENT)
            .with("status", "pending,booked,arrived,checked-in,fulfilled")?
            .with("date", &format!("ge{}", format_instant(cx.midnight(date, "/date")?)))?
            .with(
                "date",
                &format!("lt{}", format_instant(cx.midnight(date.saturating_add(1.day()), "/date")?)),
            )?
            .with("_sort", "date")?;
        if let Some(provider) = &self.provider {
            query = query.with("actor", &provider.reference())?;
        }
        query.count = APPOINTMENTS_MAX;
        Ok(cx.records().search(&query).await?)
    }
}

/// The ids of the appointments for which somebody answered.
async fn answered(
    appointments: &[Appointment<'_>],
    cx: &mut ToolContext<'_>,
) -> Result<HashSet<String>, ToolError> {
    let patients = appointments.iter().filter_map(|it| it.actor_id(ResourceType::PATIENT));
    let mut patients: Vec<String> = patients.map(|id| format!("Patient/{id}")).collect();
    patients.sort_unstable();
    patients.dedup();
    let mut answered = HashSet::new();
    for some in patients.chunks(PATIENTS_AT_ONCE) {
        let mut query = Query::new(ResourceType::QUESTIONNAIRE_RESPONSE)
            .with("questionnaire", PREVISIT_QUESTIONNAIRE)?
            .with("status", "completed,amended")?
            .with("patient", &some.join(","))?
            .with("_sort", "-authored")?;
        query.count = RESPONSES_MAX;
        let page = cx.records().search(&query).await?;
        for record in &page.records {
            let response: QuestionnaireResponse<'_> = view(record)?;
            let appointment = response.reference(APPOINTMENT_ITEM);
            let id: Option<Id> = appointment.and_then(|it| it.id_of(ResourceType::APPOINTMENT));
            answered.extend(id.map(|id| id.to_string()));
        }
    }
    Ok(answered)
}

impl MissingRow {
    async fn of(appointment: &Appointment<'_>, cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let start = appointment.start.as_ref().and_then(|start| start.parse::<jiff::Timestamp>().ok());
        let time = start.map(|start| start.to_zoned(cx.time_zone()).strftime("%H:%M").to_string());
        let display = |resource_type| {
            let actor = appointment.actor(resource_type);
            actor.and_then(|actor| actor.display.as_ref()).map(ToString::to_string)
        };
        let patient = appointment.actor_id(ResourceType::PATIENT);
        let patient_name = match (display(ResourceType::PATIENT), &patient) {
            (None, Some(id)) => {
                let record = cx.read(ResourceType::PATIENT, id).await?;
                view::<Patient<'_>>(&record)?.display_name()
            }
            (name, _) => name,
        };
        Ok(Self {
            appointment_id: appointment.id.to_string(),
            time,
            patient_id: patient.map(|id| id.to_string()),
            patient_name,
            doctor_name: display(ResourceType::PRACTITIONER),
        })
    }
}
