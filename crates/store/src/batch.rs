//! What a session hands to the writer: everything of one commit, checked and ready.

use std::sync::Arc;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::TenantId;

use crate::{Conflict, WriteOutcome, database::Statement, records::index_row::IndexRow};

/// `state` of a current record.
pub(crate) const STATE_CURRENT: i64 = 0;
/// `state` of the mark of a deletion.
pub(crate) const STATE_DELETED: i64 = 1;
/// `state` of a record about a deactivated patient.
pub(crate) const STATE_WITHHELD: i64 = 2;

/// For how long an answer is kept for a repeated call, in microseconds: a day.
pub(crate) const ANSWER_KEPT: i64 = 24 * 60 * 60 * 1_000_000;

/// One atomic commit.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Whose records; `None` for audit rows and identity alone.
    pub(crate) tenant: Option<TenantId>,
    /// When, microseconds since the epoch.
    pub(crate) at: i64,
    /// Claims given up, before others are taken; those of another owner stay.
    pub(crate) releases: Vec<Release>,
    /// Claims taken.
    pub(crate) claims: Vec<Taking>,
    /// Claims taken where they are free.
    pub(crate) marks: Vec<Taking>,
    /// In order; a later one may build on an earlier one.
    pub(crate) writes: Vec<Write>,
    /// The answers to keep under idempotency keys.
    pub(crate) answers: Vec<KeptAnswer>,
    /// Identity: each must change at least one row.
    pub(crate) changes: Vec<Change>,
    /// Identity: what goes with the changes, after them. Each may find nothing.
    pub(crate) sweeps: Vec<Statement>,
    /// Rows of the trail.
    pub(crate) audit: Vec<AuditRow>,
}

impl Batch {
    /// Whether it leaves everything but the trail as it is.
    pub(crate) fn is_audit_only(&self) -> bool {
        let Self { releases, claims, writes, answers, .. } = self;
        releases.is_empty()
            && claims.is_empty()
            && writes.is_empty()
            && answers.is_empty()
            && !self.touches_identity()
    }

    /// Whether followers of the outbox may find something. The use of an emergency access is a change.
    pub(crate) fn may_write_events(&self) -> bool {
        !self.writes.is_empty() || !self.changes.is_empty()
    }

    /// Whether it changes people, clients or what they hold.
    pub(crate) fn touches_identity(&self) -> bool {
        !self.changes.is_empty() || !self.sweeps.is_empty()
    }
}

/// A claim that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taking {
    pub(crate) key: String,
    /// Who gives it up; empty where nobody in particular owns it.
    pub(crate) owner: String,
    /// When it ends by itself, microseconds since the epoch.
    pub(crate) until: i64,
}

impl Taking {
    /// One that nobody in particular owns and that does not end.
    pub(crate) fn for_good(key: String) -> Self {
        Self { key, owner: String::new(), until: i64::MAX }
    }
}

/// A claim that its owner gives up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) key: String,
    pub(crate) owner: String,
}

/// One version of one record.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) resource_type: ResourceType,
    pub(crate) id: Id,
    /// The version that it replaces; `None` where there must be none.
    pub(crate) replaces: Option<u32>,
    /// Whether that version is the mark of a deletion.
    pub(crate) replaces_deletion: bool,
    pub(crate) version: u32,
    pub(crate) is_deleted: bool,
    pub(crate) patient: Option<Id>,
    /// See [`crate::Record::patients`].
    pub(crate) patients: Vec<Id>,
    pub(crate) is_chart: bool,
    pub(crate) moment: i64,
    pub(crate) moment_end: i64,
    pub(crate) last_updated: i64,
    pub(crate) content_hash: u128,
    pub(crate) body: Arc<str>,
    /// Index rows that the replaced version has and this one has not.
    pub(crate) removed: Vec<IndexRow>,
    /// Index rows that this version has and the replaced one has not.
    pub(crate) added: Vec<IndexRow>,
    pub(crate) outcome: WriteOutcome,
}

/// An answer kept for a repeated call.
#[derive(Debug, Clone)]
pub(crate) struct KeptAnswer {
    pub(crate) subject: String,
    pub(crate) client: String,
    pub(crate) key: String,
    pub(crate) request_hash: [u8; 32],
    pub(crate) answer: String,
}

/// A statement that must change at least one row.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) statement: Statement,
    /// What it means when no row changed.
    pub(crate) otherwise: Conflict,
}

/// One row of the trail; the writer adds chain, number and hashes.
#[derive(Debug)]
pub(crate) struct AuditRow {
    pub(crate) at: i64,
    pub(crate) tenant: Option<TenantId>,
    /// The entry as JSON: the hash is taken over these bytes.
    pub(crate) payload: String,
}
