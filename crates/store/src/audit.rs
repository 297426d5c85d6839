//! The audit trail: append-only, hash-chained per writer, verifiable.

mod disclosure;
mod find;
mod index;
mod key;
mod name;
pub(crate) mod signature;

use std::net::IpAddr;

use medcor_fhir::Id;
use medcor_policy::{ClientId, Principal, SubjectId, TenantId};
use serde::{Deserialize, Serialize};

pub use self::{
    disclosure::{DISCLOSURES_REACH, Disclosure, Purpose},
    find::{AuditQuery, Ended, TrailOrder, TrailRow, TrailWalk},
    key::{AuditKey, AuditPublicKey, BadAuditKey},
};
use crate::{Clock, Store, StoreError, batch::Batch, ledger};

/// One call, as the trail remembers it. Never holds a parameter's value or anything of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When it was answered, microseconds since the epoch.
    pub at: i64,
    /// `AUDIT:` and what happened, such as `AUDIT:TOOL_CALL`.
    pub event: String,
    /// Whose records; `None` when the caller is unknown.
    pub tenant: Option<TenantId>,
    /// Who.
    pub subject: Option<SubjectId>,
    /// Through which program.
    pub client: Option<ClientId>,
    /// As what.
    pub roles: Vec<String>,
    /// The tool or command.
    pub action: String,
    /// Names of the parameters given; values never.
    pub parameters: Vec<String>,
    /// Opaque ids of the patients whose records were handed out or written, at most 1,000.
    pub patients: Vec<Id>,
    /// How it ended.
    pub outcome: Outcome,
    /// Microseconds from the door to the commit.
    pub latency_microseconds: u64,
    /// The id that the answer and the log carry too.
    pub request_id: String,
    /// The door: `mcp-http`, `mcp-stdio`, `command`, …
    pub door: String,
    /// What an event was about that is no call of a tool, such as `user/0198…` or `client/…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// One of our own words on what happened, such as `wrong_password`. Never what a caller wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The network address that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// What kind of thing happened outside of a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Somebody logged in or out, or failed to.
    Authentication,
    /// Somebody gave, refused or took back a consent: to a client's scopes, or over a chart.
    Consent,
    /// A token was issued, refreshed, refused or revoked.
    Token,
    /// A user, client, organisation, role, key or setting was changed.
    Administration,
    /// A stream of events was opened or ended.
    Events,
}

impl EventKind {
    /// `event` of its rows.
    pub fn event(self) -> &'static str {
        match self {
            Self::Authentication => "AUDIT:AUTHENTICATION",
            Self::Consent => "AUDIT:CONSENT",
            Self::Token => "AUDIT:TOKEN",
            Self::Administration => "AUDIT:ADMINISTRATION",
            Self::Events => "AUDIT:EVENTS",
        }
    }
}

/// Something that happened outside of a tool call, for [`Ledger::event`].
///
/// ```
/// # use medcor_store::audit::{AuditEvent, EventKind};
/// # use medcor_policy::{SubjectId, TenantId};
/// let refused = AuditEvent::new(EventKind::Authentication, "login")
///     .of_tenant(TenantId(1))
///     .by(SubjectId("ada".to_owned()))
///     .at_door("login", "request-1")
///     .failed("AUTH_INVALID", "wrong_password");
/// # drop(refused);
/// ```
#[derive(Debug, Clone)]
#[must_use = "an event is only in the trail once `Ledger::event` has recorded it"]
pub struct AuditEvent(AuditEntry);

impl AuditEvent {
    /// A success, of nobody known yet. `action` is one word of ours, such as `login` or `revoke_token`.
    pub fn new(kind: EventKind, action: &'static str) -> Self {
        Self(AuditEntry {
            at: 0,
            event: kind.event().to_owned(),
            tenant: None,
            subject: None,
            client: None,
            roles: Vec::new(),
            action: action.to_owned(),
            parameters: Vec::new(),
            patients: Vec::new(),
            outcome: Outcome::Success,
            latency_microseconds: 0,
            request_id: String::new(),
            door: String::new(),
            object: None,
            detail: None,
            address: None,
        })
    }

    /// Who did it, through which client, as what.
    pub fn of(self, principal: &Principal) -> Self {
        let roles = principal.roles.iter().map(|role| role.name().to_owned()).collect();
        Self(AuditEntry { roles, ..self.0 })
            .of_tenant(principal.tenant)
            .by(principal.subject.clone())
            .through(principal.client.clone())
    }

    /// Whose organisation it concerns.
    pub fn of_tenant(self, tenant: TenantId) -> Self {
        Self(AuditEntry { tenant: Some(tenant), ..self.0 })
    }

    /// Who did it, or is said to have tried.
    pub fn by(self, subject: SubjectId) -> Self {
        Self(AuditEntry { subject: Some(subject), ..self.0 })
    }

    /// Through which client.
    pub fn through(self, client: ClientId) -> Self {
        Self(AuditEntry { client: Some(client), ..self.0 })
    }

    /// What it was about: a kind such as `user`, and an id of ours. Never an e-mail address or a token.
    pub fn about(self, kind: &'static str, id: &str) -> Self {
        Self(AuditEntry { object: Some(format!("{kind}/{id}")), ..self.0 })
    }

    /// A patient whose records it touches.
    pub fn about_patient(mut self, patient: Id) -> Self {
        self.0.patients.push(patient);
        self
    }

    /// One of our own words on what happened, such as `refresh_reused`.
    pub fn with_detail(self, detail: &'static str) -> Self {
        Self(AuditEntry { detail: Some(detail.to_owned()), ..self.0 })
    }

    /// The network address that the request came from.
    pub fn from_address(self, address: IpAddr) -> Self {
        Self(AuditEntry { address: Some(address.to_string()), ..self.0 })
    }

    /// The door, and the id that the answer and the log carry too.
    pub fn at_door(self, door: &'static str, request_id: &str) -> Self {
        Self(AuditEntry { door: door.to_owned(), request_id: request_id.to_owned(), ..self.0 })
    }

    /// It was refused or failed, with a code of the error table and a word of ours on why.
    pub fn failed(self, code: &'static str, detail: &'static str) -> Self {
        Self(AuditEntry { outcome: Outcome::Failure(code.to_owned()), ..self.0 }).with_detail(detail)
    }

    /// The row, as of now.
    pub(crate) fn entry(&self, clock: &Clock) -> AuditEntry {
        let mut entry = AuditEntry { at: clock.now(), ..self.0.clone() };
        if entry.request_id.is_empty() {
            entry.request_id = clock.new_id().to_string();
        }
        entry
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Success,
    /// Refused or failed, with the code of the error table.
    Failure(String),
}

/// The audit trail of a store.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
}

/// What walking the chains showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Chains walked.
    pub chains: u64,
    /// Rows walked.
    pub rows: u64,
    /// The first row whose hash does not follow from its content and its predecessor.
    pub first_broken: Option<BrokenLink>,
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLink {
    /// The writer's chain.
    pub chain: String,
    /// The row's number in it.
    pub sequence: i64,
    /// Missing row, changed content, or wrong predecessor.
    pub reason: &'static str,
}

/// What walking the chains and their signatures showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReport {
    /// The chains, and the first thing that is broken, a signature too.
    pub chain: ChainReport,
    /// Signatures of heads.
    pub signatures: u64,
    /// When the last one was made, microseconds since the epoch.
    pub last_signed_at: Option<i64>,
}

impl Ledger {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Writes one row that belongs to no session, such as a refusal; durable when it returns.
    pub async fn record(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let audit = vec![ledger::audit_row(&entry)?];
        self.store.backend().commit(Batch { audit, ..Batch::default() }).await
    }

    /// Records what happened outside of any tool call: a login, a consent, a token, an administrative act,
    /// in success or refusal. The row is durable when it returns; answer only then.
    pub async fn event(&self, event: AuditEvent) -> Result<(), StoreError> {
        self.record(event.entry(self.store.clock())).await
    }

    /// Walks every chain from its beginning, and compares what it finds with the sealed heads and the
    /// signed checkpoints. It may run beside writers.
    pub async fn verify(&self) -> Result<ChainReport, StoreError> {
        Ok(self.verify_with(&[]).await?.chain)
    }

    /// Like [`Ledger::verify`], with the heads that were signed daily. Without a key the signatures are
    /// only seen to follow from each other.
    pub async fn verify_with(&self, keys: &[AuditPublicKey]) -> Result<SignedReport, StoreError> {
        ledger::verify::verify(self.store.backend(), keys).await
    }
}
