//! Revenue, to the penny.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    asked,
    clinic::{DECEMBER, Day, open, service, visit},
};

#[tokio::test]
async fn revenue_is_added_up_exactly_and_broken_down() {
    let clinic = open().await;
    let revenue = asked(&clinic, "get_revenue_analytics", DECEMBER.given()).await;
    assert_eq!(
        (&revenue["totalRevenue"], &revenue["currency"]),
        (&json!(1300.5), &json!("GBP")),
        "{revenue:#}"
    );
    // 1300.50 of eleven.
    assert_eq!(revenue["averageRevenuePerAppointment"], 118.23);
    assert_eq!(
        (&revenue["completed_appointments"], &revenue["appointments_with_price"]),
        (&json!(12), &json!(11))
    );
    let parts = |part: &str, name: &str| -> Value {
        let rows = revenue["breakdown"][part].as_array().unwrap();
        rows.iter().map(|row| json!([row[name], row["revenue"], row["appointments"]])).collect()
    };
    // One patient alone had the talk, so the next smallest is kept back too.
    assert_eq!(
        parts("services", "name"),
        json!([["Cleaning", 900.0, 6], ["Filling", null, null], ["Talk", null, null]])
    );
    assert_eq!(parts("doctors", "id"), json!([["grace", 900.0, 6], ["paul", 400.5, 6]]));
    assert_eq!(parts("specialties", "name"), json!([["Cardiology", 900.0, 6], ["Dermatology", 400.5, 6]]));
    assert!(revenue["revenue_definition"].as_str().unwrap().contains("Invoices and payments do not count"));
}

#[tokio::test]
async fn a_visit_costs_what_the_price_list_said_when_it_began() {
    let clinic = open().await;
    // Before the first price it is the first.
    let december = asked(&clinic, "get_revenue_analytics", DECEMBER.given()).await;
    clinic.server.store.clock().advance(Duration::from_hours(24));
    clinic.put(service("cleaning", "Cleaning", Some("200"), "GBP")).await;
    assert_eq!(asked(&clinic, "get_revenue_analytics", DECEMBER.given()).await["totalRevenue"], 1300.5);
    assert_eq!(december["totalRevenue"], 1300.5);
    for number in 0..5 {
        let who = format!("p{number}");
        let visit = visit(
            &format!("d{number}"),
            (&who, "grace", Some("cleaning")),
            "2026-12-05T09:00:00Z",
            "fulfilled",
        );
        clinic.put(visit).await;
    }
    assert_eq!(asked(&clinic, "get_revenue_analytics", DECEMBER.given()).await["totalRevenue"], 2300.5);
}

#[tokio::test]
async fn currencies_are_never_added_up() {
    let clinic = open().await;
    clinic.put(service("laser", "Laser", Some("99.95"), "EUR")).await;
    for number in 0..5 {
        let who = format!("p{number}");
        clinic
            .put(visit(
                &format!("l{number}"),
                (&who, "grace", Some("laser")),
                "2026-12-03T09:00:00Z",
                "fulfilled",
            ))
            .await;
    }
    let by_currency = json!([
        { "currency": "EUR", "revenue": 499.75, "visits": 5 },
        { "currency": "GBP", "revenue": 1300.5, "visits": 11 }
    ]);
    let revenue = asked(&clinic, "get_revenue_analytics", DECEMBER.given()).await;
    assert_eq!((&revenue["totalRevenue"], &revenue["currency"]), (&Value::Null, &Value::Null));
    assert_eq!((&revenue["by_currency"], &revenue["suppressed"]), (&by_currency, &json!(true)));
    let figures = asked(&clinic, "get_hospital_statistics", DECEMBER.given()).await;
    assert_eq!(
        (&figures["monthlyRevenue"], &figures["monthly_revenue_by_currency"]),
        (&Value::Null, &by_currency)
    );
    let currencies = |rows: &Value, name: &str| -> Value {
        rows.as_array().unwrap().iter().map(|row| json!([row[name], row["currency"]])).collect()
    };
    let told = currencies(&revenue["breakdown"]["doctors"], "id");
    assert_eq!(told, json!([["paul", "GBP"], ["grace", null]]), "{revenue:#}");
    let mut days = Day("2026-12-01", "2026-12-03").given();
    days["view"] = "DAILY".into();
    let trend = asked(&clinic, "get_revenue_analytics", days).await;
    let told = currencies(&trend["trend"], "date");
    assert_eq!(told, json!([["2026-12-01", "GBP"], ["2026-12-02", null], ["2026-12-03", "EUR"]]));
    // The dates are of one currency, the month of two.
    let figures = asked(&clinic, "get_hospital_statistics", Day("2026-12-03", "2026-12-03").given()).await;
    assert_eq!((&figures["revenue"], &figures["currency"]), (&json!(499.75), &json!("EUR")));
    assert_eq!((&figures["monthly_revenue"], &figures["monthly_currency"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_currency_of_few_patients_is_kept_back_with_the_others() {
    let clinic = open().await;
    clinic.put(service("laser", "Laser", Some("99.95"), "EUR")).await;
    clinic.put(visit("l", ("p1", "grace", Some("laser")), "2026-12-03T09:00:00Z", "fulfilled")).await;
    let revenue = asked(&clinic, "get_revenue_analytics", DECEMBER.given()).await;
    assert_eq!((&revenue["totalRevenue"], &revenue["suppressed"]), (&Value::Null, &json!(true)));
    assert!(!revenue.to_string().contains("99.95"), "{revenue:#}");
}

#[tokio::test]
async fn a_visit_of_several_counts_once_and_for_each_who_takes_part() {
    let clinic = open().await;
    let mut group = visit("group", ("p0", "grace", Some("cleaning")), "2026-09-01T09:00:00Z", "fulfilled");
    let participants = group["participant"].as_array_mut().unwrap();
    for who in
        ["Patient/p1", "Patient/p2", "Patient/p3", "Patient/p4", "Practitioner/paul", "Practitioner/grace"]
    {
        participants.push(json!({ "actor": { "reference": who }, "status": "accepted" }));
    }
    clinic.put(group).await;
    let september = Day("2026-09-01", "2026-09-30").given();
    let revenue = asked(&clinic, "get_revenue_analytics", september.clone()).await;
    assert_eq!(
        (&revenue["totalRevenue"], &revenue["patients_seen"]),
        (&json!(150.0), &json!(5)),
        "{revenue:#}"
    );
    let doctors = asked(&clinic, "get_doctor_performance", september).await;
    let told: Vec<(&Value, &Value)> = doctors["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["appointments_completed"], &row["revenue"]))
        .collect();
    assert_eq!(told, [(&json!(1), &json!(150.0)), (&json!(1), &json!(150.0))]);
}

#[tokio::test]
async fn days_and_months_are_those_of_the_organisation() {
    let clinic = open().await;
    // On the 29th of March the clock goes forward, and midnight is at 23:00 of UTC from then on.
    for number in 0..5 {
        let who = format!("p{number}");
        for (id, start) in [
            ("a", "2026-03-28T23:59:59Z"),
            ("b", "2026-03-29T22:59:59Z"),
            ("c", "2026-03-29T23:00:00Z"),
            ("d", "2026-03-31T23:00:00Z"),
        ] {
            let visit =
                visit(&format!("{id}{number}"), (&who, "grace", Some("cleaning")), start, "fulfilled");
            clinic.put(visit).await;
        }
    }
    let mut days = Day("2026-03-27", "2026-04-01").given();
    days["view"] = "DAILY".into();
    let trend = asked(&clinic, "get_revenue_analytics", days.clone()).await;
    let told = |trend: &Value, name: &str| -> Value {
        trend["trend"].as_array().unwrap().iter().map(|row| json!([row[name], row["revenue"]])).collect()
    };
    assert_eq!(
        told(&trend, "date"),
        json!([
            ["2026-03-27", 0.0],
            ["2026-03-28", 750.0],
            ["2026-03-29", 750.0],
            ["2026-03-30", 750.0],
            ["2026-03-31", 0.0],
            ["2026-04-01", 750.0]
        ])
    );
    days["view"] = "MONTHLY".into();
    let trend = asked(&clinic, "get_revenue_analytics", days).await;
    assert_eq!(told(&trend, "month"), json!([["2026-03", 2250.0], ["2026-04", 750.0]]));
    assert_eq!(trend["totalRevenue"], 3000.0);
}
