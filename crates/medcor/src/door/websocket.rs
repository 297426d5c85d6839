//! What the doors over WebSocket (RFC 6455) share: the handshake, who it is, limits, and how a connection ends.
//! What is said over it is each door's own.

mod closing;
mod conversation;
mod entry;
mod handshake;
mod identity;
mod returning;
mod socket;

use std::time::Duration;

use axum::http::{Method, Request, Uri};

pub(super) use closing::Closing;
pub(super) use conversation::{Conversation, Line, Speaker};
pub(super) use entry::{Entered, entered, logged_in};
pub(super) use handshake::{Opened, opened, turned_away};
pub(super) use identity::Identity;

/// Largest message, of one frame or many, as it is after inflating.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// How long a message may take from its first fragment to its last.
const MESSAGE_TIME: Duration = Duration::from_secs(30);

/// How connections are kept.
#[derive(Debug, Clone)]
pub struct WebSocketSettings {
    /// Between two pings.
    pub ping: Duration,
    /// How long nothing may come, not even the answer to a ping.
    pub silence: Duration,
    /// How long a connection may be nobody's.
    pub unidentified: Duration,
    /// How long a client may not take what it is sent.
    pub patience: Duration,
    /// Most requests of one connection at once.
    pub requests: usize,
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(30),
            silence: Duration::from_secs(45),
            unidentified: Duration::from_secs(10),
            patience: Duration::from_secs(10),
            requests: 32,
        }
    }
}

/// Where MCP over WebSocket is.
pub(super) const MCP_PATH: &str = "/ws";

/// Where calls and events are spoken of.
pub(super) const EVENTS_PATH: &str = "/api/mcp/ws";

/// A documented client connects without a path: an upgrade of `/` is one of [`MCP_PATH`].
pub(super) fn take_root<B>(request: &mut Request<B>) {
    let is_at_root = request.uri().path() == "/" && request.method() == Method::GET;
    if !is_at_root || !handshake::is_upgrade(request.headers()) {
        return;
    }
    // The query stays: what must not be in it is refused there.
    let path = match request.uri().query() {
        Some(query) => format!("{MCP_PATH}?{query}"),
        None => MCP_PATH.to_owned(),
    };
    if let Ok(uri) = path.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
}
