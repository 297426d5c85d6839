//! Who sees what: tenants, compartments, deactivated patients.

use medcor_fhir::ResourceType;
use medcor_policy::{Need, authorize};
use medcor_store::StoreError;

use crate::support::{Hospital, entry, heart_rate, import, looks_at, patient, patient_permit, resource};

pub(crate) async fn tenants_do_not_see_each_other(hospital: Hospital) {
    let record = hospital.create(patient("Lovelace")).await;
    let other = import(hospital.other_tenant);
    let mut session = hospital.store.session(&other);
    let id = &record.id;
    assert!(session.read(ResourceType::PATIENT, id).await.expect("a read").is_none());
    assert!(session.read_version(ResourceType::PATIENT, id, 1).await.expect("a read").is_none());
    assert!(session.history(ResourceType::PATIENT, id, 10, None).await.expect("a read").records.is_empty());
    assert!(session.export(ResourceType::PATIENT, 0, 10).await.expect("a read").records.is_empty());
    // An id taken by one tenant is free in the other, and stays its own record.
    session.put(id.clone(), resource(patient("Byron"))).expect("valid");
    session.commit(entry("put")).await.expect("another tenant's id is no conflict");
    assert_eq!(hospital.read(ResourceType::PATIENT, id).await.expect("it is there").body, record.body);
    let mut session = hospital.store.session(&other);
    session.update(&record, resource(patient("King"))).expect("valid");
    session.commit(entry("update")).await.expect("it updates the own record");
    assert_eq!(hospital.read(ResourceType::PATIENT, id).await.expect("it is there").body, record.body);
}

pub(crate) async fn a_patient_sees_the_own_compartment_only(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let george = hospital.create(patient("Byron")).await;
    let own = hospital.create(heart_rate(&ada.id, 70)).await;
    let foreign = hospital.create(heart_rate(&george.id, 80)).await;
    let needs = [looks_at(ResourceType::PATIENT), looks_at(ResourceType::OBSERVATION)];
    let permit = patient_permit(hospital.tenant, &ada.id, &needs);
    let mut session = hospital.store.session(&permit);
    for (record, is_seen) in [(&ada, true), (&george, false), (&own, true), (&foreign, false)] {
        let read = session.read(record.resource_type, &record.id).await.expect("a read");
        assert_eq!(read.is_some(), is_seen);
        let version = session.read_version(record.resource_type, &record.id, 1).await.expect("a read");
        assert_eq!(version.is_some(), is_seen);
        let history = session.history(record.resource_type, &record.id, 10, None).await.expect("a read");
        assert_eq!(!history.records.is_empty(), is_seen);
    }
    let exported = session.export(ResourceType::OBSERVATION, 0, 10).await.expect("a read").records;
    assert_eq!(exported.iter().map(|record| &record.id).collect::<Vec<_>>(), [&own.id]);
}

pub(crate) async fn a_patient_cannot_write_outside_the_own_compartment(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let george = hospital.create(patient("Byron")).await;
    let needs = [Need::update(ResourceType::PATIENT)];
    let permit = patient_permit(hospital.tenant, &ada.id, &needs);
    let mut session = hospital.store.session(&permit);
    let refused = session.update(&george, resource(patient("King")));
    assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })));
    let refused = session.create(resource(patient("King")));
    assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })));
    // A record that claims another compartment than the stored one has is unmasked at the commit.
    let mut forged = george.clone();
    forged.patient = Some(ada.id.clone());
    forged.id = ada.id.clone();
    session.update(&forged, resource(patient("King"))).expect("it looks like the own one");
    session.commit(entry("update")).await.expect("it is the own one");
    assert_eq!(hospital.read(ResourceType::PATIENT, &george.id).await.expect("untouched").version, 1);
}

pub(crate) async fn history_is_fenced_by_the_compartment_of_each_version(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let george = hospital.create(patient("Byron")).await;
    let record = hospital.create(heart_rate(&george.id, 70)).await;
    hospital.update(&record, heart_rate(&ada.id, 70)).await.expect("it was filed wrongly");
    let permit = patient_permit(hospital.tenant, &ada.id, &[looks_at(ResourceType::OBSERVATION)]);
    let mut session = hospital.store.session(&permit);
    let page = session.history(ResourceType::OBSERVATION, &record.id, 10, None).await.expect("a read");
    assert_eq!(page.records.iter().map(|record| record.version).collect::<Vec<_>>(), [2]);
    let first = session.read_version(ResourceType::OBSERVATION, &record.id, 1).await.expect("a read");
    assert!(first.is_none());
}

pub(crate) async fn without_a_grant_nothing_opens(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let permit = patient_permit(hospital.tenant, &ada.id, &[looks_at(ResourceType::PATIENT)]);
    let mut session = hospital.store.session(&permit);
    let observation = ResourceType::OBSERVATION;
    let read = session.read(observation, &ada.id).await;
    assert!(matches!(read, Err(StoreError::OutsidePermit { .. })));
    let created = session.create(resource(heart_rate(&ada.id, 70)));
    assert!(matches!(created, Err(StoreError::OutsidePermit { .. })));
    let put = session.put(ada.id.clone(), resource(patient("King")));
    assert!(matches!(put, Err(StoreError::OutsidePermit { .. })));
    let deleted = session.delete(&ada);
    assert!(matches!(deleted, Err(StoreError::OutsidePermit { .. })));
    assert!(authorize(&principal_without_roles(), &[looks_at(observation)]).is_err());
}

fn principal_without_roles() -> medcor_policy::Principal {
    medcor_policy::Principal {
        tenant: medcor_policy::TenantId(1),
        organization: medcor_fhir::Id::new("organization").expect("an id"),
        subject: medcor_policy::SubjectId("nobody".to_owned()),
        client: medcor_policy::ClientId("portal".to_owned()),
        roles: Vec::new(),
        scopes: None,
        patient: None,
        practitioner: None,
    }
}

pub(crate) async fn a_deactivated_patient_takes_the_chart_out_of_sight_and_brings_it_back(
    hospital: Hospital,
) {
    let ada = hospital.create(patient("Lovelace")).await;
    let george = hospital.create(patient("Byron")).await;
    let before = hospital.create(heart_rate(&ada.id, 70)).await;
    let foreign = hospital.create(heart_rate(&george.id, 80)).await;
    hospital.delete(&ada).await;
    let after = hospital.create(heart_rate(&ada.id, 71)).await;
    for record in [&ada, &before, &after] {
        assert!(hospital.read(record.resource_type, &record.id).await.is_none());
        assert!(!hospital.versions(record).await.is_empty());
    }
    assert!(hospital.read(foreign.resource_type, &foreign.id).await.is_some());

    let mark = hospital.versions(&ada).await.remove(0);
    hospital.update(&mark, patient("Lovelace")).await.expect("nobody else writes");
    for record in [&ada, &before, &after] {
        assert!(hospital.read(record.resource_type, &record.id).await.is_some());
    }
}
