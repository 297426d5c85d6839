//! Who else may read the answers, how they travel, and what is said of entries that will go.

use axum::http::StatusCode;
use medcor::door::DoorSettings;
use serde_json::json;

use crate::{
    rest::json_of,
    support::{Request, Server},
};

const INVOKE: &str = "/api/mcp/tools/invoke";
const ORIGIN: &str = "https://app.example.org";

/// Pages of one origin are allowed.
fn for_pages() -> DoorSettings {
    DoorSettings { allowed_origins: vec![ORIGIN.to_owned()], ..DoorSettings::new("https://mcp.example.org") }
}

#[tokio::test]
async fn pages_of_named_origins_may_read_answers_and_no_others() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    let (address, _stop) = server.doors_with(for_pages()).await;
    let preflight = async |origin: &str, path: &str| {
        let request = Request::new(address, "OPTIONS", path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request
            .header("access-control-request-headers", "authorization,content-type,idempotency-key")
            .send()
            .await
    };
    for path in [INVOKE, "/api/mcp/batch", "/api/auth/login/", "/trial_echo"] {
        let reply = preflight(ORIGIN, path).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.status);
        assert_eq!(reply.header("access-control-allow-origin"), ORIGIN, "{path}");
        assert!(reply.header("access-control-allow-headers").contains("idempotency-key"), "{path}");
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
    assert_eq!(preflight("https://evil.example.org", INVOKE).await.status, StatusCode::FORBIDDEN);
    let call = json!({ "tool": "trial_echo", "params": { "text": "a" } }).to_string();
    let request =
        Request::new(address, "POST", INVOKE).bearer(&token).header("origin", ORIGIN).body(call.clone());
    let reply = request.send().await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (StatusCode::OK, ORIGIN));
    assert!(reply.header("vary").to_ascii_lowercase().contains("origin"));
    assert!(reply.header("access-control-expose-headers").contains("x-request-id"));
    // Without the setting nothing is said, and a page of elsewhere is turned away.
    let reply = server
        .request("POST", INVOKE)
        .bearer(&token)
        .header("origin", ORIGIN)
        .body(call.clone())
        .send()
        .await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (StatusCode::FORBIDDEN, ""));
    let reply = server.request("POST", INVOKE).bearer(&token).body(call).send().await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (StatusCode::OK, ""));
}

#[tokio::test]
async fn pages_of_named_origins_may_speak_mcp_and_get_tokens() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    let (address, _stop) = server.doors_with(for_pages()).await;
    for (path, headers) in [
        ("/mcp", "authorization,content-type,mcp-protocol-version,mcp-session-id"),
        ("/mcp/x/core", "authorization,content-type,mcp-method,mcp-name,mcp-protocol-version"),
        ("/register", "content-type"),
        ("/token", "content-type"),
        ("/.well-known/oauth-protected-resource/mcp", "mcp-protocol-version"),
    ] {
        let preflight = async |origin: &str| {
            let request = Request::new(address, "OPTIONS", path).header("origin", origin);
            let request = request.header("access-control-request-method", "POST");
            request.header("access-control-request-headers", headers).send().await
        };
        let reply = preflight(ORIGIN).await;
        assert_eq!(
            (reply.status, reply.header("access-control-allow-origin")),
            (StatusCode::OK, ORIGIN),
            "{path}"
        );
        for header in headers.split(',') {
            assert!(reply.header("access-control-allow-headers").contains(header), "{path} {header}");
        }
        assert_eq!(preflight("https://evil.example.org").await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let begin = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "page", "version": "1" },
    } });
    let request = || {
        let request = Request::new(address, "POST", "/mcp").header("origin", ORIGIN);
        let request = request.header("accept", "application/json, text/event-stream");
        request.header("content-type", "application/json").body(begin.to_string())
    };
    let reply = request().bearer(&token).send().await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (StatusCode::OK, ORIGIN));
    assert!(!reply.header("mcp-session-id").is_empty());
    assert!(reply.header("access-control-expose-headers").contains("mcp-session-id"));
    // A page has to read where tokens come from.
    let refused = request().send().await;
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin")),
        (StatusCode::UNAUTHORIZED, ORIGIN)
    );
    assert!(refused.header("access-control-expose-headers").contains("www-authenticate"));
    let found =
        Request::new(address, "GET", "/.well-known/oauth-protected-resource/mcp").header("origin", ORIGIN);
    assert_eq!(found.send().await.header("access-control-allow-origin"), ORIGIN);
    // Pages at which people log in are read by nobody else.
    let login = Request::new(address, "GET", "/login").header("origin", ORIGIN).send().await;
    assert_eq!(login.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn pages_of_named_origins_may_follow_events() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    let (address, _stop) = server.doors_with(for_pages()).await;
    let ticket = Request::new(address, "POST", "/api/mcp/sse/ticket").bearer(&token).header("origin", ORIGIN);
    let ticket = ticket.send().await;
    assert_eq!((ticket.status, ticket.header("access-control-allow-origin")), (StatusCode::OK, ORIGIN));
    let url = json_of(&ticket)["url"].as_str().unwrap().to_owned();
    let stream = Request::new(address, "GET", &url).header("origin", ORIGIN).open().await;
    assert_eq!(
        (stream.status, stream.headers["access-control-allow-origin"].to_str().unwrap()),
        (StatusCode::OK, ORIGIN)
    );
    let preflight = Request::new(address, "OPTIONS", "/api/mcp/sse/ticket").header("origin", ORIGIN);
    let preflight = preflight.header("access-control-request-method", "POST").send().await;
    assert_eq!(preflight.header("access-control-allow-origin"), ORIGIN);
    let foreign = Request::new(address, "GET", "/api/mcp/sse").header("origin", "https://evil.example.org");
    assert_eq!(foreign.send().await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn entries_without_a_version_say_when_they_will_go() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    let settings = DoorSettings {
        api_deprecated_at: Some("2026-12-01T00:00:00Z".parse().unwrap()),
        api_sunset_at: Some("2027-06-30T00:00:00Z".parse().unwrap()),
        ..DoorSettings::new("https://mcp.example.org")
    };
    let (address, _stop) = server.doors_with(settings).await;
    let call = json!({ "tool": "trial_echo", "params": { "text": "a" } }).to_string();
    let old = Request::new(address, "POST", INVOKE).bearer(&token).body(call.clone()).send().await;
    assert_eq!(old.header("deprecation"), "@1796083200");
    assert_eq!(old.header("sunset"), "Wed, 30 Jun 2027 00:00:00 GMT");
    assert_eq!(old.header("link"), "</api/v1/mcp/tools/invoke>; rel=\"successor-version\"");
    let versioned = "/api/v1/mcp/tools/invoke";
    let new = Request::new(address, "POST", versioned).bearer(&token).body(call.clone()).send().await;
    assert_eq!((new.status, new.header("deprecation"), new.header("sunset")), (StatusCode::OK, "", ""));
    let unset = server.request("POST", INVOKE).bearer(&token).body(call).send().await;
    assert_eq!(unset.header("deprecation"), "");
}

#[tokio::test]
async fn what_could_repeat_its_arguments_beside_a_secret_is_never_compressed() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    for number in 0..30 {
        server.patient(&format!("Ada{number}"), "Lovelace").await;
    }
    let packed = |method: &str, path: &str| {
        server.request(method, path).bearer(&token).header("accept-encoding", "gzip")
    };
    let opened = packed("GET", "/api/mcp/resources/patients").open().await;
    assert_eq!(opened.headers["content-encoding"], "gzip");
    let document = packed("GET", "/api/openapi.json").open().await;
    assert_eq!(document.headers["content-encoding"], "gzip");
    let list = json!({ "tool": "list_patients", "params": {} }).to_string();
    let called = packed("POST", INVOKE).body(list.clone()).send().await;
    assert!(called.body.len() > 1024 && called.header("content-encoding").is_empty());
    let batch = format!("{{\"requests\":[{list}]}}");
    assert_eq!(packed("POST", "/api/mcp/batch").body(batch).send().await.header("content-encoding"), "");
    assert_eq!(server.request("GET", "/api/openapi.json").send().await.header("content-encoding"), "");
}
