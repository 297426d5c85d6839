//! Prescribing: new prescriptions with their checks, changes, ends and refills.

mod batch;
mod check;
mod discontinue;
pub(crate) mod frequency;
pub(crate) mod name;
mod once;
mod order;
mod prescribe;
mod record;
mod refill;
pub(crate) mod standing;
mod update;
mod write;

use medcor_tools::{Capability, tool};

pub(crate) static PRESCRIBING: Capability = Capability {
    name: "prescribing",
    description: "Prescribing medications, changing and ending prescriptions, recording refills.",
    tools: &[
        tool::<prescribe::PrescribeMedication>(),
        tool::<batch::BatchPrescribe>(),
        tool::<refill::AddMedicationRefill>(),
        tool::<update::UpdatePrescription>(),
        tool::<discontinue::DiscontinueMedication>(),
    ],
    prompts: &[],
};
