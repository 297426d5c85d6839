//! How appointments stand, in the words of callers.

pub(super) use medcor_tools::AppointmentStatus as Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A status as callers say it: the documented words of all systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StatusWord {
    Pending,
    Scheduled,
    Confirmed,
    CheckedIn,
    InProgress,
    Completed,
    Cancelled,
    NoShow,
    Rescheduled,
    Waitlist,
    /// The same as CONFIRMED.
    Approved,
    /// Any.
    All,
}

impl StatusWord {
    /// `None` is any.
    pub(super) fn status(self) -> Option<Status> {
        Some(match self {
            Self::Pending => Status::Pending,
            Self::Scheduled => Status::Scheduled,
            Self::Confirmed | Self::Approved => Status::Confirmed,
            Self::CheckedIn => Status::CheckedIn,
            Self::InProgress => Status::InProgress,
            Self::Completed => Status::Completed,
            Self::Cancelled => Status::Cancelled,
            Self::NoShow => Status::NoShow,
            Self::Rescheduled => Status::Rescheduled,
            Self::Waitlist => Status::Waitlist,
            Self::All => return None,
        })
    }
}
