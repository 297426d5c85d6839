//! What is inside what: scopes that are handed on open nothing that those of the token that hands them on do
//! not.

use medcor_fhir::ResourceType;

use super::{Scope, Subject};
use crate::{ActionSet, Reach, Role};

impl Scope {
    /// Whether these scopes together open all that this one does.
    pub fn is_within(&self, held: &[Self]) -> bool {
        match &self.subject {
            Subject::Connection(_) => true,
            Subject::Area(area) => held.iter().any(|scope| scope.administers(*area)),
            Subject::Records { actions, resource_types, .. } => match resource_types {
                Some(types) => types.iter().all(|of| opens(held, *actions, *of, self.reach())),
                None => ResourceType::all().all(|of| opens(held, *actions, of, self.reach())),
            },
        }
    }
}

/// Whether these scopes together open all that the role may do.
pub(crate) fn holds_role(held: &[Scope], role: Role) -> bool {
    let administers = |area| held.iter().any(|scope| scope.administers(area));
    role.areas().iter().all(|area| administers(*area))
        && role.grants().iter().all(|grant| match grant.resource_type {
            Some(of) => opens(held, grant.actions, of, grant.reach),
            None => ResourceType::all().all(|of| opens(held, grant.actions, of, grant.reach)),
        })
}

/// Whether the scopes open these actions on a type, over as many records.
fn opens(held: &[Scope], actions: ActionSet, resource_type: ResourceType, reach: Reach) -> bool {
    let reaches = |scope: &&Scope| reach == Reach::OwnCompartment || scope.reach() != Reach::OwnCompartment;
    let opened = held.iter().filter(reaches).map(|scope| scope.actions_on(resource_type));
    let opened = opened.fold(ActionSet::NONE, ActionSet::union);
    opened.intersection(actions) == actions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Vec<Scope> {
        text.split_whitespace().map(|scope| scope.parse().unwrap()).collect()
    }

    fn is_within(scope: &str, held: &str) -> bool {
        scope.parse::<Scope>().unwrap().is_within(&scopes(held))
    }

    #[test]
    fn a_scope_is_within_those_that_open_as_much() {
        for (scope, held) in [
            ("system/Patient.rs", "user/Patient.rs"),
            ("read:patients", "user/*.rs"),
            ("user/Patient.rs", "user/Patient.r user/Patient.s"),
            ("patient/Observation.r", "user/Observation.r"),
            ("patient/*.rs", "patient/*.rs"),
            ("admin:users", "admin:users"),
            ("pms:user:admin", "openid admin:users"),
            ("openid", ""),
        ] {
            assert!(is_within(scope, held), "{scope} in {held}");
        }
    }

    #[test]
    fn a_scope_that_opens_more_is_not() {
        for (scope, held) in [
            ("read:patients", ""),
            ("read:patients", "admin:clients"),
            ("read:patients", "user/Patient.rs"),
            ("user/Patient.cruds", "user/Patient.rs"),
            ("user/*.rs", "user/Patient.rs user/Observation.rs"),
            ("user/Observation.r", "patient/Observation.r"),
            ("admin:clients", "admin:users user/*.cruds"),
        ] {
            assert!(!is_within(scope, held), "{scope} in {held}");
        }
    }

    #[test]
    fn a_role_is_held_whole_or_not_at_all() {
        assert!(!holds_role(&scopes("user/*.cruds"), Role::Admin));
        assert!(!holds_role(
            &scopes("user/*.rs admin:own_entry admin:emergency admin:figures"),
            Role::Doctor
        ));
        assert!(!holds_role(&scopes("user/*.cruds admin:own_entry admin:emergency"), Role::Doctor));
        assert!(holds_role(
            &scopes("user/*.cruds admin:own_entry admin:emergency admin:figures"),
            Role::Doctor
        ));
        assert!(!holds_role(
            &scopes("patient/*.cruds admin:own_entry admin:emergency admin:figures"),
            Role::Doctor
        ));
    }
}
