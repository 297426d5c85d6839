//! Every documented request of the five systems to this door is answered, as written.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{CLIENT_SECRET, PASSWORD, Reply, Server};

/// What is no request to this door, with why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("/api/mcp/sse", "events are another door"),
    ("/api/mcp/ws", "so are messages both ways"),
    ("/sse", "the transport of MCP that was replaced"),
    ("/metrics", "no call"),
    ("/mcp", "MCP, which has tests of its own"),
    ("/", "MCP, likewise"),
    ("/api/auth/register/", "people are registered by an administrator, with `register_user`"),
    ("/api/auth/profile/", "of the backend that one system called"),
    ("/api/auth/users/", "likewise"),
    ("/api/tenants/", "likewise"),
    ("/api/medical/", "likewise"),
    ("/api/appointments/", "likewise"),
    ("/api/treatments/", "likewise"),
    ("/api/subscription/", "likewise"),
    ("/api/patients", "of the backend that another system called"),
    ("/api/encounters", "likewise"),
    ("/api/prescriptions", "likewise"),
    ("/api/reports", "likewise"),
    ("/patients/", "likewise"),
];

fn systems() -> Option<Vec<(&'static str, Value)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/surface");
    let mut systems = Vec::new();
    for name in ["medcor_v2", "medcor_complete", "epic_ehr", "carebot", "pms"] {
        let path = folder.join(format!("{name}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: {} is absent", path.display());
            return None;
        };
        systems.push((name, serde_json::from_str(&text).unwrap()));
    }
    Some(systems)
}

fn is_elsewhere(path: &str) -> bool {
    ELSEWHERE.iter().any(|(other, _)| match other.strip_suffix('/') {
        Some(folder) if !folder.is_empty() => path.starts_with(folder),
        _ => path == *other,
    })
}

/// A body with the documented members.
fn body_of(path: &str, members: &str) -> Option<Value> {
    Some(match path {
        "/api/auth/login/" if members.contains("username") => {
            json!({ "username": "doctor@here", "password": PASSWORD })
        }
        "/api/auth/login/" => json!({ "email": "doctor@here", "password": PASSWORD }),
        "/api/auth/token/refresh/" | "/api/auth/logout/" => json!({ "refresh": "unknown" }),
        "/api/mcp/tools/invoke" => json!({ "tool": "list_doctors", "params": { "hospital_id": "here" } }),
        "/api/mcp/batch" => json!({ "requests": [{ "tool": "list_doctors", "params": {} }] }),
        "/call" if members.contains("parameters") => json!({ "tool": "list_doctors", "parameters": {} }),
        "/call" => json!({ "tool": "get_doctors", "arguments": {} }),
        "/authenticate" => {
            json!({ "client_id": "copilot", "client_secret": CLIENT_SECRET, "app_id": "copilot-studio" })
        }
        "/create_patient" => json!({ "name": "x'; DROP TABLE patients;--" }),
        _ => return None,
    })
}

/// The statuses that one documented request may have.
fn wanted(path: &str, server: &Server) -> &'static [u16] {
    let catalog = server.pipeline.catalog();
    let lacks = |collection: &str, tool: &str| {
        path.starts_with(&format!("/api/mcp/resources/{collection}")) && catalog.find(tool).is_none()
    };
    let is_item = path.starts_with("/api/mcp/resources/") && path.ends_with("/unknown");
    match path {
        "/create_patient" => &[400],
        "/prescribe_medication" => &[403],
        // The documented token there is one that nobody has any more.
        "/api/auth/token/refresh/" => &[401],
        _ if lacks("analytics/dashboard", "get_hospital_statistics") => &[404],
        _ if is_item => &[404],
        _ => &[200],
    }
}

async fn sent(server: &Server, method: &str, path: &str, body: Option<Value>) -> Reply {
    let who = match path {
        "/prescribe_medication" | "/create_patient" => "receptionist@here",
        _ if path.contains("medical_records") => "doctor@here",
        _ => "admin@here",
    };
    let request = server.request(method, path).bearer(&server.token(who).await);
    match body {
        Some(body) => request.body(body.to_string()).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn every_documented_request_to_this_door_is_answered_as_written() {
    let Some(systems) = systems() else { return };
    let server = Server::start().await;
    server.give_password("doctor@here", PASSWORD).await;
    let mut asked = 0;
    for (system, facts) in &systems {
        for entry in facts["rest"].as_array().expect("a list") {
            let path = entry["path"].as_str().expect("a path");
            let path = path.strip_prefix("http://localhost:8001").unwrap_or(path);
            let method = entry["method"].as_str().unwrap_or_default();
            // JSON-RPC to `POST /tools` is MCP's.
            if is_elsewhere(path) || method.contains("upgrade") || (method, path) == ("POST", "/tools") {
                continue;
            }
            let body = body_of(path, entry["body"].as_str().unwrap_or_default());
            let path = path.replace("{id}", "unknown");
            let reply = sent(&server, method, &path, body).await;
            let wanted = wanted(&path, &server);
            assert!(
                wanted.contains(&reply.status.as_u16()),
                "{system}: {method} {path}: {} {}",
                reply.status,
                reply.body
            );
            asked += 1;
        }
    }
    assert!(asked > 35, "{asked} requests were sent");
}

#[tokio::test]
async fn the_documented_examples_of_clients_work_over_rest() {
    let server = Server::start().await;
    let token = server.token("admin@here").await;
    let invoke = async |body: Value| {
        server.request("POST", "/api/mcp/tools/invoke").bearer(&token).body(body.to_string()).send().await
    };
    // A Jest test of one system: this must fail, with this word in it.
    let refused = invoke(json!({ "tool": "create_appointment", "params": { "patient_id": "x" } })).await;
    assert!(refused.body.contains("VALIDATION_ERROR"), "{}", refused.body);
    let doctors = invoke(json!({ "tool": "list_doctors", "params": { "hospital_id": "here" } })).await;
    let list: Value = serde_json::from_str(&doctors.body).unwrap();
    assert!(list["results"].is_array(), "{list}");
    let batch = json!({ "requests": [
        { "tool": "list_doctors", "params": { "limit": 5, "active_only": true } },
        { "tool": "create_appointment", "params": { "patient_id": "nobody" } }
    ] });
    let reply = server.request("POST", "/api/mcp/batch").bearer(&token).body(batch.to_string()).send().await;
    let results: Value = serde_json::from_str(&reply.body).unwrap();
    assert!(
        results[0]["result"]["results"].is_array() && results[1]["error"]["code"].is_string(),
        "{results}"
    );
}
