//! Reports: what was known of a patient or of the organisation when somebody asked, kept as it was answered.
//!
//! What is in them comes from the tools and figures that there are; who may open one is in `kept.rs` alone.

mod clinical;
mod content;
mod counted;
mod generate;
mod kept;
mod kind;
mod medication;
mod operational;
mod read;

pub(super) use self::{
    generate::GenerateReport,
    read::{GetReport, ListReports},
};
