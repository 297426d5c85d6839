//! Invariants of clinical resources.

use std::collections::HashSet;

use serde_json::Value;

use super::{Invariant, has, has_any, has_choice, is_coded, is_in_order, items, number};
use crate::validate::Object;

const ALLERGY_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";

pub(super) const INVARIANTS: &[Invariant] = &[
    Invariant {
        on: &["AllergyIntolerance"],
        key: "ait-1",
        rule: "an allergy has a clinicalStatus unless its verificationStatus is entered-in-error",
        holds: |allergy| is_allergy_in_error(allergy) || has(allergy, "clinicalStatus"),
    },
    Invariant {
        on: &["AllergyIntolerance"],
        key: "ait-2",
        rule: "an allergy whose verificationStatus is entered-in-error has no clinicalStatus",
        holds: |allergy| !is_allergy_in_error(allergy) || !has(allergy, "clinicalStatus"),
    },
    Invariant {
        on: &["Condition"],
        key: "con-4",
        rule: "an abated condition has the clinicalStatus inactive, resolved or remission",
        holds: |condition| {
            let abated = ["inactive", "resolved", "remission"];
            !has_choice(condition, "abatement")
                || is_coded(condition, "clinicalStatus", CONDITION_CLINICAL, &abated)
        },
    },
    Invariant {
        on: &["Condition"],
        key: "con-5",
        rule: "a condition whose verificationStatus is entered-in-error has no clinicalStatus",
        holds: |condition| {
            let in_error = ["entered-in-error"];
            !is_coded(condition, "verificationStatus", CONDITION_VERIFICATION, &in_error)
                || !has(condition, "clinicalStatus")
        },
    },
    Invariant {
        on: &["Condition.stage"],
        key: "con-1",
        rule: "a stage has a summary or an assessment",
        holds: |stage| has_any(stage, &["summary", "assessment"]),
    },
    Invariant {
        on: &["Condition.evidence"],
        key: "con-2",
        rule: "evidence has a code or a detail",
        holds: |evidence| has_any(evidence, &["code", "detail"]),
    },
    Invariant {
        on: &["Observation"],
        key: "obs-6",
        rule: "an observation has a dataAbsentReason only if it has no value",
        holds: |observation| !has(observation, "dataAbsentReason") || !has_choice(observation, "value"),
    },
    Invariant { on: &["Observation"], key: "obs-7", rule: OBS_7, holds: is_value_outside_components },
    Invariant {
        on: &["Observation.referenceRange"],
        key: "obs-3",
        rule: "a reference range has a low, a high or a text",
        holds: |range| has_any(range, &["low", "high", "text"]),
    },
    Invariant {
        on: &["CarePlan.activity"],
        key: "cpl-3",
        rule: "an activity has a reference or a detail, not both",
        holds: |activity| !has(activity, "detail") || !has(activity, "reference"),
    },
    Invariant {
        on: &["FamilyMemberHistory"],
        key: "fhs-1",
        rule: "a family member has an age or a time of birth, not both",
        holds: |history| !has_choice(history, "age") || !has_choice(history, "born"),
    },
    Invariant {
        on: &["FamilyMemberHistory"],
        key: "fhs-2",
        rule: "estimatedAge stands beside an age",
        holds: |history| !has(history, "estimatedAge") || has_choice(history, "age"),
    },
    Invariant {
        on: &["Goal.target"],
        key: "gol-1",
        rule: "a target with a detail has a measure",
        holds: |target| !has_choice(target, "detail") || has(target, "measure"),
    },
    Invariant {
        on: &["Immunization.education"],
        key: "imm-1",
        rule: "education has a documentType or a reference",
        holds: |education| has_any(education, &["documentType", "reference"]),
    },
    Invariant {
        on: &["ImmunizationRecommendation.recommendation"],
        key: "imr-1",
        rule: "a recommendation has a vaccineCode or a targetDisease",
        holds: |recommendation| has_any(recommendation, &["vaccineCode", "targetDisease"]),
    },
    Invariant {
        on: &["MedicationAdministration.dosage"],
        key: "mad-1",
        rule: "a dosage has a dose or a rate",
        holds: |dosage| has(dosage, "dose") || has_choice(dosage, "rate"),
    },
    Invariant {
        on: &["MedicationDispense"],
        key: "mdd-1",
        rule: "a medication is not handed over before it is prepared",
        holds: |dispense| is_in_order(dispense, "whenPrepared", "whenHandedOver"),
    },
    Invariant {
        on: &["RequestGroup.action"],
        key: "rqg-1",
        rule: "an action has either a resource or actions",
        holds: |action| has(action, "resource") != has(action, "action"),
    },
    Invariant {
        on: &["ServiceRequest"],
        key: "prr-1",
        rule: "orderDetail stands beside a code",
        holds: |request| !has(request, "orderDetail") || has(request, "code"),
    },
    Invariant {
        on: &["RiskAssessment.prediction"],
        key: "ras-2",
        rule: "a probability is at most 100",
        holds: |prediction| {
            number(prediction, "probabilityDecimal").is_none_or(|probability| probability <= 100.0)
        },
    },
    Invariant {
        on: &["QuestionnaireResponse.item"],
        key: "qrs-1",
        rule: "nested items stand beneath the item or beneath its answers, not both",
        holds: |item| !has(item, "answer") || !has(item, "item"),
    },
];

const OBS_7: &str = "an observation whose code is also the code of a component has no value itself";

fn is_allergy_in_error(allergy: &Object) -> bool {
    is_coded(allergy, "verificationStatus", ALLERGY_VERIFICATION, &["entered-in-error"])
}

fn is_value_outside_components(observation: &Object) -> bool {
    let components = items(observation, "component");
    if components.is_empty() || !has_choice(observation, "value") {
        return true;
    }
    let own: HashSet<String> = codings(observation.get("code")).map(Value::to_string).collect();
    let mut codings_of_components = components.iter().flat_map(|component| codings(component.get("code")));
    !codings_of_components.any(|coding| own.contains(&coding.to_string()))
}

fn codings(concept: Option<&Value>) -> impl Iterator<Item = &Value> {
    concept.and_then(|concept| concept.get("coding")).and_then(Value::as_array).into_iter().flatten()
}
