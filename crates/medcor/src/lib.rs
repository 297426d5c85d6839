//! The server: its commands, its doors, and what puts it together.

// The future of a request holds those of all layers below it, down to the statements of the store.
#![recursion_limit = "256"]

pub mod app;
pub mod catalog;
pub mod command;
pub mod config;
pub mod demonstration;
pub mod door;
pub mod events;
pub mod import;
pub mod job;
pub mod mail;
pub mod reference;
