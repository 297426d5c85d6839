//! One documented name for two tools: the arguments decide, the id of what exists decides, and what could be
//! either is refused with both named.

use medcor_policy::Role;
use medcor_tools::ErrorCode;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

const PLAN_TOOLS: [&str; 4] =
    ["create_treatment_plan", "list_treatment_plans", "update_treatment_plan", "get_treatment_plan"];

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic
        .put(json!({
            "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
            "identifier": [{ "system": "urn:legacy", "value": "7" }, { "system": "urn:legacy", "value": "3" }],
            "subject": { "reference": "Patient/ada" }, "title": "Hypertension Management"
        }))
        .await;
    clinic
        .put(json!({
            "resourceType": "HealthcareService", "id": "service", "active": true,
            "identifier": [{ "system": "urn:legacy", "value": "3" }], "name": "Dental Cleaning",
            "extension": [{ "url": "urn:medcor:service-price", "valueMoney": { "value": 150.0 } }]
        }))
        .await;
    clinic
}

/// Which tool the last call was, by the audit trail.
async fn last_action(clinic: &Clinic) -> String {
    let rows = clinic.server.audit().await;
    let mut calls = rows.iter().filter(|row| row["event"] == "AUDIT:TOOL_CALL");
    calls.next_back().unwrap()["action"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_arguments_decide_which_tool_a_new_or_listed_treatment_means() {
    let clinic = clinic().await;
    let catalog = clinic.server.pipeline.catalog();
    for (name, arguments, tool) in [
        ("create_treatment", json!({ "patient_id": "ada", "name": "x" }), "create_treatment_plan"),
        ("create_treatment", json!({ "mrn": "MRN-ada", "diagnosis": "x" }), "create_treatment_plan"),
        ("create_treatment", json!({ "patient_name": "Ada", "cost": null }), "create_treatment_plan"),
        ("create_treatment", json!({ "name": "x", "cost": 150 }), "create_service"),
        ("create_treatment", json!({ "name": "x", "price": 150, "patient_id": null }), "create_service"),
        ("list_treatments", json!({}), "list_services"),
        ("list_treatments", Value::Null, "list_services"),
        ("list_treatments", json!({ "tenant_id": 1, "search": "clean" }), "list_services"),
        ("list_treatments", json!({ "tenant_id": 1, "limit": 5 }), "list_services"),
        ("list_treatments", json!({ "patient_id": "ada" }), "list_treatment_plans"),
        ("list_treatments", json!({ "doctor_id": "d1" }), "list_treatment_plans"),
        ("list_treatments", json!({ "status": "ACTIVE", "hospital_id": 1 }), "list_treatment_plans"),
    ] {
        let meant: Vec<&str> = catalog.meant(name, &arguments).iter().map(|tool| tool.entry.name).collect();
        assert_eq!(meant, [tool], "{name} {arguments}");
    }
}

#[tokio::test]
async fn what_could_mean_either_is_refused_with_both_forms_named() {
    let clinic = clinic().await;
    for (name, arguments, both) in [
        (
            "create_treatment",
            json!({ "patient_id": "ada", "name": "x", "cost": 5 }),
            ["create_treatment_plan", "create_service"],
        ),
        ("create_treatment", json!({ "name": "x" }), ["create_treatment_plan", "create_service"]),
        ("create_treatment", json!({}), ["create_treatment_plan", "create_service"]),
        (
            "list_treatments",
            json!({ "patient_id": "ada", "search": "clean" }),
            ["list_treatment_plans", "list_services"],
        ),
        // An id that fits both, and arguments of neither.
        ("get_treatment_details", json!({ "treatment_id": 3 }), ["get_treatment_plan", "get_service"]),
        // The id is of the one, the arguments are of the other.
        (
            "update_treatment",
            json!({ "treatment_id": "service", "status": "COMPLETED" }),
            ["update_treatment_plan", "update_service"],
        ),
        (
            "update_treatment",
            json!({ "treatment_id": "plan", "cost": 5 }),
            ["update_treatment_plan", "update_service"],
        ),
        (
            "update_treatment",
            json!({ "treatment_id": 3, "cost": 5, "notes": "x" }),
            ["update_treatment_plan", "update_service"],
        ),
    ] {
        // Both roles at once hold every right of both forms.
        let principal = clinic.principal(Role::Doctor);
        let roles = vec![Role::Doctor, Role::Admin];
        let caller = medcor_tools::Caller::new(medcor_policy::Principal { roles, ..principal });
        let report = clinic.call(&caller, name, arguments.clone()).await.unwrap_err();
        assert_eq!(report.code, ErrorCode::ValidationError, "{name} {arguments}: {}", report.text());
        let text = report.details.to_string();
        assert!(both.iter().all(|tool| text.contains(tool)), "{name} {arguments}: {text}");
    }
}

#[tokio::test]
async fn the_id_decides_for_what_exists_and_the_trail_names_the_tool() {
    let clinic = clinic().await;
    for (role, name, arguments, tool) in [
        (Role::Doctor, "get_treatment_details", json!({ "treatment_id": "plan" }), "get_treatment_plan"),
        (Role::Doctor, "get_treatment_details", json!({ "treatment_id": "service" }), "get_service"),
        (Role::Doctor, "get_treatment_details", json!({ "treatment_id": 7 }), "get_treatment_plan"),
        // Of two with the same number the one that the caller may see.
        (Role::Receptionist, "get_treatment_details", json!({ "treatment_id": 3 }), "get_service"),
        (
            Role::Admin,
            "update_treatment",
            json!({ "treatment_id": "service", "cost": 175.5 }),
            "update_service",
        ),
        (
            Role::Admin,
            "update_treatment",
            json!({ "treatment_id": 3, "description": "all teeth" }),
            "update_service",
        ),
        (
            Role::Doctor,
            "update_treatment",
            json!({ "treatment_id": "plan", "notes": "well" }),
            "update_treatment_plan",
        ),
        (
            Role::Doctor,
            "update_treatment",
            json!({ "treatment_id": 3, "status": "completed" }),
            "update_treatment_plan",
        ),
        (
            Role::Doctor,
            "call_tool",
            json!({ "tool": "list_treatments", "arguments": { "mrn": "MRN-ada" } }),
            "list_treatment_plans",
        ),
    ] {
        clinic.ok(role, name, arguments.clone()).await;
        assert_eq!(last_action(&clinic).await, tool, "{name} {arguments}");
    }
}

#[tokio::test]
async fn an_overload_opens_nothing_that_its_form_does_not() {
    let clinic = clinic().await;
    for (role, name, arguments, code) in [
        (Role::Doctor, "create_treatment", json!({ "name": "x", "cost": 5 }), "PERMISSION_DENIED"),
        (Role::Admin, "create_treatment", json!({ "patient_id": "ada", "name": "x" }), "PERMISSION_DENIED"),
        (Role::Admin, "list_treatments", json!({ "patient_id": "ada" }), "PERMISSION_DENIED"),
        (
            Role::Receptionist,
            "get_treatment_details",
            json!({ "treatment_id": "plan" }),
            "RESOURCE_NOT_FOUND",
        ),
        (Role::Admin, "update_treatment", json!({ "treatment_id": "plan" }), "RESOURCE_NOT_FOUND"),
        (
            Role::Nurse,
            "update_treatment",
            json!({ "treatment_id": "plan", "notes": "x" }),
            "PERMISSION_DENIED",
        ),
        (Role::Doctor, "get_treatment_details", json!({ "treatment_id": "neither" }), "RESOURCE_NOT_FOUND"),
        (Role::Doctor, "get_treatment_details", json!({}), "VALIDATION_ERROR"),
    ] {
        assert_eq!(clinic.refusal(role, name, arguments.clone()).await, code, "{role} {name} {arguments}");
    }
}

#[tokio::test]
async fn a_search_for_tools_says_when_a_name_means_which() {
    let clinic = clinic().await;
    let found = clinic.ok(Role::Doctor, "search_tools", json!({ "query": "treatment plan" })).await;
    let rows = found["results"].as_array().unwrap();
    let plans = rows.iter().find(|row| row["name"] == "create_treatment_plan").unwrap();
    let overloads = plans["overloads"].as_array().unwrap();
    assert!(
        overloads.iter().any(|text| text.as_str().unwrap().starts_with("create_treatment with a patient"))
    );
    for tool in PLAN_TOOLS {
        assert!(rows.iter().any(|row| row["name"] == tool), "{tool} is not found");
    }
}

#[tokio::test]
async fn the_price_list_has_every_documented_field_and_no_name_twice() {
    let clinic = clinic().await;
    let arguments = json!({
        "name": "General Consultation", "cost": 150.0, "description": "First visit", "tenant_id": 1,
        "currency": "usd", "duration_minutes": 30
    });
    let made = clinic.ok(Role::Admin, "create_treatment", arguments.clone()).await;
    for (field, value) in [
        ("success", json!(true)),
        ("name", json!("General Consultation")),
        ("description", json!("First visit")),
        ("cost", json!(150.0)),
        ("currency", json!("USD")),
        ("duration_minutes", json!(30)),
        ("is_active", json!(true)),
        ("tenant_name", json!("here")),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    assert_eq!(made["treatment"]["id"], made["treatment_id"]);
    assert_eq!(clinic.refusal(Role::Admin, "create_service", arguments.clone()).await, "CONFLICT");
    let id = &made["id"];
    let changed =
        clinic.ok(Role::Admin, "update_service", json!({ "treatment_id": id, "cost": 99.95 })).await;
    assert_eq!((&changed["cost"], &changed["changed"]), (&json!(99.95), &json!(["cost"])));
    assert_eq!(changed["currency"], "USD");
    let listed = clinic.ok(Role::Patient, "list_treatments", json!({ "search": "consult" })).await;
    assert_eq!((&listed["count"], &listed["results"][0]["cost"]), (&json!(1), &json!(99.95)));
    // What is no longer offered gives its name up.
    clinic.ok(Role::Admin, "update_service", json!({ "service": id, "is_active": false })).await;
    let gone = clinic.ok(Role::Patient, "list_services", json!({ "query": "consult" })).await;
    assert_eq!(gone["count"], 0);
    clinic.ok(Role::Admin, "create_service", arguments).await;
    let back = json!({ "service": id, "is_active": true });
    assert_eq!(clinic.refusal(Role::Admin, "update_service", back).await, "CONFLICT");
}

#[tokio::test]
async fn a_price_that_is_none_is_refused_with_every_problem() {
    let clinic = clinic().await;
    for (arguments, paths) in [
        (
            json!({ "name": "x;y", "cost": 0.123_456, "currency": "dollars" }),
            vec!["/name", "/currency", "/cost"],
        ),
        (json!({ "name": "x", "cost": -1 }), vec!["/cost"]),
        (json!({ "name": "x", "cost": 1, "hospital_id": "elsewhere" }), vec![]),
    ] {
        let report = clinic.call_as(Role::Admin, "create_service", arguments.clone()).await.unwrap_err();
        let problems = report.details["problems"].as_array().cloned().unwrap_or_default();
        let found: Vec<&str> = problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect();
        assert_eq!(found, paths, "{arguments}: {}", report.text());
    }
}

#[tokio::test]
async fn the_price_list_is_counted_in_the_documented_words() {
    let clinic = Clinic::start().await;
    let empty = clinic.ok(Role::Admin, "get_treatment_stats", json!({})).await;
    assert_eq!((&empty["total_treatments"], empty.get("average_cost")), (&json!(0), None), "{empty}");
    for (name, cost) in [("Cleaning", 150.0), ("Filling", 99.5), ("Crown", 900.0), ("Old", 5.0)] {
        let service = json!({ "name": name, "description": name, "cost": cost });
        let made = clinic.ok(Role::Admin, "create_treatment", service).await;
        if name == "Old" {
            let gone = json!({ "service": made["id"], "is_active": false });
            clinic.ok(Role::Admin, "update_service", gone).await;
        }
    }
    let stats = clinic.ok(Role::Receptionist, "get_treatment_stats", json!({})).await;
    for (field, value) in [
        ("total_treatments", json!(4)),
        ("active_treatments", json!(3)),
        ("inactive_treatments", json!(1)),
        ("average_cost", json!(383.17)),
        ("min_cost", json!(99.5)),
        ("max_cost", json!(900.0)),
        ("truncated", json!(false)),
    ] {
        assert_eq!(stats[field], value, "{field}: {stats}");
    }
    let in_euros = json!({ "name": "Kur", "cost": 100, "currency": "EUR" });
    clinic.ok(Role::Admin, "create_service", in_euros).await;
    let stats = clinic.ok(Role::Admin, "get_treatment_stats", json!({})).await;
    assert_eq!(
        (stats.get("average_cost"), stats["by_currency"].as_array().unwrap().len()),
        (None, 2),
        "{stats}"
    );
}
