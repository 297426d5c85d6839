//! Why a connection ends, and the code that says so (RFC 6455 §7.4.1).

use medcor_tools::ErrorCode;
use yawc::close::CloseCode;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::door) enum Closing {
    /// The client ended it, or is gone.
    Gone,
    /// The library has said already what was wrong with a frame.
    Said,
    /// The client does not take what it is sent: it is cut off.
    Slow,
    /// Nothing came for too long.
    Silent,
    /// A message that does not come to its end.
    Dragging,
    /// Fragments out of order.
    Malformed,
    /// Bytes, where text is spoken.
    NotText,
    /// Text that is no UTF-8.
    NotUtf8,
    /// A message beyond the limit.
    TooLarge,
    /// Nobody said who it is.
    Unidentified,
    /// It is nobody's any more, or what its caller may do has changed.
    Lost(ErrorCode),
    /// The server stops.
    Restart,
    /// The server failed.
    Failed,
}

impl Closing {
    /// The code and a line; `None` where nothing is said.
    pub(super) fn code(self) -> Option<(CloseCode, String)> {
        let (code, reason) = match self {
            Self::Gone | Self::Said | Self::Slow => return None,
            Self::Silent => (CloseCode::Normal, "nothing came for too long"),
            Self::Dragging => (CloseCode::Policy, "a message may take 30 seconds"),
            Self::Malformed => (CloseCode::Protocol, "the fragments are out of order"),
            Self::NotText => (CloseCode::Unsupported, "only text is spoken here"),
            Self::NotUtf8 => (CloseCode::Invalid, "the text is no UTF-8"),
            Self::TooLarge => (CloseCode::Size, "a message may have 1 MiB"),
            Self::Unidentified => (CloseCode::Policy, "AUTH_REQUIRED: no token came in time"),
            Self::Lost(code) => {
                return Some((CloseCode::Policy, format!("{}: connect again with a token", code.name())));
            }
            Self::Restart => (CloseCode::Restart, "the server stops; connect again"),
            Self::Failed => (CloseCode::Error, "the server failed; connect again"),
        };
        Some((code, reason.to_owned()))
    }
}
