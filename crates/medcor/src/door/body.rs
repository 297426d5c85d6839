//! The body of a request, within the limits that all doors for calls have.

use std::time::Duration;

use axum::{
    BoxError,
    body::{Bytes, HttpBody},
    http::StatusCode,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::response::{self, Answer};

/// Largest request.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// How long a client may take for the body of a request.
const TIMEOUT: Duration = Duration::from_secs(25);

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than [`BYTES_MAX`].
    TooLarge,
    /// The connection ended within it.
    CutShort,
    /// It took too long.
    TooSlow,
}

impl Unread {
    /// The status that says so, and the words.
    pub(super) fn words(self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "a request may have 1 MiB"),
            Self::CutShort => (StatusCode::BAD_REQUEST, "the body was cut short"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long"),
        }
    }

    /// As a line for a person.
    pub(super) fn line(self) -> Answer {
        let (status, words) = self.words();
        response::line(status, words)
    }
}

/// Reads it to its end.
pub(super) async fn read<B>(body: B) -> Result<Bytes, Unread>
where
    B: HttpBody,
    B::Error: Into<BoxError>,
{
    match tokio::time::timeout(TIMEOUT, Limited::new(body, BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Ok(Err(_)) => Err(Unread::CutShort),
        Err(_) => Err(Unread::TooSlow),
    }
}
