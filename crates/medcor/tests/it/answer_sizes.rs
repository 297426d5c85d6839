//! No tool that reads answers more than a model can take in, where the caller asks for nothing but what has to
//! be asked for.

use std::{collections::BTreeMap, fmt::Write};

use medcor_fhir::ResourceType;
use medcor_policy::Role;
use medcor_tools::{Catalog, CompiledTool};
use serde_json::{Map, Value, json};

use crate::support::demonstration::{Demonstration, Read};

const TOKENS_MAX: usize = 8000;
/// Who calls, in the order in which they are tried.
const CALLERS: [(&str, Role); 4] = [
    ("sizes-doctor@northgate.example", Role::Doctor),
    ("sizes-admin@northgate.example", Role::Admin),
    ("sizes-superadmin@northgate.example", Role::Superadmin),
    ("sizes-desk@northgate.example", Role::Receptionist),
];

/// A clinic, whose longest chart is read.
struct Sizes {
    demonstration: Demonstration,
    /// The patient with the most observations.
    patient: String,
    /// One record of each type, of that patient where there is one.
    records: BTreeMap<ResourceType, String>,
}

impl Sizes {
    async fn measure() -> Self {
        let demonstration = Demonstration::open().await;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for observation in demonstration.records(ResourceType::OBSERVATION).await {
            *counts.entry(subject(&observation)).or_default() += 1;
        }
        let patient = counts.into_iter().max_by_key(|(_, count)| *count).expect("there are charts").0;
        let mut sizes = Self { demonstration, patient, records: BTreeMap::new() };
        sizes.furnish().await;
        for resource_type in ResourceType::all() {
            let all = sizes.demonstration.records(resource_type).await;
            let own = all.iter().find(|record| subject(record) == sizes.patient).or(all.first());
            if let Some(id) = own.and_then(|record| record["id"].as_str()) {
                sizes.records.insert(resource_type, id.to_owned());
            }
        }
        sizes.records.insert(ResourceType::PATIENT, sizes.patient.clone());
        sizes
    }

    /// What the demonstration has none of, as long as people write it.
    async fn furnish(&self) {
        let practitioner = &self.demonstration.records(ResourceType::PRACTITIONER).await[0];
        for (email, role) in CALLERS {
            let own = practitioner["id"].as_str().filter(|_| role == Role::Doctor);
            self.demonstration.employ(email, role, own).await;
        }
        let text = "The patient reports what has been reported before, in other words. ".repeat(40);
        let patient = &self.patient;
        self.demonstration
            .put(json!({
                "resourceType": "HealthcareService", "active": true, "name": "Check-up", "comment": text
            }))
            .await;
        let report = json!({ "report_type": "patient_summary", "patient": patient });
        let made = self.demonstration.call(CALLERS[0].0, "generate_report", &report).await;
        assert!(made.is_ok(), "generate_report: {:?}", made.err());
        for number in 0..20 {
            let calls = [
                ("create_soap_note", json!({ "patient": patient, "subjective": text, "objective": text })),
                (
                    "create_medical_record",
                    json!({
                        "patient": patient, "title": format!("Letter {number}"), "description": text,
                        "record_type": "CONSULTATION"
                    }),
                ),
                (
                    "create_treatment_plan",
                    json!({ "patient": patient, "name": format!("Plan {number}"), "instructions": text }),
                ),
                ("submit_previsit_response", json!({ "patient": patient, "responses": { "reason": text } })),
                ("report_emergency", json!({ "patient": patient, "description": text })),
                ("create_medical_inquiry", json!({ "patient": patient, "subject": "Why", "message": text })),
            ];
            for (tool, arguments) in calls {
                let made = self.demonstration.call(CALLERS[0].0, tool, &arguments).await;
                assert!(made.is_ok(), "{tool}: {:?}", made.err());
            }
        }
    }

    /// The arguments that a tool has to have, with those that narrow its list to the longest chart.
    fn arguments(&self, tool: &CompiledTool) -> Option<Value> {
        let mut arguments = Map::new();
        let required =
            tool.input_schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            let steps = [name.to_owned()];
            let reference = tool.references().iter().find(|path| path.steps == steps);
            let value = match reference {
                Some(path) => json!(self.records.get(&path.resource_type)?),
                None => plain(tool, name)?,
            };
            arguments.insert(name.to_owned(), value);
        }
        if let Value::Object(more) = special(tool.entry.name, &self.patient) {
            arguments.extend(more);
        }
        if tool.entry.name == "get_report" {
            arguments.insert("report_id".to_owned(), json!(self.records.get(&ResourceType::MEASURE_REPORT)?));
        }
        Some(Value::Object(arguments))
    }
}

fn subject(record: &Value) -> String {
    let reference = record["subject"]["reference"].as_str().or(record["patient"]["reference"].as_str());
    reference.unwrap_or_default().trim_start_matches("Patient/").to_owned()
}

fn plain(tool: &CompiledTool, name: &str) -> Option<Value> {
    Some(match name {
        "query" => json!("list"),
        "phone" => json!("+44 7700 900123"),
        "resource_type" => json!("Observation"),
        "id" => json!(""),
        "user" => json!("me"),
        "specialty" => json!("Family practice"),
        _ => tool.input_schema["properties"][name]["enum"].get(0)?.clone(),
    })
}

/// What one of several optional parameters has to say.
fn special(tool: &str, patient: &str) -> Value {
    match tool {
        "search_patients" => json!({ "query": "a" }),
        "fhir_read" | "fhir_history" => json!({ "resource_type": "Patient", "id": patient }),
        "calculate" => json!({ "calculator": "cha2ds2_vasc", "patient": patient }),
        "check_interactions" | "list_soap_notes" | "list_medical_records" | "list_treatment_plans" => {
            json!({ "patient": patient })
        }
        _ => json!({}),
    }
}

/// Tools that are left out: what they need, or give, is no record of a clinic.
const LEFT_OUT: &[(&str, &str)] = &[
    ("admin_login", "it tells of a login"),
    ("authenticate", "it tells of a login"),
    ("list_disclosures", "the trail of a patient is tested in `audit`"),
    (
        "list_webhook_failures",
        "a page of ids and reasons, and a webhook needs a receiver: tested in `webhooks`",
    ),
    ("get_subscription_plan_details", "one row, and the demonstration has no plans"),
    ("validate_token", "it tells of a token"),
    ("resolve_patient_by_phone", "one row, or none"),
];

#[tokio::test]
async fn no_tool_that_reads_answers_too_much_by_default() {
    let sizes = Sizes::measure().await;
    let server = &sizes.demonstration.clinic.server;
    let catalog: &Catalog = server.pipeline.catalog();
    let mut answered: Vec<(usize, String)> = Vec::new();
    let mut unanswered = Vec::new();
    let is_left_out = |name: &str| LEFT_OUT.iter().any(|(known, _)| *known == name);
    for tool in catalog.tools().filter(|tool| tool.entry.effect.is_read_only()) {
        let name = tool.entry.name;
        if is_left_out(name) || name.starts_with("trial_") {
            continue;
        }
        let Some(arguments) = sizes.arguments(tool) else {
            unanswered.push(format!("{name}: no arguments are known"));
            continue;
        };
        let mut refusals = Vec::new();
        let mut read = None;
        for (email, _) in CALLERS {
            match sizes.demonstration.call(email, name, &arguments).await {
                Ok(found) => {
                    read = Some(found);
                    break;
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        match read {
            Some(Read { tokens, .. }) => answered.push((tokens, format!("{name} {arguments}"))),
            None => unanswered.push(format!("{name} {arguments}: {refusals:?}")),
        }
    }
    answered.sort_unstable_by(|one, other| other.cmp(one));
    let mut table = String::new();
    for (tokens, call) in &answered {
        writeln!(table, "{tokens:6} {call}").unwrap();
    }
    println!("{table}");
    assert!(unanswered.is_empty(), "{}", unanswered.join("\n"));
    assert!(answered[0].0 <= TOKENS_MAX, "{table}");
}
