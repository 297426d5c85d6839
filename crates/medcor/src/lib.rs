//! The server: its commands, its doors, and what puts it together.

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
