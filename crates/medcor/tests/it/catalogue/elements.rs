//! Roles without clinical content: whatever they call, no word of a chart is in the answer.

use medcor_fhir::ResourceType;
use medcor_policy::{Role, system::permit_export};
use serde_json::json;

use super::example;
use crate::support::{
    canary::Secrets,
    region::{House, Region},
};

/// What the front desk and the administration may see of a house, written by hand: everything else is
/// clinical.
const NOT_CLINICAL: &[ResourceType] = &[
    ResourceType::ORGANIZATION,
    ResourceType::LOCATION,
    ResourceType::PRACTITIONER,
    ResourceType::PRACTITIONER_ROLE,
    ResourceType::PATIENT,
    ResourceType::COVERAGE,
    ResourceType::APPOINTMENT,
    ResourceType::HEALTHCARE_SERVICE,
];

crate::on_each_database! {
    no_answer_to_the_front_desk_has_clinical_content,
}

async fn no_answer_to_the_front_desk_has_clinical_content(region: Region) {
    let secrets = clinical_words(&region, &region.north).await;
    // What a report says is in base64, so it is known by its id.
    let people = [&region.north.ada, &region.north.bea];
    let reports = Secrets::new(
        people.map(|person| person.record(ResourceType::MEASURE_REPORT).expect("a report").to_string()),
    );
    let mut answers = 0;
    for role in [Role::Receptionist, Role::Admin, Role::Superadmin, Role::Auditor] {
        let caller = region.north.caller(role, None);
        for tool in region.pipeline.catalog().tools().filter(|tool| caller.may_use(tool.entry)) {
            let mut arguments = example::arguments(tool, &region.north);
            for (name, value) in [("limit", json!(100)), ("format", json!("fhir"))] {
                if tool.parameters().any(|known| known == name) {
                    arguments[name] = value;
                }
            }
            let mut calls = vec![arguments.clone()];
            // Whatever record can be named by type and id is asked for.
            if tool.parameters().any(|known| known == "resource_type") {
                for (resource_type, id) in &region.north.ada.records {
                    let mut named = arguments.clone();
                    named["resource_type"] = resource_type.name().into();
                    if tool.parameters().any(|known| known == "id") {
                        named["id"] = id.as_str().into();
                    }
                    calls.push(named);
                }
            }
            for arguments in calls {
                let (_, result) = region.call(&caller, tool.entry.name, arguments.clone()).await;
                let text = match &result {
                    Ok(answer) => answer.json().to_owned(),
                    Err(refusal) => refusal.text(),
                };
                answers += usize::from(result.is_ok());
                let found = secrets.found_in(&text, "");
                assert_eq!(found, None, "{role}: {} {arguments} shows {text}", tool.entry.name);
                let found = reports.found_in(&text, "");
                assert_eq!(found, None, "{role}: {} {arguments} shows a report: {text}", tool.entry.name);
            }
        }
    }
    assert!(answers > 20, "little was answered: {answers}");
}

/// Every canary of a clinical record, and of the narrative of a patient.
async fn clinical_words(region: &Region, house: &House) -> Secrets {
    let permit = permit_export(house.tenant.id);
    let mut session = region.store.session(&permit);
    let mut words = Vec::new();
    for (resource_type, _) in region.store.statistics().await.expect("statistics").records {
        let page = session.export(resource_type, 0, 10_000).await.expect("an export");
        for record in page.records {
            let mut value: serde_json::Value = serde_json::from_str(&record.body).expect("JSON");
            if resource_type == ResourceType::MEASURE_REPORT {
                // Who made it is in the directory.
                value["reporter"].take();
            }
            if !NOT_CLINICAL.contains(&resource_type) {
                words.extend(canaries(&value.to_string()));
            }
            words.extend(canaries(&value["text"].to_string()));
        }
    }
    assert!(words.len() > 50, "the charts hold {} words", words.len());
    Secrets::new(words)
}

/// Whole words: one of a chart may be the beginning of another.
fn canaries(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with("Kanarie")).map(ToOwned::to_owned).collect()
}
