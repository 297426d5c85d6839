//! What a connection is told of: one stream of events, in order, of everything that was subscribed to. Each has
//! an `event_id`; a connection that was cut off goes on after the last one.

use std::sync::Arc;

use medcor_store::{AuditEvent, EventKind};
use medcor_tools::{ErrorCode, ToolError};
use serde_json::json;

use crate::{
    door::websocket::{Closing, Identity},
    events::{Detail, DocumentedStream, End, Subscription, Told, Topics},
};

use super::DOOR;

/// Answers come by the connection's own calls; those of other connections are not repeated here.
const TOOL_RESPONSE: &str = "tool_response";

/// What a connection follows.
pub(super) struct Following {
    identity: Arc<Identity>,
    stream: Option<Stream>,
    /// How the connection ends, once that has been said.
    ending: Option<Closing>,
}

struct Stream {
    events: DocumentedStream,
    /// In the words of the client.
    names: Vec<String>,
    detail: Detail,
    /// After which event the stream was asked to begin.
    began_after: Option<String>,
    /// Up to where it has told.
    place: Option<String>,
    has_told: bool,
}

impl Following {
    pub(super) fn new(identity: Arc<Identity>) -> Self {
        Self { identity, stream: None, ending: None }
    }

    /// Tells of these as well; the place from which the stream goes on. What is added to a stream begins where
    /// that one is.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` for another place than the stream's own: what it has told would come twice.
    pub(super) async fn add(
        &mut self,
        names: &str,
        detail: Detail,
        after: Option<String>,
        request_id: &str,
    ) -> Result<Option<String>, ToolError> {
        let (mut all, place, began_after) = match &self.stream {
            None => (Vec::new(), after.clone(), after),
            Some(stream) => {
                let is_elsewhere = after.is_some() && (stream.has_told || after != stream.began_after);
                if is_elsewhere {
                    let problem = "goes with the first subscribe of a connection: name all resources there, \
                                   separated by commas";
                    return Err(ToolError::invalid("/last_event_id", problem));
                }
                (stream.names.clone(), stream.place.clone(), stream.began_after.clone())
            }
        };
        for name in split(names) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        let events = self.open(&all, detail, place).await?;
        let known = self.identity.known().ok_or(ToolError::AuthRequired)?;
        let event = AuditEvent::new(EventKind::Events, "open_stream")
            .of(known.caller.principal())
            .about("events", &topics(&all)?.name())
            .at_door(DOOR, request_id);
        self.identity.state.pipeline.store().ledger().event(event).await?;
        Ok(self.follow(events, all, detail, began_after))
    }

    /// Tells of these no more.
    pub(super) async fn remove(&mut self, names: &str) -> Result<(), ToolError> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let gone: Vec<String> = split(names).collect();
        let left: Vec<String> = stream.names.iter().filter(|name| !gone.contains(name)).cloned().collect();
        if left.is_empty() {
            self.stream = None;
            return Ok(());
        }
        let (detail, began_after) = (stream.detail, stream.began_after.clone());
        let events = self.open(&left, detail, stream.place.clone()).await?;
        self.follow(events, left, detail, began_after);
        Ok(())
    }

    /// The next event as a message. It may be dropped before it is ready, and nothing is lost.
    pub(super) async fn next(&mut self) -> Result<String, Closing> {
        if let Some(ending) = self.ending {
            return Err(ending);
        }
        let Some(stream) = &mut self.stream else { return std::future::pending().await };
        loop {
            match stream.events.next().await {
                Ok(told) if told.name == TOOL_RESPONSE => {}
                Ok(told) => {
                    stream.has_told = true;
                    if told.id.is_some() {
                        stream.place.clone_from(&told.id);
                    }
                    return Ok(message(&told));
                }
                Err(end) => {
                    self.stream = None;
                    self.ending = Some(match end {
                        End::Lost(code) => Closing::Lost(code),
                        End::NotReady => Closing::Failed,
                    });
                    return Ok(farewell(end.code(), end.message()));
                }
            }
        }
    }

    async fn open(
        &self,
        names: &[String],
        detail: Detail,
        place: Option<String>,
    ) -> Result<DocumentedStream, ToolError> {
        let known = self.identity.known().ok_or(ToolError::AuthRequired)?;
        let subscription = Subscription::of(known, self.identity.who()).to(topics(names)?).after(place);
        self.identity.state.hub.documented(subscription, detail).await
    }

    fn follow(
        &mut self,
        events: DocumentedStream,
        names: Vec<String>,
        detail: Detail,
        began_after: Option<String>,
    ) -> Option<String> {
        let has_told = self.stream.as_ref().is_some_and(|stream| stream.has_told);
        // A place within an event is the one that was told, of which the greeting knows nothing.
        let told = self.stream.take().and_then(|stream| stream.place);
        let place = told.or_else(|| began_after.clone()).or_else(|| events.greeting().id);
        self.stream = Some(Stream { events, names, detail, began_after, place: place.clone(), has_told });
        place
    }
}

fn split(names: &str) -> impl Iterator<Item = String> {
    names.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty())
}

fn topics(names: &[String]) -> Result<Topics, ToolError> {
    if names.iter().any(|name| matches!(name.as_str(), "all" | "*")) {
        return Ok(Topics::all());
    }
    Topics::parse(&names.join(",")).map_err(|_| ToolError::invalid("/resource", "not known"))
}

/// The event's own JSON, with its place in front.
fn message(told: &Told) -> String {
    let Some(id) = &told.id else { return told.data.clone() };
    let Some(members) = told.data.strip_prefix('{') else { return told.data.clone() };
    format!("{{\"event_id\":{},{members}", json!(id))
}

fn farewell(code: ErrorCode, what_to_do: &str) -> String {
    let text = format!("{}: {what_to_do}", code.name());
    let detail = json!({ "code": code.name(), "message": what_to_do, "retryable": true });
    json!({ "type": "error", "error": text, "error_detail": detail }).to_string()
}
