//! Checks before anything is written: interactions, allergies, duplicates, doses, against what the patient takes
//! and does not tolerate.

use medcor_drugs::{Finding, FindingKind, Knowledge, Medication, Severity};
use medcor_fhir::{Id, search::name::fold};

use super::order::Prescription;
use crate::drug_facts::{DrugFacts, Origin, Taken, Warning, kind_name, wants_reason};

/// Something that speaks against a prescription.
#[derive(Debug, Clone)]
pub(super) struct Concern {
    pub(super) finding: Finding,
    /// The record that it rests on: `MedicationRequest/…`, `MedicationStatement/…` or `AllergyIntolerance/…`.
    pub(super) evidence: Option<String>,
    /// What must be known of that record, where nobody prescribed what it says.
    remark: Option<String>,
}

/// What speaks against a prescription; `before` are the others of the same call.
pub(super) fn concerns(
    facts: &DrugFacts,
    prescription: &Prescription,
    before: &[&Prescription],
    knowledge: &Knowledge,
) -> Vec<Concern> {
    let mut concerns = same_words(facts, prescription);
    let Some(proposed) = proposed(prescription) else { return concerns };
    let beside = before.iter().filter_map(|other| self::proposed(other)).collect();
    for finding in facts.findings(&[proposed], beside, knowledge) {
        let (evidence, remark) = (facts.evidence(&finding), facts.remark(&finding));
        concerns.push(Concern { finding, evidence, remark });
    }
    concerns
}

/// The identical order that the patient has already.
pub(super) fn identical<'f>(facts: &'f DrugFacts, prescription: &Prescription) -> Option<&'f Id> {
    let name = fold(&prescription.name);
    let is_identical = |taken: &&Taken| {
        taken.origin == Origin::Prescribed
            && taken.parsed_dose.as_ref() == Some(&prescription.dosage)
            && taken.frequency.as_deref() == Some(prescription.frequency.words().as_str())
            && fold(&taken.name) == name
    };
    facts.taken.iter().find(is_identical).map(|taken| &taken.id)
}

/// What could not be checked.
pub(super) fn unchecked(facts: &DrugFacts, prescription: &Prescription) -> Vec<Warning> {
    let own = prescription.drug.is_none().then_some(prescription.name.as_str());
    let names: Vec<&str> = own.into_iter().chain(facts.unknown().map(|taken| taken.name.as_str())).collect();
    Warning::unchecked(&names, facts)
}

/// What the tables don't know is compared by its words: an allergy to the very thing, and the same twice.
fn same_words(facts: &DrugFacts, prescription: &Prescription) -> Vec<Concern> {
    let name = fold(&prescription.name);
    let mut concerns = Vec::new();
    let finding = |kind, severity, other: &str, effect: &str, management: &str| Finding {
        kind,
        severity,
        is_interruptive: true,
        medication: prescription.name.clone(),
        other: Some(other.to_owned()),
        ingredients: Vec::new(),
        effect: effect.to_owned(),
        mechanism: None,
        management: management.to_owned(),
        source: "the patient's chart".to_owned(),
    };
    for known in facts.allergies.iter().filter(|known| known.allergy.is_none() && fold(&known.name) == name) {
        let effect = "an allergy to this is recorded";
        let (kind, severity) = (FindingKind::Allergy, Severity::Contraindicated);
        let finding = finding(kind, severity, &known.name, effect, "choose another");
        concerns.push(Concern { finding, evidence: Some(known.reference()), remark: None });
    }
    for taken in facts.taken.iter().filter(|taken| fold(&taken.name) == name) {
        let is_compared = taken.medication.is_some() && prescription.drug.is_some();
        let effect = match taken.origin {
            Origin::Prescribed => "the patient has a prescription of this already",
            Origin::Reported(_) => "the patient is reported to take this already",
            // What is planned is carried out by prescribing it.
            Origin::Planned(_) => continue,
        };
        if !is_compared {
            let (kind, severity) = (FindingKind::DuplicateIngredient, Severity::Major);
            let finding = finding(kind, severity, &taken.name, effect, "discontinue one");
            concerns.push(Concern { finding, evidence: Some(taken.reference()), remark: taken.remark() });
        }
    }
    concerns
}

impl Concern {
    /// Whether it is prescribed in spite of this only for a reason.
    pub(super) fn wants_reason(&self) -> bool {
        wants_reason(&self.finding)
    }

    pub(super) fn warning(&self, facts: &DrugFacts) -> Warning {
        Warning::of(&self.finding, facts)
    }

    /// All of it in words.
    pub(super) fn description(&self) -> String {
        let description = self.finding.description();
        match &self.remark {
            Some(remark) => format!("{description} {remark}"),
            None => description,
        }
    }

    /// Why it is refused, and what to do.
    pub(super) fn refusal(&self) -> String {
        format!(
            "is needed: {} {} ({}) To prescribe it all the same, give the reason; it is kept in the record",
            kind_name(self.finding.kind),
            self.finding.severity.name(),
            self.description(),
        )
    }
}

fn proposed(prescription: &Prescription) -> Option<Medication> {
    let medication = Medication::of(prescription.drug.as_ref()?).named(&prescription.name);
    let frequency = medcor_drugs::Frequency::parse(&prescription.frequency.words());
    let medication = medication.with_dose(Some(prescription.dosage.clone()), frequency);
    Some(match &prescription.route {
        Some(route) => medication.by_route(route),
        None => medication,
    })
}
