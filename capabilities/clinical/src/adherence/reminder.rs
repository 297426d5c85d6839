//! What a reminder is: a FHIR `CommunicationRequest` whose next due moment is its `occurrenceDateTime`, with
//! medication, dose and times of the day in a `MedicationRequest` within it.

use jiff::{Timestamp, tz::TimeZone};
use medcor_fhir::{
    Id, RawObject, ResourceType,
    primitive::{TimeSpan, format_instant},
    view::{CodeableConcept, MedicationRequest, Reference, Text},
};
use medcor_tools::{Action, Record, ToolContext, ToolError, view};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::schedule::Schedule;
use crate::listing::Subject;

/// HL7's codes of what a communication is for.
pub(super) const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/communication-category";
/// Most reminders of one patient that are looked at.
const REMINDERS_MAX: u32 = 200;
/// The record within the reminder that says what is taken and when.
const SCHEDULE_ID: &str = "schedule";

/// A reminder, read.
#[derive(Debug, Clone)]
pub(crate) struct Reminder {
    pub(super) id: Id,
    /// `active`, `completed` or `revoked`.
    pub(super) status: String,
    pub(super) medication: String,
    pub(super) dosage: Option<String>,
    pub(super) prescription: Option<Id>,
    pub(super) schedule: Schedule,
}

/// What a new reminder says.
pub(super) struct Draft<'d> {
    pub(super) medication: &'d str,
    pub(super) dosage: Option<&'d str>,
    pub(super) prescription: Option<&'d Id>,
    pub(super) schedule: &'d Schedule,
    /// Who wants it: a reference.
    pub(super) requester: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RequestView<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    authored_on: Option<Text<'a>>,
    #[serde(borrow)]
    based_on: Vec<Reference<'a>>,
    #[serde(borrow)]
    contained: Vec<&'a RawValue>,
}

impl Reminder {
    /// Reads a record; `None` where it is no reminder of a medication.
    pub(super) fn of(record: &Record, zone: &TimeZone) -> Result<Option<Self>, ToolError> {
        let request: RequestView<'_> = view(record)?;
        let contained = request.contained.iter();
        let contained =
            contained.filter_map(|text| serde_json::from_str::<MedicationRequest<'_>>(text.get()).ok());
        let Some(planned) = contained.into_iter().find(|contained| contained.id == *SCHEDULE_ID) else {
            return Ok(None);
        };
        let authored = request.authored_on.as_deref().and_then(TimeSpan::parse);
        let since = authored.and_then(|span| Timestamp::from_microsecond(span.low).ok());
        let Some(dosage) = planned.dosage_instruction.first() else { return Ok(None) };
        let repeat = dosage.timing.as_ref().and_then(|timing| timing.repeat.as_ref());
        let schedule = repeat.and_then(|repeat| Schedule::read(repeat, since.unwrap_or_default(), zone));
        let Some(schedule) = schedule else { return Ok(None) };
        let medication = planned.medication_codeable_concept.as_ref().and_then(CodeableConcept::text);
        let of_prescription = |reference: &Reference<'_>| reference.id_of(ResourceType::MEDICATION_REQUEST);
        Ok(Some(Self {
            id: record.id.clone(),
            status: request.status.to_string(),
            medication: medication.unwrap_or_default().to_owned(),
            dosage: dosage.text.as_deref().map(str::to_owned),
            prescription: request.based_on.iter().find_map(of_prescription),
            schedule,
        }))
    }

    pub(super) fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// What the patient is told.
    pub(super) fn message(&self) -> String {
        message(&self.medication, self.dosage.as_deref())
    }
}

/// What the patient is told.
pub(super) fn message(medication: &str, dosage: Option<&str>) -> String {
    match dosage {
        Some(dosage) => format!("Time to take {medication}, {dosage}"),
        None => format!("Time to take {medication}"),
    }
}

/// The patient's reminders, newest first. `statuses` as in FHIR, such as `active`.
pub(super) async fn reminders(
    subject: &Subject,
    statuses: Option<&str>,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<(Record, Reminder)>, ToolError> {
    let mut query = subject.query(ResourceType::COMMUNICATION_REQUEST)?.with("category", "reminder")?;
    if let Some(statuses) = statuses {
        query = query.with("status", statuses)?;
    }
    query = query.with("_sort", "-authored")?;
    query.count = REMINDERS_MAX;
    let zone = cx.time_zone();
    let page = cx.records().search(&query).await?;
    let mut reminders = Vec::new();
    for record in page.records {
        if let Some(reminder) = Reminder::of(&record, &zone)? {
            reminders.push((record, reminder));
        }
    }
    Ok(reminders)
}

/// Ends the active reminders of a prescription that is no longer taken; how many there were. Does without
/// where the caller may not see or change reminders.
pub(crate) async fn end_reminders(
    subject: &Subject,
    prescription: &Id,
    cx: &mut ToolContext<'_>,
) -> Result<u32, ToolError> {
    if !cx.reaches_all(Action::Update, ResourceType::COMMUNICATION_REQUEST) {
        return Ok(0);
    }
    let mut ended = 0;
    for (record, reminder) in reminders(subject, Some("active"), cx).await? {
        if reminder.prescription.as_ref() == Some(prescription) {
            let resource = ended_at(&record, cx.now())?;
            cx.records().update(&record, medcor_fhir::ParsedResource::parse(resource)?)?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// The record of a reminder that ends at this moment: later doses are not expected.
pub(super) fn ended_at(record: &Record, now: Timestamp) -> Result<String, ToolError> {
    let mut object = RawObject::parse(&record.body)?;
    let mut contained: Vec<Value> = Vec::new();
    for item in object.items("contained")? {
        let mut item: Value = serde_json::from_str(item.get())?;
        if item["id"] == SCHEDULE_ID {
            let end = item.pointer_mut("/dosageInstruction/0/timing/repeat/boundsPeriod/end");
            if let Some(end) = end {
                *end = format_instant(now.as_microsecond()).into();
            }
        }
        contained.push(item);
    }
    object.set("contained", &contained)?;
    object.set("status", &"revoked")?;
    Ok(object.to_text()?)
}

impl Draft<'_> {
    pub(super) fn resource(&self, subject: &Subject, first: Timestamp, now: Timestamp) -> Value {
        let patient = json!({ "reference": subject.reference });
        let mut dosage = Map::new();
        dosage.insert("timing".to_owned(), self.schedule.timing());
        if let Some(text) = self.dosage {
            dosage.insert("text".to_owned(), text.into());
        }
        let mut resource = json!({
            "resourceType": "CommunicationRequest",
            "contained": [{
                "resourceType": "MedicationRequest", "id": SCHEDULE_ID, "status": "active", "intent": "plan",
                "medicationCodeableConcept": { "text": self.medication },
                "subject": patient,
                "dosageInstruction": [dosage],
            }],
            "status": "active",
            "category": [{ "coding": [{ "system": CATEGORY, "code": "reminder" }] }],
            "subject": patient,
            "about": [{ "reference": format!("#{SCHEDULE_ID}") }],
            "payload": [{ "contentString": message(self.medication, self.dosage) }],
            "occurrenceDateTime": format_instant(first.as_microsecond()),
            "authoredOn": format_instant(now.as_microsecond()),
            "recipient": [patient],
        });
        if let Some(prescription) = self.prescription {
            resource["basedOn"] = json!([{ "reference": format!("MedicationRequest/{prescription}") }]);
        }
        if let Some(requester) = &self.requester {
            resource["requester"] = requester.clone();
        }
        resource
    }
}
