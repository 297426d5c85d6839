//! SOAP notes: what a clinician writes of a visit, from the first draft to what was added after the signature.

mod composition;
mod create;
mod difference;
mod history;
mod list;
mod retract;
mod row;
mod text;
mod update;
mod version;
mod visit;

use medcor_tools::{Capability, tool};

pub(crate) use composition::PROGRESS_NOTE;
pub(crate) use row::{NoteRow, NoteRows};

pub(crate) static NOTES: Capability = Capability {
    name: "notes",
    description: "SOAP notes: drafts, signatures, amendments, retractions, versions and their differences.",
    tools: &[
        tool::<list::ListSoapNotes>(),
        tool::<create::CreateSoapNote>(),
        tool::<update::UpdateSoapNote>(),
        tool::<version::VersionSoapNote>(),
        tool::<retract::RetractSoapNote>(),
    ],
    prompts: &[],
};
