//! The server: its doors, and what puts it together.

pub mod catalog;
pub mod demonstration;
pub mod door;
