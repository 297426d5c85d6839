//! Vital signs: recorded with their units, listed with what they amount to.

use medcor_fhir::Id;
use medcor_policy::{Principal, Role};
use medcor_tools::{Caller, ErrorReport};
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

/// A clinic with Ada, who is 41, and Tim, who is 3.
async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("tim", ("Tim", "Lovelace"), "2023-03-15")).await;
    clinic
}

fn vital(id: &str, (code, value, unit): (&str, f64, &str), date: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"
        }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }], "text": "A vital sign" },
        "subject": { "reference": "Patient/ada" },
        "effectiveDateTime": date,
        "performer": [{ "reference": "Practitioner/x", "display": "Nurse Joy" }],
        "valueQuantity": {
            "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit
        }
    })
}

fn rows(answer: &Value) -> &[Value] {
    answer["results"].as_array().expect("rows")
}

fn measure<'a>(answer: &'a Value, kind: &str) -> &'a Value {
    let measures = answer["summary"]["measures"].as_array().expect("measures");
    measures.iter().find(|measure| measure["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {answer}"))
}

fn paths(report: &ErrorReport) -> Vec<&str> {
    let problems = report.details["problems"].as_array().map_or(&[][..], Vec::as_slice);
    let mut paths: Vec<&str> = problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

#[tokio::test]
async fn what_is_recorded_is_read_back_with_units_flags_and_author() {
    let clinic = clinic().await;
    let grace = clinic
        .put(json!({
            "resourceType": "Practitioner", "id": "grace",
            "name": [{ "family": "Hopper", "given": ["Grace"], "prefix": ["Dr."] }]
        }))
        .await;
    let doctor = Caller::new(Principal { practitioner: Some(grace), ..clinic.principal(Role::Doctor) });
    let recorded = clinic
        .call(
            &doctor,
            "record_vital_signs",
            json!({
                "patient": "ada", "blood_pressure": "150/95", "heart_rate": 72, "temperature": 98.6,
                "weight": 154, "height": 70, "oxygen_saturation": 97, "respiratory_rate": 16,
                "pain_score": 2, "note": "after rest"
            }),
        )
        .await
        .unwrap_or_else(|report| panic!("{}", report.text()));
    assert_eq!(recorded["status"], "success");
    assert_eq!(recorded["message"], "Recorded 9 vital signs");
    assert_eq!(recorded["recorded_date"], "2026-12-02T09:00:00.000Z");
    assert_eq!(recorded["mrn"], "MRN-ada");

    let answer = clinic.ok(Role::Doctor, "get_vital_signs", json!({ "mrn": "MRN-ada" })).await;
    assert_eq!(answer["count"], 9);
    let row = |kind: &str| {
        let mut rows = rows(&answer).iter();
        rows.find(|row| row["kind"] == kind).unwrap_or_else(|| panic!("no {kind}")).clone()
    };
    let pressure = row("blood_pressure");
    assert_eq!(pressure["blood_pressure"], "150/95");
    assert_eq!((&pressure["systolic_bp"], &pressure["diastolic_bp"]), (&json!(150), &json!(95)));
    assert_eq!((&pressure["flag"], &pressure["abnormal"]), (&json!("high"), &json!(true)));
    assert_eq!(pressure["recorded_by"], "Dr. Grace Hopper");
    assert_eq!(pressure["note"], "<record-text>after rest</record-text>");
    assert_eq!(row("temperature")["temperature"], json!(98.6));
    assert_eq!(row("temperature")["unit"], "[degF]");
    assert_eq!(row("temperature")["flag"], "normal");
    assert_eq!(row("weight")["unit"], "[lb_av]");
    assert_eq!(row("bmi")["bmi"], json!(22.1));
    assert_eq!(row("heart_rate")["code"], "8867-4");
    assert_eq!(row("heart_rate")["flag_source"], "adult_range");
}

#[tokio::test]
async fn the_stored_observations_are_coded_as_fhir_wants_them() {
    let clinic = clinic().await;
    let arguments = json!({
        "patient": "ada", "systolic_bp": 120, "diastolic_bp": 80, "weight": 70, "weight_unit": "kg",
        "height": 175, "height_unit": "cm", "recorded_at": "2026-12-01T10:00"
    });
    clinic.ok(Role::Nurse, "record_vital_signs", arguments).await;
    let arguments = json!({ "patient": "ada", "format": "fhir" });
    let answer = clinic.ok(Role::Nurse, "get_vital_signs", arguments).await;
    let fhir = |kind: &str| rows(&answer).iter().find(|row| row["kind"] == kind).unwrap()["fhir"].clone();
    let pressure = fhir("blood_pressure");
    assert_eq!(pressure["code"]["coding"][0]["code"], "85354-9");
    assert_eq!(pressure["component"][0]["code"]["coding"][0]["code"], "8480-6");
    assert_eq!(pressure["component"][1]["valueQuantity"]["code"], "mm[Hg]");
    assert_eq!(pressure["effectiveDateTime"], "2026-12-01T10:00:00.000Z");
    let bmi = fhir("bmi");
    assert_eq!(bmi["valueQuantity"]["value"], json!(22.9));
    assert_eq!(bmi["derivedFrom"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_is_stored_when_one_value_is_impossible() {
    let clinic = clinic().await;
    let arguments = json!({
        "patient": "ada", "heart_rate": 720, "temperature": 55, "weight": 150, "recorded_at": "2027-01-01"
    });
    let report = clinic.call_as(Role::Nurse, "record_vital_signs", arguments).await.unwrap_err();
    assert_eq!(report.code.name(), "VALIDATION_ERROR");
    assert_eq!(paths(&report), ["/heart_rate", "/recorded_at", "/temperature"]);
    let answer = clinic.ok(Role::Nurse, "get_vital_signs", json!({ "patient": "ada" })).await;
    assert_eq!(answer["count"], 0);
}

#[tokio::test]
async fn a_visit_of_somebody_else_is_refused() {
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "Encounter", "id": "visit", "status": "in-progress",
            "class": { "code": "AMB" }, "subject": { "reference": "Patient/tim" }
        }))
        .await;
    let arguments = |patient: &str| json!({ "patient": patient, "heart_rate": 80, "encounter_id": "visit" });
    assert_eq!(clinic.refusal(Role::Nurse, "record_vital_signs", arguments("ada")).await, "VALIDATION_ERROR");
    clinic.ok(Role::Nurse, "record_vital_signs", arguments("tim")).await;
}

#[tokio::test]
async fn average_and_trend_are_those_of_the_window_however_few_rows_are_listed() {
    let clinic = clinic().await;
    for (index, value) in [200.0, 70.0, 72.0, 80.0, 90.0].into_iter().enumerate() {
        let date = ["2025-01-01", "2026-10-01", "2026-10-11", "2026-10-21", "2026-10-31"][index];
        clinic.put(vital(&format!("w{index}"), ("29463-7", value, "kg"), date)).await;
    }
    for limit in [1, 2, 50] {
        let arguments = json!({ "patient": "ada", "kinds": "weight", "window_days": 90, "limit": limit });
        let answer = clinic.ok(Role::Doctor, "get_vital_signs", arguments).await;
        assert_eq!(answer["summary"]["window_days"], 90);
        let weight = measure(&answer, "weight");
        assert_eq!(weight["values"], 4, "{limit}");
        assert_eq!(weight["average"], json!(78.0));
        assert_eq!((&weight["minimum"], &weight["maximum"]), (&json!(70.0), &json!(90.0)));
        assert_eq!(weight["trend"]["direction"], "rising");
        assert_eq!(weight["trend"]["change"], json!(20.0));
        assert_eq!(weight["trend"]["days"], json!(30.0));
        assert_eq!(weight["latest"]["value"].as_f64(), Some(90.0));
        assert_eq!(weight["unit"], "kg");
    }
    let arguments = json!({ "patient": "ada", "to": "2026-10-15", "window_days": 30 });
    let answer = clinic.ok(Role::Doctor, "get_vital_signs", arguments).await;
    assert_eq!(measure(&answer, "weight")["average"], json!(71.0));
}

#[tokio::test]
async fn a_list_continues_where_it_was_cut_and_never_repeats_a_row() {
    let clinic = clinic().await;
    for index in 0..7 {
        let date = format!("2026-10-0{}T08:00:00Z", index + 1);
        clinic.put(vital(&format!("h{index}"), ("8867-4", 60.0 + f64::from(index), "/min"), &date)).await;
    }
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let arguments = json!({ "patient": "ada", "limit": 3, "cursor": cursor });
        let answer = clinic.ok(Role::Doctor, "get_vital_signs", arguments).await;
        seen.extend(rows(&answer).iter().map(|row| row["heart_rate"].as_f64().unwrap()));
        assert_eq!(answer.get("summary").is_some(), cursor.is_null());
        cursor = answer.get("next_cursor").cloned().unwrap_or_default();
        if answer["truncated"] == false {
            break;
        }
    }
    assert_eq!(seen, [66.0, 65.0, 64.0, 63.0, 62.0, 61.0, 60.0]);
}

#[tokio::test]
async fn values_that_were_taken_back_count_for_nothing() {
    let clinic = clinic().await;
    let mut wrong = vital("wrong", ("8867-4", 190.0, "/min"), "2026-11-30");
    wrong["status"] = "entered-in-error".into();
    clinic.put(wrong).await;
    clinic.put(vital("right", ("8867-4", 70.0, "/min"), "2026-11-29")).await;
    let answer = clinic.ok(Role::Doctor, "get_vital_signs", json!({ "patient": "ada" })).await;
    assert_eq!(answer["count"], 1);
    assert_eq!(measure(&answer, "heart_rate")["average"], json!(70.0));
}

#[tokio::test]
async fn the_usual_range_of_adults_says_nothing_of_a_child() {
    let clinic = clinic().await;
    let arguments = json!({ "patient": "tim", "heart_rate": 110 });
    let answer = clinic.ok(Role::Nurse, "record_vital_signs", arguments).await;
    assert_eq!(rows(&answer)[0].get("flag"), None);
}

#[tokio::test]
async fn only_those_who_care_for_patients_see_and_record_vital_signs() {
    let clinic = clinic().await;
    for role in [Role::Receptionist, Role::Admin, Role::Superadmin, Role::Auditor] {
        for (tool, arguments) in [
            ("get_vital_signs", json!({ "patient": "ada" })),
            ("record_vital_signs", json!({ "patient": "ada", "heart_rate": 70 })),
        ] {
            assert_eq!(clinic.refusal(role, tool, arguments).await, "PERMISSION_DENIED", "{role} {tool}");
        }
    }
    let ada = clinic.patient_caller(&Id::new("ada").unwrap());
    let own = clinic.call(&ada, "get_vital_signs", json!({ "patient": "ada" })).await.unwrap();
    assert_eq!(own["count"], 0);
    let other = clinic.call(&ada, "get_vital_signs", json!({ "patient": "tim" })).await.unwrap_err();
    assert_eq!(other.code.name(), "RESOURCE_NOT_FOUND");
    let write = clinic.call(&ada, "record_vital_signs", json!({ "patient": "ada", "heart_rate": 70 })).await;
    assert_eq!(write.unwrap_err().code.name(), "PERMISSION_DENIED");
}

#[tokio::test]
async fn wrong_arguments_are_all_named() {
    let clinic = clinic().await;
    let report = clinic
        .call_as(
            Role::Doctor,
            "get_vital_signs",
            json!({ "patient": "ada", "limit": 0, "kinds": ["mood"], "colour": 1 }),
        )
        .await
        .unwrap_err();
    assert_eq!(paths(&report), ["/colour", "/kinds/0", "/limit"]);
    let arguments = json!({ "patient": "ada", "from": "2026-13", "to": "yesterday" });
    let report = clinic.call_as(Role::Doctor, "get_vital_signs", arguments).await.unwrap_err();
    assert_eq!(paths(&report), ["/from", "/to"]);
}
