//! Everything that is tested through the real doors, on a real database: one binary, so that it links once.

mod door_catalogue;
mod door_edge;
mod door_lists;
mod door_mcp;
mod door_refusals;
mod door_sdk;
mod door_sessions;
mod door_stdio;
mod support;
