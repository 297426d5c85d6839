//! A reader of server-sent events, as strict as a browser's.

use std::{net::SocketAddr, time::Duration};

use axum::http::StatusCode;
use medcor_store::{EventsAfter, Store};
use serde_json::Value;

use super::{Opened, Request, Server, asyncapi};

/// Longest that a test waits for an event.
const PATIENCE: Duration = Duration::from_mins(1);

/// An open stream.
pub(crate) struct EventStream {
    address: SocketAddr,
    opened: Opened,
    text: String,
    /// What a browser sends when it connects again.
    pub(crate) last_id: String,
}

/// An event.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) name: String,
    /// Its own, where it has one.
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl EventStream {
    /// Everything from now on.
    pub(crate) async fn open(server: &Server, token: &str) -> Self {
        settled(&server.store).await;
        Self::at(server.address, token, "", None).await
    }

    /// What follows an event; `query` begins with `?` or is empty.
    pub(crate) async fn at(address: SocketAddr, token: &str, query: &str, after: Option<&str>) -> Self {
        let mut request = Request::new(address, "GET", &format!("/api/mcp/sse{query}")).bearer(token);
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        Self::of(request).await
    }

    /// What follows an event; `None` where nobody is there.
    pub(crate) async fn try_at(address: SocketAddr, token: &str, query: &str, after: &str) -> Option<Self> {
        let request = Request::new(address, "GET", &format!("/api/mcp/sse{query}")).bearer(token);
        let opened = request.header("last-event-id", after).try_open().await?;
        assert_eq!(opened.status, StatusCode::OK);
        Some(Self { address, opened, text: String::new(), last_id: after.to_owned() })
    }

    pub(crate) async fn of(request: Request) -> Self {
        let address = request.address();
        let opened = request.header("accept", "text/event-stream").open().await;
        assert_eq!(opened.status, StatusCode::OK, "no stream");
        assert_eq!(opened.headers["content-type"], "text/event-stream");
        let mut stream = Self { address, opened, text: String::new(), last_id: String::new() };
        let greeting = stream.any().await.expect("a stream begins with where it is");
        assert_eq!(greeting.name, "heartbeat");
        stream
    }

    /// The next event of any kind, which is as the document of the server describes it; `None` at the end.
    pub(crate) async fn any(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (told, rest) = (parsed(block), rest.to_owned());
                self.text = rest;
                let Some(told) = told else { continue };
                assert_eq!(told.data["type"], told.name, "the name is in the data too");
                asyncapi::check(self.address, asyncapi::STREAM, &told.data).await;
                if let Some(id) = &told.id {
                    self.last_id.clone_from(id);
                }
                return Some(told);
            }
            let more = tokio::time::timeout(PATIENCE, self.opened.next_or_cut()).await;
            self.text.push_str(&more.expect("an event comes")?);
        }
    }

    /// The next event that is not a heartbeat.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            let told = self.any().await?;
            if told.name != "heartbeat" {
                return Some(told);
            }
        }
    }

    /// The next event, which there must be, and of this name.
    pub(crate) async fn wanted(&mut self, name: &str) -> Value {
        let told = self.next().await.expect("the stream goes on");
        assert_eq!(told.name, name, "{told:?}");
        told.data
    }
}

/// Waits until what was committed is handed out. On PostgreSQL transactions of other databases of the cluster, such
/// as those of other tests, hold it back for a moment, and a stream would begin with it.
pub(crate) async fn settled(store: &Store) {
    let outbox = store.outbox();
    let mut signal = outbox.signal();
    loop {
        let place = outbox.newest().await.unwrap();
        match outbox.after(place, 1).await.unwrap() {
            EventsAfter::Kept(page) if page.events.is_empty() && !page.is_held_back => return,
            _ => signal.wait(Duration::from_millis(5)).await,
        }
    }
}

fn parsed(block: &str) -> Option<Told> {
    let (mut name, mut id, mut data) = (None, None, None);
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("event", value)) => name = Some(value.to_owned()),
            Some(("id", value)) => id = Some(value.to_owned()),
            Some(("data", value)) => data = Some(serde_json::from_str(value).expect("data is JSON")),
            Some(("retry", value)) => assert!(value.parse::<u32>().is_ok()),
            _ => panic!("no line of an event: {line}"),
        }
    }
    Some(Told { name: name?, id, data: data? })
}
