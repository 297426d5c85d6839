//! What was logged of doses: each a FHIR `MedicationStatement`, derived from its reminder, with the moment at
//! which the dose was due in its dosage.

use jiff::{Timestamp, ToSpan};
use medcor_fhir::{
    Id, ResourceType,
    primitive::{TimeSpan, format_instant},
    view::{CodeableConcept, Dosage, Reference, Text},
};
use medcor_tools::{Record, ToolContext, ToolError, view};
use serde::Deserialize;
use serde_json::{Value, json};

use super::reminder::Reminder;
use crate::listing::Subject;

/// A dose that is taken within so many minutes of its time is on time.
pub(super) const ON_TIME_MINUTES: i64 = 60;
/// A dose can be logged as its own until the next one, and no longer than this.
const OPEN_HOURS: i64 = 24;
/// Rows of one page.
const PAGE_ROWS: u32 = 200;
/// Most logged doses that one answer is computed from.
const INTAKES_MAX: usize = 5000;

/// What became of a dose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Taken,
    Late,
    Skipped,
    /// Its time has passed and nothing was logged.
    Missed,
    /// It is due and can still be taken.
    Open,
}

/// A dose that was logged.
#[derive(Debug, Clone)]
pub(super) struct Intake {
    pub(super) record: Record,
    pub(super) reminder: Id,
    pub(super) due: Timestamp,
    /// When it was taken; `None` where it was skipped.
    pub(super) taken: Option<Timestamp>,
    pub(super) reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatementView<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    status_reason: Vec<CodeableConcept<'a>>,
    #[serde(borrow)]
    derived_from: Vec<Reference<'a>>,
    #[serde(borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    dosage: Vec<Dosage<'a>>,
}

impl Intake {
    /// Reads a record; `None` where it is no dose of a reminder, or was taken back.
    fn of(record: &Record) -> Result<Option<Self>, ToolError> {
        let statement: StatementView<'_> = view(record)?;
        let moment = |text: &str| Timestamp::from_microsecond(TimeSpan::parse(text)?.low).ok();
        let mut derived = statement.derived_from.iter();
        let reminder = derived.find_map(|it| it.id_of(ResourceType::COMMUNICATION_REQUEST));
        let due = statement
            .dosage
            .first()
            .and_then(|dosage| moment(dosage.timing.as_ref()?.event.first()?.as_str()));
        let (Some(reminder), Some(due)) = (reminder, due) else { return Ok(None) };
        let taken = match statement.status.as_str() {
            "completed" => Some(statement.effective_date_time.as_deref().and_then(moment).unwrap_or(due)),
            "not-taken" => None,
            _ => return Ok(None),
        };
        let reason = statement.status_reason.first().and_then(|reason| reason.text().map(str::to_owned));
        Ok(Some(Self { record: record.clone(), reminder, due, taken, reason }))
    }

    pub(super) fn state(&self) -> State {
        match self.taken {
            None => State::Skipped,
            Some(taken) if is_late(self.due, taken) => State::Late,
            Some(_) => State::Taken,
        }
    }
}

/// Whether a dose that is taken at this moment is late.
pub(super) fn is_late(due: Timestamp, taken: Timestamp) -> bool {
    taken.as_second() - due.as_second() > ON_TIME_MINUTES * 60
}

/// The moment at which a dose can no longer be logged as its own.
pub(super) fn closes(due: Timestamp, next: Option<Timestamp>) -> Timestamp {
    let latest = due.checked_add(OPEN_HOURS.hours()).unwrap_or(due);
    next.map_or(latest, |next| next.min(latest))
}

/// The doses that were logged of those due from this moment to that one, and whether these are all.
pub(super) async fn intakes(
    subject: &Subject,
    (from, to): (Timestamp, Timestamp),
    cx: &mut ToolContext<'_>,
) -> Result<(Vec<Intake>, bool), ToolError> {
    let margin = OPEN_HOURS.hours();
    let (first, last) = (from.checked_sub(margin).unwrap_or(from), to.checked_add(margin).unwrap_or(to));
    let edge =
        |prefix: &str, moment: Timestamp| format!("{prefix}{}", format_instant(moment.as_microsecond()));
    let query = subject.query(ResourceType::MEDICATION_STATEMENT)?;
    let query = query.with("status", "completed,not-taken")?;
    let mut query = query.with("effective", &edge("ge", first))?.with("effective", &edge("le", last))?;
    query = query.with("_sort", "-effective")?;
    query.count = PAGE_ROWS;
    let mut intakes = Vec::new();
    loop {
        let page = cx.records().search(&query).await?;
        for record in &page.records {
            intakes.extend(Intake::of(record)?.filter(|intake| (from..to).contains(&intake.due)));
        }
        let next = page.records.len().checked_sub(1).and_then(|last| page.cursor_after(last));
        if !page.has_more || next.is_none() {
            return Ok((intakes, true));
        }
        if intakes.len() >= INTAKES_MAX {
            return Ok((intakes, false));
        }
        query.cursor = next;
    }
}

/// What is written of one dose.
pub(super) struct Log<'l> {
    pub(super) reminder: &'l Reminder,
    pub(super) due: Timestamp,
    /// When it was taken; `None` where it was skipped.
    pub(super) taken: Option<Timestamp>,
    pub(super) reason: Option<&'l str>,
    pub(super) notes: Option<&'l str>,
    /// Who says so: a reference.
    pub(super) source: Option<Value>,
}

impl Log<'_> {
    pub(super) fn resource(&self, subject: &Subject, now: Timestamp) -> Value {
        let instant = |moment: Timestamp| format_instant(moment.as_microsecond());
        let mut dosage = json!({ "timing": { "event": [instant(self.due)] } });
        if let Some(text) = &self.reminder.dosage {
            dosage["text"] = text.as_str().into();
        }
        let mut resource = json!({
            "resourceType": "MedicationStatement",
            "status": if self.taken.is_some() { "completed" } else { "not-taken" },
            "medicationCodeableConcept": { "text": self.reminder.medication },
            "subject": { "reference": subject.reference },
            "effectiveDateTime": instant(self.taken.unwrap_or(self.due)),
            "dateAsserted": instant(now),
            "derivedFrom": [{ "reference": format!("CommunicationRequest/{}", self.reminder.id) }],
            "dosage": [dosage],
        });
        if let Some(prescription) = &self.reminder.prescription {
            resource["basedOn"] = json!([{ "reference": format!("MedicationRequest/{prescription}") }]);
        }
        if let Some(reason) = self.reason {
            resource["statusReason"] = json!([{ "text": reason }]);
        }
        if let Some(notes) = self.notes {
            resource["note"] = json!([{ "text": notes }]);
        }
        if let Some(source) = &self.source {
            resource["informationSource"] = source.clone();
        }
        resource
    }
}
