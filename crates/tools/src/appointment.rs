//! How appointments stand: the documented words, and what they are in FHIR.

use medcor_fhir::{
    naming,
    view::{Appointment, Extension},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an appointment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AppointmentStatus {
    /// Asked for or offered.
    Pending,
    /// Booked.
    Scheduled,
    /// Booked, and who comes has said so.
    Confirmed,
    /// Is there.
    CheckedIn,
    /// Is with the clinician.
    InProgress,
    /// Took place.
    Completed,
    /// Called off.
    Cancelled,
    /// Nobody came.
    NoShow,
    /// Moved to another appointment.
    Rescheduled,
    /// Waits for a free time.
    Waitlist,
    /// Recorded by mistake.
    EnteredInError,
}

impl AppointmentStatus {
    /// How this appointment stands.
    pub fn of(appointment: &Appointment<'_>) -> Self {
        let more = Extension::find(&appointment.extension, naming::APPOINTMENT_STATUS);
        match (appointment.status.as_str(), more.and_then(|more| more.value_code.as_deref())) {
            ("proposed" | "pending", _) => Self::Pending,
            ("booked", Some("confirmed")) => Self::Confirmed,
            ("arrived" | "checked-in", Some("in-progress")) => Self::InProgress,
            ("arrived" | "checked-in", _) => Self::CheckedIn,
            ("fulfilled", _) => Self::Completed,
            ("cancelled", Some("rescheduled")) => Self::Rescheduled,
            ("cancelled", _) => Self::Cancelled,
            ("noshow", _) => Self::NoShow,
            ("waitlist", _) => Self::Waitlist,
            ("entered-in-error", _) => Self::EnteredInError,
            _ => Self::Scheduled,
        }
    }

    /// FHIR `appointmentstatus`, and what it lacks.
    pub const fn fhir(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Pending => ("pending", None),
            Self::Scheduled => ("booked", None),
            Self::Confirmed => ("booked", Some("confirmed")),
            Self::CheckedIn => ("checked-in", None),
            Self::InProgress => ("checked-in", Some("in-progress")),
            Self::Completed => ("fulfilled", None),
            Self::Cancelled => ("cancelled", None),
            Self::NoShow => ("noshow", None),
            Self::Rescheduled => ("cancelled", Some("rescheduled")),
            Self::Waitlist => ("waitlist", None),
            Self::EnteredInError => ("entered-in-error", None),
        }
    }

    /// What is searched for: FHIR codes, of which some mean other words too.
    pub fn codes(self) -> &'static str {
        match self {
            Self::Pending => "pending,proposed",
            Self::CheckedIn | Self::InProgress => "checked-in,arrived",
            other => other.fhir().0,
        }
    }

    /// Whether nothing more happens to it.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Cancelled | Self::NoShow | Self::Rescheduled | Self::EnteredInError
        )
    }

    /// The word in answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Scheduled => "SCHEDULED",
            Self::Confirmed => "CONFIRMED",
            Self::CheckedIn => "CHECKED_IN",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::NoShow => "NO_SHOW",
            Self::Rescheduled => "RESCHEDULED",
            Self::Waitlist => "WAITLIST",
            Self::EnteredInError => "ENTERED_IN_ERROR",
        }
    }

    /// Whether it will not be, or never was.
    pub const fn is_called_off(self) -> bool {
        matches!(self, Self::Cancelled | Self::Rescheduled | Self::Waitlist | Self::EnteredInError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_that_is_written_is_read_again() {
        for status in [
            AppointmentStatus::Pending,
            AppointmentStatus::Scheduled,
            AppointmentStatus::Confirmed,
            AppointmentStatus::CheckedIn,
            AppointmentStatus::InProgress,
            AppointmentStatus::Completed,
            AppointmentStatus::Cancelled,
            AppointmentStatus::NoShow,
            AppointmentStatus::Rescheduled,
            AppointmentStatus::Waitlist,
            AppointmentStatus::EnteredInError,
        ] {
            let (code, more) = status.fhir();
            let more = more
                .map(|more| format!(r#"{{"url":"{}","valueCode":"{more}"}}"#, naming::APPOINTMENT_STATUS));
            let body = format!(r#"{{"status":"{code}","extension":[{}]}}"#, more.unwrap_or_default());
            assert_eq!(AppointmentStatus::of(&serde_json::from_str(&body).unwrap()), status);
            assert!(status.codes().split(',').any(|known| known == code));
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
    }
}
