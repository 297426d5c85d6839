//! Patient compartment membership (FHIR R4 CompartmentDefinition/patient).

use serde_json::Value;

use crate::{Id, ResourceType};

/// The one patient in whose compartment this record is: the record itself for a `Patient`, else the
/// only patient that its compartment parameters refer to. `None` without a patient, or with several:
/// a record about two patients opens for neither of them.
pub fn patient_of(_resource_type: ResourceType, _value: &Value) -> Option<Id> {
    todo!()
}
