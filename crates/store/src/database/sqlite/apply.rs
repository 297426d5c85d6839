//! Applies one batch inside the writer's transaction, with statements prepared once.

use medcor_fhir::ResourceType;
use medcor_policy::TenantId;
use rusqlite::{Connection, OptionalExtension, Statement, params_from_iter};

use super::index_statements::IndexStatements;
use crate::{
    Conflict, StoreError, WriteOutcome,
    batch::{ANSWER_KEPT, Batch, KeptAnswer, STATE_CURRENT, STATE_DELETED, STATE_WITHHELD, Taking, Write},
    record::joined,
};

pub(super) struct Applier<'c> {
    connection: &'c Connection,
    begin: Statement<'c>,
    commit: Statement<'c>,
    savepoint: Statement<'c>,
    release: Statement<'c>,
    roll_back: Statement<'c>,
    take_claim: Statement<'c>,
    give_up_claim: Statement<'c>,
    keep_answer: Statement<'c>,
    insert_resource: Statement<'c>,
    find_resource: Statement<'c>,
    keep_history: Statement<'c>,
    replace_resource: Statement<'c>,
    is_withheld: Statement<'c>,
    insert_event: Statement<'c>,
    index: IndexStatements<'c>,
}

impl<'c> Applier<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        let prepare = |sql| connection.prepare(sql);
        Ok(Self {
            connection,
            begin: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            savepoint: prepare("SAVEPOINT batch")?,
            release: prepare("RELEASE batch")?,
            roll_back: prepare("ROLLBACK TO batch")?,
            take_claim: prepare(
                "INSERT INTO claim (tenant, key, at, owner, until) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (tenant, key) DO UPDATE
                 SET at = excluded.at, owner = excluded.owner, until = excluded.until
                 WHERE until <= excluded.at",
            )?,
            give_up_claim: prepare("DELETE FROM claim WHERE tenant = ?1 AND key = ?2 AND owner = ?3")?,
            keep_answer: prepare(
                "INSERT INTO idempotency (tenant, subject, client, key, request_hash, answer, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (tenant, subject, client, key) DO UPDATE
                 SET request_hash = excluded.request_hash, answer = excluded.answer, at = excluded.at
                 WHERE at <= ?8",
            )?,
            insert_resource: prepare(
                "INSERT INTO resource (tenant, type, id, version, state, patient, is_chart, moment,
                     moment_end, last_updated, content_hash, body, patients)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING",
            )?,
            find_resource: prepare(
                "SELECT row_id, version, state FROM resource WHERE tenant = ?1 AND type = ?2 AND id = ?3",
            )?,
            keep_history: prepare(
                "INSERT INTO history (tenant, type, id, version, state, patient, last_updated, body, patients)
                 SELECT tenant, type, id, version, state, patient, last_updated, body, patients
                 FROM resource WHERE row_id = ?1",
            )?,
            replace_resource: prepare(
                "UPDATE resource SET version = ?2, state = ?3, patient = ?4, is_chart = ?5, moment = ?6,
                     moment_end = ?7, last_updated = ?8, content_hash = ?9, body = ?10, patients = ?11
                 WHERE row_id = ?1",
            )?,
            is_withheld: prepare("SELECT 1 FROM withheld_patient WHERE tenant = ?1 AND patient = ?2")?,
            insert_event: prepare(
                "INSERT INTO event (tenant, type, id, version, action, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            index: IndexStatements::prepare(connection)?,
        })
    }

    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        self.begin.execute([])?;
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.commit.execute([])?;
        Ok(())
    }

    /// Applies everything but the audit rows. An error leaves nothing of the batch behind.
    pub(super) fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_audit_only() {
            return Ok(());
        }
        self.savepoint.execute([])?;
        let applied = self.apply_parts(batch);
        if applied.is_err() && !self.connection.is_autocommit() {
            self.roll_back.execute([])?;
        }
        if !self.connection.is_autocommit() {
            self.release.execute([])?;
        }
        applied
    }

    fn apply_parts(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for change in &batch.changes {
            let changed = self
                .connection
                .prepare_cached(&change.statement.sql)?
                .execute(params_from_iter(&change.statement.values))?;
            if changed == 0 {
                return Err(change.otherwise.clone().into());
            }
        }
        for sweep in &batch.sweeps {
            self.connection.prepare_cached(&sweep.sql)?.execute(params_from_iter(&sweep.values))?;
        }
        let Some(tenant) = batch.tenant else {
            return Ok(());
        };
        for release in &batch.releases {
            self.give_up_claim.execute((tenant.0, &release.key, &release.owner))?;
        }
        for claim in &batch.claims {
            if self.take(tenant, claim, batch.at)? == 0 {
                return Err(Conflict::Claimed(claim.key.clone()).into());
            }
        }
        for mark in &batch.marks {
            self.take(tenant, mark, batch.at)?;
        }
        for write in &batch.writes {
            self.write(tenant, write)?;
        }
        for answer in &batch.answers {
            self.keep_answer(tenant, answer, batch.at)?;
        }
        Ok(())
    }

    /// How many claims were taken: none where another has it.
    fn take(&mut self, tenant: TenantId, taking: &Taking, at: i64) -> Result<usize, StoreError> {
        let Taking { key, owner, until } = taking;
        Ok(self.take_claim.execute((tenant.0, key, at, owner, until))?)
    }

    fn keep_answer(&mut self, tenant: TenantId, kept: &KeptAnswer, at: i64) -> Result<(), StoreError> {
        let KeptAnswer { subject, client, key, request_hash, answer } = kept;
        let values = (tenant.0, subject, client, key, request_hash, answer, at, at - ANSWER_KEPT);
        match self.keep_answer.execute(values)? {
            0 => Err(Conflict::Answered.into()),
            _ => Ok(()),
        }
    }

    fn write(&mut self, tenant: TenantId, write: &Write) -> Result<(), StoreError> {
        let row_id = match write.replaces {
            None => self.insert(tenant, write)?,
            Some(version) => self.replace(tenant, write, version)?,
        };
        self.index.remove(tenant, row_id, &write.removed)?;
        self.index.add(tenant, row_id, &write.added)?;
        let action = match write.outcome {
            WriteOutcome::Created => 0,
            WriteOutcome::Updated | WriteOutcome::Unchanged => 1,
            WriteOutcome::Deleted => 2,
        };
        let (of, id) = (write.resource_type.code(), write.id.as_str());
        self.insert_event.execute((tenant.0, of, id, write.version, action, write.last_updated))?;
        Ok(())
    }

    fn insert(&mut self, tenant: TenantId, write: &Write) -> Result<i64, StoreError> {
        let state = self.state(tenant, write)?;
        let inserted = self.insert_resource.execute((
            tenant.0,
            write.resource_type.code(),
            write.id.as_str(),
            write.version,
            state,
            write.patient.as_ref().map(medcor_fhir::Id::as_str),
            write.is_chart,
            write.moment,
            write.moment_end,
            write.last_updated,
            write.content_hash.to_be_bytes(),
            &*write.body,
            joined(&write.patients),
        ))?;
        if inserted == 0 {
            return Err(Conflict::Exists { resource_type: write.resource_type, id: write.id.clone() }.into());
        }
        Ok(self.connection.last_insert_rowid())
    }

    fn replace(&mut self, tenant: TenantId, write: &Write, version: u32) -> Result<i64, StoreError> {
        let key = (tenant.0, write.resource_type.code(), write.id.as_str());
        let found = self
            .find_resource
            .query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?
            .filter(|(_, found, _): &(i64, u32, i64)| *found == version);
        let Some((row_id, _, state_before)) = found else {
            return Err(Conflict::Version { resource_type: write.resource_type, id: write.id.clone() }.into());
        };
        if write.resource_type == ResourceType::PATIENT {
            self.withhold(tenant, write, state_before)?;
        }
        let state = self.state(tenant, write)?;
        self.keep_history.execute([row_id])?;
        self.replace_resource.execute((
            row_id,
            write.version,
            state,
            write.patient.as_ref().map(medcor_fhir::Id::as_str),
            write.is_chart,
            write.moment,
            write.moment_end,
            write.last_updated,
            write.content_hash.to_be_bytes(),
            &*write.body,
            joined(&write.patients),
        ))?;
        Ok(row_id)
    }

    /// A record about a deactivated patient is withheld from the start.
    fn state(&mut self, tenant: TenantId, write: &Write) -> Result<i64, StoreError> {
        let Some(patient) = write.patient.as_ref().filter(|_| !write.is_deleted) else {
            return Ok(if write.is_deleted { STATE_DELETED } else { STATE_CURRENT });
        };
        let is_withheld = self.is_withheld.exists((tenant.0, patient.as_str()))?;
        Ok(if is_withheld { STATE_WITHHELD } else { STATE_CURRENT })
    }

    /// Deactivating a patient takes the compartment out of sight, reactivating brings it back. It touches
    /// every record of the patient, so that no read has to ask.
    fn withhold(&mut self, tenant: TenantId, write: &Write, state_before: i64) -> Result<(), StoreError> {
        let was_deleted = state_before == STATE_DELETED;
        if was_deleted == write.is_deleted {
            return Ok(());
        }
        let key = (tenant.0, write.id.as_str());
        let (list, from, to) = if write.is_deleted {
            let insert =
                "INSERT INTO withheld_patient (tenant, patient) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            (insert, STATE_CURRENT, STATE_WITHHELD)
        } else {
            let delete = "DELETE FROM withheld_patient WHERE tenant = ?1 AND patient = ?2";
            (delete, STATE_WITHHELD, STATE_CURRENT)
        };
        self.connection.execute(list, key)?;
        self.connection.execute(
            "UPDATE resource SET state = ?4 WHERE tenant = ?1 AND patient = ?2 AND state = ?3
                 AND NOT (type = ?5 AND id = ?2)",
            (key.0, key.1, from, to, ResourceType::PATIENT.code()),
        )?;
        Ok(())
    }
}
