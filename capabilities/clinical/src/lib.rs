//! Clinical work: charts, encounters, medications.

use medcor_tools::Capability;

/// The families of this domain.
pub static CLINICAL: &[&Capability] = &[];
