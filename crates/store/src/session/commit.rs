//! The commit: what is staged meets what is stored, and goes to the writer as one batch.

use std::collections::HashMap;

use medcor_fhir::{Id, ParsedResource, ResourceType};
use medcor_policy::Action;
use serde_json::Value;

use super::{
    Committed, Session, WriteOutcome, mark,
    stage::{Leaves, Prepared, Staged},
    taken::{Beside, TimeClaims},
};
use crate::{
    AuditEntry, Conflict, Record, StoreError,
    batch::{Batch, Write},
    database::Stored,
    ledger,
    records::index_row::{IndexRow, Indexed, difference},
};

/// How often a put that met another writer looks again.
const ATTEMPTS_MAX: u32 = 5;
/// How far back a put looks for its content.
const KNOWN_VERSIONS_MAX: u32 = 100;

/// What is stored of the records that a commit touches, and what its earlier writes make of them.
type Found = HashMap<(ResourceType, Id), Stored>;

/// What all sessions of one commit write.
#[derive(Default)]
struct Gathered {
    writes: Vec<Write>,
    times: TimeClaims,
    /// Of each session.
    committed: Vec<Committed>,
}

/// Commits what the sessions of one organisation staged, each with its audit row, as one transaction.
///
/// The staged writes follow each other in the order of the sessions: a later one may build on an earlier one
/// as if one session had staged both. What two of them may not both have, such as a time, is a conflict.
pub(super) async fn commit_together(
    mut parts: Vec<(Session<'_>, AuditEntry)>,
) -> Result<Vec<Committed>, StoreError> {
    for (session, audit) in &mut parts {
        session.complete(audit).await?;
        session.check_staged().await?;
    }
    let Some((first, _)) = parts.first() else { return Ok(Vec::new()) };
    if parts.iter().any(|(session, _)| session.permit.tenant() != first.permit.tenant()) {
        return Err(StoreError::Damaged("a commit is of sessions of several organisations"));
    }
    if has_one_key_twice(&parts) {
        return Err(Conflict::Answered.into());
    }
    let mut attempt = 1;
    loop {
        let gathered = gathered(&parts).await?;
        let (batch, outcomes) = batch(&parts, gathered)?;
        let committed = first.store.backend().commit(batch).await;
        // A commit that is lost on the way back may have happened.
        if parts.iter().any(|(session, _)| session.changes_rules()) {
            first.store.forget_sight(first.permit.tenant());
        }
        match committed {
            Ok(()) => return Ok(outcomes),
            Err(StoreError::Conflict(conflict)) if attempt < ATTEMPTS_MAX && is_put(&parts, &conflict) => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether two sessions would keep their answers under one key.
fn has_one_key_twice(parts: &[(Session<'_>, AuditEntry)]) -> bool {
    let kept = parts.iter().filter_map(|(session, _)| session.answer.as_ref());
    let mut keys: Vec<_> = kept.map(|kept| (&kept.subject, &kept.client, &kept.key)).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    keys.len() < count
}

/// What each staged write means, given what is stored and what is written before it.
async fn gathered(parts: &[(Session<'_>, AuditEntry)]) -> Result<Gathered, StoreError> {
    let mut found = Found::new();
    for (session, _) in parts {
        session.find_stored(&mut found).await?;
    }
    let mut gathered = Gathered::default();
    let is_one_write = parts.iter().map(|(session, _)| session.staged.len()).sum::<usize>() <= 1;
    for (session, _) in parts {
        session.resolve(&mut found, &mut gathered, is_one_write).await?;
    }
    Ok(gathered)
}

fn batch(
    parts: &[(Session<'_>, AuditEntry)],
    gathered: Gathered,
) -> Result<(Batch, Vec<Committed>), StoreError> {
    let Gathered { writes, times, committed } = gathered;
    let mut batch = Batch {
        releases: times.releases,
        claims: times.claims,
        marks: writes.iter().flat_map(mark::of_write).chain(times.marks).collect(),
        writes,
        ..Batch::default()
    };
    for (session, audit) in parts {
        batch.tenant = Some(session.permit.tenant());
        batch.at = session.store.clock().now();
        batch.releases.extend_from_slice(&session.releases);
        batch.claims.extend_from_slice(&session.claims);
        batch.answers.extend(session.answer.clone());
        batch.changes.extend_from_slice(&session.changes);
        batch.sweeps.extend_from_slice(&session.sweeps);
        batch.audit.push(ledger::audit_row(audit)?);
    }
    Ok((batch, committed))
}

/// Whether the conflict is about a record that was put: what is stored decides what a put means, so it can
/// look again.
fn is_put(parts: &[(Session<'_>, AuditEntry)], conflict: &Conflict) -> bool {
    let (Conflict::Version { resource_type, id } | Conflict::Exists { resource_type, id }) = conflict else {
        return false;
    };
    let is_put = |staged: &Staged| matches!(staged, Staged::Put { .. });
    let mut staged = parts.iter().flat_map(|(session, _)| &session.staged);
    staged.any(|staged| is_put(staged) && staged.key() == (*resource_type, id.clone()))
}

impl Session<'_> {
    /// The audit row says whose records were handed out, and so does the kept answer.
    async fn complete(&mut self, audit: &mut AuditEntry) -> Result<(), StoreError> {
        audit.patients.append(&mut self.patients);
        audit.patients.truncate(ledger::PATIENTS_MAX);
        if let Some(mut kept) = self.answer.take() {
            kept.answer = self.kept_text(&audit.patients, kept.answer).await?;
            self.answer = Some(kept);
        }
        Ok(())
    }

    /// Whether what was written decides who sees what.
    fn changes_rules(&self) -> bool {
        let is_rule = |staged: &Staged| {
            matches!(staged.key().0, ResourceType::CONSENT | ResourceType::PRACTITIONER_ROLE)
        };
        !self.changes.is_empty() || self.staged.iter().any(is_rule)
    }

    /// What each staged write means, given what is stored and what this commit writes before it.
    async fn resolve(
        &self,
        found: &mut Found,
        gathered: &mut Gathered,
        is_one_write: bool,
    ) -> Result<(), StoreError> {
        let now = self.store.clock().now();
        let mut outcomes = Vec::with_capacity(self.staged.len());
        for staged in &self.staged {
            let key = staged.key();
            let before = found.get(&key);
            let write = match before {
                Some(before) if self.is_known(staged, before).await? => None,
                before => self.resolve_one(staged, before)?,
            };
            outcomes.push(write.as_ref().map_or(WriteOutcome::Unchanged, |write| write.outcome));
            if let Some(write) = write {
                let beside =
                    if matches!(staged, Staged::Put { .. }) { Beside::Anything } else { Beside::Nothing };
                gathered.times.add(before.map(|before| &before.record), &write, beside, now);
                if !is_one_write {
                    found.insert(key, as_stored(&write));
                }
                gathered.writes.push(write);
            }
        }
        gathered.committed.push(Committed { writes: outcomes });
        Ok(())
    }

    /// Adds what is stored of the records that are not created anew.
    async fn find_stored(&self, found: &mut Found) -> Result<(), StoreError> {
        let is_new = |staged: &Staged| matches!(staged, Staged::Create(_));
        let keys: Vec<_> = self.staged.iter().filter(|staged| !is_new(staged)).map(Staged::key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let stored = self.store.backend().stored(self.permit.tenant(), &keys).await?;
        found.extend(keys.into_iter().zip(stored).filter_map(|(key, stored)| Some((key, stored?))));
        Ok(())
    }

    /// Whether the record had this content before, and its writer leaves such records alone.
    async fn is_known(&self, staged: &Staged, before: &Stored) -> Result<bool, StoreError> {
        let Staged::Put { id, resource, leaves: Leaves::Known, .. } = staged else { return Ok(false) };
        let hash = resource.content_hash();
        // The hash of the current version is stored, those of earlier ones are not.
        if before.record.version == 1 || before.content_hash == hash {
            return Ok(false);
        }
        let earlier = before.record.version - 1;
        let versions = self.versions(resource.resource_type(), id, earlier, KNOWN_VERSIONS_MAX).await?;
        let mut bodies =
            versions.iter().filter(|found| !found.record.is_deleted).map(|found| &*found.record.body);
        Ok(bodies.any(|body| ParsedResource::parse(body).is_ok_and(|version| version.content_hash() == hash)))
    }

    /// `None` where nothing changes.
    fn resolve_one(&self, staged: &Staged, before: Option<&Stored>) -> Result<Option<Write>, StoreError> {
        match staged {
            Staged::Create(prepared) => {
                Ok(Some(write(prepared.clone(), None, Vec::new(), WriteOutcome::Created)))
            }
            Staged::Update(prepared) => {
                self.replace(prepared, before, Action::Update, WriteOutcome::Updated).map(Some)
            }
            Staged::Delete(prepared) => {
                self.replace(prepared, before, Action::Delete, WriteOutcome::Deleted).map(Some)
            }
            Staged::Put { id, compartment, resource, indexed, .. } => {
                let stamped = |version| {
                    self.stamped(resource, id.clone(), version, compartment.clone(), indexed.clone())
                };
                let Some(before) = before else {
                    return Ok(Some(write(stamped(1), None, Vec::new(), WriteOutcome::Created)));
                };
                if before.record.is_deleted {
                    let prepared = stamped(before.record.version + 1);
                    return self
                        .replace(&prepared, Some(before), Action::Update, WriteOutcome::Created)
                        .map(Some);
                }
                if before.content_hash == resource.content_hash() {
                    return Ok(None);
                }
                let prepared = stamped(before.record.version + 1);
                self.replace(&prepared, Some(before), Action::Update, WriteOutcome::Updated).map(Some)
            }
        }
    }

    /// A new version over `before`, which must be the version before it and within the permit.
    fn replace(
        &self,
        prepared: &Prepared,
        before: Option<&Stored>,
        action: Action,
        outcome: WriteOutcome,
    ) -> Result<Write, StoreError> {
        let record = &prepared.record;
        let conflict = || Conflict::Version { resource_type: record.resource_type, id: record.id.clone() };
        let before = before.ok_or_else(conflict)?;
        if before.record.version + 1 != record.version {
            return Err(conflict().into());
        }
        self.check_version(action, &before.record)?;
        let rows_before = rows_of(&before.record)?;
        let replaces_deletion = before.record.is_deleted;
        let hides_parts = !self.permit.withheld(record.resource_type).is_empty();
        let prepared = if hides_parts && !replaces_deletion && !record.is_deleted {
            self.completed(prepared, &before.record)?
        } else {
            prepared.clone()
        };
        let write = write(prepared, Some(before.record.version), rows_before, outcome);
        Ok(Write { replaces_deletion, ..write })
    }
}

fn write(
    prepared: Prepared,
    replaces: Option<u32>,
    rows_before: Vec<IndexRow>,
    outcome: WriteOutcome,
) -> Write {
    let Prepared { record, content_hash, indexed } = prepared;
    let Indexed { rows, is_chart, moment, moment_end } = indexed;
    let (removed, added) = difference(rows_before, rows);
    Write {
        resource_type: record.resource_type,
        id: record.id,
        replaces,
        replaces_deletion: false,
        version: record.version,
        is_deleted: record.is_deleted,
        patient: record.patient,
        patients: record.patients,
        is_chart,
        moment,
        moment_end,
        last_updated: record.last_updated,
        content_hash,
        body: record.body,
        removed,
        added,
        outcome,
    }
}

/// The index rows of a stored version; a deletion has none.
fn rows_of(record: &Record) -> Result<Vec<IndexRow>, StoreError> {
    if record.is_deleted {
        return Ok(Vec::new());
    }
    let value: Value =
        serde_json::from_str(&record.body).map_err(|_| StoreError::Damaged("a stored body is not JSON"))?;
    Ok(Indexed::of(record.resource_type, &value, record.patient.as_ref()).rows)
}

/// A write of this session as the next one finds it.
fn as_stored(write: &Write) -> Stored {
    let record = Record {
        resource_type: write.resource_type,
        id: write.id.clone(),
        version: write.version,
        last_updated: write.last_updated,
        patient: write.patient.clone(),
        patients: write.patients.clone(),
        is_deleted: write.is_deleted,
        body: write.body.clone(),
    };
    Stored { record, content_hash: write.content_hash }
}
