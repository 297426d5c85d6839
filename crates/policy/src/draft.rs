//! Records that their patient sees only once somebody has answered for them, as data: what a note says before
//! it is signed may be wrong, and is still being written.

use medcor_fhir::ResourceType;
use serde_json::Value;

use crate::{Action, Permit, Visibility};

/// What tells a draft of one type, or another record that is not seen, from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft {
    /// The name of the search parameter for it: the element of this name, or `_tag`.
    pub element: &'static str,
    /// Its code in a draft.
    pub code: &'static str,
}

impl Draft {
    /// Whether this record is one.
    pub fn is(&self, body: &Value) -> bool {
        let is_code = |code: Option<&Value>| code.and_then(Value::as_str) == Some(self.code);
        match self.element {
            "_tag" => {
                let tags = body.pointer("/meta/tag").and_then(Value::as_array).into_iter().flatten();
                tags.into_iter().any(|tag| is_code(tag.get("code")))
            }
            element => is_code(body.get(element)),
        }
    }
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
