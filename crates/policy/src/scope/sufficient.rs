//! Which scopes a tool needs, for the client that has to ask for more.

use std::collections::BTreeMap;

use medcor_fhir::ResourceType;

use super::ScopeContext;
use crate::{ActionSet, Area, Need};

/// The fewest scopes that open everything a tool can't do without, in SMART v2's spelling. Scopes are
/// necessary and not sufficient: the role still has to allow the same.
pub fn sufficient_scopes(needs: &[Need], context: ScopeContext) -> Vec<String> {
    let mut records: BTreeMap<ResourceType, ActionSet> = BTreeMap::new();
    let mut any = ActionSet::NONE;
    let mut areas: Vec<Area> = Vec::new();
    for need in needs {
        match *need {
            Need::Record { action, resource_type } => {
                let actions = records.entry(resource_type).or_default();
                *actions = actions.union(ActionSet::of(&[action]));
            }
            Need::AnyRecord { action } => any = any.union(ActionSet::of(&[action])),
            Need::Administer(area) if !areas.contains(&area) => areas.push(area),
            Need::Administer(_) | Need::Optional { .. } | Need::AdministerIfAllowed(_) => {}
        }
    }
    let context = word(context);
    let mut scopes = Vec::new();
    if !any.is_empty() {
        scopes.push(format!("{context}/*.{}", any.letters()));
    }
    scopes.extend(
        records
            .iter()
            .map(|(resource_type, actions)| format!("{context}/{resource_type}.{}", actions.letters())),
    );
    scopes.extend(areas.into_iter().map(|area| format!("admin:{}", plural(area))));
    scopes
}

fn word(context: ScopeContext) -> &'static str {
    match context {
        ScopeContext::Patient => "patient",
        ScopeContext::User => "user",
        ScopeContext::System => "system",
    }
}

fn plural(area: Area) -> &'static str {
    match area {
        Area::Audit => "audit",
        Area::Disclosures => "disclosures",
        Area::Users => "users",
        Area::PatientAccounts => "patient_accounts",
        Area::OwnEntry => "own_entry",
        Area::Clients => "clients",
        Area::Tenants => "organisations",
        Area::Plans => "plans",
        Area::Emergency => "emergency",
        Area::Figures => "figures",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Scope};

    #[test]
    fn actions_on_one_type_are_one_scope() {
        let needs = [
            Need::search(ResourceType::PATIENT),
            Need::read(ResourceType::PATIENT),
            Need::create(ResourceType::OBSERVATION),
            Need::read_if_allowed(ResourceType::COVERAGE),
            Need::Administer(Area::Users),
        ];
        let scopes = sufficient_scopes(&needs, ScopeContext::User);
        assert_eq!(scopes, ["user/Observation.c", "user/Patient.rs", "admin:users"]);
        assert!(scopes.iter().all(|scope| scope.parse::<Scope>().is_ok()));
        assert_eq!(sufficient_scopes(&[Need::any(Action::Read)], ScopeContext::System), ["system/*.r"]);
        assert!(sufficient_scopes(&[], ScopeContext::Patient).is_empty());
    }
}
