//! The kernel that every capability stands on: what a tool is, and the one road that every call takes.
//!
//! Capabilities depend on this crate and on `medcor-fhir` only. Nothing here knows a protocol.

mod answer;
mod argument;
mod caller;
mod catalog;
mod context;
mod error;
mod limit;
mod pipeline;
mod prompt;
mod reference;
mod resource;
mod schema;
mod tool;

pub use answer::{Answer, BYTES_MAX, Format, FreeText, Listing, ListingBuilder, ROWS_DEFAULT, ROWS_MAX, Raw};
pub use caller::Caller;
pub use catalog::{Catalog, CatalogError, CompiledTool, Hit, Implied, ReferencePath};
pub use context::{ToolContext, view};
pub use error::{ArgumentProblem, Candidate, ErrorCode, ErrorReport, ToolError};
pub use limit::RateLimit;
pub use medcor_policy::{Action, Area, Need, Role};
pub use medcor_store::{Claim, Lookup, LookupBy, Matched, Page, Record, identity::Tenant};
pub use pipeline::{Call, Pipeline, Refusal};
pub use prompt::{Prompt, PromptArgument};
pub use reference::{FhirType, Ref, kind};
pub use resource::{BoundResource, ResourceBinding, resource};
pub use tool::{Alias, Capability, Effect, Forward, Synonym, Tool, ToolEntry, alias, forward, synonym, tool};
