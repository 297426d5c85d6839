//! Opening an encounter.

use medcor_fhir::{
    ParsedResource, ResourceType,
    view::{Location, Period, Practitioner, Text},
};
use medcor_tools::{
    ArgumentProblem, Claim, Effect, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym,
    view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    appointment,
    course::{Course, GivenCourse},
    detail::encounter_row,
    row::{EncounterRow, EncounterStatus, EncounterType, PLANNED_START},
};
use crate::{annotation, author::Author, listing::Subject};

/// HL7's classes of encounters.
const CLASS: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// Opens a visit or stay of a patient: one that begins now, one that is planned, or one that took place.
///
/// Without `status` a visit with `scheduled_at` is scheduled and any other is in progress from now on. It
/// books no slot: give `appointment` to record the visit of a booked appointment, of which there is one at
/// most, and which then stands as the visit does (`CHECKED_IN`, `IN_PROGRESS`, COMPLETED). You are its provider
/// unless you name another. Go on with `update_encounter`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateEncounter {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// What kind of visit.
    encounter_type: EncounterType,
    /// Told by the times that are given when absent.
    status: Option<EncounterStatus>,
    /// Why the patient comes, in a few words.
    #[schemars(length(min = 1, max = 500))]
    reason: Option<String>,
    /// A remark on the visit. What was found belongs into a SOAP note.
    #[schemars(length(max = 10_000))]
    notes: Option<String>,
    /// When it is to begin, such as 2026-05-01T10:00.
    scheduled_at: Option<String>,
    /// When it began; now when absent and it is in progress.
    started_at: Option<String>,
    /// When it ended; now when absent and it is completed.
    completed_at: Option<String>,
    /// Who sees the patient: id, NPI or full name.
    provider: Option<Ref<kind::Practitioner>>,
    /// Where.
    location: Option<Ref<kind::Location>>,
    /// The booked appointment that leads to it.
    appointment: Option<Ref<kind::Appointment>>,
}

/// An encounter that was opened or changed.
#[derive(Serialize, JsonSchema)]
pub(super) struct WrittenEncounter {
    success: bool,
    /// In words.
    message: String,
    encounter_id: String,
    /// Names of the parameters that changed something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<&'static str>,
    /// How the appointment stands now, where that changed with the encounter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appointment_status: Option<&'static str>,
    #[serde(flatten)]
    #[schemars(with = "EncounterRow<'static>")]
    encounter: Map<String, Value>,
}

impl WrittenEncounter {
    pub(super) async fn of(
        record: &Record,
        message: String,
        changed: Vec<&'static str>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let encounter = encounter_row(record, cx).await?;
        Ok(Self {
            success: true,
            message,
            encounter_id: record.id.to_string(),
            changed,
            appointment_status: None,
            encounter,
        })
    }
}

impl Tool for CreateEncounter {
    const NAME: &'static str = "create_encounter";
    const TITLE: &'static str = "Open an encounter";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::create(ResourceType::ENCOUNTER),
        Need::search(ResourceType::ENCOUNTER),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::LOCATION),
        Need::read_if_allowed(ResourceType::APPOINTMENT),
        Need::update_if_allowed(ResourceType::APPOINTMENT),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("type", "encounter_type"),
        synonym("appointment_id", "appointment"),
        synonym("location_id", "location"),
        synonym("note", "notes"),
        synonym("scheduled_for", "scheduled_at"),
        synonym("chief_complaint", "reason"),
    ];
    const KEYWORDS: &'static [&'static str] = &["visit", "admission", "check in", "start a visit", "admit"];
    type Output = WrittenEncounter;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<WrittenEncounter, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        let booked = match &self.appointment {
            Some(appointment) => Some(booked(appointment, &subject, cx).await?),
            None => None,
        };
        let mut problems = Vec::new();
        let reason = words(self.reason.as_deref(), "/reason", &mut problems);
        // A visit that is planned for an appointment is planned for its time.
        let is_planned = self.status.is_some_and(|status| status.code() == "planned");
        let of_booking = booked.as_ref().and_then(|booked| booked.start.as_deref());
        let of_booking = of_booking.filter(|_| is_planned && self.scheduled_at.is_none());
        let course = GivenCourse {
            status: self.status,
            scheduled_at: self.scheduled_at.as_deref().or(of_booking),
            started_at: self.started_at.as_deref(),
            completed_at: self.completed_at.as_deref(),
        };
        let Some(course) = course.checked(&mut problems, cx).filter(|_| problems.is_empty()) else {
            return Err(ToolError::Validation(problems));
        };
        let mut resource = self.resource(&subject, &course, cx);
        if let Some(reason) = reason {
            resource["reasonCode"] = json!([{ "text": reason }]);
        }
        if let Some(provider) = self.provider(cx).await? {
            resource["participant"] = json!([{ "individual": provider }]);
        }
        if let Some(location) = &self.location {
            resource["location"] = json!([{ "location": place(location, cx).await? }]);
        }
        if let Some(note) = annotation::of_writer(self.notes.as_deref(), cx).await? {
            push(&mut resource, "extension", note);
        }
        let record = cx.records().create(ParsedResource::from_value(resource)?)?;
        let message = format!("Opened the encounter, which is {}", super::row::status_word(course.status));
        let mut appointment_status = None;
        if let Some(booked) = &booked {
            appointment_status = appointment::follow(&booked.record, course.status, cx)?;
        }
        let written = WrittenEncounter::of(&record, message, Vec::new(), cx).await?;
        Ok(WrittenEncounter { appointment_status, ..written })
    }
}

impl CreateEncounter {
    fn resource(&self, subject: &Subject, course: &Course, cx: &ToolContext<'_>) -> Value {
        let (class, kind) = self.encounter_type.coded();
        let tenant = cx.tenant();
        let mut resource = json!({
            "resourceType": "Encounter",
            "status": course.status,
            "class": { "system": CLASS, "code": class },
            "type": [{ "text": kind }],
            "subject": { "reference": subject.reference },
            "serviceProvider": {
                "reference": format!("Organization/{}", tenant.organization), "display": tenant.name
            },
        });
        let mut period = Map::new();
        for (name, moment) in [("start", &course.start), ("end", &course.end)] {
            period.extend(moment.as_ref().map(|moment| (name.to_owned(), json!(moment))));
        }
        if !period.is_empty() {
            resource["period"] = Value::Object(period);
        }
        if let Some(planned) = &course.planned_start {
            push(&mut resource, "extension", json!({ "url": PLANNED_START, "valueDateTime": planned }));
        }
        if let Some(appointment) = &self.appointment {
            resource["appointment"] = json!([{ "reference": appointment.reference() }]);
        }
        resource
    }

    async fn provider(&self, cx: &mut ToolContext<'_>) -> Result<Option<Value>, ToolError> {
        match &self.provider {
            Some(provider) => named_provider(provider, cx).await.map(Some),
            None => Ok(Author::of_caller(cx).await?.map(|author| json!(author))),
        }
    }
}

fn push(resource: &mut Value, name: &str, item: Value) {
    match resource[name].as_array_mut() {
        Some(items) => items.push(item),
        None => resource[name] = json!([item]),
    }
}

/// What a caller wrote, in one line; blank is a problem.
pub(super) fn words(given: Option<&str>, path: &str, problems: &mut Vec<ArgumentProblem>) -> Option<String> {
    let text = given?.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        problems.push(ArgumentProblem { path: path.to_owned(), problem: "is blank".to_owned() });
    }
    Some(text)
}

/// A reference to a clinician, with the name.
pub(super) async fn named_provider(
    provider: &Ref<kind::Practitioner>,
    cx: &mut ToolContext<'_>,
) -> Result<Value, ToolError> {
    let record = cx.record(provider).await?;
    Ok(reference(&provider.reference(), view::<Practitioner<'_>>(&record)?.display_name().as_deref()))
}

/// A reference to a place, with its name.
pub(super) async fn place(
    location: &Ref<kind::Location>,
    cx: &mut ToolContext<'_>,
) -> Result<Value, ToolError> {
    let record = cx.record(location).await?;
    Ok(reference(&location.reference(), view::<Location<'_>>(&record)?.name.as_deref()))
}

fn reference(reference: &str, display: Option<&str>) -> Value {
    match display {
        Some(display) => json!({ "reference": reference, "display": display }),
        None => json!({ "reference": reference }),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AppointmentView<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(flatten, borrow)]
    period: Period<'a>,
}

struct Booked {
    record: Record,
    start: Option<String>,
}

/// The appointment, if it is this patient's, still stands and has no encounter yet.
async fn booked(
    appointment: &Ref<kind::Appointment>,
    subject: &Subject,
    cx: &mut ToolContext<'_>,
) -> Result<Booked, ToolError> {
    let record = cx.record(appointment).await?;
    let is_own = record.patient.as_ref().is_some_and(|patient| patient.as_str() == subject.patient_id);
    if !is_own {
        return Err(ToolError::invalid("/appointment", "is not an appointment of this patient"));
    }
    let known: AppointmentView<'_> = view(&record)?;
    if matches!(known.status.as_str(), "cancelled" | "noshow" | "entered-in-error") {
        let message = format!("the appointment is {}; open the encounter without it", known.status);
        return Err(ToolError::Precondition(message));
    }
    let query = subject.query(ResourceType::ENCOUNTER)?.with("appointment", &appointment.reference())?;
    let page = cx.records().search(&query.with("status:not", "cancelled,entered-in-error")?).await?;
    if let Some(existing) = page.records.first() {
        let message = format!("the appointment has an encounter already, Encounter/{}", existing.id);
        return Err(ToolError::Conflict(message));
    }
    cx.records().claim(claim_of(appointment.id().as_str()));
    let start = known.period.start.map(|start| start.to_string());
    Ok(Booked { record, start })
}

/// What the one encounter of an appointment holds.
pub(super) fn claim_of(appointment: &str) -> Claim {
    Claim(format!("encounter/appointment/{appointment}"))
}
