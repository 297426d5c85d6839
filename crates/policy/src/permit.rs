//! The proof that policy was asked.

mod kept;

use medcor_fhir::{Id, ResourceType};

use crate::{
    Action, ActionSet, Area, ClientId, Grant, Need, Principal, Reach, Role, SubjectId, TenantId, element,
    role::{REPORTS, is_about_nobody},
};

/// Proof that policy was asked: what this call may do to which records of which tenant.
///
/// Its fields are private and [`authorize`] is its only maker outside this crate.
#[derive(Debug)]
pub struct Permit {
    tenant: TenantId,
    subject: SubjectId,
    client: ClientId,
    patient: Option<Id>,
    practitioner: Option<Id>,
    grants: Vec<Grant>,
    areas: Vec<Area>,
    /// `None` where the server acts on the operator's behalf.
    actor: Option<Actor>,
    /// Elements that are not shown, of types that have any.
    withheld: Vec<(ResourceType, Vec<&'static str>)>,
    /// The one patient to whom the caller has confined itself.
    pin: Option<Id>,
    /// Types that the tool names, of those that no generic tool opens.
    named: Vec<ResourceType>,
}

/// Who a consent may speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What the caller is.
    pub roles: Vec<Role>,
    /// The id of the caller's `Organization`.
    pub organization: Id,
    /// The caller's own `Patient`.
    pub patient: Option<Id>,
    /// The caller's own `Practitioner`.
    pub practitioner: Option<Id>,
}

impl Actor {
    /// Whether the caller cares for patients: by role, or as somebody of the directory.
    pub(crate) fn is_clinician(&self) -> bool {
        let is_by_role = self.roles.iter().any(|role| matches!(role, Role::Doctor | Role::Nurse));
        is_by_role || self.practitioner.is_some()
    }
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("role or scope does not allow this")]
pub struct Denial {
    /// The first need that the caller does not hold.
    pub need: Need,
    /// What stands in the way.
    pub cause: DenialCause,
}

/// What stands in the way of a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialCause {
    /// No role of the caller allows it, whatever the token says.
    Role,
    /// The roles allow all that the tool needs, and the token was narrowed to less: the same caller may do
    /// it with more scopes (RFC 6750 §3.1, `insufficient_scope`).
    Scope,
}

/// Which records of a type an action may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility<'p> {
    /// All of the tenant.
    Tenant,
    /// Those in this patient's compartment.
    Compartment(&'p Id),
    /// None.
    Nothing,
}

/// Intersects what the caller holds with what the tool needs.
///
/// # Errors
///
/// The first need that is not optional and not held.
pub fn authorize(principal: &Principal, needs: &[Need]) -> Result<Permit, Denial> {
    let held = held_grants(principal);
    let generic: Vec<Grant> = held.iter().copied().filter(|grant| grant.is_generic()).collect();
    let areas = held_areas(principal);
    let mut granted: Vec<Grant> = Vec::new();
    let mut administered = Vec::new();
    for need in needs {
        let is_held = match *need {
            Need::Administer(area) | Need::AdministerIfAllowed(area) => {
                let is_held = areas.contains(&area) && is_in_scope(principal, area);
                administered.extend(is_held.then_some(area));
                is_held
            }
            Need::Record { action, resource_type } | Need::Optional { action, resource_type } => {
                grant_on(principal, &held, action, resource_type, &mut granted)
            }
            Need::AnyRecord { action } => {
                let mut is_held = false;
                for resource_type in ResourceType::all() {
                    is_held |= grant_on(principal, &generic, action, resource_type, &mut granted);
                }
                is_held
            }
        };
        if !is_held && !matches!(need, Need::Optional { .. } | Need::AdministerIfAllowed(_)) {
            let cause = if is_by_scope(principal, &held, &areas, needs) {
                DenialCause::Scope
            } else {
                DenialCause::Role
            };
            return Err(Denial { need: *need, cause });
        }
    }
    Ok(Permit {
        tenant: principal.tenant,
        subject: principal.subject.clone(),
        client: principal.client.clone(),
        patient: principal.patient.clone(),
        practitioner: principal.practitioner.clone(),
        withheld: withheld(principal, &granted),
        grants: granted,
        areas: administered,
        actor: Some(Actor {
            roles: principal.roles.clone(),
            organization: principal.organization.clone(),
            patient: principal.patient.clone(),
            practitioner: principal.practitioner.clone(),
        }),
        pin: None,
        named: REPORTS
            .iter()
            .copied()
            .filter(|report| needs.iter().any(|need| need.names(*report)))
            .collect(),
    })
}

/// What none of the roles that look at other people's records of a type lets see. A role that looks at the
/// own chart alone, or by scopes that the token has not, opens nothing there to the caller's other roles.
fn withheld(principal: &Principal, granted: &[Grant]) -> Vec<(ResourceType, Vec<&'static str>)> {
    let mut types: Vec<ResourceType> = granted.iter().filter_map(|grant| grant.resource_type).collect();
    types.sort_unstable();
    types.dedup();
    let of = |resource_type: ResourceType| {
        let hides_any = |role: &Role| !element::withheld(*role, resource_type).is_empty();
        if !principal.roles.iter().any(hides_any) {
            return None;
        }
        let looks = |reach: Look| {
            principal.roles.iter().copied().filter(move |role| look(principal, *role, resource_type) == reach)
        };
        let mut roles: Vec<Role> = looks(Look::Others).collect();
        if roles.is_empty() {
            roles = looks(Look::OwnChart).collect();
        }
        let (first, others) = roles.split_first()?;
        let mut elements = element::withheld(*first, resource_type).to_vec();
        for role in others {
            elements.retain(|element| element::withheld(*role, resource_type).contains(element));
        }
        (!elements.is_empty()).then_some((resource_type, elements))
    };
    types.into_iter().filter_map(of).collect()
}

/// Whose records of a type somebody looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Nothing,
    OwnChart,
    Others,
}

/// Whose records of a type this role lets the caller look at, as far as the token reaches.
fn look(principal: &Principal, role: Role, resource_type: ResourceType) -> Look {
    let held = grants_of(principal, role);
    let mut granted = Vec::new();
    for action in [Action::Read, Action::Search] {
        grant_on(principal, &held, action, resource_type, &mut granted);
    }
    let is_at_others = granted.iter().any(|grant| grant.reach != Reach::OwnCompartment);
    match (granted.is_empty(), is_at_others) {
        (true, _) => Look::Nothing,
        (false, false) => Look::OwnChart,
        (false, true) => Look::Others,
    }
}

fn held_grants(principal: &Principal) -> Vec<Grant> {
    principal.roles.iter().flat_map(|role| grants_of(principal, *role)).collect()
}

/// What a role grants; one that is by scope grants nothing without.
fn grants_of(principal: &Principal, role: Role) -> Vec<Grant> {
    let is_held = principal.scopes.is_some() || !role.is_by_scope();
    if is_held { role.grants() } else { Vec::new() }
}

fn held_areas(principal: &Principal) -> Vec<Area> {
    principal.roles.iter().flat_map(|role| role.areas()).copied().collect()
}

/// A token that was narrowed administers what it names, whatever it says of records.
fn is_in_scope(principal: &Principal, area: Area) -> bool {
    principal.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| scope.administers(area)))
}

/// Whether a denial is the scopes' doing alone: the roles allow all that the tool can't do without.
fn is_by_scope(principal: &Principal, held: &[Grant], areas: &[Area], needs: &[Need]) -> bool {
    let can_reach = |reach| reach != Reach::OwnCompartment || principal.patient.is_some();
    let allows = |action, resource_type: Option<ResourceType>| {
        held.iter().any(|grant| {
            let covers = match (grant.resource_type, resource_type) {
                (Some(named), Some(wanted)) => named == wanted,
                _ => true,
            };
            covers && grant.actions.contains(action) && can_reach(grant.reach)
        })
    };
    principal.scopes.is_some()
        && needs.iter().all(|need| match *need {
            Need::Record { action, resource_type } => allows(action, Some(resource_type)),
            Need::AnyRecord { action } => allows(action, None),
            Need::Administer(area) => areas.contains(&area),
            Need::Optional { .. } | Need::AdministerIfAllowed(_) => true,
        })
}

/// Adds what the caller holds of one action on one type, at its narrower reach when a scope narrows it.
/// Says whether the caller holds any of it.
fn grant_on(
    principal: &Principal,
    held: &[Grant],
    action: Action,
    resource_type: ResourceType,
    granted: &mut Vec<Grant>,
) -> bool {
    let mut is_held = false;
    let actions = ActionSet::of(&[action]);
    let by_role = held.iter().filter(|grant| {
        grant.actions.contains(action) && grant.resource_type.is_none_or(|named| named == resource_type)
    });
    for grant in by_role {
        let reaches: Vec<Reach> = match &principal.scopes {
            None => vec![grant.reach],
            Some(scopes) => scopes
                .iter()
                .filter(|scope| scope.actions_on(resource_type).contains(action))
                .filter_map(|scope| narrower(grant.reach, scope.reach()))
                .collect(),
        };
        for reach in reaches {
            if reach == Reach::OwnCompartment && principal.patient.is_none() {
                continue;
            }
            is_held = true;
            let line = Grant { actions, resource_type: Some(resource_type), reach };
            if !granted.contains(&line) {
                granted.push(line);
            }
        }
    }
    is_held
}

/// What both reach; `None` where that is nothing.
fn narrower(role: Reach, scope: Reach) -> Option<Reach> {
    Some(match (role, scope) {
        (Reach::AboutNobody, Reach::OwnCompartment) | (Reach::OwnCompartment, Reach::AboutNobody) => {
            return None;
        }
        (Reach::OwnCompartment, _) | (_, Reach::OwnCompartment) => Reach::OwnCompartment,
        (Reach::AboutNobody, _) | (_, Reach::AboutNobody) => Reach::AboutNobody,
        (Reach::Care, _) | (_, Reach::Care) => Reach::Care,
        (Reach::Tenant, Reach::Tenant) => Reach::Tenant,
    })
}

impl Permit {
    /// Whose records.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub fn subject(&self) -> &SubjectId {
        &self.subject
    }

    /// Through which program.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Whether this action on a record of this type and compartment is inside the permit.
    pub fn allows(&self, action: Action, resource_type: ResourceType, patient: Option<&Id>) -> bool {
        match self.visibility(action, resource_type) {
            Visibility::Tenant => true,
            Visibility::Compartment(own) => patient == Some(own),
            Visibility::Nothing => false,
        }
    }

    /// Which records of this type the action may touch. Searching may see what either reading or
    /// searching was granted for; reading by id likewise.
    pub fn visibility(&self, action: Action, resource_type: ResourceType) -> Visibility<'_> {
        match (self.reach(action, resource_type), &self.pin) {
            (visibility, None) => visibility,
            (Visibility::Tenant, Some(_)) if is_about_nobody(resource_type) => Visibility::Tenant,
            (Visibility::Tenant, Some(pin)) => Visibility::Compartment(pin),
            (Visibility::Compartment(own), Some(pin)) if own == pin => Visibility::Compartment(pin),
            (Visibility::Compartment(_) | Visibility::Nothing, Some(_)) => Visibility::Nothing,
        }
    }

    /// What the grants reach, before the caller confined itself: what the caller is, where
    /// [`Permit::visibility`] is what the call may touch.
    pub fn reach(&self, action: Action, resource_type: ResourceType) -> Visibility<'_> {
        let mut visibility = Visibility::Nothing;
        for grant in self.covering(action, resource_type) {
            match (grant.reach, &self.patient) {
                (Reach::Tenant | Reach::Care | Reach::AboutNobody, _) => return Visibility::Tenant,
                (Reach::OwnCompartment, Some(own)) => visibility = Visibility::Compartment(own),
                (Reach::OwnCompartment, None) => {}
            }
        }
        visibility
    }

    /// Whether the action reaches records of other people of this type as part of the caller's care alone. The
    /// own compartment is nobody's care.
    pub fn is_by_care(&self, action: Action, resource_type: ResourceType) -> bool {
        let reaches = |reach| self.covering(action, resource_type).any(|grant| grant.reach == reach);
        reaches(Reach::Care) && !reaches(Reach::Tenant)
    }

    /// Whether the action reaches records of this type only that are about no patient.
    pub fn is_about_nobody(&self, action: Action, resource_type: ResourceType) -> bool {
        let reaches = |reach| self.covering(action, resource_type).any(|grant| grant.reach == reach);
        reaches(Reach::AboutNobody) && !reaches(Reach::Care) && !reaches(Reach::Tenant)
    }

    fn covering(&self, action: Action, resource_type: ResourceType) -> impl Iterator<Item = &Grant> {
        let is_look = matches!(action, Action::Read | Action::Search);
        self.grants.iter().filter(move |grant| {
            let covers = grant.actions.contains(action)
                || (is_look && !grant.actions.intersection(ActionSet::READ).is_empty());
            covers && grant.resource_type.is_none_or(|named| named == resource_type)
        })
    }

    /// Who a consent may speak of; `None` where the server acts on the operator's behalf, whom no consent
    /// binds.
    pub fn actor(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    /// The elements of this type that the caller does not see.
    pub fn withheld(&self, resource_type: ResourceType) -> &[&'static str] {
        let line = self.withheld.iter().find(|(known, _)| *known == resource_type);
        line.map(|(_, elements)| elements.as_slice()).unwrap_or_default()
    }

    /// What may be administered.
    pub fn areas(&self) -> impl Iterator<Item = Area> {
        self.areas.iter().copied()
    }

    /// Whether this area may be administered.
    pub fn administers(&self, area: Area) -> bool {
        self.areas.contains(&area)
    }

    /// Whether this record is the caller's own entry in the directory, which the call may correct.
    pub fn corrects_own_entry(&self, resource_type: ResourceType, id: &Id) -> bool {
        resource_type == ResourceType::PRACTITIONER
            && self.practitioner.as_ref() == Some(id)
            && self.administers(Area::OwnEntry)
    }

    /// Whether somebody may be given this role, or have it and be changed: nobody grants a role above
    /// their own.
    pub fn grants_role(&self, role: Role) -> bool {
        match role {
            Role::Patient => self.administers(Area::PatientAccounts) || self.administers(Area::Users),
            Role::Superadmin => self.administers(Area::Users) && self.administers(Area::Tenants),
            _ => self.administers(Area::Users),
        }
    }

    /// Whether a client may be given this role.
    pub fn grants_client_role(&self, role: Role) -> bool {
        self.administers(Area::Clients) && (role != Role::Superadmin || self.administers(Area::Tenants))
    }

    /// The same permit in another organisation, for whoever administers organisations. What is the
    /// caller's own stays behind.
    pub fn at(&self, tenant: TenantId) -> Option<Self> {
        if !self.administers(Area::Tenants) {
            return None;
        }
        Some(Self {
            tenant,
            subject: self.subject.clone(),
            client: self.client.clone(),
            patient: None,
            practitioner: None,
            grants: self.grants.iter().filter(|grant| grant.reach == Reach::Tenant).copied().collect(),
            areas: self.areas.clone(),
            actor: self.actor.clone().map(|actor| Actor { patient: None, practitioner: None, ..actor }),
            withheld: self.withheld.clone(),
            pin: self.pin.clone(),
            named: self.named.clone(),
        })
    }

    /// The same permit for one patient alone: of records about patients only that one's stay in sight, what
    /// is about nobody stays as it is, and nothing is administered but the caller's own entry. It is never
    /// wider than the permit that it is made from.
    #[must_use]
    pub fn pinned_to(&self, patient: &Id) -> Self {
        Self {
            tenant: self.tenant,
            subject: self.subject.clone(),
            client: self.client.clone(),
            patient: self.patient.clone(),
            practitioner: self.practitioner.clone(),
            grants: self.grants.clone(),
            areas: self.areas.iter().filter(|area| **area == Area::OwnEntry).copied().collect(),
            actor: self.actor.clone(),
            withheld: self.withheld.clone(),
            pin: Some(patient.clone()),
            named: self.named.clone(),
        }
    }

    /// The one patient to whom the caller has confined itself.
    pub fn pin(&self) -> Option<&Id> {
        self.pin.as_ref()
    }

    /// The maker for [`crate::system`].
    pub(crate) fn of_system(tenant: TenantId, job: &str, grants: Vec<Grant>, areas: Vec<Area>) -> Self {
        Self {
            tenant,
            subject: SubjectId(format!("system:{job}")),
            client: ClientId("medcor".to_owned()),
            patient: None,
            practitioner: None,
            grants,
            areas,
            actor: None,
            withheld: Vec::new(),
            pin: None,
            named: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What somebody with these roles does not see of patients' master data.
    fn withheld_from(roles: &[Role], scopes: Option<&[&str]>) -> Vec<&'static str> {
        let principal = Principal {
            tenant: TenantId(1),
            organization: Id::new("north").unwrap(),
            subject: SubjectId("eve".to_owned()),
            client: ClientId("medcor".to_owned()),
            roles: roles.to_vec(),
            scopes: scopes.map(|scopes| scopes.iter().map(|scope| scope.parse().unwrap()).collect()),
            patient: Some(Id::new("eve").unwrap()),
            practitioner: None,
        };
        let permit = authorize(&principal, &[Need::any(Action::Read)]).unwrap();
        permit.withheld(ResourceType::PATIENT).to_vec()
    }

    #[test]
    fn a_second_role_opens_what_it_looks_at_and_no_more() {
        let hidden = withheld_from(&[Role::Receptionist], None);
        assert!(hidden.contains(&"text"));
        // The own chart, or what scopes would open that the token has not, is not the whole house.
        for second in [Role::Patient, Role::Readonly, Role::System, Role::Auditor] {
            assert_eq!(withheld_from(&[Role::Receptionist, second], None), hidden, "{second}");
            assert_eq!(withheld_from(&[second, Role::Receptionist], None), hidden, "{second}");
        }
        let desk = [Role::Receptionist, Role::Readonly];
        assert_eq!(
            withheld_from(&desk, Some(&["patient/Patient.rs", "user/Appointment.rs"])),
            Vec::<&str>::new()
        );
        assert_eq!(withheld_from(&[Role::Receptionist, Role::Doctor], None), Vec::<&str>::new());
        assert_eq!(withheld_from(&[Role::Patient], None), Vec::<&str>::new());
    }

    #[test]
    fn a_role_whose_look_is_narrowed_to_the_own_chart_opens_no_others() {
        let both = [Role::Receptionist, Role::Patient];
        assert!(withheld_from(&both, Some(&["user/Patient.rs"])).contains(&"text"));
        // With no look at others at all, everything is of the own chart.
        assert_eq!(withheld_from(&both, Some(&["patient/Patient.rs"])), Vec::<&str>::new());
    }
}
