//! A patient's SOAP notes.

use medcor_fhir::{ResourceType, naming::LOINC, search::Query};
use medcor_tools::{
    Effect, Listing, ListingBuilder, Need, Record, Ref, ResourceBinding, Synonym, Tool, ToolContext,
    ToolError, kind, resource, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    composition::{Linked, Note, PROGRESS_NOTE, note},
    history,
    row::{NoteRow, NoteRows},
    visit::{Named, Visit},
};
use crate::{
    listing::{Format, Paging, PatientList, Rows, Subject, listed},
    window::Window,
};

/// Lists SOAP notes, newest first: those of a patient, of one visit, or one note alone with its whole text.
///
/// `view` latest is the newest note with what was added to it, whole; history has every version, each with its
/// difference from the one before, word by word. Patients see what was signed. `intact` false means that the
/// text is not the one that was signed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListSoapNotes {
    /// Whose: id, MRN, telephone number or full name.
    patient: Option<Ref<kind::Patient>>,
    /// Of this visit.
    encounter: Option<Ref<kind::Encounter>>,
    /// Of the visit that this appointment led to.
    appointment: Option<Ref<kind::Appointment>>,
    /// This note alone.
    note: Option<Ref<kind::Composition>>,
    /// A visit by the id of its appointment or encounter, or else a patient, where a URI names one of them.
    #[schemars(length(min = 1, max = 200))]
    visit: Option<String>,
    /// `all` when absent.
    view: Option<View>,
    /// Only notes that stand like this.
    status: Option<NoteStatus>,
    /// Not before this date or date-time, such as 2026-05-01.
    from: Option<String>,
    /// Not after this date or date-time; a date includes its whole day.
    to: Option<String>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    /// `fhir` adds each whole FHIR resource.
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum View {
    All,
    Latest,
    History,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NoteStatus {
    Draft,
    Signed,
    /// Taken back.
    Retracted,
}

impl Tool for ListSoapNotes {
    const NAME: &'static str = "list_soap_notes";
    const TITLE: &'static str = "List SOAP notes";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::search(ResourceType::COMPOSITION),
        Need::search_if_allowed(ResourceType::ENCOUNTER),
        Need::read_if_allowed(ResourceType::APPOINTMENT),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("note_id", "note"), synonym("appointment_id", "appointment")];
    const RESOURCES: &'static [ResourceBinding] = &[
        resource("clinical://soap/all/{visit}").with(&[("view", "all")]),
        resource("clinical://soap/latest/{visit}").with(&[("view", "latest")]),
        resource("clinical://soap/history/{visit}").with(&[("view", "history")]),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["progress notes", "visit notes", "clinical notes", "note history", "versions of a note"];
    type Output = PatientList<NoteRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Self::Output, ToolError> {
        let asked = self.asked(cx).await?;
        let paging = Paging::new(self.limit, self.cursor.clone(), self.format);
        let mut filter = asked.subject.filter();
        if let Some(view) = self.view {
            filter.insert("view".to_owned(), json!(view));
        }
        let list = match (&asked.note, self.view.unwrap_or(View::All)) {
            (Some(note), View::History) => history::of_note(note, &paging, filter, cx).await?,
            (Some(note), _) => whole(std::slice::from_ref(note), &paging, filter, cx).await?,
            (None, View::All) => self.all(&asked, &paging, filter, cx).await?,
            (None, View::Latest) => {
                let notes = newest(self.query(&asked, cx)?, asked.visit.as_ref(), cx).await?;
                whole(&notes, &paging, filter, cx).await?
            }
            (None, View::History) => {
                let query = self.query(&asked, cx)?;
                history::of_notes(query, asked.visit.as_ref(), &paging, filter, cx).await?
            }
        };
        Ok(asked.subject.list(list))
    }
}

/// Whose notes, and which of them.
struct Asked {
    subject: Subject,
    visit: Option<Visit>,
    note: Option<Record>,
}

impl ListSoapNotes {
    async fn asked(&self, cx: &mut ToolContext<'_>) -> Result<Asked, ToolError> {
        if let Some(reference) = &self.note {
            let record = cx.record(reference).await?;
            note(&record)?;
            let subject = subject_of(&record, self.patient.as_ref(), cx).await?;
            return Ok(Asked { subject, visit: None, note: Some(record) });
        }
        if let Some(encounter) = &self.encounter {
            let record = cx.record(encounter).await?;
            let subject = subject_of(&record, self.patient.as_ref(), cx).await?;
            let visit = Visit::given(Some(encounter), self.appointment.as_ref(), &subject, cx).await?;
            return Ok(Asked { subject, visit: Some(visit), note: None });
        }
        if let Some(appointment) = &self.appointment {
            let record = cx.record(appointment).await?;
            let subject = subject_of(&record, self.patient.as_ref(), cx).await?;
            let visit = Visit::of_appointment(appointment.id(), cx).await?;
            return Ok(Asked { subject, visit: Some(visit), note: None });
        }
        if let Some(patient) = &self.patient {
            return Ok(Asked { subject: Subject::of(patient, cx).await?, visit: None, note: None });
        }
        match &self.visit {
            Some(text) => asked_by_name(text, cx).await,
            None => {
                Err(ToolError::invalid("/patient", "is absent; give patient, encounter, appointment or note"))
            }
        }
    }

    fn query(&self, asked: &Asked, cx: &ToolContext<'_>) -> Result<Query, ToolError> {
        let window = Window::new(self.from.as_deref(), self.to.as_deref(), cx)?;
        let query = asked.subject.query(ResourceType::COMPOSITION)?;
        let query = query.with("type", &format!("{LOINC}|{PROGRESS_NOTE}"))?.with("_sort", "-date")?;
        let query = match self.status {
            Some(NoteStatus::Draft) => query.with("status", "preliminary")?,
            Some(NoteStatus::Signed) => query.with("status", "final,amended")?,
            Some(NoteStatus::Retracted) => query.with("status", "entered-in-error")?,
            None => query.with("status:not", "entered-in-error")?,
        };
        window.narrowed(query, "date")
    }

    async fn all(
        &self,
        asked: &Asked,
        paging: &Paging,
        mut filter: Map<String, Value>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Listing<NoteRow>, ToolError> {
        let window = Window::new(self.from.as_deref(), self.to.as_deref(), cx)?;
        window.echo(&mut filter);
        if let Some(status) = self.status {
            filter.insert("status".to_owned(), json!(status));
        }
        for (name, id) in asked.visit.iter().flat_map(|visit| {
            [("encounter", visit.encounter.as_ref()), ("appointment", visit.appointment.as_ref())]
        }) {
            filter.extend(id.map(|id| (name.to_owned(), id.as_str().into())));
        }
        let mut rows = NoteRows::new(paging).of_visit(asked.visit.clone());
        listed(cx, self.query(asked, cx)?, paging, filter, &mut rows).await
    }
}

/// The patient of a record that the caller named, who is the one that the caller names too.
async fn subject_of(
    record: &Record,
    named: Option<&Ref<kind::Patient>>,
    cx: &mut ToolContext<'_>,
) -> Result<Subject, ToolError> {
    let Some(patient) = &record.patient else { return Err(ToolError::not_found("Patient")) };
    if named.is_some_and(|named| named.id() != patient) {
        return Err(ToolError::invalid("/patient", "is not the patient of this visit or note"));
    }
    Subject::of_record(&cx.read(ResourceType::PATIENT, patient).await?)
}

async fn asked_by_name(text: &str, cx: &mut ToolContext<'_>) -> Result<Asked, ToolError> {
    let (patient, visit) = match Named::of(text, cx).await? {
        Named::Patient(patient) => (patient, None),
        Named::Visit(visit, patient) => (cx.read(ResourceType::PATIENT, &patient).await?, Some(visit)),
    };
    Ok(Asked { subject: Subject::of_record(&patient)?, visit, note: None })
}

/// The newest note that stands for itself, and what was added to it.
async fn newest(
    mut query: Query,
    visit: Option<&Visit>,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Record>, ToolError> {
    query.count = 100;
    let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
    let mut added = Vec::new();
    for record in page.records {
        let note: Note<'_> = view(&record)?;
        if !note.is_soap() || visit.is_some_and(|visit| !visit.has(&note)) {
            continue;
        }
        if let Some(target) = note.linked(Linked::Appends) {
            added.push((target, record));
            continue;
        }
        let id = record.id.clone();
        let mut notes = vec![record];
        notes.extend(added.into_iter().filter(|(target, _)| *target == id).map(|(_, record)| record));
        return Ok(notes);
    }
    Ok(added.into_iter().map(|(_, record)| record).take(1).collect())
}

/// These notes with their whole text.
async fn whole(
    records: &[Record],
    paging: &Paging,
    filter: Map<String, Value>,
    cx: &mut ToolContext<'_>,
) -> Result<Listing<NoteRow>, ToolError> {
    let mut rows = NoteRows::new(paging).whole();
    rows.prepare(cx, records).await?;
    let mut builder = ListingBuilder::new();
    for record in records {
        if let Some(row) = rows.row(record)?
            && !builder.push(&row)?
        {
            break;
        }
    }
    Ok(builder.finish(filter))
}
