//! What must hold for every tool that clients see (`docs/adding-a-tool.md` names these rules).

use medcor::catalog::{self, CORE_TOOLS};
use serde_json::{Value, json};

use crate::support::Server;

const CORE_TOOLS_MAX: usize = 25;
const CORE_TOKENS_MAX: usize = 10_000;
/// Bytes of JSON a token, low for schemas.
const BYTES_PER_TOKEN: usize = 4;

/// Every tool as some caller sees it.
async fn tools(server: &Server, path: &str) -> Vec<Value> {
    let mut tools: Vec<Value> = Vec::new();
    for role in ["doctor", "nurse", "receptionist", "admin", "auditor"] {
        let token = server.token(&format!("{role}@here")).await;
        let reply =
            server.request("POST", path).bearer(&token).rpc(1, "tools/list", Value::Null).send().await;
        for tool in reply.result()["tools"].as_array().unwrap() {
            if !tools.iter().any(|known| known["name"] == tool["name"]) {
                tools.push(tool.clone());
            }
        }
    }
    tools
}

#[tokio::test]
async fn every_tool_is_described_and_has_all_hints() {
    let server = Server::start().await;
    for tool in tools(&server, "/mcp").await {
        let name = tool["name"].as_str().unwrap();
        assert!(name.len() <= 40, "{name}");
        assert!(tool["description"].as_str().is_some_and(|text| text.len() >= 10), "{name}: description");
        assert!(tool["title"].as_str().is_some_and(|text| !text.is_empty()), "{name}: title");
        let hints = &tool["annotations"];
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(hints[hint].is_boolean(), "{name}: {hint}");
        }
        assert_eq!(hints["openWorldHint"], false, "{name}");
        assert!(tool["_meta"]["medcor/toolset"].is_string(), "{name}: toolset");
    }
}

#[tokio::test]
async fn every_schema_is_one_that_all_clients_take() {
    let server = Server::start().await;
    for tool in tools(&server, "/mcp").await {
        let name = tool["name"].as_str().unwrap();
        for schema in ["inputSchema", "outputSchema"] {
            let root = &tool[schema];
            assert_eq!(root["type"], "object", "{name}: the root of {schema}");
            for combinator in ["oneOf", "anyOf", "allOf", "not", "enum", "if"] {
                assert!(root.get(combinator).is_none(), "{name}: {combinator} at the top of {schema}");
            }
            check_schema(root, &format!("{name} {schema}"));
        }
        let properties = tool["inputSchema"]["properties"].as_object().unwrap();
        for (property, schema) in properties {
            assert!(schema["description"].is_string(), "{name}: {property} is not described");
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
    }
}

fn check_schema(schema: &Value, place: &str) {
    match schema {
        Value::Object(members) => {
            for keyword in ["$ref", "$defs", "definitions", "$schema", "x-medcor-reference"] {
                assert!(!members.contains_key(keyword), "{place}: {keyword}");
            }
            for property in
                members.get("properties").and_then(Value::as_object).into_iter().flat_map(|it| it.keys())
            {
                let is_plain =
                    property.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
                assert!(is_plain && (1..=64).contains(&property.len()), "{place}: the property {property}");
            }
            members.iter().for_each(|(key, value)| check_schema(value, &format!("{place}/{key}")));
        }
        Value::Array(values) => values.iter().for_each(|value| check_schema(value, place)),
        _ => {}
    }
}

#[tokio::test]
async fn the_core_is_short_enough_for_chat_agents() {
    let server = Server::start().await;
    assert!(CORE_TOOLS.len() <= CORE_TOOLS_MAX);
    let core = tools(&server, "/mcp/x/core").await;
    let bytes: usize = core.iter().map(|tool| tool.to_string().len()).sum();
    let tokens = bytes / BYTES_PER_TOKEN;
    assert!(tokens <= CORE_TOKENS_MAX, "{tokens} tokens");
}

#[test]
fn the_core_names_tools_that_exist_and_no_aliases() {
    let catalog = catalog::catalog().unwrap();
    for name in CORE_TOOLS {
        let (tool, _) = catalog.find(name).unwrap_or_else(|| panic!("{name} does not exist"));
        assert_eq!(tool.entry.name, *name);
    }
}

#[tokio::test]
async fn a_tool_that_calls_others_never_says_that_it_only_reads() {
    let server = Server::start().await;
    let catalog = catalog::catalog().unwrap();
    let forwards = catalog.tools().filter(|tool| tool.entry.names_another());
    assert!(forwards.inspect(|tool| assert!(!tool.entry.effect.is_read_only())).count() > 0);
    let token = server.token("doctor@here").await;
    let call = |path: &str, tool: &str| {
        let arguments = json!({ "name": tool, "arguments": {} });
        let params = json!({ "name": "call_tool", "arguments": arguments });
        server.request("POST", path).bearer(&token).rpc(1, "tools/call", params).send()
    };
    let refused = call("/mcp/readonly", "trial_write").await.result();
    assert_eq!(refused["_meta"]["medcor/error"]["code"], "PERMISSION_DENIED");
    let called = call("/mcp/x/core", "trial_write").await.result();
    assert_eq!(called["isError"], false, "{called}");
    assert_eq!(server.audit().await.last().unwrap()["action"], "trial_write");
}
