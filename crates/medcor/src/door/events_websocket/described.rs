//! The messages of `/api/mcp/ws`, described. Events are described where they are made.

use serde_json::{Map, Value, json};

use crate::events::described::codes;

/// A message beside the events.
pub(in crate::door) struct DescribedMessage {
    /// `type`.
    pub(in crate::door) kind: &'static str,
    /// Who says it.
    pub(in crate::door) from: From,
    pub(in crate::door) meaning: &'static str,
    pub(in crate::door) schema: Value,
    /// One of them.
    pub(in crate::door) example: Value,
    /// The kinds of message that answer it.
    pub(in crate::door) answered_by: &'static [&'static str],
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::door) enum From {
    Client,
    Server,
}

/// Every message, the client's first.
pub(in crate::door) fn messages() -> Vec<DescribedMessage> {
    vec![
        authenticate(),
        invoke(),
        subscribe(),
        unsubscribe(),
        welcome(),
        answer(),
        subscribed(),
        left(),
        failed(),
    ]
}

fn authenticate() -> DescribedMessage {
    DescribedMessage {
        kind: "auth",
        from: From::Client,
        meaning: "Says who it is, where the handshake did not, or brings a newer token of the same caller.",
        schema: schema("auth", &["token"], json!({ "token": { "type": "string" } })),
        example: json!({ "type": "auth", "token": "eyJ..." }),
        answered_by: &["auth_success", "error"],
    }
}

fn invoke() -> DescribedMessage {
    let members = json!({
        "tool": { "type": "string", "description": "Its name, or another name of it." },
        "params": { "type": "object", "description": "The parameters of the tool." }
    });
    DescribedMessage {
        kind: "tool_invoke",
        from: From::Client,
        meaning: "Calls a tool.",
        schema: schema("tool_invoke", &["tool"], members),
        example: json!({ "type": "tool_invoke", "request_id": "r1", "tool": "list_doctors", "params": {} }),
        answered_by: &["tool_response"],
    }
}

fn subscribe() -> DescribedMessage {
    let members = json!({
        "resource": { "$ref": "#/components/schemas/Topics" },
        "last_event_id": { "type": "string", "description": "Goes on after this `event_id`." },
        "data": { "type": "string", "enum": ["ids", "full"], "description": "How much events say of records." }
    });
    DescribedMessage {
        kind: "subscribe",
        from: From::Client,
        meaning: "Asks to be told of something, beside what it asked for before.",
        schema: schema("subscribe", &["resource"], members),
        example: json!({ "type": "subscribe", "resource": "appointments,patient_registered" }),
        answered_by: &["subscribed", "error"],
    }
}

fn unsubscribe() -> DescribedMessage {
    DescribedMessage {
        kind: "unsubscribe",
        from: From::Client,
        meaning: "Asks to be told of it no more.",
        schema: schema("unsubscribe", &["resource"], json!({ "resource": { "type": "string" } })),
        example: json!({ "type": "unsubscribe", "resource": "appointments" }),
        answered_by: &["unsubscribed", "error"],
    }
}

fn welcome() -> DescribedMessage {
    let members = json!({
        "user_id": { "type": ["string", "null"] },
        "expires_at": { "type": ["string", "null"], "format": "date-time", "description": "When the token ends." }
    });
    DescribedMessage {
        kind: "auth_success",
        from: From::Server,
        meaning: "The token is good.",
        schema: schema("auth_success", &["user_id", "expires_at"], members),
        example: json!({ "type": "auth_success", "user_id": "018f…", "expires_at": "2026-12-02T09:15:00.000Z" }),
        answered_by: &[],
    }
}

fn answer() -> DescribedMessage {
    let members = json!({
        "tool": { "type": "string" },
        "result": { "description": "The answer of the tool, where it did its work." },
        "error": { "type": "string", "description": "`CODE: message`, where it was refused." },
        "error_detail": detail()
    });
    let mut schema = schema("tool_response", &["tool"], members);
    schema["oneOf"] = json!([{ "required": ["result"] }, { "required": ["error", "error_detail"] }]);
    DescribedMessage {
        kind: "tool_response",
        from: From::Server,
        meaning: "The answer to a call, or its refusal.",
        schema,
        example: json!({ "type": "tool_response", "request_id": "r1", "tool": "list_doctors", "result": { "count": 0 } }),
        answered_by: &[],
    }
}

fn subscribed() -> DescribedMessage {
    let members = json!({
        "resource": { "type": "string" },
        "event_id": { "type": ["string", "null"], "description": "The place from which the stream goes on." }
    });
    DescribedMessage {
        kind: "subscribed",
        from: From::Server,
        meaning: "It will be told of that.",
        schema: schema("subscribed", &["resource", "event_id"], members),
        example: json!({ "type": "subscribed", "resource": "appointments", "event_id": "aB3…" }),
        answered_by: &[],
    }
}

fn left() -> DescribedMessage {
    DescribedMessage {
        kind: "unsubscribed",
        from: From::Server,
        meaning: "It is told of that no more.",
        schema: schema("unsubscribed", &["resource"], json!({ "resource": { "type": "string" } })),
        example: json!({ "type": "unsubscribed", "resource": "appointments" }),
        answered_by: &[],
    }
}

fn failed() -> DescribedMessage {
    let members = json!({
        "error": { "type": "string", "description": "`CODE: message`." },
        "error_detail": detail()
    });
    DescribedMessage {
        kind: "error",
        from: From::Server,
        meaning: "A message was refused, or, without having been asked, what is told ends.",
        schema: schema("error", &["error", "error_detail"], members),
        example: json!({
            "type": "error", "error": "AUTH_REQUIRED: a bearer token is required",
            "error_detail": { "code": "AUTH_REQUIRED", "message": "a bearer token is required", "retryable": false }
        }),
        answered_by: &[],
    }
}

fn detail() -> Value {
    json!({
        "type": "object",
        "required": ["code", "message", "retryable"],
        "properties": {
            "code": { "type": "string", "enum": codes() },
            "message": { "type": "string", "description": "What happened and what to do." },
            "details": { "type": "object" },
            "retryable": { "type": "boolean" },
            "retry_after": { "type": "integer", "description": "Seconds." },
            "request_id": { "type": "string" },
            "timestamp": { "type": "string", "format": "date-time" }
        },
        "additionalProperties": false
    })
}

fn schema(kind: &str, required: &[&str], members: Value) -> Value {
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({ "type": "string", "const": kind }));
    let given_back = "The client's own, of any kind; the answer has the same.";
    properties.insert("request_id".to_owned(), json!({ "description": given_back }));
    if let Value::Object(members) = members {
        properties.extend(members);
    }
    let required: Vec<&str> = ["type"].iter().chain(required).copied().collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}
