//! Reports that people keep, what a kept answer was made of, and sums of what their caller does not see.

use std::ops::ControlFlow;

use medcor_fhir::{
    Id, ParsedResource, ResourceType, naming,
    search::{Query, Total},
};
use medcor_policy::{Action, Area, ClientId, Need, Permit, Principal, Role, SubjectId, authorize};
use medcor_store::{Lookup, LookupBy, Matched, Record, StoreError};
use serde_json::{Value, json};

use crate::{
    limits::denial,
    support::{Hospital, entry, heart_rate, id, patient},
};

const REPORT: ResourceType = ResourceType::MEASURE_REPORT;
const NAMED: &[Need] = &[Need::read(REPORT), Need::search(REPORT)];
const ANY: &[Need] = &[Need::any(Action::Read), Need::any(Action::Search)];

fn permit(hospital: &Hospital, role: Role, scopes: Option<&str>, needs: &[Need]) -> Permit {
    let scopes =
        scopes.map(|scopes| scopes.split(' ').map(|scope| scope.parse().expect("a scope")).collect());
    let principal = Principal {
        tenant: hospital.tenant,
        organization: id("organization"),
        subject: SubjectId("eve".to_owned()),
        client: ClientId("medcor".to_owned()),
        roles: vec![role],
        scopes,
        patient: None,
        practitioner: None,
    };
    authorize(&principal, needs).expect("role and scopes allow it")
}

fn report(subject: Option<&Id>, is_kept: bool) -> Value {
    let mut report = json!({
        "resourceType": "MeasureReport", "status": "complete", "type": "summary", "measure": "urn:example:measure",
        "period": { "start": "2026-12-01", "end": "2026-12-02" }
    });
    if let Some(subject) = subject {
        report["subject"] = json!({ "reference": format!("Patient/{subject}") });
    }
    if is_kept {
        report["meta"] = json!({ "tag": [{ "system": naming::KEPT, "code": naming::KEPT_REPORT }] });
    }
    report
}

/// Whether a permit sees a record by every way in which one can be come by.
async fn sees(hospital: &Hospital, permit: &Permit, record: &Record) -> bool {
    let mut session = hospital.store.session(permit);
    let read = session.read(REPORT, &record.id).await.expect("a read").is_some();
    let version = session.read_version(REPORT, &record.id, 1).await.expect("a read").is_some();
    let history = session.history(REPORT, &record.id, 10, None).await.expect("a read").records;
    let one = Query::new(REPORT).with("_id", record.id.as_str()).expect("a query");
    let found = session.search(&Query { total: Total::Accurate, ..one }).await.expect("a search");
    let lookup = Lookup { resource_type: REPORT, text: record.id.as_str(), by: LookupBy::Id };
    let looked_up = matches!(session.lookup(&lookup).await.expect("a look-up"), Matched::One(_));
    let exported = session.export(REPORT, 0, 100).await.expect("an export").records;
    let ways = [
        version,
        !history.is_empty(),
        !found.records.is_empty(),
        found.total == Some(1),
        looked_up,
        exported.iter().any(|exported| exported.id == record.id),
    ];
    assert!(ways.iter().all(|way| *way == read), "{ways:?} and {read}");
    read
}

pub(crate) async fn a_kept_report_is_seen_where_its_type_is_named_and_by_reach(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let of_ada = hospital.create(report(Some(&ada.id), true)).await;
    let of_house = hospital.create(report(None, true)).await;
    let of_others = hospital.create(report(Some(&ada.id), false)).await;
    let plain = hospital.create(report(None, false)).await;
    let all = [&of_ada, &of_house, &of_others, &plain];
    for (role, scopes, needs, wanted) in [
        (Role::Doctor, None, NAMED, [true; 4]),
        (Role::Admin, None, NAMED, [false, true, false, true]),
        (Role::Admin, Some("user/*.rs"), NAMED, [false, true, false, true]),
        (Role::System, Some("system/*.rs"), NAMED, [true; 4]),
        (Role::System, Some("system/*.rs"), ANY, [false, false, true, true]),
        (Role::System, Some("system/MeasureReport.rs"), ANY, [false, false, true, true]),
        (Role::Readonly, Some("user/*.rs"), ANY, [false, false, true, true]),
    ] {
        let permit = permit(&hospital, role, scopes, needs);
        for (record, wanted) in all.iter().zip(wanted) {
            assert_eq!(sees(&hospital, &permit, record).await, wanted, "{role} {scopes:?}: {}", record.body);
        }
    }
    for role in [Role::Doctor, Role::Admin, Role::Nurse] {
        let permit = permit(&hospital, role, None, ANY);
        let answer = hospital.store.session(&permit).read(REPORT, &plain.id).await;
        assert!(matches!(answer, Err(StoreError::OutsidePermit { .. })), "{role}: {answer:?}");
    }
    let admin = permit(&hospital, Role::Admin, None, &[Need::create(REPORT)]);
    let mut session = hospital.store.session(&admin);
    session.create(crate::support::resource(report(Some(&ada.id), true))).expect("a valid record");
    let written = session.commit(entry("create")).await;
    assert!(matches!(written, Err(StoreError::OutsidePermit { .. })), "about a patient: {written:?}");
}

pub(crate) async fn a_chart_is_seen_while_every_type_of_it_is(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let types = [ResourceType::PATIENT, ResourceType::OBSERVATION];
    let sees = async |permit: &Permit| {
        hospital.store.session(permit).sees_chart(&types, &ada.id).await.expect("an answer")
    };
    let needs = [Need::read(ResourceType::PATIENT), Need::read_if_allowed(ResourceType::OBSERVATION)];
    let doctor = permit(&hospital, Role::Doctor, None, &needs);
    assert!(sees(&doctor).await, "there is no observation, and still");
    assert!(!sees(&permit(&hospital, Role::Admin, None, &needs)).await);
    assert!(!sees(&permit(&hospital, Role::Doctor, Some("user/Patient.rs"), &needs)).await);
    assert!(!sees(&doctor.pinned_to(&id("somebody"))).await);
    assert!(sees(&doctor.pinned_to(&ada.id)).await);
    let no_results = json!({ "type": "deny", "class": [{ "code": "Observation" }] });
    hospital.create(denial(&ada.id, &no_results)).await;
    assert!(!sees(&doctor).await);
}

pub(crate) async fn labels_are_gathered_of_what_is_handed_out(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    for code in ["R", "V", "R"] {
        let mut rate = heart_rate(&ada.id, 70);
        rate["meta"] = json!({ "security": [{ "system": system, "code": code }] });
        hospital.create(rate).await;
    }
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let rates = Query::new(ResourceType::OBSERVATION);
    session.search(&rates).await.expect("a search");
    assert!(session.gathered_labels().is_empty(), "nobody asked for them yet");
    session.gather_labels();
    session.read(ResourceType::PATIENT, &ada.id).await.expect("a read");
    assert!(session.gathered_labels().is_empty(), "there is none");
    session.search(&rates).await.expect("a search");
    let codes: Vec<_> = session.gathered_labels().into_iter().filter_map(|label| label.code).collect();
    assert_eq!(codes, ["R", "V"]);
}

pub(crate) async fn sums_are_made_of_what_their_caller_does_not_see(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let bea = hospital.create(patient("Byron")).await;
    for patient in [&ada, &bea, &bea] {
        hospital
            .create(json!({
                "resourceType": "MedicationRequest", "status": "active", "intent": "order",
                "medicationCodeableConcept": { "text": "Lisinopril" }, "authoredOn": "2026-12-01",
                "subject": { "reference": format!("Patient/{}", patient.id) }
            }))
            .await;
    }
    let needs = [
        Need::AdministerIfAllowed(Area::Figures),
        Need::search(ResourceType::PATIENT),
        Need::search(ResourceType::APPOINTMENT),
        Need::search_if_allowed(ResourceType::INVOICE),
        Need::search_if_allowed(ResourceType::MEDICATION_REQUEST),
    ];
    let query = |resource_type| Query::new(resource_type);
    let count = |sum: &mut usize, _: &Record| {
        *sum += 1;
        ControlFlow::Continue(())
    };
    let tallied = async |permit: &Permit, resource_type| {
        hospital.store.session(permit).tally_for_figures(&query(resource_type), 0, count).await
    };
    let admin = permit(&hospital, Role::Admin, None, &needs);
    assert_eq!(tallied(&admin, ResourceType::MEDICATION_REQUEST).await.expect("a sum"), 3);
    let doctor = permit(&hospital, Role::Doctor, None, &needs);
    for (permit, resource_type) in [
        (&admin, ResourceType::CONDITION),
        (&admin.pinned_to(&ada.id), ResourceType::MEDICATION_REQUEST),
        (&doctor, ResourceType::MEDICATION_REQUEST),
    ] {
        let refused = tallied(permit, resource_type).await;
        assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })), "{refused:?}");
    }
    let search = hospital.store.session(&admin).search(&query(ResourceType::MEDICATION_REQUEST)).await;
    assert!(matches!(search, Err(StoreError::OutsidePermit { .. })), "they are added up and never shown");
    hospital.create(denial(&bea.id, &json!({ "type": "deny" }))).await;
    assert_eq!(tallied(&admin, ResourceType::MEDICATION_REQUEST).await.expect("a sum"), 1);
}

pub(crate) async fn a_kept_answer_is_given_to_whoever_still_sees_as_much(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let needs = [Need::read(ResourceType::PATIENT), Need::search_if_allowed(ResourceType::OBSERVATION)];
    let doctor = permit(&hospital, Role::Doctor, None, &needs);
    let mut session = hospital.store.session(&doctor);
    session.read(ResourceType::PATIENT, &ada.id).await.expect("a read");
    session.keep_answer("key", [7; 32], "{}".to_owned());
    session.commit(entry("report")).await.expect("nobody else has the key");
    let is_known = async |permit: &Permit| {
        hospital
            .store
            .session(permit)
            .known_answer("key")
            .await
            .expect("a look-up")
            .expect("it is kept")
            .answer
            .is_some()
    };
    assert!(is_known(&doctor).await);
    assert!(is_known(&permit(&hospital, Role::Doctor, Some("user/*.rs"), &needs)).await);
    assert!(!is_known(&permit(&hospital, Role::Doctor, Some("user/Patient.rs"), &needs)).await);
    hospital.create(denial(&ada.id, &json!({ "type": "deny", "class": [{ "code": "Observation" }] }))).await;
    assert!(!is_known(&doctor).await);
    // What was denied before was not in the answer, so it is given again.
    let mut session = hospital.store.session(&doctor);
    session.read(ResourceType::PATIENT, &ada.id).await.expect("a read");
    session.keep_answer("later", [7; 32], "{}".to_owned());
    session.commit(entry("report")).await.expect("nobody else has the key");
    let later = hospital.store.session(&doctor).known_answer("later").await.expect("a look-up");
    assert_eq!(later.expect("it is kept").answer.as_deref(), Some("{}"));
}

pub(crate) async fn an_answer_about_nobody_is_kept_for_whoever_may_still_ask(hospital: Hospital) {
    let needs = [
        Need::AdministerIfAllowed(Area::Figures),
        Need::search_if_allowed(ResourceType::INVOICE),
        Need::search(ResourceType::PATIENT),
    ];
    let admin = permit(&hospital, Role::Admin, None, &needs);
    let mut session = hospital.store.session(&admin);
    session.keep_answer("key", [7; 32], "{}".to_owned());
    session.commit(entry("report")).await.expect("nobody else has the key");
    let answer = async |permit: &Permit| {
        let known = hospital.store.session(permit).known_answer("key").await.expect("a look-up");
        known.expect("it is kept").answer
    };
    assert_eq!(answer(&admin).await.as_deref(), Some("{}"));
    assert_eq!(answer(&permit(&hospital, Role::Nurse, None, &needs)).await, None, "who sees no invoices");
    let areas = [Need::search_if_allowed(ResourceType::INVOICE), Need::search(ResourceType::PATIENT)];
    assert_eq!(answer(&permit(&hospital, Role::Admin, None, &areas)).await, None, "who has no figures");
}

pub(crate) async fn no_tool_writes_what_looks_like_a_kept_report_without_naming_the_type(hospital: Hospital) {
    let kept = hospital.create(report(None, true)).await;
    let generic = [Need::any(Action::Create), Need::any(Action::Update), Need::any(Action::Read)];
    let generic = permit(&hospital, Role::System, Some("system/*.cruds"), &generic);
    let resource = |body: &Value| ParsedResource::parse(body.to_string()).expect("a resource");
    let mut session = hospital.store.session(&generic);
    let forged = session.create(resource(&report(None, true)));
    assert!(matches!(forged, Err(StoreError::OutsidePermit { .. })), "{forged:?}");
    let plain = report(None, false);
    let over = session.update(&kept, resource(&plain));
    assert!(matches!(over, Err(StoreError::OutsidePermit { .. })), "{over:?}");
    let mut tagged = plain;
    tagged["meta"] =
        json!({ "tag": [{ "system": "https://example.org/tags", "code": naming::KEPT_REPORT }] });
    let others = session.create(resource(&tagged)).expect("a report of others is no kept one");
    session.commit(entry("report")).await.expect("it is new");
    let mut session = hospital.store.session(&generic);
    assert!(session.read(REPORT, &others.id).await.expect("a read").is_some());
    let found = session.search(&Query::new(REPORT)).await.expect("a search").records;
    assert_eq!(found.iter().map(|record| &record.id).collect::<Vec<_>>(), [&others.id]);
}
