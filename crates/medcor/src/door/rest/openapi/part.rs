//! Parameters, bodies and answers of the entries that are not one tool's.

use medcor_tools::CompiledTool;
use serde_json::{Value, json};

use super::{path::DOCUMENT, schema::reference};
use crate::door::{
    DoorSettings,
    rest::resources::{LIMIT_DEFAULT, LIMIT_MAX},
};

pub(super) fn query(name: &str, schema: Value) -> Value {
    let mut parameter = json!({ "name": name, "in": "query" });
    parameter["schema"] = schema;
    parameter
}

pub(super) fn text() -> Value {
    json!({ "type": "string", "minLength": 1, "description": "Names of members, separated by commas." })
}

pub(super) fn tag() -> Value {
    json!({ "name": "If-None-Match", "in": "header", "schema": { "type": "string" } })
}

pub(super) fn filter_schema() -> Value {
    json!({ "type": "string", "contentMediaType": DOCUMENT, "description": "A JSON object: arguments of the tool." })
}

pub(super) fn list_parameters(tool: &CompiledTool) -> Vec<Value> {
    let known: Vec<&str> =
        tool.parameters().filter(|name| !["limit", "page", "cursor"].contains(name)).collect();
    let mut filter = filter_schema();
    filter["description"] = format!("A JSON object with any of {}.", known.join(", ")).into();
    vec![
        query("page", json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 1 })),
        query(
            "limit",
            json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT }),
        ),
        query(
            "cursor",
            json!({ "type": "string", "description": "`next_cursor` of the page before, instead of a page." }),
        ),
        query(
            "sort",
            json!({ "type": "string", "minLength": 1, "description": "A member; with - before it descending." }),
        ),
        query("filter", filter),
        query("fields", text()),
        query("expand", text()),
        tag(),
    ]
}

pub(super) fn item_parameters() -> Vec<Value> {
    let id = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } });
    vec![id, query("fields", text()), query("expand", text()), tag()]
}

pub(super) fn list_answer() -> Value {
    json!({
        "type": "object",
        "required": ["results", "count", "page", "limit"],
        "properties": {
            "results": { "type": "array", "items": { "type": "object" } },
            "count": { "type": "integer" },
            "total": { "type": "integer" },
            "truncated": { "type": "boolean" },
            "next_cursor": { "type": "string" },
            "page": { "type": "integer" },
            "limit": { "type": "integer" }
        }
    })
}

pub(super) fn with_aliases(mut operation: Value) -> Value {
    operation["parameters"] = json!([query("include", json!({ "type": "string", "enum": ["aliases"] }))]);
    operation
}

pub(super) fn tools_answer() -> Value {
    let tool = json!({
        "type": "object", "required": ["name", "inputSchema"],
        "properties": { "name": { "type": "string" }, "inputSchema": { "type": "object" } }
    });
    json!({
        "type": "object", "required": ["tools", "metadata"],
        "properties": { "tools": { "type": "array", "items": tool }, "metadata": { "type": "object" } }
    })
}

pub(super) fn batch_body(settings: &DoorSettings) -> Value {
    json!({
        "type": "object",
        "required": ["requests"],
        "properties": {
            "requests": {
                "type": "array", "minItems": 1, "maxItems": settings.batch_calls_max, "items": reference("Call")
            },
            "atomic": {
                "type": "boolean", "default": false,
                "description": "Whether all calls are done, in one commit, or none. They do not see each other's writes."
            }
        },
        "additionalProperties": false
    })
}

pub(super) fn prompt_body() -> Value {
    json!({
        "type": "object",
        "required": ["prompt"],
        "properties": {
            "prompt": { "type": "string" },
            "initial_data": { "type": "object", "description": "The arguments of the prompt." }
        },
        "additionalProperties": false
    })
}

pub(super) fn prompt_answer() -> Value {
    json!({
        "type": "object",
        "required": ["prompt", "messages"],
        "properties": {
            "prompt": { "type": "string" },
            "description": { "type": "string" },
            "messages": { "type": "array", "items": { "type": "object", "required": ["role", "content"] } }
        }
    })
}

pub(super) fn refresh_body() -> Value {
    json!({ "type": "object", "required": ["refresh_token"], "properties": { "refresh_token": { "type": "string" } } })
}
