//! The waiting list: whom a time that was given up is offered, by the staff's own call or by the server.

use std::time::Duration;

use medcor::job::offer_freed_times;
use medcor_fhir::Id;
use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

/// A Friday; the clock of these tests shows the Wednesday before.
const FRIDAY: &str = "2026-12-04";

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    for (id, given, family) in [("ada", "Ada", "Lovelace"), ("bob", "Bob", "Boole"), ("cyd", "Cyd", "Curie")]
    {
        clinic.put(patient(id, (given, family), "1985-03-15")).await;
    }
    for (id, family) in [("grace", "Hopper"), ("carl", "Gauss")] {
        let name = json!([{ "family": family, "given": [id] }]);
        clinic.put(json!({ "resourceType": "Practitioner", "id": id, "active": true, "name": name })).await;
        clinic
            .put(json!({
                "resourceType": "PractitionerRole", "id": format!("role-{id}"), "active": true,
                "practitioner": { "reference": format!("Practitioner/{id}") }, "specialty": [{ "text": "Cardiology" }]
            }))
            .await;
        let hours =
            json!({ "provider": id, "day_of_week": "friday", "start_time": "09:00", "end_time": "12:00" });
        clinic.ok(Role::Receptionist, "create_appointment_slot", hours).await;
    }
    clinic
}

async fn book(clinic: &Clinic, patient: &str, provider: &str, time: &str) -> Value {
    let arguments = json!({ "patient": patient, "provider": provider, "date": FRIDAY, "start_time": time });
    clinic.ok(Role::Receptionist, "create_appointment", arguments).await["id"].clone()
}

/// The entry's id.
async fn wait(clinic: &Clinic, patient: &str, wish: Value) -> Value {
    let mut arguments = wish;
    arguments["patient"] = patient.into();
    arguments["date"] = FRIDAY.into();
    clinic.ok(Role::Receptionist, "join_waitlist", arguments).await["id"].clone()
}

/// The time that an entry is offered, and whether the offer still stands.
async fn offer(clinic: &Clinic, entry: &Value) -> Option<(String, bool)> {
    let arguments = json!({ "appointment_id": entry });
    let details = clinic.ok(Role::Receptionist, "get_appointment_details", arguments).await;
    let time = details["offer"]["start_time"].as_str()?.to_owned();
    let until: jiff::Timestamp = details["offer"]["expires_at"].as_str()?.parse().expect("an instant");
    Some((time, until.as_microsecond() > clinic.server.store.clock().now()))
}

/// What reception does at once.
async fn offered(clinic: &Clinic) -> Value {
    clinic.ok(Role::Receptionist, "offer_freed_times", json!({})).await
}

async fn rounds(clinic: &Clinic) {
    offer_freed_times(&clinic.server.pipeline).await.expect("the database answers");
}

#[tokio::test]
async fn a_time_that_a_patient_gives_up_is_offered_by_the_server_and_the_patient_is_not_told() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let waits = wait(&clinic, "bob", json!({ "specialty": "cardiology" })).await;
    let ada = clinic.patient_caller(&Id::new("ada").expect("an id"));
    let cancelled =
        clinic.call(&ada, "cancel_appointment", json!({ "appointment_id": booked })).await.expect("her own");
    assert!(cancelled["waiting"].is_null(), "who else waits is none of hers: {cancelled}");
    assert_eq!(offer(&clinic, &waits).await, None);
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &waits).await, Some(("09:00".to_owned(), true)));
    let taken =
        clinic.ok(Role::Receptionist, "reschedule_appointment", json!({ "appointment_id": waits })).await;
    assert_eq!((&taken["status"], &taken["time"]), (&json!("SCHEDULED"), &json!("09:00")));
}

#[tokio::test]
async fn a_time_that_is_moved_away_from_is_offered_too_and_to_who_joins_later() {
    let clinic = clinic().await;
    let by_staff = book(&clinic, "ada", "grace", "09:00").await;
    let by_patient = book(&clinic, "ada", "carl", "10:00").await;
    let second = wait(&clinic, "cyd", json!({ "provider": "carl" })).await;
    let to = |id: &Value, time: &str| json!({ "appointment_id": id, "start_time": time });
    let moved = clinic.ok(Role::Receptionist, "reschedule_appointment", to(&by_staff, "11:00")).await;
    assert!(moved["waiting"].is_null(), "nobody waits for that time yet");
    let ada = clinic.patient_caller(&Id::new("ada").expect("an id"));
    clinic.call(&ada, "reschedule_appointment", to(&by_patient, "11:30")).await.expect("her own");
    let first = wait(&clinic, "bob", json!({ "provider": "grace" })).await;
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &first).await, Some(("09:00".to_owned(), true)));
    assert_eq!(offer(&clinic, &second).await, Some(("10:00".to_owned(), true)));
}

#[tokio::test]
async fn a_time_that_cannot_be_booked_is_not_offered() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let waits = wait(&clinic, "bob", json!({ "provider": "grace" })).await;
    let leave = json!({ "provider": "grace", "date": FRIDAY, "is_available": false, "reason": "Ill" });
    clinic.ok(Role::Receptionist, "create_appointment_slot", leave).await;
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": booked })).await;
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &waits).await, None, "the clinician is not there");
}

#[tokio::test]
async fn who_is_offered_a_time_is_told_and_a_no_gives_it_to_the_next() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let (first, second) = (
        wait(&clinic, "bob", json!({ "provider": "grace" })).await,
        wait(&clinic, "cyd", json!({ "provider": "grace" })).await,
    );
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": booked })).await;
    rounds(&clinic).await;
    let told = json!({ "resource_type": "Communication", "format": "fhir", "parameters": { "subject": "Patient/bob" } });
    let told = clinic.ok(Role::Nurse, "fhir_search", told).await.to_string();
    assert!(told.contains("2026-12-04 09:00–09:30"), "{told}");
    // Longer than the job looks back for what was called off.
    clinic.server.store.clock().advance(Duration::from_mins(75));
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": first })).await;
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &second).await, Some(("09:00".to_owned(), true)));
}

#[tokio::test]
async fn an_offer_that_is_exchanged_for_another_time_is_free_at_once() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let waits = wait(&clinic, "bob", json!({ "specialty": "cardiology" })).await;
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": booked })).await;
    rounds(&clinic).await;
    let other = json!({ "appointment_id": waits, "provider": "carl", "date": FRIDAY, "start_time": "10:00" });
    let taken = clinic.ok(Role::Receptionist, "reschedule_appointment", other).await;
    assert_eq!((&taken["doctor_id"], &taken["time"]), (&json!("carl"), &json!("10:00")));
    book(&clinic, "cyd", "grace", "09:00").await;
}

#[tokio::test]
async fn a_move_within_the_pause_of_the_old_time_is_never_refused_because_somebody_waits() {
    let clinic = clinic().await;
    let pause = json!({
        "provider": "grace", "day_of_week": "monday", "start_time": "09:00", "end_time": "12:00", "buffer_minutes": 10
    });
    clinic.ok(Role::Receptionist, "create_appointment_slot", pause).await;
    let booked = book(&clinic, "ada", "grace", "09:30").await;
    wait(&clinic, "bob", json!({ "provider": "grace" })).await;
    let earlier = json!({ "appointment_id": booked, "start_time": "09:00" });
    clinic.ok(Role::Receptionist, "reschedule_appointment", earlier).await;
    rounds(&clinic).await;
}

#[tokio::test]
async fn entries_whose_days_have_passed_leave_the_list() {
    let clinic = clinic().await;
    let waits = wait(&clinic, "bob", json!({ "provider": "grace" })).await;
    clinic.server.store.clock().advance(Duration::from_hours(24 * 4));
    offered(&clinic).await;
    let arguments = json!({ "appointment_id": waits });
    let details = clinic.ok(Role::Receptionist, "get_appointment_details", arguments).await;
    assert_eq!(details["status"], "CANCELLED");
}

#[tokio::test]
async fn a_length_that_nobody_can_book_is_refused_on_joining() {
    let clinic = clinic().await;
    let wish = json!({ "patient": "bob", "provider": "grace", "duration_minutes": 17 });
    assert_eq!(clinic.refusal(Role::Receptionist, "join_waitlist", wish).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn who_is_moved_a_little_leaves_nothing_to_offer() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let waits = wait(&clinic, "bob", json!({ "provider": "grace", "duration_minutes": 15 })).await;
    let arguments = json!({ "appointment_id": booked, "start_time": "09:15" });
    let moved = clinic.ok(Role::Receptionist, "reschedule_appointment", arguments).await;
    assert!(moved["waiting"].is_null());
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &waits).await, None);
}

#[tokio::test]
async fn an_offer_that_runs_out_goes_to_the_next_and_to_nobody_twice() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let (first, second) = (
        wait(&clinic, "bob", json!({ "specialty": "cardiology" })).await,
        wait(&clinic, "cyd", json!({ "specialty": "cardiology" })).await,
    );
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": booked })).await;
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &first).await, Some(("09:00".to_owned(), true)));
    assert_eq!(offer(&clinic, &second).await, None, "one time is offered to one person");
    clinic.server.store.clock().advance(Duration::from_mins(130));
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &first).await, Some(("09:00".to_owned(), false)));
    assert_eq!(offer(&clinic, &second).await, Some(("09:00".to_owned(), true)));
    clinic.server.store.clock().advance(Duration::from_mins(130));
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &first).await, Some(("09:00".to_owned(), false)));
    assert_eq!(offer(&clinic, &second).await, Some(("09:00".to_owned(), false)), "both let it pass");
    // Another time is offered to whoever waits longest, also after one was let pass.
    let other = book(&clinic, "ada", "carl", "10:00").await;
    let called_off =
        clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": other })).await;
    assert_eq!(called_off["waiting"], 2);
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &first).await, Some(("10:00".to_owned(), true)));
}

#[tokio::test]
async fn a_time_that_somebody_else_has_too_is_not_offered() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let over = json!({
        "patient": "bob", "provider": "grace", "date": FRIDAY, "start_time": "09:00", "override_reason": "An emergency"
    });
    clinic.ok(Role::Receptionist, "create_appointment", over).await;
    let waits = wait(&clinic, "cyd", json!({ "provider": "grace" })).await;
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": booked })).await;
    rounds(&clinic).await;
    assert_eq!(offer(&clinic, &waits).await, None);
}

#[tokio::test]
async fn the_server_asks_for_nothing_where_nobody_waits() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": booked })).await;
    let before = clinic.server.store.statistics().await.expect("statistics").audit_rows;
    rounds(&clinic).await;
    assert_eq!(clinic.server.store.statistics().await.expect("statistics").audit_rows, before);
}
