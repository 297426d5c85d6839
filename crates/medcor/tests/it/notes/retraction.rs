//! Notes that are taken back, and what was measured for them.

use medcor_fhir::Id;
use medcor_policy::{Principal, Role};
use medcor_tools::Caller;
use serde_json::{Value, json};

use super::{clinic, draft, grace, other_nurse, signed, soap};
use crate::support::Clinic;

#[tokio::test]
async fn a_note_of_the_wrong_visit_is_taken_back_with_its_reason_and_stays_in_history() {
    let clinic = clinic().await;
    let note = signed(&clinic).await;
    let retract = json!({ "note_id": note, "reason": "Written of another patient's visit" });
    for (caller, code) in [
        (other_nurse(&clinic), "PERMISSION_DENIED"),
        (clinic.caller(Role::Receptionist), "PERMISSION_DENIED"),
        (clinic.patient_caller(&Id::new("ada").unwrap()), "PERMISSION_DENIED"),
    ] {
        let refused = clinic.call(&caller, "retract_soap_note", retract.clone()).await.unwrap_err();
        assert_eq!(refused.code.name(), code);
    }
    let stale = json!({ "note_id": note, "reason": "Stale", "expected_version": 1 });
    assert_eq!(clinic.refusal(Role::Nurse, "retract_soap_note", stale).await, "CONFLICT");
    assert_eq!(
        clinic.refusal(Role::Nurse, "retract_soap_note", json!({ "note_id": note })).await,
        "VALIDATION_ERROR"
    );
    let taken_back = clinic.call(&grace(&clinic), "retract_soap_note", retract.clone()).await.unwrap();
    assert_eq!(taken_back["status"], "retracted");
    assert!(taken_back["reason"].as_str().unwrap().contains("another patient"), "{taken_back}");
    let again = clinic.ok(Role::Doctor, "retract_soap_note", retract).await;
    assert_eq!(again["version"], taken_back["version"], "nothing was changed again");
    let list = |more: Value| {
        let mut arguments = json!({ "patient": "ada" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    assert_eq!(clinic.ok(Role::Nurse, "list_soap_notes", list(json!({}))).await["count"], 0);
    let retracted = clinic.ok(Role::Nurse, "list_soap_notes", list(json!({ "status": "retracted" }))).await;
    assert_eq!(retracted["results"][0]["id"], json!(note));
    let history = json!({ "note": note, "view": "history" });
    assert_eq!(clinic.ok(Role::Nurse, "list_soap_notes", history).await["count"], 3);
    for tool in ["update_soap_note", "version_soap_note"] {
        let change = json!({ "note_id": note, "plan": "x" });
        assert_eq!(clinic.refusal(Role::Nurse, tool, change).await, "PRECONDITION", "{tool}");
    }
}

#[tokio::test]
async fn a_draft_that_is_taken_back_never_shows_its_text_to_the_patient() {
    let clinic = clinic().await;
    let note = draft(&clinic).await;
    clinic.ok(Role::Nurse, "retract_soap_note", json!({ "note": note, "reason": "Wrong patient" })).await;
    let ada = clinic.patient_caller(&Id::new("ada").unwrap());
    for tool in ["fhir_read", "fhir_history", "fhir_search"] {
        let mut raw = json!({ "resource_type": "Composition" });
        if tool != "fhir_search" {
            raw["id"] = json!(note);
        }
        let seen =
            clinic.call(&ada, tool, raw).await.map_or_else(|report| report.text(), |seen| seen.to_string());
        assert!(!seen.contains("bronchitis"), "{tool}: {seen}");
    }
    let raw = json!({ "resource_type": "Composition", "id": note, "version": 1 });
    let first = clinic.ok(Role::Doctor, "fhir_read", raw).await;
    assert!(first.to_string().contains("bronchitis"), "the version before keeps the text: {first}");
}

#[tokio::test]
async fn an_amendment_that_is_taken_back_leaves_room_for_another() {
    let clinic = clinic().await;
    let note = signed(&clinic).await;
    let amend = json!({ "note_id": note, "plan": "Rest." });
    let first = clinic.ok(Role::Nurse, "version_soap_note", amend.clone()).await["note_id"].clone();
    assert_eq!(clinic.refusal(Role::Nurse, "version_soap_note", amend.clone()).await, "CONFLICT");
    clinic.ok(Role::Nurse, "retract_soap_note", json!({ "note": first, "reason": "Wrong note" })).await;
    let read = clinic.ok(Role::Nurse, "list_soap_notes", json!({ "note": note })).await;
    assert_eq!(read["results"][0].get("amended_by"), None, "{read}");
    let second = clinic.ok(Role::Nurse, "version_soap_note", amend).await["note_id"].clone();
    assert_ne!(first, second);
}

/// A note about Ada with a blood pressure and a pulse, the ids of which come with it.
async fn measured(clinic: &Clinic) -> (String, Vec<Value>) {
    let mut arguments = soap();
    (arguments["bp"], arguments["hr"]) = (json!("90/50"), json!(150));
    let note = clinic.call(&grace(clinic), "create_soap_note", arguments).await.unwrap();
    (note["note_id"].as_str().unwrap().to_owned(), note["observation_ids"].as_array().unwrap().clone())
}

#[tokio::test]
async fn what_was_measured_for_a_note_is_taken_back_with_it_and_counts_for_nothing() {
    let clinic = clinic().await;
    for (id, code, value, unit) in [("hr", "8867-4", 70, "/min"), ("sbp", "8480-6", 120, "mm[Hg]")] {
        clinic
            .put(json!({
                "resourceType": "Observation", "id": id, "status": "final",
                "subject": { "reference": "Patient/ada" }, "effectiveDateTime": "2026-12-01T09:00:00Z",
                "category": [{ "coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"
                }] }],
                "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
                "valueQuantity": {
                    "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit
                }
            }))
            .await;
    }
    let ada = json!({ "patient": "ada" });
    let mut before = Vec::new();
    for tool in ["get_vital_signs", "calculate_news2", "calculate_qsofa"] {
        before.push((tool, clinic.ok(Role::Nurse, tool, ada.clone()).await));
    }
    for sign in [false, true] {
        let (note, measured) = measured(&clinic).await;
        assert_eq!(clinic.ok(Role::Nurse, "get_vital_signs", ada.clone()).await["count"], 4);
        if sign {
            let sign = json!({ "note": note, "sign": true });
            clinic.call(&grace(&clinic), "update_soap_note", sign).await.unwrap();
        }
        let retract = json!({ "note": note, "reason": "Another patient's visit" });
        let answer = clinic.call(&grace(&clinic), "retract_soap_note", retract).await.unwrap();
        assert_eq!(answer["retracted_observation_ids"], json!(measured), "{answer}");
        assert_eq!(answer.get("standing_observation_ids"), None);
        assert!(answer["message"].as_str().unwrap().contains("2 vital signs"), "{answer}");
        for id in &measured {
            let raw = json!({ "resource_type": "Observation", "id": id });
            let record = clinic.ok(Role::Doctor, "fhir_read", raw).await;
            assert_eq!(
                (&record["fhir"]["status"], &record["version"]),
                (&json!("entered-in-error"), &json!(2))
            );
        }
        for (tool, before) in &before {
            assert_eq!(clinic.ok(Role::Nurse, tool, ada.clone()).await, *before, "{tool}");
        }
        let encounter = clinic.ok(Role::Doctor, "get_encounter", json!({ "encounter": "e1" })).await;
        assert_eq!(encounter["vital_signs"]["count"], 0, "{encounter}");
        let sections = json!({ "patient": "ada", "sections": ["vitals"] });
        let summary = clinic.ok(Role::Doctor, "get_patient_summary", sections).await;
        assert_eq!(summary["vitals"]["count"], 2, "{summary}");
    }
}

#[tokio::test]
async fn what_the_caller_may_not_take_back_is_named() {
    let clinic = clinic().await;
    let (note, measured) = measured(&clinic).await;
    let scopes = "user/Composition.cruds user/Patient.rs user/Practitioner.rs user/Observation.rs";
    let scopes = scopes.split(' ').map(|scope| scope.parse().unwrap()).collect();
    let narrow = Caller::new(Principal { scopes: Some(scopes), ..clinic.principal(Role::Doctor) });
    let retract = json!({ "note": note, "reason": "Another patient's visit" });
    let answer = clinic.call(&narrow, "retract_soap_note", retract).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["standing_observation_ids"]),
        (&json!("retracted"), &json!(measured))
    );
    assert_eq!(answer.get("retracted_observation_ids"), None);
    assert!(answer["message"].as_str().unwrap().contains("still stand"), "{answer}");
    let vitals = clinic.ok(Role::Doctor, "get_vital_signs", json!({ "patient": "ada" })).await;
    assert_eq!(vitals["count"], 2);
}

#[tokio::test]
async fn what_was_measured_stands_while_another_note_rests_on_it() {
    let clinic = clinic().await;
    let (note, measured) = measured(&clinic).await;
    let sign = json!({ "note": note, "sign": true });
    clinic.call(&grace(&clinic), "update_soap_note", sign).await.unwrap();
    let amend = json!({ "note": note, "plan": "Rest." });
    let amendment = clinic.call(&grace(&clinic), "version_soap_note", amend).await.unwrap();
    let retract = |note: &Value| json!({ "note": note, "reason": "Wrong" });
    let caller = grace(&clinic);
    let answer = clinic.call(&caller, "retract_soap_note", retract(&amendment["id"])).await.unwrap();
    assert_eq!(answer["standing_observation_ids"], json!(measured), "the first note stands: {answer}");
    let answer = clinic.call(&caller, "retract_soap_note", retract(&json!(note))).await.unwrap();
    assert_eq!(answer["retracted_observation_ids"], json!(measured), "{answer}");
}
