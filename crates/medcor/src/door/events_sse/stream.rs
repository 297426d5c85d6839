//! The stream itself: events as text (HTML, "Server-sent events"), until one side goes.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header, request::Parts},
};
use futures_util::stream::poll_fn;
use tokio::sync::mpsc::{self, error::SendTimeoutError};
use tokio_util::sync::CancellationToken;

use super::EventsSse;
use crate::{
    door::{edge::Hangup, response::Answer},
    events::{DocumentedStream, Told},
};

/// Frames that wait for the connection.
const FRAMES_WAITING: usize = 8;
/// When a browser connects again, in milliseconds.
const RETRY_MILLISECONDS: u32 = 3000;

/// The answer whose body is the stream.
pub(super) fn answer(events: DocumentedStream, door: &EventsSse, parts: &Parts) -> Answer {
    let (frames, mut waiting) = mpsc::channel(FRAMES_WAITING);
    let sending = Sending {
        events,
        frames,
        stop: door.stop.clone(),
        hangup: parts.extensions.get::<Hangup>().cloned(),
        patience: door.state.hub.settings().patience,
    };
    tokio::spawn(sending.run());
    let body = Body::from_stream(poll_fn(move |cx| {
        waiting.poll_recv(cx).map(|frame| frame.map(Ok::<Bytes, std::convert::Infallible>))
    }));
    let mut answer = Answer::new(body);
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Proxies of nginx's kind would hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

struct Sending {
    events: DocumentedStream,
    frames: mpsc::Sender<Bytes>,
    stop: CancellationToken,
    hangup: Option<Hangup>,
    patience: Duration,
}

impl Sending {
    async fn run(mut self) {
        let greeting = format!("retry: {RETRY_MILLISECONDS}\n{}", frame(&self.events.greeting()));
        let mut is_open = self.takes(greeting).await;
        while is_open {
            is_open = tokio::select! {
                told = self.events.next() => match told {
                    Ok(told) => self.takes(frame(&told)).await,
                    Err(end) => {
                        self.takes(frame(&self.events.farewell(&end))).await;
                        return;
                    }
                },
                () = self.frames.closed() => return,
                () = self.stop.cancelled() => return,
            };
        }
    }

    /// Whether the client takes this. One that does not for so long is cut off.
    async fn takes(&self, frame: String) -> bool {
        match self.frames.send_timeout(frame.into(), self.patience).await {
            Ok(()) => true,
            Err(SendTimeoutError::Closed(_)) => false,
            Err(SendTimeoutError::Timeout(_)) => {
                tracing::debug!("cut off a client that does not take its events");
                self.hangup.iter().for_each(Hangup::now);
                false
            }
        }
    }
}

/// One event. JSON has no line breaks of its own.
fn frame(told: &Told) -> String {
    let Told { name, id, data } = told;
    match id {
        Some(id) => format!("event: {name}\nid: {id}\ndata: {data}\n\n"),
        None => format!("event: {name}\ndata: {data}\n\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_block_of_lines() {
        let told =
            Told { name: "heartbeat", id: Some("a1".to_owned()), data: r#"{"type":"heartbeat"}"#.to_owned() };
        assert_eq!(frame(&told), "event: heartbeat\nid: a1\ndata: {\"type\":\"heartbeat\"}\n\n");
        assert!(!frame(&Told { id: None, ..told }).contains("id:"), "the one before stays the last");
    }
}
