//! What FHIR R4 says, as data and pure functions: no I/O, no clock, no database.
//!
//! Compiled definitions ([`definitions`]), parsing that keeps what came ([`resource`], [`primitive`]),
//! validation with every problem at once ([`validate`]), search ([`search`]), compartments
//! ([`compartment`]) and views for reading ([`view`]). Nothing here knows a tenant, a caller or a tool.

pub mod compartment;
pub mod definitions;
mod id;
pub mod naming;
pub mod primitive;
pub mod resource;
mod resource_type;
pub mod search;
pub mod validate;
pub mod view;

pub use id::{Id, InvalidId};
pub use resource::{ParsedResource, RawObject};
pub use resource_type::ResourceType;
pub use validate::{Problem, ProblemKind};
