//! What is going on at a connection over HTTP/2. One without requests stays open as long as its client answers pings,
//! and one whose client grants no window keeps answers for ever: flow control there stands above the connection's
//! own, which therefore does not show it.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::door::response::Answer;

/// Handed out at once. A client that takes less than this within the limit counts as taking nothing.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// The requests of one connection over HTTP/2.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    begun: u64,
    open: usize,
    /// When the last request ended; `None` before the first one over HTTP/2 has.
    rests_since: Option<Instant>,
    /// By the request's number.
    answers: HashMap<u64, Sending>,
}

/// An answer on its way to the client.
#[derive(Debug)]
struct Sending {
    /// Handed out, and not taken.
    pieces: usize,
    /// Whether all that there is was handed out: more comes by itself, if at all.
    has_no_more: bool,
    /// When something was taken last.
    moved: Instant,
}

/// A request whose answer has not been taken to its end.
#[derive(Debug)]
pub(super) struct OpenRequest {
    activity: Activity,
    number: u64,
}

/// Of what use a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Used,
    /// There was no request for long enough: its client is told to end it.
    Rests,
    /// Its client takes nothing of an answer, or does not end it when told.
    Lost,
}

impl Activity {
    /// After so long without a request, and so long without anything taken.
    pub(super) fn standing(&self, rest: Duration, stall: Duration) -> Standing {
        if self.is_stalled_for(stall) || self.rests_for(rest + stall) {
            return Standing::Lost;
        }
        if self.rests_for(rest) { Standing::Rests } else { Standing::Used }
    }

    /// Until the answer's end has been taken.
    pub(super) fn begin(&self) -> OpenRequest {
        let mut state = self.state();
        state.open += 1;
        state.begun += 1;
        OpenRequest { activity: self.clone(), number: state.begun }
    }

    /// Whether there was no request for so long.
    fn rests_for(&self, duration: Duration) -> bool {
        let state = self.state();
        state.open == 0 && state.rests_since.is_some_and(|since| since.elapsed() >= duration)
    }

    /// Whether there is an answer of which nothing was taken for so long, though there is something to take.
    fn is_stalled_for(&self, duration: Duration) -> bool {
        let is_stalled = |answer: &Sending| {
            (answer.pieces > 0 || !answer.has_no_more) && answer.moved.elapsed() >= duration
        };
        self.state().answers.values().any(is_stalled)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenRequest {
    /// The same answer, whose end is the request's.
    pub(super) fn until_end_of(self, answer: Answer) -> Answer {
        let sending = Sending { pieces: 0, has_no_more: false, moved: Instant::now() };
        self.activity.state().answers.insert(self.number, sending);
        answer.map(|body| Body::new(Watched { body, rest: Bytes::new(), open: Arc::new(self) }))
    }

    fn note(&self, change: impl FnOnce(&mut Sending)) {
        if let Some(sending) = self.activity.state().answers.get_mut(&self.number) {
            change(sending);
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.open -= 1;
        state.answers.remove(&self.number);
        state.rests_since = Some(Instant::now());
    }
}

/// An answer's body in pieces, each of which says when it was taken.
struct Watched {
    body: Body,
    /// Of the last frame, what was not handed out.
    rest: Bytes,
    open: Arc<OpenRequest>,
}

impl Watched {
    fn piece(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(PIECE_BYTES_MAX);
        let bytes = self.rest.split_to(length);
        self.open.note(|sending| {
            sending.pieces += 1;
            sending.has_no_more = false;
            sending.moved = Instant::now();
        });
        Frame::data(Bytes::from_owner(Piece { bytes, open: self.open.clone() }))
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => {
                self.open.note(|sending| sending.has_no_more = true);
                return other;
            }
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                self.piece()
            }
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, of_body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + rest);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.open.note(|sending| sending.has_no_more = true);
    }
}

/// A part of an answer, until it was taken.
struct Piece {
    bytes: Bytes,
    open: Arc<OpenRequest>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.open.note(|sending| {
            sending.pieces -= 1;
            sending.moved = Instant::now();
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    /// Where this much time is enough, any is.
    const ANY: Duration = Duration::ZERO;

    fn answer(length: usize) -> Answer {
        Answer::new(Body::from(vec![1; length]))
    }

    #[test]
    fn a_connection_rests_once_its_answers_have_ended() {
        let activity = Activity::default();
        assert!(!activity.rests_for(ANY), "nobody knows yet which HTTP it speaks");
        let (one, other) = (activity.begin(), activity.begin());
        drop(one);
        assert!(!activity.rests_for(ANY));
        drop(other.until_end_of(answer(1)));
        assert!(activity.rests_for(ANY));
        assert!(!activity.rests_for(Duration::from_mins(1)));
    }

    #[tokio::test]
    async fn an_answer_is_open_until_its_last_piece_was_taken() {
        let activity = Activity::default();
        let mut body =
            activity.begin().until_end_of(answer(PIECE_BYTES_MAX + 1)).into_body().into_data_stream();
        assert!(activity.is_stalled_for(ANY), "nobody has asked for it");
        let (one, other) = (body.next().await.unwrap().unwrap(), body.next().await.unwrap().unwrap());
        assert_eq!((one.len(), other.len()), (PIECE_BYTES_MAX, 1));
        assert!(body.next().await.is_none());
        drop((body, one));
        assert!(activity.is_stalled_for(ANY) && !activity.rests_for(ANY), "the other piece was not taken");
        assert!(!activity.is_stalled_for(Duration::from_mins(1)));
        drop(other);
        assert!(activity.rests_for(ANY) && !activity.is_stalled_for(ANY));
    }

    #[tokio::test]
    async fn a_stream_that_has_nothing_to_send_is_not_stalled() {
        let activity = Activity::default();
        let events =
            stream::iter([Ok::<_, axum::Error>(Bytes::from_static(b"event"))]).chain(stream::pending());
        let answer = activity.begin().until_end_of(Answer::new(Body::from_stream(events)));
        let mut body = answer.into_body().into_data_stream();
        let event = body.next().await.unwrap().unwrap();
        assert!(futures_util::poll!(body.next()).is_pending());
        assert!(activity.is_stalled_for(ANY), "the event was not taken");
        drop(event);
        assert!(!activity.is_stalled_for(ANY) && !activity.rests_for(ANY));
    }
}
