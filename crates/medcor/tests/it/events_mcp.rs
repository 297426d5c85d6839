//! Watched resources of MCP, before and since 2026-07-28, over HTTP and standard input and output.

use axum::http::StatusCode;
use medcor_policy::Role;
use serde_json::{Value, json};

use crate::{
    door_stdio::Conversation,
    events::{appointment, clinic},
    support::{Clinic, Opened, Request},
};

fn prescription(id: &str, patient: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "medicationCodeableConcept": { "text": "Metformin" }, "authoredOn": "2026-11-01",
        "subject": { "reference": format!("Patient/{patient}") }
    })
}

/// A session and its stream.
struct Session<'c> {
    clinic: &'c Clinic,
    token: String,
    id: String,
    stream: Opened,
}

impl<'c> Session<'c> {
    async fn open(clinic: &'c Clinic, email: &str) -> Self {
        let token = clinic.server.token(email).await;
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "it", "version": "1" }
        });
        let request = clinic.server.request("POST", "/mcp").bearer(&token).rpc(0, "initialize", hello);
        let reply = request.send().await;
        let capabilities = &reply.result()["capabilities"];
        assert_eq!(capabilities["resources"]["subscribe"], true, "{capabilities}");
        let id = reply.header("mcp-session-id").to_owned();
        let request = clinic.server.request("GET", "/mcp").bearer(&token).header("mcp-session-id", &id);
        let stream = request.header("accept", "text/event-stream").open().await;
        assert_eq!(stream.status, StatusCode::OK);
        Self { clinic, token, id, stream }
    }

    fn post(&self) -> Request {
        self.clinic.server.request("POST", "/mcp").bearer(&self.token).header("mcp-session-id", &self.id)
    }

    async fn ask(&self, method: &str, uri: &str) -> Value {
        self.post().rpc(1, method, json!({ "uri": uri })).send().await.rpc()
    }

    async fn updated(&mut self) -> String {
        updated(&mut self.stream).await
    }
}

/// The URI of the next notification.
async fn updated(stream: &mut Opened) -> String {
    loop {
        let part = stream.next().await.expect("the stream goes on");
        for data in part.lines().filter_map(|line| line.strip_prefix("data:")) {
            let Ok(message) = serde_json::from_str::<Value>(data) else { continue };
            if message["method"] == "notifications/resources/updated" {
                return message["params"]["uri"].as_str().unwrap().to_owned();
            }
            assert!(message.get("error").is_none(), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_told_of_the_resources_that_it_watches() {
    let clinic = clinic().await;
    let mut session = Session::open(&clinic, "doctor@here").await;
    for uri in ["patients://summary/Ada Lovelace", "medications://active/bob", "patients://appointments/ada"]
    {
        let answer = session.ask("resources/subscribe", uri).await;
        assert_eq!(answer["result"], json!({}), "{uri}: {answer}");
    }
    clinic.put(prescription("m0", "ada")).await;
    assert_eq!(session.updated().await, "patients://summary/Ada Lovelace");
    clinic.put(prescription("m1", "bob")).await;
    assert_eq!(session.updated().await, "medications://active/bob");
    clinic.put(appointment("a1", "bob", "03T10:00")).await;
    clinic.put(appointment("a2", "ada", "03T11:00")).await;
    assert_eq!(session.updated().await, "patients://appointments/ada");
    let answer = session.ask("resources/unsubscribe", "patients://appointments/ada").await;
    assert_eq!(answer["result"], json!({}), "{answer}");
    clinic.put(appointment("a3", "ada", "03T12:00")).await;
    clinic.put(prescription("m2", "bob")).await;
    assert_eq!(session.updated().await, "medications://active/bob");
    let rows = clinic.server.audit().await;
    let watched: Vec<&Value> = rows.iter().filter(|row| row["event"] == "AUDIT:SUBSCRIPTION").collect();
    assert_eq!(watched.len(), 3);
    assert_eq!(
        (&watched[0]["action"], &watched[0]["patients"]),
        (&json!("get_patient_summary"), &json!(["ada"]))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_watches_what_reading_would_refuse() {
    let clinic = clinic().await;
    let session = Session::open(&clinic, "receptionist@here").await;
    for (uri, code) in [
        ("patients://appointments/Nobody Known", "RESOURCE_NOT_FOUND"),
        ("nothing://here", "RESOURCE_NOT_FOUND"),
        ("patients://summary/ada", "PERMISSION_DENIED"),
    ] {
        let answer = session.ask("resources/subscribe", uri).await;
        assert_eq!(answer["error"]["data"]["code"], code, "{uri}: {answer}");
    }
    let answer = session.ask("resources/unsubscribe", "patients://summary/ada").await;
    assert_eq!(answer["error"]["code"], -32002, "{answer}");
    let bare = clinic.server.request("POST", "/mcp").bearer(&session.token);
    let bare =
        bare.rpc(1, "resources/subscribe", json!({ "uri": "patients://appointments/ada" })).send().await;
    assert_eq!(bare.error_code(), -32600, "without a session there is no stream: {}", bare.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_listens_is_told_of_what_it_names() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let listen = |uris: Value| {
        let params = json!({ "notifications": { "resourceSubscriptions": uris, "toolsListChanged": true } });
        clinic.server.request("POST", "/mcp").bearer(&token).modern(7, "subscriptions/listen", params)
    };
    let uris = ["pms://patients/ada/summary", "healthcare://appointments", "nothing://here"];
    let mut stream = listen(json!(uris)).open().await;
    let acknowledged = stream.next().await.unwrap();
    assert!(
        acknowledged.contains("acknowledged") && !acknowledged.contains("nothing://here"),
        "{acknowledged}"
    );
    assert!(!acknowledged.contains("toolsListChanged"), "lists don't change: {acknowledged}");
    // It is acknowledged before it is judged, so the first change may come too early.
    let mut number = 0;
    let first = loop {
        number += 1;
        clinic.put(prescription(&format!("m{number}"), "ada")).await;
        let next = tokio::time::timeout(std::time::Duration::from_millis(500), updated(&mut stream)).await;
        if let Ok(uri) = next {
            break uri;
        }
    };
    assert_eq!(first, "pms://patients/ada/summary");
    clinic.put(prescription("m0", "bob")).await;
    clinic.put(appointment("a1", "bob", "03T10:00")).await;
    loop {
        match updated(&mut stream).await.as_str() {
            "pms://patients/ada/summary" => {}
            other => break assert_eq!(other, "healthcare://appointments"),
        }
    }
    let refused = listen(json!(["patients://summary/Nobody Known"])).send().await;
    assert_eq!(refused.error_code(), -32602, "{}", refused.body);
    assert!(refused.body.contains("RESOURCE_NOT_FOUND"), "{}", refused.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_resource_is_silent_once_its_permit_is_gone() {
    let clinic = clinic().await;
    let mut session = Session::open(&clinic, "doctor@here").await;
    let answer = session.ask("resources/subscribe", "patients://appointments/ada").await;
    assert_eq!(answer["result"], json!({}), "{answer}");
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    assert_eq!(session.updated().await, "patients://appointments/ada");
    let identity = clinic.server.store.identity();
    let doctor = identity.user_by_email("doctor@here").await.unwrap().unwrap();
    identity.set_user_active(&doctor.id, false).await.unwrap();
    // The stream ends with its caller.
    while let Some(part) = session.stream.next().await {
        assert!(!part.contains("resources/updated"), "{part}");
    }
}

#[tokio::test]
async fn a_program_on_standard_input_watches_too() {
    let clinic = clinic().await;
    if crate::support::setting("MEDCOR_TEST_STORE").is_some_and(|store| store == "postgres") {
        // The program is started on a file.
        return;
    }
    let mut conversation = Conversation::begin(&clinic.server.stdio_arguments("doctor@here"));
    let answer = conversation.ask(&json!({
        "jsonrpc": "2.0", "id": 2, "method": "resources/subscribe", "params": { "uri": "patients://summary/ada" }
    }));
    assert_eq!(answer["result"], json!({}), "{answer}");
    // Written by another process.
    clinic.put(prescription("m1", "ada")).await;
    let told = conversation.listen();
    assert_eq!(told["method"], "notifications/resources/updated");
    assert_eq!(told["params"]["uri"], "patients://summary/ada");
    clinic.ok(Role::Doctor, "get_patient", json!({ "patient": "ada" })).await;
    assert!(conversation.end().1);
}
