//! MCP over WebSocket: both lifecycles, and the documented client that knows neither.

use axum::http::StatusCode;
use medcor::door::{DoorSettings, WebSocketSettings};
use serde_json::{Value, json};

use crate::support::{CLIENT_SECRET, Request, Server, WebSocket};

const DOCTOR: &str = "doctor@here";

fn credentials() -> Value {
    json!({ "client_id": "copilot", "client_secret": CLIENT_SECRET, "app_id": "copilot-studio" })
}

async fn connected(server: &Server, email: &str) -> WebSocket {
    WebSocket::with_token(server.address, "/ws", &server.token(email).await).await
}

fn structure(result: &Value) -> &Value {
    assert_ne!(result["isError"], true, "{result}");
    &result["structuredContent"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_client_authenticates_and_calls_without_initialize() {
    let server = Server::start().await;
    server.patient("John", "Smith").await;
    // `ws://host:7777`, without a path.
    let mut client = WebSocket::open(server.address, "", &[]).await.unwrap();
    let login = client.call("authenticate", credentials()).await;
    let text: Value = serde_json::from_str(login["content"][0]["text"].as_str().unwrap()).unwrap();
    let token = text["access_token"].as_str().unwrap().to_owned();
    let tools = client.rpc("tools/list", json!({})).await;
    assert!(tools["result"]["tools"].as_array().unwrap().len() > 10, "{tools}");
    let arguments = json!({ "search_term": "John", "access_token": token });
    let found = client.call("search_patients", arguments).await;
    assert_eq!(structure(&found)["count"], 1, "{found}");
    for (tool, key) in [("get_patient", "mrn"), ("get_appointments", "mrn")] {
        let result = client.call(tool, json!({ key: "MRN-John", "access_token": token })).await;
        assert_ne!(result["isError"], true, "{result}");
    }
    let rows = server.audit().await;
    let own: Vec<&Value> = rows.iter().filter(|row| row["door"] == "mcp-websocket").collect();
    assert_eq!(own.len(), 4, "a row for each call: {own:?}");
    assert!(own.iter().all(|row| row["client"] == "copilot"), "{own:?}");
    assert!(!format!("{rows:?}").contains(&token), "no token in the trail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_says_whose_the_connection_is() {
    let server = Server::start().await;
    server.patient("John", "Smith").await;
    let mut client = WebSocket::open(server.address, "/ws", &[]).await.unwrap();
    let login = client.rpc("authenticate", credentials()).await;
    assert_ne!(login["result"]["isError"], true, "a method of the tool's name: {login}");
    let found = client.rpc("search_patients", json!({ "search_term": "John" })).await;
    assert_eq!(structure(&found["result"])["count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_and_requests_by_themselves_are_both_served() {
    let server = Server::start().await;
    let mut session = connected(&server, DOCTOR).await;
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "it", "version": "1" }
    });
    let begun = session.rpc("initialize", params).await;
    assert_eq!(begun["result"]["protocolVersion"], "2025-11-25", "{begun}");
    session.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    assert_eq!(session.rpc("ping", json!({})).await["result"], json!({}));
    let echo = session.call("trial_echo", json!({ "text": "a" })).await;
    assert_eq!(structure(&echo)["text"], "a");
    assert!(echo.get("resultType").is_none(), "{echo}");
    let mut modern = connected(&server, DOCTOR).await;
    let discovered = modern.modern("server/discover", json!({})).await;
    assert!(discovered["result"]["supportedVersions"].is_array(), "{discovered}");
    let params = json!({ "name": "trial_echo", "arguments": { "text": "b" } });
    let echo = modern.modern("tools/call", params).await["result"].clone();
    assert_eq!(
        (structure(&echo)["text"].as_str(), echo["resultType"].as_str()),
        (Some("b"), Some("complete"))
    );
    let read = modern.modern("resources/read", json!({ "uri": "trial://greeting" })).await;
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().contains("hello"), "{read}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_comes_by_header_subprotocol_or_message() {
    let server = Server::start().await;
    let token = server.token(DOCTOR).await;
    let mut by_header = connected(&server, DOCTOR).await;
    let protocols = format!("mcp, bearer.{token}");
    let headers = [("sec-websocket-protocol", &*protocols)];
    let mut by_subprotocol = WebSocket::open(server.address, "/ws", &headers).await.unwrap();
    assert_eq!(by_subprotocol.headers["sec-websocket-protocol"], "mcp");
    let mut by_message = WebSocket::open(server.address, "/ws", &[]).await.unwrap();
    let said = by_message.rpc("auth", json!({ "token": token })).await;
    assert_eq!(said["result"]["status"], "authenticated", "{said}");
    for client in [&mut by_header, &mut by_subprotocol, &mut by_message] {
        let echo = client.call("trial_echo", json!({ "text": "a" })).await;
        assert_eq!(structure(&echo)["text"], "a");
    }
    let in_url = WebSocket::open(server.address, &format!("/?access_token={token}"), &[]).await;
    let in_url = in_url.err().unwrap();
    assert_eq!(in_url.status, StatusCode::BAD_REQUEST);
    assert!(!in_url.body.contains(&token));
    let wrong = WebSocket::open(server.address, "/ws", &[("authorization", "Bearer nonsense")]).await;
    let wrong = wrong.err().unwrap();
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer resource_metadata="));
    let rows = server.audit().await;
    let refused = rows.iter().filter(|row| row["door"] == "mcp-websocket" && row["event"] == "AUDIT:REFUSED");
    assert_eq!(refused.count(), 2, "a row for each refused handshake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_there_is_nothing_but_a_login_and_the_end() {
    let server = Server::start().await;
    let websocket = WebSocketSettings {
        unidentified: std::time::Duration::from_millis(300),
        ..WebSocketSettings::default()
    };
    let settings = DoorSettings {
        websocket,
        stream_recheck: std::time::Duration::from_millis(20),
        ..DoorSettings::new("https://mcp.example.org")
    };
    let (address, _stop) = server.doors_with(settings).await;
    let mut client = WebSocket::open(address, "/ws", &[]).await.unwrap();
    for method in ["tools/list", "initialize", "resources/list"] {
        let refused = client.rpc(method, json!({})).await;
        assert_eq!(refused["error"]["data"]["code"], "AUTH_REQUIRED", "{refused}");
    }
    let params = json!({ "name": "search_patients", "arguments": { "search_term": "a" } });
    assert_eq!(client.rpc("tools/call", params).await["error"]["data"]["code"], "AUTH_REQUIRED");
    let wrong = client.rpc("auth", json!({ "token": "nonsense" })).await;
    assert_eq!(wrong["error"]["data"]["code"], "AUTH_INVALID", "{wrong}");
    assert_eq!(client.closed().await, 1008);
    let rows = server.audit().await;
    assert_eq!(rows.iter().filter(|row| row["door"] == "mcp-websocket").count(), 6, "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_is_answered_and_the_next_one_is_heard() {
    let server = Server::start().await;
    let mut client = connected(&server, DOCTOR).await;
    for (text, code) in [
        ("{", -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no_such_tool"}}"#, -32602),
    ] {
        client.send(text).await;
        let answer = client.next().await;
        assert_eq!(answer["error"]["code"], code, "{text}: {answer}");
    }
    assert_eq!(client.rpc("ping", json!({})).await["result"], json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_mcp_over_http() {
    let server = Server::start().await;
    server.patient("John", "Smith").await;
    let token = server.token(DOCTOR).await;
    let mut client = WebSocket::with_token(server.address, "/ws", &token).await;
    for (tool, arguments) in [
        ("trial_echo", json!({ "text": "a", "volume": "LOUD" })),
        ("trial_echo", json!({ "text": 1, "other": 2 })),
        ("trial_fail", json!({})),
        ("trial_harm", json!({ "family": "Hopper" })),
        ("no_such_tool", json!({})),
        ("search_patients", json!({ "search_term": "John" })),
        ("get_patient", json!({ "mrn": "MRN-John" })),
        ("get_patient", json!({ "mrn": "nobody" })),
        ("list_users", json!({})),
        ("system_health_check", json!({})),
    ] {
        let params = json!({ "name": tool, "arguments": arguments });
        for is_modern in [false, true] {
            let request = || server.request("POST", "/mcp").bearer(&token);
            let (http, mut websocket) = if is_modern {
                let http = request().modern(1, "tools/call", params.clone()).send().await.rpc();
                (http, client.modern("tools/call", params.clone()).await)
            } else {
                let http = request().rpc(1, "tools/call", params.clone()).send().await.rpc();
                (http, client.rpc("tools/call", params.clone()).await)
            };
            websocket["id"] = 1.into();
            assert_eq!(without_ids(&websocket), without_ids(&http), "{tool}");
        }
    }
    let listed = server.request("POST", "/mcp").bearer(&token).rpc(1, "tools/list", json!({})).send().await;
    assert_eq!(client.rpc("tools/list", json!({})).await["result"], listed.result());
}

/// Without what is of each request alone.
pub(crate) fn without_ids(message: &Value) -> String {
    let mut message = message.clone();
    strip(&mut message);
    message.to_string()
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in ["request_id", "timestamp", "confirmation_token", "uptime_seconds"] {
                members.remove(name);
            }
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::String(text) => {
            let is_kept =
                |line: &&str| !line.contains("confirmation_token") && !line.starts_with("(request ");
            *text = text.lines().filter(is_kept).collect::<Vec<_>>().join("\n");
            if let Ok(mut inner) = serde_json::from_str::<Value>(text) {
                strip(&mut inner);
                *text = inner.to_string();
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organisations_see_their_own_alone_and_a_connection_stays_its_callers() {
    let server = Server::start().await;
    server.patient("John", "Smith").await;
    let mut here = connected(&server, DOCTOR).await;
    let mut elsewhere = connected(&server, "doctor@elsewhere").await;
    let found = here.call("search_patients", json!({ "search_term": "John" })).await;
    assert_eq!(structure(&found)["count"], 1);
    let found = elsewhere.call("search_patients", json!({ "search_term": "John" })).await;
    assert_eq!(structure(&found)["count"], 0);
    let other = server.token(DOCTOR).await;
    let arguments = json!({ "search_term": "John", "access_token": other });
    let refused = elsewhere.call("search_patients", arguments).await;
    assert_eq!(refused["_meta"]["medcor/error"]["code"], "AUTH_INVALID", "{refused}");
    let refused = elsewhere.rpc("auth", json!({ "token": other })).await;
    assert_eq!(refused["error"]["data"]["code"], "AUTH_INVALID", "{refused}");
    let newer = server.token("doctor@elsewhere").await;
    let renewed = elsewhere.rpc("auth", json!({ "token": newer })).await;
    assert_eq!(renewed["result"]["status"], "authenticated", "{renewed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_asked_within_the_call() {
    let server = Server::start().await;
    let mut client = connected(&server, DOCTOR).await;
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": { "elicitation": {} },
        "clientInfo": { "name": "it", "version": "1" }
    });
    client.rpc("initialize", params).await;
    let params = json!({ "name": "trial_harm", "arguments": { "family": "Hopper" } });
    client.send(json!({ "jsonrpc": "2.0", "id": "harm", "method": "tools/call", "params": params })).await;
    let asked = client.next().await;
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    let yes = json!({ "action": "accept", "content": { "confirm": true } });
    client.send(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": yes })).await;
    let done = client.next().await;
    assert_eq!((&done["id"], structure(&done["result"])["text"].as_str()), (&json!("harm"), Some("Hopper")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_told_that_a_resource_has_changed() {
    let server = Server::start().await;
    server.patient("John", "Smith").await;
    let mut client = connected(&server, DOCTOR).await;
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "it", "version": "1" }
    });
    client.rpc("initialize", params).await;
    let uri = "patients://search/John";
    let found = server.pipeline.catalog().bound_resource(uri).is_some();
    let uri = if found { uri } else { "patients://summary/MRN-John" };
    let watched = client.rpc("resources/subscribe", json!({ "uri": uri })).await;
    assert!(watched.get("result").is_some(), "{watched}");
    let arguments = json!({ "patient": "MRN-John", "phone": "+44 20 7946 0000" });
    let changed = server
        .request("POST", "/mcp")
        .bearer(&server.token("receptionist@here").await)
        .rpc(1, "tools/call", json!({ "name": "update_patient", "arguments": arguments }))
        .send()
        .await
        .result();
    assert_ne!(changed["isError"], true, "{changed}");
    let told = client.next().await;
    assert_eq!(told["method"], "notifications/resources/updated", "{told}");
    assert_eq!(told["params"]["uri"], uri);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_that_would_connect_has_its_row() {
    let server = Server::start().await;
    let origin = [("origin", "https://evil.example.com")];
    for (path, door) in [
        ("/", "mcp-websocket"),
        ("/ws", "mcp-websocket"),
        ("/api/mcp/ws", "websocket"),
        ("/api/mcp/ws/", "websocket"),
    ] {
        let refused = WebSocket::open(server.address, path, &origin).await.err().unwrap();
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.body.contains("Origin is not allowed"), "{path}: {}", refused.body);
        let rows = server.audit().await;
        let row = rows.last().expect("a row");
        assert_eq!((&row["door"], &row["action"]), (&json!(door), &json!("open_connection")), "{row}");
        assert_eq!(
            (&row["event"], &row["outcome"]["failure"]),
            (&json!("AUDIT:REFUSED"), &json!("PERMISSION_DENIED"))
        );
        assert_eq!(row["request_id"], refused.headers["x-request-id"].to_str().unwrap());
    }
    let rows = server.audit().await.len();
    let plain = Request::new(server.address, "GET", "/ws").header("origin", origin[0].1).send().await;
    assert_eq!((plain.status, server.audit().await.len()), (StatusCode::FORBIDDEN, rows), "no handshake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_no_handshake_is_told_so() {
    let server = Server::start().await;
    let plain = Request::new(server.address, "GET", "/ws").send().await;
    assert_eq!(plain.status, StatusCode::UPGRADE_REQUIRED);
    assert_eq!(plain.header("sec-websocket-version"), "13");
    for origin in ["https://evil.example.com", "null"] {
        let foreign = WebSocket::open(server.address, "/ws", &[("origin", origin)]).await.err().unwrap();
        assert_eq!(foreign.status, StatusCode::FORBIDDEN, "a page of another site");
    }
    let own = format!("http://{}", server.address);
    assert!(WebSocket::open(server.address, "/ws", &[("origin", &own)]).await.is_ok());
}
