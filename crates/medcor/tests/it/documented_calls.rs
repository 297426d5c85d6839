//! Every documented call of scheduling, the chart, medications and engagement works as written, over MCP, at a
//! time before the documented dates, and answers what is documented. A call that is neither made here nor
//! named as an exception, with its reason, fails.

mod answered;
mod argument;
mod desk;
mod surface;

use serde_json::{Value, json};

use answered::{Fields, RESOURCES, TOOLS};
use desk::Desk;
use surface::{Surface, System};

/// The groups of operations whose calls are made here; those of others have tests of their own, or come later.
const GROUPS: [&str; 4] = ["scheduling", "clinical", "medication", "engagement"];

/// Calls that documents tell in words, and where they are made.
const TOLD: &[(&str, &str)] = &[
    ("check_availability / send_confirmation", "these never existed"),
    ("bypasses MCP", "no call of a tool"),
    ("POST :8001/call", "a door of its own, no tool"),
    (
        "create_appointment with only patient_id",
        "a_call_without_what_it_needs_is_refused_in_the_documented_word",
    ),
    ("list_doctors {hospital_id:'test-hospital'}", "providers are tested in `providers`"),
    ("WebSocket: authenticate, then", "each of its calls is made with the tools of that system"),
    ("POST / , /tools , /sse , /mcp in turn", "doors, no tools"),
    ("advertises get_patient_appointments", "every_documented_name_means_a_tool"),
    ("names it asks for that no server version offers", "every_documented_name_means_a_tool"),
    ("fallback name lists", "every_documented_name_means_a_tool"),
    ("new SSE connection and initialize per call", "a door, no tool"),
    (
        "resources/read pms://patients/1/summary",
        "every_documented_resource_is_read, every_documented_prompt_is_filled",
    ),
    ("config url", "no call of a tool"),
];

/// Resources that there are not yet, by how they begin.
const NO_RESOURCES: &[(&str, &str)] = &[
    ("/api/mcp/resources/", "REST, no URI of MCP"),
    ("healthcare://api/documentation", "there is no document about the interface yet"),
    ("insurance://", "there is no list of insurers yet"),
    ("pms://dashboard/today", "an exercise"),
];

/// Resources that are read in a test of their own, by how they begin.
const READ_ELSEWHERE: &[(&str, &str)] =
    &[("analytics://", "analytics::documented"), ("healthcare://system/status", "analytics::documented")];

/// Prompts that there are not, with the reason.
const NO_PROMPTS: &[(&str, &str)] = &[
    ("appointment_booking_prompt", "another name of `appointment_booking`, seen in code only"),
    ("patient_onboarding_prompt", "another name of `patient_onboarding`, seen in code only"),
    ("daily_operations_prompt", "seen in code only"),
    ("create_medical_staff", "of a version that was given up"),
    ("create_patient_profile", "of a version that was given up"),
    ("referral letter (exercise)", "an exercise"),
];

/// Makes every documented call of a system; those that change something each on a clinic of their own.
async fn calls_of(name: &str) {
    let Some(surface) = Surface::read() else { return };
    let system = surface.system(name);
    let readers = Desk::open().await;
    let mut problems = Vec::new();
    let mut called = 0;
    for tool in system.tools().filter(|tool| is_here(&surface, system, tool)) {
        let tool_name = tool["name"].as_str().unwrap();
        let Some((_, _, fields)) = TOOLS.iter().find(|(of, tool, _)| (*of, *tool) == (name, tool_name))
        else {
            problems.push(format!("nobody has said what {tool_name} answers"));
            continue;
        };
        let catalog = readers.clinic.server.pipeline.catalog();
        let is_read_only = catalog.named(tool_name).iter().all(|named| named.entry.effect.is_read_only());
        let own = if is_read_only { None } else { Some(Desk::open().await) };
        let desk = own.as_ref().unwrap_or(&readers);
        let arguments = signature(&surface, system, tool, desk);
        let carries_token = has_token(tool);
        let result = desk.call(tool_name, arguments.clone(), carries_token).await;
        problems.extend(check(&format!("{tool_name} {arguments}"), &result, fields));
        called += 1;
    }
    assert!(problems.is_empty(), "{name}:\n{}", problems.join("\n"));
    let said = TOOLS.iter().filter(|(of, _, _)| *of == name).count();
    assert_eq!(called, said, "an answer is said of a call that {name} has not");
}

fn is_here(surface: &Surface, system: &System, tool: &Value) -> bool {
    let name = tool["name"].as_str().unwrap();
    let group = surface.group(system.name, name).unwrap_or_else(|| panic!("{name} belongs to no group"));
    GROUPS.contains(&group)
}

fn has_token(tool: &Value) -> bool {
    tool["params"].as_array().unwrap().iter().any(|parameter| parameter["name"] == "access_token")
}

/// The arguments of a tool. Where a document names it and no more, those of the tool that it stands for.
fn signature(surface: &Surface, system: &System, tool: &Value, desk: &Desk) -> Value {
    if tool["params"].as_array().is_some_and(|parameters| !parameters.is_empty()) {
        return argument::arguments(tool, desk);
    }
    match tool["name"].as_str().unwrap() {
        "check_and_book_appointment" => {
            let booking = system.tools().find(|tool| tool["name"] == "book_appointment");
            argument::arguments(booking.unwrap(), desk)
        }
        "get_medications" => {
            let listing = surface.system("epic_ehr").tools().find(|tool| tool["name"] == "get_medications");
            argument::arguments(listing.unwrap(), desk)
        }
        other => panic!("no arguments are known for {other}"),
    }
}

/// What is wrong with an answer.
fn check(call: &str, result: &Value, fields: Fields) -> Vec<String> {
    if result["isError"] != false {
        return vec![format!("{call}: {}", result["content"][0]["text"])];
    }
    check_fields(call, &result["structuredContent"], fields)
}

fn check_fields(call: &str, answer: &Value, fields: Fields) -> Vec<String> {
    let mut problems = Vec::new();
    for (place, names) in fields {
        let mut rows = vec![answer];
        for step in place.split('/').filter(|step| !step.is_empty()) {
            rows = match step {
                "*" => rows.into_iter().filter_map(Value::as_array).flatten().collect(),
                step => rows.into_iter().map(|row| &row[step]).collect(),
            };
        }
        let is_missing = |name: &&&str| rows.iter().all(|row| row[**name].is_null());
        let missing: Vec<&&str> = names.iter().filter(is_missing).collect();
        if !missing.is_empty() {
            problems.push(format!("{call} has no {missing:?} at `{place}`: {answer:#}"));
        }
    }
    problems
}

#[tokio::test]
async fn documented_calls_of_the_multi_tenant_server_work() {
    calls_of("medcor_v2").await;
}

#[tokio::test]
async fn documented_calls_of_the_hospital_server_work() {
    calls_of("medcor_complete").await;
}

#[tokio::test]
async fn documented_calls_of_the_ehr_server_work() {
    calls_of("epic_ehr").await;
}

#[tokio::test]
async fn documented_calls_of_the_care_assistant_work() {
    calls_of("carebot").await;
}

#[tokio::test]
async fn documented_calls_of_the_practice_server_work() {
    calls_of("pms").await;
}

#[tokio::test]
async fn every_call_that_clients_were_seen_to_make_works() {
    let Some(surface) = Surface::read() else { return };
    let mut problems = Vec::new();
    for system in &surface.systems {
        for call in system.observed_calls() {
            let name = call["call"].as_str().unwrap();
            let is_told = TOLD.iter().any(|(begin, _)| name.contains(begin));
            let group = surface.group(system.name, name);
            match (call.get("args"), group) {
                _ if is_told => {}
                (Some(_), Some(group)) if !GROUPS.contains(&group) => {}
                (None, Some(group)) if !GROUPS.contains(&group) => {}
                (Some(_), Some(_)) => {
                    let arguments = argument::seen(call);
                    let result = Desk::open().await.call(name, arguments.clone(), false).await;
                    problems.extend(check(&format!("{name} {arguments}"), &result, &[]));
                }
                _ => problems.push(format!("nobody has said where `{name}` is made")),
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn a_call_without_what_it_needs_is_refused_in_the_documented_word() {
    let desk = Desk::open().await;
    let result = desk.call("create_appointment", json!({ "patient_id": "1" }), false).await;
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().unwrap().contains("VALIDATION_ERROR"), "{result}");
    let booked = desk.call("get_appointment_details", json!({ "appointment_id": 1 }), false).await;
    let moved = json!({
        "appointment_id": booked["structuredContent"]["id"], "new_date": "2025-01-16", "new_time": "09:00",
        "new_end_time": "09:45"
    });
    let moved = desk.call("reschedule_appointment", moved, false).await["structuredContent"].clone();
    assert_eq!(
        (&moved["date"], &moved["time"], &moved["duration_minutes"]),
        (&json!("2025-01-16"), &json!("09:00"), &json!(45))
    );
}

#[test]
fn every_documented_name_means_a_tool() {
    let Some(surface) = Surface::read() else { return };
    let catalog = medcor::catalog::catalog().unwrap();
    let mut names: Vec<(&str, &str)> = GROUPS.iter().flat_map(|group| surface.names(group)).collect();
    assert!(names.len() > 60, "{names:?}");
    names.extend([("check_system_health", "health_check"), ("fetch_doctors", "list_doctors")]);
    names.extend([("get_doctors", "list_doctors"), ("get_doctor_by_id", "get_doctor_details")]);
    names.retain(|(name, canonical)| catalog.named(name).iter().all(|named| named.entry.name != *canonical));
    assert!(names.is_empty(), "they mean no tool, or another one than {names:?}");
}

/// A URI with what there is here in the place of its variables.
fn filled(template: &str, desk: &Desk) -> String {
    let mut uri = template.to_owned();
    let visit = desk.made("visit").unwrap();
    for (variable, value) in [
        ("{name}", "John Smith"),
        ("{patient_name}", "John%20Smith"),
        ("{patient_id}", "1"),
        ("{id}", "1"),
        ("{doctor_name}", "Dr. Ahmed"),
        ("{doctor_id}", "2"),
        ("{date}", "2025-01-14"),
        ("{hospital_id}", "default"),
        ("{specialty_id}", "Cardiology"),
        ("{clinic_id}", "default"),
        // A plan stands at another appointment than the notes.
        ("{appointment_id}", if template.contains("plans") { "1" } else { visit.as_str().unwrap() }),
        ("{start_date}", "2024-12-01"),
        ("{end_date}", "2025-12-31"),
    ] {
        uri = uri.replace(variable, value);
    }
    assert!(!uri.contains('{'), "{uri}");
    uri
}

#[tokio::test]
async fn every_documented_resource_is_read() {
    let Some(surface) = Surface::read() else { return };
    let desk = Desk::open().await;
    let catalog = desk.clinic.server.pipeline.catalog();
    let mut problems = Vec::new();
    let mut said: Vec<&str> = RESOURCES.iter().map(|(template, _)| *template).collect();
    for resource in surface.systems.iter().flat_map(System::resources) {
        let template = resource["uri"].as_str().unwrap();
        if NO_RESOURCES.iter().any(|(begin, _)| template.starts_with(begin)) {
            let is_bound = catalog.bound_resource(template).is_some();
            problems.extend(is_bound.then(|| format!("{template} is read, so it is no exception")));
            continue;
        }
        if READ_ELSEWHERE.iter().any(|(begin, _)| template.starts_with(begin)) {
            continue;
        }
        let uri = filled(template, &desk);
        let fields = RESOURCES.iter().find(|(known, _)| *known == template).map_or(&[][..], |(_, it)| it);
        said.retain(|known| *known != template);
        problems.extend(check_fields(&uri, &desk.read(&uri).await, fields));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(said.is_empty(), "no system documents {said:?}");
}

#[tokio::test]
async fn every_documented_prompt_is_filled() {
    let Some(surface) = Surface::read() else { return };
    let desk = Desk::open().await;
    let mut problems = Vec::new();
    for prompt in surface.systems.iter().flat_map(System::prompts) {
        let name = prompt["name"].as_str().unwrap();
        let mut arguments = json!({});
        for argument in prompt["args"].as_array().unwrap() {
            let Some(argument) = argument["name"].as_str() else { continue };
            let argument = argument.trim_start_matches("initial_data.");
            arguments[argument] = match argument {
                "patient_id" => json!("1"),
                "encounter_id" => json!("100"),
                "hospital_id" => json!("uuid"),
                "preferred_date" => json!("2025-02-01"),
                "symptoms" => json!("chest pain, shortness of breath"),
                _ => json!("routine"),
            };
        }
        let answer = desk.request("prompts/get", json!({ "name": name, "arguments": arguments })).await;
        let text = answer["result"]["messages"][0]["content"]["text"].as_str().unwrap_or_default();
        let is_exception = NO_PROMPTS.iter().any(|(known, _)| *known == name);
        if text.is_empty() != is_exception {
            problems.push(format!("{name} {arguments}: {answer}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
