//! What a client says, and how it is answered. An error is a text, of which documented clients make an `Error`;
//! beside it stands the same as an object.

use std::sync::Arc;

use axum::body::Bytes;
use medcor_tools::{ErrorReport, ToolError};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::following::Following;
use crate::{
    door::{
        mcp::{Asker, Failure, Mcp},
        mcp_http::flaw_of,
        token::Carrying,
        websocket::{Closing, Entered, Identity, Line, Speaker, entered, logged_in},
    },
    events::{Detail, Topics},
};

/// How long a client should wait that has too many calls open.
const RETRY_SECONDS: u32 = 1;

/// Speaks the documented protocol on one connection.
pub(super) struct EventsSpeaker {
    mcp: Arc<Mcp>,
    identity: Arc<Identity>,
    line: Line,
    following: Following,
}

/// Every member of every message. What is not known is refused: a filter that was overlooked would widen what is
/// told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(rename = "type")]
    kind: String,
    /// Given back with the answer.
    #[serde(alias = "id")]
    request_id: Option<Value>,
    /// The client's own, for itself.
    #[serde(rename = "timestamp")]
    _timestamp: Option<Value>,
    #[serde(alias = "access_token")]
    token: Option<String>,
    #[serde(alias = "name")]
    tool: Option<String>,
    #[serde(alias = "arguments", alias = "parameters")]
    params: Option<Value>,
    resource: Option<String>,
    last_event_id: Option<String>,
    data: Option<String>,
}

impl EventsSpeaker {
    pub(super) fn new(mcp: Arc<Mcp>, identity: Arc<Identity>, line: Line) -> Self {
        let following = Following::new(identity.clone());
        Self { mcp, identity, line, following }
    }
}

impl Speaker for EventsSpeaker {
    async fn hear(&mut self, text: String) -> Result<Option<Bytes>, Closing> {
        let is_sound = flaw_of(&text).is_none();
        let said = is_sound.then(|| serde_json::from_str::<Said>(&text).ok()).flatten();
        let Some(mut said) = said else {
            let problem = "a message is a JSON object with `type`: auth {token}, tool_invoke {request_id, tool, \
                           params}, subscribe {resource, last_event_id, data} or unsubscribe {resource}";
            return Ok(Some(self.malformed(None, "", problem)));
        };
        let request_id = said.request_id.take();
        let answer = match said.kind.as_str() {
            "auth" => self.authenticate(said, request_id).await,
            "tool_invoke" => return Ok(self.invoke(said, request_id).await),
            "subscribe" => self.subscribe(said, request_id).await,
            "unsubscribe" => self.unsubscribe(said, request_id).await,
            _ => {
                let problem = "not known; auth, tool_invoke, subscribe and unsubscribe are";
                self.malformed(request_id, "/type", problem)
            }
        };
        Ok(Some(answer))
    }

    async fn tell(&mut self) -> Result<String, Closing> {
        self.following.next().await
    }
}

impl EventsSpeaker {
    async fn authenticate(&self, said: Said, request_id: Option<Value>) -> Bytes {
        let taken = match said.token.as_deref() {
            Some(token) => self.identity.take(token).await,
            None => Err(ToolError::AuthRequired),
        };
        if let Err(error) = taken {
            let report = self.identity.refuse(&self.identity.asker(), "authenticate", error).await;
            return fail(request_id, &report);
        }
        let subject = self.identity.known().map(|known| known.caller.principal().subject.0.clone());
        let answer = json!({ "user_id": subject, "expires_at": self.identity.ends_at() });
        message("auth_success", request_id, answer)
    }

    async fn invoke(&self, said: Said, request_id: Option<Value>) -> Option<Bytes> {
        let Some(tool) = said.tool else {
            return Some(self.malformed(request_id, "/tool", "names the tool"));
        };
        let arguments = said.params.filter(|params| !params.is_null()).unwrap_or_else(|| json!({}));
        let call = Carrying::of(&tool, &arguments);
        let Entered { asker, logs_in } = match entered(&self.identity, &self.mcp, Some(call)).await {
            Ok(entered) => entered,
            Err(report) => return Some(answered(request_id, &tool, Err(&report))),
        };
        let Some(place) = self.line.place() else {
            let error = ToolError::RateLimit { retry_after_seconds: RETRY_SECONDS };
            let report = self.identity.refuse(&asker, &tool, error).await;
            return Some(answered(request_id, &tool, Err(&report)));
        };
        let (mcp, line, identity) = (self.mcp.clone(), self.line.clone(), self.identity.clone());
        let answering = async move {
            match mcp.call(&asker, &tool, arguments).await {
                Ok(answer) => {
                    if logs_in {
                        logged_in(&identity, &answer).await;
                    }
                    answered(request_id, &tool, Ok(answer.json()))
                }
                Err(Failure::Refused(report) | Failure::NoSuchTool(report)) => {
                    answered(request_id, &tool, Err(&report))
                }
            }
        };
        if logs_in {
            // What comes after a login comes from whoever logged in.
            return Some(answering.await);
        }
        tokio::spawn(async move {
            line.say(answering.await).await;
            drop(place);
        });
        None
    }

    async fn subscribe(&mut self, said: Said, request_id: Option<Value>) -> Bytes {
        let entered = match entered(&self.identity, &self.mcp, None).await {
            Ok(entered) => entered,
            Err(report) => return fail(request_id, &report),
        };
        let resource = said.resource.unwrap_or_default();
        let subscribed = match wanted(&resource, said.data.as_deref()) {
            Ok(detail) => {
                self.following.add(&resource, detail, said.last_event_id, &entered.asker.request_id).await
            }
            Err(error) => Err(error),
        };
        match subscribed {
            Ok(event_id) => {
                let answer = json!({ "resource": resource, "event_id": event_id });
                message("subscribed", request_id, answer)
            }
            Err(error) => self.refuse(request_id, &entered.asker, error).await,
        }
    }

    async fn unsubscribe(&mut self, said: Said, request_id: Option<Value>) -> Bytes {
        let entered = match entered(&self.identity, &self.mcp, None).await {
            Ok(entered) => entered,
            Err(report) => return fail(request_id, &report),
        };
        let resource = said.resource.unwrap_or_default();
        match self.following.remove(&resource).await {
            Ok(()) => message("unsubscribed", request_id, json!({ "resource": resource })),
            Err(error) => self.refuse(request_id, &entered.asker, error).await,
        }
    }

    async fn refuse(&self, request_id: Option<Value>, asker: &Asker, error: ToolError) -> Bytes {
        let report = self.identity.refuse(asker, "", error).await;
        fail(request_id, &report)
    }

    /// What is no message has no row, as over HTTP.
    fn malformed(&self, request_id: Option<Value>, path: &str, problem: &'static str) -> Bytes {
        let clock = self.identity.state.pipeline.store().clock();
        let error = ToolError::invalid(path, problem);
        let report = ErrorReport::new(&error, clock.new_id().as_str(), clock.timestamp().to_string());
        fail(request_id, &report)
    }
}

fn fail(request_id: Option<Value>, report: &ErrorReport) -> Bytes {
    message("error", request_id, json!({ "error": line(report), "error_detail": report }))
}

fn message(kind: &str, request_id: Option<Value>, members: Value) -> Bytes {
    let mut message = head(kind, request_id);
    if let Value::Object(members) = members {
        message.extend(members);
    }
    Value::Object(message).to_string().into()
}

/// How much is told of what, where both can be understood.
fn wanted(resource: &str, data: Option<&str>) -> Result<Detail, ToolError> {
    if resource.split(',').all(|name| name.trim().is_empty()) {
        return Err(ToolError::invalid(
            "/resource",
            "names what is told of, such as `appointments`, or `all`",
        ));
    }
    if let Err(unknown) = Topics::parse(resource).map(drop).or_else(|unknown| match resource.trim() {
        "all" | "*" => Ok(()),
        _ => Err(unknown),
    }) {
        let problem = format!(
            "not known: {}; names of events, collections and FHIR types are, such as appointment_created, \
             appointments, Observation",
            unknown.0.join(", ")
        );
        return Err(ToolError::invalid("/resource", problem));
    }
    match data {
        None | Some("ids") => Ok(Detail::Ids),
        Some("full") => Ok(Detail::Full),
        Some(_) => Err(ToolError::invalid("/data", "`ids` or `full`")),
    }
}

/// The answer to a call, whose JSON is passed on as it is.
fn answered(request_id: Option<Value>, tool: &str, result: Result<&str, &ErrorReport>) -> Bytes {
    let mut message = head("tool_response", request_id);
    message.insert("tool".to_owned(), tool.into());
    let json = match result {
        Ok(json) => json,
        Err(report) => {
            message.insert("error".to_owned(), line(report).into());
            message.insert("error_detail".to_owned(), json!(report));
            return Value::Object(message).to_string().into();
        }
    };
    let mut text = Value::Object(message).to_string();
    text.truncate(text.len() - 1);
    text.reserve(json.len() + 16);
    text.push_str(",\"result\":");
    text.push_str(json);
    text.push('}');
    text.into()
}

fn head(kind: &str, request_id: Option<Value>) -> Map<String, Value> {
    let mut message = Map::new();
    message.insert("type".to_owned(), kind.into());
    if let Some(request_id) = request_id {
        message.insert("request_id".to_owned(), request_id);
    }
    message
}

fn line(report: &ErrorReport) -> String {
    format!("{}: {}", report.code.name(), report.message)
}

#[cfg(test)]
mod tests {
    use super::{
        super::described::{From, messages},
        *,
    };

    #[test]
    fn what_is_described_as_said_is_understood() {
        for message in messages().iter().filter(|message| message.from == From::Client) {
            let said: Said = serde_json::from_value(message.example.clone()).unwrap();
            assert_eq!(said.kind, message.kind);
            let members = message.schema["properties"].as_object().unwrap();
            let all = members.keys().map(|name| (name.clone(), Value::from(message.kind)));
            let all: Map<String, Value> = all.collect();
            assert!(serde_json::from_value::<Said>(all.into()).is_ok(), "{}", message.kind);
        }
    }
}
