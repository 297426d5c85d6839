//! Administration: organisations, providers, records, the system.

use medcor_tools::Capability;

/// The families of this domain.
pub static ADMINISTRATION: &[&Capability] = &[];
