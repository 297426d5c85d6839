//! Adherence: reminders of medications, the doses that were taken, and how many of them were.

mod create;
mod due;
mod end;
mod intake;
mod log;
mod reminder;
mod report;
mod schedule;
mod tally;

use medcor_tools::{Capability, tool};

pub(crate) use reminder::end_reminders;

pub(crate) static ADHERENCE: Capability = Capability {
    name: "adherence",
    description: "Reminders of medications, what was taken of them, and how regularly.",
    tools: &[
        tool::<create::CreateMedicationReminder>(),
        tool::<end::EndMedicationReminder>(),
        tool::<log::LogMedicationTaken>(),
        tool::<report::GetAdherence>(),
        tool::<due::SendDueReminders>(),
    ],
    prompts: &[],
};
