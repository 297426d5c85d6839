//! Typed views over the official R4 examples: every one can be read.

use medcor_fhir::{ParsedResource, view};
use serde::Deserialize;

use crate::support::examples;

fn reads<'t, V: Deserialize<'t>>(text: &'t str) -> Option<String> {
    serde_json::from_str::<V>(text).err().map(|error| error.to_string())
}

#[test]
fn every_official_example_of_a_viewed_type_can_be_viewed() {
    let Some(examples) = examples() else { return };
    let mut viewed = 0;
    for (name, text) in &examples {
        let Ok(resource) = ParsedResource::parse(text.as_str()) else { continue };
        let failure = match resource.resource_type().name() {
            "AllergyIntolerance" => reads::<view::AllergyIntolerance<'_>>(text),
            "CarePlan" => reads::<view::CarePlan<'_>>(text),
            "Condition" => reads::<view::Condition<'_>>(text),
            "DiagnosticReport" => reads::<view::DiagnosticReport<'_>>(text),
            "Encounter" => reads::<view::Encounter<'_>>(text),
            "Immunization" => reads::<view::Immunization<'_>>(text),
            "Location" => reads::<view::Location<'_>>(text),
            "Medication" => reads::<view::Medication<'_>>(text),
            "MedicationRequest" => reads::<view::MedicationRequest<'_>>(text),
            "Observation" => reads::<view::Observation<'_>>(text),
            "Organization" => reads::<view::Organization<'_>>(text),
            "Patient" => reads::<view::Patient<'_>>(text),
            "Practitioner" => reads::<view::Practitioner<'_>>(text),
            "PractitionerRole" => reads::<view::PractitionerRole<'_>>(text),
            "Procedure" => reads::<view::Procedure<'_>>(text),
            _ => continue,
        };
        assert_eq!(failure, None, "{name}");
        viewed += 1;
    }
    assert!(viewed > 150, "{viewed}");
}

#[test]
fn a_prescription_names_a_medication_that_it_contains() {
    let Some(examples) = examples() else { return };
    let (_, text) =
        examples.iter().find(|(name, _)| name == "MedicationRequest-medrx0303").expect("it is there");
    let request: view::MedicationRequest<'_> = serde_json::from_str(text).expect("a prescription");
    let medication = request.medication().expect("it says what is prescribed");
    assert!(medication.text().is_some(), "{medication:?}");
}
