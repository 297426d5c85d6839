//! Server-sent events through the real door: what is said, going on after a break, and who may open a stream.

use std::time::Duration;

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use medcor::{events::HubSettings, job::send_due_reminders};
use medcor_policy::Role;
use medcor_store::audit::AuditQuery;
use serde_json::{Value, json};

use crate::support::{Clinic, EventStream, Request, patient, settled};

pub(crate) fn appointment(id: &str, patient: &str, start: &str) -> Value {
    json!({
        "resourceType": "Appointment", "id": id, "status": "booked", "start": format!("2026-12-{start}:00Z"),
        "end": format!("2026-12-{start}:30Z"),
        "participant": [{ "actor": { "reference": format!("Patient/{patient}") }, "status": "accepted" }]
    })
}

pub(crate) async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    settled(&clinic.server.store).await;
    clinic
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appointment_is_told_in_the_documented_events_and_in_ids_alone() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let mut stream = EventStream::open(&clinic.server, &token).await;
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    let update = stream.wanted("resource_update").await;
    assert_eq!((&update["resource"], &update["action"]), (&json!("appointments"), &json!("created")));
    let created = stream.wanted("appointment_created").await;
    for data in [&update["data"], &created["appointment"]] {
        let start = "2026-12-03T10:00:00Z";
        assert_eq!(
            (&data["id"], &data["appointment_id"], &data["status"], &data["start"]),
            (&json!("a1"), &json!("a1"), &json!("SCHEDULED"), &json!(start))
        );
        assert_eq!((&data["version"], &data["resource_type"]), (&json!(1), &json!("Appointment")));
    }
    assert!(!update.to_string().contains("ada"), "whose it is, a tool says: {update}");
    clinic
        .ok(Role::Receptionist, "cancel_appointment", json!({ "appointment": "a1", "reason": "ill" }))
        .await;
    let update = stream.wanted("resource_update").await;
    assert_eq!((&update["action"], &update["data"]["status"]), (&json!("updated"), &json!("CANCELLED")));
    let rows = clinic.server.audit().await;
    let opened: Vec<&Value> = rows.iter().filter(|row| row["action"] == "open_stream").collect();
    assert_eq!(opened.len(), 1);
    assert_eq!((&opened[0]["event"], &opened[0]["object"]), (&json!("AUDIT:EVENTS"), &json!("events/all")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_at_a_clinic_is_told_by_its_name() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let topics = "?topics=patient_registered,critical_result,reminder_due";
    let mut stream = EventStream::at(clinic.server.address, &token, topics, None).await;
    let new =
        json!({ "name": "Grace Hopper", "dob": "1986-12-09", "gender": "female", "phone": "+1 555 0100" });
    let new = clinic.ok(Role::Receptionist, "create_patient", new).await;
    let registered = stream.wanted("patient_registered").await;
    assert_eq!(registered["patient"]["id"], new["id"]);
    let result =
        json!({ "patient": "ada", "results": { "test": "potassium", "value": 7.1, "unit": "mmol/L" } });
    clinic.ok(Role::Doctor, "record_lab_result", result).await;
    let critical = stream.wanted("critical_result").await;
    assert_eq!(critical["result"]["resource_type"], "Observation");
    let reminder = json!({
        "patient": "ada", "medication": "Metformin", "dosage": "500 mg", "frequency": "twice daily",
        "times": ["08:00", "20:00"], "end_date": "2026-12-09"
    });
    clinic.ok(Role::Nurse, "create_medication_reminder", reminder).await;
    clinic.server.store.clock().advance(Duration::from_mins(11 * 60 + 1));
    // The token has ended by now.
    let token = clinic.server.token("doctor@here").await;
    let mut stream = EventStream::at(clinic.server.address, &token, topics, Some(&stream.last_id)).await;
    send_due_reminders(&clinic.server.pipeline).await.unwrap();
    assert_eq!(stream.wanted("reminder_due").await["reminder"]["resource_type"], "Communication");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_is_told_to_those_who_review_it() {
    let clinic = clinic().await;
    let (auditor, doctor) =
        (clinic.server.token("auditor@here").await, clinic.server.token("doctor@here").await);
    let mut review = EventStream::open(&clinic.server, &auditor).await;
    let mut others = EventStream::open(&clinic.server, &doctor).await;
    let open = json!({ "patient": "ada", "reason": "unconscious in the ambulance" });
    clinic.ok(Role::Doctor, "break_glass", open).await;
    let told = review.wanted("break_glass").await;
    assert!(told["access"]["id"].is_string() && !told.to_string().contains("unconscious"), "{told}");
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    others.wanted("resource_update").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_on_the_callers_own_streams_too() {
    let clinic = clinic().await;
    let (doctor, nurse) = (clinic.server.token("doctor@here").await, clinic.server.token("nurse@here").await);
    let mut own = EventStream::open(&clinic.server, &doctor).await;
    let mut other = EventStream::open(&clinic.server, &nurse).await;
    let call = json!({ "name": "get_patient", "arguments": { "patient": "ada" } });
    clinic.server.request("POST", "/mcp").bearer(&doctor).rpc(1, "tools/call", call).send().await;
    let told = own.wanted("tool_response").await;
    assert_eq!((&told["tool"], &told["result"]["id"]), (&json!("get_patient"), &json!("ada")));
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    other.wanted("resource_update").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_told_in_full_to_whoever_asks_and_each_leaves_its_row() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let query = "?data=full&topics=patient_registered,appointment_created";
    let mut stream = EventStream::at(clinic.server.address, &token, query, None).await;
    clinic.put(patient("eve", ("Eve", "Gray"), "1990-01-01")).await;
    let told = stream.wanted("patient_registered").await;
    assert_eq!((&told["patient"]["id"], &told["patient"]["name"]), (&json!("eve"), &json!("Eve Gray")));
    let rows = clinic.server.audit().await;
    let read: Vec<&Value> = rows.iter().filter(|row| row["door"] == "events").collect();
    assert_eq!(read.len(), 1, "{rows:?}");
    assert_eq!((&read[0]["action"], &read[0]["patients"]), (&json!("get_patient"), &json!(["eve"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_where_it_was_cut_off_on_another_instance_and_after_a_restart() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let mut stream = EventStream::open(&clinic.server, &token).await;
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    stream.wanted("resource_update").await;
    let half_told = stream.last_id.clone();
    drop(stream);
    clinic.put(appointment("a2", "bob", "03T11:00")).await;
    let other = clinic.server.instance().await;
    for round in 0..2 {
        let address = if round == 0 { other.address } else { clinic.server.address };
        let mut stream = EventStream::at(address, &token, "", Some(&half_told)).await;
        assert_eq!(stream.wanted("appointment_created").await["appointment"]["id"], "a1", "the rest of it");
        assert_eq!(stream.wanted("resource_update").await["data"]["id"], "a2");
        assert_eq!(stream.wanted("appointment_created").await["appointment"]["id"], "a2");
    }
    let mut stream = EventStream::at(other.address, &token, "?topics=appointments", Some(&half_told)).await;
    stream.wanted("appointment_created").await;
    let before = stream.last_id.clone();
    other.stop().await;
    while stream.any().await.is_some() {}
    clinic.put(appointment("a3", "ada", "03T12:00")).await;
    let again = clinic.server.instance().await;
    let mut stream =
        EventStream::at(again.address, &token, "?topics=appointment_created", Some(&before)).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(stream.wanted("appointment_created").await["appointment"]["id"].clone());
    }
    assert_eq!(seen, ["a2", "a3"]);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_cut_off_before_the_first_event_misses_none() {
    let clinic = clinic().await;
    let token = clinic.server.token("nurse@here").await;
    let stream = EventStream::open(&clinic.server, &token).await;
    let id = stream.last_id.clone();
    drop(stream);
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    let query = format!("?last_event_id={id}");
    let mut again = EventStream::at(clinic.server.address, &token, &query, None).await;
    assert_eq!(again.wanted("resource_update").await["data"]["id"], "a1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_not_kept_or_of_somebody_else_is_told() {
    let clinic = clinic().await;
    let store = &clinic.server.store;
    let (doctor, nurse) = (clinic.server.token("doctor@here").await, clinic.server.token("nurse@here").await);
    let old = EventStream::open(&clinic.server, &doctor).await.last_id;
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    let mut live = EventStream::open(&clinic.server, &doctor).await;
    clinic.put(appointment("a2", "ada", "03T11:00")).await;
    live.wanted("resource_update").await;
    store.outbox().forget_before(store.clock().now() + 1).await.unwrap();
    let places = [(&doctor, old.as_str()), (&nurse, live.last_id.as_str()), (&doctor, "made-up")];
    for (number, (token, id)) in places.into_iter().enumerate() {
        let mut stream = EventStream::at(clinic.server.address, token, "", Some(id)).await;
        stream.wanted("reset").await;
        clinic.put(appointment(&format!("b{number}"), "ada", "04T10:00")).await;
        stream.wanted("resource_update").await;
    }
    // Nobody who is there all the time is told so.
    live.wanted("appointment_created").await;
    live.wanted("resource_update").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_stream_has_heartbeats_and_is_told_when_its_token_ends() {
    let clinic = clinic().await;
    let settings = HubSettings {
        heartbeat: Duration::from_millis(50),
        recheck: Duration::from_millis(20),
        ..HubSettings::default()
    };
    let (address, _stop) = clinic.server.doors_telling(settings).await;
    let token = clinic.server.token("doctor@here").await;
    let mut stream = EventStream::at(address, &token, "", None).await;
    for _ in 0..3 {
        let beat = stream.any().await.unwrap();
        assert_eq!((beat.name.as_str(), &beat.data["type"]), ("heartbeat", &json!("heartbeat")));
        assert!(beat.id.is_some() && beat.data["timestamp"].is_string());
    }
    clinic.server.store.clock().advance(Duration::from_mins(14));
    let told = stream.wanted("auth_refresh").await;
    assert_eq!((&told["new_token"], &told["expires_at"]), (&Value::Null, &json!("2026-12-02T09:15:00.000Z")));
    clinic.server.store.clock().advance(Duration::from_mins(2));
    let told = stream.wanted("error_event").await;
    assert!(told["error"].as_str().unwrap().starts_with("AUTH_INVALID: "), "{told}");
    assert_eq!(told["details"]["code"], "AUTH_INVALID");
    assert!(stream.any().await.is_none(), "it is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_opens_a_stream_with_a_ticket_that_is_good_once() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let ask = || clinic.server.request("POST", "/api/mcp/sse/ticket").bearer(&token);
    let given = ask().send().await;
    let ticket: Value = serde_json::from_str(&given.body).unwrap();
    assert_eq!((given.header("cache-control"), &ticket["expires_in"]), ("no-store", &json!(30)));
    let url = ticket["url"].as_str().unwrap();
    let mut stream = EventStream::of(Request::new(clinic.server.address, "GET", url)).await;
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    stream.wanted("resource_update").await;
    let late: Value = serde_json::from_str(&ask().send().await.body).unwrap();
    clinic.server.store.clock().advance(Duration::from_secs(31));
    for url in [url, late["url"].as_str().unwrap(), "/api/mcp/sse?ticket=mct_made-up", "/api/mcp/sse"] {
        let refused = clinic.server.request("GET", url).send().await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{url}: {}", refused.body);
        assert!(refused.header("www-authenticate").starts_with("Bearer "));
    }
    assert_eq!(
        clinic.server.request("POST", "/api/mcp/sse/ticket").send().await.status,
        StatusCode::UNAUTHORIZED
    );
    // What the server remembers of a ticket is no token.
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let refused = Request::new(clinic.server.address, "GET", "/api/mcp/sse");
    let refused = refused.bearer(claims["jti"].as_str().unwrap()).send().await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.body);
    // It ends with the grant of the token that it was got with.
    let doctor = clinic.server.store.identity().user_by_email("doctor@here").await.unwrap().unwrap();
    clinic.server.store.identity().set_user_active(&doctor.id, false).await.unwrap();
    stream.wanted("appointment_created").await;
    stream.wanted("error_event").await;
    assert!(stream.any().await.is_none());
    let lines =
        clinic.server.store.ledger().search(&AuditQuery { limit: 1000, ..AuditQuery::default() }).await;
    let secret = ticket["ticket"].as_str().unwrap();
    assert!(lines.unwrap().iter().all(|line| !line.contains(secret)), "a ticket is in no row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_understood_is_refused() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    for query in ["topics=appointments,nonsense", "data=everything", "colour=red"] {
        let refused =
            clinic.server.request("GET", &format!("/api/mcp/sse?{query}")).bearer(&token).send().await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}: {}", refused.body);
        assert!(refused.body.contains("VALIDATION_ERROR"));
    }
    let in_url = clinic.server.request("GET", &format!("/api/mcp/sse?access_token={token}")).send().await;
    assert_eq!(in_url.status, StatusCode::BAD_REQUEST);
    let rows = clinic.server.audit().await;
    assert_eq!(rows.iter().filter(|row| row["door"] == "sse").count(), 4, "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_has_so_many_streams_and_no_more() {
    let clinic = clinic().await;
    let settings = HubSettings { streams_per_caller: 2, ..HubSettings::default() };
    let (address, _stop) = clinic.server.doors_telling(settings).await;
    let (doctor, nurse) = (clinic.server.token("doctor@here").await, clinic.server.token("nurse@here").await);
    let first = EventStream::at(address, &doctor, "", None).await;
    let _second = EventStream::at(address, &doctor, "", None).await;
    let refused = Request::new(address, "GET", "/api/mcp/sse").bearer(&doctor).send().await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.body);
    assert_eq!(refused.header("retry-after"), "30");
    EventStream::at(address, &nurse, "", None).await;
    drop(first);
    loop {
        // The server sees the end of the connection a moment later.
        let again = Request::new(address, "GET", "/api/mcp/sse").bearer(&doctor).open().await;
        if again.status == StatusCode::OK {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_off_and_goes_on_later() {
    let clinic = clinic().await;
    let settings = HubSettings { patience: Duration::from_millis(300), ..HubSettings::default() };
    let (address, _stop) = clinic.server.doors_telling(settings).await;
    let token = clinic.server.token("doctor@here").await;
    let (mut stuck, healthy) = (
        EventStream::at(address, &token, "?data=full&topics=appointments", None).await,
        EventStream::at(address, &token, "", None).await,
    );
    let id = stuck.last_id.clone();
    drop(healthy);
    let body = "x".repeat(60_000);
    for number in 0..200 {
        let mut record = appointment(&format!("a{number}"), "ada", "03T10:00");
        record["comment"] = body.as_str().into();
        record["status"] = "proposed".into();
        clinic.put(record).await;
    }
    let mut had = 0;
    while let Some(told) = stuck.next().await {
        had += usize::from(told.name == "resource_update");
    }
    assert!(had < 200, "it was cut off");
    let (query, last) = ("?topics=appointments", stuck.last_id.clone());
    assert_ne!(last, id);
    let mut again = EventStream::at(address, &token, query, Some(&last)).await;
    while had < 200 {
        let told = again.next().await.unwrap();
        had += usize::from(told.name == "resource_update");
        if had == 200 {
            assert_eq!(told.data["data"]["id"], "a199");
        }
    }
}
