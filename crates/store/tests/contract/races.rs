//! Many writers at once: nothing is lost, nothing is done twice.

use std::sync::Arc;

use medcor_fhir::ResourceType;
use medcor_store::{Claim, Conflict, StoreError};

use crate::support::{Hospital, entry, patient, resource};

const RECORDS: usize = 50;
const WRITERS: usize = 100;
const UPDATES_OF_EACH: usize = 100;
const CLAIMS: usize = 1000;
const CLAIMANTS: usize = 10;

pub(crate) async fn of_concurrent_updates_none_is_lost_and_none_doubled(hospital: Hospital) {
    let mut ids = Vec::new();
    for number in 0..RECORDS {
        ids.push(hospital.create(patient(&number.to_string())).await.id);
    }
    let (hospital, ids) = (Arc::new(hospital), Arc::new(ids));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (hospital, ids) = (Arc::clone(&hospital), Arc::clone(&ids));
            tokio::spawn(async move {
                let mut done = 0;
                for number in 0..UPDATES_OF_EACH {
                    let id = &ids[(writer + number) % RECORDS];
                    let current = hospital.read(ResourceType::PATIENT, id).await.expect("it is there");
                    match hospital.update(&current, patient(&format!("{writer}-{number}"))).await {
                        Ok(_) => done += 1,
                        Err(StoreError::Conflict(Conflict::Version { .. })) => {}
                        Err(error) => panic!("an update failed: {error:?}"),
                    }
                }
                done
            })
        })
        .collect();
    let mut acknowledged = 0;
    for writer in writers {
        acknowledged += writer.await.expect("a writer runs to its end");
    }
    let mut written = 0;
    for id in ids.iter() {
        let record = hospital.read(ResourceType::PATIENT, id).await.expect("it is there");
        written += record.version - 1;
        let permit = hospital.permit();
        let mut session = hospital.store.session(&permit);
        let versions =
            session.history(ResourceType::PATIENT, id, 1000, None).await.expect("a history").records;
        let numbers: Vec<u32> = versions.iter().map(|version| version.version).collect();
        assert_eq!(numbers, (1..=record.version).rev().collect::<Vec<_>>());
    }
    assert_eq!(written, acknowledged);
    assert!(acknowledged > 0);
}

pub(crate) async fn of_concurrent_claims_each_is_taken_once(hospital: Hospital) {
    let hospital = Arc::new(hospital);
    let claimants: Vec<_> = (0..CLAIMANTS)
        .map(|_| {
            let hospital = Arc::clone(&hospital);
            tokio::spawn(async move {
                let attempts = (0..CLAIMS).map(|number| {
                    let hospital = Arc::clone(&hospital);
                    tokio::spawn(async move {
                        let permit = hospital.permit();
                        let mut session = hospital.store.session(&permit);
                        session.claim(Claim(format!("slot-{number}")));
                        let record = session.create(resource(patient(&number.to_string()))).expect("valid");
                        match session.commit(entry("claim")).await {
                            Ok(_) => Some((number, record.id)),
                            Err(StoreError::Conflict(Conflict::Claimed(_))) => None,
                            Err(error) => panic!("a claim failed: {error:?}"),
                        }
                    })
                });
                let mut taken = Vec::new();
                for attempt in attempts.collect::<Vec<_>>() {
                    taken.extend(attempt.await.expect("an attempt runs to its end"));
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for claimant in claimants {
        taken.extend(claimant.await.expect("a claimant runs to its end"));
    }
    taken.sort_by_key(|(number, _)| *number);
    let numbers: Vec<usize> = taken.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..CLAIMS).collect::<Vec<_>>());
    let statistics = hospital.store.statistics().await.expect("statistics");
    assert_eq!(statistics.records, [(ResourceType::PATIENT, CLAIMS as u64)]);
}
