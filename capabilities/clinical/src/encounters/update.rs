//! Going on with an encounter: its next status, what was found, what is to be said.

use medcor_fhir::{
    ResourceType,
    primitive::TimeSpan,
    view::{Encounter, Text},
};
use medcor_tools::{
    ArgumentProblem, Effect, Need, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{
    Map, Value, json,
    value::{RawValue, to_raw_value},
};

use super::{
    appointment::follow,
    course::refuse_impossible,
    create::{WrittenEncounter, claim_of, named_provider, place, words},
    diagnosis::Found,
    row::{EncounterStatus, PLANNED_START},
};
use crate::{
    annotation,
    edit::{Edit, refuse_stale},
    window::Moment,
};

/// Most characters of one diagnosis.
const DIAGNOSIS_LENGTH_MAX: usize = 200;

/// Goes on with a visit or stay: its status, diagnoses, notes, reason, time, provider, place.
///
/// A scheduled encounter becomes arrived, in progress and completed; until it is completed it can be
/// cancelled. Its appointment goes along (`CHECKED_IN`, `IN_PROGRESS`, COMPLETED). A step that can't follow is
/// refused with `PRECONDITION` and the ones that can. A diagnosis is added to the chart's conditions, unless it
/// stands there under the same words. Notes are added to those that there are. Pass the version that you read as
/// `expected_version` to be sure that nobody else changed it.
#[derive(Deserialize, JsonSchema)]
pub(super) struct UpdateEncounter {
    /// Which: id or identifier.
    encounter: Ref<kind::Encounter>,
    /// What it becomes.
    status: Option<EncounterStatus>,
    /// What was found, in words; the main diagnosis first.
    #[schemars(length(max = 10))]
    diagnosis: Option<Vec<String>>,
    /// A remark that is added.
    #[schemars(length(max = 10_000))]
    notes: Option<String>,
    /// Why the patient comes, in the place of what was said before.
    #[schemars(length(min = 1, max = 500))]
    reason: Option<String>,
    /// Another time for an encounter that is scheduled and has no appointment.
    scheduled_at: Option<String>,
    /// When it ended, with status completed; now when absent.
    completed_at: Option<String>,
    /// Where the patient went afterwards, in words.
    #[schemars(length(min = 1, max = 200))]
    discharged_to: Option<String>,
    /// Who sees the patient too.
    provider: Option<Ref<kind::Practitioner>>,
    /// Where it goes on.
    location: Option<Ref<kind::Location>>,
    /// The `version` that your change is based on.
    #[schemars(range(min = 1))]
    expected_version: Option<u32>,
}

impl Tool for UpdateEncounter {
    const NAME: &'static str = "update_encounter";
    const TITLE: &'static str = "Go on with an encounter";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::ENCOUNTER),
        Need::update(ResourceType::ENCOUNTER),
        Need::read_if_allowed(ResourceType::PATIENT),
        Need::read_if_allowed(ResourceType::APPOINTMENT),
        Need::update_if_allowed(ResourceType::APPOINTMENT),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::LOCATION),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
        Need::search_if_allowed(ResourceType::CONDITION),
        Need::create_if_allowed(ResourceType::CONDITION),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("id", "encounter"),
        synonym("diagnoses", "diagnosis"),
        synonym("note", "notes"),
        synonym("ended_at", "completed_at"),
        synonym("location_id", "location"),
        synonym("disposition", "discharged_to"),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["visit", "check in", "arrive", "finish a visit", "discharge", "cancel a visit", "diagnose"];
    type Output = WrittenEncounter;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<WrittenEncounter, ToolError> {
        let record = cx.record(&self.encounter).await?;
        refuse_stale(&record, self.expected_version, "encounter")?;
        let encounter: Encounter<'_> = view(&record)?;
        let given = self.checked(&encounter, cx)?;
        let mut edit = Edit::of(&record)?;
        if let Some(status) = self.status.filter(|status| status.code() != encounter.status.as_str()) {
            step(&mut edit, status, &encounter, given.end.as_deref(), cx)?;
        }
        if let Some(moment) = &given.scheduled_at {
            edit.object.set("period", &json!({ "start": moment }))?;
            edit.changed("scheduled_at");
        }
        if let Some(reason) = &given.reason {
            edit.object.set("reasonCode", &json!([{ "text": reason }]))?;
            edit.changed("reason");
        }
        if let Some(place) = &given.discharged_to {
            edit.merge("hospitalization", &[("dischargeDisposition", json!({ "text": place }))])?;
            edit.changed("discharged_to");
        }
        self.people_and_places(&mut edit, cx).await?;
        if let Some(note) = annotation::of_writer(self.notes.as_deref(), cx).await? {
            edit.add("extension", &note)?;
            edit.changed("notes");
        }
        Found::new(&record, &encounter).add(&given.diagnoses, &mut edit, cx).await?;
        let (written, changed) = edit.stage(&record, cx)?;
        let message = match changed.as_slice() {
            [] => "All was so already".to_owned(),
            changed => format!("Changed {}", changed.join(", ")),
        };
        let mut appointment_status = None;
        if changed.contains(&"status") {
            appointment_status = follow_all(&view(&written)?, cx).await?;
        }
        let mut answer = WrittenEncounter::of(&written, message, changed, cx).await?;
        answer.appointment_status = appointment_status;
        Ok(answer)
    }
}

/// The appointments of an encounter stand as it does, as far as the caller may see them.
async fn follow_all(
    encounter: &Encounter<'_>,
    cx: &mut ToolContext<'_>,
) -> Result<Option<&'static str>, ToolError> {
    let mut status = None;
    for id in encounter.appointment.iter().filter_map(|it| it.id_of(ResourceType::APPOINTMENT)) {
        if !cx.may_read(ResourceType::APPOINTMENT) {
            break;
        }
        if let Some(record) = cx.records().read(ResourceType::APPOINTMENT, &id).await? {
            status = follow(&record, &encounter.status, cx)?.or(status);
        }
    }
    Ok(status)
}

/// What was given, checked.
#[derive(Default)]
struct Given {
    scheduled_at: Option<String>,
    end: Option<String>,
    reason: Option<String>,
    discharged_to: Option<String>,
    diagnoses: Vec<String>,
}

impl UpdateEncounter {
    fn checked(&self, encounter: &Encounter<'_>, cx: &ToolContext<'_>) -> Result<Given, ToolError> {
        let mut problems = Vec::new();
        let mut given = Given {
            reason: words(self.reason.as_deref(), "/reason", &mut problems),
            discharged_to: words(self.discharged_to.as_deref(), "/discharged_to", &mut problems),
            ..Given::default()
        };
        for (index, text) in self.diagnosis.iter().flatten().enumerate() {
            let path = format!("/diagnosis/{index}");
            given.diagnoses.extend(words(Some(text), &path, &mut problems));
            if text.chars().count() > DIAGNOSIS_LENGTH_MAX {
                let problem =
                    format!("is longer than {DIAGNOSIS_LENGTH_MAX} characters; name the diagnosis alone");
                problems.push(ArgumentProblem { path, problem });
            }
        }
        match self.scheduled_at.as_deref().map(|text| scheduled(text, encounter, cx)) {
            Some(Ok(moment)) => given.scheduled_at = Some(moment),
            Some(Err(problem)) => problems.push(problem),
            None => {}
        }
        match self.completed_at.as_deref().map(|text| Moment::past(Some(text), "/completed_at", cx)) {
            Some(Ok(_)) if self.status.map(EncounterStatus::code) != Some("finished") => {
                let problem = "goes with status completed".to_owned();
                problems.push(ArgumentProblem { path: "/completed_at".to_owned(), problem });
            }
            Some(Ok(moment)) => given.end = Some(moment.text),
            Some(Err(problem)) => problems.push(problem),
            None => {}
        }
        if problems.is_empty() { Ok(given) } else { Err(ToolError::Validation(problems)) }
    }

    async fn people_and_places(&self, edit: &mut Edit, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        let names = |item: &RawValue, reference: &str| item.get().contains(&format!("\"{reference}\""));
        if let Some(provider) = &self.provider {
            let reference = provider.reference();
            if !edit.object.items("participant")?.iter().any(|item| names(item, &reference)) {
                let individual = named_provider(provider, cx).await?;
                edit.add("participant", &json!({ "individual": individual }))?;
                edit.changed("provider");
            }
        }
        if let Some(location) = &self.location {
            let here = json!({ "location": place(location, cx).await?, "status": "active" });
            let mut places = vec![to_raw_value(&here)?];
            let reference = location.reference();
            let known = edit.object.items("location")?;
            places.extend(known.into_iter().filter(|item| !names(item, &reference)));
            edit.object.set("location", &places)?;
            edit.changed("location");
        }
        Ok(())
    }
}

fn scheduled(text: &str, encounter: &Encounter<'_>, cx: &ToolContext<'_>) -> Result<String, ArgumentProblem> {
    let problem = |problem: &str| {
        Err(ArgumentProblem { path: "/scheduled_at".to_owned(), problem: problem.to_owned() })
    };
    let moment = Moment::whenever(text, "/scheduled_at", cx)?;
    if encounter.status != "planned" {
        return problem("is for an encounter that is still scheduled");
    }
    if !encounter.appointment.is_empty() {
        return problem("follows the appointment; reschedule that");
    }
    if moment.span.high <= cx.now().as_microsecond() {
        return problem("is in the past");
    }
    Ok(moment.text)
}

/// The next status; the one before goes to FHIR's history of statuses.
fn step(
    edit: &mut Edit,
    status: EncounterStatus,
    encounter: &Encounter<'_>,
    end: Option<&str>,
    cx: &mut ToolContext<'_>,
) -> Result<(), ToolError> {
    refuse_impossible(&encounter.status, status)?;
    let now = Moment::now(cx).text;
    let mut period = Map::new();
    if let Some(since) = last_step(edit)? {
        period.insert("start".to_owned(), since.into());
    }
    period.insert("end".to_owned(), now.as_str().into());
    edit.add("statusHistory", &json!({ "status": encounter.status.as_str(), "period": period }))?;
    edit.object.set("status", &status.code())?;
    let start = encounter.period.as_ref().and_then(|period| period.start.as_ref()).map(Text::to_string);
    match status.code() {
        "in-progress" => {
            if let Some(planned) = start {
                edit.add("extension", &json!({ "url": PLANNED_START, "valueDateTime": planned }))?;
            }
            edit.object.set("period", &json!({ "start": now }))?;
        }
        "finished" => {
            let end = end.unwrap_or(&now);
            refuse_backwards(start.as_deref(), end)?;
            edit.merge("period", &[("end", end.into())])?;
        }
        "cancelled" => {
            let booked = encounter.appointment.iter().filter_map(|it| it.id_of(ResourceType::APPOINTMENT));
            for appointment in booked {
                cx.records().release(claim_of(appointment.as_str()));
            }
        }
        _ => {}
    }
    edit.changed("status");
    Ok(())
}

/// When the status before the present one ended.
fn last_step(edit: &Edit) -> Result<Option<String>, ToolError> {
    let steps = edit.object.items("statusHistory")?;
    let Some(last) = steps.last() else { return Ok(None) };
    let last: Value = serde_json::from_str(last.get())?;
    Ok(last.pointer("/period/end").and_then(Value::as_str).map(str::to_owned))
}

/// An end before the begin is refused.
fn refuse_backwards(start: Option<&str>, end: &str) -> Result<(), ToolError> {
    match (start.and_then(TimeSpan::parse), TimeSpan::parse(end)) {
        (Some(start), Some(end)) if end.high <= start.low => {
            Err(ToolError::invalid("/completed_at", "is before the encounter began"))
        }
        _ => Ok(()),
    }
}
