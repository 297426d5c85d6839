//! Specialties: the catalogue, who practises which, and that booking and lists of doctors see the same.

use std::path::Path;

use medcor_policy::{Principal, Role};
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

const HOURS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Grace the cardiologist, who has hours, and Hana, of whom nothing is known but her name.
async fn staffed() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.employ_cardiologist().await;
    clinic
        .put(json!({
            "resourceType": "PractitionerRole", "id": "role-grace", "active": true,
            "practitioner": { "reference": "Practitioner/grace", "display": "Dr. Hopper" },
            "specialty": [{ "text": "Cardiology" }],
            "extension": [{ "url": "urn:other", "valueDecimal": 1.50 }],
            "availableTime": [{
                "daysOfWeek": HOURS, "availableStartTime": "08:00:00", "availableEndTime": "18:00:00"
            }]
        }))
        .await;
    clinic
        .put(json!({
            "resourceType": "Practitioner", "id": "hana", "active": true,
            "name": [{ "family": "Adler", "given": ["Hana"], "prefix": ["Dr."] }],
            "telecom": [{ "system": "email", "value": "hana@here.example" }],
            "qualification": [{ "code": { "text": "MD" } }]
        }))
        .await;
    clinic
}

async fn added(clinic: &Clinic, code: &str, name: &str) -> String {
    let specialty = json!({ "code": code, "name": name, "description": format!("About {name}") });
    let answer = clinic.ok(Role::Admin, "create_specialty", specialty).await;
    assert_eq!(answer["success"], true);
    answer["specialty_id"].as_str().expect("an id").to_owned()
}

fn members<'l>(listing: &'l Value, name: &str) -> Vec<&'l str> {
    let rows = listing["results"].as_array().unwrap_or_else(|| panic!("no list: {listing}"));
    rows.iter().map(|row| row[name].as_str().unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_catalogue_is_listed_with_what_clinicians_have_besides() {
    let clinic = staffed().await;
    let neurology = added(&clinic, "neuro", "Neurology").await;
    added(&clinic, "DERM", "Dermatology").await;
    for (arguments, expected) in [
        (json!({}), vec!["Cardiology", "Dermatology", "Neurology"]),
        (json!({ "search": "Cardio", "is_active": true }), vec!["Cardiology"]),
        (json!({ "search": "about neuro" }), vec!["Neurology"]),
        (json!({ "query": "derm", "limit": 50 }), vec!["Dermatology"]),
        (json!({ "query": "ology" }), vec![]),
        (json!({ "is_active": false }), vec![]),
        (json!({ "limit": 2 }), vec!["Cardiology", "Dermatology"]),
        (json!({ "limit": 2, "page": 2 }), vec!["Neurology"]),
    ] {
        let listing = clinic.ok(Role::Patient, "list_specialties", arguments.clone()).await;
        assert_eq!(members(&listing, "name"), expected, "{arguments}");
        assert_eq!(listing["count"], expected.len());
    }
    let listing = clinic.ok(Role::Auditor, "get_specialties", json!({})).await;
    let expected = json!({
        "id": neurology, "specialty_id": neurology, "code": "NEURO", "name": "Neurology",
        "description": "About Neurology", "is_active": true, "in_catalogue": true
    });
    assert_eq!(listing["results"][2], expected);
    assert_eq!(
        listing["results"][0],
        json!({
            "id": "Cardiology", "specialty_id": "Cardiology", "name": "Cardiology", "is_active": true,
            "in_catalogue": false
        })
    );
    for name in [neurology.as_str(), "neuro", "NEUROLOGY"] {
        let shown = clinic.ok(Role::Receptionist, "get_specialty", json!({ "specialty": name })).await;
        assert_eq!(shown, expected, "{name}");
    }
    for unknown in ["neurologist", "Neuro logy", "0198c1f2-2a3b-7c4d-8e5f-60718293a4b5"] {
        let code = clinic.refusal(Role::Doctor, "get_specialty", json!({ "id": unknown })).await;
        assert_eq!(code, "RESOURCE_NOT_FOUND", "{unknown}");
    }
    let gone = json!({ "cursor": "Astrology" });
    assert_eq!(clinic.refusal(Role::Nurse, "list_specialties", gone).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_specialty_is_added_once_and_by_administrators() {
    let clinic = staffed().await;
    let cardiology = added(&clinic, "CARDIO", "Cardiology").await;
    // What Grace has is the catalogue's from then on, and in no second row.
    let listing = clinic.ok(Role::Nurse, "list_specialties", json!({})).await;
    assert_eq!(members(&listing, "id"), [cardiology.as_str()]);
    for (code, name) in [("cardio", "Heart medicine"), ("HEART", "CARDIOLOGY")] {
        let again = json!({ "code": code, "name": name, "description": "x" });
        assert_eq!(clinic.refusal(Role::Admin, "create_specialty", again).await, "CONFLICT", "{code}");
    }
    let wrong = json!({ "code": "A;--", "name": "<b>", "description": "x" });
    let report = clinic.call_as(Role::Admin, "create_specialty", wrong).await.unwrap_err();
    let text = report.text();
    assert!(text.contains("/code") && text.contains("/name"), "{text}");
    for role in [Role::Doctor, Role::Receptionist, Role::Patient, Role::Auditor] {
        let new = json!({ "code": "X", "name": "X-rays", "description": "x" });
        assert_eq!(clinic.refusal(role, "create_specialty", new).await, "PERMISSION_DENIED", "{role}");
    }
    let query = json!({ "resource_type": "CodeSystem", "query": "" });
    let found = clinic.ok(Role::Admin, "fhir_search", query.clone()).await;
    assert_eq!(found["count"], 1, "{found}");
    // Another organisation has a catalogue of its own: what is this one's it has not.
    let elsewhere = &clinic.server.elsewhere;
    let other = clinic.logged_in(Principal {
        tenant: elsewhere.id,
        organization: elsewhere.organization.clone(),
        ..clinic.principal(Role::Admin)
    });
    for (tool, arguments) in [("fhir_search", query), ("list_specialties", json!({}))] {
        let listing = clinic.call(&other, tool, arguments).await.expect("it may");
        assert_eq!(listing["count"], 0, "{tool}: {listing}");
    }
    let own = json!({ "code": " CARDIO ", "name": "Cardiology", "description": "x" });
    let own = clinic.call(&other, "create_specialty", own).await.expect("theirs");
    assert_eq!(own["code"], "CARDIO");
    let superadmin = clinic.ok(Role::Superadmin, "list_specialties", json!({})).await;
    assert_eq!(superadmin["count"], 1);
}

#[tokio::test]
async fn booking_and_lists_of_doctors_see_what_a_doctor_is_given() {
    let clinic = staffed().await;
    let neurology = added(&clinic, "NEURO", "Neurology").await;
    let cardiology = added(&clinic, "CARDIO", "Cardiology").await;
    let update = json!({ "doctor_id": "grace", "specialties": [
        { "specialty_id": cardiology, "is_primary": false, "years_of_experience": 3 },
        {
            "specialty_id": neurology, "is_primary": true, "years_of_experience": 10,
            "certification_date": "2018-06-01"
        }
    ] });
    let saved = clinic.ok(Role::Admin, "update_doctor_specialties", update).await;
    assert_eq!((&saved["doctor"], &saved["count"]), (&json!("Dr. Grace Hopper"), &json!(2)));
    let rows = clinic.ok(Role::Patient, "list_doctor_specialties", json!({ "doctor_id": "grace" })).await;
    assert_eq!(saved["results"], rows["results"]);
    assert_eq!(
        rows["results"],
        json!([
            {
                "id": format!("grace.{neurology}"), "specialty_id": neurology, "specialty_code": "NEURO",
                "specialty_name": "Neurology", "is_primary": true, "years_of_experience": 10,
                "certification_date": "2018-06-01"
            },
            {
                "id": format!("grace.{cardiology}"), "specialty_id": cardiology, "specialty_code": "CARDIO",
                "specialty_name": "Cardiology", "is_primary": false, "years_of_experience": 3
            }
        ])
    );
    for specialty in ["Neurology", "neurologist", "NEURO", "cardiology"] {
        let wanted = json!({ "specialty": specialty, "date": "2026-12-03", "limit": 1 });
        let slots = clinic.ok(Role::Receptionist, "list_appointment_slots", wanted).await;
        assert_eq!(slots["results"][0]["doctor_id"], "grace", "{specialty}: {slots}");
    }
    for specialty in ["neuro", "Cardiology"] {
        let listing = clinic.ok(Role::Nurse, "list_doctors", json!({ "specialty": specialty })).await;
        assert_eq!(listing["results"][0]["primary_specialty"], "Neurology", "{specialty}");
        assert_eq!(listing["results"][0]["years_of_experience"], 10);
    }
    // Taken away: nobody finds her by it, and the certificate stays hers.
    let only = json!({ "provider": "grace", "specialties": [{ "specialty_id": "CARDIO" }] });
    clinic.ok(Role::Admin, "update_doctor_specialties", only).await;
    let listing = clinic.ok(Role::Nurse, "list_doctors", json!({ "specialty": "Neurology" })).await;
    assert_eq!(listing["count"], 0);
    let rows = clinic.ok(Role::Nurse, "list_doctor_specialties", json!({ "provider": "grace" })).await;
    assert_eq!((&rows["count"], &rows["results"][0]["years_of_experience"]), (&json!(1), &json!(3)));
    let role = json!({ "resource_type": "PractitionerRole", "id": "role-grace" });
    let role = clinic.ok(Role::Admin, "fhir_read", role).await;
    assert_eq!(role["fhir"]["extension"][0]["url"], "urn:other", "what others wrote stays: {role}");
    let again = json!({ "provider": "grace", "specialty_id": neurology });
    let back = clinic.ok(Role::Admin, "assign_doctor_specialty", again).await;
    assert_eq!(back["results"][1]["certification_date"], "2018-06-01");
}

#[tokio::test]
async fn one_specialty_is_added_changed_and_made_the_primary_one() {
    let clinic = staffed().await;
    let neurology = added(&clinic, "NEURO", "Neurology").await;
    let assign = async |specialty: Value| clinic.ok(Role::Admin, "assign_doctor_specialty", specialty).await;
    // Hana has no role yet, and gets one.
    let first = json!({ "doctor_id": "hana", "specialty_id": neurology, "is_primary": true,
        "years_of_experience": 4, "certification_date": "2020-01-31" });
    let saved = assign(first).await;
    assert_eq!(
        (&saved["success"], &saved["doctor"], &saved["specialty"], &saved["is_primary"]),
        (&json!(true), &json!("Dr. Hana Adler"), &json!("Neurology"), &json!(true))
    );
    let second = assign(json!({ "doctor_id": "hana", "specialty": "Cardiology" })).await;
    assert_eq!((&second["is_primary"], &second["count"]), (&json!(false), &json!(2)));
    let primary = assign(json!({ "doctor_id": "hana", "specialty": "Cardiology", "is_primary": true })).await;
    assert_eq!(members(&primary, "specialty_name"), ["Cardiology", "Neurology"]);
    assert_eq!(primary["results"][1]["certification_date"], "2020-01-31");
    let no_more =
        assign(json!({ "doctor_id": "hana", "specialty": "Cardiology", "is_primary": false })).await;
    assert_eq!(members(&no_more, "specialty_name"), ["Neurology", "Cardiology"]);
    let renewed = json!({ "doctor_id": "hana", "specialty": "NEURO", "certification_date": "2025-01-31" });
    assert_eq!(assign(renewed).await["results"][0]["certification_date"], "2025-01-31");

    let shown =
        clinic.ok(Role::Admin, "fhir_read", json!({ "resource_type": "Practitioner", "id": "hana" })).await;
    let qualifications = shown["fhir"]["qualification"].as_array().cloned().unwrap_or_default();
    assert_eq!(qualifications.len(), 2, "{shown}");
    assert_eq!(qualifications[0], json!({ "code": { "text": "MD" } }));
    assert_eq!(qualifications[1]["code"]["coding"][0]["code"], "NEURO");

    let doctors = json!({ "specialty_id": neurology, "hospital_id": "default", "limit": 20 });
    for tool in ["get_specialty_doctors", "get_doctors_by_specialty"] {
        let listing = clinic.ok(Role::Patient, tool, doctors.clone()).await;
        assert_eq!(
            listing["results"],
            json!([{
                "id": "hana", "doctor_id": "hana", "name": "Dr. Hana Adler", "doctor_name": "Dr. Hana Adler",
                "doctor_email": "hana@here.example", "specialty": "Neurology", "is_primary": true,
                "years_of_experience": 4, "certification_date": "2025-01-31", "is_available": true
            }])
        );
    }
    let both = clinic.ok(Role::Doctor, "get_specialty_doctors", json!({ "specialty": "cardiology" })).await;
    assert_eq!(members(&both, "doctor_id"), ["hana", "grace"]);
    let page = json!({ "specialty": "cardiology", "limit": 1 });
    let page = clinic.ok(Role::Doctor, "get_specialty_doctors", page).await;
    let next = json!({ "specialty": "cardiology", "cursor": page["next_cursor"] });
    let next = clinic.ok(Role::Doctor, "get_specialty_doctors", next).await;
    assert_eq!((members(&page, "id"), members(&next, "id")), (vec!["hana"], vec!["grace"]));
    let elsewhere = json!({ "specialty": "cardiology", "hospital_id": "elsewhere" });
    assert_eq!(clinic.refusal(Role::Doctor, "get_specialty_doctors", elsewhere).await, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn what_is_wrong_with_specialties_is_told_at_once_and_changes_nothing() {
    let clinic = staffed().await;
    added(&clinic, "NEURO", "Neurology").await;
    let wrong = json!({ "provider": "grace", "specialties": [
        { "specialty_id": "Astrology" },
        { "specialty_id": "NEURO", "is_primary": true },
        { "specialty_id": "Neurology", "is_primary": true, "certification_date": "2099-01-01" }
    ] });
    let report = clinic.call_as(Role::Admin, "update_doctor_specialties", wrong).await.unwrap_err();
    let text = report.text();
    for place in [
        "/specialties/0/specialty_id",
        "/specialties/2/specialty_id",
        "/specialties/2/is_primary",
        "/specialties/2/certification_date",
    ] {
        assert!(text.contains(place), "{place}: {text}");
    }
    for (arguments, code) in [
        (json!({ "provider": "grace" }), "VALIDATION_ERROR"),
        (json!({ "provider": "grace", "specialty": "NEURO", "specialties": [] }), "VALIDATION_ERROR"),
        (json!({ "provider": "grace", "specialties": [], "is_primary": true }), "VALIDATION_ERROR"),
        (json!({ "provider": "grace", "specialty": "neurologist" }), "RESOURCE_NOT_FOUND"),
        (json!({ "provider": "nobody", "specialty": "NEURO" }), "RESOURCE_NOT_FOUND"),
        (json!({ "provider": "grace", "specialty": "NEURO", "years_of_experience": 81 }), "VALIDATION_ERROR"),
    ] {
        let refusal = clinic.refusal(Role::Admin, "update_doctor_specialties", arguments.clone()).await;
        assert_eq!(refusal, code, "{arguments}");
    }
    for role in [Role::Doctor, Role::Nurse, Role::Receptionist, Role::Patient, Role::Auditor] {
        let own = json!({ "provider": "grace", "specialty": "NEURO" });
        assert_eq!(
            clinic.refusal(role, "update_doctor_specialties", own).await,
            "PERMISSION_DENIED",
            "{role}"
        );
    }
    let rows = clinic.ok(Role::Nurse, "list_doctor_specialties", json!({ "provider": "grace" })).await;
    assert_eq!(members(&rows, "specialty_name"), ["Cardiology"]);
}

#[tokio::test]
async fn a_specialty_that_is_not_given_any_more_stays_with_those_who_have_it() {
    let clinic = staffed().await;
    let system = format!("urn:medcor:organization:{}:specialty", clinic.server.here.organization);
    clinic
        .put(json!({
            "resourceType": "CodeSystem", "id": "own", "url": system, "status": "active", "content": "complete",
            "concept": [
                { "code": "CARDIO", "display": "Cardiology",
                  "property": [{ "code": "inactive", "valueBoolean": true }] },
                { "code": "OLD", "property": [{ "code": "inactive", "valueBoolean": true }] }
            ]
        }))
        .await;
    let listing = clinic.ok(Role::Nurse, "list_specialties", json!({ "is_active": false })).await;
    assert_eq!(members(&listing, "id"), ["CARDIO", "OLD"]);
    let kept = json!({ "provider": "grace", "specialty": "CARDIO", "years_of_experience": 1 });
    clinic.ok(Role::Admin, "update_doctor_specialties", kept).await;
    let new = json!({ "provider": "grace", "specialty": "OLD" });
    assert_eq!(clinic.refusal(Role::Admin, "update_doctor_specialties", new).await, "VALIDATION_ERROR");
    // A catalogue that is there is the one that grows.
    added(&clinic, "NEURO", "Neurology").await;
    let shown =
        clinic.ok(Role::Admin, "fhir_read", json!({ "resource_type": "CodeSystem", "id": "own" })).await;
    assert_eq!(shown["fhir"]["concept"][2]["code"], "NEURO", "{shown}");
}

#[tokio::test]
async fn the_certificate_of_a_specialty_is_not_that_of_a_nurse() {
    let clinic = staffed().await;
    let nurse = json!({ "role": "NURSE", "email": "nina@here.example", "name": "Nina Nurse",
        "certification_level": "RN" });
    let nina = clinic.ok(Role::Admin, "create_user", nurse).await["id"].clone();
    let certified =
        json!({ "provider": nina, "specialty": "Cardiology", "certification_date": "2020-01-31" });
    clinic.ok(Role::Admin, "update_doctor_specialties", certified).await;
    let changed = json!({ "user": nina, "certification_level": "BSN" });
    clinic.ok(Role::Admin, "update_user", changed).await;
    let shown = clinic.ok(Role::Admin, "get_user", json!({ "user": nina })).await;
    assert_eq!((&shown["certification_level"], &shown["specialty"]), (&json!("BSN"), &json!("Cardiology")));
    let rows = clinic.ok(Role::Nurse, "list_doctor_specialties", json!({ "provider": nina })).await;
    assert_eq!(rows["results"][0]["certification_date"], "2020-01-31");
    // She is no doctor.
    let doctors = json!({ "specialty": "Cardiology" });
    let doctors = clinic.ok(Role::Nurse, "get_specialty_doctors", doctors).await;
    assert_eq!(members(&doctors, "id"), ["grace"]);
}

/// Grace's second role, at the other end of town, where she is a family doctor.
async fn with_second_role(clinic: &Clinic) {
    clinic
        .put(json!({
            "resourceType": "PractitionerRole", "id": "role-grace-2", "active": true,
            "practitioner": { "reference": "Practitioner/grace" },
            "organization": { "reference": "Organization/clinic-2" },
            "specialty": [{ "text": "General practice" }, { "id": "odd", "extension": [{ "url": "urn:other", "valueBoolean": true }] }],
            "extension": [{
                "url": medcor_fhir::naming::SPECIALTY_PRACTISED,
                "extension": [
                    { "url": "specialty", "valueString": "General practice" },
                    { "url": "since", "valueDate": "2001-01-01" }
                ]
            }]
        }))
        .await;
}

async fn shown(clinic: &Clinic, resource_type: &str, id: &str) -> Value {
    let record = json!({ "resource_type": resource_type, "id": id });
    clinic.ok(Role::Admin, "fhir_read", record).await["fhir"].clone()
}

#[tokio::test]
async fn each_role_keeps_its_own_specialties_and_the_first_one_says_which_is_primary() {
    let clinic = staffed().await;
    with_second_role(&clinic).await;
    added(&clinic, "CARDIO", "Cardiology").await;
    let rows = async || {
        let rows = clinic.ok(Role::Nurse, "list_doctor_specialties", json!({ "provider": "grace" })).await;
        members(&rows, "specialty_name").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    // The second role was written last, and the first one stays what it is.
    assert_eq!(rows().await, ["Cardiology", "General practice"]);
    let change = json!({ "provider": "grace", "specialty": "General practice", "years_of_experience": 3 });
    let saved = clinic.ok(Role::Admin, "update_doctor_specialties", change).await;
    assert_eq!(members(&saved, "specialty_name"), ["Cardiology", "General practice"]);
    assert_eq!(saved["results"][1]["years_of_experience"], 3, "{saved}");
    let first = shown(&clinic, "PractitionerRole", "role-grace").await;
    assert_eq!(
        first["specialty"].as_array().map(Vec::len),
        Some(1),
        "she is no family doctor there: {first}"
    );
    let second = shown(&clinic, "PractitionerRole", "role-grace-2").await;
    assert_eq!(second["specialty"][0]["text"], "General practice");
    assert!(second["extension"].is_null(), "the other date is gone: {second}");
    let primary = json!({ "provider": "grace", "specialty": "General practice", "is_primary": true });
    let report = clinic.call_as(Role::Admin, "update_doctor_specialties", primary).await.unwrap_err();
    assert!(report.text().contains("another role"), "{}", report.text());
    assert_eq!(rows().await, ["Cardiology", "General practice"]);
    let less = json!({ "provider": "grace", "specialties": [{ "specialty_id": "CARDIO" }] });
    clinic.ok(Role::Admin, "update_doctor_specialties", less).await;
    assert_eq!(rows().await, ["Cardiology"]);
}

#[tokio::test]
async fn who_had_a_specialty_in_words_is_found_by_its_code_once_it_is_given() {
    let clinic = staffed().await;
    added(&clinic, "HRT", "Cardiology").await;
    clinic
        .put(json!({
            "resourceType": "PractitionerRole", "id": "role-grace", "active": true,
            "practitioner": { "reference": "Practitioner/grace", "display": "Dr. Hopper" },
            "specialty": [
                { "coding": [{ "system": "http://snomed.info/sct", "code": "394579002" }], "text": "Cardiology" },
                { "text": "cardiology" }
            ],
            "availableTime": [{
                "daysOfWeek": HOURS, "availableStartTime": "08:00:00", "availableEndTime": "18:00:00"
            }]
        }))
        .await;
    let given = json!({ "provider": "grace", "specialty": "HRT", "years_of_experience": 3 });
    clinic.ok(Role::Admin, "update_doctor_specialties", given).await;
    let role = shown(&clinic, "PractitionerRole", "role-grace").await;
    assert_eq!(role["specialty"].as_array().map(Vec::len), Some(2), "{role}");
    assert_eq!(role["specialty"][0]["coding"][0]["code"], "394579002");
    assert_eq!(role["specialty"][0]["coding"][1]["code"], "HRT");
    let wanted = json!({ "specialty": "HRT", "date": "2026-12-03", "limit": 1 });
    let slots = clinic.ok(Role::Receptionist, "list_appointment_slots", wanted).await;
    assert_eq!(slots["results"][0]["doctor_id"], "grace", "{slots}");
    let listing = clinic.ok(Role::Nurse, "list_doctors", json!({ "specialty": "HRT" })).await;
    assert_eq!(members(&listing, "id"), ["grace"]);
    // Who waits for the code waits for what clinicians call it.
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    let wait = json!({ "patient": "ada", "specialty": "HRT" });
    let waits = clinic.ok(Role::Receptionist, "join_waitlist", wait).await;
    let entry = shown(&clinic, "Appointment", waits["id"].as_str().expect("an id")).await;
    assert_eq!(entry["specialty"], json!([{ "text": "Cardiology" }]));
    let again = json!({ "patient": "ada", "specialty": "cardiologist" });
    assert_eq!(clinic.refusal(Role::Receptionist, "join_waitlist", again).await, "CONFLICT");
}

#[tokio::test]
async fn a_code_that_two_share_is_ambiguous_and_the_catalogue_goes_before_words() {
    let clinic = staffed().await;
    let cardiology = added(&clinic, "CARDIO", "Cardiology").await;
    let shared = json!([{ "system": "http://snomed.info/sct", "code": "394579002" }]);
    clinic
        .put(json!({
            "resourceType": "PractitionerRole", "id": "role-hana", "active": true,
            "practitioner": { "reference": "Practitioner/hana" },
            "specialty": [
                { "coding": shared, "text": "Heart" }, { "coding": shared, "text": "Circulation" },
                { "text": "CARDIO" }
            ]
        }))
        .await;
    let code = json!({ "specialty": "394579002" });
    let report = clinic.call_as(Role::Nurse, "get_specialty", code.clone()).await.unwrap_err();
    assert!(report.text().contains("Heart") && report.text().contains("Circulation"), "{}", report.text());
    assert_eq!(clinic.refusal(Role::Nurse, "get_specialty_doctors", code).await, "AMBIGUOUS");
    for change in [
        json!({ "provider": "grace", "specialty": "394579002" }),
        json!({ "provider": "grace", "specialties": [{ "specialty_id": "394579002" }] }),
    ] {
        assert_eq!(clinic.refusal(Role::Admin, "update_doctor_specialties", change).await, "AMBIGUOUS");
    }
    let found = clinic.ok(Role::Nurse, "get_specialty", json!({ "specialty": "CARDIO" })).await;
    assert_eq!(found["id"], cardiology);
}

#[tokio::test]
async fn a_first_role_is_made_for_those_who_work_here_and_are_given_something() {
    let clinic = staffed().await;
    added(&clinic, "NEURO", "Neurology").await;
    let nothing = json!({ "provider": "hana", "specialties": [] });
    assert_eq!(clinic.ok(Role::Admin, "update_doctor_specialties", nothing).await["count"], 0);
    let roles = json!({ "resource_type": "PractitionerRole", "query": "practitioner=Practitioner/hana" });
    assert_eq!(clinic.ok(Role::Admin, "fhir_search", roles.clone()).await["count"], 0);
    let given = || json!({ "provider": "hana", "specialty": "NEURO" });
    let (one, other) = tokio::join!(
        clinic.call_as(Role::Admin, "update_doctor_specialties", given()),
        clinic.call_as(Role::Admin, "update_doctor_specialties", given())
    );
    assert!(one.is_ok() || other.is_ok());
    assert_eq!(clinic.ok(Role::Admin, "fhir_search", roles).await["count"], 1);
    clinic
        .put(json!({
            "resourceType": "Practitioner", "id": "gone", "active": false, "name": [{ "family": "Gone" }]
        }))
        .await;
    let given = json!({ "provider": "gone", "specialty": "NEURO" });
    let report = clinic.call_as(Role::Admin, "update_doctor_specialties", given).await.unwrap_err();
    assert!(report.text().contains("works here no more"), "{}", report.text());
}

#[tokio::test]
async fn a_users_specialty_becomes_the_first_and_the_others_stay() {
    let clinic = staffed().await;
    added(&clinic, "NEURO", "Neurology").await;
    let doctor = json!({ "role": "DOCTOR", "email": "dora@here.example", "name": "Dora Doctor",
        "specialty": "Cardiology" });
    let dora = clinic.ok(Role::Admin, "create_user", doctor).await["id"].clone();
    let second = json!({ "provider": dora, "specialty": "NEURO" });
    clinic.ok(Role::Admin, "update_doctor_specialties", second).await;
    let changed = json!({ "user": dora, "specialty": "neurology" });
    clinic.ok(Role::Admin, "update_user", changed).await;
    let rows = clinic.ok(Role::Nurse, "list_doctor_specialties", json!({ "provider": dora })).await;
    assert_eq!(members(&rows, "specialty_name"), ["Neurology", "Cardiology"]);
    let found = clinic.ok(Role::Nurse, "list_doctors", json!({ "specialty": "NEURO" })).await;
    assert_eq!(members(&found, "id"), [dora.as_str().expect("an id")], "the code stays: {found}");
}

/// What the documents name of each call's answer; of lists what is in their rows.
const DOCUMENTED: &[(&str, &[&str])] = &[
    (
        "update_doctor_specialties",
        &[
            "id",
            "specialty_id",
            "specialty_code",
            "specialty_name",
            "is_primary",
            "years_of_experience",
            "certification_date",
        ],
    ),
    ("assign_doctor_specialty", &["success", "doctor", "specialty", "is_primary"]),
    (
        "list_doctor_specialties",
        &[
            "id",
            "specialty_id",
            "specialty_code",
            "specialty_name",
            "is_primary",
            "years_of_experience",
            "certification_date",
        ],
    ),
    ("list_specialties", &["id", "code", "name", "description", "is_active"]),
    ("create_specialty", &["success", "specialty_id", "code", "name"]),
    (
        "get_specialty_doctors",
        &["doctor_id", "doctor_name", "doctor_email", "specialty", "is_primary", "years_of_experience"],
    ),
];

/// The arguments that a document gives for a call, all of them.
fn documented(tool: &Value, specialty: &str) -> Value {
    let mut arguments = json!({});
    for parameter in tool["params"].as_array().expect("parameters") {
        let name = parameter["name"].as_str().expect("a name");
        arguments[name] = match name {
            "doctor_id" => json!("hana"),
            "specialty_id" => json!(specialty),
            "hospital_id" => json!("default"),
            "specialties" => json!([{
                "specialty_id": specialty, "is_primary": true, "years_of_experience": 5,
                "certification_date": "2020-05-06"
            }]),
            "is_primary" | "is_active" => json!(true),
            "years_of_experience" => json!(5),
            "certification_date" => json!("2020-05-06"),
            "description" => json!("What it is"),
            "limit" => parameter["default"].clone(),
            _ => parameter["example"].clone(),
        };
        assert!(!arguments[name].is_null(), "{name}");
    }
    arguments
}

#[tokio::test]
async fn every_documented_call_of_specialties_works_as_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/surface/medcor_complete.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return;
    };
    let system: Value = serde_json::from_str(&text).unwrap();
    let clinic = staffed().await;
    let cardiology = added(&clinic, "CARDIO", "Cardiology").await;
    let token = clinic.server.token("admin@here").await;
    let mut called = Vec::new();
    for tool in system["tools"].as_array().expect("tools") {
        let name = tool["name"].as_str().expect("a name");
        let Some((_, fields)) = DOCUMENTED.iter().find(|(known, _)| *known == name) else {
            assert!(!name.contains("special") || name == "get_specialty_demand", "nobody calls {name}");
            continue;
        };
        let arguments = documented(tool, &cardiology);
        let params = json!({ "name": name, "arguments": arguments });
        let request = clinic.server.request("POST", "/mcp").bearer(&token);
        let result = request.modern(1, "tools/call", params).send().await.result();
        assert_eq!(result["isError"], false, "{name} {arguments}: {result}");
        let answer = &result["structuredContent"];
        let row = answer["results"].get(0).filter(|_| answer[fields[0]].is_null()).unwrap_or(answer);
        for field in *fields {
            assert!(!row[*field].is_null(), "{name} has no {field}: {answer}");
        }
        called.push(name);
    }
    assert_eq!(called.len(), DOCUMENTED.len(), "{called:?}");
}
