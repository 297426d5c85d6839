//! Records that their patient sees only once somebody has answered for them, as data: what a note says before
//! it is signed may be wrong, and is still being written.

use medcor_fhir::ResourceType;

use crate::{Action, Permit, Visibility};

/// What tells a draft of one type from a record that was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft {
    /// The element, which is also the name of the search parameter for it.
    pub element: &'static str,
    /// Its code in a draft.
    pub code: &'static str,
}

const DRAFTS: &[(ResourceType, Draft)] =
    &[(ResourceType::COMPOSITION, Draft { element: "status", code: "preliminary" })];

impl Permit {
    /// What the drafts are that this action does not see: whose grants reach one patient's chart alone sees what
    /// was released into it. Staff who confined themselves to a patient are staff.
    pub fn unseen_draft(&self, action: Action, resource_type: ResourceType) -> Option<Draft> {
        let (_, draft) = DRAFTS.iter().find(|(known, _)| *known == resource_type)?;
        match self.reach(action, resource_type) {
            Visibility::Compartment(_) => Some(*draft),
            Visibility::Tenant | Visibility::Nothing => None,
        }
    }
}
