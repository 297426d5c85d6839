//! Where messages go, who sends them, and which answer which.

use serde_json::{Map, Value, json};

use super::event_key;
use crate::{
    door::{
        events_websocket::described::{self, From},
        websocket::{EVENTS_PATH, MCP_PATH},
    },
    events::described as events,
};

const STREAM: &str = "events";
const CALLS: &str = "calls";
const MCP: &str = "mcp";

/// The name of an event that connections are not told of: answers come by their own calls.
const TOOL_RESPONSE: &str = "tool_response";
/// The name of an event that connections are told otherwise.
const ERROR_EVENT: &str = "error_event";

pub(super) fn channels() -> Value {
    let of_stream: Vec<String> = events::events().iter().map(|event| event_key(event.name)).collect();
    let of_calls: Vec<String> = told_on_connections()
        .chain(described::messages().into_iter().map(|message| message.kind.to_owned()))
        .collect();
    let mut channels = Map::new();
    channels.insert(
        STREAM.to_owned(),
        json!({
            "address": "/api/mcp/sse",
            "title": "Server-sent events",
            "description": "`event:` is the name of the message and `data:` its payload. `id:` is a place to go on \
                from, by the header `Last-Event-ID` or `last_event_id`; events without one are not said again.",
            "servers": [{ "$ref": "#/servers/http" }],
            "messages": references(&of_stream)
        }),
    );
    channels.insert(
        CALLS.to_owned(),
        json!({
            "address": EVENTS_PATH,
            "title": "Calls and events over WebSocket",
            "description": "Each message is a JSON object with `type`. A message with members that are not \
                described is refused.",
            "servers": [{ "$ref": "#/servers/websocket" }],
            "messages": references(&of_calls),
            "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } }
        }),
    );
    channels.insert(
        MCP.to_owned(),
        json!({
            "address": MCP_PATH,
            "title": "MCP over WebSocket",
            "description": "JSON-RPC 2.0 as text messages, in every version of MCP that is spoken over HTTP. An \
                upgrade of `/` is the same.",
            "servers": [{ "$ref": "#/servers/websocket" }],
            "messages": references(&["json_rpc".to_owned()]),
            "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } }
        }),
    );
    Value::Object(channels)
}

pub(super) fn operations() -> Value {
    let mut operations = Map::new();
    let of_stream: Vec<String> = events::events().iter().map(|event| event_key(event.name)).collect();
    let mut tell = operation("send", STREAM, "Tells what happens, while a stream is open.", &of_stream);
    tell["security"] = secured_by(&["bearer", "ticket"]);
    tell["bindings"] = json!({ "http": { "method": "GET", "query": query(), "bindingVersion": "0.3.0" } });
    operations.insert("tell".to_owned(), tell);
    for message in described::messages().iter().filter(|message| message.from == From::Client) {
        let mut asked = operation("receive", CALLS, message.meaning, &[message.kind.to_owned()]);
        asked["reply"] = json!({
            "channel": { "$ref": format!("#/channels/{CALLS}") },
            "messages": message.answered_by.iter().map(|kind| in_channel(CALLS, kind)).collect::<Vec<_>>()
        });
        asked["security"] = secured_by(&["bearer", "subprotocol"]);
        operations.insert(message.kind.to_owned(), asked);
    }
    let told: Vec<String> = told_on_connections().collect();
    let summary = "Tells what was subscribed to.";
    operations.insert("tell_subscribed".to_owned(), operation("send", CALLS, summary, &told));
    let mut ask = operation("receive", MCP, "A message of an MCP client.", &["json_rpc".to_owned()]);
    ask["security"] = secured_by(&["bearer", "subprotocol"]);
    ask["reply"] = json!({
        "channel": { "$ref": format!("#/channels/{MCP}") }, "messages": [in_channel(MCP, "json_rpc")]
    });
    operations.insert("mcp".to_owned(), ask);
    let summary = "Requests and notifications of the server.";
    operations.insert("mcp_notify".to_owned(), operation("send", MCP, summary, &["json_rpc".to_owned()]));
    Value::Object(operations)
}

fn told_on_connections() -> impl Iterator<Item = String> {
    let told = events::events().into_iter().map(|event| event.name);
    told.filter(|name| ![TOOL_RESPONSE, ERROR_EVENT].contains(name)).map(event_key)
}

/// The parameters of a stream.
fn query() -> Value {
    json!({
        "type": "object",
        "properties": {
            "topics": { "$ref": "#/components/schemas/Topics" },
            "data": { "type": "string", "enum": ["ids", "full"], "default": "ids" },
            "last_event_id": { "type": "string" },
            "ticket": { "type": "string" }
        },
        "additionalProperties": false
    })
}

fn operation(action: &str, channel: &str, summary: &str, messages: &[String]) -> Value {
    json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "summary": summary,
        "messages": messages.iter().map(|key| in_channel(channel, key)).collect::<Vec<_>>()
    })
}

fn references(keys: &[String]) -> Value {
    let reference = |key: &String| (key.clone(), json!({ "$ref": format!("#/components/messages/{key}") }));
    Value::Object(keys.iter().map(reference).collect())
}

fn in_channel(channel: &str, key: &str) -> Value {
    json!({ "$ref": format!("#/channels/{channel}/messages/{key}") })
}

fn secured_by(schemes: &[&str]) -> Value {
    let reference = |name: &&str| json!({ "$ref": format!("#/components/securitySchemes/{name}") });
    Value::Array(schemes.iter().map(reference).collect())
}
