//! A running server with a few people and records, and a client to call it with.

mod client;
mod server;
mod trial;

pub(crate) use client::{Reply, Request};
pub(crate) use server::Server;
pub(crate) use trial::TRIAL;
