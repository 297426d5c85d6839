//! The front office: patients, scheduling, what patients answer before visits, engagement.

mod engagement;
mod patients;
mod previsit;
mod scheduling;

use medcor_tools::Capability;

pub use scheduling::appointment_standing;

/// The families of this domain.
pub static FRONT_OFFICE: &[&Capability] =
    &[&patients::PATIENTS, &scheduling::SCHEDULING, &previsit::PREVISIT, &engagement::ENGAGEMENT];
