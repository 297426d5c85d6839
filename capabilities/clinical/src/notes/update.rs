//! Changing and signing the draft of a SOAP note.

use medcor_fhir::ResourceType;
use medcor_tools::{
    Effect, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, detail::Problems, kind, synonym,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    composition::{Linked, Note, note, refuse_unfit_signer, signature, signed_status},
    create::{WrittenNote, refuse_unfinished},
    text::{GivenText, NoteText},
    visit::Visit,
};
use crate::{
    author::{Author, is_caller},
    edit::{Edit, refuse_stale},
    window::Moment,
};

/// Changes the draft of a SOAP note, or signs it. What you do not give stays; the earlier version is kept.
///
/// Its author and doctors may. A signed note is refused with PRECONDITION: `version_soap_note` amends it. With
/// `sign` the text can't be changed any more, and the patient sees it; give the `sha256` of the text that the
/// clinician has read, and any other text is a CONFLICT.
#[derive(Deserialize, JsonSchema)]
pub(super) struct UpdateSoapNote {
    /// Which note.
    note: Ref<kind::Composition>,
    /// What the patient reports; an empty text takes the part out.
    #[schemars(length(max = 20_000))]
    subjective: Option<String>,
    /// What was seen and measured.
    #[schemars(length(max = 20_000))]
    objective: Option<String>,
    /// What it means.
    #[schemars(length(max = 20_000))]
    assessment: Option<String>,
    /// What is done about it.
    #[schemars(length(max = 20_000))]
    plan: Option<String>,
    /// The appointment of the note's visit; another one is refused.
    appointment: Option<Ref<kind::Appointment>>,
    /// Whether to sign it, in your name. Ask the clinician first.
    sign: Option<bool>,
    /// The `sha256` of the text that is signed.
    #[schemars(length(min = 64, max = 64))]
    sha256: Option<String>,
    /// The `version` that your change is based on.
    #[schemars(range(min = 1))]
    expected_version: Option<u32>,
}

/// What is done to a draft.
pub(super) struct Change<'c> {
    pub(super) given: GivenText<'c>,
    pub(super) sha256: Option<&'c str>,
    pub(super) is_signed: bool,
    /// Of what adds to a signed note one part is enough.
    pub(super) is_addendum: bool,
}

impl Tool for UpdateSoapNote {
    const NAME: &'static str = "update_soap_note";
    const TITLE: &'static str = "Change or sign a SOAP note";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::COMPOSITION),
        Need::update(ResourceType::COMPOSITION),
        Need::read_if_allowed(ResourceType::APPOINTMENT),
        Need::search_if_allowed(ResourceType::ENCOUNTER),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const IS_CONFIRMED: bool = true;
    const CONFIRMED_WITH: &'static [&'static str] = &["sign"];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("note_id", "note"), synonym("id", "note"), synonym("appointment_id", "appointment")];
    const KEYWORDS: &'static [&'static str] = &["edit a note", "sign a note", "finalise", "progress note"];
    type Output = WrittenNote;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<WrittenNote, ToolError> {
        let record = cx.record(&self.note).await?;
        refuse_stale(&record, self.expected_version, "note")?;
        let known = note(&record)?;
        refuse_other_visit(&known, self.appointment.as_ref(), cx).await?;
        if known.is_retracted() {
            let message = "the note was taken back; write a new one with create_soap_note";
            return Err(ToolError::Precondition(message.to_owned()));
        }
        if !known.is_draft() {
            let message = "the note is signed, and its text can't be changed; version_soap_note amends it";
            return Err(ToolError::Precondition(message.to_owned()));
        }
        known.refuse_others(cx)?;
        refuse_unfit_signer(self.sign == Some(true), cx)?;
        let change = Change {
            given: GivenText {
                subjective: self.subjective.as_deref(),
                objective: self.objective.as_deref(),
                assessment: self.assessment.as_deref(),
                plan: self.plan.as_deref(),
            },
            sha256: self.sha256.as_deref(),
            is_signed: self.sign == Some(true),
            is_addendum: known.is_addendum(),
        };
        let (record, message) = change.stage(&record, &known, cx).await?;
        WrittenNote::of(&record, message, cx).await
    }
}

impl Change<'_> {
    /// The text after the change, checked.
    pub(super) fn text(&self, before: NoteText, patient: &str) -> Result<NoteText, ToolError> {
        let mut problems = Problems::default();
        let text = before.with(&self.given, &mut problems);
        if self.is_signed && !self.is_addendum {
            refuse_unfinished(&text, &mut problems);
        }
        if text.is_empty() {
            problems.add("subjective", "would leave the note without any text");
        }
        if self.sha256.is_some() && !self.is_signed {
            problems.add("sha256", "goes with sign: true");
        }
        problems.refuse()?;
        match self.sha256 {
            Some(read) if !read.eq_ignore_ascii_case(&text.sha256(patient)) => {
                let message = "the text is not the one with this sha256; show it to the clinician again";
                Err(ToolError::Conflict(message.to_owned()))
            }
            _ => Ok(text),
        }
    }

    /// Stages the new version of a draft.
    pub(super) async fn stage(
        &self,
        record: &Record,
        known: &Note<'_>,
        cx: &mut ToolContext<'_>,
    ) -> Result<(Record, String), ToolError> {
        let patient = record.patient.as_ref().map(ToString::to_string).unwrap_or_default();
        let before = known.text();
        let text = self.text(before.clone(), &patient)?;
        let mut edit = Edit::of(record)?;
        if text != before {
            edit.object.set("section", &text.sections(&known.measured()))?;
            edit.changed("text");
        }
        let author = Author::of_writer(cx).await?;
        if self.is_signed {
            let amends = known.linked(Linked::Amends).is_some();
            edit.object.set("status", &signed_status(amends))?;
            edit.object.set("attester", &json!([signature(&author, &text.sha256(&patient), cx)]))?;
            edit.changed("sign");
        }
        if text == before && !self.is_signed {
            return Ok((record.clone(), "The draft says so already".to_owned()));
        }
        if !known.author.iter().any(|author| is_caller(author, cx)) {
            edit.add("author", &json!(author))?;
        }
        edit.object.set("date", &Moment::now(cx).text)?;
        let (record, _) = edit.stage(record, cx)?;
        let message = if self.is_signed { "Signed the SOAP note" } else { "Changed the draft" };
        Ok((record, message.to_owned()))
    }
}

/// Refuses the appointment of another visit.
pub(super) async fn refuse_other_visit(
    known: &Note<'_>,
    appointment: Option<&Ref<kind::Appointment>>,
    cx: &mut ToolContext<'_>,
) -> Result<(), ToolError> {
    let Some(appointment) = appointment else { return Ok(()) };
    let visit = Visit::of_appointment(appointment.id(), cx).await?;
    if visit.has(known) {
        return Ok(());
    }
    Err(ToolError::invalid("/appointment", "is not the appointment of this note's visit"))
}
