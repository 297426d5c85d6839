//! The kernel that every capability stands on: what a tool is, and the one road that every call takes.
//!
//! Capabilities depend on this crate and on `medcor-fhir` only. Nothing here knows a protocol.

mod answer;
mod appointment;
mod argument;
mod budget;
mod caller;
mod catalog;
mod context;
mod conversation;
pub mod detail;
mod error;
mod limit;
mod login;
mod overload;
mod part;
mod people;
mod pipeline;
mod prompt;
mod reference;
mod resource;
mod schema;
mod secret;
mod tool;
pub mod topic;
mod webhook;

pub use answer::{
    Answer, BYTES_MAX, Format, FreeText, Listing, ListingBuilder, ROWS_DEFAULT, ROWS_MAX, Raw, Stretch,
};
pub use appointment::AppointmentStatus;
pub use caller::Caller;
pub use catalog::{Catalog, CatalogError, CompiledTool, Hit, Implied, ReferencePath};
pub use context::{ToolContext, view};
pub use error::{ArgumentProblem, Candidate, ErrorCode, ErrorReport, ToolError};
pub use limit::{Limiter, RateLimit, RateProblem, Rates, RefusedRequest, Strangers, network_of};
pub use login::{
    AdministratorLogin, Answering, ClientCredentials, ClientLogin, Logins, PersonCredentials, TokenOwner,
};
pub use medcor_policy::{Action, Area, ClientId, Need, Role, Scope, SubjectId, TenantId};
pub use medcor_store::audit::{AuditQuery, DISCLOSURES_REACH, Disclosure, Ended, TrailOrder, TrailRow};
pub use medcor_store::identity::Client;
pub use medcor_store::{
    Account, AccountFilter, AuditEntry, BillingCycle, Claim, Conversation, EmergencyAccess, FormerPlan, Hold,
    Lookup, LookupBy, Matched, NewWebhook, Outcome, OwnTime, PLAN_SUBSCRIPTIONS_MAX, Page, Plan, PlanKind,
    PlanSubscription, Record, SecurityLabel, Taken, Webhook, WebhookContent, WebhookFailure, WebhookState,
    identity::Tenant,
};
pub use overload::Form;
pub use pipeline::{Asking, Call, Pipeline, Refusal, Witness};
pub use prompt::{Prompt, PromptArgument, PromptPart, PromptReading};
pub use reference::{FhirType, Ref, kind};
pub use resource::{BoundResource, ResourceBinding, WatchedResource, resource};
pub use secret::Secret;
pub use tool::{
    Alias, Capability, Chosen, Effect, Exposure, Forward, Synonym, Tool, ToolEntry, alias, forward, synonym,
    tool,
};
pub use webhook::{Endpoint, EndpointRules};
