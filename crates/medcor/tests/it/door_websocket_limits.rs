//! What ends a connection over WebSocket, and what it may cost.

use std::time::Duration;

use futures_util::SinkExt;
use medcor::door::{DoorSettings, WebSocketSettings};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_tungstenite::tungstenite::protocol::frame::{
    Frame,
    coding::{Data, OpCode},
};
use yawc::{Options, WebSocket as Deflating};

use crate::{
    account_pages::PASSWORD,
    support::{Server, WebSocket},
};

const DOCTOR: &str = "doctor@here";
const MEBIBYTE: usize = 1024 * 1024;

async fn connected(server: &Server, email: &str) -> WebSocket {
    WebSocket::with_token(server.address, "/ws", &server.token(email).await).await
}

fn hurried(websocket: WebSocketSettings) -> DoorSettings {
    DoorSettings {
        stream_recheck: Duration::from_millis(20),
        websocket,
        ..DoorSettings::new("https://mcp.example.org")
    }
}

fn text(payload: &[u8], opcode: Data, is_last: bool) -> Frame {
    Frame::message(payload.to_vec(), OpCode::Data(opcode), is_last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_ends_when_its_token_is_revoked() {
    let server = Server::start().await;
    server.give_password(DOCTOR, PASSWORD).await;
    let body = json!({ "email": DOCTOR, "password": PASSWORD }).to_string();
    let tokens = server.request("POST", "/api/auth/login/").body(body).send().await;
    let tokens: Value = serde_json::from_str(&tokens.body).unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let mut lost = WebSocket::with_token(server.address, "/ws", token).await;
    let mut kept = connected(&server, "nurse@here").await;
    let out = json!({ "refresh_token": tokens["refresh_token"] }).to_string();
    let out = server.request("POST", "/api/auth/logout/").bearer(token).body(out).send().await;
    assert!(out.status.is_success(), "{}", out.body);
    assert_eq!(lost.closed().await, 1008);
    assert_eq!(kept.rpc("ping", json!({})).await["result"], json!({}), "somebody else's goes on");
    let rows = server.audit().await;
    let ends = rows.iter().filter(|row| row["action"] == "end_stream" && row["door"] == "mcp-websocket");
    assert_eq!(ends.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_ends_with_its_token_unless_a_newer_one_came() {
    let server = Server::start().await;
    let mut lost = connected(&server, DOCTOR).await;
    let mut kept = connected(&server, "nurse@here").await;
    server.store.clock().advance(Duration::from_mins(14));
    let newer = server.token("nurse@here").await;
    kept.rpc("auth", json!({ "token": newer })).await;
    server.store.clock().advance(Duration::from_mins(2));
    assert_eq!(lost.closed().await, 1008);
    assert_eq!(kept.rpc("ping", json!({})).await["result"], json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_spoken_here_is_refused_by_its_code() {
    let server = Server::start().await;
    let mut bytes = connected(&server, DOCTOR).await;
    bytes.send_binary().await;
    assert_eq!(bytes.closed().await, 1003);
    let mut latin = connected(&server, DOCTOR).await;
    latin.send_frame(text(b"\xe4", Data::Text, true)).await;
    assert_eq!(latin.closed().await, 1007);
    let mut disordered = connected(&server, DOCTOR).await;
    disordered.send_frame(text(b"{}", Data::Continue, true)).await;
    assert_eq!(disordered.closed().await, 1002);
    let mut within = connected(&server, DOCTOR).await;
    within.send_frame(text(b"{", Data::Text, false)).await;
    within.send_frame(text(b"{}", Data::Text, true)).await;
    assert_eq!(within.closed().await, 1002);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_may_have_a_mebibyte_in_one_frame_or_many() {
    let server = Server::start().await;
    let echo = |bytes: usize| {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "a": "" } }).to_string();
        call.replace("\"\"", &format!("\"{}\"", "a".repeat(bytes - call.len())))
    };
    let mut fitting = connected(&server, DOCTOR).await;
    fitting.send(echo(MEBIBYTE)).await;
    assert!(fitting.next().await.get("id").is_some());
    let whole = echo(MEBIBYTE + 1);
    let mut one = connected(&server, DOCTOR).await;
    one.send(&whole).await;
    assert_eq!(one.closed().await, 1009);
    let mut many = connected(&server, DOCTOR).await;
    let pieces: Vec<&[u8]> = whole.as_bytes().chunks(64 * 1024).collect();
    for (number, piece) in pieces.iter().enumerate() {
        let opcode = if number == 0 { Data::Text } else { Data::Continue };
        many.send_frame(text(piece, opcode, number + 1 == pieces.len())).await;
    }
    assert_eq!(many.closed().await, 1009);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_run_side_by_side_up_to_a_limit() {
    let server = Server::start().await;
    let mut client = connected(&server, DOCTOR).await;
    let slow = json!({ "name": "trial_slow", "arguments": { "milliseconds": 500 } });
    for id in 0..40 {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": slow });
        client.send(call).await;
    }
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..40 {
        let answer = client.next().await;
        if answer["error"]["data"]["code"] == "RATE_LIMIT" {
            refused += 1;
            continue;
        }
        assert!(answer["result"].is_object(), "{answer}");
        assert_eq!(refused, 8, "the refusals come at once");
        answered += 1;
    }
    assert_eq!((answered, refused), (32, 8));
    assert_ne!(
        client.call("trial_echo", json!({ "text": "a" })).await["isError"],
        true,
        "there is room again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_the_library_count_and_give_their_places_back() {
    let server = Server::start().await;
    let websocket = WebSocketSettings { requests: 2, ..WebSocketSettings::default() };
    let (address, _stop) = server.doors_with(hurried(websocket)).await;
    let mut client = WebSocket::with_token(address, "/ws", &server.token(DOCTOR).await).await;
    let slow = json!({
        "name": "trial_slow", "arguments": { "milliseconds": 60_000 }, "_meta": { "progressToken": "p" }
    });
    for id in ["a", "b", "c"] {
        client.send(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": slow })).await;
    }
    let mut refused = client.next().await;
    while refused["method"] == "notifications/progress" {
        refused = client.next().await;
    }
    assert_eq!((&refused["id"], &refused["error"]["data"]["code"]), (&json!("c"), &json!("RATE_LIMIT")));
    let cancelled = json!({ "requestId": "a" });
    client.send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled })).await;
    assert_eq!(client.rpc("ping", json!({})).await["result"], json!({}));
    client.send(json!({ "jsonrpc": "2.0", "id": "b", "method": "ping" })).await;
    let twice = client.next().await;
    assert_eq!(twice["error"]["code"], -32600, "the id is taken: {twice}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = Server::start().await;
    let patience = Duration::from_millis(200);
    let websocket = WebSocketSettings { patience, ..WebSocketSettings::default() };
    let (address, _stop) = server.doors_with(hurried(websocket)).await;
    let mut client = WebSocket::with_token(address, "/ws", &server.token(DOCTOR).await).await;
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    // Each answer has hundreds of kilobytes; the kernel takes a few megabytes of them.
    for _ in 0..60 {
        client.send(&request).await;
    }
    let mut connection = client.into_connection();
    tokio::time::sleep(patience * 5).await;
    let mut taken = 0;
    let mut sink = vec![0; MEBIBYTE];
    loop {
        match connection.read(&mut sink).await {
            Ok(0) | Err(_) => break,
            Ok(read) => taken += read,
        }
    }
    assert!(taken < 60 * 200 * 1024, "{taken} bytes came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_on_which_nothing_comes_is_closed() {
    let server = Server::start().await;
    let websocket = WebSocketSettings {
        ping: Duration::from_millis(50),
        silence: Duration::from_millis(400),
        ..WebSocketSettings::default()
    };
    let (address, _stop) = server.doors_with(hurried(websocket)).await;
    let token = server.token(DOCTOR).await;
    let mut silent = WebSocket::with_token(address, "/ws", &token).await.into_connection();
    let mut alive = WebSocket::with_token(address, "/ws", &token).await;
    let mut bytes = Vec::new();
    // Reads frames, and answers none.
    let ended = tokio::select! {
        read = silent.read_to_end(&mut bytes) => read.is_ok(),
        code = alive.closed() => panic!("whoever answers stays: {code}"),
    };
    assert!(ended);
    assert!(bytes.starts_with(&[0x89, 0]), "it was asked first: {bytes:?}");
    assert!(bytes.windows(4).any(|window| window[0] == 0x88 && window[2..] == 1000_u16.to_be_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_answers_what_was_asked_and_says_so() {
    let mut server = Server::start().await;
    let mut client = connected(&server, DOCTOR).await;
    let mut idle = connected(&server, DOCTOR).await;
    let slow = json!({ "name": "trial_slow", "arguments": { "milliseconds": 200 } });
    client.send(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": slow })).await;
    assert_eq!(client.rpc("ping", json!({})).await["result"], json!({}), "the call has begun");
    let stopping = server.stop();
    let hearing = async {
        assert_eq!(idle.closed().await, 1012);
        assert!(client.next().await["result"].is_object());
        assert_eq!(client.closed().await, 1012);
    };
    tokio::join!(stopping, hearing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_connections_count_among_those_of_the_server() {
    let server = Server::start().await;
    let settings = DoorSettings { connections_per_network: 3, ..hurried(WebSocketSettings::default()) };
    let (address, _stop) = server.doors_with(settings).await;
    let token = server.token(DOCTOR).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(WebSocket::with_token(address, "/ws", &token).await);
    }
    let mut fourth = TcpStream::connect(address).await.unwrap();
    assert_eq!(fourth.read(&mut [0; 16]).await.unwrap_or(0), 0, "there is no place for a fourth");
    drop(open.pop());
    loop {
        let connection = TcpStream::connect(address).await.unwrap();
        let mut byte = [0];
        // A connection with a place stays open without a word.
        let peeked = tokio::time::timeout(Duration::from_millis(100), connection.peek(&mut byte)).await;
        if peeked.is_err() {
            break;
        }
    }
}

async fn deflating(server: &Server) -> Deflating<TcpStream> {
    let token = server.token(DOCTOR).await;
    let request = yawc::HttpRequest::builder().header("authorization", format!("Bearer {token}"));
    let url = format!("ws://{}/ws", server.address).parse().unwrap();
    let connection = TcpStream::connect(server.address).await.unwrap();
    let options = Options::default().with_limits(64 * MEBIBYTE, 64 * MEBIBYTE).with_balanced_compression();
    Deflating::handshake_with_request(url, connection, options, request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_deflated_where_the_client_offers_it() {
    let server = Server::start().await;
    let plain = connected(&server, DOCTOR).await;
    assert!(plain.headers.get("sec-websocket-extensions").is_none(), "nobody offered it");
    let mut client = deflating(&server).await;
    for text in ["a".to_owned(), "b".repeat(100_000)] {
        let params = json!({ "name": "trial_echo", "arguments": { "text": text } });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        client.send(yawc::Frame::text(call)).await.unwrap();
        let answer: Value = serde_json::from_slice(client.next_frame().await.unwrap().payload()).unwrap();
        assert_eq!(answer["result"]["structuredContent"]["text"], *text);
    }
    let offered = [("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")];
    let agreed = WebSocket::open(server.address, "/ws", &offered).await.unwrap();
    let agreed = agreed.headers["sec-websocket-extensions"].to_str().unwrap();
    assert!(agreed.starts_with("permessage-deflate"), "{agreed}");
    assert!(agreed.contains("server_no_context_takeover"), "{agreed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_grows_beyond_the_limit_is_refused() {
    let server = Server::start().await;
    let mut client = deflating(&server).await;
    // 32 MiB in 32 KiB.
    client.send(yawc::Frame::text("a".repeat(32 * MEBIBYTE))).await.unwrap();
    let close = client.next_frame().await.unwrap();
    assert_eq!(close.close_code().map(u16::from), Some(1009));
    let mut healthy = connected(&server, DOCTOR).await;
    assert_eq!(healthy.rpc("ping", json!({})).await["result"], json!({}));
}
