//! Reports that people keep: whom one is shown decide the tools that keep them, so a tool that opens records of any
//! type sees none of them. And what figures are made of that their caller does not see.

use medcor_fhir::{ResourceType, naming};

use super::{Permit, Visibility};
use crate::{Action, ActionSet, Area, Grant, Reach, Unseen, role::REPORTS};

const KEPT_REPORT: Unseen = Unseen::Tag { system: naming::KEPT, code: naming::KEPT_REPORT };

/// What is added up for figures, beside what their callers see themselves.
const ADDED_UP: &[ResourceType] = &[ResourceType::ENCOUNTER, ResourceType::MEDICATION_REQUEST];

impl Permit {
    /// What tells the records of this type that this permit does not see, whatever it opens of the type: reports
    /// that people keep, where the tool has not named the type.
    pub fn unseen_report(&self, resource_type: ResourceType) -> Option<Unseen> {
        let is_unseen = REPORTS.contains(&resource_type) && !self.named.contains(&resource_type);
        is_unseen.then_some(KEPT_REPORT)
    }

    /// A permit to add up records of this type, of which none is shown, for whoever has the figures of the whole
    /// organisation. It opens nothing else.
    pub fn for_figures(&self, resource_type: ResourceType) -> Option<Self> {
        let sees_all = |seen| self.visibility(Action::Search, seen) == Visibility::Tenant;
        let has_figures = self.administers(Area::Figures)
            && [ResourceType::INVOICE, ResourceType::APPOINTMENT, ResourceType::PATIENT]
                .into_iter()
                .all(sees_all);
        if !has_figures || !ADDED_UP.contains(&resource_type) {
            return None;
        }
        let actions = ActionSet::of(&[Action::Search]);
        Some(Self {
            tenant: self.tenant,
            subject: self.subject.clone(),
            client: self.client.clone(),
            patient: None,
            practitioner: self.practitioner.clone(),
            grants: vec![Grant { actions, resource_type: Some(resource_type), reach: Reach::Tenant }],
            areas: Vec::new(),
            actor: self.actor.clone(),
            withheld: Vec::new(),
            pin: self.pin.clone(),
            named: Vec::new(),
        })
    }

    /// The types of which this permit shows records; none for a permit that shows every type.
    pub fn shown_types(&self) -> Vec<ResourceType> {
        let looks =
            self.grants.iter().filter(|grant| !grant.actions.intersection(ActionSet::READ).is_empty());
        let mut types: Vec<ResourceType> = looks.filter_map(|grant| grant.resource_type).collect();
        types.sort_unstable();
        types.dedup();
        types
    }
}

#[cfg(test)]
mod tests {
    use medcor_fhir::Id;

    use super::*;
    use crate::{ClientId, Need, Principal, Role, SubjectId, TenantId, authorize};

    fn permit(roles: &[Role], scopes: Option<&[&str]>, needs: &[Need]) -> Option<Permit> {
        let principal = Principal {
            tenant: TenantId(1),
            organization: Id::new("north").unwrap(),
            subject: SubjectId("eve".to_owned()),
            client: ClientId("test".to_owned()),
            roles: roles.to_vec(),
            scopes: scopes.map(|scopes| scopes.iter().map(|scope| scope.parse().unwrap()).collect()),
            patient: Some(Id::new("eve").unwrap()),
            practitioner: None,
        };
        authorize(&principal, needs).ok()
    }

    const REPORT: ResourceType = ResourceType::MEASURE_REPORT;

    #[test]
    fn a_generic_tool_sees_no_report_by_any_role_or_scope() {
        let any = [Need::any(Action::Read)];
        for role in Role::ALL {
            for scopes in
                [None, Some(&["user/*.rs"][..]), Some(&["system/MeasureReport.rs", "patient/*.rs"][..])]
            {
                let Some(permit) = permit(&[role], scopes, &any) else { continue };
                let is_shown = permit.visibility(Action::Read, REPORT) != Visibility::Nothing;
                assert!(!is_shown || role.is_by_scope(), "{role}");
                assert_eq!(permit.unseen_report(REPORT), Some(KEPT_REPORT), "{role}");
            }
        }
        let named = permit(&[Role::Doctor], None, &[Need::read(REPORT)]).unwrap();
        assert_eq!(named.unseen_report(REPORT), None);
        assert_eq!(named.unseen_report(ResourceType::OBSERVATION), None);
    }

    #[test]
    fn administrators_hold_no_report_about_a_patient() {
        let needs = [Need::read(REPORT), Need::search(REPORT)];
        let holds = |roles: &[Role], scopes| {
            permit(roles, scopes, &needs).map(|permit| permit.is_about_nobody(Action::Search, REPORT))
        };
        assert_eq!(holds(&[Role::Admin], None), Some(true));
        assert_eq!(holds(&[Role::Admin], Some(&["user/*.rs"])), Some(true));
        assert_eq!(holds(&[Role::Admin], Some(&["patient/*.rs"])), None, "the own chart has none of them");
        assert_eq!(holds(&[Role::Admin, Role::Nurse], None), Some(false));
        assert_eq!(holds(&[Role::Patient], None), None);
    }

    #[test]
    fn figures_are_added_up_by_whoever_has_those_of_everybody() {
        let all = [
            Need::AdministerIfAllowed(Area::Figures),
            Need::search_if_allowed(ResourceType::INVOICE),
            Need::search_if_allowed(ResourceType::APPOINTMENT),
            Need::search_if_allowed(ResourceType::PATIENT),
        ];
        let figures = |roles: &[Role], scopes, needs: &[Need]| {
            permit(roles, scopes, needs).unwrap().for_figures(ResourceType::MEDICATION_REQUEST)
        };
        let made = figures(&[Role::Admin], None, &all).unwrap();
        assert_eq!(made.visibility(Action::Search, ResourceType::MEDICATION_REQUEST), Visibility::Tenant);
        assert_eq!(made.visibility(Action::Search, ResourceType::PATIENT), Visibility::Nothing);
        assert!(figures(&[Role::Doctor], None, &all).is_none(), "doctors have their own alone");
        assert!(figures(&[Role::Admin], Some(&["user/*.rs"]), &all).is_none());
        let own = ["admin:figures", "user/Invoice.rs", "user/Appointment.rs", "patient/Patient.rs"];
        assert!(figures(&[Role::Admin], Some(&own), &all).is_none());
        let admin = permit(&[Role::Admin], None, &all).unwrap();
        assert!(admin.for_figures(ResourceType::CONDITION).is_none(), "what is not added up");
        let pinned = admin.pinned_to(&Id::new("ada").unwrap());
        assert!(pinned.for_figures(ResourceType::MEDICATION_REQUEST).is_none());
    }
}
