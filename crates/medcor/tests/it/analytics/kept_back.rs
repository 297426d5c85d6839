//! What could tell of few patients is kept back, also where it would be told by subtraction.

use serde_json::{Value, json};

use super::{
    asked,
    clinic::{DECEMBER, Day, open, practitioner, role, service, visit},
};
use crate::support::Clinic;

/// Completed visits of the first patients to this doctor, on this day.
async fn visits(clinic: &Clinic, (doctor, service): (&str, &str), day: &str, patients: usize) {
    for number in 0..patients {
        let id = format!("{doctor}-{day}-{number}");
        let who = format!("p{number}");
        let start = format!("{day}T{:02}:00:00Z", 8 + number);
        clinic.put(visit(&id, (&who, doctor, Some(service)), &start, "fulfilled")).await;
    }
}

/// The rows by one of their members: what it is, and whether it is suppressed.
fn told(rows: &Value, name: &str) -> Vec<(Value, bool)> {
    let told = |row: &Value| (row[name].clone(), row["suppressed"] == true);
    let mut rows: Vec<_> = rows.as_array().unwrap().iter().map(told).collect();
    rows.sort_by_key(|(name, _)| name.to_string());
    rows
}

fn of(names: &[(Option<&str>, bool)]) -> Vec<(Value, bool)> {
    names.iter().map(|(name, is_hidden)| (json!(name), *is_hidden)).collect()
}

#[tokio::test]
async fn a_specialty_less_a_doctor_does_not_tell_the_other() {
    let clinic = open().await;
    clinic.put(practitioner("cara", "Cara", "Small", true)).await;
    clinic.put(role("cara", "Cardiology", "doctor")).await;
    visits(&clinic, ("cara", "cleaning"), "2026-07-01", 2).await;
    visits(&clinic, ("grace", "cleaning"), "2026-07-02", 7).await;
    visits(&clinic, ("paul", "filling"), "2026-07-03", 5).await;
    let july = Day("2026-07-01", "2026-07-31").given();
    let revenue = asked(&clinic, "get_revenue_analytics", july.clone()).await;
    let parts = &revenue["breakdown"];
    // Paul has the fewest patients beside, and is of another specialty.
    let doctors = of(&[(Some("cara"), true), (Some("grace"), true), (Some("paul"), false)]);
    let specialties = of(&[(Some("Cardiology"), false), (Some("Dermatology"), false)]);
    assert_eq!(told(&parts["doctors"], "id"), doctors, "{revenue:#}");
    assert_eq!(told(&parts["specialties"], "name"), specialties, "{revenue:#}");
    assert_eq!((&parts["services"], &revenue["suppressed"]), (&json!([]), &json!(true)));
    let performance = asked(&clinic, "get_doctor_performance", july.clone()).await;
    assert_eq!(told(&performance["results"], "doctor_id"), doctors, "{performance:#}");
    let demand = asked(&clinic, "get_specialty_demand", july).await;
    assert_eq!(told(&demand["results"], "specialty"), specialties, "{demand:#}");
}

#[tokio::test]
async fn a_specialty_that_is_kept_back_is_not_told_by_its_doctors() {
    let clinic = open().await;
    clinic.put(practitioner("skye", "Skye", "Alone", true)).await;
    clinic.put(role("skye", "Neurology", "doctor")).await;
    visits(&clinic, ("skye", "filling"), "2026-07-01", 3).await;
    visits(&clinic, ("grace", "cleaning"), "2026-07-02", 7).await;
    visits(&clinic, ("paul", "filling"), "2026-07-03", 6).await;
    let july = Day("2026-07-01", "2026-07-31").given();
    let demand = asked(&clinic, "get_specialty_demand", july.clone()).await;
    let specialties =
        of(&[(Some("Cardiology"), false), (Some("Dermatology"), true), (Some("Neurology"), true)]);
    assert_eq!(told(&demand["results"], "specialty"), specialties, "{demand:#}");
    let performance = asked(&clinic, "get_doctor_performance", july).await;
    let doctors = of(&[(Some("grace"), false), (Some("paul"), true), (Some("skye"), true)]);
    assert_eq!(told(&performance["results"], "doctor_id"), doctors, "{performance:#}");
}

#[tokio::test]
async fn visits_without_a_clinician_are_not_told_by_the_others() {
    let clinic = open().await;
    for number in 0..3 {
        let mut visit = visit(
            &format!("alone{number}"),
            (&format!("p{number}"), "grace", Some("filling")),
            "2026-07-01T09:00:00Z",
            "fulfilled",
        );
        visit["participant"].as_array_mut().unwrap().remove(1);
        clinic.put(visit).await;
    }
    visits(&clinic, ("grace", "cleaning"), "2026-07-02", 6).await;
    let july = Day("2026-07-01", "2026-07-31").given();
    let revenue = asked(&clinic, "get_revenue_analytics", july.clone()).await;
    assert_eq!(revenue["totalRevenue"], 1140.3, "{revenue:#}");
    let doctors = of(&[(Some("Dr. Grace Hopper"), true), (None, true)]);
    assert_eq!(told(&revenue["breakdown"]["doctors"], "name"), doctors, "{revenue:#}");
    let performance = asked(&clinic, "get_doctor_performance", july).await;
    assert_eq!(told(&performance["results"], "doctor_id"), of(&[(Some("grace"), true)]), "{performance:#}");
}

#[tokio::test]
async fn what_was_done_is_not_told_by_what_was_not() {
    let clinic = open().await;
    for (number, status) in
        ["fulfilled", "fulfilled", "cancelled", "cancelled", "noshow", "noshow"].iter().enumerate()
    {
        let start = format!("2026-07-01T{:02}:00:00Z", 8 + number);
        let who = format!("p{number}");
        clinic.put(visit(&format!("v{number}"), (&who, "grace", Some("cleaning")), &start, status)).await;
    }
    let july = Day("2026-07-01", "2026-07-31").given();
    for tool in ["get_doctor_performance", "get_specialty_demand"] {
        let answer = asked(&clinic, tool, july.clone()).await;
        let row = &answer["results"][0];
        assert_eq!(row["suppressed"], true, "{tool}: {answer:#}");
        for name in ["appointments_completed", "appointments_cancelled", "no_shows", "revenue"] {
            assert_eq!(row[name], Value::Null, "{tool} {name}: {answer:#}");
        }
        let booked = if tool == "get_specialty_demand" { "appointments" } else { "appointmentCount" };
        assert_eq!(row[booked], 6, "{tool}: {answer:#}");
    }
}

#[tokio::test]
async fn money_of_nobody_known_may_be_of_one() {
    let clinic = open().await;
    clinic.put(service("laser", "Laser", Some("99.95"), "EUR")).await;
    let mut visit = visit("l", ("p1", "grace", Some("laser")), "2026-12-03T09:00:00Z", "fulfilled");
    visit["participant"].as_array_mut().unwrap().remove(0);
    clinic.put(visit).await;
    for days in [DECEMBER, Day("2026-12-03", "2026-12-03")] {
        let revenue = asked(&clinic, "get_revenue_analytics", days.given()).await;
        assert_eq!((&revenue["totalRevenue"], &revenue["suppressed"]), (&Value::Null, &json!(true)));
        assert!(!revenue.to_string().contains("99.95"), "{revenue:#}");
    }
}

#[tokio::test]
async fn an_error_counts_nowhere_and_what_was_moved_is_no_demand() {
    let clinic = open().await;
    let before = asked(&clinic, "get_specialty_demand", DECEMBER.given()).await;
    let slot = ("p1", "grace", Some("cleaning"));
    clinic.put(visit("never", slot, "2026-12-04T09:00:00Z", "entered-in-error")).await;
    let mut moved = visit("moved", slot, "2026-12-04T10:00:00Z", "cancelled");
    moved["extension"] = json!([{ "url": "urn:medcor:appointment-status", "valueCode": "rescheduled" }]);
    clinic.put(moved).await;
    let figures = asked(&clinic, "get_hospital_statistics", DECEMBER.given()).await;
    let by_status = json!({
        "CANCELLED": 1, "CHECKED_IN": 1, "COMPLETED": 12, "NO_SHOW": 1, "RESCHEDULED": 1, "SCHEDULED": 2
    });
    assert_eq!(
        (&figures["appointments_by_status"], &figures["total_appointments"]),
        (&by_status, &json!(18))
    );
    assert_eq!(asked(&clinic, "get_specialty_demand", DECEMBER.given()).await, before);
    let doctors = asked(&clinic, "get_doctor_performance", DECEMBER.given()).await;
    assert_eq!(doctors["results"][0]["appointment_count"], 10, "{doctors:#}");
}
