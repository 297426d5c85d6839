//! Administration: the audit trail, conversations, organisations, providers, records, emergencies, the system,
//! webhooks.

mod audit;
mod conversation;
mod emergency;
mod login;
mod organisations;
mod people;
mod providers;
mod records;
mod system;
mod webhooks;

use medcor_tools::Capability;

/// The families of this domain.
pub static ADMINISTRATION: &[&Capability] = &[
    &audit::AUDIT,
    &conversation::CONVERSATION,
    &emergency::EMERGENCY,
    &login::LOGIN,
    &organisations::ORGANISATIONS,
    &people::PEOPLE,
    &providers::PROVIDERS,
    &records::RECORDS,
    &system::SYSTEM,
    &webhooks::WEBHOOKS,
];
