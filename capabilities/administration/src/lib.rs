//! Administration: organisations, providers, records, the system.

mod organisations;
mod providers;
mod records;
mod system;

use medcor_tools::Capability;

/// The families of this domain.
pub static ADMINISTRATION: &[&Capability] =
    &[&organisations::ORGANISATIONS, &providers::PROVIDERS, &records::RECORDS, &system::SYSTEM];
