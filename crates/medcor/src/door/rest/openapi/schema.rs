//! Schemas: those of the tools as the catalogue has them, and the few shapes of REST itself.

use medcor_tools::{Catalog, CompiledTool, ErrorCode};
use serde_json::{Map, Value, json};

/// Everything that paths refer to by name.
pub(super) fn shared(catalog: &Catalog) -> Map<String, Value> {
    let mut schemas = Map::new();
    schemas.insert("Error".to_owned(), error());
    schemas.insert("Call".to_owned(), call());
    schemas.insert("Outcome".to_owned(), outcome());
    for tool in catalog.tools() {
        schemas.insert(input_name(tool), without_extensions(&tool.input_schema));
        schemas.insert(output_name(tool), answer(&tool.output_schema));
    }
    schemas
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn input_name(tool: &CompiledTool) -> String {
    format!("{}.parameters", tool.entry.name)
}

pub(super) fn output_name(tool: &CompiledTool) -> String {
    format!("{}.answer", tool.entry.name)
}

fn error() -> Value {
    let codes: Vec<&str> = ErrorCode::TABLE.iter().map(|line| line.name).collect();
    json!({
        "type": "object",
        "description": "What every refusal is.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "details", "retryable", "request_id", "timestamp"],
                "properties": {
                    "code": { "type": "string", "enum": codes },
                    "message": { "type": "string", "description": "What happened and what to do." },
                    "details": {
                        "type": "object",
                        "description": "What a caller can act on, such as `problems`, `candidates` or `conflicts`."
                    },
                    "retryable": { "type": "boolean", "description": "Whether the same call can succeed later." },
                    "retry_after": { "type": "integer", "description": "Seconds." },
                    "request_id": { "type": "string" },
                    "timestamp": { "type": "string", "format": "date-time" }
                }
            }
        }
    })
}

fn call() -> Value {
    let arguments = json!({ "type": "object", "description": "The parameters of the tool." });
    json!({
        "type": "object",
        "description": "A call of a tool.",
        "properties": {
            "tool": { "type": "string", "description": "Its name, or another name of it.", "examples": ["health_check"] },
            "params": arguments
        },
        "required": ["tool"],
        "additionalProperties": false
    })
}

fn outcome() -> Value {
    json!({
        "oneOf": [
            { "type": "object", "required": ["result"], "properties": { "result": { "type": "object" } } },
            reference("Error")
        ]
    })
}

/// An answer can have more members than its tool says: what a conversation filled in stands beside them.
fn answer(schema: &Value) -> Value {
    let mut schema = without_extensions(schema);
    if let Value::Object(members) = &mut schema {
        members.entry("type").or_insert_with(|| "object".into());
    }
    schema
}

/// Our own keywords mean nothing to others.
fn without_extensions(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !name.starts_with("x-medcor"));
            Value::Object(kept.map(|(name, value)| (name.clone(), without_extensions(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_extensions).collect()),
        other => other.clone(),
    }
}
