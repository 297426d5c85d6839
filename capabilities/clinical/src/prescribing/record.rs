//! The FHIR records of a prescription: the `MedicationRequest`, and a `DetectedIssue` for each finding in spite of
//! which it was written.

use jiff::{Timestamp, ToSpan};
use medcor_drugs::{Dosage, FindingKind, Severity};
use medcor_fhir::{Id, naming, primitive::format_instant};
use medcor_tools::Record;
use serde_json::{Map, Value, json, value::RawValue};

use super::{check::Concern, order::Prescription};
use crate::{author::Author, listing::Subject};

/// HL7's codes of what was detected, and of what was done about it.
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// Who writes, for whom, when.
pub(super) struct Occasion<'o> {
    pub(super) subject: &'o Subject,
    pub(super) author: &'o Author,
    pub(super) encounter: Option<String>,
    pub(super) now: Timestamp,
    /// The prescription that this one takes the place of.
    pub(super) prior: Option<&'o Record>,
}

impl Occasion<'_> {
    /// The prescription as a FHIR R4 `MedicationRequest`.
    pub(super) fn request(&self, prescription: &Prescription) -> Result<Value, serde_json::Error> {
        let mut medication = json!({ "text": prescription.name });
        if let Some(drug) = &prescription.drug
            && let Some(code) = drug.rxcui()
        {
            let display = drug.ingredients.first().map(|ingredient| ingredient.name.clone());
            medication["coding"] = json!([{ "system": naming::RXNORM, "code": code, "display": display }]);
        }
        let mut request = json!({
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": medication,
            "subject": { "reference": self.subject.reference },
            "authoredOn": format_instant(self.now.as_microsecond()),
            "requester": self.author,
            "dosageInstruction": [instruction(prescription)?],
            "dispenseRequest": supply(prescription),
        });
        if let Some(encounter) = &self.encounter {
            request["encounter"] = json!({ "reference": encounter });
        }
        if let Some(indication) = &prescription.indication {
            request["reasonCode"] = json!([{ "text": indication }]);
        }
        match self.prior {
            Some(prior) => successor(prior, &request),
            None => Ok(request),
        }
    }

    /// That it was prescribed in spite of a finding, and why: a FHIR R4 `DetectedIssue` with its mitigation.
    pub(super) fn issue(&self, concern: &Concern, request: &Id, reason: &str) -> Value {
        let finding = &concern.finding;
        let at = format_instant(self.now.as_microsecond());
        let mut implicated = vec![json!({ "reference": format!("MedicationRequest/{request}") })];
        implicated.extend(concern.evidence.iter().map(|evidence| json!({ "reference": evidence })));
        json!({
            "resourceType": "DetectedIssue",
            "status": "final",
            "code": { "coding": [{ "system": ACT_CODE, "code": issue_code(finding.kind) }], "text": finding.effect },
            "severity": match finding.severity {
                Severity::Contraindicated | Severity::Major => "high",
                Severity::Moderate => "moderate",
                Severity::Minor => "low",
            },
            "patient": { "reference": self.subject.reference },
            "identifiedDateTime": at,
            "author": self.author,
            "implicated": implicated,
            "detail": format!("{} Source: {}", concern.description(), finding.source),
            "mitigation": [{
                "action": { "coding": [{ "system": ACT_CODE, "code": "13" }], "text": reason },
                "date": at,
                "author": self.author,
            }],
        })
    }
}

/// What a prescription says of itself alone, and its successor not.
const OWN: [&str; 10] = [
    "id",
    "meta",
    "text",
    "identifier",
    "statusReason",
    "recorder",
    "reportedBoolean",
    "reportedReference",
    "detectedIssue",
    "eventHistory",
];
/// What the successor says anew.
const ANEW: [&str; 5] = ["status", "intent", "authoredOn", "requester", "dosageInstruction"];

/// The prescription that takes the place of another: what is not said anew stays, such as the indication.
fn successor(prior: &Record, request: &Value) -> Result<Value, serde_json::Error> {
    let mut successor: Value = serde_json::from_str(&prior.body)?;
    if let Some(members) = successor.as_object_mut() {
        members.retain(|name, _| !OWN.contains(&name.trim_start_matches('_')));
        members.retain(|name, _| !ANEW.contains(&name.trim_start_matches('_')));
    }
    for name in ANEW {
        successor[name] = request[name].clone();
    }
    for name in ["encounter", "reasonCode"].into_iter().filter(|name| request.get(name).is_some()) {
        successor[name] = request[name].clone();
    }
    let mut supply = request["dispenseRequest"].clone();
    if let (Some(new), Some(known)) = (supply.as_object_mut(), prior_supply(prior)?.as_object()) {
        for (name, value) in known {
            new.entry(name.as_str()).or_insert_with(|| value.clone());
        }
    }
    successor["dispenseRequest"] = supply;
    successor["priorPrescription"] = json!({ "reference": format!("MedicationRequest/{}", prior.id) });
    Ok(successor)
}

fn prior_supply(prior: &Record) -> Result<Value, serde_json::Error> {
    let mut prior: Value = serde_json::from_str(&prior.body)?;
    Ok(prior["dispenseRequest"].take())
}

fn issue_code(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Interaction => "DRG",
        FindingKind::Allergy | FindingKind::CrossReaction => "ALGY",
        FindingKind::DuplicateIngredient | FindingKind::DuplicateClass => "DUPTHPY",
        FindingKind::Dose => "DOSEH",
        FindingKind::Pregnancy => "COND",
        FindingKind::Age => "AGE",
    }
}

/// FHIR R4 `Dosage`.
fn instruction(prescription: &Prescription) -> Result<Value, serde_json::Error> {
    let mut dosage = Map::new();
    dosage.insert("text".to_owned(), prescription.words().into());
    if let Some(instructions) = &prescription.instructions {
        dosage.insert("patientInstruction".to_owned(), instructions.as_str().into());
    }
    prescription.frequency.describe(&mut dosage);
    bound(prescription, &mut dosage);
    if let Some(route) = &prescription.route {
        dosage.insert("route".to_owned(), json!({ "text": route }));
    }
    dosage.insert("doseAndRate".to_owned(), json!([dose(&prescription.dosage)?]));
    Ok(Value::Object(dosage))
}

/// From which day to which, where that is said.
fn bound(prescription: &Prescription, dosage: &mut Map<String, Value>) {
    let Some(start) = prescription.start else {
        if let Some(days) = prescription.duration_days {
            repeat_of(dosage)["boundsDuration"] = days_of(days);
        }
        return;
    };
    let mut period = json!({ "start": start.to_string() });
    let last =
        prescription.duration_days.and_then(|days| start.checked_add((i64::from(days) - 1).days()).ok());
    if let Some(last) = last {
        period["end"] = last.to_string().into();
    }
    repeat_of(dosage)["boundsPeriod"] = period;
}

fn repeat_of(dosage: &mut Map<String, Value>) -> &mut Value {
    let timing = dosage.entry("timing").or_insert_with(|| json!({}));
    &mut timing["repeat"]
}

fn days_of(days: u32) -> Value {
    json!({ "value": days, "unit": "days", "system": naming::UCUM, "code": "d" })
}

/// How much at a time. A dose for each kilogram or hour is a rate in words: its unit says it.
fn dose(dosage: &Dosage) -> Result<Value, serde_json::Error> {
    let quantity = |text: &str| -> Result<Value, serde_json::Error> {
        let mut quantity = json!({ "value": number(text)? });
        let unit = dosage.to_string();
        let unit = unit.split_once(' ').map_or("", |(_, unit)| unit);
        quantity["unit"] = unit.into();
        // Annotated units and those for something else have no plain code.
        let code = dosage.unit.ucum();
        if dosage.per.is_none() && !code.starts_with('{') {
            quantity["system"] = naming::UCUM.into();
            quantity["code"] = code.into();
        }
        Ok(quantity)
    };
    let low = quantity(dosage.low.text())?;
    Ok(match &dosage.high {
        Some(high) => json!({ "doseRange": { "low": low, "high": quantity(high.text())? } }),
        None => json!({ "doseQuantity": low }),
    })
}

/// A number with the digits that it was written with.
fn number(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(RawValue::from_string(text.to_owned())?.get())
}

fn supply(prescription: &Prescription) -> Value {
    let mut supply = json!({ "numberOfRepeatsAllowed": prescription.refills });
    if let Some(quantity) = prescription.quantity {
        supply["quantity"] = json!({ "value": quantity });
    }
    if let Some(days) = prescription.duration_days {
        supply["expectedSupplyDuration"] = days_of(days);
    }
    if let Some(start) = prescription.start {
        supply["validityPeriod"] = json!({ "start": start.to_string() });
    }
    supply
}

impl Prescription {
    /// Dose, way and rhythm in one line.
    pub(super) fn words(&self) -> String {
        let route = self.route.as_ref().map(|route| format!(" ({route})")).unwrap_or_default();
        format!("{}{route} {}", self.dosage, self.frequency.words())
    }
}
