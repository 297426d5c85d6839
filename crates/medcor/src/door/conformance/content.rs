//! Fixtures that always answer the same.

use rmcp::{
    ErrorData,
    model::{
        CallToolResponse, CallToolResult, ContentBlock, JsonObject, Prompt, Resource, ResourceTemplate, Tool,
    },
};
use serde_json::{Value, json};

use super::{rounds, typed};

/// The resource that the suite subscribes to.
pub(super) const WATCHED: &str = "test://watched-resource";

/// One red pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// No sound at all: the head of a file with one channel and no samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

/// The names of the tools whose answers are made elsewhere, and what they are for.
const OTHER_TOOLS: [(&str, &str); 12] = [
    ("test_tool_with_logging", "Writes three messages to the client's log."),
    ("test_logging_tool", "Writes to the client's log where the request asks for it."),
    ("test_tool_with_progress", "Tells its progress in three steps."),
    ("test_sampling", "Has the client's model answer a prompt."),
    ("test_elicitation", "Asks the client's person for two fields."),
    ("test_elicitation_sep1034_defaults", "Asks for fields of all kinds with defaults."),
    ("test_elicitation_sep1330_enums", "Asks for choices of all kinds."),
    ("test_missing_capability", "Needs a client that can sample."),
    ("test_trigger_tool_change", "Says that the list of tools has changed."),
    ("test_trigger_prompt_change", "Says that the list of prompts has changed."),
    ("json_schema_2020_12_tool", "Has a schema with many keywords."),
    ("test_custom_header", "Has an argument that is mirrored into a header."),
];

const PROMPTS: [&str; 4] = [
    "test_simple_prompt",
    "test_prompt_with_arguments",
    "test_prompt_with_embedded_resource",
    "test_prompt_with_image",
];

const SAME: [&str; 6] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
];

/// Whether this is a tool of the suite.
pub(super) fn is_tool(name: &str) -> bool {
    SAME.contains(&name) || OTHER_TOOLS.iter().any(|(other, _)| *other == name) || rounds::is_tool(name)
}

/// Whether this is a prompt whose arguments can be completed.
pub(super) fn is_prompt(name: &str) -> bool {
    PROMPTS.contains(&name)
}

/// The definitions of all tools of the suite.
pub(super) fn tools() -> Result<Vec<Tool>, ErrorData> {
    let same = SAME.iter().map(|name| (*name, "Answers the same, always."));
    let rounds = rounds::TOOLS.iter().map(|name| (*name, "Asks its client before it answers."));
    let all = same.chain(OTHER_TOOLS).chain(rounds);
    all.map(|(name, description)| {
        let schema: JsonObject = typed(schema(name))?;
        Ok(Tool::new(name, description, schema))
    })
    .collect()
}

fn schema(name: &str) -> Value {
    let text = |field: &str| json!({"type": "object", "properties": {field: {"type": "string"}}, "required": [field]});
    match name {
        "test_sampling" => text("prompt"),
        "test_elicitation" => text("message"),
        "test_custom_header" => json!({
            "type": "object",
            "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
            "required": ["region"]
        }),
        "json_schema_2020_12_tool" => json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {"address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
            }},
            "properties": {
                "name": {"type": "string"},
                "address": {"$ref": "#/$defs/address"},
                "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                "phone": {"type": "string"},
                "email": {"type": "string"}
            },
            "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
            "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
            "then": {"required": ["phone"]},
            "else": {"required": ["email"]},
            "additionalProperties": false
        }),
        _ => json!({"type": "object", "properties": {}}),
    }
}

/// A result of one text.
pub(super) fn text(text: &str) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

/// The result of a tool that always answers the same.
pub(super) fn answer(tool: &str) -> Option<Value> {
    let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    let text = |text: &str| json!({"type": "text", "text": text});
    let resource = |uri: &str, kind: &str, text: &str| json!({"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": text}});
    let content = match tool {
        "test_simple_text" => json!([text("This is a simple text response for testing.")]),
        "test_image_content" => json!([image]),
        "test_audio_content" => json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]),
        "test_embedded_resource" => json!([resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content."
        )]),
        "test_multiple_content_types" => json!([
            text("Multiple content types test:"),
            image,
            resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#)
        ]),
        "test_error_handling" => {
            let content = [text("This tool intentionally returns an error for testing")];
            return Some(json!({"resultType": "complete", "content": content, "isError": true}));
        }
        "json_schema_2020_12_tool" | "test_custom_header" => json!([text("The arguments were taken.")]),
        _ => return None,
    };
    Some(json!({"resultType": "complete", "content": content}))
}

/// The definitions of the suite's resources.
pub(super) fn resources() -> Result<Vec<Resource>, ErrorData> {
    let resource = |uri: &str, name: &str, kind: &str| json!({"uri": uri, "name": name, "description": "A fixture.", "mimeType": kind});
    typed(json!([
        resource("test://static-text", "static text", "text/plain"),
        resource("test://static-binary", "static binary", "image/png"),
        resource(WATCHED, "watched", "text/plain")
    ]))
}

/// The definition of the suite's template.
pub(super) fn templates() -> Result<Vec<ResourceTemplate>, ErrorData> {
    typed(json!([{
        "uriTemplate": "test://template/{id}/data", "name": "template", "description": "A fixture.",
        "mimeType": "application/json"
    }]))
}

/// What a resource of the suite holds.
pub(super) fn resource(uri: &str) -> Option<Value> {
    let with = |kind: &str, text: &str| json!({"resultType": "complete", "contents": [{"uri": uri, "mimeType": kind, "text": text}]});
    match uri {
        "test://static-text" => Some(with("text/plain", "This is the content of the static text resource.")),
        "test://static-binary" => Some(
            json!({"resultType": "complete", "contents": [{"uri": uri, "mimeType": "image/png", "blob": PNG}]}),
        ),
        WATCHED => Some(with("text/plain", "Nothing happens here.")),
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            Some(with("application/json", &data.to_string()))
        }
    }
}

/// The definitions of the suite's prompts.
pub(super) fn prompts() -> Result<Vec<Prompt>, ErrorData> {
    let argument = |name: &str| json!({"name": name, "description": "A word.", "required": true});
    let prompt = |name: &str, arguments: Vec<Value>| json!({"name": name, "description": "A fixture.", "arguments": arguments});
    typed(json!([
        prompt(PROMPTS[0], Vec::new()),
        prompt(PROMPTS[1], vec![argument("arg1"), argument("arg2")]),
        prompt(PROMPTS[2], vec![argument("resourceUri")]),
        prompt(PROMPTS[3], Vec::new()),
        prompt(rounds::PROMPT, Vec::new())
    ]))
}

/// What a prompt of the suite says.
pub(super) fn prompt(name: &str, arguments: &JsonObject) -> Option<Value> {
    let user = |content: Value| json!({"role": "user", "content": content});
    let text = |text: &str| user(json!({"type": "text", "text": text}));
    let given = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    let messages = match name {
        "test_simple_prompt" => json!([text("This is a simple prompt for testing.")]),
        "test_prompt_with_arguments" => {
            let filled = format!("Prompt with arguments: arg1='{}', arg2='{}'", given("arg1"), given("arg2"));
            json!([text(&filled)])
        }
        "test_prompt_with_embedded_resource" => json!([
            user(json!({"type": "resource", "resource": {
                "uri": given("resourceUri"), "mimeType": "text/plain",
                "text": "Embedded resource content for testing."
            }})),
            text("Please process the embedded resource above.")
        ]),
        "test_prompt_with_image" => json!([
            user(json!({"type": "image", "data": PNG, "mimeType": "image/png"})),
            text("Please analyze the image above.")
        ]),
        _ => return None,
    };
    Some(json!({"resultType": "complete", "messages": messages}))
}
