//! What an idle connection over WebSocket costs. `MEDCOR_IDLE_CONNECTIONS` says how many there are.

use std::{fs, net::SocketAddr};

use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::support::{
    WebSocket,
    folder::Folder,
    process::{Place, Program},
    setting,
};

const EMAIL: &str = "doctor@example.org";
/// Handshakes at once.
const ABREAST: usize = 32;

async fn opened(address: SocketAddr, token: &str, count: usize) -> Vec<WebSocket> {
    let opening = stream::iter(0..count).map(|_| WebSocket::with_token(address, "/ws", token));
    opening.buffer_unordered(ABREAST).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_held_and_their_memory_is_told() {
    let count = setting("MEDCOR_IDLE_CONNECTIONS").map_or(200, |count| count.parse().unwrap());
    let sessions = count / 10;
    let folder = Folder::new();
    let place = Place { folder: folder.path(), database_url: None };
    place.run(&["user", "add", "--email", EMAIL, "--role", "doctor"]);
    let token = place.run(&["token", "--user", EMAIL, "--lifetime", "86400"]);
    let settings = folder.path().join("settings.toml");
    let places = count + sessions + 100;
    let text = format!("connections_max = \"{places}\"\nconnections_per_network = \"{places}\"\n");
    fs::write(&settings, text).unwrap();
    let program = Program::start(place, &["--config", settings.to_str().unwrap()]).await;
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
