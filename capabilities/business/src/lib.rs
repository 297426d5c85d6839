//! The business of a clinic: what it offers and at what price, what becomes of it in figures, and to which plan of the
//! server it has subscribed.

mod amount;
mod analytics;
mod price_list;
mod subscriptions;

use medcor_tools::Capability;

/// The families of this domain.
pub static BUSINESS: &[&Capability] =
    &[&price_list::SERVICES, &analytics::ANALYTICS, &subscriptions::SUBSCRIPTIONS];
