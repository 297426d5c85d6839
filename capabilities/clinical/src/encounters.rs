//! Visits and stays.

mod appointment;
mod course;
mod create;
mod detail;
mod diagnosis;
mod list;
mod prompts;
mod row;
mod update;

use medcor_tools::{Capability, tool};

pub(crate) use row::{EncounterRow, EncounterRows};

pub(crate) static ENCOUNTERS: Capability = Capability {
    name: "encounters",
    description: "A patient's visits and stays, and what was found and done in them.",
    tools: &[
        tool::<list::ListEncounters>(),
        tool::<detail::GetEncounter>(),
        tool::<create::CreateEncounter>(),
        tool::<update::UpdateEncounter>(),
    ],
    prompts: prompts::PROMPTS,
};
