//! Who is told of what: each subscriber what its own permit shows when it is told, and nothing else.

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Role, SubjectId};
use medcor_store::identity::User;
use serde_json::{Value, json};

use crate::{
    events::{appointment, clinic},
    support::{Clinic, EventStream, denial, patient},
};

/// Somebody who logs in as this patient.
async fn token_of_patient(clinic: &Clinic, patient: &str) -> String {
    let store = &clinic.server.store;
    let user = User {
        id: SubjectId(store.clock().new_id().to_string()),
        tenant: clinic.server.here.id,
        email: format!("{patient}@patients"),
        display_name: patient.to_owned(),
        roles: vec![Role::Patient],
        password_hash: None,
        patient: Id::new(patient),
        practitioner: None,
        is_active: true,
    };
    store.identity().create_users(&[user]).await.unwrap();
    clinic.server.token(&format!("{patient}@patients")).await
}

fn observation(id: &str, patient: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final", "code": { "text": "Heart rate" },
        "subject": { "reference": format!("Patient/{patient}") }, "valueQuantity": { "value": 70 }
    })
}

/// The records of the next changes, up to and with this one.
async fn heard_until(stream: &mut EventStream, last: &str) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        let told = stream.next().await.expect("the stream goes on");
        if told.name != "resource_update" {
            continue;
        }
        let id = told.data["data"]["id"].as_str().unwrap().to_owned();
        heard.push(format!("{} {id}", told.data["action"].as_str().unwrap()));
        if id == last {
            return heard;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hears_of_what_the_own_permit_shows() {
    let clinic = clinic().await;
    let server = &clinic.server;
    let ada = token_of_patient(&clinic, "ada").await;
    let open = async |token: &str| EventStream::open(server, token).await;
    let mut doctor = open(&server.token("doctor@here").await).await;
    let mut desk = open(&server.token("receptionist@here").await).await;
    let mut ada = open(&ada).await;
    let mut elsewhere = open(&server.token("doctor@elsewhere").await).await;
    let mut narrowed = open(&server.narrowed_token("doctor@here", Some("user/Appointment.rs")).await).await;
    clinic.put(observation("o-ada", "ada")).await;
    clinic.put(observation("o-bob", "bob")).await;
    clinic.put(appointment("a-bob", "bob", "03T10:00")).await;
    clinic.put_elsewhere(patient("zoe", ("Zoë", "Gray"), "1990-01-01")).await;
    clinic.put(appointment("last", "ada", "03T11:00")).await;
    clinic.put_elsewhere(patient("last", ("Last", "Gray"), "1990-01-01")).await;
    for (who, stream, wanted) in [
        ("doctor", &mut doctor, vec!["created o-ada", "created o-bob", "created a-bob", "created last"]),
        ("desk", &mut desk, vec!["created a-bob", "created last"]),
        ("ada", &mut ada, vec!["created o-ada", "created last"]),
        ("elsewhere", &mut elsewhere, vec!["created zoe", "created last"]),
        ("narrowed", &mut narrowed, vec!["created a-bob", "created last"]),
    ] {
        assert_eq!(heard_until(stream, "last").await, wanted, "{who}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_consent_closes_is_not_told_from_the_moment_on_when_it_does() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let mut stream = EventStream::open(&clinic.server, &token).await;
    let id = stream.last_id.clone();
    clinic.put(observation("o1", "ada")).await;
    assert_eq!(heard_until(&mut stream, "o1").await, ["created o1"]);
    clinic.put(denial("ada", None)).await;
    clinic.put(observation("o2", "ada")).await;
    clinic.put(observation("o3", "bob")).await;
    // The consent itself is told or not: it is Ada's, and closes her chart in the moment in which it is written.
    let without_consent = |mut heard: Vec<String>| {
        heard.retain(|it| it != "created no-ada");
        heard
    };
    assert_eq!(without_consent(heard_until(&mut stream, "o3").await), ["created o3"]);
    // Whoever goes on from before the consent is not told either.
    let mut again = EventStream::at(clinic.server.address, &token, "", Some(&id)).await;
    assert_eq!(without_consent(heard_until(&mut again, "o3").await), ["created o3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_told_to_whoever_saw_the_record() {
    let clinic = clinic().await;
    clinic.put(appointment("a-ada", "ada", "03T10:00")).await;
    clinic.put(appointment("a-bob", "bob", "03T11:00")).await;
    let ada = token_of_patient(&clinic, "ada").await;
    let mut ada = EventStream::open(&clinic.server, &ada).await;
    let elsewhere = clinic.server.token("doctor@elsewhere").await;
    let mut elsewhere = EventStream::open(&clinic.server, &elsewhere).await;
    for id in ["a-bob", "a-ada"] {
        clinic.delete(ResourceType::APPOINTMENT, id).await;
    }
    assert_eq!(heard_until(&mut ada, "a-ada").await, ["deleted a-ada"]);
    clinic.put_elsewhere(patient("zoe", ("Zoë", "Gray"), "1990-01-01")).await;
    assert_eq!(heard_until(&mut elsewhere, "zoe").await, ["created zoe"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_role_hears_by_its_own_permit_from_then_on() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let mut stream = EventStream::open(&clinic.server, &token).await;
    clinic.put(observation("o1", "ada")).await;
    assert_eq!(heard_until(&mut stream, "o1").await, ["created o1"]);
    let identity = clinic.server.store.identity();
    let doctor = identity.user_by_email("doctor@here").await.unwrap().unwrap();
    identity.set_user_roles(&doctor.id, &[Role::Receptionist]).await.unwrap();
    // The new role holds once it was asked again who this is.
    let mut number = 0;
    loop {
        number += 1;
        let (seen, probe) = (format!("seen{number}"), format!("probe{number}"));
        clinic.put(observation(&seen, "ada")).await;
        clinic.put(appointment(&probe, "ada", "03T10:00")).await;
        if heard_until(&mut stream, &probe).await.len() == 1 {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_its_grant_is_revoked() {
    let clinic = clinic().await;
    let (token, nurse) = (clinic.server.token("doctor@here").await, clinic.server.token("nurse@here").await);
    let mut lost = EventStream::open(&clinic.server, &token).await;
    let mut kept = EventStream::open(&clinic.server, &nurse).await;
    let identity = clinic.server.store.identity();
    let doctor = identity.user_by_email("doctor@here").await.unwrap().unwrap();
    for grant in identity.grants_of(&doctor.id).await.unwrap() {
        identity.revoke_grant(&grant.id, "test").await.unwrap();
    }
    assert_eq!(lost.wanted("error_event").await["details"]["code"], "AUTH_INVALID");
    assert!(lost.any().await.is_none());
    clinic.put(appointment("a1", "ada", "03T10:00")).await;
    kept.wanted("resource_update").await;
}
