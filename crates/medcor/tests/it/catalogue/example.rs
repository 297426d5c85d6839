//! Arguments with which a tool does its work, made from its schema.

use medcor_fhir::ResourceType;
use medcor_tools::CompiledTool;
use serde_json::{Map, Value, json};

use crate::support::{
    CLIENT_SECRET, PASSWORD, SPECIALTY,
    region::{House, PLAN, WEBHOOK_URL},
};

/// Arguments for this tool that name records of this house.
///
/// What a schema can't say, such as "one of these two", is said here by the tool's name.
pub(crate) fn arguments(tool: &CompiledTool, house: &House) -> Value {
    let mut arguments = Map::new();
    for name in tool.input_schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let value = value_of(tool, house, name);
        arguments.insert(name.to_owned(), value);
    }
    arguments.extend(special(tool.entry.name, house));
    Value::Object(arguments)
}

/// A value for this parameter.
pub(crate) fn value_of(tool: &CompiledTool, house: &House, name: &str) -> Value {
    let steps = vec![name.to_owned()];
    let value = plain_value(tool, house, &tool.input_schema["properties"][name], &steps);
    assert!(!value.is_null(), "no value is known for `{name}` of {}", tool.entry.name);
    value
}

fn plain_value(tool: &CompiledTool, house: &House, schema: &Value, steps: &[String]) -> Value {
    if let Some(path) = tool.references().iter().find(|path| path.steps == steps) {
        return record_id(house, path.resource_type).into();
    }
    let below = |step: &str| [steps, &[step.to_owned()]].concat();
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("string"), Some("date")) => "2026-11-02".into(),
        (Some("string"), Some("date-time")) => "2026-11-02T09:00:00Z".into(),
        (Some("string"), Some("time")) => "09:00".into(),
        (Some("string"), _) => "example".into(),
        (Some("integer" | "number"), _) => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        (Some("boolean"), _) => true.into(),
        (Some("array"), _) => json!([plain_value(tool, house, &schema["items"], &below("*"))]),
        (Some("object"), _) => {
            let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let member = |name: &str| {
                let value = plain_value(tool, house, &schema["properties"][name], &below(name));
                (name.to_owned(), value)
            };
            Value::Object(names.map(member).collect())
        }
        _ => Value::Null,
    }
}

/// The id of a record of this type.
fn record_id(house: &House, resource_type: ResourceType) -> String {
    let id = match resource_type {
        ResourceType::ORGANIZATION => Some(&house.tenant.organization),
        ResourceType::PRACTITIONER => Some(&house.practitioner),
        ResourceType::HEALTHCARE_SERVICE => Some(&house.service),
        ResourceType::SUBSCRIPTION => Some(&house.webhook),
        other => house.ada.record(other),
    };
    id.unwrap_or_else(|| panic!("the house has no {resource_type}: add one to its charts")).to_string()
}

/// The chart's inquiry: the last of its requests to tell somebody something. The first is a reminder.
fn inquiry_id(house: &House) -> String {
    let is_request = |(known, _): &&(ResourceType, _)| *known == ResourceType::COMMUNICATION_REQUEST;
    let inquiry = house.ada.records.iter().rev().find(is_request);
    inquiry.map(|(_, id)| id.to_string()).expect("a chart has an inquiry")
}

fn special(tool: &str, house: &House) -> Map<String, Value> {
    let patient = house.ada.patient.as_str();
    let arguments = match tool {
        "resolve_patient_by_phone" => json!({ "phone": house.ada.phone }),
        "call_tool" => json!({ "tool": "health_check", "arguments": {} }),
        "create_patient" => json!({ "first_name": "New", "last_name": "Example", "dob": "1980-05-06" }),
        "update_patient" => json!({ "city": "Example" }),
        "list_disclosures"
        | "check_interactions"
        | "list_soap_notes"
        | "list_medical_records"
        | "list_previsit_responses"
        | "list_emergencies"
        | "list_medical_inquiries"
        | "list_treatment_plans"
        | "generate_report" => json!({ "patient": patient }),
        "get_report" => json!({ "report_id": record_id(house, ResourceType::MEASURE_REPORT) }),
        "break_glass" => json!({ "patient": patient, "reason": "unconscious in the ambulance" }),
        "create_soap_note" => json!({ "subjective": "no complaints" }),
        "update_soap_note" | "version_soap_note" => json!({ "plan": "come again" }),
        // Not that of the others: they are called after this.
        "retract_soap_note" => json!({ "note": house.bea.record(ResourceType::COMPOSITION) }),
        "update_medical_record" => json!({ "symptoms": "none" }),
        "update_encounter" => json!({ "notes": "came alone" }),
        "calculate" => json!({ "calculator": "bmi", "patient": patient }),
        "order_lab" => json!({ "tests": ["potassium"] }),
        "refer_patient" => json!({ "specialty": "cardiology" }),
        "record_lab_result" => json!({
            "results": [{ "test": "potassium", "value": 4.2, "unit": "mmol/L" }]
        }),
        "record_vital_signs" => json!({ "heart_rate": 72 }),
        "fhir_read" | "fhir_history" => json!({ "resource_type": "Patient", "id": patient }),
        "fhir_search" => json!({ "resource_type": "Patient" }),
        "mark_inquiry_answered" => json!({ "inquiry": inquiry_id(house) }),
        "submit_previsit_response" => json!({ "responses": { "reason": "example" } }),
        "create_treatment_plan" => json!({ "name": "Example" }),
        "update_treatment_plan" => json!({ "notes": "seen" }),
        "update_service" => json!({ "duration_minutes": 30 }),
        "get_specialty" | "get_specialty_doctors" | "update_doctor_specialties" => {
            json!({ "specialty": SPECIALTY })
        }
        "get_subscription_plan_details" => json!({ "plan": PLAN }),
        "create_subscription" => json!({ "plan": PLAN, "start_date": "2027-01-01" }),
        "update_subscription" => json!({ "subscription": "1", "auto_renew": false }),
        "cancel_subscription" => json!({ "subscription": "1" }),
        _ => of_access(tool, house)
            .or_else(|| of_medication(tool, house))
            .or_else(|| of_schedule(tool, house))
            .unwrap_or_else(|| json!({})),
    };
    match arguments {
        Value::Object(arguments) => arguments,
        _ => unreachable!("objects are written above"),
    }
}

/// Logins and accounts.
fn of_access(tool: &str, house: &House) -> Option<Value> {
    Some(match tool {
        "authenticate" => json!({
            "client_id": format!("{}-client", house.tenant.slug),
            "client_secret": CLIENT_SECRET,
            "app_id": "copilot-studio"
        }),
        "admin_login" => {
            json!({ "username": format!("admin@{}.example.org", house.tenant.slug), "password": PASSWORD })
        }
        "register_client" => json!({ "role": "system", "scopes": ["system/Patient.rs"] }),
        "create_webhook" => json!({
            "endpoint": WEBHOOK_URL, "topics": ["appointments"], "reason": "example"
        }),
        "create_user" => json!({
            "role": "NURSE", "email": "new.nurse@example.org", "first_name": "New", "last_name": "Nurse"
        }),
        "register_user" => json!({
            "email": "new.patient@example.org", "name": "New Patient", "phone": "+44 1632 960999"
        }),
        "get_user" => json!({ "user": "me" }),
        "update_user" => json!({ "user": "me", "phone": "+44 1632 960998" }),
        "delete_user" => json!({ "user": format!("receptionist@{}.example.org", house.tenant.slug) }),
        _ => return None,
    })
}

/// What is prescribed.
fn of_medication(tool: &str, house: &House) -> Option<Value> {
    Some(match tool {
        "prescribe_medication" => json!({
            "medication": "lisinopril", "dosage": "10 mg", "frequency": "once daily"
        }),
        "batch_prescribe" => json!({
            "prescriptions": [{ "medication": "metformin", "dosage": "500 mg", "frequency": "twice daily" }]
        }),
        "add_medication_refill" => {
            json!({ "prescription": record_id(house, ResourceType::MEDICATION_REQUEST) })
        }
        // Not that of the others: they are called after this.
        "discontinue_medication" => {
            json!({ "prescription": house.bea.record(ResourceType::MEDICATION_REQUEST) })
        }
        "end_medication_reminder" => {
            json!({ "reminder": house.bea.record(ResourceType::COMMUNICATION_REQUEST) })
        }
        "update_prescription" => json!({
            "prescription": record_id(house, ResourceType::MEDICATION_REQUEST), "new_dosage": "20 mg",
            "new_frequency": "once daily"
        }),
        "create_medication_reminder" => json!({
            "medication": "vitamin D", "times": ["08:00"], "end_date": "2026-12-31"
        }),
        _ => return None,
    })
}

/// Appointments.
fn of_schedule(tool: &str, house: &House) -> Option<Value> {
    Some(match tool {
        "create_appointment" => json!({ "date": "2026-12-10", "start_time": "10:00" }),
        "check_and_book_appointment" => json!({
            "provider": house.practitioner, "date": "2026-12-10", "start_time": "11:00"
        }),
        "reschedule_appointment" => json!({
            "provider": house.practitioner, "date": "2026-12-11", "start_time": "10:00"
        }),
        "create_appointment_slot" => json!({
            "provider": house.practitioner, "day_of_week": "5", "start_time": "09:00", "end_time": "12:00"
        }),
        _ => return None,
    })
}
