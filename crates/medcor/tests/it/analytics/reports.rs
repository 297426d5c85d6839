//! Reports about the organisation: sums, none of which is about a person, for its administrators.

use medcor_policy::{Principal, Role, Scope, SubjectId};
use serde_json::{Value, json};

use super::{
    ADMIN, asked,
    clinic::{DECEMBER, open, visit},
};
use crate::support::Clinic;

async fn report(clinic: &Clinic, report_type: &str, mut arguments: Value) -> Value {
    arguments["report_type"] = report_type.into();
    asked(clinic, "generate_report", arguments).await
}

fn row<'r>(report: &'r Value, name: &str, value: &str) -> &'r Value {
    let rows = report["results"].as_array().unwrap();
    rows.iter().find(|row| row[name] == value).unwrap_or_else(|| panic!("no {value}: {report:#}"))
}

/// Six patients on another day of December.
async fn busy_day(clinic: &Clinic) {
    for number in 0..6 {
        let start = format!("2026-12-03T{:02}:00:00Z", 9 + number);
        let id = format!("b{number}");
        clinic.put(visit(&id, (&format!("p{number}"), "grace", Some("cleaning")), &start, "booked")).await;
    }
}

#[tokio::test]
async fn a_census_tells_days_and_keeps_those_of_few_patients_back() {
    let clinic = open().await;
    busy_day(&clinic).await;
    let census = report(&clinic, "daily_census", DECEMBER.given()).await;
    assert_eq!((&census["figures"]["appointments"], &census["figures"]["days"]), (&json!(23), &json!(31)));
    assert_eq!(census["figures"]["appointments_by_status"]["COMPLETED"], 12, "{census:#}");
    let first = row(&census, "date", "2026-12-01");
    for (name, value) in
        [("appointments", 13), ("patients", 7), ("completed", 12), ("patients_seen", 6), ("no_shows", 1)]
    {
        assert_eq!(first[name], value, "{name}: {census:#}");
    }
    // Three patients and one: together four, so the next smallest day would tell them.
    for day in ["2026-12-02", "2026-12-31", "2026-12-03"] {
        let hidden = row(&census, "date", day);
        assert_eq!(
            (&hidden["suppressed"], &hidden["appointments"]),
            (&json!(true), &Value::Null),
            "{census:#}"
        );
        assert_eq!((&hidden["completed"], &hidden["cancelled"]), (&Value::Null, &Value::Null), "{census:#}");
    }
    let today = report(&clinic, "daily_census", json!({})).await;
    let period = json!({ "from": "2026-12-02", "to": "2026-12-02", "time_zone": "Europe/London" });
    assert_eq!((&today["period"], &today["results"][0]["patients"]), (&period, &Value::Null), "{today:#}");
    assert!(today.get("patient").is_none() && today.get("patient_id").is_none());
}

#[tokio::test]
async fn a_volume_is_told_by_day_and_by_month() {
    let clinic = open().await;
    let december = report(&clinic, "patient_volume", DECEMBER.given()).await;
    let figures = json!({
        "appointments": 17, "new_patients": 8, "active_patients": 7, "patients_seen": 6, "suppressed": []
    });
    assert_eq!(december["figures"], figures);
    assert_eq!(december["results"].as_array().unwrap().len(), 3, "{december:#}");
    let autumn = json!({ "from": "2026-11-01", "to": "2026-12-31" });
    let months = report(&clinic, "patient_volume", autumn).await;
    // One patient of November would be what is left of all.
    for month in ["2026-11", "2026-12"] {
        assert_eq!(row(&months, "month", month)["suppressed"], true, "{months:#}");
    }
    let november = json!({ "from": "2026-11-01", "to": "2026-11-30" });
    let november = report(&clinic, "patient_volume", november).await;
    assert_eq!(november["figures"]["patients_seen"], Value::Null, "{november:#}");
    assert_eq!(november["figures"]["suppressed"], json!(["active_patients", "patients_seen"]));
    let unasked = report(&clinic, "patient_volume", json!({})).await;
    assert_eq!(unasked["figures"], december["figures"], "without dates it is this month");
}

fn prescription(id: &str, patient: usize, code: (&str, &str), date: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code.0 }], "text": code.1
        },
        "subject": { "reference": format!("Patient/p{patient}") }, "authoredOn": date
    })
}

const LISINOPRIL: (&str, &str) = ("314076", "Lisinopril 10 MG");
const METFORMIN: (&str, &str) = ("860975", "Metformin 500 MG");
const ABACAVIR: (&str, &str) = ("242679", "Abacavir 300 MG");

async fn prescribe(clinic: &Clinic) {
    for number in 0..6 {
        clinic.put(prescription(&format!("l{number}"), number, LISINOPRIL, "2026-12-01")).await;
    }
    for number in 0..7 {
        clinic.put(prescription(&format!("m{number}"), number, METFORMIN, "2026-12-31T23:30:00Z")).await;
    }
    clinic.put(prescription("again", 0, METFORMIN, "2026-12-05")).await;
    clinic.put(prescription("before", 0, METFORMIN, "2026-11-30")).await;
    clinic.put(prescription("after", 0, METFORMIN, "2027-01-01")).await;
    for (id, member, value) in [
        ("wrong", "status", json!("entered-in-error")),
        ("plan", "intent", json!("plan")),
        ("never", "doNotPerform", json!(true)),
    ] {
        let mut other = prescription(id, 0, METFORMIN, "2026-12-05");
        other[member] = value;
        clinic.put(other).await;
    }
}

#[tokio::test]
async fn medications_are_counted_and_those_of_few_are_not_named() {
    let clinic = open().await;
    prescribe(&clinic).await;
    let usage = report(&clinic, "medication_usage", DECEMBER.given()).await;
    let rows = json!([
        { "medication": "Metformin 500 MG", "rxnorm_code": "860975", "prescriptions": 8, "patients": 7 },
        { "medication": "Lisinopril 10 MG", "rxnorm_code": "314076", "prescriptions": 6, "patients": 6 },
    ]);
    assert_eq!(usage["results"], rows, "{usage:#}");
    assert_eq!(usage["figures"]["prescriptions"], 14, "{usage:#}");
    // One of its own record, which is the same medication.
    clinic
        .put(json!({ "resourceType": "Medication", "id": "lis", "code": {
            "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": LISINOPRIL.0 }],
            "text": "Lisinopril" } }))
        .await;
    let mut by_record = prescription("l-record", 7, LISINOPRIL, "2026-12-06");
    by_record.as_object_mut().unwrap().remove("medicationCodeableConcept");
    by_record["medicationReference"] = json!({ "reference": "Medication/lis" });
    clinic.put(by_record).await;
    let usage = report(&clinic, "medication_usage", DECEMBER.given()).await;
    assert_eq!(row(&usage, "rxnorm_code", LISINOPRIL.0)["patients"], 7, "{usage:#}");
    for number in 0..2 {
        clinic.put(prescription(&format!("a{number}"), number, ABACAVIR, "2026-12-07")).await;
    }
    let usage = report(&clinic, "medication_usage", DECEMBER.given()).await;
    // Less all others it would be told, so the next smallest is left out with it.
    assert_eq!(usage["results"].as_array().unwrap().len(), 1, "{usage:#}");
    assert_eq!(
        (&usage["figures"]["medications"], &usage["figures"]["medications_suppressed"]),
        (&json!(3), &json!(2))
    );
    assert!(!usage.to_string().contains("Abacavir") && !usage.to_string().contains(ABACAVIR.0), "{usage:#}");
    let stored = clinic.ok(ADMIN, "get_report", json!({ "report_id": usage["report_id"] })).await;
    assert_eq!(stored, usage);
}

#[tokio::test]
async fn encounters_are_counted_by_kind() {
    let clinic = open().await;
    for number in 0..8 {
        for (class, status, patients) in
            [("AMB", "finished", 8), ("VR", "cancelled", 6), ("EMER", "finished", 2)]
        {
            if number < patients {
                clinic
                    .put(json!({
                        "resourceType": "Encounter", "id": format!("{class}{number}"), "status": status,
                        "class": { "code": class }, "subject": { "reference": format!("Patient/p{number}") },
                        "period": { "start": "2026-12-01T10:00:00Z" }
                    }))
                    .await;
            }
        }
    }
    let summary = report(&clinic, "encounter_summary", DECEMBER.given()).await;
    assert_eq!(
        summary["figures"],
        json!({ "encounters": 16, "patients": 8, "suppressed": [] }),
        "{summary:#}"
    );
    let office = row(&summary, "encounter_type", "office_visit");
    // What was done at emergencies would be what is left of all that was done.
    assert_eq!((&office["encounters"], &office["completed"]), (&json!(8), &Value::Null), "{summary:#}");
    for kind in ["emergency", "telehealth"] {
        let hidden = row(&summary, "encounter_type", kind);
        assert_eq!(
            (&hidden["suppressed"], &hidden["encounters"]),
            (&json!(true), &Value::Null),
            "{summary:#}"
        );
    }
}

#[tokio::test]
async fn a_patient_who_shows_nobody_their_records_is_in_no_sum_of_them() {
    let clinic = open().await;
    prescribe(&clinic).await;
    clinic
        .put(json!({
            "resourceType": "Consent", "id": "no", "status": "active",
            "scope": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"
            }] },
            "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
            "policyRule": { "text": "The patient's own." },
            "patient": { "reference": "Patient/p0" },
            "provision": { "type": "deny" }
        }))
        .await;
    let usage = report(&clinic, "medication_usage", DECEMBER.given()).await;
    assert_eq!(
        usage["figures"],
        json!({
            "prescriptions": 11, "patients": 6, "suppressed": [], "medications": 2, "medications_suppressed": 0
        })
    );
}

#[tokio::test]
async fn administrators_open_what_is_about_the_organisation_and_nobody_else() {
    let clinic = open().await;
    let census = report(&clinic, "daily_census", DECEMBER.given()).await;
    let ask = json!({ "report_id": census["report_id"] });
    let colleague = Principal { subject: SubjectId("colleague".to_owned()), ..clinic.principal(ADMIN) };
    let colleague = clinic.logged_in(colleague);
    assert_eq!(clinic.call(&colleague, "get_report", ask.clone()).await.unwrap(), census);
    let listed = clinic.call(&colleague, "list_reports", json!({})).await.unwrap();
    assert_eq!(listed["count"], 0, "a list is of the own");
    let elsewhere = Principal {
        tenant: clinic.server.elsewhere.id,
        organization: clinic.server.elsewhere.organization.clone(),
        ..clinic.principal(ADMIN)
    };
    let narrowed = |scopes: &str| {
        let scopes: Vec<Scope> = scopes.split(' ').map(|scope| scope.parse().unwrap()).collect();
        clinic.logged_in(Principal { scopes: Some(scopes), ..clinic.principal(ADMIN) })
    };
    // Who made it is a doctor now.
    let former = Principal { roles: vec![Role::Doctor], ..clinic.principal(ADMIN) };
    for caller in [
        clinic.logged_in(elsewhere),
        clinic.logged_in(former),
        clinic.caller(Role::Doctor),
        clinic.caller(Role::Nurse),
        narrowed("user/MeasureReport.rs admin:figures"),
        narrowed("user/*.cruds"),
    ] {
        let answer = clinic.call(&caller, "get_report", ask.clone()).await;
        assert_eq!(answer.unwrap_err().code.name(), "RESOURCE_NOT_FOUND");
    }
    let whole = narrowed("user/*.cruds admin:figures");
    assert_eq!(clinic.call(&whole, "get_report", ask.clone()).await.unwrap(), census);
    let pinned = clinic.ok(ADMIN, "pin_patient", json!({ "patient": "p1" })).await;
    let mut ask = ask;
    ask["session"] = pinned["session"].clone();
    assert_eq!(clinic.refusal(ADMIN, "get_report", ask).await, "RESOURCE_NOT_FOUND");
    let make = json!({ "report_type": "daily_census", "session": pinned["session"] });
    assert_eq!(clinic.refusal(ADMIN, "generate_report", make).await, "PERMISSION_DENIED");
}
