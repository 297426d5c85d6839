//! Taking a note back that was recorded by mistake, and what was measured for it.

use medcor_fhir::{
    Id, ResourceType,
    search::Query,
    view::{CodeableConcept, Text},
};
use medcor_tools::{
    Action, Effect, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    composition::{Linked, Note, note},
    create::WrittenNote,
    version::claim_of_amendment,
};
use crate::{
    annotation,
    edit::{Edit, refuse_stale},
    vital_row::is_void,
};

/// Takes back a SOAP note that was recorded by mistake, such as one of another patient's visit.
///
/// It is marked as entered in error, with the reason, and leaves the lists; every version stays in its history. So
/// are the vital signs that were recorded along, unless another note rests on them or you may not change them: the
/// answer names those that still stand. To correct what a note says use `version_soap_note`. The note's author and
/// doctors may.
#[derive(Deserialize, JsonSchema)]
pub(super) struct RetractSoapNote {
    /// Which note.
    note: Ref<kind::Composition>,
    /// Why it is a mistake; kept in the record.
    #[schemars(length(min = 3, max = 500))]
    reason: String,
    /// The `version` that you read.
    #[schemars(range(min = 1))]
    expected_version: Option<u32>,
}

/// A note that was taken back.
#[derive(Serialize, JsonSchema)]
pub(super) struct RetractedNote {
    #[serde(flatten)]
    note: WrittenNote,
    #[serde(flatten)]
    measured: Measured,
}

/// What becomes of the vital signs of a note.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Measured {
    /// Ids of vital signs that were taken back with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    retracted_observation_ids: Vec<String>,
    /// Ids of observations that the note names and that still stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    standing_observation_ids: Vec<String>,
}

impl Tool for RetractSoapNote {
    const NAME: &'static str = "retract_soap_note";
    const TITLE: &'static str = "Take back a SOAP note";
    const EFFECT: Effect = Effect::Deletes;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::COMPOSITION),
        Need::search(ResourceType::COMPOSITION),
        Need::update(ResourceType::COMPOSITION),
        Need::read_if_allowed(ResourceType::OBSERVATION),
        Need::update_if_allowed(ResourceType::OBSERVATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const IS_CONFIRMED: bool = true;
    const SYNONYMS: &'static [Synonym] = &[synonym("note_id", "note"), synonym("id", "note")];
    const KEYWORDS: &'static [&'static str] =
        &["entered in error", "wrong patient", "withdraw", "delete a note"];
    type Output = RetractedNote;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<RetractedNote, ToolError> {
        let record = cx.record(&self.note).await?;
        refuse_stale(&record, self.expected_version, "note")?;
        let known = note(&record)?;
        known.refuse_others(cx)?;
        if known.is_retracted() {
            let message = "The note was taken back before; nothing was changed".to_owned();
            let note = WrittenNote::of(&record, message, cx).await?;
            return Ok(RetractedNote { note, measured: Measured::default() });
        }
        let Some(reason) = annotation::of_writer(Some(&self.reason), cx).await? else {
            return Err(ToolError::invalid("/reason", "is blank; say why the note is a mistake"));
        };
        let mut edit = Edit::of(&record)?;
        edit.object.set("status", &"entered-in-error")?;
        edit.add("extension", &reason)?;
        if known.is_draft() {
            // Its patient never saw the draft, and sees what is none: the text stays in the versions before.
            edit.object.remove("section");
        }
        edit.changed("status");
        if let Some(amended) = known.linked(Linked::Amends) {
            let amended: &Id = &amended;
            cx.records().release(claim_of_amendment(amended));
        }
        let measured = Measured::of(&record, &known, &reason, cx).await?;
        let (record, _) = edit.stage(&record, cx)?;
        let note = WrittenNote::of(&record, measured.message(), cx).await?;
        Ok(RetractedNote { note, measured })
    }
}

impl Measured {
    /// Stages that what was measured for this note was entered in error.
    async fn of(
        record: &Record,
        known: &Note<'_>,
        reason: &Value,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let mut measured = Self::default();
        let named = known.observations();
        if named.is_empty() {
            return Ok(measured);
        }
        let may_change = cx.reaches_all(Action::Update, ResourceType::OBSERVATION);
        let kept = of_other_notes(record, &named, cx).await?;
        for id in named {
            let is_retracted =
                may_change && !kept.contains(&id) && take_back(&id, record, reason, cx).await?;
            let ids = if is_retracted {
                &mut measured.retracted_observation_ids
            } else {
                &mut measured.standing_observation_ids
            };
            ids.push(id.to_string());
        }
        Ok(measured)
    }

    fn message(&self) -> String {
        let retracted = match self.retracted_observation_ids.len() {
            0 => String::new(),
            1 => ", and 1 vital sign with it".to_owned(),
            count => format!(", and {count} vital signs with it"),
        };
        let standing = match self.standing_observation_ids.as_slice() {
            [] => String::new(),
            ids => format!("; what it names still stands: Observation {}", ids.join(", ")),
        };
        format!("Took the SOAP note back{retracted}{standing}")
    }
}

/// Those of these observations on which another note of the patient rests, such as the one that this one amends.
async fn of_other_notes(
    record: &Record,
    observations: &[Id],
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Id>, ToolError> {
    let Some(patient) = &record.patient else { return Ok(Vec::new()) };
    let entries: Vec<String> = observations.iter().map(|id| format!("Observation/{id}")).collect();
    let query = Query::new(ResourceType::COMPOSITION)
        .with("patient", patient.as_str())?
        .with("entry", &entries.join(","))?
        .with("status:not", "entered-in-error")?;
    let mut kept = Vec::new();
    for other in &cx.records().search(&query).await?.records {
        let note: Note<'_> = view(other)?;
        if other.id != record.id {
            kept.extend(note.observations());
        }
    }
    Ok(kept)
}

/// What tells whether an observation was recorded with a note: imported notes name results, too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Recorded<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    category: Vec<CodeableConcept<'a>>,
}

/// Stages that this vital sign was entered in error; `false` where it is none of the note's patient, or not to be seen.
async fn take_back(
    id: &Id,
    note: &Record,
    reason: &Value,
    cx: &mut ToolContext<'_>,
) -> Result<bool, ToolError> {
    let Some(record) = cx.records().read(ResourceType::OBSERVATION, id).await? else { return Ok(false) };
    let recorded: Recorded<'_> = view(&record)?;
    let is_vital = recorded.category.iter().any(|category| category.code() == Some("vital-signs"));
    if !is_vital || record.patient != note.patient {
        return Ok(false);
    }
    if is_void(&recorded.status) {
        return Ok(true);
    }
    let mut edit = Edit::of(&record)?;
    edit.object.set("status", &"entered-in-error")?;
    edit.add("extension", reason)?;
    edit.changed("status");
    edit.stage(&record, cx)?;
    Ok(true)
}
