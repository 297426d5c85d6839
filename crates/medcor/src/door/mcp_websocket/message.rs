//! What a message means: a call, which is answered as over HTTP; a token; or whatever else the library answers.

use std::{borrow::Cow, sync::Arc};

use axum::body::Bytes;
use medcor_tools::{ErrorReport, ToolError};
use rmcp::{
    ErrorData,
    model::{ClientJsonRpcMessage, ErrorCode, JsonRpcError, RequestId},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::sync::OwnedSemaphorePermit;

use super::{McpWebSocket, library::Library};
use crate::door::{
    mcp::{Asker, protocol_error},
    mcp_http::{Direct, Message, What},
    token::Carrying,
    websocket::{Closing, Entered, Identity, Line, Speaker, entered, logged_in},
};

/// Says who it is, or brings a newer token, and does nothing else.
const AUTHENTICATE: &str = "auth";
const CALL: &str = "tools/call";
/// How long a client should wait that has too many requests open.
const RETRY_SECONDS: u32 = 1;

/// Answers MCP on one connection.
pub(super) struct McpSpeaker {
    door: McpWebSocket,
    identity: Arc<Identity>,
    line: Line,
    /// Begins with the first message that needs it: an idle connection holds no session.
    library: Option<Library>,
}

impl McpSpeaker {
    pub(super) fn new(door: McpWebSocket, identity: Arc<Identity>, line: Line) -> Self {
        Self { door, identity, line, library: None }
    }
}

impl Speaker for McpSpeaker {
    async fn hear(&mut self, text: String) -> Result<Option<Bytes>, Closing> {
        let read = Message::read(text.as_bytes()).and_then(|message| message.check_shape().map(|()| message));
        let message = match read {
            Ok(message) => message,
            Err(error) => {
                let message = Message::read(text.as_bytes()).ok();
                return fail(message.as_ref().and_then(id_of), error);
            }
        };
        if let Some(call) = self.named_tool(&message) {
            let message = Message::read(call.as_bytes()).map_err(|_| Closing::Failed)?;
            return self.request(&message, &call).await;
        }
        self.request(&message, &text).await
    }

    /// Notifications come over the line too.
    async fn tell(&mut self) -> Result<String, Closing> {
        std::future::pending().await
    }
}

impl McpSpeaker {
    async fn request(&mut self, message: &Message<'_>, text: &str) -> Result<Option<Bytes>, Closing> {
        if message.method.as_deref() == Some(AUTHENTICATE) {
            return self.authenticate(message).await;
        }
        let call = message.params.filter(|_| message.method.as_deref() == Some(CALL));
        let call = call.and_then(|params| serde_json::from_str::<Carrying<'_>>(params.get()).ok());
        match entered(&self.identity, &self.door.mcp, call).await {
            Ok(entered) => self.answer(message, text, entered).await,
            Err(report) => refused(message, &report),
        }
    }

    /// Answers a message of whoever may send it.
    async fn answer(
        &mut self,
        message: &Message<'_>,
        text: &str,
        Entered { asker, logs_in }: Entered,
    ) -> Result<Option<Bytes>, Closing> {
        let has_session = self.library.is_some();
        let is_request = message.id.is_some() && message.method.is_some();
        let place = is_request.then(|| self.line.place()).flatten();
        if is_request && place.is_none() {
            let error = ToolError::RateLimit { retry_after_seconds: RETRY_SECONDS };
            let report = self.identity.refuse(&asker, "", error).await;
            return refused(message, &report);
        }
        let Some((direct, what)) = Direct::alone(message).filter(|it| !self.asks(it, has_session)) else {
            return self.by_library(message, text, asker, place);
        };
        let (mcp, line, identity) = (self.door.mcp.clone(), self.line.clone(), self.identity.clone());
        let direct = direct.into_owned();
        let What::Call { tool, arguments } = what else {
            let listed = direct.listing(&mcp.listing(&asker).first_tools(direct.era()));
            return Ok(Some(listed.into()));
        };
        let tool = tool.into_owned();
        let answering = async move {
            let result = mcp.call(&asker, &tool, arguments).await;
            if logs_in && let Ok(answer) = &result {
                logged_in(&identity, answer).await;
            }
            Bytes::from(direct.outcome(result))
        };
        if logs_in {
            // What comes after a login comes from whoever logged in.
            return Ok(Some(answering.await));
        }
        tokio::spawn(async move {
            line.say(answering.await).await;
            drop(place);
        });
        Ok(None)
    }

    fn by_library(
        &mut self,
        message: &Message<'_>,
        text: &str,
        asker: Asker,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Option<Bytes>, Closing> {
        if let Err(error) = message.check(text.as_bytes()) {
            return fail(id_of(message), error);
        }
        let parsed = serde_json::from_str::<ClientJsonRpcMessage>(text).map_err(|_| Closing::Failed)?;
        let library = self.library.get_or_insert_with(|| {
            Library::start(self.door.handler.for_session(), self.line.clone(), message.is_initialize())
        });
        match (library.pass(parsed, asker, place), id_of(message)) {
            (Err(error), Some(id)) => fail(Some(id), error),
            _ => Ok(None),
        }
    }

    /// Whether a person may be asked before this is done, which takes more than one answer.
    fn asks(&self, (direct, what): &(Direct<'_>, What<'_>), has_session: bool) -> bool {
        let What::Call { tool, .. } = what else { return false };
        direct.may_ask(has_session) && self.door.mcp.may_be_asked_about(tool)
    }

    /// A call of a tool by a method of its name, as one of `tools/call`.
    fn named_tool(&self, message: &Message<'_>) -> Option<String> {
        let method = message.method.as_deref().filter(|_| !message.is_of_protocol())?;
        self.door.state.pipeline.catalog().find(method)?;
        let id: Option<&RawValue> = message.id;
        let params = message.params.map_or("{}", RawValue::get);
        let params = if params == "null" { "{}" } else { params };
        let id = id.map(|id| format!(",\"id\":{}", id.get())).unwrap_or_default();
        let name = Value::from(method);
        Some(format!(
            r#"{{"jsonrpc":"2.0"{id},"method":"{CALL}","params":{{"name":{name},"arguments":{params}}}}}"#
        ))
    }

    async fn authenticate(&self, message: &Message<'_>) -> Result<Option<Bytes>, Closing> {
        #[derive(Deserialize)]
        struct Params<'p> {
            #[serde(borrow, alias = "access_token")]
            token: Cow<'p, str>,
        }
        let params = message.params.and_then(|params| serde_json::from_str::<Params<'_>>(params.get()).ok());
        let taken = match params {
            Some(Params { token }) => self.identity.take(&token).await,
            None => Err(ToolError::AuthRequired),
        };
        if let Err(error) = taken {
            let report = self.identity.refuse(&self.identity.asker(), "authenticate", error).await;
            return refused(message, &report);
        }
        let answer = message.id.map(|id| {
            let answer = json!({
                "jsonrpc": "2.0", "id": id, "result": { "status": "authenticated", "expires_at": self.identity.ends_at() }
            });
            Bytes::from(answer.to_string())
        });
        Ok(answer)
    }
}

/// Answers with the report of a refusal. Who does not want an answer gets none.
fn refused(message: &Message<'_>, report: &ErrorReport) -> Result<Option<Bytes>, Closing> {
    match id_of(message) {
        Some(id) => fail(Some(id), protocol_error(ErrorCode::INVALID_REQUEST, report)),
        None => Ok(None),
    }
}

fn fail(id: Option<RequestId>, error: ErrorData) -> Result<Option<Bytes>, Closing> {
    let error = JsonRpcError::new(id, error);
    let text = serde_json::to_string(&error).map_err(|_| Closing::Failed)?;
    Ok(Some(text.into()))
}

fn id_of(message: &Message<'_>) -> Option<RequestId> {
    message.id.and_then(|id| serde_json::from_str(id.get()).ok())
}
