//! The server: its doors, and what puts it together.

pub mod catalog;
pub mod door;
