//! Conversations, and the permits that a pin makes.

use std::time::Duration;

use medcor_fhir::{ResourceType, search::Query};
use medcor_policy::{Action, ClientId, Need, Permit, Principal, Role, SubjectId, TenantId, authorize};
use medcor_store::{Conflict, Conversation, Lookup, LookupBy, Matched, Record, Store, StoreError};

use crate::support::{Hospital, entry, heart_rate, id, looks_at, patient, resource};

fn doctor(tenant: TenantId) -> Principal {
    Principal {
        tenant,
        organization: id("organization"),
        subject: SubjectId("doctor".to_owned()),
        client: ClientId("portal".to_owned()),
        roles: vec![Role::Doctor],
        scopes: None,
        patient: None,
        practitioner: None,
    }
}

fn permit(tenant: TenantId) -> Permit {
    let search = |resource_type| Need::Record { action: Action::Search, resource_type };
    let needs = [
        looks_at(ResourceType::PATIENT),
        looks_at(ResourceType::OBSERVATION),
        looks_at(ResourceType::PRACTITIONER),
        looks_at(ResourceType::SCHEDULE),
        search(ResourceType::OBSERVATION),
        Need::create(ResourceType::OBSERVATION),
        Need::create(ResourceType::PATIENT),
    ];
    authorize(&doctor(tenant), &needs).expect("a doctor may")
}

pub(crate) async fn a_pinned_permit_sees_one_patient_and_what_is_about_nobody(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let george = hospital.create(patient("Byron")).await;
    let own = hospital.create(heart_rate(&ada.id, 70)).await;
    let foreign = hospital.create(heart_rate(&george.id, 80)).await;
    let staff = serde_json::json!({ "resourceType": "Practitioner", "name": [{ "family": "Hopper" }] });
    let staff = hospital.create(staff).await;
    let schedule =
        |who: String| serde_json::json!({ "resourceType": "Schedule", "actor": [{ "reference": who }] });
    let of_staff = hospital.create(schedule(format!("Practitioner/{}", staff.id))).await;
    let of_george = hospital.create(schedule(format!("Patient/{}", george.id))).await;

    let pinned = permit(hospital.tenant).pinned_to(&ada.id);
    let mut session = hospital.store.session(&pinned);
    for (record, is_seen) in [
        (&ada, true),
        (&own, true),
        (&staff, true),
        (&of_staff, true),
        (&george, false),
        (&foreign, false),
        (&of_george, false),
    ] {
        let read = session.read(record.resource_type, &record.id).await.expect("a read");
        assert_eq!(read.is_some(), is_seen, "{} {}", record.resource_type, record.id);
        let version = session.read_version(record.resource_type, &record.id, 1).await.expect("a read");
        assert_eq!(version.is_some(), is_seen, "a version of {}", record.resource_type);
        let history = session.history(record.resource_type, &record.id, 10, None).await.expect("a read");
        assert_eq!(!history.records.is_empty(), is_seen, "the history of {}", record.resource_type);
    }
    let found = session.search(&Query::new(ResourceType::OBSERVATION)).await.expect("a search");
    assert_eq!(found.records.iter().map(|record| &record.id).collect::<Vec<_>>(), [&own.id]);
    for (text, is_found) in [(ada.id.as_str(), true), (george.id.as_str(), false), ("Byron", false)] {
        let lookup = Lookup { resource_type: ResourceType::PATIENT, text, by: LookupBy::Anything };
        let matched = session.lookup(&lookup).await.expect("a look-up");
        assert_eq!(matches!(matched, Matched::One(_)), is_found, "{text}");
        let is_pinned = |near: &[Record]| near.iter().all(|record| record.id == ada.id);
        let hides_others = matches!(&matched, Matched::Near(near) if is_pinned(near));
        assert!(is_found || hides_others, "{text}: {matched:?}");
    }
    assert!(session.create(resource(heart_rate(&ada.id, 71))).is_ok());
    for foreign in [heart_rate(&george.id, 71), patient("King")] {
        let refused = session.create(resource(foreign));
        assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })));
    }
}

pub(crate) async fn a_pin_never_widens_a_permit(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    let george = hospital.create(patient("Byron")).await;
    let needs = [looks_at(ResourceType::PATIENT)];
    let own = crate::support::patient_permit(hospital.tenant, &ada.id, &needs);
    let elsewhere = own.pinned_to(&george.id);
    let mut session = hospital.store.session(&elsewhere);
    for record in [&ada, &george] {
        let refused = session.read(ResourceType::PATIENT, &record.id).await;
        assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })));
    }
    let here = own.pinned_to(&ada.id);
    let mut session = hospital.store.session(&here);
    assert!(session.read(ResourceType::PATIENT, &ada.id).await.expect("a read").is_some());
    let observations = session.read(ResourceType::OBSERVATION, &ada.id).await;
    assert!(matches!(observations, Err(StoreError::OutsidePermit { .. })), "it was not granted");
}

async fn begun(store: &Store, tenant: TenantId, conversation: &Conversation) -> String {
    let permit = permit(tenant);
    let mut session = store.session(&permit);
    let handle = session.begin_conversation(conversation);
    session.commit(entry("start")).await.expect("it begins");
    handle
}

pub(crate) async fn a_conversation_is_its_callers_on_every_instance(hospital: Hospital) {
    let now = hospital.store.clock().now();
    let mut chosen = Conversation::begun_at(now);
    chosen.patient = Some(id("ada"));
    let handle = begun(&hospital.store, hospital.tenant, &chosen).await;
    let principal = doctor(hospital.tenant);
    let other_instance = hospital.opened_again().await;
    for store in [&hospital.store, &other_instance] {
        let found = store.conversation(&principal, &handle).await.expect("a read");
        assert_eq!(found.as_ref(), Some(&chosen));
    }
    let strangers = [
        Principal { subject: SubjectId("somebody".to_owned()), ..principal.clone() },
        Principal { client: ClientId("something".to_owned()), ..principal.clone() },
        Principal { tenant: hospital.other_tenant, ..principal.clone() },
    ];
    for stranger in strangers {
        let found = hospital.store.conversation(&stranger, &handle).await.expect("a read");
        assert_eq!(found, None);
    }
    let found = hospital.store.conversation(&principal, "session_unknown").await.expect("a read");
    assert_eq!(found, None);
}

pub(crate) async fn a_pin_is_never_moved_and_a_conversation_ends(hospital: Hospital) {
    let store = &hospital.store;
    let principal = doctor(hospital.tenant);
    let before = Conversation::begun_at(store.clock().now());
    let handle = begun(store, hospital.tenant, &before).await;
    let permit = permit(hospital.tenant);
    let remembered = |before: Conversation, after: Conversation| {
        let mut session = store.session(&permit);
        session.remember(&handle, &before, &after);
        session.commit(entry("remember"))
    };
    let of = |patient: &str, is_pinned| {
        let mut conversation = before.clone();
        conversation.patient = Some(id(patient));
        conversation.is_pinned = is_pinned;
        conversation.day = Some("2026-12-11".to_owned());
        conversation
    };
    remembered(before.clone(), of("ada", true)).await.expect("it is pinned");
    remembered(of("ada", true), of("bob", false)).await.expect("it is tried");
    let found = store.conversation(&principal, &handle).await.expect("a read").expect("it goes on");
    assert_eq!((found.patient, found.is_pinned), (Some(id("ada")), true));
    assert_eq!(found.day.as_deref(), Some("2026-12-11"));
    store.clock().advance(Duration::from_mins(30));
    assert_eq!(store.conversation(&principal, &handle).await.expect("a read"), None);
}

pub(crate) async fn of_two_pins_at_once_one_holds(hospital: Hospital) {
    let store = &hospital.store;
    let before = Conversation::begun_at(store.clock().now());
    let handle = begun(store, hospital.tenant, &before).await;
    let permit = permit(hospital.tenant);
    let pinned = |patient: &str| {
        let mut after = before.clone();
        (after.patient, after.is_pinned) = (Some(id(patient)), true);
        let mut session = store.session(&permit);
        session.remember(&handle, &before, &after);
        session.commit(entry("pin"))
    };
    pinned("ada").await.expect("it is pinned");
    let refused = pinned("bob").await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::Pinned))), "{refused:?}");
    pinned("ada").await.expect("the same pin again changes nothing");
    let found = store.conversation(&doctor(hospital.tenant), &handle).await.expect("a read");
    assert_eq!(found.and_then(|found| found.patient), Some(id("ada")));
    let mut session = store.session(&permit);
    session.end_conversation(&handle);
    session.commit(entry("end")).await.expect("it ends");
    let refused = pinned("ada").await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::Pinned))), "nothing is left to pin");
}

pub(crate) async fn what_is_over_is_forgotten_and_nothing_else(hospital: Hospital) {
    let store = &hospital.store;
    let kept = Conversation::begun_at(store.clock().now());
    let old = begun(store, hospital.tenant, &kept).await;
    store.clock().advance(Duration::from_mins(20));
    let young = begun(store, hospital.tenant, &Conversation::begun_at(store.clock().now())).await;
    store.clock().advance(Duration::from_mins(20));
    store.forget_conversations().await.expect("what is over is forgotten");
    // By a clock that stands before the end of both.
    let earlier = hospital.opened_at(store.clock().now() - 25 * 60 * 1_000_000).await;
    let principal = doctor(hospital.tenant);
    assert_eq!(earlier.conversation(&principal, &old).await.expect("a read"), None);
    assert!(earlier.conversation(&principal, &young).await.expect("a read").is_some());
}
