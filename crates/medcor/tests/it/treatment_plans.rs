//! Treatment plans: made with their medications in one commit, changed, ended, listed.

use std::path::Path;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Principal, Role, system::permit_export};
use medcor_tools::Caller;
use serde_json::{Map, Value, json};

use crate::support::{Clinic, patient};

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    clinic
        .put(json!({
            "resourceType": "Practitioner", "id": "grace", "active": true,
            "name": [{ "family": "Hopper", "given": ["Grace"], "prefix": ["Dr"] }]
        }))
        .await;
    for (id, patient, start) in [
        ("today", "ada", "2026-12-02T10:00:00Z"),
        ("later", "ada", "2026-12-09T10:00:00Z"),
        ("bobs", "bob", "2026-12-09T11:00:00Z"),
    ] {
        clinic
            .put(json!({
                "resourceType": "Appointment", "id": id, "status": "booked", "start": start,
                "end": start.replace(":00:00Z", ":30:00Z"),
                "participant": [{ "actor": { "reference": format!("Patient/{patient}") }, "status": "accepted" }]
            }))
            .await;
    }
    clinic
}

fn doctor(clinic: &Clinic) -> Caller {
    let practitioner = Id::new("grace");
    clinic.logged_in(Principal { practitioner, ..clinic.principal(Role::Doctor) })
}

/// The documented call of one system.
fn hypertension() -> Value {
    json!({
        "patient_id": "ada", "doctor_id": "grace", "name": "Hypertension Management",
        "description": "Lower the blood pressure",
        "medications": [
            { "name": "Lisinopril", "dosage": "10mg", "frequency": "once daily", "duration": "30 days" },
            { "name": "Amlodipine", "dosage": "1-2 tablets", "frequency": "at night", "duration": "until better" }
        ],
        "instructions": "Measure at home", "follow_up_date": "2027-03-01"
    })
}

async fn records(clinic: &Clinic, resource_type: ResourceType) -> Vec<Value> {
    let permit = permit_export(clinic.server.here.id);
    let mut session = clinic.server.store.session(&permit);
    let page = session.export(resource_type, 0, 1000).await.unwrap();
    page.records.iter().map(|record| serde_json::from_str(&record.body).unwrap()).collect()
}

#[tokio::test]
async fn a_plan_has_every_documented_field_and_its_medications_are_planned_not_prescribed() {
    let clinic = clinic().await;
    let made = clinic.call(&doctor(&clinic), "create_treatment", hypertension()).await.unwrap();
    for (field, value) in [
        ("success", json!(true)),
        ("name", json!("Hypertension Management")),
        ("type", json!("MEDICATION")),
        ("status", json!("ACTIVE")),
        ("patient", json!("Ada Lovelace")),
        ("patient_id", json!("ada")),
        ("doctor_id", json!("grace")),
        ("description", json!("<record-text>Lower the blood pressure</record-text>")),
        ("instructions", json!("<record-text>Measure at home</record-text>")),
        ("start_date", json!("2026-12-02")),
        ("follow_up_date", json!("2027-03-01")),
        ("appointment_id", json!("today")),
    ] {
        assert_eq!(made[field], value, "{field}: {made}");
    }
    assert!(made["doctor"].as_str().unwrap().contains("Hopper"));
    assert_eq!(made["id"], made["treatment_id"]);
    let medications = made["medications"].as_array().unwrap();
    assert_eq!(medications.len(), 2);
    for (field, value) in
        [("name", "Lisinopril"), ("dosage", "10 mg"), ("frequency", "once daily"), ("duration", "30 days")]
    {
        assert_eq!(medications[0][field], value, "{field}");
    }
    assert_eq!(medications[1]["duration"], "until better");
    assert!(medications[1]["dosage"].as_str().unwrap().contains("1-2 tablets"));
    let requests = records(&clinic, ResourceType::MEDICATION_REQUEST).await;
    assert!(requests.iter().all(|request| request["intent"] == "plan" && request["status"] == "active"));
    let shown = clinic.ok(Role::Nurse, "get_treatment_plan", json!({ "plan_id": made["id"] })).await;
    for field in ["medications", "instructions", "follow_up_date", "doctor", "created_at"] {
        assert_eq!(shown[field], made[field], "{field}");
    }
    // Nobody takes what is only planned.
    let summary = json!({ "patient": "ada", "sections": ["medications", "care_plans"] });
    let summary = clinic.ok(Role::Doctor, "get_patient_summary", summary).await;
    assert_eq!(summary["medications"]["count"], 0);
    assert_eq!(summary["care_plans"]["results"][0]["name"], "Hypertension Management");
}

#[tokio::test]
async fn two_interventions_make_a_plan_named_after_its_diagnosis() {
    let clinic = clinic().await;
    let made = clinic
        .ok(
            Role::Doctor,
            "create_treatment_plan",
            json!({
                "patient_name": "Bob Boole", "diagnosis": "Type 2 diabetes",
                "medication_intervention": "Metformin with meals", "lifestyle_intervention": "Walk every day"
            }),
        )
        .await;
    assert_eq!((&made["name"], &made["diagnosis"]), (&json!("Type 2 diabetes"), &json!("Type 2 diabetes")));
    let kinds: Vec<&str> =
        made["interventions"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["medication", "lifestyle"]);
    assert!(made["message"].as_str().unwrap().contains("Type 2 diabetes"));
    assert!(made.get("appointment_id").is_none(), "his appointment is another day");
}

#[tokio::test]
async fn a_plan_ends_with_its_medications_and_takes_notes_only_afterwards() {
    let clinic = clinic().await;
    let doctor = doctor(&clinic);
    let made = clinic.call(&doctor, "create_treatment", hypertension()).await.unwrap();
    let plan = &made["plan_id"];
    let held = clinic
        .call(
            &doctor,
            "update_treatment_plan",
            json!({ "plan_id": plan, "status": "on hold", "notes": "away" }),
        )
        .await
        .unwrap();
    assert_eq!((&held["status"], &held["medications"][0]["status"]), (&json!("ON_HOLD"), &json!("on-hold")));
    let ended = clinic
        .call(&doctor, "discontinue_treatment_plan", json!({ "plan_id": plan, "reason": "Cough" }))
        .await
        .unwrap();
    assert_eq!((&ended["status"], &ended["end_date"]), (&json!("DISCONTINUED"), &json!("2026-12-02")));
    assert_eq!(ended["reason"], "<record-text>Cough</record-text>");
    assert_eq!(ended["notes"], "<record-text>away</record-text>");
    assert_eq!(ended["interventions"], made["interventions"], "instructions are none");
    let requests = records(&clinic, ResourceType::MEDICATION_REQUEST).await;
    assert!(requests.iter().all(|request| request["status"] == "stopped"));
    assert!(requests.iter().all(|request| request["statusReason"]["text"] == "Cough"));
    for (tool, arguments) in [
        ("update_treatment", json!({ "treatment_id": plan, "status": "ACTIVE" })),
        ("update_treatment", json!({ "treatment_id": plan, "instructions": "x" })),
        ("discontinue_treatment_plan", json!({ "plan_id": plan, "reason": "again" })),
    ] {
        assert_eq!(clinic.refusal(Role::Doctor, tool, arguments).await, "PRECONDITION");
    }
    let noted =
        clinic.ok(Role::Doctor, "update_treatment", json!({ "treatment_id": plan, "notes": "better" })).await;
    assert_eq!(noted["notes"], "<record-text>away\nbetter</record-text>");
}

#[tokio::test]
async fn new_instructions_and_follow_up_take_the_place_of_the_old() {
    let clinic = clinic().await;
    let made = clinic.call(&doctor(&clinic), "create_treatment", hypertension()).await.unwrap();
    let change = json!({ "plan_id": made["id"], "instructions": "Rest", "follow_up_date": "2027-04-01" });
    let changed = clinic.ok(Role::Doctor, "update_treatment_plan", change).await;
    assert_eq!(changed["instructions"], "<record-text>Rest</record-text>");
    assert_eq!(changed["follow_up_date"], "2027-04-01");
    assert_eq!(changed["medications"].as_array().unwrap().len(), 2);
    let completed = json!({ "treatment_id": made["id"], "status": "COMPLETED" });
    let completed = clinic.ok(Role::Doctor, "update_treatment", completed).await;
    assert_eq!((&completed["status"], &completed["end_date"]), (&json!("COMPLETED"), &json!("2026-12-02")));
    assert_eq!(completed["medications"][0]["status"], "completed");
}

#[tokio::test]
async fn plans_are_listed_by_patient_doctor_appointment_and_uri() {
    let clinic = clinic().await;
    let doctor = doctor(&clinic);
    let made = clinic.call(&doctor, "create_treatment", hypertension()).await.unwrap();
    let ended = json!({ "patient": "ada", "name": "Old", "appointment_id": "later" });
    let ended = clinic.ok(Role::Doctor, "create_treatment", ended).await;
    let end = json!({ "plan": ended["id"], "reason": "replaced" });
    clinic.ok(Role::Doctor, "discontinue_treatment_plan", end).await;
    let catalog = clinic.server.pipeline.catalog();
    for (uri, names) in [
        ("clinical://plans/active/Ada Lovelace", vec!["Hypertension Management"]),
        ("clinical://plans/history/ada", vec!["Hypertension Management", "Old"]),
        ("clinical://plans/appointment/later", vec!["Old"]),
        ("clinical://plans/appointment/today", vec!["Hypertension Management"]),
    ] {
        let bound = catalog.bound_resource(uri).unwrap();
        let answer = clinic.ok(Role::Nurse, bound.tool, Value::Object(bound.arguments)).await;
        let mut found: Vec<&str> =
            answer["results"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, names, "{uri}");
    }
    for arguments in [
        json!({ "patient_id": "ada", "doctor_id": "grace", "status": "active" }),
        json!({ "doctor_id": "grace" }),
    ] {
        let answer = clinic.ok(Role::Doctor, "list_treatments", arguments).await;
        assert_eq!((&answer["count"], &answer["results"][0]["id"]), (&json!(1), &made["id"]));
    }
}

#[tokio::test]
async fn what_cannot_be_planned_is_refused_with_every_problem_and_leaves_nothing() {
    let clinic = clinic().await;
    let wrong = json!({
        "patient": "ada", "start_date": "2026-13-01", "end_date": "2026-12-01", "follow_up_date": "soon",
        "medications": [{ "name": "a; drop" }, { "name": "42" }]
    });
    let report = clinic.call_as(Role::Doctor, "create_treatment_plan", wrong).await.unwrap_err();
    let problems = report.details["problems"].as_array().unwrap();
    let paths: Vec<&str> = problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    let expected = [
        "/name",
        "/start_date",
        "/follow_up_date",
        "/end_date",
        "/medications/0/name",
        "/medications/1/name",
    ];
    assert_eq!(paths, expected);
    for (arguments, code) in [
        (json!({ "patient": "ada", "name": "x", "appointment": "bobs" }), "VALIDATION_ERROR"),
        (json!({ "patient": "nobody", "name": "x" }), "RESOURCE_NOT_FOUND"),
        (json!({ "patient_name": "Ada Lovelac", "name": "x" }), "RESOURCE_NOT_FOUND"),
    ] {
        assert_eq!(clinic.refusal(Role::Doctor, "create_treatment_plan", arguments).await, code);
    }
    for tool in ["update_treatment_plan", "discontinue_treatment_plan"] {
        let arguments = json!({ "plan_id": "none", "reason": "gone", "status": "ACTIVE" });
        let code = clinic.refusal(Role::Doctor, tool, arguments).await;
        assert!(["VALIDATION_ERROR", "RESOURCE_NOT_FOUND"].contains(&code), "{tool}: {code}");
    }
    assert_eq!(clinic.refusal(Role::Doctor, "list_treatment_plans", json!({})).await, "VALIDATION_ERROR");
    assert!(records(&clinic, ResourceType::CARE_PLAN).await.is_empty());
    assert!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.is_empty());
}

#[tokio::test]
async fn the_medications_of_a_plan_are_checked_like_a_prescription() {
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "subject": { "reference": "Patient/ada" }, "medicationCodeableConcept": { "text": "Warfarin 5 mg" }
        }))
        .await;
    clinic
        .put(json!({
            "resourceType": "AllergyIntolerance", "patient": { "reference": "Patient/ada" },
            "code": { "text": "Penicillin" }, "clinicalStatus": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"
            }] }
        }))
        .await;
    let plan =
        |medication: &str| json!({ "patient": "ada", "name": "x", "medications": [{ "name": medication }] });
    let warned = clinic.ok(Role::Doctor, "create_treatment_plan", plan("Aspirin")).await;
    let warning = &warned["warnings"][0];
    assert_eq!((&warning["kind"], &warning["other"]), (&json!("interaction"), &json!("Warfarin 5 mg")));
    let report =
        clinic.call_as(Role::Doctor, "create_treatment_plan", plan("Amoxicillin")).await.unwrap_err();
    assert_eq!(report.details["problems"][0]["path"], "/override_reason", "{}", report.text());
    let mut reasoned = plan("Amoxicillin");
    reasoned["override_reason"] = json!("tolerated twice since");
    let planned = clinic.ok(Role::Doctor, "create_treatment_plan", reasoned).await;
    assert!(planned["warnings"].as_array().unwrap().iter().any(|warning| warning["overridden"] == true));
    assert!(planned["notes"].as_str().unwrap().contains("tolerated twice since"));
    // Ada is a woman of 41.
    let mut possible = plan("Isotretinoin");
    possible["override_reason"] = json!("a pregnancy is ruled out");
    let planned = clinic.ok(Role::Doctor, "create_treatment_plan", possible).await;
    let warnings = planned["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["kind"] == "pregnancy"), "{warnings:?}");
    let report = clinic.call_as(Role::Doctor, "create_treatment_plan", plan("Amoxicilin")).await.unwrap_err();
    assert_eq!(report.details["problems"][0]["path"], "/medications/0/name", "{}", report.text());
    let unheard = clinic.ok(Role::Doctor, "create_treatment_plan", plan("Zzyzxomab forte")).await;
    assert_eq!(unheard["warnings"][0]["kind"], "unchecked");
    let words =
        json!({ "patient": "ada", "name": "x", "medication_intervention": "Give amoxicillin thrice a day" });
    let report = clinic.call_as(Role::Doctor, "create_treatment_plan", words).await.unwrap_err();
    assert_eq!(report.details["problems"][0]["path"], "/override_reason", "{}", report.text());
}

#[tokio::test]
async fn nurses_read_plans_patients_their_own_and_only_doctors_write_them() {
    let clinic = clinic().await;
    let made = clinic.call(&doctor(&clinic), "create_treatment", hypertension()).await.unwrap();
    for role in [Role::Nurse, Role::Receptionist, Role::Admin] {
        assert_eq!(clinic.refusal(role, "create_treatment", hypertension()).await, "PERMISSION_DENIED");
    }
    let own = clinic.patient_caller(&Id::new("ada").unwrap());
    let other = clinic.patient_caller(&Id::new("bob").unwrap());
    let listed = clinic.call(&own, "list_treatment_plans", json!({})).await.unwrap();
    assert_eq!(listed["results"][0]["id"], made["id"]);
    assert_eq!(clinic.call(&other, "list_treatment_plans", json!({})).await.unwrap()["count"], 0);
    let peek = clinic.call(&other, "get_treatment_plan", json!({ "plan": made["id"] })).await;
    assert_eq!(peek.unwrap_err().code.name(), "RESOURCE_NOT_FOUND");
}

/// The documented calls of the price list, which has the names of plans in one system. Those of plans are in
/// `documented_calls`.
#[tokio::test]
async fn every_documented_call_of_the_price_list_works_as_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/surface/medcor_v2.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return;
    };
    let clinic = clinic().await;
    let system: Value = serde_json::from_str(&text).unwrap();
    let mut calls = 0;
    for tool in system["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        if !name.contains("treatment") || name == "get_treatment_stats" {
            continue;
        }
        let service = json!({ "name": format!("Root Canal {calls}"), "cost": 800 });
        let service = clinic.ok(Role::Admin, "create_service", service).await;
        let value = |parameter: &Value| match parameter["name"].as_str().unwrap() {
            "treatment_id" => service["id"].clone(),
            "tenant_id" => json!("here"),
            "search" => json!("Dental"),
            "limit" => json!(10),
            "cost" => json!(150.0),
            _ => parameter.get("example").cloned().unwrap_or_else(|| json!("Dental Cleaning, long")),
        };
        let parameters = tool["params"].as_array().unwrap().iter();
        let arguments: Map<String, Value> =
            parameters.map(|it| (it["name"].as_str().unwrap().to_owned(), value(it))).collect();
        clinic.ok(Role::Admin, name, Value::Object(arguments)).await;
        calls += 1;
    }
    assert_eq!(calls, 4);
}
