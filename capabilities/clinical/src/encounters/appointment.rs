//! The appointment that leads to an encounter: it stands as the visit does. It only goes on, never back: what the
//! reception has said since is not undone.

use medcor_fhir::{
    ResourceType, naming,
    view::{Appointment, Extension},
};
use medcor_tools::{Action, Record, ToolContext, ToolError, view};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};

use crate::edit::Edit;

/// How an appointment stands, from booked to over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Booked,
    CheckedIn,
    InProgress,
    Completed,
}

impl Standing {
    /// Of an appointment that takes place; `None` for any other.
    fn of(appointment: &Appointment<'_>) -> Option<Self> {
        let more = Extension::find(&appointment.extension, naming::APPOINTMENT_STATUS);
        let is_begun = more.and_then(|more| more.value_code.as_deref()) == Some("in-progress");
        match appointment.status.as_str() {
            "pending" | "booked" => Some(Self::Booked),
            "arrived" | "checked-in" if is_begun => Some(Self::InProgress),
            "arrived" | "checked-in" => Some(Self::CheckedIn),
            "fulfilled" => Some(Self::Completed),
            _ => None,
        }
    }

    /// Where an encounter with this status of FHIR is.
    fn of_encounter(status: &str) -> Option<Self> {
        match status {
            "arrived" | "triaged" => Some(Self::CheckedIn),
            "in-progress" | "onleave" => Some(Self::InProgress),
            "finished" => Some(Self::Completed),
            _ => None,
        }
    }

    /// FHIR `appointmentstatus`, and what it lacks.
    fn fhir(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Booked => ("booked", None),
            Self::CheckedIn => ("checked-in", None),
            Self::InProgress => ("checked-in", Some("in-progress")),
            Self::Completed => ("fulfilled", None),
        }
    }

    /// The word in answers.
    fn word(self) -> &'static str {
        match self {
            Self::Booked => "SCHEDULED",
            Self::CheckedIn => "CHECKED_IN",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
        }
    }
}

/// Stages the appointment as it stands with an encounter of this status; the word for that, where it changes anything.
/// Does without where the caller may not change appointments.
pub(super) fn follow(
    record: &Record,
    encounter_status: &str,
    cx: &mut ToolContext<'_>,
) -> Result<Option<&'static str>, ToolError> {
    let appointment: Appointment<'_> = view(record)?;
    let (before, after) = (Standing::of(&appointment), Standing::of_encounter(encounter_status));
    let (Some(before), Some(after)) = (before, after) else { return Ok(None) };
    if after <= before || !cx.reaches_all(Action::Update, ResourceType::APPOINTMENT) {
        return Ok(None);
    }
    let mut edit = Edit::of(record)?;
    let (code, more) = after.fhir();
    edit.object.set("status", &code)?;
    let mut extensions: Vec<Box<RawValue>> = Vec::new();
    for item in edit.object.items("extension")? {
        let known: Extension<'_> = serde_json::from_str(item.get())?;
        if known.url != *naming::APPOINTMENT_STATUS {
            extensions.push(item);
        }
    }
    if let Some(more) = more {
        let more = json!({ "url": naming::APPOINTMENT_STATUS, "valueCode": more });
        extensions.push(to_raw_value(&more)?);
    }
    if extensions.is_empty() {
        edit.object.remove("extension");
    } else {
        edit.object.set("extension", &extensions)?;
    }
    edit.changed("status");
    edit.stage(record, cx)?;
    Ok(Some(after.word()))
}
