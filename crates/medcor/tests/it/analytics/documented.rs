//! The documented calls of figures, as written: tools, resources, REST.

use std::path::Path;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::clinic::{DECEMBER, open};
use crate::support::Clinic;

/// Each documented call, and what its documents say that it answers.
const TOOLS: &[(&str, &str, &[&str])] = &[
    (
        "get_hospital_statistics",
        r#"{"hospital_id":"default","date_from":"2026-12-01","date_to":"2026-12-31"}"#,
        &["totalPatients", "todayAppointments", "activeDoctors", "monthlyRevenue", "total_appointments"],
    ),
    (
        "get_doctor_performance",
        r#"{"doctor_id":"grace","period":"MONTHLY"}"#,
        &["appointments_completed", "patients_seen"],
    ),
    ("get_doctor_performance", r#"{"doctor_id":"grace","period":"DAILY"}"#, &["period"]),
    ("get_doctor_performance", r#"{"doctor_id":"grace","period":"WEEKLY"}"#, &["appointmentCount"]),
    ("get_doctor_performance", r#"{"doctor_id":"grace","period":"YEARLY"}"#, &["revenue"]),
    ("get_specialty_demand", r#"{"hospital_id":"default","period":"QUARTERLY"}"#, &["results"]),
    ("get_system_stats", "{}", &["status", "timestamp", "statistics"]),
];

const RESOURCES: &[(&str, &str, &[&str])] = &[
    (
        "analytics://revenue/comprehensive/{s}/{e}",
        "",
        &["totalRevenue", "averageRevenuePerAppointment", "breakdown"],
    ),
    ("analytics://revenue/raw/{s}/{e}", "", &["totalRevenue", "completed_appointments"]),
    ("analytics://revenue/trend/monthly/{s}/{e}", "/trend/0", &["month", "revenue"]),
    ("analytics://revenue/trend/daily/{s}/{e}", "/trend/0", &["date", "revenue"]),
    ("analytics://performance/specialty/{s}/{e}", "/results/0", &["specialty", "revenue", "appointments"]),
    (
        "analytics://performance/doctors/{s}/{e}",
        "/results/0",
        &["rank", "name", "revenue", "appointmentCount"],
    ),
    (
        "analytics://dashboard/summary/{s}/{e}",
        "",
        &["activePatients", "newPatientsThisMonth", "upcomingAppointments"],
    ),
    (
        "healthcare://system/status",
        "/statistics",
        &["total_tenants", "total_doctors", "total_patients", "total_appointments", "total_treatments"],
    ),
];

async fn read(clinic: &Clinic, uri: &str) -> Value {
    let token = clinic.server.token("admin@here").await;
    let request = clinic.server.request("POST", "/mcp").bearer(&token);
    let reply = request.rpc(1, "resources/read", json!({ "uri": uri })).send().await.rpc();
    let text = reply["result"]["contents"][0]["text"].as_str();
    serde_json::from_str(text.unwrap_or_else(|| panic!("{uri}: {reply}"))).unwrap()
}

#[tokio::test]
async fn documented_calls_answer_what_is_documented() {
    let clinic = open().await;
    for (tool, arguments, names) in TOOLS {
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        let answer = super::asked(&clinic, tool, arguments).await;
        for name in *names {
            assert!(!answer[*name].is_null(), "{tool} has no {name}: {answer:#}");
        }
    }
    for (template, place, names) in RESOURCES {
        let uri = template.replace("{s}", "2026-12-01").replace("{e}", "2026-12-31");
        let answer = read(&clinic, &uri).await;
        let place = answer.pointer(place).unwrap_or_else(|| panic!("{uri}: {answer:#}"));
        for name in *names {
            assert!(!place[*name].is_null(), "{uri} has no {name}: {answer:#}");
        }
    }
}

#[tokio::test]
async fn every_documented_resource_of_figures_is_read_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/surface");
    for name in ["carebot", "medcor_v2"] {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{name}.json"))) else {
            eprintln!("skipped: what {name} documents is absent");
            return;
        };
        let system: Value = serde_json::from_str(&text).unwrap();
        for resource in system["resources"].as_array().unwrap() {
            let uri = resource["uri"].as_str().unwrap();
            if uri.starts_with("analytics://") || uri == "healthcare://system/status" {
                let uri = uri.replace("{start_date}", "{s}").replace("{end_date}", "{e}");
                assert!(RESOURCES.iter().any(|(known, _, _)| *known == uri), "{uri}");
            }
        }
    }
}

#[tokio::test]
async fn the_dashboard_is_read_by_rest() {
    let clinic = open().await;
    let get = async |who: &str, query: &str| {
        let token = clinic.server.token(who).await;
        let path = format!("/api/mcp/resources/analytics/dashboard{query}");
        clinic.server.request("GET", &path).bearer(&token).send().await
    };
    let whole = get("admin@here", "").await;
    assert_eq!(whole.status, StatusCode::OK, "{}", whole.body);
    let whole: Value = serde_json::from_str(&whole.body).unwrap();
    assert_eq!(whole, super::asked(&clinic, "get_hospital_statistics", DECEMBER.given()).await);
    let filter = "?filter=%7B%22date_from%22%3A%222026-11-30%22%2C%22date_to%22%3A%222026-12-01%22%7D";
    let some = get("admin@here", &format!("{filter}&fields=total_appointments,revenue")).await;
    let some: Value = serde_json::from_str(&some.body).unwrap();
    assert_eq!((&some["total_appointments"], &some["revenue"]), (&json!(14), &json!(1450.5)), "{some}");
    assert!(some.get("totalPatients").is_none(), "{some}");
    assert_eq!(get("admin@here", "?filter=%7B%22colour%22%3A1%7D").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get("admin@here", "?page=2").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get("doctor@here", "").await.status, StatusCode::FORBIDDEN);
}
