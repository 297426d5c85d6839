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
