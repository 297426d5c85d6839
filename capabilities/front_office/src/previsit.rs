//! Before the visit: questions that patients answer, FHIR `Questionnaire` and `QuestionnaireResponse`.

mod list;
mod missing;
mod questions;
mod submit;

use medcor_tools::{Capability, tool};

pub(super) static PREVISIT: Capability = Capability {
    name: "previsit",
    description: "What patients are asked before a visit, and what they answered.",
    tools: &[
        tool::<questions::GetPrevisitQuestionnaire>(),
        tool::<submit::SubmitPrevisitResponse>(),
        tool::<list::ListPrevisitResponses>(),
        tool::<missing::ListMissingPrevisit>(),
    ],
    prompts: &[],
};
