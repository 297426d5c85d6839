//! Many callers at once, through the road: nothing is lost, nothing is done twice, every call is in the
//! trail. The same for bare sessions is in the contract of the store.

use std::{collections::BTreeMap, sync::Arc};

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Role, system::permit_export};
use medcor_tools::ErrorCode;
use serde_json::{Value, json};

use crate::support::region::Region;

const CALLERS: usize = 16;
const CALLS_OF_EACH: usize = 12;

crate::on_each_database! {
    of_corrections_at_once_none_is_lost_and_none_doubled,
    one_person_is_registered_once,
    one_record_number_is_handed_out_once,
    one_allergy_is_added_once,
    measurements_at_once_are_all_kept,
}

/// What came of one call: the answer, or the code of the refusal.
type Outcome = Result<Value, ErrorCode>;

/// Calls a tool from many callers at once; `arguments` gets the number of the call.
async fn at_once(
    region: &Arc<Region>,
    tool: &'static str,
    calls_of_each: usize,
    arguments: impl Fn(usize) -> Value,
) -> Vec<(usize, Outcome)> {
    let rows_before = region.audit_rows().await;
    let tasks: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let numbers = (0..calls_of_each).map(|call| caller * calls_of_each + call);
            let calls: Vec<(usize, Value)> = numbers.map(|number| (number, arguments(number))).collect();
            let region = Arc::clone(region);
            tokio::spawn(async move {
                let caller = region.north.caller(Role::Doctor, None);
                let mut outcomes = Vec::new();
                for (number, arguments) in calls {
                    let (_, result) = region.call(&caller, tool, arguments).await;
                    let outcome = result.map_err(|refusal| refusal.code);
                    let outcome =
                        outcome.map(|answer| serde_json::from_str(answer.json()).expect("an answer is JSON"));
                    outcomes.push((number, outcome));
                }
                outcomes
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.extend(task.await.expect("a caller runs to its end"));
    }
    let rows = region.audit_rows().await - rows_before;
    assert_eq!(usize::try_from(rows), Ok(outcomes.len()), "every call leaves one row");
    outcomes
}

/// The answers; every refusal must be a conflict.
fn done(outcomes: &[(usize, Outcome)]) -> Vec<(usize, &Value)> {
    let mut done = Vec::new();
    for (number, outcome) in outcomes {
        match outcome {
            Ok(answer) => done.push((*number, answer)),
            Err(code) => assert_eq!(*code, ErrorCode::Conflict),
        }
    }
    assert!(!done.is_empty(), "somebody is first");
    done
}

/// The text of every version by its number.
async fn versions(region: &Region, resource_type: ResourceType, id: &Id) -> BTreeMap<u32, Value> {
    let permit = permit_export(region.north.tenant.id);
    let mut session = region.store.session(&permit);
    let page = session.history(resource_type, id, 1000, None).await.expect("a history is read");
    let record = |body: &str| serde_json::from_str(body).expect("a record is JSON");
    page.records.iter().map(|version| (version.version, record(&version.body))).collect()
}

/// How many records of a type there are.
async fn count(region: &Region, resource_type: ResourceType) -> u64 {
    let records = region.store.statistics().await.expect("statistics").records;
    records.into_iter().find(|(known, _)| *known == resource_type).map_or(0, |(_, count)| count)
}

async fn of_corrections_at_once_none_is_lost_and_none_doubled(region: Region) {
    let region = Arc::new(region);
    let patient = region.north.ada.patient.clone();
    let city = |number: usize| format!("Town {number} of many");
    let arguments = |number| json!({ "patient": patient, "city": city(number) });
    let outcomes = at_once(&region, "update_patient", CALLS_OF_EACH, arguments).await;
    let done = done(&outcomes);
    let versions = versions(&region, ResourceType::PATIENT, &patient).await;
    let newest = u32::try_from(done.len() + 1).expect("it is small");
    assert_eq!(versions.keys().copied().collect::<Vec<_>>(), (1..=newest).collect::<Vec<_>>());
    for (number, answer) in done {
        let version = answer["version"].as_u64().and_then(|version| u32::try_from(version).ok());
        let version = &versions[&version.expect("the answer says which version it made")];
        assert_eq!(version["address"][0]["city"], city(number).as_str());
    }
}

async fn one_person_is_registered_once(region: Region) {
    let region = Arc::new(region);
    let before = count(&region, ResourceType::PATIENT).await;
    let person = |_| json!({ "first_name": "Grace", "last_name": "Hopper", "dob": "1906-12-09" });
    let outcomes = at_once(&region, "create_patient", 1, person).await;
    assert_eq!(done(&outcomes).len(), 1);
    assert_eq!(count(&region, ResourceType::PATIENT).await, before + 1);
}

async fn one_record_number_is_handed_out_once(region: Region) {
    let region = Arc::new(region);
    let before = count(&region, ResourceType::PATIENT).await;
    let person = |number: usize| {
        let family =
            format!("Family{}", char::from(b'a' + u8::try_from(number).expect("there are few callers")));
        json!({ "first_name": "Other", "last_name": family, "dob": "1990-01-01", "mrn": "SAME-1" })
    };
    let outcomes = at_once(&region, "create_patient", 1, person).await;
    assert_eq!(done(&outcomes).len(), 1);
    assert_eq!(count(&region, ResourceType::PATIENT).await, before + 1);
}

async fn one_allergy_is_added_once(region: Region) {
    let region = Arc::new(region);
    let before = count(&region, ResourceType::ALLERGY_INTOLERANCE).await;
    let patient = region.north.ada.patient.clone();
    let arguments = |_| json!({ "patient": patient, "substance": "Latex" });
    let outcomes = at_once(&region, "add_allergy", 1, arguments).await;
    assert_eq!(done(&outcomes).len(), 1);
    assert_eq!(count(&region, ResourceType::ALLERGY_INTOLERANCE).await, before + 1);
}

async fn measurements_at_once_are_all_kept(region: Region) {
    let region = Arc::new(region);
    let before = count(&region, ResourceType::OBSERVATION).await;
    let patient = region.north.ada.patient.clone();
    let arguments =
        |number: usize| json!({ "patient": patient, "heart_rate": 50, "note": format!("note {number}") });
    let outcomes = at_once(&region, "record_vital_signs", CALLS_OF_EACH, arguments).await;
    let done = done(&outcomes);
    assert_eq!(done.len(), CALLERS * CALLS_OF_EACH, "measurements do not conflict");
    assert_eq!(count(&region, ResourceType::OBSERVATION).await, before + done.len() as u64);
    for (number, answer) in done {
        let id = answer["results"][0]["id"].as_str().and_then(Id::new).expect("a measurement has an id");
        let versions = versions(&region, ResourceType::OBSERVATION, &id).await;
        assert_eq!(versions[&1]["note"][0]["text"], format!("note {number}"));
    }
}
