//! The nouns of `read:patients` and `pms:patient:read`: what each stands for.

use medcor_fhir::ResourceType;

use super::{ScopeContext, Subject};
use crate::{Action, ActionSet, Area};

type R = ResourceType;

const PATIENTS: &[R] = &[R::PATIENT, R::RELATED_PERSON];
const ALLERGIES: &[R] = &[R::ALLERGY_INTOLERANCE];
const APPOINTMENTS: &[R] = &[R::APPOINTMENT, R::APPOINTMENT_RESPONSE, R::SCHEDULE, R::SLOT];
const MEDICATIONS: &[R] =
    &[R::MEDICATION_REQUEST, R::MEDICATION_STATEMENT, R::MEDICATION, R::MEDICATION_DISPENSE];
const MEASUREMENTS: &[R] = &[R::OBSERVATION, R::DIAGNOSTIC_REPORT];
const ENCOUNTERS: &[R] = &[R::ENCOUNTER];
const CONDITIONS: &[R] = &[R::CONDITION];
const IMMUNIZATIONS: &[R] = &[R::IMMUNIZATION];
const PROCEDURES: &[R] = &[R::PROCEDURE];
const NOTES: &[R] = &[R::COMPOSITION, R::DOCUMENT_REFERENCE];
const PROVIDERS: &[R] = &[R::PRACTITIONER, R::PRACTITIONER_ROLE, R::ORGANIZATION, R::LOCATION];
const REPORTS: &[R] = &[R::MEASURE_REPORT];

/// What a verb and a noun mean together.
pub(super) fn subject(noun: &str, verb: &str) -> Option<Subject> {
    let actions = match verb {
        "read" => ActionSet::READ,
        "write" => ActionSet::of(&[Action::Create, Action::Update]),
        "delete" => ActionSet::of(&[Action::Delete]),
        "generate" if noun == "report" => ActionSet::of(&[Action::Create, Action::Read]),
        "admin" => return area(noun).map(Subject::Area),
        _ => return None,
    };
    if noun == "own_records" {
        // The word is documented for reading alone.
        let own = Subject::Records {
            context: ScopeContext::Patient,
            actions: ActionSet::READ,
            resource_types: None,
        };
        return (verb == "read").then_some(own);
    }
    let types = types(noun.strip_suffix('s').unwrap_or(noun))?;
    Some(Subject::Records { context: ScopeContext::User, actions, resource_types: Some(types.to_vec()) })
}

fn types(noun: &str) -> Option<&'static [ResourceType]> {
    Some(match noun {
        "patient" => PATIENTS,
        "allergie" | "allergy" => ALLERGIES,
        "appointment" | "schedule" => APPOINTMENTS,
        "medication" | "prescription" => MEDICATIONS,
        "lab" | "vital" | "observation" => MEASUREMENTS,
        "encounter" => ENCOUNTERS,
        "condition" => CONDITIONS,
        "immunization" => IMMUNIZATIONS,
        "procedure" => PROCEDURES,
        "note" => NOTES,
        "provider" | "doctor" | "practitioner" => PROVIDERS,
        "report" => REPORTS,
        _ => return None,
    })
}

fn area(noun: &str) -> Option<Area> {
    Some(match noun.strip_suffix('s').unwrap_or(noun) {
        "user" => Area::Users,
        "patient_account" => Area::PatientAccounts,
        "own_entry" => Area::OwnEntry,
        "client" => Area::Clients,
        "tenant" | "hospital" | "organisation" | "organization" => Area::Tenants,
        "audit" => Area::Audit,
        "disclosure" => Area::Disclosures,
        "plan" => Area::Plans,
        "emergency" => Area::Emergency,
        "figure" | "analytic" => Area::Figures,
        _ => return None,
    })
}
