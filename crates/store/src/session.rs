//! The fence: the only way to a record.

use medcor_fhir::{Id, ParsedResource, ResourceType, search::Query};
use medcor_policy::Permit;

use crate::{AuditEntry, Lookup, Matched, Page, Record, Store, StoreError};

/// Reads, and writes staged for one atomic commit, under one permit. No transaction is open between
/// calls; [`Session::commit`] checks versions and claims.
pub struct Session<'p> {
    store: Store,
    permit: &'p Permit,
}

/// A unique key that only one commit can take, such as `practitioner/<id>@2026-12-02T09:00/5min`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(pub String);

/// What a commit did.
#[derive(Debug)]
pub struct Committed {
    /// What became of each staged write, in order.
    pub writes: Vec<WriteOutcome>,
}

/// What became of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// A new record.
    Created,
    /// A new version.
    Updated,
    /// The content was the same, so nothing was written.
    Unchanged,
    /// Deleted.
    Deleted,
}

impl<'p> Session<'p> {
    pub(crate) fn new(store: Store, permit: &'p Permit) -> Self {
        Self { store, permit }
    }

    /// One current record; `None` when it is absent, deleted or not the caller's to see.
    pub async fn read(
        &mut self,
        _resource_type: ResourceType,
        _id: &Id,
    ) -> Result<Option<Record>, StoreError> {
        todo!()
    }

    /// One version, deletions included.
    pub async fn read_version(
        &mut self,
        _resource_type: ResourceType,
        _id: &Id,
        _version: u32,
    ) -> Result<Option<Record>, StoreError> {
        todo!()
    }

    /// All versions of one record, newest first. `cursor` continues an earlier page.
    pub async fn history(
        &mut self,
        _resource_type: ResourceType,
        _id: &Id,
        _count: u32,
        _cursor: Option<&str>,
    ) -> Result<Page, StoreError> {
        todo!()
    }

    /// The records that match, as far as the permit sees.
    pub async fn search(&mut self, _query: &Query) -> Result<Page, StoreError> {
        todo!()
    }

    /// Finds the record that a caller names, as far as the permit sees.
    pub async fn lookup(&mut self, _lookup: &Lookup<'_>) -> Result<Matched, StoreError> {
        todo!()
    }

    /// Stages a new record with a new id, validated. Returns what will be stored.
    pub fn create(&mut self, _resource: ParsedResource) -> Result<Record, StoreError> {
        todo!()
    }

    /// Stages a new version over `current`, validated. The commit fails with
    /// [`crate::Conflict::Version`] if somebody else wrote in between.
    pub fn update(&mut self, _current: &Record, _resource: ParsedResource) -> Result<Record, StoreError> {
        todo!()
    }

    /// Stages "create it under this id, or update it if its content differs", validated. For imports.
    pub fn put(&mut self, _id: Id, _resource: ParsedResource) -> Result<(), StoreError> {
        todo!()
    }

    /// Stages a soft deletion of `current`.
    pub fn delete(&mut self, _current: &Record) -> Result<(), StoreError> {
        todo!()
    }

    /// Stages a claim.
    pub fn claim(&mut self, _claim: Claim) {
        todo!()
    }

    /// Writes everything staged and the audit row in one transaction; durable when it returns. With
    /// nothing staged only the audit row is written. The entry is completed with the patients whose
    /// records this session handed out.
    pub async fn commit(self, _audit: AuditEntry) -> Result<Committed, StoreError> {
        todo!()
    }

    /// Drops everything staged and writes the audit row of a call that failed, completed with the
    /// patients whose records this session handed out. Durable when it returns.
    pub async fn abandon(self, _audit: AuditEntry) -> Result<(), StoreError> {
        todo!()
    }
}
