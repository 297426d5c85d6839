//! The `AsyncAPI` 3.0 document: what streams of events and connections over WebSocket carry, made of what the events
//! and the doors say of themselves.

mod channel;

use serde_json::{Map, Value, json};

use crate::{
    door::{DoorSettings, events_websocket::described},
    events::described as events,
};

const ABOUT: &str = "What MedCor tells while it happens, and what is said over a WebSocket. Subscribers are told what \
    their own rights show in that moment, in ids by default; what a record says comes from the tool that reads it. \
    Calls and answers by HTTP are described at /api/openapi.json.";

/// The document.
pub(super) fn document(settings: &DoorSettings) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "MedCor events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" }
        },
        "defaultContentType": "application/json",
        "servers": servers(&settings.public_url),
        "channels": channel::channels(),
        "operations": channel::operations(),
        "components": {
            "messages": messages(),
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "ticket": {
                    "type": "httpApiKey", "in": "query", "name": "ticket",
                    "description": "From `POST /api/mcp/sse/ticket`: good once, for 30 seconds. For browsers, whose \
                        EventSource sends no headers. A token is never in a URL."
                },
                "subprotocol": {
                    "type": "httpApiKey", "in": "header", "name": "Sec-WebSocket-Protocol",
                    "description": "`mcp, bearer.TOKEN`: for browsers, whose WebSocket sends no headers of its own."
                }
            }
        }
    })
}

fn servers(public_url: &str) -> Value {
    let (scheme, host) = public_url.split_once("://").unwrap_or(("http", public_url));
    let host = host.trim_end_matches('/');
    let upgraded = if scheme == "https" { "wss" } else { "ws" };
    json!({
        "http": { "host": host, "protocol": scheme },
        "websocket": { "host": host, "protocol": upgraded }
    })
}

fn messages() -> Value {
    let mut messages = Map::new();
    for event in events::events() {
        messages.insert(event_key(event.name), message(event.name, event.meaning, &event_key(event.name)));
    }
    for described in described::messages() {
        let mut message = message(described.kind, described.meaning, described.kind);
        message["examples"] = json!([{ "payload": described.example }]);
        messages.insert(described.kind.to_owned(), message);
    }
    let said = "JSON-RPC 2.0: a request, a notification, an answer or a batch, as MCP has them.";
    messages.insert("json_rpc".to_owned(), message("json_rpc", said, "json_rpc"));
    Value::Object(messages)
}

fn message(name: &str, meaning: &str, schema: &str) -> Value {
    json!({
        "name": name,
        "summary": meaning,
        "payload": { "$ref": format!("#/components/schemas/{schema}") }
    })
}

fn schemas() -> Value {
    let mut schemas = Map::new();
    let topics = "Names of events, collections and types of FHIR, separated by commas, or `all`.";
    schemas.insert(
        "Topics".to_owned(),
        json!({ "type": "string", "minLength": 1, "description": topics, "examples": events::topics() }),
    );
    schemas.insert("Record".to_owned(), events::record());
    for event in events::events() {
        schemas.insert(event_key(event.name), event.schema);
    }
    for message in described::messages() {
        schemas.insert(message.kind.to_owned(), message.schema);
    }
    schemas.insert("json_rpc".to_owned(), json_rpc());
    Value::Object(schemas)
}

/// An event is told by a name that a message may have too: `tool_response` is both.
fn event_key(name: &str) -> String {
    format!("event.{name}")
}

fn json_rpc() -> Value {
    let id = json!({ "type": ["string", "integer", "null"] });
    let message = json!({
        "type": "object",
        "required": ["jsonrpc"],
        "properties": {
            "jsonrpc": { "type": "string", "const": "2.0" },
            "id": id,
            "method": { "type": "string" },
            "params": { "type": "object" },
            "result": {},
            "error": { "type": "object", "required": ["code", "message"] }
        }
    });
    json!({ "oneOf": [message, { "type": "array", "items": { "type": "object" } }] })
}
