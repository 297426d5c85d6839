//! Prescriptions: what is taken now, what was, in the words of clinicians.

use medcor_fhir::Id;
use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

fn prescription(id: &str, status: &str, name: &str, date: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": status, "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "314076" }], "text": name
        },
        "subject": { "reference": "Patient/ada" }, "authoredOn": date,
        "requester": { "reference": "Practitioner/grace" },
        "reasonReference": [{ "reference": "Condition/hypertension" }],
        "dosageInstruction": [{
            "text": "Take one tablet in the morning",
            "timing": { "repeat": { "frequency": 1, "period": 1, "periodUnit": "d" } },
            "route": { "text": "Oral" },
            "doseAndRate": [{ "doseQuantity": { "value": 10, "unit": "mg" } }]
        }],
        "dispenseRequest": { "numberOfRepeatsAllowed": 3 }
    })
}

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    clinic
        .put(json!({
            "resourceType": "Practitioner", "id": "grace",
            "name": [{ "family": "Hopper", "given": ["Grace"], "prefix": ["Dr."] }]
        }))
        .await;
    clinic
        .put(json!({
            "resourceType": "Condition", "id": "hypertension", "subject": { "reference": "Patient/ada" },
            "code": { "text": "Hypertension" }
        }))
        .await;
    clinic.put(prescription("m1", "active", "Lisinopril 10 MG Oral Tablet", "2026-05-01")).await;
    clinic.put(prescription("m2", "stopped", "Metformin 500 MG", "2025-05-01")).await;
    clinic.put(prescription("m3", "on-hold", "Ibuprofen 400 MG", "2024-05-01")).await;
    clinic.put(prescription("m4", "entered-in-error", "Warfarin", "2026-06-01")).await;
    clinic
}

async fn listed(clinic: &Clinic, tool: &str, arguments: Value) -> Vec<String> {
    let answer = clinic.ok(Role::Doctor, tool, arguments).await;
    let rows = answer["results"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_prescription_has_every_documented_field() {
    let clinic = clinic().await;
    let answer = clinic.ok(Role::Nurse, "get_medications", json!({ "mrn": "MRN-ada" })).await;
    assert_eq!((&answer["status"], &answer["mrn"]), (&json!("success"), &json!("MRN-ada")));
    assert_eq!(answer["count"], 1);
    let row = &answer["results"][0];
    for (field, value) in [
        ("id", json!("m1")),
        ("medication_id", json!("m1")),
        ("name", json!("Lisinopril 10 MG Oral Tablet")),
        ("medication_name", json!("Lisinopril 10 MG Oral Tablet")),
        ("code", json!("314076")),
        ("status", json!("active")),
        ("dosage", json!("10 mg")),
        ("frequency", json!("once daily")),
        ("route", json!("Oral")),
        ("instructions", json!("<record-text>Take one tablet in the morning</record-text>")),
        ("prescribed_date", json!("2026-05-01")),
        ("prescribed_at", json!("2026-05-01")),
        ("prescriber", json!("Dr. Grace Hopper")),
        ("refills_remaining", json!(3)),
        ("reason", json!("Hypertension")),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
}

#[tokio::test]
async fn status_name_and_dates_narrow_the_list() {
    let clinic = clinic().await;
    let list = |arguments| listed(&clinic, "list_prescriptions", arguments);
    assert_eq!(list(json!({ "patient": "ada" })).await, ["m1", "m2", "m3"]);
    assert_eq!(list(json!({ "patient": "ada", "status": "ACTIVE" })).await, ["m1"]);
    assert_eq!(list(json!({ "patient": "ada", "status": "on hold" })).await, ["m3"]);
    assert_eq!(list(json!({ "patient": "ada", "status": "discontinued" })).await, ["m2"]);
    assert_eq!(list(json!({ "patient": "ada", "medication_name": "metformin" })).await, ["m2"]);
    assert_eq!(list(json!({ "patient": "ada", "from": "2025", "to": "2025" })).await, ["m2"]);
    assert_eq!(list(json!({ "patient": "bob" })).await, [""; 0]);
}

#[tokio::test]
async fn a_medication_that_is_a_record_or_within_one_is_named_too() {
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "Medication", "id": "aspirin", "code": { "text": "Aspirin 100 MG" }
        }))
        .await;
    let mut by_record = prescription("m5", "active", "", "2026-07-01");
    by_record.as_object_mut().unwrap().remove("medicationCodeableConcept");
    let mut contained = by_record.clone();
    by_record["medicationReference"] = json!({ "reference": "Medication/aspirin" });
    contained["id"] = "m6".into();
    contained["contained"] =
        json!([{ "resourceType": "Medication", "id": "in", "code": { "text": "Statin" } }]);
    contained["medicationReference"] = json!({ "reference": "#in" });
    clinic.put(by_record).await;
    clinic.put(contained).await;
    assert_eq!(
        listed(&clinic, "list_prescriptions", json!({ "patient": "ada", "medication": "aspirin" })).await,
        ["m5"]
    );
    assert_eq!(
        listed(&clinic, "list_prescriptions", json!({ "patient": "ada", "medication": "statin" })).await,
        ["m6"]
    );
}

#[tokio::test]
async fn the_documented_uris_read_the_same_list() {
    let clinic = clinic().await;
    let catalog = clinic.server.pipeline.catalog().clone();
    for (uri, expected) in [
        ("medications://all/Ada Lovelace", &["m1", "m2", "m3"][..]),
        ("medications://active/Ada%20Lovelace", &["m1"]),
        ("medications://history/ada/2025-01-01/2025-12-31", &["m2"]),
        ("pms://patients/MRN-ada/medications", &["m1"]),
    ] {
        let bound = catalog.bound_resource(uri).unwrap_or_else(|| panic!("{uri}"));
        assert_eq!(listed(&clinic, bound.tool, Value::Object(bound.arguments)).await, expected, "{uri}");
    }
}

#[tokio::test]
async fn only_those_who_care_and_the_patient_see_prescriptions() {
    let clinic = clinic().await;
    for role in [Role::Receptionist, Role::Admin, Role::Superadmin] {
        let refusal = clinic.refusal(role, "list_prescriptions", json!({ "patient": "ada" })).await;
        assert_eq!(refusal, "PERMISSION_DENIED");
    }
    let bob = clinic.patient_caller(&Id::new("bob").unwrap());
    let report = clinic.call(&bob, "list_prescriptions", json!({ "patient": "ada" })).await.unwrap_err();
    assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND");
}
