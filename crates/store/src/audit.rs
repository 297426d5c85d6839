//! The audit trail: append-only, hash-chained per writer, verifiable.

use medcor_fhir::Id;
use medcor_policy::{ClientId, SubjectId, TenantId};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, batch::Batch, ledger};

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

/// What to look for in the trail. Every condition that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Rows of this tenant.
    pub tenant: Option<TenantId>,
    /// Rows that touch this patient.
    pub patient: Option<Id>,
    /// Rows of this subject.
    pub subject: Option<SubjectId>,
    /// Rows of this tool or command.
    pub action: Option<String>,
    /// From this time on, microseconds.
    pub from: Option<i64>,
    /// Before this time, microseconds.
    pub to: Option<i64>,
    /// At most so many, newest last.
    pub limit: u32,
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

    /// Walks every chain from its beginning, and compares what it finds with the sealed heads and the
    /// signed checkpoints. It may run beside writers.
    pub async fn verify(&self) -> Result<ChainReport, StoreError> {
        ledger::verify::verify(self.store.backend()).await
    }

    /// Rows as JSON lines (each with `chain`, `sequence`, `previous_hash`, `hash`), oldest first.
    pub async fn search(&self, query: &AuditQuery) -> Result<Vec<String>, StoreError> {
        ledger::search::search(self.store.backend(), query).await
    }
}
