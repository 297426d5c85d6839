//! Those who follow events while the server is killed again and again: each hears every change once and in order.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use medcor_testbed::{Cluster, Durability};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{EMAIL, Load, Random};
use crate::support::{
    EventStream,
    folder::Folder,
    process::{Place, Program},
    setting,
};

/// Kills of `cargo test`; `MEDCOR_FOLLOWED_KILLS` says how many else, and how many follow is ten times as many, to 200.
const KILLS: u32 = 3;
const FOLLOWERS_MAX: u32 = 200;
const REQUESTS: std::ops::Range<u64> = 40..200;
/// How many streams one person has here.
const STREAMS_OF_ONE: u32 = 10;
/// Longest that a follower waits for what has to come.
const PATIENCE: Duration = Duration::from_mins(10);
/// The type of the last change.
const LAST: &str = "AllergyIntolerance";

/// A change as a follower names it.
type Named = (String, String, u64);
/// Where the server is, which is elsewhere after each kill.
type Address = Arc<Mutex<SocketAddr>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_of_a_killed_server_on_sqlite_hear_each_change_once() {
    let folder = Folder::new();
    follow(Place { folder: folder.path(), database_url: None }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_of_a_killed_server_on_postgres_hear_each_change_once() {
    if medcor_testbed::cluster().is_none() {
        return;
    }
    let cluster = Cluster::start(Durability::On).expect("a second cluster starts");
    let database = cluster.database().expect("the cluster makes a database");
    let folder = Folder::new();
    follow(Place { folder: folder.path(), database_url: Some(database.url()) }).await;
}

async fn follow(place: Place<'_>) {
    let kills = setting("MEDCOR_FOLLOWED_KILLS").map_or(KILLS, |text| text.parse().expect("it is a number"));
    place.run(&["user", "add", "--email", EMAIL, "--role", "doctor"]);
    let token = place.run(&["token", "--user", EMAIL, "--lifetime", "86400"]);
    let token = token.trim();
    // All of them are agents, which read no more patients in an hour than they may.
    place.run(&["tenant", "set", "default", "agent_patients_per_hour", "1000000"]);
    let mut random = Random::new();
    let mut program = Program::start(place, &[]).await;
    let address: Address = Arc::new(Mutex::new(program.address));
    // What an event is called is for whoever heard it alone, so each has a first of the own.
    let beginning = async |token: &str| EventStream::at(program.address, token, "", None).await.last_id;
    let own = beginning(token).await;
    let follower = |token: &str, from: &str| {
        let (address, token, from) = (address.clone(), token.to_owned(), from.to_owned());
        tokio::spawn(heard(address, token, from))
    };
    let mut followers = Vec::new();
    for group in 0..(10 * kills).min(FOLLOWERS_MAX) / STREAMS_OF_ONE {
        let email = format!("follower{group}@example.org");
        place.run(&["user", "add", "--email", &email, "--role", "doctor"]);
        let token = place.run(&["token", "--user", &email, "--lifetime", "86400"]);
        let from = beginning(token.trim()).await;
        followers.extend((0..STREAMS_OF_ONE).map(|_| follower(token.trim(), &from)));
    }
    let mut load = Load::new(program.address, token).await;
    let mut acknowledged: Vec<Named> = Vec::new();
    for _ in 0..kills {
        let seen = load.until_killed(program, random.between(REQUESTS), random.between(0..500)).await;
        acknowledged.extend(seen.writes.iter().map(|write| {
            (write.resource_type.name().to_owned(), write.id.to_string(), u64::from(write.version))
        }));
        program = Program::start(place, &[]).await;
        load.address = program.address;
        *address.lock().unwrap() = program.address;
    }
    end(&program, token).await;
    // Who comes last hears everything of one server.
    let wanted = ended(follower(token, &own)).await;
    let count = followers.len();
    for follower in followers {
        let heard = ended(follower).await;
        assert!(heard == wanted, "a follower heard {} changes, not these {}", heard.len(), wanted.len());
    }
    for write in &acknowledged {
        let times = wanted.iter().filter(|change| *change == write).count();
        assert_eq!(times, 1, "{write:?}");
    }
    let (changes, answered) = (wanted.len(), acknowledged.len());
    eprintln!("{kills} kills, {count} followers, {changes} changes, of which {answered} were acknowledged");
}

/// The last change: one of a kind that there is no other of.
async fn end(program: &Program, token: &str) {
    let mut client = program.client(token).await;
    let person = json!({ "first_name": "Very", "last_name": "Last", "dob": "1980-03-04" });
    let person = client.call("create_patient", &person).await.expect("the server answers");
    let person = person.answer().expect("a patient")["id"].clone();
    let allergy = json!({ "patient": person, "allergen": "penicillin" });
    let allergy = client.call("add_allergy", &allergy).await.expect("the server answers");
    assert!(allergy.answer().is_some(), "{}", allergy.text());
}

async fn ended(follower: JoinHandle<Vec<Named>>) -> Vec<Named> {
    let heard = tokio::time::timeout(PATIENCE, follower).await.expect("every change comes");
    heard.expect("a follower follows to the end")
}

/// Reads to the last change. The connection is cut now and then, by the server's end or by the follower.
async fn heard(address: Address, token: String, from: String) -> Vec<Named> {
    let (mut heard, mut last_id) = (Vec::new(), from);
    let mut random = Random::new();
    loop {
        let at = *address.lock().unwrap();
        let Some(mut stream) = EventStream::try_at(at, &token, "?topics=resource_update", &last_id).await
        else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        for _ in 0..random.between(1..200) {
            let Some(told) = stream.any().await else { break };
            if told.name == "resource_update" {
                let data = &told.data["data"];
                let text = |name: &str| data[name].as_str().expect("a text").to_owned();
                let change = (text("resource_type"), text("id"), data["version"].as_u64().expect("a number"));
                let is_last = change.0 == LAST;
                heard.push(change);
                if is_last {
                    return heard;
                }
            } else {
                assert_eq!(told.name, "heartbeat", "{told:?}");
            }
            last_id.clone_from(&stream.last_id);
        }
    }
}
