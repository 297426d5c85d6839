//! What the tests stand on: a server with a few people and records and a client to call it with; two
//! organisations whose every record is marked; the program itself in a process of its own.

pub(crate) mod asyncapi;
pub(crate) mod browser;
pub(crate) mod canary;
pub(crate) mod chromium;
mod client;
mod clinic;
pub(crate) mod demonstration;
mod destination;
mod events;
pub(crate) mod folder;
pub(crate) mod http;
mod login;
pub(crate) mod oracle;
pub(crate) mod process;
mod receiver;
mod record;
pub(crate) mod reference;
pub(crate) mod region;
mod server;
mod trial;
pub(crate) mod websocket;

pub(crate) use client::{Opened, Reply, Request};
pub(crate) use clinic::{Clinic, denial, patient};
pub(crate) use destination::{Destination, shared_data};
pub(crate) use events::{EventStream, settled};
pub(crate) use login::{CLIENT_SECRET, PASSWORD};
pub(crate) use receiver::{Message, Receiver};
pub(crate) use record::SPECIALTY;
pub(crate) use server::{Instance, Server, arranging};
pub(crate) use trial::TRIAL;
pub(crate) use websocket::WebSocket;

/// What the environment says about the tests.
#[expect(clippy::disallowed_methods, reason = "tests are steered by the environment alone")]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
