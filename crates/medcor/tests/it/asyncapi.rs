//! The `AsyncAPI` document says what streams and connections carry. That messages are what it says is checked wherever
//! a test hears one (`support::asyncapi`).

use std::{path::Path, process::Command};

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Server, asyncapi, folder::Folder, reference, setting};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/typescript");

#[tokio::test]
async fn the_document_of_events_is_the_one_that_was_agreed() {
    let server = Server::start().await;
    let mut document = asyncapi::document(server.address).await;
    reference::check(&document);
    document["info"]["version"] = "VERSION".into();
    insta::assert_snapshot!("asyncapi", serde_json::to_string_pretty(&document).unwrap());
}

#[tokio::test]
async fn the_document_of_events_is_found_from_the_pages_and_kept_by_clients() {
    let server = Server::start().await;
    let first = server.request("GET", "/api/asyncapi.json").send().await;
    let again = server.request("GET", "/api/asyncapi.json").header("if-none-match", first.header("etag"));
    assert_eq!(again.send().await.status, StatusCode::NOT_MODIFIED);
    let openapi = server.request("GET", "/api/openapi.json").send().await;
    assert!(openapi.body.contains("[AsyncAPI](/api/asyncapi.json)"), "both pages show its description");
    let document = asyncapi::document(server.address).await;
    assert_eq!(document["servers"]["http"], json!({ "host": "mcp.example.org", "protocol": "https" }));
    assert_eq!(document["servers"]["websocket"], json!({ "host": "mcp.example.org", "protocol": "wss" }));
}

#[tokio::test]
async fn the_parser_of_asyncapi_finds_no_error() {
    if !Path::new(&format!("{FOLDER}/node_modules/@asyncapi/parser")).exists() {
        assert!(setting("MEDCOR_REQUIRE_SDKS").is_none(), "the parser of AsyncAPI is not installed");
        eprintln!("skipped: the parser of AsyncAPI is not installed (.ci/run shows how)");
        return;
    }
    let server = Server::start().await;
    let folder = Folder::new();
    let path = folder.path().join("asyncapi.json");
    std::fs::write(&path, asyncapi::document(server.address).await.to_string()).unwrap();
    let plan = json!({ "path": path }).to_string();
    let output = Command::new("node").arg(format!("{FOLDER}/asyncapi.mjs")).arg(plan).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let judged: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&judged["errors"], &judged["channels"]), (&json!([]), &json!(3)), "{judged:#}");
}
