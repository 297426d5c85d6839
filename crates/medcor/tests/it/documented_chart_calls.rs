//! A documented call works as written: the parameters that the five systems document for the chart, with
//! their documented names and examples, read from their descriptions.

use std::path::Path;

use medcor_policy::Role;
use serde_json::{Map, Value, json};

use crate::support::{Clinic, patient};

/// The tools of the chart as documented systems call them.
const TOOLS: &[&str] = &[
    "get_medications",
    "get_lab_results",
    "get_vital_signs",
    "record_vital_signs",
    "get_allergies",
    "list_encounters",
    "get_encounter",
    "list_prescriptions",
    "encounter_summary",
];

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    let mut john = patient("john", ("John", "Smith"), "1980-01-01");
    john["identifier"] = json!([
        { "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR" }] },
          "system": "urn:mrn", "value": "MRN001" },
        { "system": "urn:legacy", "value": "1" }
    ]);
    clinic.put(john).await;
    clinic
        .put(json!({
            "resourceType": "Encounter", "id": "visit", "status": "finished", "class": { "code": "AMB" },
            "identifier": [{ "system": "urn:legacy", "value": "100" }],
            "subject": { "reference": "Patient/john" }
        }))
        .await;
    clinic
}

fn systems() -> Option<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/surface");
    let mut systems = Vec::new();
    for name in ["medcor_v2", "medcor_complete", "epic_ehr", "carebot", "pms"] {
        let path = folder.join(format!("{name}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: {} is absent", path.display());
            return None;
        };
        systems.push(serde_json::from_str(&text).unwrap());
    }
    Some(systems)
}

/// A value for a documented parameter: its example, else one that fits its name.
fn example(parameter: &Value) -> Value {
    if let Some(example) = parameter.get("example") {
        return example.clone();
    }
    match parameter["name"].as_str().unwrap() {
        "systolic_bp" => json!(120),
        "diastolic_bp" => json!(80),
        "heart_rate" => json!(72),
        "temperature" => json!(98.6),
        "respiratory_rate" => json!(16),
        "oxygen_saturation" => json!(98),
        "weight" => json!(180),
        "height" => json!(70),
        "limit" => json!(20),
        "encounter_id" => json!(100),
        other => panic!("no example for {other}"),
    }
}

#[tokio::test]
async fn every_documented_call_of_the_chart_works_as_written() {
    let Some(systems) = systems() else { return };
    let clinic = clinic().await;
    let mut called = 0;
    for tool in systems.iter().flat_map(|system| system["tools"].as_array().unwrap()) {
        let name = tool["name"].as_str().unwrap();
        let parameters = tool["params"].as_array().unwrap();
        if !TOOLS.contains(&name) || parameters.is_empty() {
            continue;
        }
        // Doors take tokens out of the arguments before a call reaches its tool.
        let of_tool = parameters.iter().filter(|parameter| parameter["name"] != "access_token");
        let arguments: Map<String, Value> = of_tool
            .map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), example(parameter)))
            .collect();
        clinic.ok(Role::Doctor, name, Value::Object(arguments)).await;
        called += 1;
    }
    assert_eq!(called, TOOLS.len());
}

#[tokio::test]
async fn every_name_that_clients_try_means_a_tool_of_the_chart() {
    let clinic = clinic().await;
    let catalog = clinic.server.pipeline.catalog();
    for (name, tool) in [
        ("get_patient_medications", "list_prescriptions"),
        ("get_medications", "list_prescriptions"),
        ("get_patient_allergies", "get_allergies"),
        ("get_patient_vitals", "get_vital_signs"),
        ("record_vitals", "record_vital_signs"),
        ("get_patient_labs", "get_lab_results"),
        ("encounter_summary", "get_encounter"),
        ("add_allergy", "add_allergy"),
    ] {
        let (found, _) = catalog.find(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(found.entry.name, tool);
    }
    for uri in
        ["patients://summary/John Smith", "pms://patients/1/summary", "patients://medical-profile/john"]
    {
        let bound = catalog.bound_resource(uri).unwrap_or_else(|| panic!("{uri}"));
        assert_eq!(bound.tool, "get_patient_summary");
        let answer = clinic.ok(Role::Doctor, bound.tool, Value::Object(bound.arguments)).await;
        assert_eq!(answer["mrn"], "MRN001");
    }
}
