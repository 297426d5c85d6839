//! What a documented parameter is called with: its documented example, else what there is under its name.

use serde_json::{Map, Value, json};

use super::desk::Desk;

/// The documented arguments of a tool. Other spellings of one that is there already are calls of their own.
pub(super) fn arguments(tool: &Value, desk: &Desk) -> Value {
    let name = tool["name"].as_str().expect("a tool has a name");
    let mut arguments = Map::new();
    for parameter in tool["params"].as_array().expect("a tool has parameters") {
        let parameter_name = parameter["name"].as_str().expect("a parameter has a name");
        // One system documents no signature, and others a token, which the door takes.
        let is_token = parameter_name == "access_token";
        if !is_token && !is_another_spelling(parameter_name, &arguments) {
            arguments.insert(parameter_name.to_owned(), value(name, parameter, desk));
        }
    }
    if name == "list_appointments" {
        arguments.insert("status".to_owned(), "scheduled".into());
    }
    Value::Object(arguments)
}

/// The arguments of a call that was seen, with what there is here in the place of its dots.
pub(super) fn seen(call: &Value) -> Value {
    let fill = |(name, value): (&String, &Value)| {
        let is_left_out = value.as_str().is_some_and(|text| text.starts_with(".."));
        let filled = match name.as_str() {
            "appointment_id" | "patient_id" if is_left_out => json!("1"),
            "doctor_id" if is_left_out => json!("2"),
            _ => value.clone(),
        };
        (name.clone(), filled)
    };
    Value::Object(call["args"].as_object().expect("arguments").iter().map(fill).collect())
}

fn is_another_spelling(name: &str, given: &Map<String, Value>) -> bool {
    let spellings: [&[&str]; 2] = [
        &["appointment_date", "date", "scheduled_date"],
        &["appointment_time", "time", "preferred_time", "scheduled_time"],
    ];
    let is_given = |spelling: &&str| given.contains_key(*spelling);
    spellings.iter().any(|all| all.contains(&name) && all.iter().any(is_given))
        || (matches!(name, "date_from" | "date_to") && given.contains_key("date"))
        || (name == "hospital_id" && given.contains_key("tenant_id"))
}

fn value(tool: &str, parameter: &Value, desk: &Desk) -> Value {
    let name = parameter["name"].as_str().expect("a parameter has a name");
    let is_of_a_note = tool.ends_with("_soap_note");
    let here = match name {
        "appointment_id" if is_of_a_note => desk.made("visit"),
        "medication" | "medication_name" => Some(json!(medication(tool))),
        "status" => Some(status(tool, parameter)),
        _ => desk.made(name),
    };
    here.or_else(|| parameter.get("example").cloned())
        .or_else(|| of_kind(tool, name, parameter["type"] == "integer"))
        .or_else(|| parameter["enum"].get(0).cloned())
        .or_else(|| parameter.get("default").cloned())
        .unwrap_or_else(|| panic!("no value for `{name}` of {tool}"))
}

/// What is prescribed is new, and what is changed is there.
fn medication(tool: &str) -> &'static str {
    match tool {
        "prescribe_medication" => "Lisinopril",
        "create_medication_reminder" => "Vitamin D",
        _ => "Metformin",
    }
}

fn status(tool: &str, parameter: &Value) -> Value {
    let example = parameter.get("example").or_else(|| parameter["enum"].get(0));
    example.cloned().unwrap_or_else(|| match tool {
        "update_emergency_status" => json!("resolved"),
        _ => json!("confirmed"),
    })
}

fn of_kind(tool: &str, name: &str, is_integer: bool) -> Option<Value> {
    Some(match name {
        "patient_name" => json!("John Smith"),
        "doctor_name" => json!("Dr. Ahmed"),
        "doctor_id" if is_integer => json!(2),
        "doctor_id" | "user_id" => json!("2"),
        "patient_id" | "tenant_id" | "appointment_id" if is_integer => json!(1),
        "patient_id" | "appointment_id" => json!("1"),
        "encounter_id" => json!(100),
        "clinic_id" => json!("default"),
        "medication_ids" => json!([11289, 5640]),
        // Hydrochlorothiazide.
        "medication_id" => json!("5487"),
        "medications" => json!([
            { "name": "Lisinopril", "dosage": "10 mg", "frequency": "daily", "duration": "30 days" }
        ]),
        "responses" => json!({ "Reason": "Cough" }),
        "times" => json!(["21:00"]),
        "dosage" if tool == "create_medication_reminder" => json!("1000 IU"),
        "dosage" => json!("10 mg"),
        "new_dosage" => json!("1000 mg"),
        "frequency" | "new_frequency" => json!("once daily"),
        "quantity" => json!(60),
        "refills" | "refills_remaining" => json!(1),
        "day_of_week" if is_integer => json!(5),
        "day_of_week" => json!("tuesday"),
        "start_time" => json!("09:00"),
        "end_time" => json!("17:00"),
        "time" => json!("2:00 PM"),
        "date" | "preferred_date" => json!("2025-02-03"),
        "scheduled_at" => json!("2025-01-07T09:30:00Z"),
        "start_date" => json!("2025-01-07"),
        "refill_date" => json!("2025-01-06"),
        "end_date" => json!("2025-12-31"),
        _ => return of_measure(name).or_else(|| of_text(name)),
    })
}

fn of_measure(name: &str) -> Option<Value> {
    Some(match name {
        "systolic_bp" => json!(120),
        "diastolic_bp" => json!(80),
        "heart_rate" | "hr" => json!(72),
        "temperature" | "temp" => json!(98.6),
        "respiratory_rate" => json!(16),
        "oxygen_saturation" => json!(98),
        "weight" => json!(180),
        "height" => json!(70),
        _ => return None,
    })
}

fn of_text(name: &str) -> Option<Value> {
    let is_text = matches!(
        name,
        "answer_text"
            | "assessment"
            | "description"
            | "diagnosis"
            | "instructions"
            | "intent"
            | "lifestyle_intervention"
            | "medication_intervention"
            | "message"
            | "notes"
            | "objective"
            | "pharmacy"
            | "plan"
            | "reason"
            | "subject"
            | "subjective"
            | "symptoms"
            | "title"
            | "treatment_plan"
    );
    is_text.then(|| json!(format!("The {}", name.replace('_', " "))))
}
