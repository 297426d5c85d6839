//! Providers and organisations: who works where, as far as the caller's organisation.

use medcor_policy::{Principal, Role};
use medcor_tools::Caller;
use serde_json::{Value, json};

use crate::support::Clinic;

fn practitioner(id: &str, (given, family): (&str, &str), npi: &str) -> Value {
    json!({
        "resourceType": "Practitioner",
        "id": id,
        "identifier": [{ "system": "http://hl7.org/fhir/sid/us-npi", "value": npi }],
        "active": true,
        "name": [{ "family": family, "given": [given], "prefix": ["Dr."] }],
        "telecom": [{ "system": "email", "value": format!("{id}@here.example") }],
        "qualification": [{ "code": { "text": "MD" }, "period": { "start": "2006-06-01" } }],
        "communication": [{ "text": "English" }, { "text": "German" }]
    })
}

fn role(practitioner: &str, code: &str, specialty: &str) -> Value {
    json!({
        "resourceType": "PractitionerRole",
        "id": format!("{practitioner}-role"),
        "practitioner": { "reference": format!("Practitioner/{practitioner}") },
        "code": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/practitioner-role", "code": code }] }],
        "specialty": [{ "coding": [{ "system": "http://snomed.info/sct", "code": "1" }], "text": specialty }],
        "location": [{ "display": "North Wing" }],
        "telecom": [{ "system": "phone", "value": "555 123 4567" }]
    })
}

/// Grace the cardiologist, Hana the paediatrician on leave, Nina the nurse, and Gone who left.
async fn staffed() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(practitioner("grace", ("Grace", "Hopper"), "1234567893")).await;
    clinic.put(role("grace", "doctor", "Cardiology")).await;
    clinic.put(practitioner("hana", ("Hana", "Adler"), "1245319599")).await;
    let mut away = role("hana", "doctor", "Paediatrics");
    away["notAvailable"] =
        json!([{ "description": "leave", "during": { "start": "2026-12-01", "end": "2026-12-20" } }]);
    clinic.put(away).await;
    clinic.put(practitioner("nina", ("Nina", "Nurse"), "1003000126")).await;
    clinic.put(role("nina", "nurse", "Cardiology")).await;
    let mut gone = practitioner("gone", ("Abel", "Gone"), "1992999999");
    gone["active"] = false.into();
    clinic.put(gone).await;
    clinic.put_elsewhere(practitioner("eve", ("Eve", "Elsewhere"), "1002000000")).await;
    clinic
}

fn ids(listing: &Value) -> Vec<&str> {
    listing["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn doctors_are_listed_by_name_and_by_every_documented_filter() {
    let clinic = staffed().await;
    for (arguments, expected) in [
        (json!({}), vec!["hana", "grace"]),
        (json!({ "limit": 5, "active_only": true }), vec!["hana", "grace"]),
        (json!({ "active_only": false }), vec!["hana", "gone", "grace"]),
        (json!({ "hospital_id": "here", "specialty": "cardiology", "is_available": true }), vec!["grace"]),
        (json!({ "specialization": "Paed" }), vec!["hana"]),
        (json!({ "is_available": false }), vec!["hana"]),
        (json!({ "department": "north wing", "search_term": "grace" }), vec!["grace"]),
        (json!({ "limit": 1, "page": 2 }), vec!["grace"]),
        (json!({ "specialty": "astrology" }), vec![]),
    ] {
        let listing = clinic.ok(Role::Receptionist, "list_doctors", arguments.clone()).await;
        assert_eq!(ids(&listing), expected, "{arguments}");
        assert_eq!(listing["count"], expected.len());
    }
    for alias in ["get_doctors", "fetch_doctors"] {
        assert_eq!(ids(&clinic.ok(Role::Doctor, alias, json!({})).await), ["hana", "grace"]);
    }
    let foreign = json!({ "hospital_id": "elsewhere" });
    assert_eq!(clinic.refusal(Role::Doctor, "list_doctors", foreign).await, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn a_cursor_goes_through_all_doctors_once() {
    let clinic = Clinic::start().await;
    for number in 0..5 {
        let id = format!("d{number}");
        clinic.put(practitioner(&id, ("Doc", &format!("Tor{number}")), "1")).await;
    }
    let mut arguments = json!({ "limit": 2 });
    let mut seen = Vec::new();
    loop {
        let listing = clinic.ok(Role::Nurse, "list_doctors", arguments.clone()).await;
        seen.extend(ids(&listing).into_iter().map(str::to_owned));
        let Some(cursor) = listing["next_cursor"].as_str() else { break };
        arguments["cursor"] = cursor.into();
    }
    assert_eq!(seen, ["d0", "d1", "d2", "d3", "d4"]);
}

#[tokio::test]
async fn clinicians_are_found_by_name_number_and_specialty() {
    let clinic = staffed().await;
    for (query, expected) in [
        ("Dr. Grace Hopper", vec!["grace"]),
        ("hop", vec!["grace"]),
        ("1245319599", vec!["hana"]),
        ("Nina", vec!["nina"]),
        ("Cardiology", vec!["grace", "nina"]),
        ("Elsewhere", vec![]),
    ] {
        let listing =
            clinic.ok(Role::Receptionist, "search_providers", json!({ "search_term": query })).await;
        assert_eq!(ids(&listing), expected, "{query}");
    }
    assert_eq!(clinic.refusal(Role::Nurse, "search_providers", json!({})).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_clinician_is_shown_under_every_documented_name() {
    let clinic = staffed().await;
    let expected = json!({
        "id": "grace",
        "npi": "1234567893",
        "name": "Dr. Grace Hopper",
        "title": "Doctor",
        "specialty": "Cardiology",
        "specialization": "Cardiology",
        "primary_specialty": "Cardiology",
        "all_specialties": ["Cardiology"],
        "department": "North Wing",
        "phone": "555 123 4567",
        "phone_number": "555 123 4567",
        "email": "grace@here.example",
        "languages": ["English", "German"],
        "years_of_experience": 20,
        "is_available": true,
        "is_active": true,
        "doctor_id": "grace",
        "specialties": [{ "name": "Cardiology", "code": "1" }],
        "qualifications": ["MD"]
    });
    for (tool, arguments) in [
        ("get_doctor_details", json!({ "doctor_id": "grace" })),
        ("get_provider", json!({ "npi": "1234567893" })),
        ("get_doctor", json!({ "doctor_name": "Dr Grace Hopper" })),
        ("get_doctor_by_id", json!({ "id": "grace" })),
    ] {
        assert_eq!(clinic.ok(Role::Receptionist, tool, arguments).await, expected, "{tool}");
    }
    for name in ["eve", "1002000000", "Grace Murray"] {
        let code = clinic.refusal(Role::Doctor, "get_doctor_details", json!({ "provider": name })).await;
        assert_eq!(code, "RESOURCE_NOT_FOUND", "{name}");
    }
}

#[tokio::test]
async fn nurses_are_a_list_of_their_own() {
    let clinic = staffed().await;
    let listing =
        clinic.ok(Role::Receptionist, "list_nurses", json!({ "tenant_id": "here", "limit": 10 })).await;
    assert_eq!(ids(&listing), ["nina"]);
    assert_eq!(listing["results"][0]["title"], "Nurse");
}

#[tokio::test]
async fn everybody_sees_the_own_hospital_and_the_platform_sees_all() {
    let clinic = Clinic::start().await;
    let own = clinic.server.here.organization.to_string();
    clinic
        .put(json!({
            "resourceType": "Organization", "id": own, "name": "Here General",
            "type": [{ "text": "Hospital" }],
            "telecom": [{ "system": "phone", "value": "555 100 2000" }],
            "address": [{ "line": ["1 Hospital Road"], "city": "York" }]
        }))
        .await;
    for tool in ["list_hospitals", "list_tenants", "list_clinics", "get_all_clinics"] {
        let listing = clinic.ok(Role::Receptionist, tool, json!({})).await;
        assert_eq!((ids(&listing), &listing["total"]), (vec![own.as_str()], &json!(1)));
    }
    let listing = clinic.ok(Role::Superadmin, "list_hospitals", json!({ "is_active": true })).await;
    assert_eq!(listing["count"], 2);
    let listing = clinic.ok(Role::Superadmin, "list_hospitals", json!({ "search": "else" })).await;
    assert_eq!(listing["results"][0]["schema_name"], "elsewhere");
    for (arguments, count) in [
        (json!({ "city": "york", "hospital_type": "hosp" }), 1),
        (json!({ "city": "leeds" }), 0),
        (json!({ "is_active": false }), 0),
    ] {
        let listing = clinic.ok(Role::Nurse, "list_hospitals", arguments.clone()).await;
        assert_eq!(listing["count"], count, "{arguments}");
    }
    for (tool, arguments) in [
        ("get_hospital", json!({ "hospital_id": own })),
        ("get_tenant_details", json!({ "tenant_id": clinic.server.here.id.0.to_string() })),
        ("get_clinic_info", json!({})),
        ("get_hospital_details", json!({ "hospital": "here" })),
        ("get_clinic_info", json!({ "clinic_id": "default" })),
    ] {
        let answer = clinic.ok(Role::Nurse, tool, arguments).await;
        assert_eq!((&answer["id"], &answer["subdomain"]), (&json!(own), &json!("here")), "{tool}");
        assert_eq!((&answer["city"], &answer["phone"]), (&json!("York"), &json!("555 100 2000")));
        assert_eq!(answer["address"], "1 Hospital Road, York");
    }
    let foreign = json!({ "hospital_id": "elsewhere" });
    assert_eq!(clinic.refusal(Role::Admin, "get_hospital", foreign.clone()).await, "RESOURCE_NOT_FOUND");
    assert_eq!(clinic.ok(Role::Superadmin, "get_hospital", foreign).await["name"], "elsewhere");
}

#[tokio::test]
async fn a_narrowed_token_of_the_platform_sees_its_own_hospital_only() {
    let clinic = Clinic::start().await;
    let scope = "user/*.rs".parse().unwrap();
    let caller = Caller::new(Principal { scopes: Some(vec![scope]), ..clinic.principal(Role::Superadmin) });
    let listing = clinic.call(&caller, "list_hospitals", json!({})).await.unwrap();
    assert_eq!(listing["count"], 1);
}
