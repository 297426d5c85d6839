//! Prescribing one medication.

use medcor_fhir::ResourceType;
use medcor_tools::{Effect, Need, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    order::Order,
    write::{Request, Written},
};
use crate::{
    drug_facts::Warning,
    listing::{Paging, Rows, Subject, Success},
    medications::{PrescriptionRow, PrescriptionRows},
};

/// What prescribing may do.
pub(super) const NEEDS: &[Need] = &[
    Need::read(ResourceType::PATIENT),
    Need::search(ResourceType::MEDICATION_REQUEST),
    Need::create(ResourceType::MEDICATION_REQUEST),
    Need::search(ResourceType::ALLERGY_INTOLERANCE),
    Need::search_if_allowed(ResourceType::MEDICATION_STATEMENT),
    Need::search_if_allowed(ResourceType::CONDITION),
    Need::search_if_allowed(ResourceType::OBSERVATION),
    Need::create_if_allowed(ResourceType::DETECTED_ISSUE),
    Need::read_if_allowed(ResourceType::PRACTITIONER),
    Need::read_if_allowed(ResourceType::MEDICATION),
    Need::read_if_allowed(ResourceType::ENCOUNTER),
];

/// Prescribes a medication to a patient, as the clinician who calls.
///
/// Checked first against what the patient takes (prescribed, reported or planned), allergies, age and pregnancy. What is
/// found comes back in `warnings`. A contraindicated combination or a known allergy is refused with the finding;
/// give `override_reason` only when the clinician decides so. A misspelled name is refused with candidates, the
/// same medication in the same dose twice with CONFLICT.
#[derive(Deserialize, JsonSchema)]
pub(super) struct PrescribeMedication {
    /// For whom: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    #[serde(flatten)]
    order: Order,
    /// The visit during which it is prescribed.
    encounter: Option<Ref<kind::Encounter>>,
    /// Who prescribes: nobody but the caller.
    provider: Option<Ref<kind::Practitioner>>,
}

/// A prescription that was written.
#[derive(Serialize, JsonSchema)]
pub(super) struct Prescribed {
    status: Success,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    #[serde(flatten)]
    written: PrescribedRow,
}

/// What was written of one prescription.
#[derive(Serialize, JsonSchema)]
pub(super) struct PrescribedRow {
    id: String,
    prescription_id: String,
    medication_id: String,
    patient_id: String,
    dosage: String,
    frequency: String,
    refills_remaining: u32,
    prescribed_at: String,
    #[schemars(with = "PrescriptionRow<'static>")]
    medication: Box<RawValue>,
    /// What speaks against it, the gravest first.
    warnings: Vec<Warning>,
    /// Records of the findings that were overridden.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detected_issues: Vec<String>,
}

impl Tool for PrescribeMedication {
    const NAME: &'static str = "prescribe_medication";
    const TITLE: &'static str = "Prescribe a medication";
    const EFFECT: Effect = Effect::Creates;
    const IS_CONFIRMED: bool = true;
    const NEEDS_FRESH_LOGIN: bool = true;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] = &[
        synonym("medication_name", "medication"),
        synonym("medication_id", "medication"),
        synonym("drug", "medication"),
        synonym("rxcui", "medication"),
        synonym("name", "medication"),
        synonym("dose", "dosage"),
        synonym("reason", "indication"),
        synonym("diagnosis", "indication"),
        synonym("notes", "instructions"),
        synonym("days", "duration_days"),
    ];
    const KEYWORDS: &'static [&'static str] = &["drug", "prescription", "order", "medicine", "rx", "write"];
    type Output = Prescribed;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Prescribed, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        let request = Request {
            subject: &subject,
            orders: vec![(String::new(), &self.order)],
            provider: self.provider.as_ref(),
            encounter: self.encounter.as_ref(),
            prior: None,
        };
        let written = request.write(cx).await?;
        let row = rows(&subject, written)?.pop().ok_or_else(|| ToolError::not_found("prescription"))?;
        Ok(Prescribed {
            status: Success::Success,
            message: format!("Prescribed: {} {}", row.dosage, row.frequency),
            mrn: subject.mrn,
            written: row,
        })
    }
}

/// Rows of what was staged.
pub(super) fn rows(subject: &Subject, written: Vec<Written>) -> Result<Vec<PrescribedRow>, ToolError> {
    written.into_iter().map(|written| row(subject, written)).collect()
}

fn row(subject: &Subject, written: Written) -> Result<PrescribedRow, ToolError> {
    let Written { record, warnings, issues } = written;
    let paging = Paging::new(None, None, None);
    let row = PrescriptionRows::written(&record.id, &paging).row(&record)?;
    let row = row.ok_or_else(|| ToolError::not_found("prescription"))?;
    Ok(PrescribedRow {
        id: record.id.to_string(),
        prescription_id: record.id.to_string(),
        medication_id: record.id.to_string(),
        patient_id: subject.patient_id.clone(),
        dosage: row.dosage().to_owned(),
        frequency: row.frequency().to_owned(),
        refills_remaining: row.refills_remaining(),
        prescribed_at: row.prescribed_at().to_owned(),
        medication: to_raw_value(&row)?,
        warnings,
        detected_issues: issues.iter().map(ToString::to_string).collect(),
    })
}
