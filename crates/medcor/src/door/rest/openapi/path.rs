//! Paths: each with what it takes and every status that it can answer.

use medcor_tools::{Catalog, CompiledTool, Effect, ErrorCode, Exposure};
use serde_json::{Map, Value, json};

use super::{
    part::{
        batch_body, filter_schema, item_parameters, list_answer, list_parameters, prompt_answer, prompt_body,
        query, refresh_body, tag, text, tools_answer, with_aliases,
    },
    schema::{input_name, output_name, reference},
};
use crate::door::{
    DoorSettings,
    rest::resources::{ANALYTICS, COLLECTIONS, Collection},
};

/// Groups beside the toolsets.
pub(super) const TAGS: [(&str, &str); 4] = [
    ("calls", "Calling any tool, alone or several in one request."),
    ("resources", "The documented collections, read by the tools of the same names."),
    (
        "login",
        "Tokens for people and programs. OAuth 2.1 is described at /.well-known/oauth-authorization-server.",
    ),
    ("health", "Whether the server lives."),
];

const PREFIXES: [&str; 2] = ["/api/v1", "/api"];
pub(super) const DOCUMENT: &str = "application/json";
/// Refusals that any request of a caller can end in.
const ALWAYS: [u16; 8] = [400, 401, 403, 408, 413, 429, 500, 503];
/// Further ones of a call.
const OF_CALLS: [u16; 4] = [404, 409, 412, 428];

pub(super) fn shared_responses() -> Value {
    let mut responses = Map::new();
    for status in ALWAYS.into_iter().chain(OF_CALLS) {
        let lines = ErrorCode::TABLE.iter().filter(|line| line.http_status == status);
        let meanings: Vec<String> = lines.map(|line| format!("`{}`: {}", line.name, line.meaning)).collect();
        let description = match (status, meanings.is_empty()) {
            (408, _) => "The body took too long.".to_owned(),
            (413, _) => "The body is larger than 1 MiB.".to_owned(),
            (_, _) => meanings.join(" "),
        };
        let mut content = json!({ DOCUMENT: { "schema": reference("Error") } });
        if matches!(status, 400 | 408 | 413 | 500 | 503) {
            content["text/plain"] = json!({ "schema": { "type": "string" } });
        }
        let mut response = json!({ "description": description, "content": content });
        if status == 401 || status == 403 {
            response["headers"] =
                json!({ "WWW-Authenticate": { "$ref": "#/components/headers/WWW-Authenticate" } });
        }
        if status == 429 {
            response["headers"] = json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

pub(super) fn shared_headers() -> Value {
    json!({
        "WWW-Authenticate": {
            "description": "Where tokens come from, and which one would do.", "schema": { "type": "string" }
        },
        "Retry-After": { "description": "Seconds.", "schema": { "type": "integer" } },
        "ETag": { "description": "Names the answer.", "schema": { "type": "string" } },
        "Link": { "description": "The pages beside this one (RFC 8288).", "schema": { "type": "string" } }
    })
}

/// The entries that are not one tool's.
pub(super) fn add_entries(paths: &mut Map<String, Value>, settings: &DoorSettings) {
    for prefix in PREFIXES {
        let mut put = |path: &str, method: &str, operation: Value| {
            paths.insert(format!("{prefix}{path}"), json!({ method: aged(operation, prefix, settings) }));
        };
        let id = |name: &str| if prefix == "/api" { format!("{name}_unversioned") } else { name.to_owned() };
        let any = json!({ "type": "object" });
        let invoke = operation(&id("invoke"), "calls", "Call a tool; the answer is the tool's own.");
        put("/mcp/tools/invoke", "post", called(with_body(invoke, reference("Call")), any.clone(), true));
        let batch =
            operation(&id("batch"), "calls", "Several calls in one request, answered in their order.");
        let outcomes = json!({ "type": "array", "items": reference("Outcome") });
        put("/mcp/batch", "post", called(with_body(batch, batch_body(settings)), outcomes, true));
        let prompt = operation(&id("get_prompt"), "calls", "A prompt, filled.");
        put("/mcp/prompts/get", "post", called(with_body(prompt, prompt_body()), prompt_answer(), false));
        let list = operation(&id("list_tools"), "calls", "The tools that you may use.");
        put("/mcp/tools", "get", answered(with_aliases(list), tools_answer()));
    }
    let call = operation("call", "calls", "Call a tool, as older clients do.");
    let call = called(with_body(call, reference("Call")), json!({ "type": "object" }), true);
    paths.insert("/call".to_owned(), json!({ "post": aged(call, "", settings) }));
    let list = with_aliases(operation("list_tools_older", "calls", "The tools that you may use."));
    paths.insert("/tools".to_owned(), json!({ "get": aged(answered(list, tools_answer()), "", settings) }));
    for (path, status) in [("/health/liveness", &[200][..]), ("/health/readiness", &[200, 503][..])] {
        let mut responses = Map::new();
        for status in status {
            let content = json!({ DOCUMENT: { "schema": { "type": "object", "required": ["status"] } } });
            let response = json!({ "description": "How the server is.", "content": content });
            responses.insert(status.to_string(), response);
        }
        let id = path.trim_start_matches('/').replace('/', "_");
        let mut health = operation(&id, "health", "Whether the server lives and can answer.");
        health["security"] = json!([]);
        health["responses"] = Value::Object(responses);
        paths.insert(path.to_owned(), json!({ "get": health }));
    }
}

/// The ten collections and the dashboard. Those whose tools this server has not are left out.
pub(super) fn add_resources(paths: &mut Map<String, Value>, catalog: &Catalog, settings: &DoorSettings) {
    for prefix in PREFIXES {
        let suffix = if prefix == "/api" { "_unversioned" } else { "" };
        for Collection { name, list, item } in &COLLECTIONS {
            let path = format!("{prefix}/mcp/resources/{name}");
            let word = name.replace('/', "_");
            if let Some((tool, _)) = catalog.find(list) {
                let about = format!("The {name}, as `{list}` lists them.");
                let mut listing = operation(&format!("read_{word}{suffix}"), "resources", &about);
                listing["parameters"] = json!(list_parameters(tool));
                paths.insert(
                    path.clone(),
                    json!({ "get": aged(tagged(listing, list_answer(), true), prefix, settings) }),
                );
            }
            if catalog.find(item.0).is_some() {
                let about = format!("One of the {name}, as `{}` shows it.", item.0);
                let mut one = operation(&format!("read_one_of_{word}{suffix}"), "resources", &about);
                one["parameters"] = json!(item_parameters());
                let any = json!({ "type": "object" });
                paths.insert(
                    format!("{path}/{{id}}"),
                    json!({ "get": aged(tagged(one, any, false), prefix, settings) }),
                );
            }
        }
        for only in &ANALYTICS {
            let tool = catalog.find(only.tool).filter(|(tool, _)| tool.entry.effect.is_read_only());
            if tool.is_none() {
                continue;
            }
            let about = format!("As `{}` answers.", only.tool);
            let mut reading = operation(&format!("read_{}{suffix}", only.name), "resources", &about);
            reading["parameters"] = json!([query("filter", filter_schema()), query("fields", text()), tag()]);
            let any = json!({ "type": "object" });
            let path = format!("{prefix}/mcp/resources/analytics/{}", only.name);
            paths.insert(path, json!({ "get": aged(tagged(reading, any, false), prefix, settings) }));
        }
    }
}

/// `POST /{tool}` of every tool.
pub(super) fn add_tools(paths: &mut Map<String, Value>, catalog: &Catalog, settings: &DoorSettings) {
    for tool in catalog.tools() {
        let path = format!("/{}", tool.entry.name);
        // A route of this name stands before the tool.
        if path == "/authenticate" || paths.contains_key(&path) {
            continue;
        }
        paths.insert(path, json!({ "post": aged(of_tool(tool), "", settings) }));
    }
}

fn of_tool(tool: &CompiledTool) -> Value {
    let entry = tool.entry;
    let mut operation = operation(entry.name, tool.toolset, entry.title);
    operation["description"] = tool.description.trim().into();
    let has_required =
        tool.input_schema.get("required").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
    operation["requestBody"] = json!({
        "required": has_required, "content": { DOCUMENT: { "schema": reference(&input_name(tool)) } }
    });
    if entry.exposure == Exposure::BeforeLogin {
        operation["security"] = json!([{}, { "bearer": [] }]);
    }
    // What a tool that names another answers is the other's.
    let answer =
        if entry.names_another() { json!({ "type": "object" }) } else { reference(&output_name(tool)) };
    called(operation, answer, entry.effect != Effect::ReadOnly)
}

/// The documented logins.
pub(super) fn add_logins(paths: &mut Map<String, Value>) {
    let word = json!({ "type": "string" });
    let logins = [
        (
            "/api/auth/login/",
            "log_in",
            "A token for a person.",
            json!({
                "type": "object", "required": ["email", "password"],
                "properties": { "email": word, "password": { "type": "string", "format": "password" }, "mfa_code": word }
            }),
        ),
        ("/api/auth/refresh/", "refresh", "A new token for a refresh token.", refresh_body()),
        ("/api/auth/logout/", "log_out", "Ends what a refresh token belongs to.", refresh_body()),
        (
            "/authenticate",
            "authenticate",
            "A token for a program.",
            json!({
                "type": "object", "required": ["client_id", "client_secret"],
                "properties": { "client_id": word, "client_secret": { "type": "string", "format": "password" }, "app_id": word }
            }),
        ),
    ];
    for (path, id, about, body) in logins {
        let mut operation = with_body(operation(id, "login", about), body);
        operation["security"] = json!([]);
        paths.insert(path.to_owned(), json!({ "post": answered(operation, json!({ "type": "object" })) }));
    }
}

fn operation(id: &str, tag: &str, summary: &str) -> Value {
    json!({ "operationId": id, "tags": [tag], "summary": summary })
}

fn with_body(mut operation: Value, schema: Value) -> Value {
    operation["requestBody"] = json!({ "required": true, "content": { DOCUMENT: {} } });
    operation["requestBody"]["content"][DOCUMENT]["schema"] = schema;
    operation
}

/// Marks what the operator has announced the end of.
fn aged(mut operation: Value, prefix: &str, settings: &DoorSettings) -> Value {
    if prefix != "/api/v1" && settings.api_deprecated_at.is_some() {
        operation["deprecated"] = true.into();
    }
    operation
}

fn answered(operation: Value, answer: Value) -> Value {
    with_responses(operation, answer, &ALWAYS)
}

/// A call of a tool, which a key makes repeatable where it writes.
fn called(mut operation: Value, answer: Value, writes: bool) -> Value {
    if writes {
        let key = json!({
            "name": "Idempotency-Key", "in": "header", "schema": { "type": "string", "minLength": 8, "maxLength": 100 },
            "description": "A key of your own: repeated with it, the work is done once and the same answer comes back."
        });
        operation["parameters"] = json!([key]);
    }
    let statuses: Vec<u16> = ALWAYS.into_iter().chain(OF_CALLS).collect();
    with_responses(operation, answer, &statuses)
}

fn with_responses(mut operation: Value, answer: Value, refusals: &[u16]) -> Value {
    let mut responses = Map::new();
    let mut response = json!({ "description": "The answer.", "content": { DOCUMENT: {} } });
    response["content"][DOCUMENT]["schema"] = answer;
    responses.insert("200".to_owned(), response);
    for status in refusals {
        let reference = format!("#/components/responses/{status}");
        responses.insert(status.to_string(), json!({ "$ref": reference }));
    }
    operation["responses"] = Value::Object(responses);
    operation
}

/// A reading with a tag.
fn tagged(operation: Value, answer: Value, has_links: bool) -> Value {
    let statuses: Vec<u16> = ALWAYS.into_iter().chain(OF_CALLS).collect();
    let mut operation = with_responses(operation, answer, &statuses);
    let mut headers = json!({ "ETag": { "$ref": "#/components/headers/ETag" } });
    if has_links {
        headers["Link"] = json!({ "$ref": "#/components/headers/Link" });
    }
    operation["responses"]["200"]["headers"] = headers;
    operation["responses"]["304"] = json!({ "description": "You have the answer already." });
    operation
}
