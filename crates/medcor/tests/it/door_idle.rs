//! What an idle connection over WebSocket costs, and an idle stream of events. `MEDCOR_IDLE_CONNECTIONS` says how many there are.

use std::{fs, net::SocketAddr};

use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::support::{
    EventStream, WebSocket,
    folder::Folder,
    process::{Place, Program},
    setting,
};

const EMAIL: &str = "doctor@example.org";
/// Handshakes at once.
const ABREAST: usize = 32;
/// Streams of events that one caller may have open.
const STREAMS_PER_CALLER: usize = 16;

/// The program with places for so many connections from one network.
async fn roomy(folder: &Folder, place: Place<'_>, connections: usize) -> Program {
    let settings = folder.path().join("settings.toml");
    let places = connections + 100;
    let text = format!("connections_max = \"{places}\"\nconnections_per_network = \"{places}\"\n");
    fs::write(&settings, text).unwrap();
    Program::start(place, &["--config", settings.to_str().unwrap()]).await
}

fn count() -> usize {
    setting("MEDCOR_IDLE_CONNECTIONS").map_or(200, |count| count.parse().unwrap())
}

async fn opened(address: SocketAddr, token: &str, count: usize) -> Vec<WebSocket> {
    let opening = stream::iter(0..count).map(|_| WebSocket::with_token(address, "/ws", token));
    opening.buffer_unordered(ABREAST).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_held_and_their_memory_is_told() {
    let count = count();
    let sessions = count / 10;
    let folder = Folder::new();
    let place = Place { folder: folder.path(), database_url: None };
    place.run(&["user", "add", "--email", EMAIL, "--role", "doctor"]);
    let token = place.run(&["token", "--user", EMAIL, "--lifetime", "86400"]);
    let program = roomy(&folder, place, count + sessions).await;
    let empty = program.resident_kib();
    let mut idle = opened(program.address, token.trim(), count).await;
    let plain = program.resident_kib();
    let mut initialized = opened(program.address, token.trim(), sessions).await;
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "it", "version": "1" }
    });
    for session in &mut initialized {
        session.rpc("initialize", params.clone()).await;
    }
    let with_sessions = program.resident_kib();
    for client in [0, count / 2, count - 1] {
        assert_eq!(idle[client].rpc("ping", json!({})).await["result"], json!({}), "{client} is held");
    }
    if let (Some(empty), Some(plain), Some(with_sessions)) = (empty, plain, with_sessions) {
        let each = |kib: u64, count: usize| kib * 1024 / u64::try_from(count.max(1)).unwrap();
        eprintln!(
            "{count} idle WebSockets: {} bytes each; {sessions} with a session: {} bytes each; \
             {with_sessions} KiB in all, of which {empty} before",
            each(plain.saturating_sub(empty), count),
            each(with_sessions.saturating_sub(plain), sessions),
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_streams_of_events_are_held_and_their_memory_is_told() {
    let count = count();
    let folder = Folder::new();
    let place = Place { folder: folder.path(), database_url: None };
    let tokens: Vec<String> = (0..count.div_ceil(STREAMS_PER_CALLER))
        .map(|number| {
            let email = format!("nurse{number}@example.org");
            place.run(&["user", "add", "--email", &email, "--role", "nurse"]);
            place.run(&["token", "--user", &email, "--lifetime", "86400"]).trim().to_owned()
        })
        .collect();
    place.run(&["user", "add", "--email", EMAIL, "--role", "doctor"]);
    let doctor = place.run(&["token", "--user", EMAIL, "--lifetime", "86400"]);
    let program = roomy(&folder, place, count).await;
    let empty = program.resident_kib();
    let address = program.address;
    let opening = stream::iter(0..count).map(|number| {
        let token = &tokens[number / STREAMS_PER_CALLER];
        async move { EventStream::at(address, token, "", None).await }
    });
    let mut idle: Vec<EventStream> = opening.buffer_unordered(ABREAST).collect().await;
    let full = program.resident_kib();
    let mut client = program.client(doctor.trim()).await;
    let new =
        json!({ "first_name": "Ada", "last_name": "Byron", "date_of_birth": "1980-01-01", "gender": "F" });
    let answer = client.call("create_patient", &new).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    for place in [0, count / 2, count - 1] {
        assert_eq!(idle[place].wanted("resource_update").await["data"]["resource_type"], "Patient");
    }
    if let (Some(empty), Some(full)) = (empty, full) {
        let each = full.saturating_sub(empty) * 1024 / u64::try_from(count).unwrap();
        eprintln!("{count} idle streams: {each} bytes each; {full} KiB in all, of which {empty} before");
    }
}
