//! `POST /api/mcp/prompts/get` with `{prompt, initial_data}`, and as MCP calls it `{name, arguments}`.

use axum::{
    body::Body,
    extract::State,
    http::{Request, StatusCode},
};
use medcor_tools::ToolError;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Head, Rest};
use crate::door::{
    mcp_http::flaw_of,
    response::{self, Answer},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    prompt: Option<String>,
    name: Option<String>,
    initial_data: Option<Value>,
    arguments: Option<Map<String, Value>>,
}

pub(super) async fn get(State(rest): State<Rest>, request: Request<Body>) -> Answer {
    let (head, body) = Head::of(&rest, request);
    answered(&rest, &head, body).await.unwrap_or_else(|refusal| refusal)
}

async fn answered(rest: &Rest, head: &Head, body: Body) -> Result<Answer, Answer> {
    let asker = rest.asker(head).await?;
    let body = rest.body(body, &asker).await?;
    let filled = match read(&body) {
        Ok((name, arguments)) => rest.mcp.prompt(&asker, &name, arguments).await,
        Err(error) => Err(error),
    };
    match filled {
        Ok((prompt, text)) => {
            let message = json!({ "role": "user", "content": { "type": "text", "text": text } });
            let body = json!({
                "prompt": prompt.name, "description": prompt.description, "messages": [message]
            });
            Ok(response::json(StatusCode::OK, body.to_string()))
        }
        Err(error) => Err(rest.refused(&asker, "", error).await),
    }
}

fn read(body: &[u8]) -> Result<(String, Map<String, Value>), ToolError> {
    let expected = || ToolError::invalid("", "expected a JSON object with `prompt` and `initial_data`");
    let text = std::str::from_utf8(body).map_err(|_| expected())?;
    if let Some(flaw) = flaw_of(text) {
        return Err(ToolError::invalid("", flaw.words()));
    }
    let members: Members = serde_json::from_str(text).map_err(|_| expected())?;
    let ((Some(name), None) | (None, Some(name))) = (members.prompt, members.name) else {
        return Err(ToolError::invalid("/prompt", "required: the name of the prompt"));
    };
    let mut arguments = members.arguments.unwrap_or_default();
    match members.initial_data {
        None | Some(Value::Null) => {}
        Some(Value::Object(data)) => arguments.extend(data),
        Some(_) => return Err(ToolError::invalid("/initial_data", "expected an object")),
    }
    Ok((name, arguments))
}
