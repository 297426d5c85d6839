//! Times of people: what takes them, what gives them back.

use medcor_fhir::Id;
use medcor_store::{Conflict, Hold, OwnTime, StoreError, Taken};
use serde_json::{Value, json};

use crate::support::{Hospital, entry, resource};

/// 2026-12-03T09:00:00Z, a day after the clock of these tests.
const NINE: i64 = 1_796_288_400_000_000;
const MINUTE: i64 = 60_000_000;

fn appointment(patient: &str, (start, end): (&str, &str)) -> Value {
    json!({
        "resourceType": "Appointment", "status": "booked",
        "start": format!("2026-12-03T{start}:00Z"), "end": format!("2026-12-03T{end}:00Z"),
        "participant": [
            { "actor": { "reference": format!("Patient/{patient}") }, "status": "accepted" },
            { "actor": { "reference": "Practitioner/grace" }, "status": "accepted" }
        ]
    })
}

fn grace() -> Id {
    Id::new("grace").expect("an id")
}

fn is_claimed<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Conflict(Conflict::Claimed(key))) if key.starts_with("time/"))
}

async fn taken(hospital: &Hospital, own_hold: Option<&str>) -> Vec<(i64, i64)> {
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let window = (NINE - 60 * MINUTE, NINE + 120 * MINUTE);
    let own = OwnTime { hold: own_hold.map(str::to_owned), appointment: None };
    let taken = session.taken(&[grace()], window, &own).await.expect("times are told");
    let minute = |at: i64| (at - NINE) / MINUTE;
    taken.into_iter().map(|Taken { from, to, .. }| (minute(from), minute(to))).collect()
}

/// Whose time is asked for is a patient.
async fn appointments_of(hospital: &Hospital, patient: &str, (from, to): (i64, i64)) -> Vec<String> {
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let patient = Id::new(patient).expect("an id");
    let found = session.appointments_at(&patient, (NINE + from * MINUTE, NINE + to * MINUTE)).await;
    found.expect("they are told").iter().map(ToString::to_string).collect()
}

pub(crate) async fn two_appointments_of_one_time_are_not_both_written(hospital: Hospital) {
    let first = hospital.create(appointment("ada", ("09:00", "09:30"))).await;
    let book = async |patient: &str, time| {
        let record = resource(appointment(patient, time));
        hospital.commit(|session| session.create(record).map(drop)).await
    };
    assert!(is_claimed(book("bob", ("09:25", "09:40")).await), "the clinician is taken");
    book("bob", ("09:30", "10:00")).await.expect("the next time is free");
    assert_eq!(taken(&hospital, None).await, [(0, 60)]);

    let mut cancelled = appointment("ada", ("09:00", "09:30"));
    cancelled["status"] = "cancelled".into();
    hospital.update(&first, cancelled).await.expect("it is cancelled");
    book("cyd", ("09:00", "09:30")).await.expect("the time is free again");
}

pub(crate) async fn moving_takes_the_new_time_and_gives_back_the_old(hospital: Hospital) {
    let first = hospital.create(appointment("ada", ("09:00", "09:30"))).await;
    let moved = hospital.update(&first, appointment("ada", ("09:15", "09:45"))).await.expect("it is moved");
    let other = hospital.create(appointment("bob", ("09:00", "09:15"))).await;
    let back = hospital.update(&moved, appointment("ada", ("09:10", "09:40"))).await;
    assert!(is_claimed(back), "the time before is another's now");
    let deletion = hospital.commit(|session| session.delete(&other)).await;
    deletion.expect("it is deleted");
    hospital.update(&moved, appointment("ada", ("09:10", "09:40"))).await.expect("it is free again");
}

pub(crate) async fn imports_take_what_is_free_and_are_not_refused(hospital: Hospital) {
    let import = async |id: &str, record: Value| {
        let (id, record) = (Id::new(id).expect("an id"), resource(record));
        hospital.commit(|session| session.put(id, record)).await.expect("an import is not refused");
    };
    import("one", appointment("ada", ("09:00", "09:30"))).await;
    import("two", appointment("bob", ("09:00", "09:30"))).await;
    let mut cancelled = appointment("bob", ("09:00", "09:30"));
    cancelled["status"] = "cancelled".into();
    import("two", cancelled).await;
    let third = resource(appointment("cyd", ("09:00", "09:30")));
    let refused = hospital.commit(|session| session.create(third).map(drop)).await;
    assert!(is_claimed(refused), "the first still has the time");
}

pub(crate) async fn what_is_imported_beside_another_stays_when_that_is_called_off(hospital: Hospital) {
    let import = async |id: &str, record: Value| {
        let (id, record) = (Id::new(id).expect("an id"), resource(record));
        hospital.commit(|session| session.put(id, record)).await.expect("an import is not refused");
    };
    import("one", appointment("ada", ("09:00", "09:30"))).await;
    import("two", appointment("ada", ("09:15", "09:45"))).await;
    assert_eq!(appointments_of(&hospital, "ada", (20, 25)).await, ["one", "two"]);
    let mut cancelled = appointment("ada", ("09:00", "09:30"));
    cancelled["status"] = "cancelled".into();
    import("one", cancelled).await;
    assert_eq!(taken(&hospital, None).await, [(15, 45)]);
    assert_eq!(appointments_of(&hospital, "ada", (0, 60)).await, ["two"]);

    // A change that says nothing of the time loses none of it, and one of the length moves the end.
    let mut arrived = appointment("ada", ("09:15", "09:45"));
    arrived["status"] = "arrived".into();
    import("two", arrived).await;
    assert_eq!(taken(&hospital, None).await, [(15, 45)]);
    import("two", appointment("ada", ("09:15", "09:30"))).await;
    assert_eq!(taken(&hospital, None).await, [(15, 30)]);
    import("two", appointment("ada", ("10:15", "10:30"))).await;
    assert_eq!(taken(&hospital, None).await, [(75, 90)]);
    assert!(appointments_of(&hospital, "ada", (0, 75)).await.is_empty());
}

pub(crate) async fn an_appointment_of_days_takes_all_of_them(hospital: Hospital) {
    let mut congress = appointment("ada", ("09:00", "09:30"));
    congress["end"] = "2026-12-07T09:00:00Z".into();
    let congress = hospital.create(congress).await;
    let day = 24 * 60;
    assert_eq!(appointments_of(&hospital, "ada", (3 * day, 3 * day + 30)).await, [congress.id.to_string()]);
    assert!(appointments_of(&hospital, "ada", (4 * day, 4 * day + 30)).await.is_empty());
    hospital.commit(|session| session.delete(&congress)).await.expect("it is deleted");
    assert!(appointments_of(&hospital, "ada", (0, 4 * day)).await.is_empty());
}

pub(crate) async fn what_is_booked_over_another_says_so(hospital: Hospital) {
    let first = hospital.create(appointment("ada", ("09:00", "09:30"))).await;
    let mut over = appointment("bob", ("09:00", "09:30"));
    over["extension"] = json!([{ "url": "urn:medcor:appointment-override", "valueString": "emergency" }]);
    hospital.create(over).await;
    let third = resource(appointment("cyd", ("09:00", "09:30")));
    assert!(is_claimed(hospital.commit(|session| session.create(third).map(drop)).await));
    let mut cancelled = appointment("ada", ("09:00", "09:30"));
    cancelled["status"] = "cancelled".into();
    hospital.update(&first, cancelled).await.expect("it is cancelled");
    assert_eq!(taken(&hospital, None).await, [(0, 30)], "what was booked over it has the time still");
}

/// What the migration makes of appointments that are there: the claims of before are as good as lost here.
pub(crate) async fn a_database_of_before_spans_knows_who_is_taken(hospital: Hospital) {
    let mut with_pause = appointment("ada", ("09:00", "09:30"));
    with_pause["extension"] = json!([{ "url": "urn:medcor:appointment-buffer", "valueUnsignedInt": 10 }]);
    let first = hospital.create(with_pause).await;
    let mut declined = appointment("bob", ("10:00", "10:30"));
    declined["participant"][1]["status"] = "declined".into();
    hospital.create(declined).await;
    let mut cancelled = appointment("bob", ("11:00", "11:30"));
    cancelled["status"] = "cancelled".into();
    hospital.create(cancelled).await;
    hospital.damage("DELETE FROM claim").await;
    assert!(taken(&hospital, None).await.is_empty());
    let [sqlite, postgres] = [
        include_str!("../../migrations/sqlite/0015_time_spans.sql"),
        include_str!("../../migrations/postgres/0015_time_spans.sql"),
    ];
    hospital.damage(if hospital.is_on_sqlite() { sqlite } else { postgres }).await;
    assert_eq!(taken(&hospital, None).await, [(0, 40)]);
    assert_eq!(appointments_of(&hospital, "ada", (29, 31)).await, [first.id.to_string()]);
    assert!(appointments_of(&hospital, "ada", (30, 60)).await.is_empty(), "the pause is the clinician's");
    assert_eq!(
        appointments_of(&hospital, "bob", (0, 180)).await.len(),
        1,
        "the declined one is the patient's"
    );
    hospital.update(&first, appointment("ada", ("10:00", "10:30"))).await.expect("it is moved");
    assert_eq!(taken(&hospital, None).await, [(60, 90)]);
}

pub(crate) async fn a_hold_keeps_a_time_until_it_ends(hospital: Hospital) {
    let now = hospital.store.clock().now();
    let hold = |id: &str, until: i64| Hold {
        id: id.to_owned(),
        practitioner: grace(),
        from: NINE,
        to: NINE + 30 * MINUTE,
        until,
    };
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    session.hold(&hold("mine", now + 5 * MINUTE));
    session.commit(entry("hold")).await.expect("it is free");
    assert_eq!(taken(&hospital, None).await, [(0, 30)]);
    assert!(taken(&hospital, Some("mine")).await.is_empty(), "who holds it is free to book it");

    let stranger = resource(appointment("bob", ("09:00", "09:30")));
    assert!(is_claimed(hospital.commit(|session| session.create(stranger).map(drop)).await));
    let mut session = hospital.store.session(&permit);
    session.give_back("mine", &grace(), (NINE, NINE + 30 * MINUTE));
    session.create(resource(appointment("ada", ("09:00", "09:30")))).expect("valid");
    session.commit(entry("book")).await.expect("the hold is turned into the appointment");

    let later = |id: &str, until: i64| {
        let mut hold = hold(id, until);
        (hold.from, hold.to) = (NINE + 60 * MINUTE, NINE + 90 * MINUTE);
        hold
    };
    let mut session = hospital.store.session(&permit);
    session.hold(&later("ended", now));
    session.commit(entry("hold")).await.expect("it is free");
    assert_eq!(taken(&hospital, None).await, [(0, 30)], "a hold that ended keeps nothing");
    hospital.create(appointment("bob", ("10:00", "10:30"))).await;
    hospital.store.forget_claims().await.expect("what ended is forgotten");
    let third = resource(appointment("cyd", ("10:00", "10:30")));
    assert!(is_claimed(hospital.commit(|session| session.create(third).map(drop)).await));
}
