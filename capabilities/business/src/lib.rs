//! The business of a clinic: what it offers and at what price, and to which plan of the server it has subscribed.

mod price_list;
mod subscriptions;

use medcor_tools::Capability;

/// The families of this domain.
pub static BUSINESS: &[&Capability] = &[&price_list::SERVICES, &subscriptions::SUBSCRIPTIONS];
