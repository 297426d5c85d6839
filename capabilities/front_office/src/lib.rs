//! The front office: patients, scheduling, engagement.

use medcor_tools::Capability;

/// The families of this domain.
pub static FRONT_OFFICE: &[&Capability] = &[];
