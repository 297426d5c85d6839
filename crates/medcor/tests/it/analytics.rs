//! The organisation in figures: what is added up, for whom, and what is kept back.

mod clinic;
mod documented;
mod kept_back;
mod money;
mod reports;
mod sight;
mod usage;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use medcor_fhir::Id;
use medcor_policy::{Principal, Role};
use serde_json::{Value, json};

use self::clinic::{DECEMBER, Day, open};
use crate::support::{Clinic, patient};

const ADMIN: Role = Role::Admin;

/// What the tool answers an administrator.
async fn asked(clinic: &Clinic, tool: &str, arguments: Value) -> Value {
    clinic.ok(ADMIN, tool, arguments).await
}

#[tokio::test]
async fn the_dashboard_shows_what_was_counted_by_hand() {
    let clinic = open().await;
    let figures = asked(&clinic, "get_hospital_statistics", DECEMBER.given()).await;
    for (name, value) in [
        ("total_patients", 8),
        ("totalPatients", 8),
        ("new_patients", 8),
        ("newPatientsThisMonth", 8),
        ("activePatients", 7),
        ("patients_seen", 6),
        ("total_doctors", 3),
        ("activeDoctors", 2),
        ("total_appointments", 17),
        ("completed_appointments", 12),
        ("todayAppointments", 2),
        ("upcomingAppointments", 4),
        ("appointments_without_price", 1),
    ] {
        assert_eq!(figures[name], value, "{name}: {figures:#}");
    }
    let by_status = json!({ "CANCELLED": 1, "CHECKED_IN": 1, "COMPLETED": 12, "NO_SHOW": 1, "SCHEDULED": 2 });
    assert_eq!(figures["appointments_by_status"], by_status);
    assert_eq!((&figures["revenue"], &figures["monthlyRevenue"]), (&json!(1300.5), &json!(1300.5)));
    assert_eq!((&figures["currency"], &figures["suppressed"]), (&json!("GBP"), &json!([])));
    let days = json!({ "from": "2026-12-01", "to": "2026-12-31", "time_zone": "Europe/London" });
    assert_eq!(figures["period"], days);
    let unasked = asked(&clinic, "get_hospital_statistics", json!({})).await;
    assert_eq!(unasked, figures, "without dates it is this month");
}

#[tokio::test]
async fn figures_are_those_of_the_list_of_appointments() {
    let clinic = open().await;
    for days in [DECEMBER, Day("2026-11-30", "2026-12-01"), Day("2026-12-02", "2027-02-01")] {
        let mut counted: BTreeMap<String, u64> = BTreeMap::new();
        let mut arguments = days.given();
        arguments["limit"] = 3.into();
        loop {
            let page = asked(&clinic, "list_appointments", arguments.clone()).await;
            for row in page["results"].as_array().unwrap() {
                *counted.entry(row["status"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            arguments["cursor"] = cursor.into();
        }
        let figures = asked(&clinic, "get_hospital_statistics", days.given()).await;
        assert_eq!(figures["appointments_by_status"], json!(counted), "{days:?}");
        let demand = asked(&clinic, "get_specialty_demand", days.given()).await;
        let total: u64 = counted.values().sum();
        assert_eq!(
            (&figures["total_appointments"], &demand["total_appointments"]),
            (&json!(total), &json!(total))
        );
    }
}

#[tokio::test]
async fn nobody_is_named_in_the_trail_for_figures() {
    let clinic = open().await;
    let token = clinic.server.token("admin@here").await;
    for tool in
        ["get_hospital_statistics", "get_revenue_analytics", "get_doctor_performance", "get_specialty_demand"]
    {
        let body = json!({ "tool": tool, "params": DECEMBER.given() }).to_string();
        let request = clinic.server.request("POST", "/api/mcp/tools/invoke").bearer(&token);
        let reply = request.body(body).send().await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let names_anybody =
            ["Pat Example", "Patient/", "\"p1\"", "MRN-"].iter().any(|part| reply.body.contains(part));
        assert!(!names_anybody, "{}", reply.body);
        let rows = clinic.server.audit().await;
        let row = rows.iter().find(|row| row["action"] == tool).expect("it is in the trail");
        assert_eq!(row["patients"], json!([]), "{row}");
    }
}

#[tokio::test]
async fn figures_are_for_those_who_answer_for_them() {
    let clinic = open().await;
    let others =
        [Role::Patient, Role::Receptionist, Role::Nurse, Role::Doctor, Role::Superadmin, Role::Auditor];
    for role in others {
        for tool in ["get_hospital_statistics", "get_revenue_analytics", "get_specialty_demand"] {
            assert_eq!(clinic.refusal(role, tool, json!({})).await, "PERMISSION_DENIED", "{role} {tool}");
        }
        if role != Role::Superadmin {
            assert_eq!(clinic.refusal(role, "get_system_stats", json!({})).await, "PERMISSION_DENIED");
        }
        // A doctor without an entry in the directory has no figures of their own.
        let refused = clinic.refusal(role, "get_doctor_performance", json!({})).await;
        assert_eq!(refused, "PERMISSION_DENIED", "{role}");
    }
}

#[tokio::test]
async fn a_doctor_sees_the_own_figures_without_money() {
    let clinic = open().await;
    let grace = Principal { practitioner: Id::new("grace"), ..clinic.principal(Role::Doctor) };
    let grace = clinic.logged_in(grace);
    for provider in [json!({}), json!({ "provider": "me" }), json!({ "doctor_id": "grace" })] {
        let own = clinic.call(&grace, "get_doctor_performance", provider).await.unwrap();
        assert_eq!((&own["appointments_completed"], &own["patients_seen"]), (&json!(6), &json!(6)));
        assert_eq!((&own["no_shows"], &own["appointmentCount"]), (&json!(1), &json!(10)));
        assert_eq!(own["name"], "Dr. Grace Hopper");
        assert!(own.get("revenue").is_none() && !own.to_string().contains(":150"), "{own:#}");
        // It is the own work, so nothing of it is kept back.
        assert!(own.get("suppressed").is_none());
    }
    let small = json!({ "from": "2026-11-30", "to": "2026-11-30" });
    let own = clinic.call(&grace, "get_doctor_performance", small).await.unwrap();
    assert_eq!(own["patients_seen"], 1);
    let other = clinic.call(&grace, "get_doctor_performance", json!({ "provider": "paul" })).await;
    assert_eq!(other.unwrap_err().code.name(), "PERMISSION_DENIED");
}

#[tokio::test]
async fn administrators_see_all_doctors_the_busiest_first() {
    let clinic = open().await;
    let list = asked(&clinic, "get_doctor_performance", DECEMBER.given()).await;
    let told: Vec<Value> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            json!([
                row["rank"],
                row["doctor_id"],
                row["appointmentCount"],
                row["appointments_completed"],
                row["revenue"]
            ])
        })
        .collect();
    assert_eq!(json!(told), json!([[1, "grace", 10, 6, 900.0], [2, "paul", 7, 6, 400.5]]), "{list:#}");
    let one =
        asked(&clinic, "get_doctor_performance", json!({ "doctor_id": "paul", "period": "monthly" })).await;
    assert_eq!((&one["revenue"], &one["patients_seen"]), (&json!(400.5), &json!(5)));
    assert_eq!((&one["rank"], &one["count"]), (&Value::Null, &json!(1)));
    let idle =
        asked(&clinic, "get_doctor_performance", json!({ "doctor_id": "old", "period": "YEARLY" })).await;
    assert_eq!((&idle["appointments_completed"], &idle["revenue"]), (&json!(0), &json!(0.0)));
    let nobody = clinic.refusal(ADMIN, "get_doctor_performance", json!({ "doctor_id": "nobody" })).await;
    assert_eq!(nobody, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn demand_is_told_by_specialty_with_waits_and_the_used_part_of_the_time() {
    let clinic = open().await;
    let demand = asked(&clinic, "get_specialty_demand", DECEMBER.given()).await;
    let rows = demand["results"].as_array().unwrap();
    assert_eq!((&rows[0]["specialty"], &rows[1]["specialty"]), (&json!("Cardiology"), &json!("Dermatology")));
    assert_eq!((&rows[0]["appointments"], &rows[0]["patients"]), (&json!(10), &json!(7)), "{demand:#}");
    // Each is asked for four days before.
    assert_eq!(rows[0]["average_wait_days"], 4.0);
    // Six of eight half hours: one was missed, one cancelled.
    assert_eq!(rows[0]["utilisation_rate"], 0.75);
    assert_eq!((&rows[1]["utilisation_rate"], &rows[1]["revenue"]), (&json!(1.0), &json!(400.5)));
}

#[tokio::test]
async fn what_is_about_few_patients_is_kept_back() {
    let clinic = open().await;
    for number in 0..4 {
        clinic
            .put(clinic::visit(
                &format!("skin{number}"),
                (&format!("p{number}"), "paul", Some("cleaning")),
                "2026-10-05T09:00:00Z",
                "fulfilled",
            ))
            .await;
    }
    for number in 0..6 {
        clinic
            .put(clinic::visit(
                &format!("heart{number}"),
                (&format!("p{number}"), "grace", Some("filling")),
                "2026-10-06T09:00:00Z",
                "fulfilled",
            ))
            .await;
    }
    let october = Day("2026-10-01", "2026-10-31").given();
    let figures = asked(&clinic, "get_hospital_statistics", october.clone()).await;
    assert_eq!((&figures["patients_seen"], &figures["revenue"]), (&json!(6), &json!(1080.6)));
    // One group alone is too small: what the other is would tell it.
    let demand = asked(&clinic, "get_specialty_demand", october.clone()).await;
    for row in demand["results"].as_array().unwrap() {
        assert_eq!(row["suppressed"], true, "{demand:#}");
        for name in ["appointments", "patients", "revenue", "average_wait_days", "utilisation_rate"] {
            assert_eq!(row[name], Value::Null, "{name}: {demand:#}");
        }
    }
    let doctors = asked(&clinic, "get_doctor_performance", october.clone()).await;
    assert_eq!(doctors["results"][0]["patients_seen"], Value::Null);
    assert_eq!(doctors["results"][0]["rank"], Value::Null);
    // Asked for alone, the other tells no more.
    let mut grace = october.clone();
    grace["provider"] = "grace".into();
    let grace = asked(&clinic, "get_doctor_performance", grace).await;
    assert_eq!((&grace["patients_seen"], &grace["suppressed"]), (&Value::Null, &json!(true)));
    let day = Day("2026-10-05", "2026-10-05").given();
    let figures = asked(&clinic, "get_hospital_statistics", day.clone()).await;
    assert_eq!(figures["suppressed"], json!(["active_patients", "patients_seen", "revenue"]), "{figures:#}");
    assert_eq!((&figures["revenue"], &figures["total_appointments"]), (&Value::Null, &json!(4)));
    let revenue = asked(&clinic, "get_revenue_analytics", day).await;
    assert_eq!((&revenue["totalRevenue"], &revenue["suppressed"]), (&Value::Null, &json!(true)));
    assert!(!revenue.to_string().contains(":600"), "{revenue}");
}

#[tokio::test]
async fn another_organisation_adds_nothing_and_has_figures_of_its_own() {
    let clinic = open().await;
    let before = asked(&clinic, "get_hospital_statistics", DECEMBER.given()).await;
    clinic.put_elsewhere(patient("dee", ("Dee", "Elsewhere"), "1980-01-01")).await;
    clinic
        .put_elsewhere(clinic::visit("there", ("dee", "grace", None), "2026-12-02T15:00:00Z", "fulfilled"))
        .await;
    assert_eq!(asked(&clinic, "get_hospital_statistics", DECEMBER.given()).await, before);
    let there = clinic.server.elsewhere.organization.as_str();
    let refused = clinic.refusal(ADMIN, "get_hospital_statistics", json!({ "hospital_id": there })).await;
    assert_eq!(refused, "RESOURCE_NOT_FOUND");
    let own = asked(&clinic, "get_system_stats", json!({})).await;
    let counts = json!({
        "total_tenants": 1, "total_doctors": 4, "total_patients": 8, "total_appointments": 19, "total_treatments": 3
    });
    assert_eq!((&own["statistics"], &own["status"]), (&counts, &json!("ok")));
    assert!(own.get("tenants").is_none());
    let all = clinic.ok(Role::Superadmin, "get_system_stats", json!({})).await;
    assert_eq!(
        (&all["statistics"]["total_tenants"], &all["statistics"]["total_patients"]),
        (&json!(2), &json!(9))
    );
    assert_eq!(all["statistics"]["total_appointments"], 20);
    let each = all["tenants"].as_array().unwrap();
    assert!(each.iter().any(|row| row["tenant_id"] == there && row["total_appointments"] == 1), "{all:#}");
}

#[tokio::test]
async fn an_organisation_without_anything_has_figures_of_nothing() {
    let clinic = Clinic::start().await;
    let figures = asked(&clinic, "get_hospital_statistics", json!({})).await;
    for name in
        ["total_patients", "activeDoctors", "todayAppointments", "upcoming_appointments", "new_patients"]
    {
        assert_eq!(figures[name], 0, "{name}: {figures:#}");
    }
    assert_eq!((&figures["monthlyRevenue"], &figures["suppressed"]), (&json!(0.0), &json!([])));
    for tool in ["get_doctor_performance", "get_specialty_demand"] {
        assert_eq!(asked(&clinic, tool, json!({ "period": "QUARTERLY" })).await["count"], 0);
    }
    let revenue =
        asked(&clinic, "get_revenue_analytics", json!({ "view": "monthly", "period": "YEARLY" })).await;
    assert_eq!(revenue["trend"].as_array().unwrap().len(), 12);
    assert_eq!(revenue["averageRevenuePerAppointment"], Value::Null);
}

#[tokio::test]
async fn dates_that_can_not_be_are_refused() {
    let clinic = Clinic::start().await;
    for arguments in [
        json!({ "from": "2026-12-02", "to": "2026-12-01" }),
        json!({ "from": "2024-01-01", "to": "2026-12-31" }),
        json!({ "from": "2026-02-30", "to": "2026-03-01" }),
        json!({ "from": "2026-12-01" }),
        json!({ "to": "2026-12-01" }),
        json!({ "from": "2026-12-01", "to": "2026-12-01", "period": "DAILY" }),
        json!({ "period": "HOURLY" }),
        json!({ "from": "yesterday", "to": "tomorrow" }),
        json!({ "from": "2026-12-02T", "to": "2026-12-02Tnoon" }),
        // Where the clock is ahead of UTC these days have midnights, and no day follows them.
        json!({ "from": "9999-12-30", "to": "9999-12-31" }),
    ] {
        for tool in [
            "get_hospital_statistics",
            "get_revenue_analytics",
            "get_doctor_performance",
            "get_specialty_demand",
        ] {
            let code = clinic.refusal(ADMIN, tool, arguments.clone()).await;
            assert_eq!(code, "VALIDATION_ERROR", "{tool} {arguments}");
        }
    }
    let last = json!({ "from": "2026-12-01", "to": "9999-12-31", "view": "DAILY" });
    let refused = clinic.call_as(ADMIN, "get_revenue_analytics", last).await.unwrap_err();
    assert!(refused.text().contains("/to"), "{}", refused.text());
    let long = json!({ "from": "2026-01-01", "to": "2026-12-31", "view": "DAILY" });
    let refused = clinic.call_as(ADMIN, "get_revenue_analytics", long).await.unwrap_err();
    assert!(refused.text().contains("MONTHLY"), "{}", refused.text());
}

#[tokio::test]
async fn a_conversation_about_one_patient_has_no_figures() {
    let clinic = open().await;
    let session = json!({ "patient": "p1", "pin": true });
    let session = clinic.ok(ADMIN, "start_session", session).await;
    for tool in [
        "get_hospital_statistics",
        "get_revenue_analytics",
        "get_doctor_performance",
        "get_specialty_demand",
        "get_system_stats",
    ] {
        let code = clinic.refusal(ADMIN, tool, json!({ "session": session["session"] })).await;
        assert_eq!(code, "PERMISSION_DENIED", "{tool}");
    }
}
