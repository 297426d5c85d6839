//! Elements that a role does not see of the types that it may read, as data: the front desk and the
//! administration hold no clinical content, not even inside of a record that they need.

use medcor_fhir::{ResourceType, naming};

use crate::{ActionSet, Role};

type R = ResourceType;

/// Whatever an extension, a contained record or a narrative says, nobody can tell beforehand.
const ANYTHING: &[&str] = &["text", "contained", "extension", "modifierExtension"];

const LINES: &[(R, &[&str])] = &[
    (R::PATIENT, ANYTHING),
    (R::RELATED_PERSON, ANYTHING),
    (R::COVERAGE, ANYTHING),
    (R::ACCOUNT, ANYTHING),
    (R::APPOINTMENT_RESPONSE, ANYTHING),
    (
        R::APPOINTMENT,
        &[
            "text",
            "contained",
            "extension",
            "modifierExtension",
            "basedOn",
            "reasonReference",
            "supportingInformation",
            "patientInstruction",
        ],
    ),
    (R::INVOICE, &["text", "contained", "extension", "modifierExtension", "note"]),
    (
        R::CHARGE_ITEM,
        &[
            "text",
            "contained",
            "extension",
            "modifierExtension",
            "bodysite",
            "reason",
            "service",
            "supportingInformation",
            "note",
        ],
    ),
    (
        R::CLAIM,
        &[
            "text",
            "contained",
            "extension",
            "modifierExtension",
            "prescription",
            "originalPrescription",
            "supportingInfo",
            "diagnosis",
            "procedure",
            "accident",
        ],
    ),
    (R::CLAIM_RESPONSE, &["text", "contained", "extension", "modifierExtension", "processNote"]),
    (
        R::EXPLANATION_OF_BENEFIT,
        &[
            "text",
            "contained",
            "extension",
            "modifierExtension",
            "prescription",
            "originalPrescription",
            "supportingInfo",
            "diagnosis",
            "procedure",
            "accident",
            "processNote",
        ],
    ),
    (R::PAYMENT_NOTICE, ANYTHING),
    (R::PAYMENT_RECONCILIATION, &["text", "contained", "extension", "modifierExtension", "processNote"]),
];

/// Extensions that say nothing clinical: what the front desk itself writes of an appointment.
const OPEN_EXTENSIONS: &[&str] = &[
    naming::APPOINTMENT_STATUS,
    naming::APPOINTMENT_BUFFER,
    naming::APPOINTMENT_OVERRIDE,
    naming::APPOINTMENT_OFFER,
    naming::APPOINTMENT_MOVED_FROM,
];

/// The extensions of a type that are seen by whoever sees its records, whatever else is withheld.
pub fn open_extensions(resource_type: ResourceType) -> &'static [&'static str] {
    if resource_type == R::APPOINTMENT { OPEN_EXTENSIONS } else { &[] }
}

/// The elements of a type that this role does not see.
pub(crate) fn withheld(role: Role, resource_type: ResourceType) -> &'static [&'static str] {
    match role {
        Role::Receptionist | Role::Admin | Role::Superadmin | Role::Auditor => LINES
            .iter()
            .find(|(known, _)| *known == resource_type)
            .map(|(_, elements)| *elements)
            .unwrap_or_default(),
        Role::Patient | Role::Nurse | Role::Doctor | Role::System | Role::Readonly => &[],
    }
}

impl Role {
    /// The elements that this role does not see, of types that it may read.
    pub fn withheld(self) -> Vec<(ResourceType, &'static [&'static str])> {
        let grants = self.grants();
        let reads = |resource_type: R| {
            grants.iter().any(|grant| {
                let is_look = !grant.actions.intersection(ActionSet::READ).is_empty();
                is_look && grant.resource_type.is_none_or(|named| named == resource_type)
            })
        };
        let lines = LINES.iter().filter(|(resource_type, _)| reads(*resource_type));
        let lines = lines.map(|(resource_type, _)| (*resource_type, withheld(self, *resource_type)));
        lines.filter(|(_, elements)| !elements.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Action;

    #[test]
    fn of_every_record_of_a_patient_the_front_desk_sees_a_part() {
        for role in [Role::Receptionist, Role::Admin, Role::Superadmin, Role::Auditor] {
            for grant in role.grants().into_iter().filter(|grant| grant.actions.contains(Action::Read)) {
                let resource_type = grant.resource_type.expect("these roles name their types");
                let is_about_patients = !medcor_fhir::compartment::patient_parameters(resource_type)
                    .is_empty()
                    || resource_type == ResourceType::PATIENT;
                // What an audit event says of a patient is who looked; a calendar is a clinician's.
                let is_directory =
                    matches!(resource_type, ResourceType::AUDIT_EVENT | ResourceType::SCHEDULE);
                let sees_patients = grant.reach != crate::Reach::AboutNobody;
                if is_about_patients && !is_directory && sees_patients {
                    let withheld = withheld(role, resource_type);
                    assert!(withheld.contains(&"text"), "{role} sees all of {resource_type}");
                }
            }
        }
    }

    #[test]
    fn clinicians_see_whole_records() {
        for (resource_type, _) in LINES {
            assert!(withheld(Role::Doctor, *resource_type).is_empty());
        }
    }
}
