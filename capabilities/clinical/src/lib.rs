//! What clinicians ask for: the chart, encounters and medications.

mod adherence;
mod analyte;
mod annotation;
mod author;
mod calculators;
mod chart;
mod demographics;
mod digest;
mod drug_facts;
mod edit;
mod encounters;
mod flag;
mod listing;
mod medical_records;
mod medications;
mod names;
mod notes;
mod orders;
mod pharmacology;
mod prescribing;
mod section;
mod series;
mod statistics;
mod treatment_plans;
mod vital;
mod vital_row;
mod window;
mod words;

use medcor_tools::Capability;

/// The clinical families.
pub static CLINICAL: &[&Capability] = &[
    &chart::CHART,
    &encounters::ENCOUNTERS,
    &medical_records::MEDICAL_RECORDS,
    &notes::NOTES,
    &medications::MEDICATIONS,
    &prescribing::PRESCRIBING,
    &pharmacology::PHARMACOLOGY,
    &adherence::ADHERENCE,
    &treatment_plans::TREATMENT_PLANS,
    &orders::ORDERS,
    &calculators::CALCULATORS,
];

#[cfg(test)]
mod tests {
    use medcor_tools::Catalog;

    use super::CLINICAL;

    #[test]
    fn every_tool_compiles_with_a_description_and_described_parameters() {
        let catalog = Catalog::new(CLINICAL).unwrap();
        for tool in catalog.tools() {
            let name = tool.entry.name;
            assert!(tool.description.len() > 40, "{name} is not described");
            assert_eq!(tool.input_schema["type"], "object", "{name}");
            assert_eq!(tool.output_schema["type"], "object", "{name}");
            for (parameter, schema) in tool.input_schema["properties"].as_object().unwrap() {
                assert!(schema["description"].is_string(), "{name}: {parameter} is not described");
                assert!(schema.get("$ref").is_none() && schema.get("anyOf").is_none(), "{name}: {parameter}");
            }
        }
    }
}
