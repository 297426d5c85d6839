//! Typed views over the JSON text of records, for the few dozen types that tools touch.
//!
//! A view borrows from the text and holds only what tools show; every other member is skipped without
//! being built. Views are for reading: what is written back is the resource itself, never a view.
//!
//! ```
//! use medcor_fhir::view::Patient;
//!
//! let body = r#"{"resourceType":"Patient","id":"p1","name":[{"given":["Ada"],"family":"Lovelace"}]}"#;
//! let patient: Patient<'_> = serde_json::from_str(body)?;
//! assert_eq!(patient.display_name().as_deref(), Some("Ada Lovelace"));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod age;
mod chart;
mod coded;
mod contact;
mod directory;
mod identifier;
mod medication;
mod profession;
mod questionnaire;
mod scheduling;
mod text;
mod visit;

pub use age::{Age, BirthDate};
pub use chart::{
    AllergyIntolerance, AllergyReaction, Annotation, CarePlan, CarePlanActivity, CarePlanDetail, Condition,
    DiagnosticReport, Encounter, EncounterDiagnosis, EncounterLocation, EncounterParticipant,
    Hospitalization, Immunization, ImmunizationProtocol, Observation, ObservationComponent, Procedure,
    ProcedurePerformer, Range, ReferenceRange,
};
pub use coded::{CodeableConcept, Coding, Decimal, Period, Quantity, Reference};
pub use contact::{Address, ContactPoint, HumanName};
pub use directory::{
    Communication, Location, NotAvailable, Organization, Patient, PatientContact, Practitioner,
    PractitionerRole, Qualification,
};
pub use identifier::Identifier;
pub use medication::{
    DispenseRequest, Dosage, DoseAndRate, Medication, MedicationDispense, MedicationRequest, Timing,
    TimingRepeat,
};
pub use profession::Profession;
pub use questionnaire::{
    AnsweredQuestion, Questionnaire, QuestionnaireAnswer, QuestionnaireItem, QuestionnaireResponse,
    QuestionnaireResponseItem,
};
pub use scheduling::{
    Appointment, AppointmentParticipant, AvailableTime, Extension, HealthcareService, Schedule,
};
pub use text::{Text, Texts};
pub use visit::VisitKind;

use serde::Deserialize;

/// `Meta`: what the server knows about a version.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta<'a> {
    /// The number of the version, as text.
    #[serde(borrow)]
    pub version_id: Option<Text<'a>>,
    /// An instant.
    #[serde(borrow)]
    pub last_updated: Option<Text<'a>>,
    /// Tags, such as the one of demonstration data.
    #[serde(borrow)]
    pub tag: Vec<Coding<'a>>,
    /// Security labels.
    #[serde(borrow)]
    pub security: Vec<Coding<'a>>,
}
