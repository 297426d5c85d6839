//! The chart: summary, allergies, vital signs, laboratory, conditions, immunisations, procedures.

mod vital_signs;
mod vital_signs_entry;

use medcor_tools::{Capability, tool};

pub(crate) static CHART: Capability = Capability {
    name: "chart",
    description: "A patient's chart: summary, allergies, vital signs, laboratory results, conditions.",
    tools: &[tool::<vital_signs::GetVitalSigns>(), tool::<vital_signs_entry::RecordVitalSigns>()],
    prompts: &[],
};
