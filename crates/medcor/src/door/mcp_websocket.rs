//! MCP over WebSocket: JSON-RPC 2.0 as text messages, in both lifecycles. A tool may be called without
//! `initialize`, and by a method of its own name, as a documented client does.

mod library;
mod message;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    routing::get,
};
use tokio_util::sync::CancellationToken;

use self::message::McpSpeaker;
use super::{
    DoorState,
    mcp::{Handler, Mcp},
    response::Answer,
    websocket::{self, Conversation, Opened},
};

/// The door's name in the trail.
pub(super) const DOOR: &str = "mcp-websocket";

/// `/ws`, with and without the slash at the end. The edge brings upgrades of `/` here. Connections end with
/// `stop`.
pub(super) fn routes(state: &DoorState, mcp: &Arc<Mcp>, stop: &CancellationToken) -> Router {
    let door = McpWebSocket {
        state: state.clone(),
        mcp: mcp.clone(),
        handler: Handler::of_requests(mcp.clone()),
        stop: stop.clone(),
    };
    Router::new().route(websocket::MCP_PATH, get(open)).route("/ws/", get(open)).with_state(door)
}

#[derive(Clone)]
struct McpWebSocket {
    state: DoorState,
    mcp: Arc<Mcp>,
    handler: Handler,
    stop: CancellationToken,
}

async fn open(State(door): State<McpWebSocket>, request: Request) -> Answer {
    let opened = websocket::opened(&door.state, DOOR, request).await;
    let Opened { answer, identity, upgrade } = match opened {
        Ok(opened) => opened,
        Err(refused) => return refused,
    };
    let conversation = Conversation::new(identity.clone(), door.stop.clone());
    let speaker = McpSpeaker::new(door, identity, conversation.line());
    tokio::spawn(conversation.run(upgrade, speaker));
    answer
}
