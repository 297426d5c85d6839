//! Conversations: what was chosen is remembered, a pin confines every tool, and a handle is its caller's.

use std::time::Duration;

use medcor_policy::{ClientId, Principal, Role, SubjectId};
use medcor_tools::Caller;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

/// Ada and Bob, and two doctors.
async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Babbage"), "1960-01-01")).await;
    for (id, given, family) in [("smith", "Sam", "Smith"), ("hopper", "Grace", "Hopper")] {
        clinic
            .put(json!({
                "resourceType": "Practitioner", "id": id, "active": true,
                "name": [{ "family": family, "given": [given], "prefix": ["Dr"] }]
            }))
            .await;
    }
    clinic
}

async fn started(clinic: &Clinic, role: Role, arguments: Value) -> String {
    let answer = clinic.ok(role, "start_session", arguments).await;
    answer["session"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_chosen_fills_what_later_turns_leave_out() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({})).await;
    let first = json!({ "patient_name": "Ada Lovelace", "session": session });
    let answer = clinic.ok(Role::Doctor, "get_patient", first).await;
    assert!(answer.get("filled_from_session").is_none(), "nothing was left out");
    let answer = clinic.ok(Role::Doctor, "get_allergies", json!({ "session": session })).await;
    assert_eq!(answer["patient_id"], "ada");
    assert_eq!(answer["filled_from_session"], json!({ "patient": "ada" }));
    // "Refer her to Dr Smith": the patient is remembered, the doctor from now on.
    let refer = json!({ "session": session, "doctor": "Dr Sam Smith", "reason": "Second opinion" });
    let answer = clinic.ok(Role::Doctor, "refer_patient", refer).await;
    assert_eq!(
        (&answer["patient_id"], &answer["filled_from_session"]),
        (&json!("ada"), &json!({ "patient": "ada" }))
    );
    let answer = clinic.ok(Role::Doctor, "get_doctor_details", json!({ "session": session })).await;
    assert_eq!(answer["filled_from_session"], json!({ "provider": "smith" }));
    // Another patient is another choice.
    clinic.ok(Role::Doctor, "get_allergies", json!({ "patient": "bob", "session": session })).await;
    let answer = clinic.ok(Role::Doctor, "list_conditions", json!({ "session": session })).await;
    assert_eq!(answer["patient_id"], "bob");
}

#[tokio::test]
async fn a_session_begins_with_choices_and_changes_them() {
    let clinic = clinic().await;
    let answer = clinic
        .ok(
            Role::Doctor,
            "start_session",
            json!({ "patient": "ada", "doctor": "smith", "date": "2026-12-11" }),
        )
        .await;
    assert_eq!((&answer["patient_id"], &answer["doctor_id"]), (&json!("ada"), &json!("smith")));
    assert_eq!((&answer["date"], &answer["pinned"]), (&json!("2026-12-11"), &json!(false)));
    let session = &answer["session"];
    let answer =
        clinic.ok(Role::Doctor, "start_session", json!({ "session": session, "doctor": "hopper" })).await;
    assert_eq!((&answer["session"], &answer["doctor_id"]), (session, &json!("hopper")));
    let answer = clinic.ok(Role::Doctor, "get_doctor_details", json!({ "session": session })).await;
    assert_eq!(answer["filled_from_session"], json!({ "provider": "hopper" }));
}

#[tokio::test]
async fn a_write_is_given_only_what_it_cannot_do_without() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada", "date": "2027-01-04" })).await;
    let order = json!({ "session": session, "tests": ["TSH"] });
    let answer = clinic.ok(Role::Doctor, "order_lab", order).await;
    assert_eq!(answer["filled_from_session"], json!({ "patient": "ada" }), "no date was meant");
}

#[tokio::test]
async fn a_session_travels_in_the_call_of_another_tool() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada" })).await;
    for arguments in [
        json!({ "tool": "get_allergies", "arguments": {}, "session": session }),
        json!({ "tool": "get_allergies", "arguments": { "session": session } }),
    ] {
        assert_eq!(clinic.ok(Role::Doctor, "call_tool", arguments).await["patient_id"], "ada");
    }
    let both = json!({ "tool": "get_allergies", "arguments": { "session": "other" }, "session": session });
    assert_eq!(clinic.refusal(Role::Doctor, "call_tool", both).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn the_handle_of_somebody_else_is_none() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada" })).await;
    let call = json!({ "session": session });
    assert_eq!(clinic.refusal(Role::Nurse, "get_allergies", call.clone()).await, "RESOURCE_NOT_FOUND");
    let principal = clinic.principal(Role::Doctor);
    for other in [
        Principal { client: ClientId("another-program".to_owned()), ..principal.clone() },
        Principal { subject: SubjectId("somebody".to_owned()), ..principal },
    ] {
        let refused = clinic.call(&Caller::new(other), "get_allergies", call.clone()).await;
        assert_eq!(refused.unwrap_err().code.name(), "RESOURCE_NOT_FOUND");
    }
    for wrong in [json!("session_0123"), json!(5)] {
        let refused =
            clinic.call_as(Role::Doctor, "get_allergies", json!({ "patient": "ada", "session": wrong }));
        let code = refused.await.unwrap_err().code.name();
        assert!(matches!(code, "RESOURCE_NOT_FOUND" | "VALIDATION_ERROR"), "{wrong}: {code}");
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada" })).await;
    let call = json!({ "session": session });
    for _ in 0..3 {
        clinic.server.store.clock().advance(Duration::from_mins(29));
        clinic.ok(Role::Doctor, "get_allergies", call.clone()).await;
    }
    clinic.server.store.clock().advance(Duration::from_mins(31));
    assert_eq!(clinic.refusal(Role::Doctor, "get_allergies", call).await, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn no_session_is_longer_than_twelve_hours() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada" })).await;
    let call = json!({ "session": session });
    for _ in 0..28 {
        clinic.server.store.clock().advance(Duration::from_mins(25));
        clinic.ok(Role::Doctor, "get_allergies", call.clone()).await;
    }
    clinic.server.store.clock().advance(Duration::from_mins(25));
    assert_eq!(clinic.refusal(Role::Doctor, "get_allergies", call).await, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn a_pinned_patient_is_the_only_one_in_reach() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({})).await;
    let pinned =
        clinic.ok(Role::Doctor, "pin_patient", json!({ "patient": "ada", "session": session })).await;
    assert_eq!((&pinned["pinned"], &pinned["patient_id"]), (&json!(true), &json!("ada")));
    let on = |arguments: Value| {
        let mut arguments = arguments;
        arguments["session"] = json!(session);
        arguments
    };
    let own = clinic.ok(Role::Doctor, "get_allergies", on(json!({}))).await;
    assert_eq!(own["patient_id"], "ada");
    for (tool, arguments) in [
        ("get_allergies", json!({ "patient": "bob" })),
        ("get_patient", json!({ "patient": "Bob Babbage" })),
        ("get_patient_summary", json!({ "mrn": "MRN-bob" })),
        ("pin_patient", json!({ "patient": "bob" })),
        ("start_session", json!({ "patient": "bob" })),
        ("order_lab", json!({ "patient": "bob", "tests": ["TSH"] })),
        ("fhir_read", json!({ "resource_type": "Patient", "id": "bob" })),
    ] {
        assert_eq!(clinic.refusal(Role::Doctor, tool, on(arguments)).await, "RESOURCE_NOT_FOUND", "{tool}");
    }
    let found = clinic.ok(Role::Doctor, "search_patients", on(json!({ "query": "Babbage" }))).await;
    assert_eq!(found["count"], 0);
    let everybody = clinic.ok(Role::Doctor, "fhir_search", on(json!({ "resource_type": "Patient" }))).await;
    assert!(!everybody.to_string().contains("Babbage"), "{everybody}");
    let created = on(json!({ "first_name": "New", "last_name": "Person", "dob": "1980-05-06" }));
    assert!(clinic.call_as(Role::Doctor, "create_patient", created).await.is_err(), "nobody new comes in");
    // What is about nobody stays.
    clinic.ok(Role::Doctor, "get_doctor_details", on(json!({ "doctor": "smith" }))).await;
    // Without the handle nothing is pinned.
    clinic.ok(Role::Doctor, "get_allergies", json!({ "patient": "bob" })).await;
}

#[tokio::test]
async fn a_pin_without_a_session_begins_one() {
    let clinic = clinic().await;
    let session = &clinic.ok(Role::Nurse, "pin_patient", json!({ "patient": "ada" })).await["session"];
    assert_eq!(
        clinic.ok(Role::Nurse, "get_allergies", json!({ "session": session })).await["patient_id"],
        "ada"
    );
    let other = json!({ "session": session, "patient": "bob" });
    assert_eq!(clinic.refusal(Role::Nurse, "get_allergies", other).await, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn a_pinned_session_administers_nothing() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Admin, json!({ "patient": "ada", "pin": true })).await;
    for (tool, arguments) in [
        ("list_users", json!({ "session": session })),
        ("search_audit_log", json!({ "session": session })),
        ("list_break_glass", json!({ "session": session })),
    ] {
        assert_eq!(clinic.refusal(Role::Admin, tool, arguments).await, "PERMISSION_DENIED", "{tool}");
    }
    let nobody = json!({ "pin": true });
    assert_eq!(clinic.refusal(Role::Admin, "start_session", nobody).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn an_answer_from_before_the_pin_is_not_given_after_it() {
    let clinic = clinic().await;
    let key = "key-of-bob-12345";
    let order = json!({ "patient": "bob", "tests": ["TSH"], "idempotency_key": key });
    clinic.ok(Role::Doctor, "order_lab", order.clone()).await;
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada", "pin": true })).await;
    let mut again = order;
    again["session"] = json!(session);
    assert_eq!(clinic.refusal(Role::Doctor, "order_lab", again).await, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn the_handle_is_in_no_row_of_the_trail() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada" })).await;
    clinic.ok(Role::Doctor, "get_allergies", json!({ "session": session })).await;
    assert!(clinic.server.audit().await.iter().all(|row| !row.to_string().contains(&session)));
}

#[tokio::test]
async fn a_session_that_is_ended_is_forgotten_at_once() {
    let clinic = clinic().await;
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada", "pin": true })).await;
    let call = json!({ "session": session });
    assert_eq!(clinic.refusal(Role::Nurse, "end_session", call.clone()).await, "RESOURCE_NOT_FOUND");
    assert_eq!(clinic.ok(Role::Doctor, "get_allergies", call.clone()).await["patient_id"], "ada");
    assert_eq!(clinic.ok(Role::Doctor, "end_session", call.clone()).await["ended"], true);
    for tool in ["get_allergies", "end_session"] {
        assert_eq!(clinic.refusal(Role::Doctor, tool, call.clone()).await, "RESOURCE_NOT_FOUND", "{tool}");
    }
    assert_eq!(clinic.ok(Role::Doctor, "end_session", json!({})).await["ended"], false);
}
