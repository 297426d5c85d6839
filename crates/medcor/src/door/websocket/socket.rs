//! Text messages over one connection: fragments put together, pings answered, limits kept.

use std::{pin::Pin, time::Duration};

use axum::body::Bytes;
use futures_util::{Sink, SinkExt, future::poll_fn};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use yawc::{Frame, OpCode, Options, Role, WebSocket, streaming::Streaming};

use super::{
    Closing, MESSAGE_BYTES_MAX, MESSAGE_TIME,
    returning::{Returning, linger},
};

type Stream = TokioIo<Upgraded>;

/// Bytes that a connection has for reading and writing while it is idle.
const IDLE_BUFFER_BYTES: usize = 1024;
/// How long the last frame may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// One connection.
pub(in crate::door) struct Socket {
    frames: Streaming<Returning<Stream>>,
    /// The fragments of a message that is not whole yet.
    begun: Option<Begun>,
    returned: oneshot::Receiver<Stream>,
    heard_at: Instant,
    patience: Duration,
}

impl Socket {
    /// The server's side of an upgraded connection, with the extensions that were agreed on.
    pub(super) fn new(
        stream: Stream,
        extensions: Option<&str>,
        options: Options,
        patience: Duration,
    ) -> yawc::Result<Self> {
        let options = options
            // The library's limits are where it refuses.
            .with_limits(MESSAGE_BYTES_MAX + 1, MESSAGE_BYTES_MAX + 1)
            .with_read_buffer_capacity(IDLE_BUFFER_BYTES)
            .with_write_buffer_capacity(IDLE_BUFFER_BYTES);
        let (lent, returned) = Returning::lend(stream);
        let socket = WebSocket::from_stream_with_extensions(lent, Role::Server, extensions, options)?;
        let frames = socket.into_streaming();
        Ok(Self { frames, begun: None, returned, heard_at: Instant::now(), patience })
    }

    /// Looks whether the client is still there: answers pings, and brings messages to their end.
    pub(super) fn check(&self, now: Instant, silence: Duration) -> Result<(), Closing> {
        if now >= self.heard_at + silence {
            return Err(Closing::Silent);
        }
        let is_dragging = self.begun.as_ref().is_some_and(|begun| now >= begun.at + MESSAGE_TIME);
        if is_dragging { Err(Closing::Dragging) } else { Ok(()) }
    }

    /// The next message. It may be dropped before it is ready, and nothing is lost.
    pub(super) async fn next(&mut self) -> Result<String, Closing> {
        loop {
            let frame = self.frames.next_frame().await.map_err(|error| match error {
                yawc::WebSocketError::ConnectionClosed | yawc::WebSocketError::IoError(_) => Closing::Gone,
                _ => Closing::Said,
            })?;
            self.heard_at = Instant::now();
            let (opcode, is_last, payload) = frame.into_parts();
            let message = match (opcode, self.begun.take()) {
                (OpCode::Text, None) => Begun { text: Vec::from(payload), at: self.heard_at },
                (OpCode::Binary, None) => return Err(Closing::NotText),
                (OpCode::Continuation, Some(begun)) => longer(begun, &payload)?,
                (OpCode::Text | OpCode::Binary, Some(_)) | (OpCode::Continuation, None) => {
                    return Err(Closing::Malformed);
                }
                (OpCode::Close, _) => return Err(Closing::Gone),
                (OpCode::Ping | OpCode::Pong, begun) => {
                    self.begun = begun;
                    // Who pings and does not read would have the answers pile up.
                    self.flush().await?;
                    continue;
                }
            };
            if is_last {
                return String::from_utf8(message.text).map_err(|_| Closing::NotUtf8);
            }
            self.begun = Some(message);
        }
    }

    /// Sends a text.
    pub(super) async fn say(&mut self, text: Bytes) -> Result<(), Closing> {
        self.send(Frame::text(text)).await
    }

    /// Asks whether anybody is there.
    pub(super) async fn ping(&mut self) -> Result<(), Closing> {
        self.send(Frame::ping(Bytes::new())).await
    }

    async fn send(&mut self, frame: Frame) -> Result<(), Closing> {
        match timeout(self.patience, self.frames.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Closing::Gone),
            Err(_) => Err(Closing::Slow),
        }
    }

    /// Sends what the library owes.
    async fn flush(&mut self) -> Result<(), Closing> {
        let owed = poll_fn(|cx| Sink::poll_ready(Pin::new(&mut self.frames), cx));
        match timeout(self.patience, owed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Closing::Gone),
            Err(_) => Err(Closing::Slow),
        }
    }

    /// Ends the connection, and says why where that can be said.
    pub(super) async fn close(mut self, closing: Closing) {
        self.patience = CLOSE_PATIENCE;
        let last = match closing.code() {
            Some((code, reason)) => self.send(Frame::close(code, reason)).await,
            None if closing == Closing::Slow => Err(closing),
            None => self.flush().await,
        };
        let Self { frames, mut returned, .. } = self;
        drop(frames);
        match returned.try_recv() {
            Ok(stream) if last.is_ok() => linger(stream).await,
            _ => tracing::debug!(?closing, "cut a connection off"),
        }
    }
}

/// The fragments of a message so far.
struct Begun {
    text: Vec<u8>,
    at: Instant,
}

fn longer(mut begun: Begun, payload: &[u8]) -> Result<Begun, Closing> {
    if begun.text.len() + payload.len() > MESSAGE_BYTES_MAX {
        return Err(Closing::TooLarge);
    }
    begun.text.extend_from_slice(payload);
    Ok(begun)
}
