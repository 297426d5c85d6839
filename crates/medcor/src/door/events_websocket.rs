//! Calls and events over one WebSocket, as `/api/mcp/ws` is documented: `auth`, `tool_invoke`, `subscribe` and
//! `unsubscribe`, answered by `tool_response`, `resource_update` and `error`.

pub(super) mod described;
mod following;
mod message;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    routing::get,
};
use tokio_util::sync::CancellationToken;

use self::message::EventsSpeaker;
use super::{
    DoorState,
    mcp::Mcp,
    response::Answer,
    websocket::{self, Conversation, Opened},
};

/// The door's name in the trail.
pub(super) const DOOR: &str = "websocket";

/// `/api/mcp/ws`, with and without the slash at the end. Connections end with `stop`.
pub(super) fn routes(state: DoorState, mcp: &Arc<Mcp>, stop: &CancellationToken) -> Router {
    let door = EventsWebSocket { state, mcp: mcp.clone(), stop: stop.clone() };
    Router::new().route(websocket::EVENTS_PATH, get(open)).route("/api/mcp/ws/", get(open)).with_state(door)
}

#[derive(Clone)]
struct EventsWebSocket {
    state: DoorState,
    mcp: Arc<Mcp>,
    stop: CancellationToken,
}

async fn open(State(door): State<EventsWebSocket>, request: Request) -> Answer {
    let opened = websocket::opened(&door.state, DOOR, request).await;
    let Opened { answer, identity, upgrade } = match opened {
        Ok(opened) => opened,
        Err(refused) => return refused,
    };
    let conversation = Conversation::new(identity.clone(), door.stop.clone());
    let speaker = EventsSpeaker::new(door.mcp, identity, conversation.line());
    tokio::spawn(conversation.run(upgrade, speaker));
    answer
}
