//! Records: any FHIR resource, as far as the caller's role.

use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

fn weight(id: &str, patient: &str, date: &str, value: f64) -> Value {
    json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }], "text": "Body weight" },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": date,
        "valueQuantity": { "value": value, "unit": "kg" }
    })
}

async fn charted() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(weight("w1", "ada", "2026-01-01", 60.5)).await;
    clinic.put(weight("w2", "ada", "2026-06-01", 61.0)).await;
    clinic
}

fn ids(listing: &Value) -> Vec<&str> {
    listing["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_record_of_any_type_is_read_whole_or_in_a_line() {
    let clinic = charted().await;
    let arguments = json!({ "resource_type": "observation", "id": "Observation/w1" });
    let answer = clinic.ok(Role::Doctor, "fhir_read", arguments).await;
    assert_eq!(answer["fhir"]["valueQuantity"]["value"], json!(60.5));
    let arguments = json!({ "type": "Observation", "id": "w1", "format": "compact" });
    let expected = json!({
        "resource_type": "Observation", "id": "w1", "version": 1, "last_updated": "2026-12-02T09:00:00.000Z",
        "patient": "ada", "text": "Body weight", "status": "final", "date": "2026-01-01"
    });
    assert_eq!(clinic.ok(Role::Doctor, "fhir_read", arguments).await, expected);
}

#[tokio::test]
async fn a_role_without_the_type_is_refused_and_a_foreign_record_is_not_there() {
    let clinic = charted().await;
    clinic.put_elsewhere(patient("eve", ("Eve", "Elsewhere"), "1990-01-01")).await;
    let observation = json!({ "resource_type": "Observation", "id": "w1" });
    for role in [Role::Receptionist, Role::Admin] {
        assert_eq!(clinic.refusal(role, "fhir_read", observation.clone()).await, "PERMISSION_DENIED");
        let search = json!({ "resource_type": "Observation" });
        assert_eq!(clinic.refusal(role, "fhir_search", search).await, "PERMISSION_DENIED");
    }
    for id in ["eve", "nobody", "not an id"] {
        for tool in ["fhir_read", "fhir_history"] {
            let arguments = json!({ "resource_type": "Patient", "id": id });
            assert_eq!(clinic.refusal(Role::Doctor, tool, arguments).await, "RESOURCE_NOT_FOUND", "{id}");
        }
    }
    let arguments = json!({ "resource_type": "Patiend", "id": "x" });
    assert_eq!(clinic.refusal(Role::Doctor, "fhir_read", arguments).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_patient_searches_the_own_chart_only() {
    let clinic = charted().await;
    let id = clinic.put(patient("bob", ("Bob", "Babbage"), "1980-01-01")).await;
    clinic.put(weight("w3", "bob", "2026-01-01", 80.0)).await;
    let caller = clinic.patient_caller(&id);
    let search = json!({ "resource_type": "Observation", "count_total": true });
    let listing = clinic.call(&caller, "fhir_search", search).await.unwrap();
    assert_eq!((ids(&listing), &listing["total"]), (vec!["w3"], &json!(1)));
    let arguments = json!({ "resource_type": "Observation", "id": "w1" });
    let report = clinic.call(&caller, "fhir_read", arguments).await.unwrap_err();
    assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn a_search_takes_an_object_or_a_query_string() {
    let clinic = charted().await;
    for arguments in [
        json!({ "resource_type": "Observation", "parameters": {
            "patient": "ada", "code": "http://loinc.org|29463-7", "date": ["ge2026-01-01", "lt2026-02-01"] } }),
        json!({ "resource_type": "Observation",
            "query": "patient=Patient/ada&code=http://loinc.org%7C29463-7&date=ge2026-01-01&date=lt2026-02-01" }),
    ] {
        let listing = clinic.ok(Role::Nurse, "fhir_search", arguments).await;
        assert_eq!(ids(&listing), ["w1"]);
        assert_eq!(listing["applied_filter"]["date"], json!(["ge2026-01-01", "lt2026-02-01"]));
        assert!(listing["results"][0].get("fhir").is_none());
    }
    let arguments = json!({ "resource_type": "Observation", "parameters": { "_sort": "-date", "_count": 1 },
        "format": "fhir", "count_total": true });
    let listing = clinic.ok(Role::Nurse, "fhir_search", arguments.clone()).await;
    assert_eq!((ids(&listing), &listing["total"]), (vec!["w2"], &json!(2)));
    assert_eq!(listing["results"][0]["fhir"]["resourceType"], "Observation");
    let mut next = arguments;
    next["cursor"] = listing["next_cursor"].clone();
    assert_eq!(ids(&clinic.ok(Role::Nurse, "fhir_search", next).await), ["w1"]);
}

#[tokio::test]
async fn every_problem_of_a_search_is_listed() {
    let clinic = charted().await;
    let arguments = json!({ "resource_type": "Observation",
        "parameters": { "colour": "red", "date": "yesterday", "code:fuzzy": "x" } });
    let report = clinic.call_as(Role::Doctor, "fhir_search", arguments).await.unwrap_err();
    let problems = report.details["problems"].as_array().unwrap();
    let paths: Vec<&str> = problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/parameters/colour", "/parameters/date", "/parameters/code:fuzzy"]);
    let arguments = json!({ "resource_type": "Observation", "parameters": { "_count": 500 } });
    assert_eq!(clinic.refusal(Role::Doctor, "fhir_search", arguments).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn history_shows_every_version_newest_first() {
    let clinic = charted().await;
    for phone in ["555 000 1111", "555 000 2222"] {
        clinic.ok(Role::Nurse, "update_patient", json!({ "patient": "ada", "phone": phone })).await;
    }
    let arguments = json!({ "resource_type": "Patient", "id": "ada", "limit": 2, "format": "fhir" });
    let listing = clinic.ok(Role::Nurse, "fhir_history", arguments.clone()).await;
    let versions = |listing: &Value| -> Vec<u64> {
        listing["results"].as_array().unwrap().iter().map(|row| row["version"].as_u64().unwrap()).collect()
    };
    assert_eq!(versions(&listing), [3, 2]);
    assert_eq!(listing["results"][1]["fhir"]["telecom"][0]["value"], "555 000 1111");
    let mut next = arguments;
    next["cursor"] = listing["next_cursor"].clone();
    assert_eq!(versions(&clinic.ok(Role::Nurse, "fhir_history", next).await), [1]);
    let first = json!({ "resource_type": "Patient", "id": "ada", "version": 1 });
    assert!(clinic.ok(Role::Nurse, "fhir_read", first).await["fhir"].get("telecom").is_none());
    let none = json!({ "resource_type": "Patient", "id": "ada", "version": 9 });
    assert_eq!(clinic.refusal(Role::Nurse, "fhir_read", none).await, "RESOURCE_NOT_FOUND");
}
