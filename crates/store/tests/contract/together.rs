//! Several sessions in one commit: all of it or nothing.

use medcor_fhir::ResourceType;
use medcor_store::{Claim, Conflict, KnownAnswer, Session, StoreError};

use crate::support::{Hospital, entry, import, patient, resource};

fn text(number: u8) -> String {
    format!("{{\"number\":{number}}}")
}

fn answer(number: u8) -> KnownAnswer {
    KnownAnswer { request_hash: [number; 32], answer: Some(text(number)) }
}

async fn patients(hospital: &Hospital) -> u64 {
    let statistics = hospital.store.statistics().await.expect("statistics");
    let mut records = statistics.records.iter();
    records.find(|(known, _)| *known == ResourceType::PATIENT).map_or(0, |(_, count)| *count)
}

pub(crate) async fn sessions_are_committed_together_with_a_row_for_each(hospital: Hospital) {
    let permit = hospital.permit();
    let (mut one, mut other) = (hospital.store.session(&permit), hospital.store.session(&permit));
    let ada = one.create(resource(patient("Lovelace"))).expect("valid");
    one.keep_answer("key-of-one", [1; 32], text(1));
    let bea = other.create(resource(patient("Byron"))).expect("valid");
    other.keep_answer("key-of-other", [2; 32], text(2));
    let reading = hospital.store.session(&permit);
    let sessions = vec![(one, entry("one")), (other, entry("other")), (reading, entry("reading"))];
    let committed = Session::commit_together(sessions).await.expect("it is written");
    assert_eq!(committed.iter().map(|it| it.writes.len()).collect::<Vec<_>>(), [1, 1, 0]);
    for record in [&ada, &bea] {
        assert!(hospital.read(ResourceType::PATIENT, &record.id).await.is_some());
    }
    let mut session = hospital.store.session(&permit);
    for (key, number) in [("key-of-one", 1), ("key-of-other", 2)] {
        assert_eq!(session.known_answer(key).await.expect("the store answers"), Some(answer(number)));
    }
    let report = hospital.store.ledger().verify().await.expect("the trail is walked");
    assert_eq!(report.first_broken, None);
}

pub(crate) async fn what_two_sessions_want_leaves_nothing_of_either(hospital: Hospital) {
    let permit = hospital.permit();
    let ada = hospital.create(patient("Lovelace")).await;
    let before = patients(&hospital).await;
    for number in 0..3 {
        let (mut one, mut other) = (hospital.store.session(&permit), hospital.store.session(&permit));
        one.create(resource(patient("Byron"))).expect("valid");
        match number {
            0 => {
                one.claim(Claim("slot".to_owned()));
                other.claim(Claim("slot".to_owned()));
            }
            1 => {
                one.update(&ada, resource(patient("King"))).expect("valid");
                other.update(&ada, resource(patient("Byron"))).expect("valid");
            }
            _ => {
                one.keep_answer("one-key", [1; 32], text(1));
                other.keep_answer("one-key", [2; 32], text(2));
            }
        }
        let refused = Session::commit_together(vec![(one, entry("one")), (other, entry("other"))]).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{number}: {refused:?}");
    }
    assert_eq!(patients(&hospital).await, before);
    let current = hospital.read(ResourceType::PATIENT, &ada.id).await.expect("it is there");
    assert_eq!(current.version, 1);
    // What nobody got is still free.
    let mut session = hospital.store.session(&permit);
    session.claim(Claim("slot".to_owned()));
    session.commit(entry("claim")).await.expect("it is free");
}

pub(crate) async fn a_record_moves_on_through_the_sessions_of_one_commit(hospital: Hospital) {
    let permit = hospital.permit();
    let ada = hospital.create(patient("Lovelace")).await;
    let mut one = hospital.store.session(&permit);
    let staged = one.update(&ada, resource(patient("King"))).expect("valid");
    let mut other = hospital.store.session(&permit);
    other.update(&staged, resource(patient("Byron"))).expect("valid");
    Session::commit_together(vec![(one, entry("one")), (other, entry("other"))]).await.expect("both fit");
    let current = hospital.read(ResourceType::PATIENT, &ada.id).await.expect("it is there");
    assert_eq!(current.version, 3);
    assert!(current.body.contains("Byron"));
}

pub(crate) async fn sessions_of_two_organisations_are_not_committed_together(hospital: Hospital) {
    let (here, there) = (import(hospital.tenant), import(hospital.other_tenant));
    let (mut one, mut other) = (hospital.store.session(&here), hospital.store.session(&there));
    one.create(resource(patient("Lovelace"))).expect("valid");
    other.create(resource(patient("Byron"))).expect("valid");
    let refused = Session::commit_together(vec![(one, entry("one")), (other, entry("other"))]).await;
    assert!(refused.is_err() && !matches!(refused, Err(StoreError::Conflict(Conflict::Answered))));
    assert_eq!(patients(&hospital).await, 0);
    assert!(Session::commit_together(Vec::new()).await.expect("nothing is nothing").is_empty());
}
