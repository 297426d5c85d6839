//! Fixtures that talk with their client before they answer.
#![expect(deprecated, reason = "the suite tests logging and sampling, which versions up to 2025-11-25 have")]

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, CreateMessageRequestParams,
        LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion,
    },
    service::ServiceError,
};
use serde_json::{Value, json};

use super::{Context, can_sample, content, typed};

/// Between two steps, so that the client gets each by itself.
const STEP: Duration = Duration::from_millis(50);

/// Writes to the client's log: from 2026-07-28 only where the request asks for it.
pub(super) async fn logging(context: &Context) -> Result<CallToolResponse, ErrorData> {
    let version = context.protocol_version();
    let is_modern = version.is_some_and(|it| it.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
    let is_wanted = !is_modern || context.meta.log_level().is_some();
    let steps = ["Tool execution started", "Tool processing data", "Tool execution completed"];
    for (number, step) in steps.into_iter().enumerate() {
        if number > 0 {
            tokio::time::sleep(STEP).await;
        }
        if is_wanted {
            let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, step.into());
            context.peer.notify_logging_message(message).await.map_err(lost)?;
        }
    }
    Ok(content::text("The work is done and written to the log."))
}

/// Tells its progress, if the client wants to know.
pub(super) async fn progress(context: &Context) -> Result<CallToolResponse, ErrorData> {
    let token = context.meta.get_progress_token();
    for progress in [0.0, 50.0, 100.0] {
        if progress > 0.0 {
            tokio::time::sleep(STEP).await;
        }
        if let Some(token) = token.clone() {
            let step = ProgressNotificationParam::new(token, progress).with_total(100.0);
            context.peer.notify_progress(step).await.map_err(lost)?;
        }
    }
    Ok(content::text("The work is done in three steps."))
}

/// Refuses a client that did not say that it can sample.
pub(super) fn with_sampling_alone(context: &Context) -> Result<CallToolResponse, ErrorData> {
    if can_sample(&context.client_capabilities().unwrap_or_default()) {
        return Ok(content::text("The client can sample."));
    }
    let required = ClientCapabilities::builder().enable_sampling().build();
    Err(ErrorData::missing_required_client_capability(required))
}

/// Has the client's model answer.
pub(super) async fn sampling(
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let message = json!({"role": "user", "content": {"type": "text", "text": argument(request, "prompt")}});
    let asked: CreateMessageRequestParams = typed(json!({"messages": [message], "maxTokens": 100}))?;
    let answer = context.peer.create_message(asked).await.map_err(lost)?;
    let answer = serde_json::to_value(&answer.message.content).unwrap_or_default();
    let text = answer["text"].as_str().or_else(|| answer[0]["text"].as_str()).unwrap_or_default();
    Ok(content::text(&format!("LLM response: {text}")))
}

/// Asks the client's person.
pub(super) async fn elicitation(
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let (message, form, opening) = match request.name.as_ref() {
        "test_elicitation_sep1034_defaults" => {
            ("Look over the defaults", defaults(), "Elicitation completed: ")
        }
        "test_elicitation_sep1330_enums" => ("Choose", choices(), "Elicitation completed: "),
        _ => (argument(request, "message"), account(), "User response: "),
    };
    let asked = typed(json!({"mode": "form", "message": message, "requestedSchema": form}))?;
    let answer = context.peer.create_elicitation(asked).await.map_err(lost)?;
    let said = serde_json::to_value(&answer).unwrap_or_default();
    let (action, fields) = (said["action"].as_str().unwrap_or_default(), &said["content"]);
    Ok(content::text(&format!("{opening}action={action}, content={fields}")))
}

fn account() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"}
        },
        "required": ["username", "email"]
    })
}

fn defaults() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": true}
        }
    })
}

fn choices() -> Value {
    let titled = |values: [&str; 3], titles: [&str; 3]| -> Vec<Value> {
        values.iter().zip(titles).map(|(value, title)| json!({"const": value, "title": title})).collect()
    };
    let values = ["value1", "value2", "value3"];
    let plain = ["option1", "option2", "option3"];
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {
                "type": "string", "oneOf": titled(values, ["First Option", "Second Option", "Third Option"])
            },
            "legacyEnum": {
                "type": "string", "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"]
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {
                "type": "array",
                "items": {"anyOf": titled(values, ["First Choice", "Second Choice", "Third Choice"])}
            }
        }
    })
}

fn argument<'r>(request: &'r CallToolRequestParams, name: &str) -> &'r str {
    let arguments = request.arguments.as_ref();
    arguments.and_then(|arguments| arguments.get(name)).and_then(Value::as_str).unwrap_or_default()
}

fn lost(error: ServiceError) -> ErrorData {
    match error {
        ServiceError::McpError(error) => error,
        other => ErrorData::internal_error(format!("the client did not answer: {other}"), None),
    }
}
