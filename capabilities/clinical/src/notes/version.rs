//! What comes after a signature: a new note that stands in the place of the signed one, or adds to it.

use medcor_fhir::{Id, ResourceType, search::Query};
use medcor_tools::{
    Claim, Effect, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    composition::{Linked, NewNote, Note, note, refuse_unfit_signer},
    create::WrittenNote,
    text::{GivenText, NoteText},
    update::{Change, refuse_other_visit},
};
use crate::{annotation, author::Author, edit::refuse_stale, listing::Subject};

/// Makes a new version of a SOAP note; every earlier one is kept.
///
/// Of a signed note it writes an amendment, which stands in its place, or with `kind` addendum one that adds to
/// it: a new note, linked to the signed one, which is not touched. An addendum has the parts that are new, one is
/// enough. It is a draft until it is signed, with `sign` or `update_soap_note`. Of a draft it is the next version
/// of the same draft. A note that was amended already is a CONFLICT that names the amendment. The note's author
/// and doctors may.
#[derive(Deserialize, JsonSchema)]
pub(super) struct VersionSoapNote {
    /// Which note.
    note: Ref<kind::Composition>,
    /// `amendment` when absent.
    kind: Option<Kind>,
    /// What the patient reports; of an amendment, parts that you leave out stay.
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
    /// Why it is changed after the signature.
    #[schemars(length(max = 500))]
    reason: Option<String>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// In the place of the signed note.
    Amendment,
    /// In addition to it.
    Addendum,
}

impl Tool for VersionSoapNote {
    const NAME: &'static str = "version_soap_note";
    const TITLE: &'static str = "Amend a SOAP note";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::COMPOSITION),
        Need::search(ResourceType::COMPOSITION),
        Need::create(ResourceType::COMPOSITION),
        Need::update(ResourceType::COMPOSITION),
        Need::read(ResourceType::PATIENT),
        Need::read_if_allowed(ResourceType::APPOINTMENT),
        Need::search_if_allowed(ResourceType::ENCOUNTER),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const IS_CONFIRMED: bool = true;
    const CONFIRMED_WITH: &'static [&'static str] = &["sign"];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("note_id", "note"), synonym("id", "note"), synonym("appointment_id", "appointment")];
    const KEYWORDS: &'static [&'static str] =
        &["amend", "addendum", "correct a signed note", "progress note"];
    type Output = WrittenNote;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<WrittenNote, ToolError> {
        let record = cx.record(&self.note).await?;
        refuse_stale(&record, self.expected_version, "note")?;
        let known = note(&record)?;
        refuse_other_visit(&known, self.appointment.as_ref(), cx).await?;
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
            is_addendum: known.is_addendum() || self.kind == Some(Kind::Addendum),
        };
        if known.is_draft() {
            if self.kind == Some(Kind::Addendum) {
                let message = "the note is a draft: change it with update_soap_note instead of adding to it";
                return Err(ToolError::Precondition(message.to_owned()));
            }
            let (record, message) = change.stage(&record, &known, cx).await?;
            return WrittenNote::of(&record, message, cx).await;
        }
        let how = match self.kind {
            Some(Kind::Addendum) => Linked::Appends,
            Some(Kind::Amendment) | None => Linked::Amends,
        };
        let written = self.linked(&record, &known, how, &change, cx).await?;
        let verb = if change.is_signed { "Signed" } else { "Saved a draft of" };
        let what = if how == Linked::Amends { "the amendment of" } else { "the addendum to" };
        WrittenNote::of(&written, format!("{verb} {what} note {}", record.id), cx).await
    }
}

impl VersionSoapNote {
    /// Stages the new note.
    async fn linked(
        &self,
        record: &Record,
        known: &Note<'_>,
        how: Linked,
        change: &Change<'_>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Record, ToolError> {
        if known.is_retracted() {
            let message = "the note was retracted; write a new one with create_soap_note";
            return Err(ToolError::Precondition(message.to_owned()));
        }
        let Some(patient) = &record.patient else {
            return Err(ToolError::Precondition("the note is of no patient".to_owned()));
        };
        let before = known.text();
        let base = if how == Linked::Amends { before.clone() } else { NoteText::default() };
        let text = change.text(base, patient.as_str())?;
        if text == before {
            return Err(ToolError::invalid("/subjective", "nothing differs from the signed note"));
        }
        if how == Linked::Amends {
            refuse_amended(&record.id, cx).await?;
        }
        let subject = Subject::of_record(&cx.read(ResourceType::PATIENT, patient).await?)?;
        let reference = |id: Option<Id>, kind: &str| id.map(|id| format!("{kind}/{id}"));
        let encounter = known.encounter.as_ref().and_then(|it| it.id_of(ResourceType::ENCOUNTER));
        let measured = if how == Linked::Amends { known.measured() } else { Vec::new() };
        let mut links = vec![(how, record.id.clone())];
        if how == Linked::Amends {
            // What stands in the place of an addendum adds to the same note.
            links.extend(known.linked(Linked::Appends).map(|note| (Linked::Appends, note)));
        }
        let new = NewNote {
            subject: &subject,
            encounter: reference(encounter, "Encounter"),
            appointment: reference(known.appointment(), "Appointment"),
            text: &text,
            measured: &measured,
            links: &links,
            extension: annotation::of_writer(self.reason.as_deref(), cx).await?,
        };
        let author = Author::of_writer(cx).await?;
        new.stage(&author, change.is_signed, cx)
    }
}

/// There is one amendment of a note: the next one amends that.
async fn refuse_amended(id: &Id, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
    let query = Query::new(ResourceType::COMPOSITION).with("related-ref", &format!("Composition/{id}"))?;
    let page = cx.records().search(&query).await?;
    for record in &page.records {
        let later: Note<'_> = view(record)?;
        if later.linked(Linked::Amends).as_ref() == Some(id) && !later.is_retracted() {
            let message = format!("the note was amended already, by note {}; go on from that one", record.id);
            return Err(ToolError::Conflict(message));
        }
    }
    cx.records().claim(claim_of_amendment(id));
    Ok(())
}

/// What the one amendment of a note holds.
pub(super) fn claim_of_amendment(amended: &Id) -> Claim {
    Claim(format!("note/amends/{amended}"))
}
