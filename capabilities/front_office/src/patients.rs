//! Patients: find, register and correct demographics. Nothing clinical.

mod answer;
mod change;
mod details;
mod find;
mod insurance;
mod prompts;
mod register;
mod search;

use medcor_tools::{Capability, tool};

use self::{
    change::UpdatePatient,
    find::{GetPatient, ListPatients, ResolvePatientByPhone},
    register::CreatePatient,
    search::SearchPatients,
};

pub(super) static PATIENTS: Capability = Capability {
    name: "patients",
    description: "Find, register and correct patients' demographics.",
    tools: &[
        tool::<GetPatient>(),
        tool::<SearchPatients>(),
        tool::<ListPatients>(),
        tool::<CreatePatient>(),
        tool::<UpdatePatient>(),
        tool::<ResolvePatientByPhone>(),
    ],
    prompts: prompts::PROMPTS,
};
