//! The outbox: nothing lost, nothing twice, and whoever has missed something is told.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{ClientId, Principal, Role, SubjectId};
use medcor_store::{
    AuditEvent, EventAction, EventKind, EventPage, EventPosition, EventsAfter, Outbox, RecordEvent,
    StoreError,
};

use crate::support::{Hospital, NOW, entry, id, import, patient, resource};

const WRITERS: usize = 16;
const COMMITS_OF_EACH: usize = 25;
/// Longest that a fact waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);

async fn page(outbox: &Outbox, place: EventPosition, count: u32) -> EventPage {
    match outbox.after(place, count).await.expect("the outbox is read") {
        EventsAfter::Kept(page) => page,
        EventsAfter::Forgotten => panic!("nothing was forgotten"),
    }
}

/// The next events, as many as are wanted, in pages of this size.
async fn followed(outbox: &Outbox, mut place: EventPosition, wanted: usize, count: u32) -> Vec<RecordEvent> {
    let mut signal = outbox.signal();
    let mut events = Vec::new();
    let follow = async {
        while events.len() < wanted {
            let page = page(outbox, place, count).await;
            if page.events.is_empty() {
                signal.wait(Duration::from_millis(50)).await;
            }
            place = page.events.last().map_or(place, |event| event.position);
            events.extend(page.events);
        }
    };
    tokio::time::timeout(PATIENCE, follow).await.expect("the events come");
    events
}

pub(crate) async fn events_come_in_the_order_of_commits_and_say_what_happened(hospital: Hospital) {
    let outbox = hospital.store.outbox();
    let start = outbox.newest().await.expect("a place");
    let ada = hospital.create(patient("Lovelace")).await;
    let again = hospital.update(&ada, patient("King")).await.expect("an update");
    hospital.delete(&again).await;
    let events = followed(&outbox, start, 3, 2).await;
    let said: Vec<_> = events.iter().map(|event| (event.action, event.version)).collect();
    assert_eq!(
        said,
        [(EventAction::Created, 1), (EventAction::Updated, 2), (EventAction::Deleted, 3)],
        "{events:?}"
    );
    for event in &events {
        assert_eq!(
            (event.tenant, event.resource_type, &event.id),
            (hospital.tenant, ResourceType::PATIENT, &ada.id)
        );
        assert_eq!(event.at, NOW);
    }
    let behind = page(&outbox, events[2].position, 10).await;
    assert!(behind.events.is_empty() && !behind.is_full);
}

pub(crate) async fn of_racing_writers_no_event_is_lost_and_none_comes_twice(hospital: Hospital) {
    let outbox = hospital.store.outbox();
    let start = outbox.newest().await.expect("a place");
    let wanted = WRITERS * COMMITS_OF_EACH * 2;
    let followers: Vec<_> = [1, 7, 1000]
        .into_iter()
        .map(|count| {
            let outbox = outbox.clone();
            tokio::spawn(async move { followed(&outbox, start, wanted, count).await })
        })
        .collect();
    let stores = [hospital.store.clone(), hospital.opened_again().await];
    let tenants = [hospital.tenant, hospital.other_tenant];
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, permit) = (stores[writer % 2].clone(), import(tenants[writer / 2 % 2]));
            tokio::spawn(async move {
                let mut written = Vec::new();
                for number in 0..COMMITS_OF_EACH {
                    let mut session = store.session(&permit);
                    for half in 0..2 {
                        let name = format!("{writer}-{number}-{half}");
                        written.push(session.create(resource(patient(&name))).expect("valid").id);
                    }
                    session.commit(entry("race")).await.expect("no conflict");
                }
                written
            })
        })
        .collect();
    let mut written: Vec<Id> = Vec::new();
    for writer in writers {
        written.extend(writer.await.expect("a writer runs to its end"));
    }
    written.sort_unstable();
    let mut orders = Vec::new();
    for follower in followers {
        let events = follower.await.expect("a follower runs to its end");
        assert!(events.is_sorted_by(|one, other| one.position < other.position), "in order");
        let mut seen: Vec<Id> = events.iter().map(|event| event.id.clone()).collect();
        orders.push(seen.clone());
        seen.sort_unstable();
        assert_eq!(seen, written, "each event once");
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "the same order for all");
}

pub(crate) async fn a_commit_wakes_followers_of_every_instance(hospital: Hospital) {
    let other = hospital.opened_again().await;
    let outbox = other.outbox();
    let mut signal = outbox.signal();
    let start = outbox.newest().await.expect("a place");
    let ada = hospital.create(patient("Lovelace")).await;
    let find = async {
        loop {
            if let Some(event) = page(&outbox, start, 1).await.events.pop() {
                return event;
            }
            // A file tells nobody, so its followers look by themselves.
            signal.wait(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, find).await.expect("it comes");
    assert_eq!(found.id, ada.id);
    let own = hospital.store.outbox();
    let mut signal = own.signal();
    let waiting = tokio::spawn(async move { signal.wait(PATIENCE * 10).await });
    let committing = async {
        while !waiting.is_finished() {
            hospital.create(patient("Byron")).await;
        }
    };
    tokio::time::timeout(PATIENCE, committing).await.expect("a commit wakes who waits");
}

pub(crate) async fn whoever_has_missed_what_was_forgotten_is_told(hospital: Hospital) {
    let outbox = hospital.store.outbox();
    let start = outbox.newest().await.expect("a place");
    for name in ["Lovelace", "Byron"] {
        hospital.create(patient(name)).await;
    }
    let old = followed(&outbox, start, 2, 10).await;
    let later = hospital.opened_at(NOW + 1_000_000).await;
    let permit = hospital.permit();
    let mut session = later.session(&permit);
    session.create(resource(patient("King"))).expect("valid");
    session.commit(entry("create")).await.expect("no conflict");
    let new = followed(&outbox, old[1].position, 1, 10).await.remove(0);

    outbox.forget_before(NOW).await.expect("nothing is so old");
    assert_eq!(page(&outbox, start, 10).await.events.len(), 3);
    outbox.forget_before(NOW + 1).await.expect("two are");
    for place in [start, old[0].position] {
        assert!(matches!(outbox.after(place, 10).await, Ok(EventsAfter::Forgotten)), "{place:?}");
    }
    // Who has seen all that was forgotten has missed nothing.
    assert_eq!(page(&outbox, old[1].position, 10).await.events, std::slice::from_ref(&new));
    assert!(page(&outbox, new.position, 10).await.events.is_empty());
    let again = hospital.opened_again().await.outbox();
    assert!(matches!(again.after(start, 10).await, Ok(EventsAfter::Forgotten)));
}

pub(crate) async fn a_place_is_a_text_for_one_caller(hospital: Hospital) {
    let outbox = hospital.store.outbox();
    let place = outbox.newest().await.expect("a place");
    let principal = |subject: &str| Principal {
        tenant: hospital.tenant,
        organization: id("organization"),
        subject: SubjectId(subject.to_owned()),
        client: ClientId("portal".to_owned()),
        roles: vec![Role::Doctor],
        scopes: None,
        patient: None,
        practitioner: None,
    };
    let seal = outbox.seal_for(&principal("ada")).await.expect("a seal");
    let text = seal.seal(place, 2);
    let of_other_instance = hospital.opened_again().await.outbox().seal_for(&principal("ada")).await;
    assert_eq!(of_other_instance.expect("a seal").open(&text).expect("it is the caller's"), (place, 2));
    let stranger = outbox.seal_for(&principal("eve")).await.expect("a seal");
    for foreign in [&text, "", "AAAA"] {
        assert!(matches!(stranger.open(foreign), Err(StoreError::BadCursor)));
    }
}

pub(crate) async fn a_ticket_opens_one_stream_in_its_time(hospital: Hospital) {
    let identity = hospital.store.identity();
    let event = AuditEvent::new(EventKind::Token, "issue_stream_ticket");
    for (secret, ends_at) in [([1; 32], NOW + 1), ([2; 32], NOW + 1), ([3; 32], NOW)] {
        assert!(identity.add_stream_ticket(secret, "{}", ends_at, &event).await.expect("it is kept"));
    }
    let others = Arc::new(hospital.opened_again().await);
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let store = others.clone();
            tokio::spawn(async move { store.identity().use_stream_ticket([1; 32]).await })
        })
        .collect();
    let mut opened = BTreeMap::new();
    for attempt in attempts {
        let used = attempt.await.expect("it does not panic").expect("it is asked");
        *opened.entry(used).or_insert(0) += 1;
    }
    assert_eq!(opened.get(&Some("{}".to_owned())), Some(&1), "one of many who try at once");
    assert_eq!(identity.use_stream_ticket([3; 32]).await.expect("it is asked"), None, "it is too late");
    assert_eq!(identity.use_stream_ticket([4; 32]).await.expect("it is asked"), None, "nobody made it");
    assert_eq!(identity.use_stream_ticket([2; 32]).await.expect("it is asked").as_deref(), Some("{}"));
}

/// The lower number is committed last: a follower that went by numbers alone would never see it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_late_is_not_passed_over() {
    let Some(hospital) = Hospital::on_postgres().await else { return };
    let outbox = hospital.store.outbox();
    let start = outbox.newest().await.expect("a place");
    let (client, connection) =
        tokio_postgres::connect(hospital.superuser_url(), tokio_postgres::NoTls).await.expect("a connection");
    let connection = tokio::spawn(connection);
    let slow =
        "BEGIN; INSERT INTO event (tenant, type, id, version, action, at) VALUES (1, 1, 'slow', 1, 0, 0)";
    client.batch_execute(slow).await.expect("it is written");
    let fast = hospital.create(patient("Lovelace")).await;
    let held = page(&outbox, start, 10).await;
    assert!(held.events.is_empty() && held.is_held_back, "{held:?}");
    client.batch_execute("COMMIT").await.expect("it is committed");
    let events = followed(&outbox, start, 2, 10).await;
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["slow", fast.id.as_str()]);
    drop(client);
    connection.await.expect("it does not panic").expect("it ends well");
}

/// A dump that is read into a new server brings numbers of transactions with it that are still to come there.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_restored_database_are_old_ones() {
    let Some(hospital) = Hospital::on_postgres().await else { return };
    hospital.create(patient("Lovelace")).await;
    hospital.damage("UPDATE event SET transaction_number = 4000000000000").await;
    let outbox = hospital.opened_again().await.outbox();
    let start = outbox.newest().await.expect("a place");
    let new = hospital.create(patient("Byron")).await;
    let events = followed(&outbox, start, 1, 10).await;
    assert_eq!(events[0].id, new.id);
    assert!(!page(&outbox, events[0].position, 10).await.is_held_back);
}
