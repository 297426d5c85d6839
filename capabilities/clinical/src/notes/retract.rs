//! Taking a note back that was recorded by mistake.

use medcor_fhir::{Id, ResourceType};
use medcor_tools::{Effect, Need, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    composition::{Linked, note},
    create::WrittenNote,
    version::claim_of_amendment,
};
use crate::{
    annotation,
    edit::{Edit, refuse_stale},
};

/// Takes back a SOAP note that was recorded by mistake, such as one of another patient's visit.
///
/// It is marked as entered in error, with the reason, and leaves the lists; every version stays in its history. To
/// correct what a note says use `version_soap_note`. The note's author and doctors may.
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

impl Tool for RetractSoapNote {
    const NAME: &'static str = "retract_soap_note";
    const TITLE: &'static str = "Take back a SOAP note";
    const EFFECT: Effect = Effect::Deletes;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::COMPOSITION),
        Need::search(ResourceType::COMPOSITION),
        Need::update(ResourceType::COMPOSITION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const IS_CONFIRMED: bool = true;
    const SYNONYMS: &'static [Synonym] = &[synonym("note_id", "note"), synonym("id", "note")];
    const KEYWORDS: &'static [&'static str] =
        &["entered in error", "wrong patient", "withdraw", "delete a note"];
    type Output = WrittenNote;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<WrittenNote, ToolError> {
        let record = cx.record(&self.note).await?;
        refuse_stale(&record, self.expected_version, "note")?;
        let known = note(&record)?;
        known.refuse_others(cx)?;
        if known.is_retracted() {
            let message = "The note was taken back before; nothing was changed".to_owned();
            return WrittenNote::of(&record, message, cx).await;
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
        let (record, _) = edit.stage(&record, cx)?;
        WrittenNote::of(&record, "Took the SOAP note back".to_owned(), cx).await
    }
}
