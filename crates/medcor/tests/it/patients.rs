//! Patients: found by whatever they are called, registered once, corrected without loss.

use medcor_policy::{Principal, Role};
use medcor_tools::Caller;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

/// Ada in full, with an extension that MedCor knows nothing of.
fn ada() -> Value {
    let mut ada = patient("ada", ("Ada", "Lovelace"), "1985-03-15");
    ada["extension"] = json!([{ "url": "urn:example:weight", "valueDecimal": 1.5 }]);
    ada["active"] = true.into();
    ada["telecom"] = json!([
        { "system": "phone", "value": "+1 555 123 4567", "use": "mobile", "extension": [{ "url": "urn:x", "valueCode": "y" }] },
        { "system": "email", "value": "ada@example.org" }
    ]);
    ada["address"] = json!([{
        "line": ["1 High St"], "city": "York", "state": "Yorks", "postalCode": "YO1", "country": "GB"
    }]);
    ada["contact"] = json!([{ "name": { "text": "William King" }, "telecom": [{ "system": "phone", "value": "5559876543" }] }]);
    ada
}

fn ids(listing: &Value) -> Vec<&str> {
    listing["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

fn paths(report: &medcor_tools::ErrorReport) -> Vec<&str> {
    let problems = report.details["problems"].as_array().map_or(&[][..], Vec::as_slice);
    problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_patient_is_found_by_id_number_telephone_and_name() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    for arguments in [
        json!({ "patient": "ada" }),
        json!({ "patient_id": "ada" }),
        json!({ "patient": "Patient/ada" }),
        json!({ "mrn": "MRN-ada" }),
        json!({ "patient_name": "ada lovelace" }),
        json!({ "name": "ADA LOVELACE" }),
        json!({ "patient_name": "+15551234567" }),
        json!({ "phone_number": "(555) 123-4567" }),
        json!({ "patient": "5551234567" }),
        json!({ "patient": 5_551_234_567_u64 }),
    ] {
        for tool in ["get_patient", "get_patient_details"] {
            let answer = clinic.ok(Role::Nurse, tool, arguments.clone()).await;
            assert_eq!(answer["id"], "ada", "{arguments}");
        }
    }
    // What writes takes all digits or none: those left out could be another patient's.
    for number in ["5551234567", "+44 555 123 4567"] {
        let correction = json!({ "patient": number, "email": "ada@x.org" });
        assert_eq!(clinic.refusal(Role::Nurse, "update_patient", correction).await, "RESOURCE_NOT_FOUND");
    }
    let correction = json!({ "patient": "+1 555 123 4567", "email": "ada@x.org" });
    assert_eq!(clinic.ok(Role::Nurse, "update_patient", correction).await["id"], "ada");
}

#[tokio::test]
async fn a_patient_is_shown_under_every_documented_name() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    let answer = clinic.ok(Role::Receptionist, "get_patient", json!({ "patient": "ada" })).await;
    let expected = json!({
        "id": "ada",
        "patient_id": "ada",
        "mrn": "MRN-ada",
        "name": "Ada Lovelace",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "dob": "1985-03-15",
        "date_of_birth": "1985-03-15",
        "age": 41,
        "gender": "female",
        "phone": "+1 555 123 4567",
        "phone_number": "+1 555 123 4567",
        "email": "ada@example.org",
        "address": {
            "text": "1 High St, York, Yorks, YO1, GB",
            "street": "1 High St",
            "city": "York",
            "state": "Yorks",
            "zip": "YO1",
            "country": "GB"
        },
        "emergency_contact": { "name": "William King", "phone": "5559876543" },
        "active": true,
        "version": 1,
        "updated_at": "2026-12-02T09:00:00.000Z"
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn the_whole_resource_is_shown_only_when_it_is_asked_for() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    let answer = clinic.ok(Role::Nurse, "get_patient", json!({ "patient": "ada", "format": "FHIR" })).await;
    assert_eq!(answer["fhir"]["extension"][0]["valueDecimal"], json!(1.5));
    assert_eq!(answer["fhir"]["name"][0]["family"], "Lovelace");
    let answer = clinic.ok(Role::Nurse, "get_patient", json!({ "patient": "ada" })).await;
    assert!(answer.get("fhir").is_none());
}

#[tokio::test]
async fn a_patient_of_another_hospital_looks_like_none() {
    let clinic = Clinic::start().await;
    clinic.put_elsewhere(patient("eve", ("Eve", "Elsewhere"), "1990-01-01")).await;
    for name in ["eve", "MRN-eve", "Eve Elsewhere", "nobody"] {
        let code = clinic.refusal(Role::Doctor, "get_patient", json!({ "patient": name })).await;
        assert_eq!(code, "RESOURCE_NOT_FOUND", "{name}");
    }
    let listing = clinic.ok(Role::Doctor, "search_patients", json!({ "query": "Elsewhere" })).await;
    assert_eq!(listing["count"], 0);
}

#[tokio::test]
async fn two_of_one_name_are_offered_with_their_years_of_birth() {
    let clinic = Clinic::start().await;
    clinic.put(patient("one", ("Ann", "Smith"), "1950-01-01")).await;
    clinic.put(patient("two", ("Ann", "Smith"), "1990-01-01")).await;
    let report =
        clinic.call_as(Role::Nurse, "get_patient", json!({ "patient": "Ann Smith" })).await.unwrap_err();
    assert_eq!(report.code.name(), "AMBIGUOUS");
    let candidates = report.details["candidates"].as_array().unwrap();
    let mut details: Vec<&str> =
        candidates.iter().map(|candidate| candidate["detail"].as_str().unwrap()).collect();
    details.sort_unstable();
    assert_eq!(details, ["born 1950", "born 1990"]);
}

#[tokio::test]
async fn a_patient_sees_the_own_record_and_no_other() {
    let clinic = Clinic::start().await;
    let id = clinic.put(ada()).await;
    clinic.put(patient("bob", ("Bob", "Babbage"), "1980-01-01")).await;
    let caller = clinic.patient_caller(&id);
    let answer = clinic.call(&caller, "get_patient", json!({ "patient": "me" })).await.unwrap();
    assert_eq!(answer["id"], "ada");
    let report = clinic.call(&caller, "get_patient", json!({ "patient": "bob" })).await.unwrap_err();
    assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND");
    for (tool, arguments) in [
        ("search_patients", json!({ "query": "Bob" })),
        ("list_patients", json!({})),
        ("resolve_patient_by_phone", json!({ "phone": "5551234567" })),
        ("create_patient", json!({ "name": "New One", "dob": "1990-01-01" })),
    ] {
        let report = clinic.call(&caller, tool, arguments).await.unwrap_err();
        assert_eq!(report.code.name(), "PERMISSION_DENIED", "{tool}");
    }
}

#[tokio::test]
async fn a_search_takes_parts_of_whatever_is_known() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    clinic.put(patient("zoe", ("Zoë", "O'Brien-Müller"), "1990-07-01")).await;
    for (query, id) in [
        ("love", "ada"),
        ("Love Ad", "ada"),
        ("ada lovelace", "ada"),
        ("1985-03-15", "ada"),
        ("Lovelace 1985-03-15", "ada"),
        ("MRN-ada", "ada"),
        ("ADA@example.org", "ada"),
        ("+44 555 123 4567", "ada"),
        ("obrien", "zoe"),
        ("zoe muller", "zoe"),
    ] {
        for arguments in [json!({ "query": query }), json!({ "search_term": query, "limit": 5 })] {
            let listing = clinic.ok(Role::Receptionist, "search_patients", arguments).await;
            assert_eq!(ids(&listing), [id], "{query}");
        }
    }
    for query in ["Lovelace 1985-03-16", "nobody at all", "ada zoe"] {
        let listing = clinic.ok(Role::Receptionist, "search_patients", json!({ "query": query })).await;
        assert_eq!(listing["results"], json!([]), "{query}");
        assert!(listing["hint"].is_string() && listing.get("total").is_none());
    }
    let code = clinic.refusal(Role::Receptionist, "search_patients", json!({ "query": " , " })).await;
    assert_eq!(code, "VALIDATION_ERROR");
}

#[tokio::test]
async fn names_that_sound_alike_are_offered_and_marked() {
    let clinic = Clinic::start().await;
    clinic.put(patient("one", ("Katherine", "Schmidt"), "1950-01-01")).await;
    let listing = clinic.ok(Role::Nurse, "search_patients", json!({ "query": "Catherine Smith" })).await;
    assert_eq!(ids(&listing), ["one"]);
    assert_eq!(listing["applied_filter"]["matched_by"], "similar sound");
    assert!(listing["hint"].as_str().unwrap().contains("sound alike"));
}

#[tokio::test]
async fn a_cursor_shows_every_patient_once() {
    let clinic = Clinic::start().await;
    for number in 0..7 {
        let id = format!("p{number}");
        clinic.put(patient(&id, ("Pat", &format!("Smith{number}")), "1950-01-01")).await;
    }
    for (tool, mut arguments) in
        [("search_patients", json!({ "query": "Pat", "limit": 3 })), ("list_patients", json!({ "limit": 3 }))]
    {
        let mut seen = Vec::new();
        loop {
            let listing = clinic.ok(Role::Nurse, tool, arguments.clone()).await;
            seen.extend(ids(&listing).into_iter().map(str::to_owned));
            let Some(cursor) = listing["next_cursor"].as_str() else { break };
            assert_eq!(listing["truncated"], true);
            arguments["cursor"] = cursor.into();
        }
        seen.sort();
        assert_eq!(seen, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"], "{tool}");
        let code = clinic.refusal(Role::Nurse, tool, json!({ "query": "Pat", "cursor": "0.x" })).await;
        assert_eq!(code, "VALIDATION_ERROR", "{tool}");
    }
}

#[tokio::test]
async fn patients_are_listed_in_order_of_name_and_inactive_ones_on_request() {
    let clinic = Clinic::start().await;
    clinic.put(patient("b", ("Bea", "Babbage"), "1950-01-01")).await;
    clinic.put(ada()).await;
    let mut gone = patient("gone", ("Abe", "Aaron"), "1950-01-01");
    gone["active"] = false.into();
    clinic.put(gone).await;
    let own = clinic.server.here.organization.to_string();
    for arguments in [
        json!({}),
        json!({ "tenant_id": own, "limit": 10 }),
        json!({ "hospital_id": "here" }),
        json!({ "tenant_id": clinic.server.here.id.0, "active_only": "true" }),
        json!({ "clinic_id": "default" }),
    ] {
        let listing = clinic.ok(Role::Admin, "list_patients", arguments.clone()).await;
        assert_eq!(ids(&listing), ["b", "ada"], "{arguments}");
    }
    let listing = clinic.ok(Role::Admin, "list_patients", json!({ "active_only": false })).await;
    assert_eq!(ids(&listing), ["gone", "b", "ada"]);
    let listing = clinic.ok(Role::Admin, "list_patients", json!({ "limit": 1, "page": 2 })).await;
    assert_eq!(ids(&listing), ["ada"]);
    for organisation in ["elsewhere", clinic.server.elsewhere.organization.as_str()] {
        let arguments = json!({ "hospital_id": organisation });
        assert_eq!(clinic.refusal(Role::Admin, "list_patients", arguments).await, "RESOURCE_NOT_FOUND");
    }
    assert_eq!(clinic.refusal(Role::Superadmin, "list_patients", json!({})).await, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_caller_is_known_by_number_and_only_the_first_name_is_told() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    for number in ["+15551234567", "5551234567", "0555 123 4567"] {
        let arguments = json!({ "phone_number": number });
        let answer = clinic.ok(Role::Receptionist, "resolve_patient_by_phone", arguments).await;
        let expected = json!({
            "found": true, "id": "ada", "patient_id": "ada", "first_name": "Ada", "message": "Found: Ada (ID: ada)"
        });
        assert_eq!(answer, expected, "{number}");
    }
    let nobody = json!({ "phone": "+44 20 7946 0000" });
    let code = clinic.refusal(Role::Receptionist, "resolve_patient_by_phone", nobody).await;
    assert_eq!(code, "RESOURCE_NOT_FOUND");
    let mut child = patient("child", ("Byron", "King"), "2020-05-12");
    child["telecom"] = json!([{ "system": "phone", "value": "(555) 123-4567" }]);
    clinic.put(child).await;
    let shared = json!({ "phone": "5551234567" });
    let report = clinic.call_as(Role::Nurse, "resolve_patient_by_phone", shared).await.unwrap_err();
    assert_eq!(report.code.name(), "AMBIGUOUS");
    let text = report.text();
    assert!(text.contains("Byron") && !text.contains("King") && !text.contains("2020"), "{text}");
}

#[tokio::test]
async fn documented_registrations_work_as_written() {
    let clinic = Clinic::start().await;
    for (tool, arguments) in [
        (
            "create_patient",
            json!({ "email": "a@x.org", "first_name": "Robert", "last_name": "Miller", "phone_number": "555-123-4567", "tenant_id": clinic.server.here.id.0 }),
        ),
        (
            "create_patient",
            json!({ "email": "b@x.org", "first_name": "Rob", "last_name": "Mills", "date_of_birth": "1985-03-15", "medical_record_number": "MRN123456", "insurance_provider": "Aetna" }),
        ),
        (
            "create_patient",
            json!({ "first_name": "John", "last_name": "Doe", "dob": "1980-01-01", "gender": "Male", "email": "c@x.org", "phone": "555 000 1111" }),
        ),
        (
            "create_patient_tool",
            json!({ "first_name": "Jane", "last_name": "Doe", "email": "d@x.org", "phone": "+15550002222", "dob": "1982-02-02" }),
        ),
        (
            "create_patient",
            json!({ "first_name": "Jim", "last_name": "Poe", "date_of_birth": "1983-03-03", "gender": "MALE", "address": "1 High St, York" }),
        ),
    ] {
        let answer = clinic.ok(Role::Admin, tool, arguments.clone()).await;
        assert_eq!(answer["success"], true);
        assert!(answer["mrn"].as_str().unwrap().starts_with("MRN"), "{arguments}");
        assert!(answer["message"].as_str().unwrap().contains("(ID: "));
        let found = clinic.ok(Role::Nurse, "get_patient", json!({ "mrn": answer["mrn"] })).await;
        assert_eq!(found["id"], answer["id"]);
        assert_eq!(found["first_name"], arguments["first_name"]);
    }
}

#[tokio::test]
async fn a_registration_needs_a_name_and_something_that_tells_two_of_it_apart() {
    let clinic = Clinic::start().await;
    for (arguments, expected) in [
        (json!({}), vec!["/first_name", "/last_name", "/dob"]),
        (json!({ "name": "John" }), vec!["/name"]),
        (json!({ "name": "John Smith" }), vec!["/dob"]),
        (json!({ "name": "Robert'); DROP TABLE patients;--" }), vec!["/name"]),
        (
            json!({ "first_name": "A;B", "last_name": "C", "dob": "2999-01-01", "email": "x", "gender": "q" }),
            vec!["/first_name", "/dob", "/gender", "/email"],
        ),
        (json!({ "name": "A B", "dob": "1990-01-01", "mrn": "1;2" }), vec!["/mrn"]),
        (json!({ "name": "A B", "dob": "1990-01-01", "colour": "red" }), vec!["/colour"]),
    ] {
        let report =
            clinic.call_as(Role::Receptionist, "create_patient", arguments.clone()).await.unwrap_err();
        assert_eq!(report.code.name(), "VALIDATION_ERROR", "{arguments}");
        assert_eq!(paths(&report), expected, "{arguments}");
    }
    for role in [Role::Auditor, Role::Superadmin] {
        let arguments = json!({ "name": "A B", "dob": "1990-01-01" });
        assert_eq!(clinic.refusal(role, "create_patient", arguments).await, "PERMISSION_DENIED", "{role}");
    }
}

#[tokio::test]
async fn nobody_is_registered_twice() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    for arguments in [
        json!({ "name": "ADA  Lovelace", "dob": "1985-03-15" }),
        json!({ "name": "Augusta King", "email": "Ada@Example.org" }),
        json!({ "name": "Augusta King", "dob": "1985-01-01", "mrn": "MRN-ada" }),
    ] {
        let report =
            clinic.call_as(Role::Receptionist, "create_patient", arguments.clone()).await.unwrap_err();
        assert_eq!(report.code.name(), "CONFLICT", "{arguments}");
        assert!(report.message.contains("id ada"), "{}", report.message);
    }
    let twin = json!({ "name": "Anne Lovelace", "dob": "1985-03-15" });
    clinic.ok(Role::Receptionist, "create_patient", twin).await;
}

#[tokio::test]
async fn two_registrations_of_one_person_at_once_make_one_patient() {
    let clinic = Clinic::start().await;
    let arguments = json!({ "name": "Ada Lovelace", "dob": "1985-03-15" });
    let (one, other) = tokio::join!(
        clinic.call_as(Role::Receptionist, "create_patient", arguments.clone()),
        clinic.call_as(Role::Nurse, "create_patient", arguments.clone()),
    );
    let refused = one.as_ref().err().or(other.as_ref().err()).expect("one of them is refused");
    assert_eq!(refused.code.name(), "CONFLICT");
    assert!(one.is_ok() || other.is_ok());
    let listing = clinic.ok(Role::Nurse, "search_patients", json!({ "query": "Lovelace" })).await;
    assert_eq!(listing["count"], 1);
}

#[tokio::test]
async fn a_correction_changes_what_is_given_and_keeps_the_rest_to_the_byte() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    let before =
        clinic.ok(Role::Nurse, "fhir_read", json!({ "resource_type": "Patient", "id": "ada" })).await;
    let arguments = json!({
        "patient": "ada", "phone_number": "+1 555 000 9999", "last_name": "King", "email": "ada@example.org"
    });
    let answer = clinic.ok(Role::Receptionist, "update_patient", arguments.clone()).await;
    assert_eq!(answer["changed"], json!(["last_name", "phone"]));
    assert_eq!((&answer["name"], &answer["version"]), (&json!("Ada King"), &json!(2)));
    let after = clinic.ok(Role::Nurse, "fhir_read", json!({ "resource_type": "Patient", "id": "ada" })).await;
    let mut expected = before["fhir"].clone();
    expected["meta"] = after["fhir"]["meta"].clone();
    expected["name"][0]["family"] = "King".into();
    expected["telecom"][0]["value"] = "+1 555 000 9999".into();
    assert_eq!(after["fhir"], expected);
    let again = clinic.ok(Role::Receptionist, "update_patient", arguments).await;
    assert_eq!((&again["changed"], &again["version"]), (&json!([]), &json!(2)));
}

#[tokio::test]
async fn documented_corrections_work_as_written() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    let profile = json!({
        "patient_name": "Ada Lovelace", "first_name": "Augusta Ada", "last_name": "King",
        "date_of_birth": "1985-03-16", "gender": "Female", "emergency_contact": "Lady Byron",
        "emergency_phone": "555 111 2222", "insurance_provider": "Aetna", "insurance_policy_number": "P-1"
    });
    let answer = clinic.ok(Role::Admin, "update_patient_profile", profile).await;
    let changed = json!([
        "first_name",
        "last_name",
        "dob",
        "emergency_contact",
        "emergency_phone",
        "insurance_provider",
        "insurance_policy_number"
    ]);
    assert_eq!(answer["changed"], changed);
    let shown =
        clinic.ok(Role::Nurse, "get_patient", json!({ "patient": "ada", "include_insurance": true })).await;
    assert_eq!(shown["insurance"], json!({ "provider": "Aetna", "policy_number": "P-1" }));
    assert_eq!(shown["emergency_contact"], json!({ "name": "Lady Byron", "phone": "555 111 2222" }));
    let moved = json!({ "patient_id": "ada", "address": "2 Low St", "city": "Leeds", "zip": "LS1" });
    let answer = clinic.ok(Role::Nurse, "update_patient", moved).await;
    assert_eq!(answer["address"]["text"], "2 Low St, Leeds, LS1");
    let insured = json!({ "patient_id": "ada", "insurance_policy_number": "P-2" });
    assert_eq!(clinic.refusal(Role::Doctor, "update_patient", insured.clone()).await, "PERMISSION_DENIED");
    let answer = clinic.ok(Role::Receptionist, "update_patient", insured).await;
    assert_eq!(answer["changed"], json!(["insurance_policy_number"]));
}

#[tokio::test]
async fn a_patient_changes_the_own_contact_details_only() {
    let clinic = Clinic::start().await;
    let id = clinic.put(ada()).await;
    clinic.put(patient("bob", ("Bob", "Babbage"), "1980-01-01")).await;
    let caller = clinic.patient_caller(&id);
    let moved = json!({ "patient": "me", "email": "Ada.King@Example.org", "address": "2 Low St" });
    let answer = clinic.call(&caller, "update_patient", moved).await.unwrap();
    assert_eq!(answer["changed"], json!(["email", "address"]));
    assert_eq!(answer["email"], "ada.king@example.org");
    for (arguments, code) in [
        (json!({ "patient": "me", "dob": "1999-01-01" }), "PERMISSION_DENIED"),
        (json!({ "patient": "me", "last_name": "King", "phone": "555 000 1111" }), "PERMISSION_DENIED"),
        (json!({ "patient": "me", "active": false }), "PERMISSION_DENIED"),
        (json!({ "patient": "bob", "phone": "555 000 1111" }), "RESOURCE_NOT_FOUND"),
    ] {
        let report = clinic.call(&caller, "update_patient", arguments.clone()).await.unwrap_err();
        assert_eq!(report.code.name(), code, "{arguments}");
    }
}

#[tokio::test]
async fn a_correction_of_an_older_version_is_refused() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    let first = json!({ "patient": "ada", "phone": "555 000 1111", "expected_version": 1 });
    clinic.ok(Role::Nurse, "update_patient", first).await;
    let second = json!({ "patient": "ada", "phone": "555 000 2222", "expected_version": 1 });
    assert_eq!(clinic.refusal(Role::Nurse, "update_patient", second).await, "CONFLICT");
    let nobody = json!({ "patient": "Adda Lovelace", "phone": "555 000 2222" });
    let report = clinic.call_as(Role::Nurse, "update_patient", nobody).await.unwrap_err();
    assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND");
    // A near match never feeds a write.
    assert!(report.details.get("did_you_mean").is_none());
}

#[tokio::test]
async fn a_machine_does_what_its_scopes_name() {
    let clinic = Clinic::start().await;
    clinic.put(ada()).await;
    let scope = "system/Patient.rs".parse().unwrap();
    let machine = Principal { scopes: Some(vec![scope]), ..clinic.principal(Role::System) };
    let caller = Caller::new(machine);
    let answer = clinic.call(&caller, "resolve_patient_by_phone", json!({ "phone": "5551234567" })).await;
    assert_eq!(answer.unwrap()["id"], "ada");
    let report = clinic
        .call(&caller, "create_patient", json!({ "name": "A B", "dob": "1990-01-01" }))
        .await
        .unwrap_err();
    assert_eq!(report.code.name(), "PERMISSION_DENIED");
}
