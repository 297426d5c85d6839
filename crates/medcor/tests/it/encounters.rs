//! Encounters: in documented words, with what was found and done in them.

use medcor_fhir::Id;
use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

fn encounter(id: &str, (status, class): (&str, &str), kind: &str, start: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": status,
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "type": [{ "text": kind }],
        "subject": { "reference": "Patient/ada" },
        "participant": [{ "individual": { "reference": "Practitioner/grace" } }],
        "reasonCode": [{ "text": "Cough" }],
        "period": { "start": start, "end": start.replace("T09", "T10") },
        "serviceProvider": { "display": "City Hospital" }
    })
}

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    clinic
        .put(json!({ "resourceType": "Practitioner", "id": "grace", "name": [{ "text": "Grace Hopper" }] }))
        .await;
    for (id, status, class, kind, start) in [
        ("e1", "finished", "AMB", "Check-up", "2026-01-10T09:00:00Z"),
        ("e2", "finished", "EMER", "Emergency room admission", "2026-03-10T09:00:00Z"),
        ("e3", "in-progress", "AMB", "Follow-up encounter", "2026-12-02T09:00:00Z"),
        ("e4", "planned", "VR", "Video visit", "2026-12-20T09:00:00Z"),
    ] {
        clinic.put(encounter(id, (status, class), kind, start)).await;
    }
    clinic
}

async fn listed(clinic: &Clinic, arguments: Value) -> Vec<String> {
    let answer = clinic.ok(Role::Doctor, "list_encounters", arguments).await;
    let rows = answer["results"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn encounters_are_listed_newest_first_in_documented_words() {
    let clinic = clinic().await;
    let answer = clinic.ok(Role::Nurse, "list_encounters", json!({ "patient_id": "ada", "limit": 20 })).await;
    assert_eq!(answer["count"], 4);
    let row = |index: usize| &answer["results"][index];
    assert_eq!((&row(0)["encounter_type"], &row(0)["status"]), (&json!("telehealth"), &json!("scheduled")));
    assert_eq!(row(0)["scheduled_at"], "2026-12-20T09:00:00Z");
    assert_eq!((&row(1)["encounter_type"], &row(1)["status"]), (&json!("follow_up"), &json!("in_progress")));
    assert_eq!((&row(2)["encounter_type"], &row(2)["status"]), (&json!("emergency"), &json!("completed")));
    let first = row(3);
    for (field, value) in [
        ("id", "e1"),
        ("patient_id", "ada"),
        ("encounter_type", "office_visit"),
        ("reason", "Cough"),
        ("provider", "Grace Hopper"),
        ("organisation", "City Hospital"),
        ("started_at", "2026-01-10T09:00:00Z"),
        ("completed_at", "2026-01-10T10:00:00Z"),
        ("created_at", "2026-12-02T09:00:00.000Z"),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
}

#[tokio::test]
async fn type_status_and_dates_narrow_the_list() {
    let clinic = clinic().await;
    assert_eq!(listed(&clinic, json!({ "patient": "ada", "encounter_type": "office_visit" })).await, ["e1"]);
    assert_eq!(listed(&clinic, json!({ "patient": "ada", "type": "Follow up" })).await, ["e3"]);
    assert_eq!(listed(&clinic, json!({ "patient": "ada", "status": "completed" })).await, ["e2", "e1"]);
    assert_eq!(
        listed(&clinic, json!({ "patient": "ada", "date_from": "2026-03", "date_to": "2026-03" })).await,
        ["e2"]
    );
}

#[tokio::test]
async fn an_encounter_shows_what_belongs_to_it_and_nothing_else() {
    let clinic = clinic().await;
    let visit = json!({ "reference": "Encounter/e2" });
    let ada = json!({ "reference": "Patient/ada" });
    let observation = |id: &str, category: &str, code: &str, encounter: &Value| {
        json!({
            "resourceType": "Observation", "id": id, "status": "final",
            "category": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category
            }] }],
            "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
            "subject": ada, "encounter": encounter, "effectiveDateTime": "2026-03-10",
            "valueQuantity": { "value": 88, "unit": "/min" }
        })
    };
    clinic.put(observation("pulse", "vital-signs", "8867-4", &visit)).await;
    clinic.put(observation("lab", "laboratory", "2823-3", &visit)).await;
    clinic.put(observation("other", "vital-signs", "8867-4", &json!({ "reference": "Encounter/e1" }))).await;
    clinic
        .put(json!({
            "resourceType": "Condition", "id": "cough", "subject": ada, "encounter": visit,
            "code": { "text": "Bronchitis" }
        }))
        .await;
    let arguments = json!({ "encounter_id": "e2" });
    let answer = clinic.ok(Role::Doctor, "encounter_summary", arguments.clone()).await;
    assert_eq!((&answer["id"], &answer["status"]), (&json!("e2"), &json!("completed")));
    assert_eq!(answer["patient"]["mrn"], "MRN-ada");
    assert_eq!(answer["patient"]["age"], 41);
    assert_eq!(answer["conditions"]["results"][0]["name"], "Bronchitis");
    assert_eq!(answer["vital_signs"]["count"], 1);
    assert_eq!(answer["vital_signs"]["results"][0]["heart_rate"], 88);
    assert_eq!(answer["lab_results"]["results"][0]["id"], "lab");
    assert_eq!(answer["medications"]["count"], 0);
    assert_eq!(answer.get("withheld"), None);
    for role in [Role::Receptionist, Role::Admin] {
        assert_eq!(clinic.refusal(role, "get_encounter", arguments.clone()).await, "PERMISSION_DENIED");
    }
    let bob = clinic.patient_caller(&Id::new("bob").unwrap());
    let report = clinic.call(&bob, "get_encounter", arguments).await.unwrap_err();
    assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn the_documented_prompts_name_tools_that_exist() {
    let clinic = clinic().await;
    let catalog = clinic.server.pipeline.catalog();
    let prompts = catalog.prompts();
    for name in ["discharge_summary", "encounter_note", "med_reconciliation", "emergency_triage"] {
        let prompt = prompts.iter().find(|prompt| prompt.name == name).unwrap_or_else(|| panic!("no {name}"));
        let words = prompt.template.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '_'));
        let tools: Vec<&str> = words
            .filter(|word| ["get_", "list_", "record_", "search_"].iter().any(|verb| word.starts_with(verb)))
            .collect();
        assert!(!tools.is_empty(), "{name}");
        for tool in tools {
            assert!(catalog.find(tool).is_some(), "{name}: {tool}");
        }
    }
}
