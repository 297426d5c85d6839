//! Writing, reading back, versions, claims.

use medcor_fhir::{ResourceType, search::Query};
use medcor_store::{Claim, Conflict, KnownAnswer, StoreError, WriteOutcome, audit::AuditQuery};
use serde_json::{Value, json};

use crate::support::{Hospital, NOW, entry, heart_rate, id, patient, resource};

pub(crate) async fn a_created_record_reads_back_as_it_came(hospital: Hospital) {
    let text = r#"{"resourceType": "Patient",  "multipleBirthInteger": 2, "name":[{"family":"Lovelace"}]}"#;
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let staged = session.create(medcor_fhir::ParsedResource::parse(text).expect("a patient")).expect("valid");
    let committed = session.commit(entry("create")).await.expect("committed");
    assert_eq!(committed.writes, [WriteOutcome::Created]);

    let read = hospital.read(ResourceType::PATIENT, &staged.id).await.expect("it was stored");
    let stamp = format!(
        r#""id":"{}","meta":{{"versionId":"1","lastUpdated":"2026-12-02T09:00:00.000Z"}}"#,
        staged.id
    );
    let expected = text.replace(r#""Patient","#, &format!(r#""Patient",{stamp},"#));
    assert_eq!(&*read.body, expected);
    assert_eq!(read.body, staged.body);
    assert_eq!((read.version, read.is_deleted, read.patient), (1, false, Some(staged.id)));
}

pub(crate) async fn what_is_staged_is_invisible_until_the_commit(hospital: Hospital) {
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let staged = session.create(resource(patient("Lovelace"))).expect("valid");
    assert!(session.read(ResourceType::PATIENT, &staged.id).await.expect("a read").is_none());
    session.abandon(entry("abandoned")).await.expect("recorded");
    assert!(hospital.read(ResourceType::PATIENT, &staged.id).await.is_none());
}

pub(crate) async fn an_update_makes_a_new_version_and_keeps_the_old_one(hospital: Hospital) {
    let first = hospital.create(patient("Byron")).await;
    let second = hospital.update(&first, patient("Lovelace")).await.expect("nobody else writes");
    assert_eq!(second.version, 2);
    let read = hospital.read(ResourceType::PATIENT, &first.id).await.expect("it is there");
    assert_eq!(read.body, second.body);

    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let old = session.read_version(ResourceType::PATIENT, &first.id, 1).await.expect("a read");
    assert_eq!(old.expect("history keeps it").body, first.body);
    assert!(session.read_version(ResourceType::PATIENT, &first.id, 3).await.expect("a read").is_none());
}

pub(crate) async fn an_update_over_an_old_version_is_a_conflict_and_writes_nothing(hospital: Hospital) {
    let first = hospital.create(patient("Byron")).await;
    hospital.update(&first, patient("Lovelace")).await.expect("nobody else writes");
    let refused = hospital.update(&first, patient("King")).await;
    let conflict = Conflict::Version { resource_type: ResourceType::PATIENT, id: first.id.clone() };
    assert!(matches!(refused, Err(StoreError::Conflict(found)) if found == conflict));
    assert_eq!(hospital.versions(&first).await.len(), 2);
}

pub(crate) async fn a_deleted_record_disappears_from_reads_and_stays_in_history(hospital: Hospital) {
    let patient = hospital.create(patient("Lovelace")).await;
    let record = hospital.create(heart_rate(&patient.id, 70)).await;
    hospital.delete(&record).await;
    assert!(hospital.read(ResourceType::OBSERVATION, &record.id).await.is_none());
    let versions = hospital.versions(&record).await;
    let marks: Vec<_> = versions.iter().map(|version| (version.version, version.is_deleted)).collect();
    assert_eq!(marks, [(2, true), (1, false)]);
    assert_eq!(versions[1].body, record.body);
    let mark: Value = serde_json::from_str(&versions[0].body).expect("JSON");
    assert_eq!((&mark["resourceType"], &mark["id"]), (&json!("Observation"), &json!(record.id.as_str())));
}

pub(crate) async fn putting_the_same_content_twice_changes_nothing(hospital: Hospital) {
    assert_eq!(hospital.put("ada", patient("Lovelace")).await, WriteOutcome::Created);
    assert_eq!(hospital.put("ada", patient("Lovelace")).await, WriteOutcome::Unchanged);
    let record = hospital.read(ResourceType::PATIENT, &id("ada")).await.expect("it is there");
    assert_eq!(record.version, 1);
}

pub(crate) async fn putting_other_content_updates(hospital: Hospital) {
    assert_eq!(hospital.put("ada", patient("Byron")).await, WriteOutcome::Created);
    assert_eq!(hospital.put("ada", patient("Lovelace")).await, WriteOutcome::Updated);
    let record = hospital.read(ResourceType::PATIENT, &id("ada")).await.expect("it is there");
    assert_eq!(record.version, 2);
    assert!(record.body.contains(r#""versionId":"2""#) && record.body.contains("Lovelace"));
}

pub(crate) async fn putting_over_a_deletion_creates_again(hospital: Hospital) {
    hospital.put("ada", patient("Lovelace")).await;
    let record = hospital.read(ResourceType::PATIENT, &id("ada")).await.expect("it is there");
    hospital.delete(&record).await;
    assert_eq!(hospital.put("ada", patient("Lovelace")).await, WriteOutcome::Created);
    assert_eq!(hospital.versions(&record).await.len(), 3);
}

pub(crate) async fn an_import_brings_back_no_earlier_content(hospital: Hospital) {
    let import = async |value: Value| {
        let committed = hospital.commit(|session| session.put_unless_known(id("ada"), resource(value))).await;
        committed.expect("a put meets no conflict").writes[0]
    };
    assert_eq!(import(patient("Byron")).await, WriteOutcome::Created);
    assert_eq!(import(patient("Lovelace")).await, WriteOutcome::Updated);
    assert_eq!(import(patient("Byron")).await, WriteOutcome::Unchanged);
    assert_eq!(import(patient("King")).await, WriteOutcome::Updated);
    let record = hospital.read(ResourceType::PATIENT, &id("ada")).await.expect("it is there");
    assert!(record.body.contains("King"));
    hospital.delete(&record).await;
    assert_eq!(import(patient("King")).await, WriteOutcome::Unchanged);
    assert!(hospital.read(ResourceType::PATIENT, &id("ada")).await.is_none());
    assert_eq!(import(patient("Noel")).await, WriteOutcome::Created);
}

pub(crate) async fn one_commit_can_write_one_record_twice(hospital: Hospital) {
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let first = session.create(resource(patient("Byron"))).expect("valid");
    let second = session.update(&first, resource(patient("Lovelace"))).expect("valid");
    session.put(id("king"), resource(patient("King"))).expect("valid");
    session.put(id("king"), resource(patient("King"))).expect("valid");
    let committed = session.commit(entry("create")).await.expect("committed");
    let expected =
        [WriteOutcome::Created, WriteOutcome::Updated, WriteOutcome::Created, WriteOutcome::Unchanged];
    assert_eq!(committed.writes, expected);
    let read = hospital.read(ResourceType::PATIENT, &first.id).await.expect("it is there");
    assert_eq!(read.body, second.body);
}

pub(crate) async fn a_claim_can_be_taken_once_and_given_up(hospital: Hospital) {
    let claim = || Claim("practitioner/1@2026-12-02T09:00/5min".to_owned());
    let take = |session: &mut medcor_store::Session<'_>| {
        session.claim(claim());
        Ok(())
    };
    let give_up = |session: &mut medcor_store::Session<'_>| {
        session.release(claim());
        Ok(())
    };
    hospital.commit(take).await.expect("it is free");
    let refused = hospital.commit(take).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::Claimed(key))) if key == claim().0));
    let moved = hospital.commit(|session| {
        session.release(claim());
        session.claim(claim());
        Ok(())
    });
    moved.await.expect("what this commit gives up it can take");
    hospital.commit(give_up).await.expect("it is given up");
    hospital.commit(take).await.expect("it is free again");
}

pub(crate) async fn a_conflict_leaves_nothing_of_its_commit_behind(hospital: Hospital) {
    hospital.commit(claims("taken")).await.expect("it is free");
    let mut staged = None;
    let refused = hospital.commit(|session| {
        staged = Some(session.create(resource(patient("Lovelace")))?);
        session.claim(Claim("free".to_owned()));
        session.claim(Claim("taken".to_owned()));
        Ok(())
    });
    assert!(matches!(refused.await, Err(StoreError::Conflict(Conflict::Claimed(_)))));
    let staged = staged.expect("it was staged");
    assert!(hospital.read(ResourceType::PATIENT, &staged.id).await.is_none());
    hospital.commit(claims("free")).await.expect("it stayed free");
}

fn claims(key: &str) -> impl FnOnce(&mut medcor_store::Session<'_>) -> Result<(), StoreError> {
    move |session| {
        session.claim(Claim(key.to_owned()));
        Ok(())
    }
}

pub(crate) async fn an_invalid_record_is_refused_with_its_problems(hospital: Hospital) {
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let invalid = json!({ "resourceType": "Patient", "birthDate": "yesterday", "nickname": "Ada" });
    let Err(StoreError::Invalid(problems)) = session.create(resource(invalid)) else {
        panic!("it was accepted");
    };
    assert_eq!(problems.len(), 2, "{problems:?}");
}

pub(crate) async fn a_kept_answer_is_known_to_its_caller_alone(hospital: Hospital) {
    let known = KnownAnswer { request_hash: [7; 32], answer: Some("done".to_owned()) };
    let keep = |session: &mut medcor_store::Session<'_>| {
        session.keep_answer("key", [7; 32], "done".to_owned());
        Ok(())
    };
    hospital.commit(keep).await.expect("the first answer");
    let repeated = hospital.commit(keep).await;
    assert!(matches!(repeated, Err(StoreError::Conflict(Conflict::Answered))));

    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    assert_eq!(session.known_answer("key").await.expect("a read"), Some(known.clone()));
    assert_eq!(session.known_answer("other").await.expect("a read"), None);
    let other = crate::support::import(hospital.other_tenant);
    assert_eq!(hospital.store.session(&other).known_answer("key").await.expect("a read"), None);
}

pub(crate) async fn history_comes_in_pages_newest_first(hospital: Hospital) {
    let mut record = hospital.create(patient("0")).await;
    for number in 1..7 {
        record = hospital.update(&record, patient(&number.to_string())).await.expect("nobody else writes");
    }
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page =
            session.history(ResourceType::PATIENT, &record.id, 3, cursor.as_deref()).await.expect("a page");
        seen.extend(page.records.iter().map(|record| record.version));
        if !page.has_more {
            break;
        }
        cursor = page.cursor_after(page.records.len() - 1);
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    let refused = session.history(ResourceType::PATIENT, &record.id, 3, Some("forged")).await;
    assert!(matches!(refused, Err(StoreError::BadCursor)));
}

pub(crate) async fn an_export_walks_all_current_records(hospital: Hospital) {
    for number in 0..25 {
        hospital.put(&format!("p{number}"), patient(&number.to_string())).await;
    }
    let gone = hospital.read(ResourceType::PATIENT, &id("p3")).await.expect("it is there");
    hospital.delete(&gone).await;
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let mut ids = Vec::new();
    let mut after_row = 0;
    loop {
        let page = session.export(ResourceType::PATIENT, after_row, 10).await.expect("a page");
        if page.records.is_empty() {
            break;
        }
        ids.extend(page.records.into_iter().map(|record| record.id.to_string()));
        after_row = page.last_row;
    }
    let expected: Vec<_> = (0..25).filter(|it| *it != 3).map(|it| format!("p{it}")).collect();
    assert_eq!(ids, expected);
}

pub(crate) async fn a_store_that_is_closed_says_so(hospital: Hospital) {
    hospital.store.ping().await.expect("it answers");
    hospital.store.clone().close().await;
    let refused = hospital.commit(|session| session.create(resource(patient("Ada"))).map(drop)).await;
    assert!(matches!(refused, Err(StoreError::NotReady)));
    assert!(matches!(hospital.store.ping().await, Err(StoreError::NotReady)));
    assert!(matches!(hospital.store.statistics().await, Err(StoreError::NotReady)));
}

pub(crate) async fn the_store_counts_what_it_holds(hospital: Hospital) {
    let patient = hospital.create(patient("Lovelace")).await;
    let gone = hospital.create(heart_rate(&patient.id, 70)).await;
    hospital.create(heart_rate(&patient.id, 71)).await;
    hospital.delete(&gone).await;
    let statistics = hospital.store.statistics().await.expect("statistics");
    let expected = [(ResourceType::OBSERVATION, 1), (ResourceType::PATIENT, 1)];
    assert_eq!(statistics.records, expected);
    assert!(statistics.database_bytes > 0);
    assert!(statistics.audit_rows >= 4);
}

pub(crate) async fn a_kept_answer_is_good_for_a_day(hospital: Hospital) {
    const HOUR: i64 = 3_600_000_000;
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    session.keep_answer("key", [7; 32], "first".to_owned());
    session.commit(entry("first")).await.expect("the key is free");
    let nearly = hospital.opened_at(NOW + 23 * HOUR).await;
    assert!(nearly.session(&permit).known_answer("key").await.expect("a read").is_some());
    let mut session = nearly.session(&permit);
    session.keep_answer("key", [7; 32], "second".to_owned());
    let refused = session.commit(entry("second")).await.expect_err("the first is still good");
    assert!(matches!(refused, StoreError::Conflict(Conflict::Answered)), "{refused:?}");
    let later = hospital.opened_at(NOW + 25 * HOUR).await;
    assert!(later.session(&permit).known_answer("key").await.expect("a read").is_none());
    let mut session = later.session(&permit);
    session.keep_answer("key", [7; 32], "third".to_owned());
    session.commit(entry("third")).await.expect("the key is free again");
    later.forget_answers().await.expect("there is nothing to forget");
    let kept = later.session(&permit).known_answer("key").await.expect("a read").expect("it is kept");
    assert_eq!(kept.answer.as_deref(), Some("third"));
    let last = hospital.opened_at(NOW + 50 * HOUR).await;
    last.forget_answers().await.expect("it is forgotten");
    assert!(later.session(&permit).known_answer("key").await.expect("a read").is_none());
}

pub(crate) async fn a_number_that_an_import_wrote_is_not_given_again(hospital: Hospital) {
    let mut ada = patient("Lovelace");
    let system = "http://terminology.hl7.org/CodeSystem/v2-0203";
    ada["identifier"] = serde_json::json!([
        { "type": { "coding": [{ "system": system, "code": "MR" }] }, "value": "M1" },
        { "type": { "coding": [{ "system": system, "code": "SS" }] }, "value": "S1" }
    ]);
    hospital.create(ada.clone()).await;
    // Another record may have the number, as other systems' data do.
    hospital.create(ada).await;
    let claim = async |number: &str| {
        let claim = Claim(format!("patient/mrn/{number}"));
        hospital
            .commit(|session| {
                session.claim(claim);
                Ok(())
            })
            .await
    };
    let refused = claim("M1").await.expect_err("the number is taken");
    assert!(matches!(refused, StoreError::Conflict(Conflict::Claimed(_))), "{refused:?}");
    claim("S1").await.expect("it is no record number");
}

pub(crate) async fn pages_that_are_passed_are_not_in_the_audit_row(hospital: Hospital) {
    for name in ["Ada", "Bea", "Cya"] {
        hospital.create(patient(name)).await;
    }
    let permit = hospital.permit();
    let mut session = hospital.store.session(&permit);
    let mut query = Query::new(ResourceType::PATIENT);
    query.count = 2;
    let first = session.pass(&query).await.expect("a page");
    query.cursor = first.cursor_after(1);
    let second = session.search(&query).await.expect("a page");
    session.commit(entry("look")).await.expect("recorded");
    let rows = hospital.store.ledger().search(&AuditQuery { limit: 1, ..AuditQuery::default() }).await;
    let row: Value = serde_json::from_str(&rows.expect("the trail is searched")[0]).expect("JSON");
    assert_eq!(row["patients"], serde_json::json!([second.records[0].id.as_str()]));
}
