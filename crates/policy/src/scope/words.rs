//! What a scope means, in words for the person who is asked to agree to it.

use medcor_fhir::ResourceType;

use super::{Connection, Scope, ScopeContext, Subject};
use crate::{Action, ActionSet, Area};

impl Scope {
    /// One sentence for the page on which a person agrees.
    pub fn in_words(&self) -> String {
        match &self.subject {
            Subject::Records { context, actions, resource_types } => {
                records(*context, *actions, resource_types.as_deref())
            }
            Subject::Area(area) => format!("{}, as far as you may do so yourself.", administering(*area)),
            Subject::Connection(connection) => connecting(*connection).to_owned(),
        }
    }
}

fn records(context: ScopeContext, actions: ActionSet, types: Option<&[ResourceType]>) -> String {
    let verbs = verbs(actions);
    let what = match types {
        None => "everything".to_owned(),
        Some(types) => joined(&types.iter().map(|resource_type| noun(*resource_type)).collect::<Vec<_>>()),
    };
    let whose = match (context, types.is_none()) {
        (ScopeContext::Patient, _) => " in the record of one patient, such as your own",
        (ScopeContext::User, true) => " that you may yourself",
        (ScopeContext::User, false) => ", as far as you may do so yourself",
        (ScopeContext::System, _) => " of the whole organisation, on its own and without a person",
    };
    format!("{verbs} {what}{whose}.")
}

/// `See, add and change`. Finding and reading are one thing to a person.
fn verbs(actions: ActionSet) -> String {
    let sees = !actions.intersection(ActionSet::READ).is_empty();
    let known = [(Action::Create, "add"), (Action::Update, "change"), (Action::Delete, "delete")].into_iter();
    let mut verbs: Vec<String> = if sees { vec!["see".to_owned()] } else { Vec::new() };
    verbs.extend(known.filter(|(action, _)| actions.contains(*action)).map(|(_, verb)| verb.to_owned()));
    let text = joined(&verbs);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `a`, `a and b`, `a, b and c`.
fn joined(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What people call records of a type.
fn noun(resource_type: ResourceType) -> String {
    let known = NOUNS.iter().find(|(known, _)| *known == resource_type);
    known.map_or_else(|| plural(resource_type.name()), |(_, noun)| (*noun).to_owned())
}

type R = ResourceType;

const NOUNS: &[(R, &str)] = &[
    (R::PATIENT, "names, birth dates and contact details of patients"),
    (R::RELATED_PERSON, "contact details of relatives"),
    (R::ALLERGY_INTOLERANCE, "allergies"),
    (R::APPOINTMENT, "appointments"),
    (R::APPOINTMENT_RESPONSE, "answers to appointments"),
    (R::SCHEDULE, "calendars"),
    (R::SLOT, "free times"),
    (R::CARE_TEAM, "care teams"),
    (R::CARE_PLAN, "treatment plans"),
    (R::CLINICAL_IMPRESSION, "assessments"),
    (R::COMPOSITION, "clinical notes"),
    (R::CONDITION, "problems and diagnoses"),
    (R::CONSENT, "consents"),
    (R::COVERAGE, "insurance"),
    (R::DIAGNOSTIC_REPORT, "laboratory and other reports"),
    (R::DOCUMENT_REFERENCE, "documents"),
    (R::ENCOUNTER, "visits"),
    (R::FAMILY_MEMBER_HISTORY, "family history"),
    (R::IMMUNIZATION, "vaccinations"),
    (R::INVOICE, "invoices"),
    (R::LOCATION, "places"),
    (R::MEASURE_REPORT, "statistical reports"),
    (R::MEDICATION, "medicines"),
    (R::MEDICATION_ADMINISTRATION, "medicines given"),
    (R::MEDICATION_DISPENSE, "medicines handed out"),
    (R::MEDICATION_REQUEST, "prescriptions"),
    (R::MEDICATION_STATEMENT, "medicines taken"),
    (R::OBSERVATION, "vital signs and laboratory results"),
    (R::ORGANIZATION, "organisations"),
    (R::PRACTITIONER, "names of clinicians"),
    (R::PRACTITIONER_ROLE, "specialties of clinicians"),
    (R::PROCEDURE, "procedures"),
    (R::QUESTIONNAIRE_RESPONSE, "answers to questionnaires"),
    (R::SERVICE_REQUEST, "orders"),
    (R::SPECIMEN, "samples"),
];

/// `ImagingStudy` becomes `imaging study records`.
fn plural(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 12);
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words.push_str(" records");
    words
}

fn administering(area: Area) -> &'static str {
    match area {
        Area::Audit => "Read who did what in the audit trail",
        Area::Disclosures => "Read who received a patient's records",
        Area::Users => "Add, change and remove the people who log in",
        Area::PatientAccounts => "Register patients, so that they can log in",
        Area::OwnEntry => "Change your own telephone number in the directory",
        Area::Clients => "Add, change and remove the programs that connect",
        Area::Tenants => "Add, change and remove organisations",
        Area::Plans => "See the plans of this server, and change which one your organisation has",
        Area::Emergency => "Open the record of one patient in an emergency",
        Area::Figures => "Read in figures what clinicians do: you your own",
    }
}

fn connecting(connection: Connection) -> &'static str {
    match connection {
        Connection::Launch => "Take over the patient or visit that is open where it is started from.",
        Connection::LaunchPatient => "Ask you to choose one patient when it connects.",
        Connection::LaunchEncounter => "Ask you to choose one visit when it connects.",
        Connection::OpenId => "Know that it is you.",
        Connection::FhirUser => "Know which record of the organisation is about you.",
        Connection::Profile => "Know your name.",
        Connection::Email => "Know your e-mail address.",
        Connection::Offline => "Stay connected while you are away, until you end it.",
        Connection::Online => "Stay connected while you are logged in.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(scope: &str) -> String {
        scope.parse::<Scope>().unwrap().in_words()
    }

    #[test]
    fn a_person_can_read_what_is_asked_for() {
        assert_eq!(
            words("user/Observation.rs"),
            "See vital signs and laboratory results, as far as you may do so yourself."
        );
        assert_eq!(words("patient/*.read"), "See everything in the record of one patient, such as your own.");
        assert_eq!(
            words("system/ImagingStudy.cruds"),
            "See, add, change and delete imaging study records of the whole organisation, on its own and without \
             a person."
        );
        assert_eq!(words("user/*.cruds"), "See, add, change and delete everything that you may yourself.");
        assert_eq!(
            words("admin:users"),
            "Add, change and remove the people who log in, as far as you may do so yourself."
        );
        assert_eq!(words("offline_access"), "Stay connected while you are away, until you end it.");
    }

    #[test]
    fn every_type_has_words_of_its_own() {
        for resource_type in ResourceType::all() {
            let words = words(&format!("user/{resource_type}.r"));
            assert!(words.starts_with("See ") && words.ends_with('.') && words.len() > 20, "{words}");
        }
    }
}
