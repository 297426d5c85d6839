//! A SOAP note as FHIR holds it: a Composition, preliminary while it is a draft.

use medcor_fhir::{
    Id, ParsedResource, ResourceType,
    naming::LOINC,
    view::{CodeableConcept, Extension, Reference, Text},
};
use medcor_tools::{Record, Role, ToolContext, ToolError, view};
use serde::Deserialize;
use serde_json::{Value, json};

use super::text::NoteText;
use crate::{
    author::{Author, is_caller},
    listing::Subject,
    window::Moment,
};

/// LOINC: progress note.
pub(crate) const PROGRESS_NOTE: &str = "11506-3";
/// Our extension of an attester: the SHA-256 of the text that was signed.
const SIGNED_SHA256: &str = "urn:medcor:signed-sha256";

/// A note.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Note<'a> {
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(rename = "type", borrow)]
    pub(super) kind: CodeableConcept<'a>,
    #[serde(borrow)]
    pub(super) encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    pub(super) date: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) author: Vec<Reference<'a>>,
    #[serde(borrow)]
    pub(super) attester: Vec<Attester<'a>>,
    #[serde(borrow)]
    pub(super) relates_to: Vec<Relation<'a>>,
    #[serde(borrow)]
    pub(super) event: Vec<Event<'a>>,
    #[serde(borrow)]
    pub(super) section: Vec<Section<'a>>,
    #[serde(borrow)]
    pub(super) extension: Vec<Extension<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attester<'a> {
    #[serde(borrow)]
    mode: Text<'a>,
    #[serde(borrow)]
    pub(super) time: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) party: Option<Reference<'a>>,
    #[serde(borrow)]
    extension: Vec<Extension<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Relation<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    target_reference: Option<Reference<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    detail: Vec<Reference<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Section<'a> {
    #[serde(borrow)]
    pub(super) code: CodeableConcept<'a>,
    #[serde(borrow)]
    pub(super) text: Narrative<'a>,
    #[serde(borrow)]
    pub(super) entry: Vec<Reference<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Narrative<'a> {
    #[serde(borrow)]
    pub(super) div: Text<'a>,
}

/// How a note is related to one that was signed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linked {
    /// It stands in its place.
    Amends,
    /// It adds to it.
    Appends,
}

impl Linked {
    /// FHIR's code of the relation.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Amends => "replaces",
            Self::Appends => "appends",
        }
    }
}

impl Note<'_> {
    pub(super) fn is_draft(&self) -> bool {
        self.status == "preliminary"
    }

    pub(super) fn is_retracted(&self) -> bool {
        self.status == "entered-in-error"
    }

    /// Whether it is a progress note in parts, which is what these tools are about. A draft that was taken back has
    /// none any more.
    pub(super) fn is_soap(&self) -> bool {
        self.kind.has(LOINC, PROGRESS_NOTE) && (self.is_retracted() || !self.text().is_empty())
    }

    pub(super) fn text(&self) -> NoteText {
        NoteText::of_sections(&self.section)
    }

    /// The note that it is linked to in this way.
    pub(super) fn linked(&self, how: Linked) -> Option<Id> {
        let of_kind = self.relates_to.iter().find(|relation| relation.code == how.code())?;
        of_kind.target_reference.as_ref()?.id_of(ResourceType::COMPOSITION)
    }

    /// Whether it adds to a signed note: then it says what is new alone, also where it stands in the place of an
    /// earlier addendum.
    pub(super) fn is_addendum(&self) -> bool {
        self.linked(Linked::Appends).is_some()
    }

    pub(super) fn appointment(&self) -> Option<Id> {
        let details = self.event.iter().flat_map(|event| &event.detail);
        details.into_iter().find_map(|detail| detail.id_of(ResourceType::APPOINTMENT))
    }

    /// Who signed, and when.
    pub(super) fn signature(&self) -> Option<&Attester<'_>> {
        self.attester.iter().find(|attester| attester.mode == "legal")
    }

    /// References of what was measured, as they stand in the sections.
    pub(super) fn measured(&self) -> Vec<Value> {
        let entries = self.section.iter().flat_map(|section| &section.entry);
        let references = entries.filter_map(|entry| entry.reference.as_deref());
        references.map(|reference| json!({ "reference": reference })).collect()
    }

    /// What was measured, as far as it is an observation.
    pub(super) fn observations(&self) -> Vec<Id> {
        let entries = self.section.iter().flat_map(|section| &section.entry);
        entries.filter_map(|entry| entry.id_of(ResourceType::OBSERVATION)).collect()
    }

    /// Refuses whoever is neither an author nor a doctor.
    pub(super) fn refuse_others(&self, cx: &ToolContext<'_>) -> Result<(), ToolError> {
        let is_author = self.author.iter().any(|author| is_caller(author, cx));
        if is_author || cx.principal().roles.contains(&Role::Doctor) {
            return Ok(());
        }
        let needed = "changing a note that somebody else wrote; ask its author or a doctor".to_owned();
        Err(ToolError::PermissionDenied { needed })
    }
}

impl Attester<'_> {
    pub(super) fn sha256(&self) -> Option<&str> {
        let extension = self.extension.iter().find(|extension| extension.url == SIGNED_SHA256)?;
        extension.value_string.as_deref()
    }
}

/// The note that a record holds; any other Composition is none.
pub(super) fn note(record: &Record) -> Result<Note<'_>, ToolError> {
    let note: Note<'_> = view(record)?;
    if note.is_soap() {
        return Ok(note);
    }
    let message = "the record is a document, but no SOAP note; fhir_read shows it".to_owned();
    Err(ToolError::Precondition(message))
}

/// What a new note is made of.
pub(super) struct NewNote<'n> {
    pub(super) subject: &'n Subject,
    pub(super) encounter: Option<String>,
    pub(super) appointment: Option<String>,
    pub(super) text: &'n NoteText,
    pub(super) measured: &'n [Value],
    /// To what it is linked.
    pub(super) links: &'n [(Linked, Id)],
    pub(super) extension: Option<Value>,
}

impl NewNote<'_> {
    /// Stages it, signed or as a draft.
    pub(super) fn stage(
        self,
        author: &Author,
        is_signed: bool,
        cx: &mut ToolContext<'_>,
    ) -> Result<Record, ToolError> {
        let tenant = cx.tenant();
        let mut resource = json!({
            "resourceType": "Composition",
            "status": "preliminary",
            "type": {
                "coding": [{ "system": LOINC, "code": PROGRESS_NOTE, "display": "Progress note" }],
                "text": "SOAP note"
            },
            "subject": { "reference": self.subject.reference },
            "date": Moment::now(cx).text,
            "author": [author],
            "title": "SOAP note",
            "custodian": {
                "reference": format!("Organization/{}", tenant.organization), "display": tenant.name
            },
            "section": self.text.sections(self.measured),
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                resource[name] = value;
            }
        };
        set("encounter", self.encounter.map(|encounter| json!({ "reference": encounter })));
        let detail = |appointment: String| json!([{ "detail": [{ "reference": appointment }] }]);
        set("event", self.appointment.map(detail));
        set("extension", self.extension.map(|extension| json!([extension])));
        let related = self.links.iter().map(|(how, target)| {
            let target = json!({ "reference": format!("Composition/{target}") });
            json!({ "code": how.code(), "targetReference": target })
        });
        let related: Vec<Value> = related.collect();
        set("relatesTo", (!related.is_empty()).then_some(related.into()));
        if is_signed {
            let amends = self.links.iter().any(|(how, _)| *how == Linked::Amends);
            set("status", Some(signed_status(amends).into()));
            let sha256 = self.text.sha256(&self.subject.patient_id);
            set("attester", Some(json!([signature(author, &sha256, cx)])));
        }
        Ok(cx.records().create(ParsedResource::from_value(resource)?)?)
    }
}

/// FHIR's status of a signed note: `amended` says that it stands in the place of an earlier one.
pub(super) fn signed_status(amends: bool) -> &'static str {
    if amends { "amended" } else { "final" }
}

/// A signature is a person's who treats patients, not a program's.
pub(super) fn refuse_unfit_signer(is_signed: bool, cx: &ToolContext<'_>) -> Result<(), ToolError> {
    let is_clinician = cx.principal().roles.iter().any(|role| matches!(role, Role::Doctor | Role::Nurse));
    if is_clinician || !is_signed {
        return Ok(());
    }
    Err(ToolError::PermissionDenied { needed: "signing a note; a doctor or nurse signs".to_owned() })
}

/// Who answers for the text from now on, and for which text.
pub(super) fn signature(author: &Author, sha256: &str, cx: &ToolContext<'_>) -> Value {
    json!({
        "extension": [{ "url": SIGNED_SHA256, "valueString": sha256 }],
        "mode": "legal",
        "time": Moment::now(cx).text,
        "party": author,
    })
}
