//! What a clinician is.

use super::{CodeableConcept, Extension, Practitioner, PractitionerRole};
use crate::{
    naming::{PRACTITIONER_ROLE, SPECIALTY_CERTIFIED, STAFF_ROLE},
    search::name::fold,
};

/// Degrees and licences (v2 table 0360).
const DEGREE: &str = "http://terminology.hl7.org/CodeSystem/v2-0360";
/// The taxonomy of providers in the United States; registered nurses begin with 163W, practical nurses with
/// 164W.
const TAXONOMY: &str = "http://nucc.org/provider-taxonomy";

/// What a clinician is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profession {
    /// A physician.
    Doctor,
    /// A nurse.
    Nurse,
    /// Somebody else who works here.
    Other,
}

impl Profession {
    /// What the roles say, else what the qualifications say; most clinicians of imported records say neither
    /// and are doctors.
    pub fn of(practitioner: &Practitioner<'_>, roles: &[&PractitionerRole<'_>]) -> Self {
        let codes = || roles.iter().flat_map(|role| &role.code);
        let has_role = |code: &str| codes().any(|concept| concept.has(PRACTITIONER_ROLE, code));
        if has_role("doctor") {
            return Self::Doctor;
        }
        let is_nurse_by_role = has_role("nurse") || codes().any(is_nursing);
        let is_nurse_by_degree = practitioner
            .qualification
            .iter()
            .filter(|degree| Extension::find(&degree.extension, SPECIALTY_CERTIFIED).is_none())
            .any(|degree| is_nursing(&degree.code) || is_nursing_degree(&degree.code));
        if is_nurse_by_role || is_nurse_by_degree {
            return Self::Nurse;
        }
        let is_other = codes().any(|concept| {
            concept.code_in(PRACTITIONER_ROLE).or_else(|| concept.code_in(STAFF_ROLE)).is_some()
        });
        if is_other { Self::Other } else { Self::Doctor }
    }
}

fn is_nursing(concept: &CodeableConcept<'_>) -> bool {
    let is_taxonomy = concept
        .code_in(TAXONOMY)
        .is_some_and(|code| ["163W", "164W"].iter().any(|start| code.starts_with(start)));
    is_taxonomy || concept.text().is_some_and(|text| fold(text).split(' ').any(|word| word == "nurse"))
}

fn is_nursing_degree(concept: &CodeableConcept<'_>) -> bool {
    concept
        .code_in(DEGREE)
        .is_some_and(|code| matches!(code, "RN" | "LPN" | "LVN" | "BSN" | "MSN" | "CNM" | "NP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profession(practitioner: &str, role: &str) -> Profession {
        let practitioner: Practitioner<'_> = serde_json::from_str(practitioner).unwrap();
        let role: PractitionerRole<'_> = serde_json::from_str(role).unwrap();
        Profession::of(&practitioner, &[&role])
    }

    #[test]
    fn roles_say_the_profession_before_qualifications_do() {
        let nurse = r#"{"qualification":[{"code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0360","code":"RN"}]}}]}"#;
        let doctor = r#"{"code":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/practitioner-role","code":"doctor"}]}]}"#;
        let pharmacist = doctor.replace("doctor", "pharmacist");
        let taxonomy =
            r#"{"code":[{"coding":[{"system":"http://nucc.org/provider-taxonomy","code":"163W00000X"}]}]}"#;
        assert_eq!(profession(nurse, "{}"), Profession::Nurse);
        assert_eq!(profession(nurse, doctor), Profession::Doctor);
        assert_eq!(profession("{}", &pharmacist), Profession::Other);
        assert_eq!(profession("{}", taxonomy), Profession::Nurse);
        assert_eq!(profession("{}", "{}"), Profession::Doctor);
    }
}
