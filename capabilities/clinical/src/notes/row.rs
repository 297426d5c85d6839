//! A SOAP note as a row of an answer.

use std::collections::HashMap;

use medcor_fhir::{
    Id, ResourceType,
    search::Query,
    view::{Reference, Text},
};
use medcor_tools::{FreeText, Raw, Record, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    composition::{Linked, Note},
    difference::difference,
    text::{NoteText, Part},
    visit::Visit,
};
use crate::{
    annotation,
    listing::{Paging, Rows},
    names::{Names, unnamed},
};

/// Most characters of a part in a list; one note alone is shown whole.
const SHOWN_MAX: usize = 1500;
/// The same beside other things of a visit.
const BRIEF_MAX: usize = 300;
/// Most later notes that are looked for behind the notes of one page.
const LATER_MAX: u32 = 200;

/// One SOAP note, or one version of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NoteRow {
    id: String,
    note_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encounter_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_id: Option<String>,
    /// draft, signed, amended (signed, in the place of an earlier note) or retracted.
    status: String,
    version: u32,
    /// When it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subjective: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    objective: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assessment: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<FreeText>,
    /// Whether a part is longer than it is shown; ask for this note alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shortened: bool,
    /// What was said to be the reason of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<FreeText>,
    /// SHA-256 of the text.
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
    /// Whether the text is the one that was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    intact: Option<bool>,
    /// The note in whose place it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    amends: Option<String>,
    /// The note to which it adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    appends: Option<String>,
    /// The note that stands in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    amended_by: Option<String>,
    /// Notes that add to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    appended_by: Vec<String>,
    /// What differs from the version before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<PartChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

/// What changed in one part.
#[derive(Serialize, JsonSchema)]
struct PartChange {
    part: &'static str,
    /// Word by word: `[-removed-]`, `{+added+}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<FreeText>,
    words_added: usize,
    words_removed: usize,
}

impl NoteRow {
    /// Without its text, but for what differs from the text before.
    pub(super) fn since(mut self, before: &NoteText, now: &NoteText) -> Self {
        (self.subjective, self.objective, self.assessment, self.plan) = (None, None, None, None);
        self.shortened = false;
        for part in Part::ALL {
            let (old, new) = (before.part(part).unwrap_or_default(), now.part(part).unwrap_or_default());
            if let Some(found) = difference(old, new) {
                self.changes.push(PartChange {
                    part: part.name(),
                    difference: FreeText::new(&found.text),
                    words_added: found.words_added,
                    words_removed: found.words_removed,
                });
            }
        }
        self
    }
}

/// Rows of SOAP notes.
pub(crate) struct NoteRows<'p> {
    paging: &'p Paging,
    names: Names,
    visit: Option<Visit>,
    /// Most characters of a part.
    shown_max: usize,
    /// What came after a signed note: how it is linked, and its id.
    later: HashMap<Id, Vec<(Linked, Id)>>,
}

impl<'p> NoteRows<'p> {
    pub(crate) fn new(paging: &'p Paging) -> Self {
        Self { paging, names: Names::default(), visit: None, shown_max: SHOWN_MAX, later: HashMap::new() }
    }

    /// Only the notes of this visit.
    pub(super) fn of_visit(self, visit: Option<Visit>) -> Self {
        Self { visit, ..self }
    }

    /// With the whole text of each.
    pub(super) fn whole(self) -> Self {
        Self { shown_max: usize::MAX, ..self }
    }

    /// With the beginning of each part.
    pub(crate) fn brief(self) -> Self {
        Self { shown_max: BRIEF_MAX, ..self }
    }

    fn takes(&self, note: &Note<'_>) -> bool {
        note.is_soap() && self.visit.as_ref().is_none_or(|visit| visit.has(note))
    }

    /// The signed notes that others were linked to since.
    async fn learn_later(&mut self, records: &[Record], cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        let references: Vec<String> = records.iter().map(|it| format!("Composition/{}", it.id)).collect();
        if references.is_empty() || !cx.may_read(ResourceType::COMPOSITION) {
            return Ok(());
        }
        let query = Query::new(ResourceType::COMPOSITION);
        let mut query = query.with("related-ref", &references.join(","))?;
        query.count = LATER_MAX;
        let page = cx.records().search(&query).await?;
        for record in &page.records {
            let note: Note<'_> = view(record)?;
            if note.is_retracted() {
                continue;
            }
            for how in [Linked::Amends, Linked::Appends] {
                if let Some(target) = note.linked(how) {
                    self.later.entry(target).or_default().push((how, record.id.clone()));
                }
            }
        }
        Ok(())
    }

    fn later(&self, id: &Id, how: Linked) -> impl Iterator<Item = String> {
        let links = self.later.get(id).into_iter().flatten();
        links.filter(move |(known, _)| *known == how).map(|(_, id)| id.to_string())
    }

    fn shown(&self, text: Option<&str>, shortened: &mut bool) -> Option<FreeText> {
        let text = text?;
        match text.char_indices().nth(self.shown_max) {
            Some((end, _)) => {
                *shortened = true;
                FreeText::new(&format!("{}…", text.get(..end).unwrap_or_default()))
            }
            None => FreeText::new(text),
        }
    }
}

fn status_word(status: &str) -> &str {
    match status {
        "preliminary" => "draft",
        "final" => "signed",
        "entered-in-error" => "retracted",
        other => other,
    }
}

impl Rows for NoteRows<'_> {
    type Row<'r> = NoteRow;

    fn is_narrow(&self) -> bool {
        self.visit.is_some()
    }

    async fn prepare(&mut self, cx: &mut ToolContext<'_>, records: &[Record]) -> Result<(), ToolError> {
        let mut wanted = Vec::new();
        for record in records {
            let note: Note<'_> = view(record)?;
            if self.takes(&note) {
                let signer = note.signature().and_then(|signature| signature.party.as_ref());
                wanted.extend(note.author.first().into_iter().chain(signer).filter_map(unnamed));
            }
        }
        self.names.learn(wanted, cx).await?;
        self.learn_later(records, cx).await
    }

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<NoteRow>, ToolError> {
        let note: Note<'r> = view(record)?;
        if !self.takes(&note) {
            return Ok(None);
        }
        let text = note.text();
        let patient = record.patient.as_ref().map(ToString::to_string);
        let sha256 = text.sha256(patient.as_deref().unwrap_or_default());
        let signature = note.signature();
        let name = |who: Option<&Reference<'_>>| who.and_then(|who| self.names.of(who));
        let mut shortened = false;
        let id = |id: Option<Id>| id.map(|id| id.to_string());
        Ok(Some(NoteRow {
            id: record.id.to_string(),
            note_id: record.id.to_string(),
            encounter_id: id(note.encounter.as_ref().and_then(|it| it.id_of(ResourceType::ENCOUNTER))),
            appointment_id: id(note.appointment()),
            status: status_word(&note.status).to_owned(),
            version: record.version,
            date: note.date.as_ref().map(Text::to_string),
            author: name(note.author.first()),
            subjective: self.shown(text.part(Part::Subjective), &mut shortened),
            objective: self.shown(text.part(Part::Objective), &mut shortened),
            assessment: self.shown(text.part(Part::Assessment), &mut shortened),
            plan: self.shown(text.part(Part::Plan), &mut shortened),
            shortened,
            reason: annotation::notes(&note.extension),
            signed_by: name(signature.and_then(|signature| signature.party.as_ref())),
            signed_at: signature.and_then(|signature| signature.time.as_ref()).map(Text::to_string),
            intact: signature.and_then(|signature| signature.sha256()).map(|signed| signed == sha256),
            sha256,
            amends: id(note.linked(Linked::Amends)),
            appends: id(note.linked(Linked::Appends)),
            amended_by: self.later(&record.id, Linked::Amends).next(),
            appended_by: self.later(&record.id, Linked::Appends).collect(),
            changes: Vec::new(),
            fhir: self.paging.fhir(record)?,
            patient_id: patient,
        }))
    }
}
