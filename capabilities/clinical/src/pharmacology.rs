//! What is known of drugs: interactions, reviews of a patient's medications, the formulary.

mod finding;
mod formulary;
mod interactions;
mod named;
mod review;

use medcor_tools::{Capability, tool};

pub(crate) static PHARMACOLOGY: Capability = Capability {
    name: "pharmacology",
    description: "Interactions, medication reviews and the formulary.",
    tools: &[
        tool::<interactions::CheckInteractions>(),
        tool::<review::MedicationReview>(),
        tool::<formulary::GetFormulary>(),
    ],
    prompts: &[],
};

/// What every answer says of the severities in it.
pub(crate) const REVIEW_NOTE: &str = "Severities come from published lists and labels and are a starting point: a \
                                      pharmacist has to review them. No finding does not mean that there is no risk.";
