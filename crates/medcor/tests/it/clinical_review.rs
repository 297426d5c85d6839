//! What a chart must not hide, and what it must not claim.

use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic
}

async fn summary(clinic: &Clinic, section: &str, limit: u32) -> Value {
    let arguments = json!({ "patient": "ada", "sections": [section], "limit": limit });
    clinic.ok(Role::Doctor, "get_patient_summary", arguments).await[section].clone()
}

fn texts<'a>(rows: &'a Value, field: &str) -> Vec<&'a str> {
    rows["results"].as_array().unwrap().iter().map(|row| row[field].as_str().unwrap()).collect()
}

fn coded(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] })
}

/// A record of Ada's with these members more.
fn of_ada(resource_type: &str, id: &str, members: &Value) -> Value {
    let mut record = json!({ "resourceType": resource_type, "id": id });
    record["subject"] = json!({ "reference": "Patient/ada" });
    let record_members = record.as_object_mut().unwrap();
    record_members.extend(members.as_object().unwrap().clone());
    record
}

fn prescription(id: &str, intent: &str, members: &Value) -> Value {
    let mut record = of_ada("MedicationRequest", id, members);
    record["status"] = "active".into();
    record["intent"] = intent.into();
    record["authoredOn"] = "2026-05-01".into();
    record["medicationCodeableConcept"] = json!({ "text": "Warfarin" });
    record
}

#[tokio::test]
async fn an_order_not_to_give_a_medication_is_marked_and_not_summed_up() {
    let clinic = clinic().await;
    clinic.put(prescription("m1", "order", &json!({ "doNotPerform": true }))).await;
    clinic.put(prescription("m2", "original-order", &json!({ "doNotPerform": false }))).await;
    let list = clinic.ok(Role::Doctor, "get_medications", json!({ "patient": "ada" })).await;
    let row = |id: &str| {
        let mut rows = list["results"].as_array().unwrap().iter();
        rows.find(|row| row["id"] == id).unwrap_or_else(|| panic!("{id}: {list}"))
    };
    assert_eq!(row("m1")["do_not_give"], true);
    assert_eq!(row("m1")["medication_name"], "DO NOT GIVE: Warfarin");
    assert_eq!(row("m2")["medication_name"], "Warfarin");
    assert!(row("m2").get("do_not_give").is_none() && row("m2").get("intent").is_none());
    assert_eq!(texts(&summary(&clinic, "medications", 10).await, "id"), ["m2"]);
}

#[tokio::test]
async fn a_plan_is_taken_only_where_somebody_reports_it() {
    let clinic = clinic().await;
    clinic.put(prescription("m1", "proposal", &json!({}))).await;
    clinic.put(prescription("m2", "plan", &json!({}))).await;
    clinic.put(prescription("m3", "plan", &json!({ "reportedBoolean": true }))).await;
    let active = clinic.ok(Role::Doctor, "get_medications", json!({ "patient": "ada" })).await;
    assert_eq!((texts(&active, "id"), texts(&active, "intent")), (vec!["m3"], vec!["plan"]));
    assert_eq!(texts(&summary(&clinic, "medications", 10).await, "id"), ["m3"]);
    let all = clinic.ok(Role::Doctor, "list_prescriptions", json!({ "patient": "ada" })).await;
    let mut intents = texts(&all, "intent");
    intents.sort_unstable();
    assert_eq!(intents, ["plan", "plan", "proposal"]);
}

#[tokio::test]
async fn refills_that_were_handed_out_do_not_remain() {
    let clinic = clinic().await;
    let repeats = json!({ "dispenseRequest": { "numberOfRepeatsAllowed": 3 } });
    clinic.put(prescription("m1", "order", &repeats)).await;
    clinic.put(prescription("m2", "order", &repeats)).await;
    for (id, status) in [("d1", "completed"), ("d2", "completed"), ("d3", "cancelled")] {
        let members = json!({
            "status": status, "medicationCodeableConcept": { "text": "Warfarin" },
            "authorizingPrescription": [{ "reference": "MedicationRequest/m1" }]
        });
        clinic.put(of_ada("MedicationDispense", id, &members)).await;
    }
    let list = clinic.ok(Role::Doctor, "get_medications", json!({ "patient": "ada" })).await;
    for row in list["results"].as_array().unwrap() {
        let remaining = if row["id"] == "m1" { 2 } else { 3 };
        assert_eq!((&row["refills_allowed"], &row["refills_remaining"]), (&json!(3), &json!(remaining)));
    }
}

#[tokio::test]
async fn an_active_allergy_is_seen_behind_newer_resolved_ones() {
    let clinic = clinic().await;
    let statuses = ["active", "resolved", "resolved", "resolved", "resolved"];
    for (index, status) in statuses.into_iter().enumerate() {
        clinic
            .put(json!({
                "resourceType": "AllergyIntolerance", "id": format!("a{index}"),
                "clinicalStatus": coded("allergyintolerance-clinical", status),
                "patient": { "reference": "Patient/ada" }, "code": { "text": status },
                "recordedDate": format!("202{index}-01-01")
            }))
            .await;
    }
    let section = summary(&clinic, "allergies", 3).await;
    assert_eq!((texts(&section, "id"), &section["truncated"]), (vec!["a0"], &json!(false)));
}

#[tokio::test]
async fn a_condition_without_a_status_is_active_unless_it_was_refuted() {
    let clinic = clinic().await;
    let verification = |code: &str| coded("condition-ver-status", code);
    for (id, mut members) in [
        ("asthma", json!({})),
        ("refuted", json!({ "verificationStatus": verification("refuted") })),
        ("relapse", json!({ "clinicalStatus": coded("condition-clinical", "relapse") })),
        ("resolved", json!({ "clinicalStatus": coded("condition-clinical", "resolved") })),
    ] {
        members["code"] = json!({ "text": id });
        clinic.put(of_ada("Condition", id, &members)).await;
    }
    let arguments = json!({ "patient": "ada", "status": "active" });
    let list = clinic.ok(Role::Doctor, "list_conditions", arguments).await;
    for rows in [list, summary(&clinic, "conditions", 10).await] {
        let mut ids = texts(&rows, "id");
        ids.sort_unstable();
        assert_eq!(ids, ["asthma", "relapse"]);
    }
    let all = clinic.ok(Role::Doctor, "list_conditions", json!({ "patient": "ada" })).await;
    assert_eq!(all["count"], 4);
}

#[tokio::test]
async fn a_visit_shows_no_record_of_another_patient() {
    let clinic = clinic().await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    clinic.put(of_ada("Encounter", "e1", &json!({ "status": "finished", "class": { "code": "AMB" } }))).await;
    clinic.put(json!({ "resourceType": "Encounter", "id": "e2", "status": "finished", "class": { "code": "AMB" } })).await;
    for (id, patient, encounter) in [("c1", "ada", "e1"), ("c2", "bob", "e1"), ("c3", "bob", "e2")] {
        clinic
            .put(json!({
                "resourceType": "Condition", "id": id, "code": { "text": "Cough" },
                "subject": { "reference": format!("Patient/{patient}") },
                "encounter": { "reference": format!("Encounter/{encounter}") }
            }))
            .await;
    }
    let visit = clinic.ok(Role::Doctor, "get_encounter", json!({ "encounter": "e1" })).await;
    assert_eq!(texts(&visit["conditions"], "id"), ["c1"]);
    let of_nobody = clinic.ok(Role::Doctor, "get_encounter", json!({ "encounter": "e2" })).await;
    assert_eq!(of_nobody["conditions"]["count"], 0);
}

fn measured(id: &str, (code, unit): (&str, &str), date: &str) -> Value {
    let members = json!({
        "status": "final", "effectiveDateTime": date, "category": [coded("observation-category", "vital-signs")],
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
        "valueQuantity": { "value": 80, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit }
    });
    of_ada("Observation", id, &members)
}

#[tokio::test]
async fn a_height_of_years_ago_is_found_behind_the_weights_of_every_day() {
    let clinic = clinic().await;
    clinic.put(measured("height", ("8302-2", "cm"), "2020-01-01")).await;
    for day in 0..201 {
        let date = format!("2026-{:02}-{:02}", day / 28 + 1, day % 28 + 1);
        clinic.put(measured(&format!("w{day}"), ("29463-7", "kg"), &date)).await;
    }
    let listed = clinic.ok(Role::Doctor, "get_vital_signs", json!({ "patient": "ada" })).await;
    let measures = listed["summary"]["measures"].as_array().unwrap();
    let height = measures.iter().find(|measure| measure["kind"] == "height").unwrap();
    assert_eq!((&height["latest"]["recorded_date"], &height["values"]), (&json!("2020-01-01"), &json!(0)));
    let weight = measures.iter().find(|measure| measure["kind"] == "weight").unwrap();
    assert_eq!(weight["values"], 201);
    assert!(listed["summary"].get("is_partial").is_none(), "{}", listed["summary"]);
    let before = json!({ "patient": "ada", "to": "2019" });
    let before = clinic.ok(Role::Doctor, "get_vital_signs", before).await;
    assert_eq!(before["summary"]["measures"], json!([]));
    let section = summary(&clinic, "vitals", 10).await;
    assert_eq!(section["truncated"], true, "kinds that were not reached are not denied");
}
