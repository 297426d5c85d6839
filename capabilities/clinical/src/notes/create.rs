//! Writing a SOAP note.

use medcor_fhir::ResourceType;
use medcor_tools::{
    Effect, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, detail::Problems, kind, synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    composition::{NewNote, refuse_unfit_signer},
    row::{NoteRow, NoteRows},
    text::{GivenText, NoteText},
    visit::Visit,
};
use crate::{
    author::Author,
    chart::GivenVitals,
    listing::{Paging, Rows, Subject},
};

/// Writes a SOAP note of a visit, as a draft that nobody but clinicians sees.
///
/// Text is plain; markup in it means nothing. Without `encounter` and `appointment` it belongs to the visit that
/// the patient is at now, if there is one only; the answer says to which. `sign` signs it at once: all four
/// parts are needed then, the text can't be changed any more, and the patient sees it. Blood pressure, pulse and
/// temperature are recorded as vital signs too, all or nothing. Change a draft with `update_soap_note`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateSoapNote {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// What the patient reports.
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
    /// Systolic/diastolic in mmHg, such as 120/80.
    #[schemars(regex(pattern = r"^\s*\d{1,3}(\.\d+)?\s*/\s*\d{1,3}(\.\d+)?\s*$"))]
    blood_pressure: Option<String>,
    /// Beats per minute.
    heart_rate: Option<f64>,
    /// Body temperature, Celsius or Fahrenheit by its size.
    temperature: Option<f64>,
    /// The visit.
    encounter: Option<Ref<kind::Encounter>>,
    /// The appointment that led to the visit.
    appointment: Option<Ref<kind::Appointment>>,
    /// Whether to sign it, in your name. Ask the clinician first.
    sign: Option<bool>,
}

/// A note that was written.
#[derive(Serialize, JsonSchema)]
pub(super) struct WrittenNote {
    success: bool,
    /// In words.
    message: String,
    #[serde(flatten)]
    #[schemars(with = "NoteRow")]
    note: Map<String, Value>,
    /// Ids of the vital signs that were recorded along.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observation_ids: Vec<String>,
}

impl WrittenNote {
    pub(super) async fn of(
        record: &Record,
        message: String,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let paging = Paging::new(None, None, None);
        let mut rows = NoteRows::new(&paging);
        rows.prepare(cx, std::slice::from_ref(record)).await?;
        let Some(Value::Object(note)) = rows.row(record)?.map(|row| json!(row)) else {
            return Err(ToolError::not_found("SOAP note"));
        };
        Ok(Self { success: true, message, note, observation_ids: Vec::new() })
    }
}

impl Tool for CreateSoapNote {
    const NAME: &'static str = "create_soap_note";
    const TITLE: &'static str = "Write a SOAP note";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::create(ResourceType::COMPOSITION),
        Need::search(ResourceType::COMPOSITION),
        Need::search_if_allowed(ResourceType::ENCOUNTER),
        Need::read_if_allowed(ResourceType::APPOINTMENT),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::create_if_allowed(ResourceType::OBSERVATION),
    ];
    const IS_CONFIRMED: bool = true;
    const CONFIRMED_WITH: &'static [&'static str] = &["sign"];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("bp", "blood_pressure"),
        synonym("hr", "heart_rate"),
        synonym("pulse", "heart_rate"),
        synonym("temp", "temperature"),
        synonym("appointment_id", "appointment"),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["progress note", "visit note", "document a visit", "clinical note", "chart note"];
    type Output = WrittenNote;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<WrittenNote, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        refuse_unfit_signer(self.sign == Some(true), cx)?;
        let text = self.checked()?;
        let visit = match (&self.encounter, &self.appointment) {
            (None, None) => Visit::open(&subject, cx).await?,
            (encounter, appointment) => {
                Visit::given(encounter.as_ref(), appointment.as_ref(), &subject, cx).await?
            }
        };
        let encounter = visit.encounter.as_ref().map(|id| format!("Encounter/{id}"));
        let vitals = GivenVitals {
            blood_pressure: self.blood_pressure.as_deref(),
            heart_rate: self.heart_rate,
            temperature: self.temperature,
        };
        let mut observation_ids = Vec::new();
        for record in vitals.stage(&subject, encounter.clone(), cx).await? {
            observation_ids.push(record.id.to_string());
        }
        let measured: Vec<Value> =
            observation_ids.iter().map(|id| json!({ "reference": format!("Observation/{id}") })).collect();
        let author = Author::of_writer(cx).await?;
        let new = NewNote {
            subject: &subject,
            encounter,
            appointment: visit.appointment.as_ref().map(|id| format!("Appointment/{id}")),
            text: &text,
            measured: &measured,
            links: &[],
            extension: None,
        };
        let is_signed = self.sign == Some(true);
        let record = new.stage(&author, is_signed, cx)?;
        let note = WrittenNote::of(&record, message(is_signed, &visit), cx).await?;
        Ok(WrittenNote { observation_ids, ..note })
    }
}

impl CreateSoapNote {
    fn checked(&self) -> Result<NoteText, ToolError> {
        let mut problems = Problems::default();
        let given = GivenText {
            subjective: self.subjective.as_deref(),
            objective: self.objective.as_deref(),
            assessment: self.assessment.as_deref(),
            plan: self.plan.as_deref(),
        };
        let text = NoteText::default().with(&given, &mut problems);
        if text.is_empty() {
            problems.add(
                "subjective",
                "is absent, and so are objective, assessment and plan; write at least one",
            );
        }
        if self.sign == Some(true) {
            refuse_unfinished(&text, &mut problems);
        }
        problems.refuse()?;
        Ok(text)
    }
}

/// A note that is signed and stands for itself has all four parts.
pub(super) fn refuse_unfinished(text: &NoteText, problems: &mut Problems) {
    for part in text.absent() {
        problems.add(part, "is absent; a note that is signed has all four parts, if only to say `none`");
    }
}

fn message(is_signed: bool, visit: &Visit) -> String {
    let kept = if is_signed { "Signed the SOAP note" } else { "Saved the SOAP note as a draft" };
    match (&visit.appointment, &visit.encounter) {
        (Some(appointment), _) => format!("{kept}, of appointment {appointment}"),
        (None, Some(encounter)) => format!("{kept}, of encounter {encounter}"),
        (None, None) => {
            format!("{kept}; it belongs to no visit: the patient is at none now, or at several")
        }
    }
}
