//! Figures: records are added up as far as the permit sees them, and nobody is noted as seen.

use std::ops::ControlFlow;

use medcor_fhir::{
    Id, ResourceType,
    search::{Query, Total},
};
use medcor_policy::{ClientId, Need, Permit, Principal, Role, SubjectId, authorize};
use medcor_store::{Record, StoreError, audit::AuditQuery};
use serde_json::{Value, json};

use crate::support::{Hospital, NOW, entry, id, import, patient, patient_permit};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn appointment(patient: &str, start: &str, status: &str) -> Value {
    json!({
        "resourceType": "Appointment", "status": status, "start": start, "end": start,
        "extension": [{ "url": "https://example.org/reason", "valueString": "cough" }],
        "participant": [{ "actor": { "reference": format!("Patient/{patient}") }, "status": "accepted" }]
    })
}

/// Four in December, one before; two patients.
async fn fill(hospital: &Hospital) {
    for name in ["ada", "bea"] {
        hospital.put(name, patient(name)).await;
    }
    for (number, (patient, start, status)) in [
        ("ada", "2026-11-30T23:59:59Z", "fulfilled"),
        ("ada", "2026-12-01T00:00:00Z", "fulfilled"),
        ("bea", "2026-12-02T09:00:00Z", "fulfilled"),
        ("bea", "2026-12-31T23:59:59Z", "booked"),
        ("ada", "2026-12-15T09:00:00Z", "cancelled"),
    ]
    .into_iter()
    .enumerate()
    {
        hospital.put(&format!("visit{number}"), appointment(patient, start, status)).await;
    }
}

fn december() -> Query {
    let query = Query::new(ResourceType::APPOINTMENT).with("_sort", "date").expect("a query");
    let query = query.with("date", "ge2026-12-01T00:00:00Z").expect("a query");
    query.with("date", "lt2027-01-01T00:00:00Z").expect("a query")
}

fn count(sum: &mut Vec<String>, record: &Record) -> ControlFlow<()> {
    sum.push(record.body.to_string());
    ControlFlow::Continue(())
}

async fn tallied(hospital: &Hospital, permit: &Permit, query: &Query) -> Result<Vec<String>, StoreError> {
    hospital.store.session(permit).tally(query, Vec::new(), count).await
}

pub(crate) async fn a_tally_adds_up_what_a_search_finds_and_names_nobody(hospital: Hospital) {
    fill(&hospital).await;
    let permit = hospital.permit();
    let with = |name: &str, value: &str| december().with(name, value).expect("a query");
    for (query, wanted) in [
        (december(), 4),
        (with("status", "fulfilled"), 2),
        (with("status", "waitlist"), 0),
        (with("patient", "Patient/ada"), 2),
        (with("_id", "visit1,visit0,nobody"), 1),
        // No index tells these: the records are asked.
        (with("part-status:not", "accepted"), 0),
        (with("status:text", "booked"), 0),
    ] {
        let mut session = hospital.store.session(&permit);
        let sum = session.tally(&query, Vec::new(), count).await.expect("a tally");
        let counted = Query { count: 0, total: Total::Accurate, ..query.clone() };
        let total = session.search(&counted).await.expect("a search").total;
        assert_eq!((sum.len(), total), (wanted, u64::try_from(wanted).ok()), "{:?}", query.filters);
        session.commit(entry("figures")).await.expect("recorded");
    }
    let rows = hospital.store.ledger().search(&AuditQuery { limit: 1, ..AuditQuery::default() }).await;
    let row: Value = serde_json::from_str(&rows.expect("the trail is searched")[0]).expect("JSON");
    assert_eq!((&row["action"], &row["patients"]), (&json!("figures"), &json!([])));
}

pub(crate) async fn a_tally_is_shown_what_the_permit_shows(hospital: Hospital) {
    fill(&hospital).await;
    let other = import(hospital.other_tenant);
    assert_eq!(tallied(&hospital, &other, &december()).await.expect("a tally").len(), 0);
    let needs = [Need::search(ResourceType::APPOINTMENT)];
    let own = patient_permit(hospital.tenant, &id("ada"), &needs);
    assert_eq!(tallied(&hospital, &own, &december()).await.expect("a tally").len(), 2);
    let blind = patient_permit(hospital.tenant, &id("ada"), &[Need::read(ResourceType::SCHEDULE)]);
    let refused = tallied(&hospital, &blind, &december()).await;
    assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })), "{refused:?}");
    let admin = admin(&hospital);
    let bodies = tallied(&hospital, &admin, &december()).await.expect("a tally");
    assert!(bodies.len() == 4 && bodies.iter().all(|body| !body.contains("cough")), "{bodies:?}");
    let clinical = december().with("reason-reference", "Condition/1").expect("a query");
    let refused = tallied(&hospital, &admin, &clinical).await;
    assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })), "{refused:?}");
    let record = hospital.read(ResourceType::PATIENT, &id("bea")).await.expect("she is there");
    hospital.delete(&record).await;
    assert_eq!(tallied(&hospital, &admin, &december()).await.expect("a tally").len(), 2);
}

pub(crate) async fn a_tally_ends_where_it_has_enough(hospital: Hospital) {
    fill(&hospital).await;
    let first = |sum: &mut usize, _: &Record| {
        *sum += 1;
        if *sum == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let permit = hospital.permit();
    let sum = hospital.store.session(&permit).tally(&december(), 0, first).await.expect("a tally");
    assert_eq!(sum, 3);
}

pub(crate) async fn records_are_counted_by_when_they_were_first_stored(hospital: Hospital) {
    let ada = hospital.create(patient("Ada")).await;
    hospital.create(patient("Bea")).await;
    let gone = hospital.create(patient("Cya")).await;
    hospital.delete(&gone).await;
    // As if a month had gone by.
    let later = hospital.opened_at(NOW + 30 * DAY).await;
    let permit = hospital.permit();
    let mut session = later.session(&permit);
    session.update(&ada, crate::support::resource(patient("Lovelace"))).expect("valid");
    let new = session.create(crate::support::resource(patient("Dee"))).expect("valid");
    session.commit(entry("later")).await.expect("nobody else writes");
    let counted = async |permit: &Permit, from: i64, to: i64| {
        let mut session = later.session(permit);
        session.count_first_stored(ResourceType::PATIENT, (from, to)).await.expect("a count")
    };
    assert_eq!(counted(&permit, NOW, NOW + DAY).await, 2);
    assert_eq!(counted(&permit, NOW + DAY, NOW + 31 * DAY).await, 1);
    assert_eq!(counted(&permit, NOW, NOW + 31 * DAY).await, 3);
    assert_eq!(counted(&permit, NOW + 1, NOW + DAY).await, 0);
    assert_eq!(counted(&import(hospital.other_tenant), NOW, NOW + 31 * DAY).await, 0);
    let own = patient_permit(hospital.tenant, &new.id, &[Need::read(ResourceType::PATIENT)]);
    let refused = later.session(&own).count_first_stored(ResourceType::APPOINTMENT, (0, NOW)).await;
    assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })), "{refused:?}");
    assert_eq!(counted(&own, NOW, NOW + 31 * DAY).await, 1, "of the own compartment");
    later.close().await;
}

fn admin(hospital: &Hospital) -> Permit {
    let principal = Principal {
        tenant: hospital.tenant,
        organization: Id::new("organization").expect("an id"),
        subject: SubjectId("boss".to_owned()),
        client: ClientId("console".to_owned()),
        roles: vec![Role::Admin],
        scopes: None,
        patient: None,
        practitioner: None,
    };
    authorize(&principal, &[Need::search(ResourceType::APPOINTMENT)]).expect("the role allows it")
}
