//! The fence: the only way to a record.

mod commit;
mod confirmation;
mod conversation;
mod emergency;
mod kept;
mod limit;
mod mark;
mod people;
mod plans;
mod read;
mod source;
mod stage;
mod subset;
mod taken;
mod tally;
mod trail;
mod webhook;

use std::collections::BTreeSet;

use medcor_fhir::{Id, ParsedResource, ResourceType, search::Query};
use medcor_policy::{Action, Permit};

pub use self::conversation::Conversation;
pub use self::emergency::EmergencyAccess;
pub use self::people::{Account, AccountFilter};
pub use self::plans::PLAN_SUBSCRIPTIONS_MAX;
pub use self::source::SecurityLabel;
use self::stage::{Leaves, Staged};
pub use self::taken::{Hold, OwnTime, Taken};
pub use self::trail::TrailPage;
pub use self::webhook::NewWebhook;
use crate::{
    AuditEntry, Lookup, Matched, Page, Record, Store, StoreError,
    batch::{Change, KeptAnswer, Release, Taking},
    database::Statement,
    ledger::PATIENTS_MAX,
    records::search,
};

/// Reads, and writes staged for one atomic commit, under one permit. No transaction is open between
/// calls; [`Session::commit`] checks versions and claims. Reads do not see what is only staged.
pub struct Session<'p> {
    store: Store,
    permit: &'p Permit,
    staged: Vec<Staged>,
    releases: Vec<Release>,
    claims: Vec<Taking>,
    /// People and clients.
    changes: Vec<Change>,
    /// What ends with them.
    sweeps: Vec<Statement>,
    answer: Option<KeptAnswer>,
    /// Whose records were handed out or written.
    patients: Vec<Id>,
    /// Labels of the records that were handed out, where they are gathered.
    labels: Option<BTreeSet<SecurityLabel>>,
}

/// A unique key that only one commit can take, such as `practitioner/<id>@2026-12-02T09:00/5min`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(pub String);

/// The answer to a call that may be repeated under the caller's own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAnswer {
    /// SHA-256 of what was asked, canonically: another question under the same key is a mistake.
    pub request_hash: [u8; 32],
    /// The answer as it was given; none where the caller does not see any more what was seen then.
    pub answer: Option<String>,
}

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
        Self {
            store,
            permit,
            staged: Vec::new(),
            releases: Vec::new(),
            claims: Vec::new(),
            changes: Vec::new(),
            sweeps: Vec::new(),
            answer: None,
            patients: Vec::new(),
            labels: None,
        }
    }

    /// One current record; `None` when it is absent, deleted or not the caller's to see.
    pub async fn read(&mut self, resource_type: ResourceType, id: &Id) -> Result<Option<Record>, StoreError> {
        self.read_current(resource_type, id).await
    }

    /// One version, deletions included.
    pub async fn read_version(
        &mut self,
        resource_type: ResourceType,
        id: &Id,
        version: u32,
    ) -> Result<Option<Record>, StoreError> {
        self.read_one_version(resource_type, id, version).await
    }

    /// All versions of one record, newest first. `cursor` continues an earlier page. Empty when it is
    /// absent or not the caller's to see; each version is judged by its own compartment.
    pub async fn history(
        &mut self,
        resource_type: ResourceType,
        id: &Id,
        count: u32,
        cursor: Option<&str>,
    ) -> Result<Page, StoreError> {
        self.read_history(resource_type, id, count, cursor).await
    }

    /// The records that match, as far as the permit sees.
    pub async fn search(&mut self, query: &Query) -> Result<Page, StoreError> {
        let key = self.store.cursor_key().await?.clone();
        self.check_conditions(query)?;
        let limits = self.limits(Action::Search, query.resource_type).await?;
        let mut page = search::search(self.store.backend(), &key, self.permit, &limits, query).await?;
        page.records = self.all_shown(page.records)?;
        Ok(page)
    }

    /// Like [`Session::search`], for the pages before the one that is asked for: nobody is shown them, so
    /// the audit row does not name their patients. Nothing of the page may reach the caller but its place.
    pub async fn pass(&mut self, query: &Query) -> Result<Page, StoreError> {
        let noted = self.patients.len();
        let page = self.search(query).await?;
        self.patients.truncate(noted);
        Ok(page)
    }

    /// Finds the record that a caller names, as far as the permit sees.
    pub async fn lookup(&mut self, lookup: &Lookup<'_>) -> Result<Matched, StoreError> {
        let limits = self.limits(Action::Read, lookup.resource_type).await?;
        let matched = search::lookup::lookup(self.store.backend(), self.permit, &limits, lookup).await?;
        Ok(match matched {
            Matched::One(record) => {
                self.note(record.about());
                Matched::One(self.shown(record)?)
            }
            Matched::Several(records) => Matched::Several(self.all_shown(records)?),
            Matched::Near(records) => Matched::Near(self.all_shown(records)?),
        })
    }

    /// Current records of one type in the order in which they were first stored, after the row with this
    /// number (0 for the first page). Bodies are as stored. For exports: an empty page ends it.
    pub async fn export(
        &mut self,
        resource_type: ResourceType,
        after_row: i64,
        count: u32,
    ) -> Result<ExportPage, StoreError> {
        self.read_rows(resource_type, after_row, count).await
    }

    /// The answer that was kept under this idempotency key of the caller's, see [`Session::keep_answer`].
    pub async fn known_answer(&mut self, key: &str) -> Result<Option<KnownAnswer>, StoreError> {
        self.read_known_answer(key).await
    }

    /// Stages a new record with a new id, validated. Returns what will be stored.
    #[expect(clippy::needless_pass_by_value, reason = "what is staged is the session's")]
    pub fn create(&mut self, resource: ParsedResource) -> Result<Record, StoreError> {
        self.stage_create(&resource)
    }

    /// Stages a new version over `current`, validated. The commit fails with
    /// [`crate::Conflict::Version`] if somebody else wrote in between.
    #[expect(clippy::needless_pass_by_value, reason = "what is staged is the session's")]
    pub fn update(&mut self, current: &Record, resource: ParsedResource) -> Result<Record, StoreError> {
        self.stage_update(current, &resource)
    }

    /// Stages "create it under this id, or update it if its content differs", validated. For imports.
    pub fn put(&mut self, id: Id, resource: ParsedResource) -> Result<(), StoreError> {
        self.stage_put(id, resource, Leaves::Same)
    }

    /// Stages the same, but content that the record had in an earlier version is not brought back: what
    /// was changed or deleted since stays so. For imports that can be repeated.
    pub fn put_unless_known(&mut self, id: Id, resource: ParsedResource) -> Result<(), StoreError> {
        self.stage_put(id, resource, Leaves::Known)
    }

    /// Stages a soft deletion of `current`. Deleting a `Patient` takes all records of its compartment out
    /// of sight; a new version of it brings them back.
    pub fn delete(&mut self, current: &Record) -> Result<(), StoreError> {
        self.stage_delete(current)
    }

    /// Stages a claim.
    pub fn claim(&mut self, claim: Claim) {
        self.claims.push(Taking::for_good(claim.0));
    }

    /// Stages giving up a claim, before new ones of this commit are taken. One that nobody holds is none.
    pub fn release(&mut self, claim: Claim) {
        self.releases.push(Release { key: claim.0, owner: String::new() });
    }

    /// Stages keeping the answer under an idempotency key of this subject and client. The commit fails
    /// with [`crate::Conflict::Answered`] if another call was faster.
    pub fn keep_answer(&mut self, key: &str, request_hash: [u8; 32], answer: String) {
        self.answer = Some(KeptAnswer {
            subject: self.permit.subject().0.clone(),
            client: self.permit.client().0.clone(),
            key: key.to_owned(),
            request_hash,
            answer,
        });
    }

    /// Writes everything staged and the audit row in one transaction; durable when it returns. With
    /// nothing staged only the audit row is written. The entry is completed with the patients whose
    /// records this session handed out.
    pub async fn commit(self, audit: AuditEntry) -> Result<Committed, StoreError> {
        let mut committed = commit::commit_together(vec![(self, audit)]).await?;
        Ok(committed.pop().expect("one session was committed"))
    }

    /// Writes what several sessions of one organisation staged, and the audit row of each, in one
    /// transaction: all of it, or nothing. A later session's writes may build on an earlier one's; the
    /// sessions have not seen each other's, since what is only staged is not read.
    pub async fn commit_together(
        sessions: Vec<(Session<'_>, AuditEntry)>,
    ) -> Result<Vec<Committed>, StoreError> {
        commit::commit_together(sessions).await
    }

    /// Drops everything staged and writes the audit row of a call that failed, completed with the
    /// patients whose records this session handed out. Durable when it returns.
    pub async fn abandon(mut self, audit: AuditEntry) -> Result<(), StoreError> {
        self.discard();
        self.commit(audit).await.map(drop)
    }

    /// Drops everything staged.
    pub fn discard(&mut self) {
        self.staged.clear();
        self.claims.clear();
        self.changes.clear();
        self.sweeps.clear();
        self.releases.clear();
        self.answer = None;
    }

    /// Whose records were handed out or written until now.
    pub fn patients(&self) -> &[Id] {
        &self.patients
    }

    /// Notes whose records another session of the same call handed out or wrote.
    pub fn carry_on(&mut self, earlier: &Session<'_>) {
        self.note(earlier.patients.iter());
    }

    fn all_shown(&mut self, records: Vec<Record>) -> Result<Vec<Record>, StoreError> {
        for record in &records {
            self.note(record.about());
            self.note_labels(record)?;
        }
        records.into_iter().map(|record| self.shown(record)).collect()
    }

    /// Remembers whom a record is about that was handed out or written.
    fn note<'i>(&mut self, about: impl Iterator<Item = &'i Id>) {
        for patient in about {
            if self.patients.len() >= PATIENTS_MAX {
                return;
            }
            self.note_patient(Some(patient));
        }
    }

    /// Remembers whose record was handed out or written.
    fn note_patient(&mut self, patient: Option<&Id>) {
        let Some(patient) = patient else {
            return;
        };
        // Records mostly come patient by patient, so the newest is compared first.
        let is_known = self.patients.iter().rev().any(|known| known == patient);
        if !is_known && self.patients.len() < PATIENTS_MAX {
            self.patients.push(patient.clone());
        }
    }
}

/// One page of an export.
#[derive(Debug)]
pub struct ExportPage {
    /// The records.
    pub records: Vec<Record>,
    /// Where the next page starts.
    pub last_row: i64,
}
