//! A receiver of webhooks: an HTTP server on this machine that remembers what it got and answers as it is told.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// It runs until the test ends.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    got: Vec<Message>,
    answers: VecDeque<String>,
}

/// What came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let state = Arc::<Mutex<State>>::default();
        let own = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(taken(stream, own.clone()));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What the next messages are answered, instead of 204.
    pub(crate) fn answers(&self, answers: &[&str]) {
        self.state().answers.extend(answers.iter().map(|answer| (*answer).to_owned()));
    }

    /// What came since the last time.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.state().got)
    }

    /// The only message that came since the last time.
    pub(crate) fn only(&self) -> Message {
        let mut got = self.take();
        assert_eq!(got.len(), 1, "{got:#?}");
        got.remove(0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl Message {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a notification is JSON")
    }

    /// A parameter of how the subscription stands.
    pub(crate) fn status(&self, name: &str) -> Value {
        let bundle = self.json();
        let parameters = bundle["entry"][0]["resource"]["parameter"].as_array().expect("parameters").clone();
        let found = parameters.into_iter().find(|parameter| parameter["name"] == name);
        found.unwrap_or_default()
    }

    /// `Type/id` of the record that an event is about.
    pub(crate) fn focus(&self) -> String {
        let event = self.status("notification-event");
        let focus = event["part"][2]["valueReference"]["reference"].as_str().expect("a focus").to_owned();
        focus.split("/fhir/R4/").nth(1).expect("an address of here").to_owned()
    }

    /// Which of these secrets have signed it: HMAC as RFC 2104 writes it, by no code of the server.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let signed = format!("{}.{}.{}", self.id(), self.headers["webhook-timestamp"], self.body);
        let padded = |byte: u8| -> Vec<u8> {
            (0..64).map(|place| key.get(place).copied().unwrap_or(0) ^ byte).collect()
        };
        let inner = digest(&SHA256, &[padded(0x36), signed.into_bytes()].concat());
        let outer = digest(&SHA256, &[padded(0x5c), inner.as_ref().to_vec()].concat());
        let wanted = format!("v1,{}", STANDARD.encode(outer));
        self.headers["webhook-signature"].split(' ').any(|signature| signature == wanted)
    }
}

async fn taken(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut bytes = Vec::new();
    let message = loop {
        if let Some(message) = parsed(&bytes) {
            break message;
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&more[..read]),
        }
    };
    let answer = {
        let mut state = state.lock().expect("nobody panics with it");
        state.got.push(message);
        state.answers.pop_front().unwrap_or_else(|| "204 No Content".to_owned())
    };
    let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
    drop(stream.write_all(text.as_bytes()).await);
}

fn parsed(bytes: &[u8]) -> Option<Message> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    (body.len() >= length).then(|| Message { line, headers, body: body.to_owned() })
}
