//! The pages that tell clients how to connect: what can be tried here is tried as it is written.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    door_stdio::Conversation,
    support::{Reply, Server, setting},
};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
const INSPECTOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/inspector/node_modules");
/// Where the pages say that the server is.
const URL: &str = "http://127.0.0.1:8002";
/// Whom the pages name.
const USER: &str = "you@clinic.example";
const DOCTOR: &str = "doctor@here";

/// Each page with its name.
fn pages() -> Vec<(String, String)> {
    let files = std::fs::read_dir(format!("{DOCS}/connect")).unwrap();
    let paths: BTreeSet<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    let page = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.iter().map(page).collect()
}

/// The blocks of a page in this language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The one server that a configuration names.
fn named_server(configuration: &Value) -> &Value {
    let servers = configuration.get("mcpServers").or_else(|| configuration.get("servers"));
    &servers.unwrap_or_else(|| panic!("{configuration} names no server"))["medcor"]
}

#[test]
fn the_index_leads_to_every_page_and_each_says_what_was_tried() {
    let index = std::fs::read_to_string(format!("{DOCS}/connect.md")).unwrap();
    assert_eq!(pages().len(), 6);
    for (name, page) in pages() {
        assert!(index.contains(&format!("(connect/{name}.md)")), "{name} is not in the index");
        let last = page.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.contains("test") && last.contains("documentation"), "{name}: {last}");
    }
    for link in index.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(link.starts_with("http") || Path::new(DOCS).join(link).exists(), "{link} leads nowhere");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_a_configuration_starts_as_written() {
    let server = Server::start().await;
    let mut tried = 0;
    for (name, page) in pages() {
        for block in blocks(&page, "json") {
            let configuration: Value =
                serde_json::from_str(block).unwrap_or_else(|error| panic!("{name}: {error} in {block}"));
            let named = named_server(&configuration);
            let Some(written) = named["args"].as_array() else { continue };
            assert_eq!(named["command"], "/path/to/medcor", "{name}");
            let mut arguments: Vec<String> =
                written.iter().map(|it| it.as_str().unwrap().replace(USER, DOCTOR)).collect();
            // Where the database is, is not the pages' to say.
            let own = server.stdio_arguments(DOCTOR);
            let data = own.iter().position(|argument| argument == "--data").unwrap();
            arguments.extend_from_slice(&own[data..data + 2]);
            let listed = Conversation::begin(&arguments)
                .ask(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }));
            assert!(
                listed["result"]["tools"].as_array().is_some_and(|tools| !tools.is_empty()),
                "{name}: {listed}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 3, "{tried}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_url_of_a_configuration_leads_to_tools_and_to_where_tokens_come_from() {
    let server = Server::start_at_its_own_address().await;
    let token = server.token(DOCTOR).await;
    let mut paths = BTreeSet::new();
    for (name, page) in pages() {
        for block in blocks(&page, "json") {
            let configuration: Value = serde_json::from_str(block).unwrap();
            if let Some(url) = named_server(&configuration)["url"].as_str() {
                paths.insert(url.strip_prefix(URL).unwrap_or_else(|| panic!("{name}: {url}")).to_owned());
            }
        }
        let hosted = page.split("https://YOUR-HOST").skip(1).filter_map(|rest| rest.split(['`', ')']).next());
        paths.extend(hosted.map(str::to_owned));
    }
    assert_eq!(paths, ["/mcp".to_owned(), "/mcp/x/core".to_owned()].into());
    for path in paths {
        let list = || server.request("POST", &path).rpc(1, "tools/list", Value::Null);
        assert_eq!(list().bearer(&token).send().await.status, StatusCode::OK, "{path}");
        let stranger = list().send().await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{path}");
        let challenge = stranger.header("www-authenticate");
        let metadata = challenge.split("resource_metadata=\"").nth(1).and_then(|rest| rest.split('"').next());
        let own = format!("http://{}", server.address);
        let metadata =
            metadata.and_then(|url| url.strip_prefix(&own)).unwrap_or_else(|| panic!("{challenge}"));
        let resource = parsed(&server.request("GET", metadata).send().await);
        assert_eq!(resource["authorization_servers"], json!([own]), "{path}");
    }
}

/// Where each program wants its people to come back to.
const CALLBACKS: &[(&str, &[&str])] = &[
    ("Claude", &["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"]),
    ("Claude Code", &["http://localhost:54545/callback"]),
    ("VS Code", &["http://127.0.0.1/", "http://127.0.0.1:33418/", "https://vscode.dev/redirect"]),
    ("Cursor", &["cursor://anysphere.cursor-mcp/oauth/callback"]),
    ("Copilot Studio", &["https://global.consent.azure-apim.net/redirect/medcor"]),
    ("Inspector", &["http://localhost:6274/oauth/callback"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_program_can_register_itself() {
    let server = Server::start_at_its_own_address().await;
    let own = parsed(&server.request("GET", "/.well-known/oauth-authorization-server").send().await);
    let register = own["registration_endpoint"].as_str().expect("an endpoint");
    let register = register.strip_prefix(&format!("http://{}", server.address)).expect("it is ours");
    assert_eq!(own["code_challenge_methods_supported"], json!(["S256"]));
    for (name, callbacks) in CALLBACKS {
        let metadata = json!({
            "client_name": name, "redirect_uris": callbacks, "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]
        });
        let reply = server.request("POST", register).body(metadata.to_string()).send().await;
        assert_eq!(reply.status, StatusCode::CREATED, "{name}: {}", reply.body);
    }
}

fn parsed(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("{}: {}", reply.status, reply.body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_for_the_inspector_works_as_written() {
    let inspector = format!("{INSPECTOR}/.bin/mcp-inspector");
    let Some(node) = setting("MEDCOR_NODE_22").filter(|_| Path::new(&inspector).exists()) else {
        assert!(
            setting("MEDCOR_REQUIRE_CONFORMANCE").is_none(),
            "the Inspector, or Node 22, is not installed"
        );
        eprintln!(
            "skipped: the Inspector, or a Node that is new enough for it, is not installed (.ci/run shows how)"
        );
        return;
    };
    let server = Server::start().await;
    let token = server.token(DOCTOR).await;
    let page = std::fs::read_to_string(format!("{DOCS}/connect/inspector.md")).unwrap();
    let own = server.stdio_arguments(DOCTOR);
    let own: Vec<&str> = own.iter().skip(1).map(String::as_str).collect();
    let mut tried = 0;
    for block in blocks(&page, "sh") {
        for line in block.lines().filter(|line| line.contains(" --cli ")) {
            let script = line
                .replace("npx @modelcontextprotocol/inspector", &format!("'{node}' '{inspector}'"))
                .replace(URL, &format!("http://{}", server.address))
                .replace("/path/to/medcor", env!("CARGO_BIN_EXE_medcor"))
                .replace(&format!("--user {USER}"), &own.join(" "));
            let mut command = Command::new("sh");
            command.args(["-euc", &script]).env("TOKEN", &token);
            let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{script}\n{errors}");
            let told: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
            assert!(told["tools"].is_array() || told["content"].is_array(), "{script}: {told}");
            tried += 1;
        }
    }
    assert_eq!(tried, 3);
}
