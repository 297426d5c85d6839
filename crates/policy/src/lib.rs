//! Who may do what to which record. Pure: no I/O, no clock, no database.
//!
//! [`authorize`] is the only maker of a [`Permit`], and the store asks for a permit before it touches a
//! record. A permit is the intersection of what the caller holds (roles and scopes) with what the tool
//! declared ([`Need`]): a bug in a tool can't exceed its needs, nor its needs the caller.

pub mod consent;
mod element;
mod need;
mod permit;
mod principal;
mod role;
mod scope;
pub mod system;
mod unseen;

pub use element::open_extensions;
pub use need::{Action, ActionSet, Area, Need};
pub use permit::{Actor, Denial, DenialCause, Permit, Visibility, authorize};
pub use principal::{ClientId, Principal, SubjectId, TenantId};
pub use role::{Grant, Reach, Role};
pub use scope::{Scope, ScopeContext, UnknownScope, sufficient_scopes};
pub use unseen::Unseen;
