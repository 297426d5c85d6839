//! Server-sent events: `GET /api/mcp/sse`, and the one-time ticket for browsers, whose `EventSource` can't send a
//! header.

mod request;
mod stream;
mod ticket;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    routing::{get, post},
};
use medcor_store::{AuditEvent, EventKind};
use medcor_tools::ToolError;
use tokio_util::sync::CancellationToken;

use self::request::Asked;
use super::{
    DoorState,
    oauth::MCP_METADATA,
    response::{self, Answer},
};
use crate::events::{DocumentedStream, Subscription};

/// The door's name in the trail.
const DOOR: &str = "sse";

/// `/api/mcp/sse` and its tickets, with and without the slash at the end. Streams end with `stop`.
pub(super) fn routes(state: DoorState, stop: &CancellationToken) -> Router {
    let door = EventsSse { state, stop: stop.clone() };
    Router::new()
        .route("/api/mcp/sse", get(open))
        .route("/api/mcp/sse/", get(open))
        .route("/api/mcp/sse/ticket", post(ticket::issue))
        .route("/api/mcp/sse/ticket/", post(ticket::issue))
        .with_state(door)
}

#[derive(Clone)]
struct EventsSse {
    state: DoorState,
    stop: CancellationToken,
}

async fn open(State(door): State<EventsSse>, request: Request) -> Answer {
    let (parts, _body) = request.into_parts();
    let asked = match Asked::read(&door.state, &parts).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    match subscribed(&door, &asked).await {
        Ok(events) => stream::answer(events, &door, &parts),
        Err(error) => asked.refusal(&door.state, error).await,
    }
}

/// The stream, once the row of the trail that says so is durable.
async fn subscribed(door: &EventsSse, asked: &Asked) -> Result<DocumentedStream, ToolError> {
    let topics = asked.wanted.topics.clone();
    let event = AuditEvent::new(EventKind::Events, "open_stream")
        .of(asked.known.caller.principal())
        .about("events", &topics.name())
        .at_door(DOOR, &asked.request_id);
    let subscription = Subscription::of(asked.known.clone(), asked.who.clone())
        .to(topics)
        .after(asked.wanted.last_event_id.clone());
    let events = door.state.hub.documented(subscription, asked.wanted.detail).await?;
    door.state.pipeline.store().ledger().event(event).await?;
    Ok(events)
}

/// A refusal, with what a client needs to find out where tokens come from (RFC 9728 §5.1).
fn refusal(state: &DoorState, report: &medcor_tools::ErrorReport) -> Answer {
    let mut answer = response::error(report);
    if answer.status() == axum::http::StatusCode::UNAUTHORIZED {
        let origin = state.settings.public_url.trim_end_matches('/');
        let challenge = format!("Bearer resource_metadata=\"{origin}{MCP_METADATA}\"");
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
    answer
}
