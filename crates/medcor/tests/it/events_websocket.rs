//! `/api/mcp/ws`: calls and events over one WebSocket, as documented.

use std::time::Duration;

use medcor::door::{DoorSettings, WebSocketSettings};
use serde_json::{Value, json};

use crate::support::{CLIENT_SECRET, Server, WebSocket};

const PATH: &str = "/api/mcp/ws";
const DOCTOR: &str = "doctor@here";

async fn connected(server: &Server, email: &str) -> WebSocket {
    WebSocket::with_token(server.address, PATH, &server.token(email).await).await
}

async fn asked(client: &mut WebSocket, message: Value) -> Value {
    client.send(message).await;
    client.next().await
}

async fn subscribed(client: &mut WebSocket, resource: &str, after: Option<&str>) -> String {
    let mut message = json!({ "type": "subscribe", "resource": resource });
    if let Some(after) = after {
        message["last_event_id"] = after.into();
    }
    let answer = asked(client, message).await;
    assert_eq!((&answer["type"], &answer["resource"]), (&json!("subscribed"), &json!(resource)), "{answer}");
    answer["event_id"].as_str().unwrap().to_owned()
}

/// Registers a patient at the other connection; the id.
async fn registered(desk: &mut WebSocket, family: &str) -> String {
    let params = json!({
        "first_name": "Ada", "last_name": family, "email": format!("{family}@example.org"),
        "date_of_birth": "1980-05-17"
    });
    let message =
        json!({ "type": "tool_invoke", "request_id": family, "tool": "create_patient", "params": params });
    let answer = asked(desk, message).await;
    assert!(answer.get("error").is_none(), "{answer}");
    let result = &answer["result"];
    let id = [&result["patient_id"], &result["id"]].into_iter().find_map(Value::as_str);
    id.unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_messages_are_answered_as_written() {
    let server = Server::start().await;
    server.patient("John", "Smith").await;
    let token = server.token(DOCTOR).await;
    let mut client = WebSocket::open(server.address, PATH, &[]).await.unwrap();
    let welcome = asked(&mut client, json!({ "type": "auth", "token": token })).await;
    assert_eq!(welcome["type"], "auth_success", "{welcome}");
    let request_id = "req_1733130000000_x7k2p";
    let params = json!({ "search_term": "John" });
    let call = json!({ "type": "tool_invoke", "request_id": request_id, "tool": "search_patients", "params": params });
    let answer = asked(&mut client, call).await;
    assert_eq!((&answer["type"], &answer["request_id"]), (&json!("tool_response"), &json!(request_id)));
    assert_eq!(answer["result"]["count"], 1, "{answer}");
    let call = json!({ "type": "tool_invoke", "request_id": "r2", "tool": "get_patient", "params": { "mrn": "none" } });
    let answer = asked(&mut client, call).await;
    assert_eq!((&answer["type"], &answer["request_id"]), (&json!("tool_response"), &json!("r2")));
    assert!(answer["error"].as_str().unwrap().starts_with("RESOURCE_NOT_FOUND: "), "{answer}");
    assert_eq!(answer["error_detail"]["code"], "RESOURCE_NOT_FOUND");
    assert!(answer.get("result").is_none());
    let subscribed = asked(&mut client, json!({ "type": "subscribe", "resource": "appointments" })).await;
    assert_eq!(subscribed["type"], "subscribed", "{subscribed}");
    let left = asked(&mut client, json!({ "type": "unsubscribe", "resource": "appointments" })).await;
    assert_eq!(left["type"], "unsubscribed", "{left}");
    let rows = server.audit().await;
    let own: Vec<&Value> = rows.iter().filter(|row| row["door"] == "websocket").collect();
    assert_eq!(own.len(), 3, "two calls and a subscription: {own:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_written_in_every_documented_way_and_answered_as_by_mcp() {
    let server = Server::start().await;
    server.patient("John", "Smith").await;
    let token = server.token(DOCTOR).await;
    let mut client = WebSocket::with_token(server.address, PATH, &token).await;
    for (tool, arguments) in [
        ("trial_echo", json!({ "text": "a" })),
        ("search_patients", json!({ "search_term": "John" })),
        ("get_patient", json!({ "mrn": "MRN-John" })),
    ] {
        let params = json!({ "name": tool, "arguments": arguments });
        let http = server.request("POST", "/mcp").bearer(&token).rpc(1, "tools/call", params).send().await;
        for (name, members) in [("tool", "params"), ("tool", "arguments"), ("name", "parameters")] {
            let call = json!({ "type": "tool_invoke", "request_id": 7, name: tool, members: arguments });
            let answer = asked(&mut client, call).await;
            assert_eq!(answer["result"], http.result()["structuredContent"], "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_is_told_what_its_organisation_does_and_no_other() {
    let server = Server::start().await;
    let mut here = connected(&server, DOCTOR).await;
    let mut elsewhere = connected(&server, "doctor@elsewhere").await;
    let mut desk = connected(&server, "receptionist@here").await;
    let mut other_desk = connected(&server, "receptionist@elsewhere").await;
    subscribed(&mut here, "patients", None).await;
    subscribed(&mut elsewhere, "patients", None).await;
    let id = registered(&mut desk, "Lovelace").await;
    let other = registered(&mut other_desk, "Hopper").await;
    for (client, id) in [(&mut here, &id), (&mut elsewhere, &other)] {
        let told = client.next().await;
        assert_eq!((&told["type"], &told["resource"]), (&json!("resource_update"), &json!("patients")));
        assert_eq!((&told["action"], &told["data"]["id"]), (&json!("created"), &json!(id)), "{told}");
        let registered = client.next().await;
        assert_eq!(registered["type"], "patient_registered", "{registered}");
        assert_eq!(registered["patient"]["id"], *id);
    }
    // Two more: nobody was told of the others' in between.
    registered(&mut other_desk, "Noether").await;
    let id = registered(&mut desk, "Germain").await;
    assert_eq!(here.next().await["data"]["id"], id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_on_after_the_last_event_that_the_one_before_had() {
    let server = Server::start().await;
    let mut desk = connected(&server, "receptionist@here").await;
    let mut first = connected(&server, DOCTOR).await;
    let begun = subscribed(&mut first, "patients", None).await;
    registered(&mut desk, "One").await;
    let seen = first.next().await["event_id"].as_str().unwrap().to_owned();
    drop(first);
    let missed = registered(&mut desk, "Two").await;
    let mut second = connected(&server, DOCTOR).await;
    assert_eq!(subscribed(&mut second, "patients", Some(&seen)).await, seen);
    let rest = second.next().await;
    assert_eq!(rest["type"], "patient_registered", "the second half of the first event: {rest}");
    assert_eq!(second.next().await["data"]["id"], missed);
    let message = json!({ "type": "subscribe", "resource": "appointments", "last_event_id": begun });
    let refused = asked(&mut second, message).await;
    let refused = if refused["type"] == "patient_registered" { second.next().await } else { refused };
    assert!(refused["error"].as_str().unwrap().starts_with("VALIDATION_ERROR: "), "{refused}");
    subscribed(&mut second, "appointments", None).await;
    let third = registered(&mut desk, "Three").await;
    assert_eq!(second.next().await["data"]["id"], third, "what was subscribed to stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_after_unsubscribing() {
    let server = Server::start().await;
    let mut desk = connected(&server, "receptionist@here").await;
    let mut client = connected(&server, DOCTOR).await;
    subscribed(&mut client, "patients, appointments", None).await;
    asked(&mut client, json!({ "type": "unsubscribe", "resource": "patients" })).await;
    registered(&mut desk, "Lovelace").await;
    let call =
        json!({ "type": "tool_invoke", "request_id": "r", "tool": "trial_echo", "params": { "text": "a" } });
    assert_eq!(asked(&mut client, call).await["type"], "tool_response");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_anything_and_a_login_may_be_called() {
    let server = Server::start().await;
    let websocket =
        WebSocketSettings { unidentified: Duration::from_millis(300), ..WebSocketSettings::default() };
    let settings = DoorSettings {
        websocket,
        stream_recheck: Duration::from_millis(20),
        ..DoorSettings::new("https://mcp.example.org")
    };
    let (address, _stop) = server.doors_with(settings).await;
    let mut client = WebSocket::open(address, PATH, &[]).await.unwrap();
    for message in [
        json!({ "type": "subscribe", "resource": "patients" }),
        json!({ "type": "tool_invoke", "request_id": "r", "tool": "get_patient", "params": { "mrn": "1" } }),
        json!({ "type": "auth" }),
    ] {
        let refused = asked(&mut client, message).await;
        assert!(refused["error"].as_str().unwrap().starts_with("AUTH_REQUIRED: "), "{refused}");
    }
    let wrong = asked(&mut client, json!({ "type": "auth", "token": "nonsense" })).await;
    assert!(wrong["error"].as_str().unwrap().starts_with("AUTH_INVALID: "), "{wrong}");
    assert_eq!(client.closed().await, 1008);
    let params =
        json!({ "client_id": "copilot", "client_secret": CLIENT_SECRET, "app_id": "copilot-studio" });
    let login = json!({ "type": "tool_invoke", "request_id": "l", "tool": "authenticate", "params": params });
    let mut client = WebSocket::open(address, PATH, &[]).await.unwrap();
    assert!(asked(&mut client, login).await["result"]["access_token"].is_string());
    subscribed(&mut client, "patients", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_understood_is_refused() {
    let server = Server::start().await;
    let mut client = connected(&server, DOCTOR).await;
    for message in [
        json!([]),
        json!({ "type": "publish" }),
        json!({ "type": "tool_invoke", "request_id": "r" }),
        json!({ "type": "subscribe", "resource": "" }),
        json!({ "type": "subscribe", "resource": "nonsense" }),
        json!({ "type": "subscribe", "resource": "patients", "data": "everything" }),
        json!({ "type": "subscribe", "resource": "patients", "filter": { "id": 1 } }),
    ] {
        let refused = asked(&mut client, message.clone()).await;
        assert_eq!(refused["type"], "error", "{message}: {refused}");
        assert_eq!(refused["error_detail"]["code"], "VALIDATION_ERROR", "{message}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_is_deactivated_is_told_and_closed() {
    let server = Server::start().await;
    let mut client = connected(&server, DOCTOR).await;
    subscribed(&mut client, "all", None).await;
    let identity = server.store.identity();
    let doctor = identity.user_by_email(DOCTOR).await.unwrap().unwrap();
    identity.set_user_active(&doctor.id, false).await.unwrap();
    assert_eq!(client.closed().await, 1008);
}
