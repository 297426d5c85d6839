//! Patient compartment membership (FHIR R4 `CompartmentDefinition/patient`).

use std::sync::LazyLock;

use serde_json::Value;

use crate::{
    Id, ResourceType,
    search::{IndexValue, SearchParameter, parameter::parameter, parameter_entries},
};

/// The one patient in whose compartment this record is: the record itself for a `Patient`, else the
/// only patient that its compartment parameters refer to. `None` without a patient, or with several:
/// a record about two patients opens for neither of them.
///
/// Only relative references (`Patient/123`) count: an absolute URL names a patient of another server.
pub fn patient_of(resource_type: ResourceType, value: &Value) -> Option<Id> {
    if resource_type.name() == PATIENT {
        return value.get("id")?.as_str().and_then(Id::new);
    }
    let mut only: Option<Id> = None;
    for parameter in patient_parameters(resource_type) {
        for entry in parameter_entries(parameter, value) {
            let IndexValue::Reference { target: Some((target, id)), .. } = entry.value else {
                continue;
            };
            if target.name() != PATIENT {
                continue;
            }
            match &only {
                None => only = Id::new(&id),
                Some(earlier) if earlier.as_str() == id => {}
                Some(_) => return None,
            }
        }
    }
    only
}

/// The parameters whose references put a record of this type into a patient's compartment. None for types
/// that are never in one.
pub fn patient_parameters(resource_type: ResourceType) -> &'static [&'static SearchParameter] {
    COMPARTMENT.get(usize::from(resource_type.code())).map(Vec::as_slice).unwrap_or_default()
}

const PATIENT: &str = "Patient";

/// For each type, by its code, its parameters.
static COMPARTMENT: LazyLock<Vec<Vec<&'static SearchParameter>>> = LazyLock::new(|| {
    let mut by_type: Vec<Vec<&SearchParameter>> = ResourceType::all().map(|_| Vec::new()).collect();
    // Each line is a type and the codes of its parameters, written by `cargo xtask definitions`.
    for line in include_str!("definitions/patient_compartment.txt").lines() {
        let (name, codes) = line.split_once(' ').unwrap_or((line, ""));
        let resource_type = ResourceType::from_name(name).expect("the compartment names types of R4");
        let of_type = by_type.get_mut(usize::from(resource_type.code())).expect("there is a place for each");
        let codes = codes.split(' ').map(|code| parameter(resource_type, code));
        of_type.extend(codes.map(|parameter| parameter.expect("the compartment names parameters of R4")));
    }
    by_type
});

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn patient(record: &Value) -> Option<String> {
        let resource_type = ResourceType::from_name(record["resourceType"].as_str().unwrap()).unwrap();
        patient_of(resource_type, record).map(String::from)
    }

    #[test]
    fn a_record_is_in_the_compartment_of_its_one_patient() {
        let ada = Some("ada".to_owned());
        assert_eq!(patient(&json!({"resourceType": "Patient", "id": "ada"})), ada);
        let observation = json!({"resourceType": "Observation", "subject": {"reference": "Patient/ada"},
            "performer": [{"reference": "Practitioner/1"}, {"reference": "Patient/ada/_history/2"}]});
        assert_eq!(patient(&observation), ada);
        let appointment = json!({"resourceType": "Appointment", "participant": [
            {"actor": {"reference": "Practitioner/1"}}, {"actor": {"reference": "Patient/ada"}}]});
        assert_eq!(patient(&appointment), ada);
    }

    #[test]
    fn a_record_of_two_patients_or_of_none_is_in_no_compartment() {
        let group = json!({"resourceType": "Group", "member": [
            {"entity": {"reference": "Patient/ada"}}, {"entity": {"reference": "Patient/bob"}}]});
        assert_eq!(patient(&group), None);
        let person = json!({"resourceType": "Person", "link": [{"target": {"reference": "Patient/ada"}}]});
        assert_eq!(patient(&person), Some("ada".to_owned()));
        assert_eq!(patient(&json!({"resourceType": "Patient"})), None);
        assert_eq!(
            patient(&json!({"resourceType": "Observation", "subject": {"reference": "Group/1"}})),
            None
        );
        let elsewhere = json!({"resourceType": "Observation",
            "subject": {"reference": "https://example.org/Patient/ada"}});
        assert_eq!(patient(&elsewhere), None);
        // A location has no patient, whatever it refers to.
        let location =
            json!({"resourceType": "Location", "managingOrganization": {"reference": "Patient/ada"}});
        assert_eq!(patient(&location), None);
    }

    #[test]
    fn every_type_of_the_definition_is_known() {
        let types = ResourceType::all().filter(|of| !patient_parameters(*of).is_empty()).count();
        assert_eq!(types, 66);
    }
}
