//! Records of a type that not everybody sees who sees the type, told by what is in them: drafts, since what a note says
//! before somebody has answered for it may be wrong, and what tools keep for themselves.

use medcor_fhir::ResourceType;
use serde_json::Value;

use crate::{Action, Permit, Visibility};

/// What tells the records of one type that are not seen from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// Their `status` is this code.
    Status(&'static str),
    /// They have this tag (`meta.tag`).
    Tag {
        /// Its code system.
        system: &'static str,
        /// Its code.
        code: &'static str,
    },
}

const DRAFTS: &[(ResourceType, Unseen)] = &[(ResourceType::COMPOSITION, Unseen::Status("preliminary"))];

impl Unseen {
    /// The search parameter that finds them.
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Tag { .. } => "_tag",
        }
    }

    /// The code that it finds them by, and its system where that counts.
    pub const fn coding(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Status(code) => (None, code),
            Self::Tag { system, code } => (Some(system), code),
        }
    }

    /// Whether this record is one.
    pub fn is(self, body: &Value) -> bool {
        let is = |value: Option<&Value>, text: &str| value.and_then(Value::as_str) == Some(text);
        match self {
            Self::Status(code) => is(body.get("status"), code),
            Self::Tag { system, code } => {
                let tags = body.pointer("/meta/tag").and_then(Value::as_array).into_iter().flatten();
                tags.into_iter().any(|tag| is(tag.get("system"), system) && is(tag.get("code"), code))
            }
        }
    }
}

impl Permit {
    /// What the drafts are that this action does not see: whose grants reach one patient's chart alone sees what
    /// was released into it. Staff who confined themselves to a patient are staff.
    pub fn unseen_draft(&self, action: Action, resource_type: ResourceType) -> Option<Unseen> {
        let (_, draft) = DRAFTS.iter().find(|(known, _)| *known == resource_type)?;
        match self.reach(action, resource_type) {
            Visibility::Compartment(_) => Some(*draft),
            Visibility::Tenant | Visibility::Nothing => None,
        }
    }
}
