//! The front office: patients, scheduling, engagement.

mod patients;

use medcor_tools::Capability;

/// The families of this domain.
pub static FRONT_OFFICE: &[&Capability] = &[&patients::PATIENTS];
