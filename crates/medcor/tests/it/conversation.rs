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

/// Both doctors see patients from nine to twelve, Monday to Friday.
async fn clinic_with_hours() -> Clinic {
    let clinic = clinic().await;
    for doctor in ["smith", "hopper"] {
        clinic
            .put(json!({
                "resourceType": "PractitionerRole", "id": format!("role-{doctor}"), "active": true,
                "practitioner": { "reference": format!("Practitioner/{doctor}") },
                "specialty": [{ "text": "Cardiology" }]
            }))
            .await;
        for day in 0..5 {
            let hours =
                json!({ "provider": doctor, "day_of_week": day, "start_time": "09:00", "end_time": "12:00" });
            clinic.ok(Role::Receptionist, "create_appointment_slot", hours).await;
        }
    }
    clinic
}

/// A call by the reception in this session.
async fn said(clinic: &Clinic, session: &str, tool: &str, arguments: Value) -> Value {
    let mut arguments = arguments;
    arguments["session"] = json!(session);
    clinic.ok(Role::Receptionist, tool, arguments).await
}

#[tokio::test]
async fn book_with_dr_smith_next_friday_at_ten() {
    let clinic = clinic_with_hours().await;
    let session = started(&clinic, Role::Receptionist, json!({})).await;
    let check = "check_and_book_appointment";
    // "Book Ada with Dr Smith."
    let offered = json!({ "patient": "Ada Lovelace", "doctor": "Dr Sam Smith" });
    let answer = said(&clinic, &session, check, offered).await;
    assert_eq!((&answer["outcome"], answer.get("filled_from_session")), (&json!("offered"), None));
    // "Next Friday at ten": on a Wednesday that is two days, and neither is remembered.
    let words = json!({ "date": "next Friday", "start_time": "10:00" });
    let answer = said(&clinic, &session, check, words.clone()).await;
    assert_eq!(answer["outcome"], "ambiguous");
    assert_eq!(answer["readings"], json!(["2026-12-04", "2026-12-11"]));
    assert_eq!(answer["filled_from_session"], json!({ "patient": "ada", "provider": "smith" }));
    // "The eleventh."
    let answer = said(&clinic, &session, check, json!({ "date": "2026-12-11", "start_time": "10:00" })).await;
    assert_eq!((&answer["outcome"], &answer["doctor_id"]), (&json!("booked"), &json!("smith")));
    assert_eq!(
        (&answer["patient_id"], &answer["date"], &answer["start_time"]),
        (&json!("ada"), &json!("2026-12-11"), &json!("10:00"))
    );
    // "And Bob at half past ten."
    let bob = json!({ "patient": "bob", "start_time": "10:30" });
    let answer = said(&clinic, &session, "create_appointment", bob).await;
    assert_eq!((&answer["doctor_id"], &answer["date"]), (&json!("smith"), &json!("2026-12-11")));
    let filled = json!({ "provider": "smith", "date": "2026-12-11" });
    assert_eq!(answer["filled_from_session"], filled);
    // A time that names its own day stands.
    let own = json!({ "patient": "bob", "start_time": "2026-12-10T10:00" });
    let answer = said(&clinic, &session, "create_appointment", own).await;
    assert_eq!(answer["date"], "2026-12-10");
    assert_eq!(answer["filled_from_session"], json!({ "provider": "smith" }));
    // Anybody of a specialty is not Dr Smith alone.
    let anybody = json!({ "patient": "ada", "specialty": "cardiology", "date": "2026-12-11" });
    let answer = said(&clinic, &session, check, anybody).await;
    assert_eq!(answer.get("filled_from_session"), None);
    assert!(answer["options"].to_string().contains("hopper"), "{answer}");
}

#[tokio::test]
async fn words_that_mean_one_day_are_remembered_as_that_day() {
    let clinic = clinic_with_hours().await;
    let session = started(&clinic, Role::Receptionist, json!({ "patient": "ada", "doctor": "smith" })).await;
    let offered = json!({ "date": "this Friday", "mode": "offer" });
    said(&clinic, &session, "check_and_book_appointment", offered).await;
    // The day after, the words would mean another day, or none.
    clinic.server.store.clock().advance(Duration::from_mins(20));
    let answer = said(&clinic, &session, "create_appointment", json!({ "start_time": "10:00" })).await;
    assert_eq!(answer["date"], "2026-12-04");
    let filled = json!({ "patient": "ada", "provider": "smith", "date": "2026-12-04" });
    assert_eq!(answer["filled_from_session"], filled);
}

#[tokio::test]
async fn a_list_is_narrowed_by_no_doctor_and_no_day_that_nobody_asked_for() {
    let clinic = clinic_with_hours().await;
    let chosen = json!({ "patient": "ada", "doctor": "smith", "date": "2026-12-11" });
    let session = started(&clinic, Role::Doctor, chosen).await;
    for tool in ["list_medical_records", "list_treatment_plans", "list_appointments"] {
        let answer = clinic.ok(Role::Doctor, tool, json!({ "session": session })).await;
        assert_eq!(answer["filled_from_session"], json!({ "patient": "ada" }), "{tool}");
    }
    let slots = async |arguments: Value| {
        let mut arguments = arguments;
        arguments["session"] = json!(session);
        clinic.ok(Role::Doctor, "list_appointment_slots", arguments).await
    };
    let filled = json!({ "provider": "smith", "date": "2026-12-11" });
    assert_eq!(slots(json!({})).await["filled_from_session"], filled);
    let answer = slots(json!({ "specialty": "Cardiology" })).await;
    assert_eq!(answer["filled_from_session"], json!({ "date": "2026-12-11" }));
    // Of a span of days the remembered one is none, and it is the choice no longer.
    let answer = slots(json!({ "from": "2026-12-14", "to": "2026-12-18" })).await;
    assert_eq!(answer["filled_from_session"], json!({ "provider": "smith" }));
    assert_eq!(slots(json!({})).await["filled_from_session"], json!({ "provider": "smith" }));
}

#[tokio::test]
async fn a_session_begins_with_a_day_and_not_with_words_for_one() {
    let clinic = clinic().await;
    for words in ["next Friday", "", "2026-13-01"] {
        let refused = clinic.refusal(Role::Doctor, "start_session", json!({ "date": words })).await;
        assert_eq!(refused, "VALIDATION_ERROR", "{words}");
    }
}

#[tokio::test]
async fn staff_who_pin_a_patient_are_staff() {
    let clinic = clinic_with_hours().await;
    let session = started(&clinic, Role::Receptionist, json!({ "patient": "ada", "pin": true })).await;
    let visit = json!({ "doctor": "smith", "date": "2026-12-11", "start_time": "10:00" });
    let booked = said(&clinic, &session, "create_appointment", visit).await;
    let arrived = json!({ "appointment": booked["id"], "status": "CONFIRMED" });
    said(&clinic, &session, "update_appointment_status", arrived).await;
    let corrected = json!({ "last_name": "King", "insurance_provider": "Aetna" });
    let answer = said(&clinic, &session, "update_patient", corrected).await;
    assert!(answer["changed"].as_array().is_some_and(|changed| changed.len() >= 2), "{answer}");
    let doctor = medcor_fhir::Id::new("smith");
    let doctor = clinic.logged_in(Principal { practitioner: doctor, ..clinic.principal(Role::Doctor) });
    let session =
        clinic.call(&doctor, "pin_patient", json!({ "patient": "ada" })).await.unwrap()["session"].clone();
    let note = json!({ "session": session, "subjective": "Well", "appointment": booked["id"] });
    let note = clinic.call(&doctor, "create_soap_note", note).await.unwrap();
    let plan = json!({ "session": session, "note": note["id"], "plan": "Come again" });
    clinic.call(&doctor, "update_soap_note", plan).await.unwrap_or_else(|report| panic!("{}", report.text()));
}

#[tokio::test]
async fn a_medicine_that_is_ended_in_a_pinned_session_ends_its_reminders() {
    let clinic = clinic().await;
    let doctor = medcor_fhir::Id::new("smith");
    let doctor = clinic.logged_in(Principal { practitioner: doctor, ..clinic.principal(Role::Doctor) });
    let pinned = clinic.call(&doctor, "pin_patient", json!({ "patient": "ada" })).await.unwrap();
    let called = async |tool: &'static str, arguments: Value| {
        let mut arguments = arguments;
        arguments["session"] = pinned["session"].clone();
        clinic
            .call(&doctor, tool, arguments)
            .await
            .unwrap_or_else(|report| panic!("{tool}: {}", report.text()))
    };
    let prescription = json!({ "medication": "Metformin", "dosage": "500 mg", "frequency": "twice daily" });
    called("prescribe_medication", prescription).await;
    let reminder = json!({
        "medication": "Metformin", "times": ["08:00"],
        "end_date": "2026-12-31"
    });
    called("create_medication_reminder", reminder).await;
    let ended = json!({ "medication_name": "Metformin", "reason": "diarrhoea" });
    assert_eq!(called("discontinue_medication", ended).await["reminders_ended"], 1);
}

#[tokio::test]
async fn an_answer_with_a_handle_is_kept_nowhere() {
    let clinic = clinic().await;
    for tool in ["start_session", "pin_patient"] {
        let keyed = json!({ "patient": "ada", "idempotency_key": "key-of-a-session" });
        assert_eq!(clinic.refusal(Role::Doctor, tool, keyed).await, "VALIDATION_ERROR", "{tool}");
    }
}

#[tokio::test]
async fn which_tool_is_meant_is_told_by_no_record_past_the_pin() {
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
            "identifier": [{ "system": "urn:legacy", "value": "3" }],
            "subject": { "reference": "Patient/bob" }, "title": "Hypertension Management"
        }))
        .await;
    clinic
        .put(json!({
            "resourceType": "HealthcareService", "id": "service", "active": true,
            "identifier": [{ "system": "urn:legacy", "value": "3" }], "name": "Dental Cleaning",
            "extension": [{ "url": "urn:medcor:service-price", "valueMoney": { "value": 150.0 } }]
        }))
        .await;
    let either = json!({ "treatment_id": "3" });
    assert_eq!(
        clinic.refusal(Role::Doctor, "get_treatment_details", either.clone()).await,
        "VALIDATION_ERROR"
    );
    let session = started(&clinic, Role::Doctor, json!({ "patient": "ada", "pin": true })).await;
    let mut pinned = either;
    pinned["session"] = json!(session);
    let answer = clinic.ok(Role::Doctor, "get_treatment_details", pinned).await;
    assert!(answer.to_string().contains("Dental Cleaning"), "{answer}");
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
