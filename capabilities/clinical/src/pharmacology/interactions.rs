//! `check_interactions`: what speaks against medications together, and against them for a patient.

use medcor_drugs::{Allergy, CheckInput, FindingKind, Knowledge, PatientFacts, Pregnancy};
use medcor_fhir::ResourceType;
use medcor_tools::{Alias, Effect, Need, Ref, Synonym, Tool, ToolContext, ToolError, alias, kind, synonym};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    REVIEW_NOTE,
    finding::{FindingRow, LeastSeverity},
    named::{CheckedRow, DrugName, Meant, Unrecognised, meant},
};
use crate::{
    drug_facts::{DrugFacts, Origin},
    listing::{Subject, Success},
};

/// Checks medications for interactions, duplicates, allergies, doses, age and pregnancy. Changes nothing.
///
/// With `patient` alone: what the patient takes now, prescribed, reported or planned, together. With `medications` alone: these together. With
/// both: these against each other and against what the patient takes and does not tolerate, as before
/// prescribing. Names may be ingredients, brands, classes or RxNorm codes. A name that is not known is listed
/// under `unrecognised` and was not checked.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CheckInteractions {
    /// Whose chart: id, MRN, telephone number or full name.
    patient: Option<Ref<kind::Patient>>,
    /// What is to be checked, such as warfarin and ibuprofen.
    #[schemars(length(min = 1, max = 50))]
    medications: Option<Vec<DrugName>>,
    /// Allergies beside those of the chart, such as penicillin.
    #[schemars(length(max = 30))]
    allergies: Option<Vec<String>>,
    /// Whether the patient is pregnant, where the chart does not say it.
    is_pregnant: Option<bool>,
    /// Leaves out what is less severe; all when absent.
    min_severity: Option<LeastSeverity>,
}

/// What was found.
#[derive(Serialize, JsonSchema)]
pub(super) struct InteractionCheck {
    status: Success,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    /// Medications that affect each other, the gravest first.
    interactions: Vec<FindingRow>,
    interaction_count: usize,
    /// Allergies, duplicates, doses, age and pregnancy, the gravest first.
    warnings: Vec<FindingRow>,
    has_contraindication: bool,
    /// What was checked.
    medications: Vec<CheckedRow>,
    /// What was not checked, because the tables do not have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unrecognised: Vec<Unrecognised>,
    /// Whether everything was checked.
    is_complete: bool,
    /// Less severe findings that `min_severity` left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<usize>,
    note: &'static str,
}

impl Tool for CheckInteractions {
    const NAME: &'static str = "check_interactions";
    const TITLE: &'static str = "Check interactions";
    const ALIASES: &'static [Alias] =
        &[alias("check_drug_interactions"), alias("check_medication_interactions")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::read(ResourceType::MEDICATION_REQUEST),
        Need::search(ResourceType::MEDICATION_REQUEST),
        Need::search(ResourceType::ALLERGY_INTOLERANCE),
        Need::search_if_allowed(ResourceType::MEDICATION_STATEMENT),
        Need::search_if_allowed(ResourceType::CONDITION),
        Need::search_if_allowed(ResourceType::OBSERVATION),
        Need::read_if_allowed(ResourceType::MEDICATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("medication_ids", "medications"),
        synonym("medication_id", "medications"),
        synonym("medication_names", "medications"),
        synonym("medication_name", "medications"),
        synonym("medication", "medications"),
        synonym("drugs", "medications"),
        synonym("drug_list", "medications"),
        synonym("drug_names", "medications"),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["drug", "contraindication", "combine", "together", "safe", "allergy", "pharmacy"];
    type Output = InteractionCheck;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<InteractionCheck, ToolError> {
        let names = self.medications.unwrap_or_default();
        if self.patient.is_none() && names.is_empty() {
            let problem = "is missing: pass medications (names or codes), or patient, or both";
            return Err(ToolError::invalid("/medications", problem));
        }
        let (mut patient_id, mut chart) = (None, None);
        if let Some(patient) = &self.patient {
            let subject = Subject::of(patient, cx).await?;
            chart = Some(DrugFacts::of(&subject, cx).await?);
            patient_id = Some(subject.patient_id);
        }
        let mut given = Vec::new();
        let mut unrecognised = Vec::new();
        for meant in meant(&names, cx).await? {
            match meant {
                Meant::Medication(medication) => given.push(*medication),
                Meant::Unrecognised(name) => unrecognised.push(name),
            }
        }
        let said = self.allergies.unwrap_or_default();
        let allergies = allergies(&said, chart.as_ref(), cx.drugs(), &mut unrecognised);
        let (is_partial, facts) = facts(chart.as_ref(), self.is_pregnant);
        if let Some(chart) = &chart {
            unrecognised.extend(unknown(chart));
        }
        let mut checked: Vec<CheckedRow> =
            given.iter().map(|medication| CheckedRow::of(medication, "given")).collect();
        checked.extend(chart.iter().flat_map(checked_rows));
        let (mut proposed, mut current) = (given, Vec::new());
        if let Some(chart) = &chart {
            if names.is_empty() {
                proposed = chart.known_medications();
            } else {
                current = chart.current(&proposed);
            }
        }
        let input =
            CheckInput { proposed: &proposed, current: &current, allergies: &allergies, patient: facts };
        let mut findings = cx.drugs().check(&input);
        let all = findings.len();
        findings.retain(|finding| self.min_severity.is_none_or(|least| least.admits(finding)));
        let left_out = Some(all - findings.len()).filter(|&count| count > 0);
        let has_contraindication =
            findings.iter().any(|finding| finding.severity == medcor_drugs::Severity::Contraindicated);
        let mut interactions = Vec::new();
        let mut warnings = Vec::new();
        for finding in findings {
            let is_interaction = finding.kind == FindingKind::Interaction;
            let row = FindingRow::of(finding, chart.as_ref());
            if is_interaction { interactions.push(row) } else { warnings.push(row) }
        }
        Ok(InteractionCheck {
            status: Success::Success,
            interaction_count: interactions.len(),
            interactions,
            warnings,
            has_contraindication,
            medications: checked,
            is_complete: unrecognised.is_empty() && !is_partial,
            unrecognised,
            left_out,
            note: REVIEW_NOTE,
            patient_id,
        })
    }
}

/// The allergies of the chart and those that were said.
fn allergies(
    said: &[String],
    chart: Option<&DrugFacts>,
    knowledge: &Knowledge,
    unrecognised: &mut Vec<Unrecognised>,
) -> Vec<Allergy> {
    let mut allergies = chart.map(DrugFacts::known_allergies).unwrap_or_default();
    for name in said {
        match knowledge.allergy(name, None) {
            Some(allergy) => allergies.push(allergy),
            None => unrecognised.push(Unrecognised { name: name.clone(), candidates: Vec::new() }),
        }
    }
    allergies
}

/// Whether the chart is larger than what was looked at, and what is known of the patient.
fn facts(chart: Option<&DrugFacts>, is_pregnant: Option<bool>) -> (bool, PatientFacts) {
    let mut facts = chart.map(|chart| chart.patient).unwrap_or_default();
    match is_pregnant {
        Some(true) => facts.pregnancy = Pregnancy::Pregnant,
        Some(false) if facts.pregnancy == Pregnancy::Possible => facts.pregnancy = Pregnancy::Unknown,
        Some(false) | None => {}
    }
    (chart.is_some_and(|chart| chart.is_partial), facts)
}

/// The medications of a chart that are checked.
fn checked_rows(chart: &DrugFacts) -> impl Iterator<Item = CheckedRow> + '_ {
    chart.taken.iter().filter_map(|taken| {
        let origin = match taken.origin {
            Origin::Prescribed => "chart",
            Origin::Reported(_) | Origin::Planned(_) => taken.origin.name(),
        };
        Some(CheckedRow::of(taken.medication.as_ref()?, origin))
    })
}

/// The medications of a chart that the tables do not have.
pub(super) fn unknown(chart: &DrugFacts) -> Vec<Unrecognised> {
    let unknown = chart.unknown();
    unknown.map(|taken| Unrecognised { name: taken.name.clone(), candidates: Vec::new() }).collect()
}
