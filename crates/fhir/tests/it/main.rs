//! HL7's and Synthea's records through the public door of the crate.

mod damage;
mod examples;
mod hostile;
mod support;
mod synthea;
mod views;
