//! One call of a tool: `POST /api/mcp/tools/invoke`, `POST /call`, and `POST /{tool}` at the root.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Method, Request, StatusCode, header},
};
use medcor_tools::ToolError;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{Head, Rest, key};
use crate::door::{
    mcp_http::flaw_of,
    response::{self, Answer},
};

/// A call as a body asks for it.
pub(in crate::door) struct Invocation {
    pub(in crate::door) tool: String,
    pub(in crate::door) arguments: Value,
    pub(super) form: Form,
}

/// What the members of the body are called: two documented systems differ, and in what they expect back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::door) enum Form {
    /// `params` or `parameters`.
    Parameters,
    /// `arguments`, as MCP has it.
    Arguments,
}

/// A body. What else it may have is refused: a member that is passed over could have been a condition.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'b> {
    #[serde(borrow)]
    tool: Option<Cow<'b, str>>,
    #[serde(borrow)]
    name: Option<Cow<'b, str>>,
    params: Option<Map<String, Value>>,
    parameters: Option<Map<String, Value>>,
    arguments: Option<Map<String, Value>>,
}

const EXPECTED: &str =
    "expected a JSON object with `tool` and `params` (or `parameters`, or `arguments`), an object";

impl Invocation {
    /// Reads `{tool, params}`.
    pub(in crate::door) fn read(body: &[u8]) -> Result<Self, ToolError> {
        let expected = || ToolError::invalid("", EXPECTED);
        let text = std::str::from_utf8(body).map_err(|_| expected())?;
        let body: &RawValue = serde_json::from_str(text).map_err(|_| expected())?;
        if let Some(flaw) = flaw_of(body.get()) {
            return Err(ToolError::invalid("", flaw.words()));
        }
        let members: Members<'_> = serde_json::from_str(body.get()).map_err(|_| expected())?;
        Self::of(members)
    }

    fn of(members: Members<'_>) -> Result<Self, ToolError> {
        let tool = match (members.tool, members.name) {
            (Some(tool), None) | (None, Some(tool)) => tool.into_owned(),
            _ => return Err(ToolError::invalid("/tool", "required: the name of the tool")),
        };
        let form = if members.arguments.is_some() { Form::Arguments } else { Form::Parameters };
        let mut given = [members.params, members.parameters, members.arguments].into_iter().flatten();
        let arguments = given.next().unwrap_or_default();
        if given.next().is_some() {
            return Err(ToolError::invalid("/params", "contradicts another member that means the same"));
        }
        Ok(Self { tool, arguments: Value::Object(arguments), form })
    }

    /// Reads the arguments alone, of the tool that the path names. An empty body has none.
    fn of_arguments(tool: &str, body: &[u8]) -> Result<Self, ToolError> {
        let expected = || ToolError::invalid("", "expected a JSON object: the arguments");
        let text = std::str::from_utf8(body).map_err(|_| expected())?;
        let text = if text.trim().is_empty() { "{}" } else { text };
        if let Some(flaw) = flaw_of(text) {
            return Err(ToolError::invalid("", flaw.words()));
        }
        let arguments: Map<String, Value> = serde_json::from_str(text).map_err(|_| expected())?;
        Ok(Self { tool: tool.to_owned(), arguments: Value::Object(arguments), form: Form::Arguments })
    }
}

/// `POST /api/mcp/tools/invoke`: the answer of the tool itself.
pub(super) async fn invoke(State(rest): State<Rest>, request: Request<Body>) -> Answer {
    match called(&rest, Head::of(&rest, request), Invocation::read).await {
        Ok((_, answer)) => response::json(StatusCode::OK, answer),
        Err(refusal) => refusal,
    }
}

/// `POST /call`: the answer in the envelope of the system whose form the call has.
pub(super) async fn call(State(rest): State<Rest>, request: Request<Body>) -> Answer {
    let (head, body) = Head::of(&rest, request);
    let request_id = head.request_id.clone();
    let (form, answer) = match called(&rest, (head, body), Invocation::read).await {
        Ok(called) => called,
        Err(refusal) => return refusal,
    };
    let Ok(result) = serde_json::from_str::<&RawValue>(&answer) else {
        return response::line(StatusCode::INTERNAL_SERVER_ERROR, "the server failed");
    };
    let timestamp = rest.state.pipeline.store().clock().timestamp().to_string();
    let metadata = json!({ "request_id": &*request_id, "timestamp": timestamp });
    let body = match form {
        Form::Parameters => json!({ "result": result, "metadata": metadata }),
        Form::Arguments => json!({
            "jsonrpc": "2.0",
            "result": {
                "content": [{ "type": "text", "text": answer }], "structuredContent": result, "isError": false
            },
            "metadata": metadata
        }),
    };
    response::json(StatusCode::OK, body.to_string())
}

/// `POST /{tool}` with the arguments as the body. It is asked only where no other route is, so that no tool
/// takes a route's place. Other methods are refused as the call would be, else as methods.
pub(super) async fn by_name(State(rest): State<Rest>, request: Request<Body>) -> Answer {
    let name = request.uri().path().trim_matches('/').to_owned();
    let method = request.method().clone();
    if rest.state.pipeline.catalog().find(&name).is_none() {
        return response::line(StatusCode::NOT_FOUND, "there is nothing at this address");
    }
    let (head, body) = Head::of(&rest, request);
    if method == Method::POST {
        let read = |body: &[u8]| Invocation::of_arguments(&name, body);
        return match called(&rest, (head, body), read).await {
            Ok((_, answer)) => response::json(StatusCode::OK, answer),
            Err(refusal) => refusal,
        };
    }
    match rest.asker(&head).await {
        Ok(asker) => rest.not_by_this_method(&asker, &name).await,
        Err(refusal) => refusal,
    }
}

/// One call to its end.
async fn called(
    rest: &Rest,
    (head, body): (Head, Body),
    read: impl FnOnce(&[u8]) -> Result<Invocation, ToolError>,
) -> Result<(Form, String), Answer> {
    let (asker, mut invocation) = rest.asked((&head, body), read).await?;
    let catalog = rest.state.pipeline.catalog();
    if let Err(error) = key::taken_over(&head.parts.headers, catalog, &mut invocation) {
        return Err(rest.refused(&asker, &invocation.tool, error).await);
    }
    let Invocation { tool, arguments, form } = invocation;
    match rest.mcp.call(&asker, &tool, arguments).await {
        Ok(answer) => Ok((form, answer.into_json())),
        Err(failure) => Err(rest.failed(&failure)),
    }
}

impl Rest {
    /// A tool is called by `POST`. Whoever may not use it learns that first, as one verification plan asks.
    async fn not_by_this_method(&self, asker: &crate::door::mcp::Asker, tool: &str) -> Answer {
        let named = self.state.pipeline.catalog().named(tool);
        if !named.iter().any(|tool| asker.caller.may_use(tool.entry)) {
            return match self.mcp.call(asker, tool, json!({})).await {
                Ok(_) => response::line(StatusCode::INTERNAL_SERVER_ERROR, "the server failed"),
                Err(failure) => self.failed(&failure),
            };
        }
        let mut answer = response::line(StatusCode::METHOD_NOT_ALLOWED, "a tool is called by POST");
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        answer
    }
}
