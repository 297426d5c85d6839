//! Everything that is tested through the real doors, on a real database: one binary, so that it links once.

#![expect(clippy::unwrap_used, reason = "a test that can't arrange or read has failed")]
#![expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]

mod door_catalogue;
mod door_edge;
mod door_lists;
mod door_mcp;
mod door_refusals;
mod door_sdk;
mod door_sessions;
mod door_stdio;
mod patients;
mod providers;
mod records;
mod support;
mod system;
