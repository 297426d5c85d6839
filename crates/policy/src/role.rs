//! What each role may do, as data. `docs/reference/roles.md` is generated from it.

use std::{fmt, str::FromStr};

use medcor_fhir::ResourceType;
use serde::{Deserialize, Serialize};

use crate::{ActionSet, Area};

/// What a subject is to its organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees and adds to the own chart.
    Patient,
    /// Demographics and scheduling, no clinical content.
    Receptionist,
    /// Care, without prescribing.
    Nurse,
    /// Care and prescribing, no revenue.
    Doctor,
    /// The organisation: staff, plans, audit. No clinical content.
    Admin,
    /// The platform: organisations across tenants. No clinical content.
    Superadmin,
    /// A machine integration, by scope only.
    System,
    /// Reads what its scopes name.
    Readonly,
    /// The audit trail.
    Auditor,
}

/// Over which records a grant reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All records of the tenant.
    Tenant,
    /// All records of the tenant; where it confines clinicians to their care, the records of patients in
    /// the subject's care, and what is about no patient.
    Care,
    /// Records of the tenant that are about no patient.
    AboutNobody,
    /// Records in the subject's own patient compartment.
    OwnCompartment,
}

/// One line of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// What may be done.
    pub actions: ActionSet,
    /// To which type; `None` is every type.
    pub resource_type: Option<ResourceType>,
    /// Over which records.
    pub reach: Reach,
}

impl Grant {
    /// Whether tools that open records of any type take it too, and not only those that name its type.
    pub fn is_generic(self) -> bool {
        self.resource_type.is_none_or(|named| !REPORTS.contains(&named))
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 9] = [
        Self::Patient,
        Self::Receptionist,
        Self::Nurse,
        Self::Doctor,
        Self::Admin,
        Self::Superadmin,
        Self::System,
        Self::Readonly,
        Self::Auditor,
    ];

    /// The name in tokens, settings and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Receptionist => "receptionist",
            Self::Nurse => "nurse",
            Self::Doctor => "doctor",
            Self::Admin => "admin",
            Self::Superadmin => "superadmin",
            Self::System => "system",
            Self::Readonly => "readonly",
            Self::Auditor => "auditor",
        }
    }

    /// Whether the role's authority comes from scopes alone, so that no scopes means nothing.
    pub const fn is_by_scope(self) -> bool {
        matches!(self, Self::System | Self::Readonly)
    }

    /// What the role may do to records.
    pub fn grants(self) -> Vec<Grant> {
        let mut grants = Vec::new();
        for line in lines(self) {
            let actions = ActionSet::from_letters(line.actions).expect("the role table is tested");
            let mut grant = |resource_type| grants.push(Grant { actions, resource_type, reach: line.reach });
            match line.types {
                Types::All => grant(None),
                Types::Each(types) => types.iter().for_each(|resource_type| grant(Some(*resource_type))),
            }
        }
        grants
    }

    /// What else the role may administer.
    pub const fn areas(self) -> &'static [Area] {
        match self {
            Self::Patient => &[Area::Disclosures],
            Self::Receptionist => &[Area::PatientAccounts, Area::OwnEntry],
            Self::Nurse => &[Area::OwnEntry, Area::Emergency],
            Self::Doctor => &[Area::OwnEntry, Area::Emergency, Area::Figures],
            Self::Admin => &[
                Area::Audit,
                Area::Disclosures,
                Area::Users,
                Area::PatientAccounts,
                Area::OwnEntry,
                Area::Clients,
                Area::Plans,
                Area::Figures,
            ],
            Self::Superadmin => &[
                Area::Audit,
                Area::Users,
                Area::PatientAccounts,
                Area::OwnEntry,
                Area::Clients,
                Area::Tenants,
                Area::Plans,
            ],
            Self::Auditor => &[Area::Audit, Area::Disclosures, Area::OwnEntry],
            _ => &[],
        }
    }
}

enum Types {
    All,
    Each(&'static [ResourceType]),
}

struct Line {
    actions: &'static str,
    types: Types,
    reach: Reach,
}

const fn tenant(actions: &'static str, types: &'static [ResourceType]) -> Line {
    Line { actions, types: Types::Each(types), reach: Reach::Tenant }
}

const fn own(actions: &'static str, types: &'static [ResourceType]) -> Line {
    Line { actions, types: Types::Each(types), reach: Reach::OwnCompartment }
}

/// What clinicians do to records about patients.
const fn care(actions: &'static str, types: &'static [ResourceType]) -> Line {
    Line { actions, types: Types::Each(types), reach: Reach::Care }
}

/// What administrators do to records that may be about patients, of which they see those alone that are not.
const fn about_nobody(actions: &'static str, types: &'static [ResourceType]) -> Line {
    Line { actions, types: Types::Each(types), reach: Reach::AboutNobody }
}

const fn every_type(actions: &'static str) -> Line {
    Line { actions, types: Types::All, reach: Reach::Tenant }
}

type R = ResourceType;

/// Who works here, where, and what is offered: no patient data.
const DIRECTORY: &[R] = &[
    R::ORGANIZATION,
    R::LOCATION,
    R::PRACTITIONER,
    R::PRACTITIONER_ROLE,
    R::HEALTHCARE_SERVICE,
    R::SCHEDULE,
    R::SLOT,
];

/// What a clinician needs to see besides the chart.
const KNOWLEDGE: &[R] = &[
    R::MEDICATION,
    R::MEDICATION_KNOWLEDGE,
    R::ACTIVITY_DEFINITION,
    R::PLAN_DEFINITION,
    R::CHARGE_ITEM_DEFINITION,
    R::QUESTIONNAIRE,
    R::CODE_SYSTEM,
    R::VALUE_SET,
    R::CONCEPT_MAP,
    R::STRUCTURE_DEFINITION,
];

/// Whether records of this type are about no patient: who works here, what is offered, what is known.
pub(crate) fn is_about_nobody(resource_type: ResourceType) -> bool {
    DIRECTORY.contains(&resource_type) || KNOWLEDGE.contains(&resource_type)
}

/// The chart.
const CHART: &[R] = &[
    R::ALLERGY_INTOLERANCE,
    R::BODY_STRUCTURE,
    R::CARE_PLAN,
    R::CARE_TEAM,
    R::CLINICAL_IMPRESSION,
    R::COMPOSITION,
    R::CONDITION,
    R::DETECTED_ISSUE,
    R::DEVICE,
    R::DEVICE_USE_STATEMENT,
    R::DIAGNOSTIC_REPORT,
    R::DOCUMENT_REFERENCE,
    R::ENCOUNTER,
    R::EPISODE_OF_CARE,
    R::FAMILY_MEMBER_HISTORY,
    R::FLAG,
    R::GOAL,
    R::IMAGING_STUDY,
    R::IMMUNIZATION,
    R::IMMUNIZATION_EVALUATION,
    R::IMMUNIZATION_RECOMMENDATION,
    R::MEDIA,
    R::MEDICATION_ADMINISTRATION,
    R::MEDICATION_DISPENSE,
    R::MEDICATION_REQUEST,
    R::MEDICATION_STATEMENT,
    R::NUTRITION_ORDER,
    R::OBSERVATION,
    R::PROCEDURE,
    R::PROVENANCE,
    R::QUESTIONNAIRE_RESPONSE,
    R::RISK_ASSESSMENT,
    R::SERVICE_REQUEST,
    R::SPECIMEN,
    R::VISION_PRESCRIPTION,
];

/// What nurses record.
const NURSING: &[R] = &[
    R::ALLERGY_INTOLERANCE,
    R::CONDITION,
    R::ENCOUNTER,
    R::DOCUMENT_REFERENCE,
    R::COMPOSITION,
    R::IMMUNIZATION,
    R::MEDICATION_ADMINISTRATION,
    R::MEDICATION_DISPENSE,
    R::MEDICATION_STATEMENT,
    R::OBSERVATION,
    R::PROCEDURE,
    R::QUESTIONNAIRE_RESPONSE,
    R::FLAG,
];

/// Who can be reached for a patient, and the front desk's own work.
const FRONT_DESK: &[R] = &[R::PATIENT, R::RELATED_PERSON, R::APPOINTMENT, R::APPOINTMENT_RESPONSE];

/// Reports that people make and keep for themselves. A line of these is for the tools that name the type
/// ([`crate::Need::Record`]): no generic tool takes it.
pub(crate) const REPORTS: &[R] = &[R::MEASURE_REPORT];

/// What patients and staff tell and ask each other.
const MESSAGES: &[R] = &[R::COMMUNICATION, R::COMMUNICATION_REQUEST];

const COVERAGE: &[R] = &[R::COVERAGE, R::ACCOUNT];

const MONEY: &[R] = &[
    R::INVOICE,
    R::CHARGE_ITEM,
    R::CLAIM,
    R::CLAIM_RESPONSE,
    R::EXPLANATION_OF_BENEFIT,
    R::PAYMENT_NOTICE,
    R::PAYMENT_RECONCILIATION,
];

fn lines(role: Role) -> Vec<Line> {
    match role {
        Role::Patient => vec![
            tenant("rs", DIRECTORY),
            tenant("rs", KNOWLEDGE),
            own("ru", &[R::PATIENT]),
            own("rs", CHART),
            own("rs", COVERAGE),
            own("crus", &[R::APPOINTMENT, R::APPOINTMENT_RESPONSE]),
            own("rs", &[R::RELATED_PERSON, R::CONSENT]),
            own("c", &[R::QUESTIONNAIRE_RESPONSE, R::MEDICATION_STATEMENT]),
            own("crs", MESSAGES),
        ],
        Role::Receptionist => vec![
            tenant("rs", DIRECTORY),
            tenant("rs", KNOWLEDGE),
            tenant("crus", FRONT_DESK),
            tenant("crus", COVERAGE),
            tenant("crus", &[R::SCHEDULE, R::SLOT]),
            // The front desk writes down what patients say, and reads none of it again: answers to questionnaires,
            // emergencies and questions are clinical, and so are reminders, which are of these types too. That it
            // can't answer an inquiry either is docs/decisions/0019.
            tenant("c", &[R::QUESTIONNAIRE_RESPONSE]),
            tenant("c", MESSAGES),
        ],
        Role::Nurse => vec![
            tenant("rs", DIRECTORY),
            tenant("rs", KNOWLEDGE),
            care("crus", FRONT_DESK),
            care("rs", COVERAGE),
            care("rs", CHART),
            care("cu", NURSING),
            care("rs", &[R::CONSENT, R::TASK]),
            care("cu", &[R::TASK]),
            care("crus", MESSAGES),
            care("crs", REPORTS),
        ],
        Role::Doctor => vec![
            tenant("rs", DIRECTORY),
            tenant("rs", KNOWLEDGE),
            care("crus", FRONT_DESK),
            care("rs", COVERAGE),
            care("cruds", CHART),
            care("crus", &[R::CONSENT, R::TASK]),
            care("crus", MESSAGES),
            tenant("crus", &[R::SCHEDULE, R::SLOT]),
            care("crs", REPORTS),
        ],
        Role::Admin => vec![
            tenant("cruds", DIRECTORY),
            tenant("cruds", KNOWLEDGE),
            tenant("cruds", FRONT_DESK),
            tenant("crus", COVERAGE),
            tenant("crus", MONEY),
            about_nobody("crs", REPORTS),
            // Webhooks: what they tell is judged as their owner's, by the rest of these lines.
            tenant("cruds", &[R::SUBSCRIPTION]),
        ],
        Role::Superadmin => vec![tenant("cruds", DIRECTORY), tenant("cruds", KNOWLEDGE)],
        Role::System => vec![every_type("cruds")],
        Role::Readonly => vec![every_type("rs")],
        Role::Auditor => vec![
            tenant("rs", DIRECTORY),
            // Which specialties there are.
            tenant("rs", &[R::CODE_SYSTEM]),
            tenant("rs", &[R::AUDIT_EVENT]),
        ],
    }
}

/// The text names no role.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown role; known are patient, receptionist, nurse, doctor, admin, superadmin, system, readonly, auditor"
)]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(text)).ok_or(UnknownRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Action;

    #[test]
    fn every_line_of_the_role_table_can_be_read() {
        for role in Role::ALL {
            assert!(!role.grants().is_empty(), "{role} may do nothing");
        }
    }

    #[test]
    fn the_front_desk_and_administrators_hold_no_clinical_content() {
        for role in [Role::Receptionist, Role::Admin, Role::Superadmin, Role::Auditor] {
            for grant in role.grants() {
                let resource_type = grant.resource_type.expect("these roles name their types");
                // Who only adds holds nothing of what is there.
                let is_held = grant.actions != ActionSet::from_letters("c").unwrap();
                let is_clinical = CHART.contains(&resource_type) || MESSAGES.contains(&resource_type);
                assert!(!(is_held && is_clinical), "{role} holds {resource_type}");
            }
        }
    }

    #[test]
    fn a_doctor_sees_no_revenue() {
        let sees_money = Role::Doctor
            .grants()
            .into_iter()
            .any(|grant| grant.resource_type.is_some_and(|resource_type| MONEY.contains(&resource_type)));
        assert!(!sees_money);
    }

    #[test]
    fn a_patient_cannot_search_for_patients() {
        let searches = Role::Patient
            .grants()
            .into_iter()
            .any(|grant| grant.resource_type == Some(R::PATIENT) && grant.actions.contains(Action::Search));
        assert!(!searches);
    }
}
