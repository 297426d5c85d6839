//! The chart: summary, allergies, vital signs, laboratory, conditions, immunisations, procedures.

mod allergies;
mod allergy_entry;
mod care_plans;
mod conditions;
mod immunization_schedule;
mod immunization_status;
mod immunizations;
mod laboratory;
mod latest;
mod previsit;
mod procedures;
mod summary;
mod vital_signs;
mod vital_signs_entry;

use medcor_tools::{Capability, tool};

pub(crate) use conditions::{ConditionRow, ConditionRows};
pub(crate) use laboratory::{ResultRow, ResultRows};
pub(crate) use procedures::{ProcedureRow, ProcedureRows};
pub(crate) use vital_signs_entry::GivenVitals;

pub(crate) static CHART: Capability = Capability {
    name: "chart",
    description: "A patient's chart: summary, allergies, vital signs, laboratory results, conditions.",
    tools: &[
        tool::<summary::GetPatientSummary>(),
        tool::<allergies::GetAllergies>(),
        tool::<allergy_entry::AddAllergy>(),
        tool::<vital_signs::GetVitalSigns>(),
        tool::<vital_signs_entry::RecordVitalSigns>(),
        tool::<laboratory::GetLabResults>(),
        tool::<conditions::ListConditions>(),
        tool::<immunizations::ListImmunizations>(),
        tool::<immunization_status::GetImmunizationStatus>(),
        tool::<procedures::ListProcedures>(),
    ],
    prompts: &[],
};
