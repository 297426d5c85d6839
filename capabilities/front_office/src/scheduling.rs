//! Scheduling: hours, free times, appointments, the waiting list.

mod answer;
mod availability;
mod book;
mod booking;
mod change;
mod check_and_book;
mod colleague;
mod diary;
mod doctors;
mod hours;
mod kinds;
mod list;
mod offered;
mod offers;
mod phrase;
mod slots;
mod span;
mod status;
mod waitlist;
mod when;

use medcor_fhir::view::Appointment;
use medcor_tools::{Capability, tool};

use self::{
    availability::CreateAppointmentSlot,
    book::CreateAppointment,
    change::{CancelAppointment, RescheduleAppointment, UpdateAppointmentStatus},
    check_and_book::CheckAndBookAppointment,
    list::{GetAppointmentDetails, ListAppointments},
    offered::GetAppointmentTypes,
    offers::OfferFreedTimes,
    slots::ListAppointmentSlots,
    waitlist::JoinWaitlist,
};

pub(super) static SCHEDULING: Capability = Capability {
    name: "scheduling",
    description: "Find free times; book, move and cancel appointments; hours of clinicians; the waiting list.",
    tools: &[
        tool::<ListAppointmentSlots>(),
        tool::<CreateAppointment>(),
        tool::<CheckAndBookAppointment>(),
        tool::<ListAppointments>(),
        tool::<GetAppointmentDetails>(),
        tool::<UpdateAppointmentStatus>(),
        tool::<RescheduleAppointment>(),
        tool::<CancelAppointment>(),
        tool::<JoinWaitlist>(),
        tool::<OfferFreedTimes>(),
        tool::<CreateAppointmentSlot>(),
        tool::<GetAppointmentTypes>(),
    ],
    prompts: &[],
};

/// How an appointment stands, in the documented words, and when it begins (a FHIR instant). `None` for what is no
/// appointment.
pub fn appointment_standing(body: &str) -> Option<(&'static str, Option<String>)> {
    let appointment: Appointment<'_> = serde_json::from_str(body).ok()?;
    let start = appointment.start.as_deref().map(str::to_owned);
    Some((status::Status::of(&appointment).word(), start))
}
