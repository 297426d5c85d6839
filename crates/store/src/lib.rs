//! Every byte that persists, and the only SQL.
//!
//! Records open only through a [`Session`], a session only for a [`medcor_policy::Permit`]. Nothing is
//! written but by [`Session::commit`] and [`Ledger::record`], and both return only when the audit row is
//! durable.

pub mod agent;
pub mod audit;
mod batch;
mod clock;
mod database;
mod error;
pub mod identity;
mod ledger;
mod outbox;
mod plan;
mod record;
mod records;
mod session;
mod sight;
mod spending;
mod tenant_settings;
mod webhook;

pub use audit::BrokenLink;
pub use audit::{AuditEntry, AuditEvent, ChainReport, EventKind, Ledger, Outcome};
pub use clock::Clock;
pub use database::{AuditDurability, Fence, Location, Settings, Statistics, Store};
pub use error::{Conflict, StoreError};
pub use outbox::{
    EventAction, EventPage, EventPosition, EventsAfter, Outbox, OutboxSignal, PositionSeal, RecordEvent,
};
pub use plan::{BillingCycle, FormerPlan, Plan, PlanKind, PlanSubscription};
pub use record::{Lookup, LookupBy, Matched, Page, Record};
pub use session::{
    Account, AccountFilter, Claim, Committed, Conversation, EmergencyAccess, ExportPage, Hold, KnownAnswer,
    NewWebhook, OwnTime, PLAN_SUBSCRIPTIONS_MAX, SecurityLabel, Session, Taken, TrailPage, WriteOutcome,
};
pub use spending::Spent;
pub use tenant_settings::{SecondFactor, TenantSettings, UnknownSetting, WriteConfirmation};
pub use webhook::{
    DueWebhook, Lease, Webhook, WebhookContent, WebhookFailure, WebhookKey, WebhookProgress, WebhookState,
    Webhooks,
};
