//! Scheduling: hours, free times, booking, moving, cancelling, series, holds, the waiting list; what is refused,
//! and why.

use medcor_fhir::Id;
use medcor_policy::{Principal, Role};
use medcor_tools::{Caller, ErrorReport};
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

/// A Wednesday, 09:00 in London: the clock of these tests. The clinic is in London.
const TODAY: &str = "2026-12-02";
const FRIDAY: &str = "2026-12-04";

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    for (id, family, specialty) in [
        ("grace", "Hopper", "Cardiology"),
        ("carl", "Gauss", "Cardiology"),
        ("emmy", "Noether", "Dermatology"),
    ] {
        clinic
            .put(json!({
                "resourceType": "Practitioner", "id": id, "active": true, "name": [{ "family": family, "given": [id], "prefix": ["Dr."] }]
            }))
            .await;
        clinic
            .put(json!({
                "resourceType": "PractitionerRole", "id": format!("role-{id}"), "active": true,
                "practitioner": { "reference": format!("Practitioner/{id}"), "display": format!("Dr. {family}") },
                "specialty": [{ "text": specialty }]
            }))
            .await;
        for day in 0..5 {
            let hours =
                json!({ "provider": id, "day_of_week": day, "start_time": "09:00", "end_time": "12:00" });
            clinic.ok(Role::Receptionist, "create_appointment_slot", hours).await;
        }
    }
    clinic
}

async fn book(clinic: &Clinic, patient: &str, provider: &str, time: &str) -> Value {
    let arguments = json!({ "patient": patient, "provider": provider, "date": FRIDAY, "start_time": time });
    clinic.ok(Role::Receptionist, "create_appointment", arguments).await
}

async fn refused(clinic: &Clinic, tool: &str, arguments: Value) -> ErrorReport {
    match clinic.call_as(Role::Receptionist, tool, arguments.clone()).await {
        Ok(answer) => panic!("{tool} {arguments} was not refused: {answer:#}"),
        Err(report) => report,
    }
}

async fn free(clinic: &Clinic, provider: &str, date: &str) -> Vec<String> {
    let arguments = json!({ "provider": provider, "date": date });
    let answer = clinic.ok(Role::Receptionist, "list_appointment_slots", arguments).await;
    let times = answer["available_times"].as_array().unwrap().iter();
    times.map(|time| time.as_str().unwrap().to_owned()).collect()
}

fn kinds(report: &ErrorReport) -> Vec<&str> {
    let conflicts =
        report.details["conflicts"].as_array().unwrap_or_else(|| panic!("{}", report.text())).iter();
    conflicts.map(|conflict| conflict["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn slots_follow_the_hours_and_what_is_booked() {
    let clinic = clinic().await;
    assert_eq!(
        free(&clinic, "grace", FRIDAY).await,
        ["09:00:00", "09:30:00", "10:00:00", "10:30:00", "11:00:00", "11:30:00"]
    );
    let booked = book(&clinic, "ada", "grace", "09:30").await;
    assert_eq!(
        free(&clinic, "grace", FRIDAY).await,
        ["09:00:00", "10:00:00", "10:30:00", "11:00:00", "11:30:00"]
    );
    assert!(free(&clinic, "grace", "2026-12-05").await.is_empty(), "nobody is there on a Saturday");
    assert_eq!(free(&clinic, "grace", TODAY).await[0], "09:30:00", "what has begun is over");
    let answer = clinic
        .ok(
            Role::Receptionist,
            "cancel_appointment",
            json!({ "appointment_id": booked["id"], "reason": "ill" }),
        )
        .await;
    assert_eq!((&answer["status"], &answer["previous_status"]), (&json!("CANCELLED"), &json!("SCHEDULED")));
    assert_eq!(free(&clinic, "grace", FRIDAY).await.len(), 6);
}

#[tokio::test]
async fn a_taken_time_is_refused_with_everything_against_it_and_what_is_free() {
    let clinic = clinic().await;
    book(&clinic, "ada", "grace", "11:30").await;
    let short = json!({ "patient": "bob", "provider": "emmy", "date": FRIDAY, "start_time": "11:45", "duration_minutes": 15 });
    let other = clinic.ok(Role::Receptionist, "create_appointment", short).await;
    let arguments = json!({ "patient": "bob", "provider": "grace", "date": FRIDAY, "start_time": "11:45", "duration_minutes": 30 });
    let report = refused(&clinic, "create_appointment", arguments.clone()).await;
    assert_eq!(report.code.name(), "CONFLICT");
    assert_eq!(kinds(&report), ["outside_hours", "provider_taken", "patient_taken"]);
    assert_eq!(report.details["conflicts"][2]["appointment_id"], other["id"]);
    assert_eq!(report.details["alternatives"].as_array().unwrap().len(), 5);
    assert!(report.text().contains("instead: 2026-12-04 11:00–11:30"), "{}", report.text());

    let mut over = arguments;
    over["override_reason"] = "emergency".into();
    let refusal = clinic.refusal(Role::Nurse, "create_appointment", over.clone()).await;
    assert_eq!(refusal, "PERMISSION_DENIED");
    let answer = clinic.ok(Role::Receptionist, "create_appointment", over).await;
    assert_eq!(answer["overridden"].as_array().unwrap().len(), 3);
    assert!(answer["override_reason"].as_str().unwrap().contains("emergency"));
}

#[tokio::test]
async fn a_patient_books_the_own_chart_alone_and_sees_nobody_elses_time() {
    let clinic = clinic().await;
    book(&clinic, "bob", "grace", "09:00").await;
    let ada = clinic.patient_caller(&Id::new("ada").unwrap());
    let call = async |tool: &str, arguments: Value| clinic.call(&ada, tool, arguments).await;
    let slots = call(
        "list_appointment_slots",
        json!({ "provider": "grace", "date": FRIDAY, "include_booked": true }),
    )
    .await
    .unwrap();
    assert_eq!(slots["results"][0]["status"], "BOOKED");
    assert!(!slots.to_string().contains("Boole"));
    let arguments = |patient: &str, time: &str| json!({ "patient": patient, "provider": "grace", "date": FRIDAY, "start_time": time });
    let taken = call("create_appointment", arguments("me", "09:00")).await.unwrap_err();
    assert_eq!(kinds(&taken), ["provider_taken"]);
    assert_eq!(
        call("create_appointment", arguments("bob", "10:00")).await.unwrap_err().code.name(),
        "RESOURCE_NOT_FOUND"
    );
    let own = call("create_appointment", arguments("me", "10:00")).await.unwrap();
    let list = call("list_appointments", json!({})).await.unwrap();
    assert_eq!(list["count"], 1);
    let done = json!({ "appointment_id": own["id"], "status": "COMPLETED" });
    assert_eq!(call("update_appointment_status", done).await.unwrap_err().code.name(), "PERMISSION_DENIED");
    let over = json!({ "patient": "me", "provider": "grace", "date": FRIDAY, "start_time": "09:00", "override_reason": "I want it" });
    assert_eq!(call("create_appointment", over).await.unwrap_err().code.name(), "PERMISSION_DENIED");
    let answer = call("cancel_appointment", json!({ "appointment_id": own["id"] })).await.unwrap();
    assert_eq!(answer["status"], "CANCELLED");
}

#[tokio::test]
async fn wrong_times_are_refused_with_every_problem() {
    let clinic = clinic().await;
    let arguments = |date: &str, time: &str| json!({ "patient": "ada", "provider": "grace", "date": date, "start_time": time });
    for (date, time, part) in [
        ("2026-12-01", "10:00", "in the past"),
        (TODAY, "09:00", "in the past"),
        ("2026-02-30", "10:00", "not a day that exists"),
        (FRIDAY, "25:00", "not a time of day"),
        (FRIDAY, "10:02", "5 minutes"),
    ] {
        let report = refused(&clinic, "create_appointment", arguments(date, time)).await;
        assert_eq!(report.code.name(), "VALIDATION_ERROR");
        assert!(report.text().contains(part), "{}", report.text());
    }
    let report = refused(&clinic, "create_appointment", arguments("soon", "late")).await;
    assert_eq!(report.details["problems"].as_array().unwrap().len(), 2);
    let mut backwards = arguments(FRIDAY, "10:00");
    backwards["end_time"] = "09:30".into();
    assert!(refused(&clinic, "create_appointment", backwards).await.text().contains("not after start_time"));
}

#[tokio::test]
async fn a_move_keeps_what_is_not_given_and_frees_the_old_time() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    book(&clinic, "bob", "grace", "10:00").await;
    let moved = |arguments: Value| {
        let mut all = json!({ "appointment_id": booked["id"] });
        all.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        all
    };
    let answer =
        clinic.ok(Role::Receptionist, "reschedule_appointment", moved(json!({ "new_time": "09:15" }))).await;
    assert_eq!(
        (&answer["time"], &answer["duration_minutes"], &answer["date"]),
        (&json!("09:15"), &json!(30), &json!(FRIDAY))
    );
    let report = refused(&clinic, "reschedule_appointment", moved(json!({ "new_time": "09:45" }))).await;
    assert_eq!(kinds(&report), ["provider_taken"]);
    let answer =
        clinic.ok(Role::Receptionist, "reschedule_appointment", moved(json!({ "doctor": "carl" }))).await;
    assert_eq!((&answer["doctor_id"], &answer["time"]), (&json!("carl"), &json!("09:15")));
    assert_eq!(free(&clinic, "grace", FRIDAY).await[0], "09:00:00");
    assert_eq!(
        refused(&clinic, "reschedule_appointment", moved(json!({}))).await.code.name(),
        "VALIDATION_ERROR"
    );
    clinic.ok(Role::Receptionist, "cancel_appointment", moved(json!({}))).await;
    assert_eq!(
        refused(&clinic, "reschedule_appointment", moved(json!({ "time": "11:00" }))).await.code.name(),
        "PRECONDITION"
    );
    assert_eq!(
        refused(&clinic, "cancel_appointment", moved(json!({ "reason": "again" }))).await.code.name(),
        "PRECONDITION"
    );
}

#[tokio::test]
async fn a_move_to_a_specialty_goes_to_another_who_is_free_then_or_offers_times() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let to = |specialty: &str, more: Value| {
        let mut all = json!({ "appointment_id": booked["id"], "specialty": specialty });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let call = async |arguments| clinic.ok(Role::Receptionist, "reschedule_appointment", arguments).await;
    let answer = call(to("cardiologist", json!({}))).await;
    assert_eq!((&answer["doctor_id"], &answer["time"]), (&json!("carl"), &json!("09:00")));
    assert!(answer["candidates"].is_null(), "nobody else of it is free: {answer:#}");
    assert_eq!(free(&clinic, "grace", FRIDAY).await[0], "09:00:00", "the old time is free");
    let answer = call(to("dermatology", json!({ "start_time": "10:00" }))).await;
    assert_eq!((&answer["doctor_id"], &answer["time"]), (&json!("emmy"), &json!("10:00")));
    assert_eq!(answer["department"], "Dermatology");

    // Of several who are free the first by name has it, and the others are named.
    let answer = call(to("cardiology", json!({}))).await;
    assert_eq!(answer["doctor_id"], "carl");
    assert_eq!(answer["candidates"][0]["doctor_id"], "grace");
    assert_eq!(answer["candidates"][0]["text"], "2026-12-04 10:00–10:30 with Dr. grace Hopper");

    book(&clinic, "bob", "emmy", "11:00").await;
    let report =
        refused(&clinic, "reschedule_appointment", to("dermatologist", json!({ "time": "11:15" }))).await;
    assert_eq!((report.code.name(), kinds(&report)), ("CONFLICT", vec!["provider_taken"]));
    assert!(
        report.text().contains("Dr. emmy Noether: the clinician is taken from 11:00 to 11:30"),
        "{}",
        report.text()
    );
    assert_eq!(report.details["alternatives"][0]["start_time"], "11:30");
    assert_eq!(report.details["alternatives"][0]["doctor_id"], "emmy");
    let stands = json!({ "appointment_id": booked["id"] });
    let stands = clinic.ok(Role::Receptionist, "get_appointment_details", stands).await;
    assert_eq!((&stands["doctor_id"], &stands["time"]), (&json!("carl"), &json!("10:00")), "it stays");

    for (arguments, path) in [
        (to("neurology", json!({})), "/specialty"),
        (to("cardiology", json!({ "provider": "grace" })), "/provider"),
        (to("cardiology", json!({ "override_reason": "urgent" })), "/override_reason"),
    ] {
        let report = refused(&clinic, "reschedule_appointment", arguments).await;
        assert_eq!(report.code.name(), "VALIDATION_ERROR");
        assert_eq!(report.details["problems"][0]["path"], path, "{}", report.text());
    }
}

#[tokio::test]
async fn an_appointment_goes_through_its_day_in_documented_words() {
    let clinic = clinic().await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    for (word, shown, code) in [
        ("confirmed", "CONFIRMED", "booked"),
        ("checked-in", "CHECKED_IN", "checked-in"),
        ("In Progress", "IN_PROGRESS", "checked-in"),
        ("COMPLETED", "COMPLETED", "fulfilled"),
    ] {
        let arguments = json!({ "appointment_id": booked["id"], "status": word, "notes": "a note" });
        let answer = clinic.ok(Role::Receptionist, "update_appointment_status", arguments).await;
        assert_eq!(answer["status"], shown);
        let details = json!({ "appointment_id": booked["id"], "format": "fhir" });
        let details = clinic.ok(Role::Nurse, "get_appointment_details", details).await;
        assert_eq!((&details["status"], &details["fhir"]["status"]), (&json!(shown), &json!(code)));
    }
    let again = json!({ "appointment_id": booked["id"], "status": "SCHEDULED" });
    assert_eq!(refused(&clinic, "update_appointment_status", again).await.code.name(), "PRECONDITION");
}

#[tokio::test]
async fn a_series_is_booked_as_a_whole_or_not_at_all() {
    let clinic = clinic().await;
    let series = json!({
        "patient": "ada", "provider": "grace", "date": FRIDAY, "start_time": "09:00", "repeat": "weekly", "occurrences": 4
    });
    let taken = json!({ "patient": "bob", "provider": "grace", "date": "2026-12-18", "start_time": "09:00" });
    let other = clinic.ok(Role::Receptionist, "create_appointment", taken).await;
    let report = refused(&clinic, "create_appointment", series.clone()).await;
    assert_eq!(report.details["conflicts"][0]["date"], "2026-12-18");
    assert_eq!(free(&clinic, "grace", FRIDAY).await.len(), 6, "none of it is booked");
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": other["id"] })).await;
    let answer = clinic.ok(Role::Receptionist, "create_appointment", series).await;
    let dates: Vec<&str> =
        answer["series"].as_array().unwrap().iter().map(|one| one["date"].as_str().unwrap()).collect();
    assert_eq!(dates, [FRIDAY, "2026-12-11", "2026-12-18", "2026-12-25"]);
    assert!(answer["series_id"].is_string());
}

#[tokio::test]
async fn closed_days_and_pauses_leave_no_slots() {
    let clinic = clinic().await;
    book(&clinic, "ada", "grace", "09:00").await;
    let leave = json!({ "provider": "grace", "date": FRIDAY, "is_available": false, "reason": "conference" });
    let answer = clinic.ok(Role::Receptionist, "create_appointment_slot", leave).await;
    assert_eq!(answer["affected_appointments"].as_array().unwrap().len(), 1);
    assert!(free(&clinic, "grace", FRIDAY).await.is_empty());
    let arguments = json!({ "patient": "bob", "provider": "grace", "date": FRIDAY, "start_time": "10:00" });
    assert!(refused(&clinic, "create_appointment", arguments).await.text().contains("conference"));

    let holiday = json!({ "date": "2026-12-25", "to_date": "2026-12-26", "is_available": false, "reason": "Christmas" });
    clinic.ok(Role::Admin, "create_appointment_slot", holiday.clone()).await;
    assert!(free(&clinic, "carl", "2026-12-25").await.is_empty());
    assert_eq!(clinic.refusal(Role::Doctor, "create_appointment_slot", holiday).await, "PERMISSION_DENIED");

    let pause = json!({ "provider": "carl", "day_of_week": "fri", "start_time": "09:00", "end_time": "12:00", "slot_minutes": 20, "buffer_minutes": 10 });
    let answer = clinic.ok(Role::Receptionist, "create_appointment_slot", pause).await;
    assert_eq!(answer["weekly_hours"].as_array().unwrap().len(), 5);
    let booked = book(&clinic, "ada", "carl", "10:00").await;
    assert_eq!(booked["duration_minutes"], 20);
    let after = json!({ "patient": "bob", "provider": "carl", "date": FRIDAY, "start_time": "10:20" });
    assert_eq!(kinds(&refused(&clinic, "create_appointment", after).await), ["provider_taken"]);
    book(&clinic, "bob", "carl", "10:30").await;
}

#[tokio::test]
async fn doctors_set_their_own_hours_only() {
    let clinic = clinic().await;
    let practitioner = Some(Id::new("grace").unwrap());
    let grace = Caller::new(Principal { practitioner, ..clinic.principal(Role::Doctor) });
    let hours = |provider: &str| json!({ "provider": provider, "day_of_week": "Saturday", "start_time": "09:00", "end_time": "10:00" });
    let answer = clinic.call(&grace, "create_appointment_slot", hours("me")).await.unwrap();
    assert_eq!((&answer["doctor_id"], &answer["day_of_week"]), (&json!("grace"), &json!(5)));
    let others = clinic.call(&grace, "create_appointment_slot", hours("carl")).await.unwrap_err();
    assert_eq!(others.code.name(), "PERMISSION_DENIED");
    assert_eq!(free(&clinic, "grace", "2026-12-05").await, ["09:00:00", "09:30:00"]);
    let gone = json!({ "provider": "me", "day_of_week": 5, "start_time": "09:00", "end_time": "09:30", "is_available": false });
    clinic.call(&grace, "create_appointment_slot", gone).await.unwrap();
    assert_eq!(free(&clinic, "grace", "2026-12-05").await, ["09:30:00"]);
}

#[tokio::test]
async fn a_wish_in_words_is_offered_kept_or_booked_and_never_guessed() {
    let clinic = clinic().await;
    let wish = |arguments: Value| {
        let mut all = json!({ "patient": "ada", "specialty": "cardiologist" });
        all.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        all
    };
    let call = async |arguments: Value| {
        clinic.ok(Role::Receptionist, "check_and_book_appointment", wish(arguments)).await
    };
    let answer = call(json!({ "date": "next Friday morning", "mode": "book" })).await;
    assert_eq!(answer["outcome"], "ambiguous");
    assert_eq!(answer["readings"], json!([FRIDAY, "2026-12-11"]));
    assert!(answer["id"].is_null());
    assert_eq!(call(json!({ "date": "next Friday evening" })).await["outcome"], "ambiguous");

    let answer = call(json!({ "date": "this Friday after 11:00" })).await;
    assert_eq!(
        (&answer["outcome"], &answer["options"][0]["start_time"]),
        (&json!("offered"), &json!("11:00"))
    );
    assert!(answer["id"].is_null());
    assert_eq!(call(json!({ "date": "tomorrow afternoon" })).await["outcome"], "nothing_free");

    let held = call(json!({ "date": "Friday morning", "mode": "hold" })).await;
    let (doctor, time) = (
        held["options"][0]["doctor_id"].as_str().unwrap(),
        held["options"][0]["start_time"].as_str().unwrap(),
    );
    let arguments =
        |patient: &str| json!({ "patient": patient, "provider": doctor, "date": FRIDAY, "start_time": time });
    assert_eq!(kinds(&refused(&clinic, "create_appointment", arguments("bob")).await), ["provider_taken"]);
    let mut with_hold = arguments("ada");
    with_hold["hold_id"] = held["hold_id"].clone();
    assert_eq!(clinic.ok(Role::Receptionist, "create_appointment", with_hold).await["status"], "SCHEDULED");

    let booked = call(json!({ "date": "as soon as possible", "mode": "book" })).await;
    assert_eq!(
        (&booked["outcome"], &booked["status"], &booked["date"]),
        (&json!("booked"), &json!("SCHEDULED"), &json!(TODAY))
    );
    for (date, part) in
        [("at 5 on friday", "05:00 or 17:00"), ("12/5", "two countries"), ("whenever", "not understood")]
    {
        let report = refused(&clinic, "check_and_book_appointment", wish(json!({ "date": date }))).await;
        assert!(report.text().contains(part), "{}", report.text());
    }
}

#[tokio::test]
async fn a_time_that_is_called_off_is_offered_to_the_first_who_waits() {
    let clinic = clinic().await;
    clinic.put(patient("cyd", ("Cyd", "Curie"), "1990-01-01")).await;
    let booked = book(&clinic, "ada", "grace", "09:00").await;
    let wait = |patient: &str, date: &str| json!({ "patient_id": patient, "clinic_id": "default", "preferred_date": date, "doctor": "grace" });
    let wrong_day = clinic.ok(Role::Receptionist, "join_waitlist", wait("cyd", "2026-12-11")).await;
    assert_eq!((&wrong_day["status"], &wrong_day["ahead"]), (&json!("WAITLIST"), &json!(0)));
    let waits = clinic.ok(Role::Receptionist, "join_waitlist", wait("bob", FRIDAY)).await;
    assert_eq!((&waits["ahead"], &waits["free_now"][0]["start_time"]), (&json!(1), &json!("09:30")));
    assert_eq!(refused(&clinic, "join_waitlist", wait("bob", FRIDAY)).await.code.name(), "CONFLICT");

    let cancelled =
        clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": booked["id"] })).await;
    assert_eq!(cancelled["waiting"], 1);
    let offered = clinic.ok(Role::Receptionist, "offer_freed_times", json!({})).await;
    assert_eq!(offered["results"][0]["appointment_id"], waits["id"]);
    let arguments = json!({ "patient": "cyd", "provider": "grace", "date": FRIDAY, "start_time": "09:00" });
    assert_eq!(
        kinds(&refused(&clinic, "create_appointment", arguments).await),
        ["provider_taken"],
        "the offer keeps the time"
    );
    let list = clinic.ok(Role::Receptionist, "list_appointments", json!({ "status": "waitlist" })).await;
    assert_eq!(list["count"], 2);

    let taken = clinic
        .ok(Role::Receptionist, "reschedule_appointment", json!({ "appointment_id": waits["id"] }))
        .await;
    assert_eq!(
        (&taken["status"], &taken["time"], &taken["doctor_id"]),
        (&json!("SCHEDULED"), &json!("09:00"), &json!("grace"))
    );
    assert!(taken["offer"].is_null());
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": wrong_day["id"] })).await;
}

#[tokio::test]
async fn lists_are_by_day_period_status_and_person() {
    let clinic = clinic().await;
    book(&clinic, "ada", "grace", "09:00").await;
    book(&clinic, "bob", "grace", "09:30").await;
    let gone = book(&clinic, "bob", "carl", "11:00").await;
    clinic.ok(Role::Receptionist, "cancel_appointment", json!({ "appointment_id": gone["id"] })).await;
    let count = async |arguments: Value| {
        clinic.ok(Role::Receptionist, "list_appointments", arguments).await["count"].as_u64().unwrap()
    };
    assert_eq!(count(json!({})).await, 3);
    assert_eq!(count(json!({ "doctor_id": "grace", "date": FRIDAY })).await, 2);
    assert_eq!(count(json!({ "date": TODAY })).await, 0);
    assert_eq!(count(json!({ "patient": "bob", "period": "upcoming" })).await, 1);
    assert_eq!(count(json!({ "status": "cancelled" })).await, 1);
    assert_eq!(count(json!({ "status": "scheduled", "date_from": FRIDAY, "date_to": FRIDAY })).await, 2);
    assert_eq!(count(json!({ "mrn": "MRN-bob", "status": "all" })).await, 2);
    let first = clinic.ok(Role::Receptionist, "list_appointments", json!({ "limit": 2 })).await;
    assert_eq!((&first["count"], &first["truncated"]), (&json!(2), &json!(true)));
    let rest = clinic
        .ok(Role::Receptionist, "list_appointments", json!({ "limit": 2, "cursor": first["next_cursor"] }))
        .await;
    assert_eq!(rest["count"], 1);
    let types = clinic.ok(Role::Nurse, "get_appointment_types", json!({})).await;
    assert_eq!((&types["count"], &types["results"][0]["code"]), (&json!(9), &json!("CONSULTATION")));
}
