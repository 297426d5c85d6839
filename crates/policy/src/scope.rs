//! Scopes: SMART v1 and v2, `read:patients` and `pms:patient:read`, mapped to one list.

use std::{fmt, str::FromStr};

use medcor_fhir::ResourceType;

use crate::{Action, ActionSet, Reach};

/// Whose records a scope speaks of (SMART App Launch 2.2 §3.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScopeContext {
    /// `patient/`: the one patient of the token.
    Patient,
    /// `user/`: whatever the user may see.
    User,
    /// `system/`: a machine client without a user.
    System,
}

/// One scope of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    context: ScopeContext,
    actions: ActionSet,
    resource_types: Option<Vec<ResourceType>>,
    text: String,
}

/// The text is no scope of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown scope; expected forms are user/Observation.rs, patient/*.read, system/Patient.cruds, read:patients, pms:patient:read"
)]
pub struct UnknownScope;

impl Scope {
    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose records.
    pub fn context(&self) -> ScopeContext {
        self.context
    }

    /// The reach that this scope narrows to.
    pub fn reach(&self) -> Reach {
        match self.context {
            ScopeContext::Patient => Reach::OwnCompartment,
            ScopeContext::User | ScopeContext::System => Reach::Tenant,
        }
    }

    /// Which actions it allows on this type.
    pub fn actions_on(&self, resource_type: ResourceType) -> ActionSet {
        let covers = self.resource_types.as_ref().is_none_or(|types| types.contains(&resource_type));
        if covers { self.actions } else { ActionSet::NONE }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let parsed = if text.contains('/') {
            smart(text)
        } else if let Some(rest) = text.strip_prefix("pms:") {
            rest.split_once(':').and_then(|(noun, verb)| by_noun(noun, verb))
        } else {
            text.split_once(':').and_then(|(verb, noun)| by_noun(noun, verb))
        };
        let (context, actions, resource_types) = parsed.ok_or(UnknownScope)?;
        Ok(Self { context, actions, resource_types, text: text.to_owned() })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

type Parsed = (ScopeContext, ActionSet, Option<Vec<ResourceType>>);

/// `context/Type.actions`. A v2 scope with a query part (`?category=…`) is refused: granting the whole
/// type instead would widen it.
fn smart(text: &str) -> Option<Parsed> {
    let (context, rest) = text.split_once('/')?;
    let context = match context {
        "patient" => ScopeContext::Patient,
        "user" => ScopeContext::User,
        "system" => ScopeContext::System,
        _ => return None,
    };
    let (type_name, actions) = rest.rsplit_once('.')?;
    let actions = match actions {
        "read" => ActionSet::READ,
        "write" => ActionSet::of(&[Action::Create, Action::Update, Action::Delete]),
        "*" => ActionSet::ALL,
        letters => ActionSet::from_letters(letters)?,
    };
    let resource_types = match type_name {
        "*" => None,
        name => Some(vec![ResourceType::from_name(name)?]),
    };
    Some((context, actions, resource_types))
}

/// `read:patients` and `pms:patient:read`: a noun of the field for the types it stands for.
fn by_noun(noun: &str, verb: &str) -> Option<Parsed> {
    use ResourceType as R;
    let actions = match verb {
        "read" => ActionSet::READ,
        "write" => ActionSet::of(&[Action::Create, Action::Update]),
        "delete" => ActionSet::of(&[Action::Delete]),
        _ => return None,
    };
    let types: &[R] = match noun.strip_suffix('s').unwrap_or(noun) {
        "patient" => &[R::PATIENT, R::RELATED_PERSON],
        "allergie" | "allergy" => &[R::ALLERGY_INTOLERANCE],
        "appointment" | "schedule" => &[R::APPOINTMENT, R::SCHEDULE, R::SLOT],
        "medication" | "prescription" => {
            &[R::MEDICATION_REQUEST, R::MEDICATION_STATEMENT, R::MEDICATION, R::MEDICATION_DISPENSE]
        }
        "lab" | "vital" | "observation" => &[R::OBSERVATION, R::DIAGNOSTIC_REPORT],
        "encounter" => &[R::ENCOUNTER],
        "condition" => &[R::CONDITION],
        "provider" | "doctor" | "practitioner" => {
            &[R::PRACTITIONER, R::PRACTITIONER_ROLE, R::ORGANIZATION, R::LOCATION]
        }
        _ => return None,
    };
    Some((ScopeContext::User, actions, Some(types.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(scope: &str, resource_type: ResourceType) -> String {
        scope.parse::<Scope>().unwrap().actions_on(resource_type).letters()
    }

    #[test]
    fn the_three_spellings_mean_the_same() {
        for scope in ["user/Patient.rs", "user/Patient.read", "read:patients", "pms:patient:read"] {
            assert_eq!(actions(scope, ResourceType::PATIENT), "rs", "{scope}");
            assert_eq!(actions(scope, ResourceType::OBSERVATION), "", "{scope}");
        }
    }

    #[test]
    fn a_scope_that_is_not_understood_is_refused() {
        for scope in [
            "",
            "user/Patient",
            "user/Patient.sr",
            "user/Nothing.r",
            "root/Patient.r",
            "read:secrets",
            "patient/Observation.rs?category=laboratory",
            "user/*.",
            "pms:patient",
        ] {
            assert_eq!(scope.parse::<Scope>(), Err(UnknownScope), "{scope}");
        }
    }
}
