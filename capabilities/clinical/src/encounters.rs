//! Visits and stays.

mod detail;
mod list;
mod prompts;
mod row;

use medcor_tools::{Capability, tool};

pub(crate) use row::{EncounterRow, EncounterRows};

pub(crate) static ENCOUNTERS: Capability = Capability {
    name: "encounters",
    description: "A patient's visits and stays, and what was found and done in them.",
    tools: &[tool::<list::ListEncounters>(), tool::<detail::GetEncounter>()],
    prompts: prompts::PROMPTS,
};
