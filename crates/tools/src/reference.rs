//! References in a tool's parameters: callers send an id, an identifier, a telephone number or a name;
//! by the time the tool runs, the pipeline has turned it into an id.

use std::{borrow::Cow, marker::PhantomData};

use medcor_fhir::{Id, ResourceType};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A resource type as a Rust type, for [`Ref`].
pub trait FhirType: 'static {
    /// The FHIR type.
    const TYPE: ResourceType;
    /// How callers name such a record, for the description of the parameter.
    const NAMED_BY: &'static str;
}

/// A reference to a record, resolved.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Ref<R> {
    id: Id,
    #[serde(skip)]
    resource: PhantomData<fn() -> R>,
}

impl<R: FhirType> Ref<R> {
    /// The id of the record.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// `Type/id`.
    pub fn reference(&self) -> String {
        format!("{}/{}", R::TYPE, self.id)
    }
}

/// Marks a schema property that the pipeline resolves. Taken out before the schema is published.
pub(crate) const REFERENCE_KEYWORD: &str = "x-medcor-reference";

impl<R: FhirType> JsonSchema for Ref<R> {
    fn schema_name() -> Cow<'static, str> {
        R::TYPE.name().into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": R::NAMED_BY,
            "x-medcor-reference": R::TYPE.name(),
        })
    }
}

/// The types that tools refer to.
pub mod kind {
    use super::{FhirType, ResourceType};

    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident = $constant:ident, $named_by:literal;)*) => {
            $($(#[$doc])* #[derive(Debug, Clone)] pub enum $name {}
            impl FhirType for $name {
                const TYPE: ResourceType = ResourceType::$constant;
                const NAMED_BY: &'static str = $named_by;
            })*
        };
    }

    kinds! {
        /// A patient.
        Patient = PATIENT, "Patient: id, MRN, telephone number or full name.";
        /// A clinician.
        Practitioner = PRACTITIONER, "Clinician: id, NPI or full name.";
        /// An organisation.
        Organization = ORGANIZATION, "Organisation: id, identifier or name.";
        /// An encounter.
        Encounter = ENCOUNTER, "Encounter: id or identifier.";
        /// An appointment.
        Appointment = APPOINTMENT, "Appointment: id or identifier.";
        /// A prescription.
        MedicationRequest = MEDICATION_REQUEST, "Prescription: id or identifier.";
        /// An order or a referral.
        ServiceRequest = SERVICE_REQUEST, "Order: id or identifier.";
        /// A condition.
        Condition = CONDITION, "Condition: id or identifier.";
        /// What is offered.
        HealthcareService = HEALTHCARE_SERVICE, "Service: id, identifier or name.";
        /// A document in sections, such as a SOAP note.
        Composition = COMPOSITION, "Note: id or identifier.";
        /// A document, such as a medical record.
        DocumentReference = DOCUMENT_REFERENCE, "Medical record: id or identifier.";
        /// A treatment plan.
        CarePlan = CARE_PLAN, "Treatment plan: id or identifier.";
        /// A message that was sent.
        Communication = COMMUNICATION, "Communication: id or identifier.";
        /// A request that somebody be told something: an inquiry, a reminder.
        CommunicationRequest = COMMUNICATION_REQUEST, "Inquiry or reminder: id or identifier.";
        /// A webhook.
        Subscription = SUBSCRIPTION, "Webhook: id.";
        /// A place.
        Location = LOCATION, "Location: id, identifier or name.";
    }
}
