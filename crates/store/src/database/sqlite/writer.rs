//! The one thread that writes. Whatever batches wait when it is free share one transaction and one sync
//! of the disk; nobody waits for a group to fill.

use std::{mem, sync::Arc, thread};

use ring::hmac;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{apply::Applier, connection, readers::Readers, trail::Trail};
use crate::{Clock, StoreError, batch::Batch, database::Settings};

/// Most batches of one transaction.
const GROUP_MAX: usize = 256;
/// Most records of one transaction, after which no further batch joins.
const GROUP_WRITES_MAX: usize = 2000;
/// Most batches that wait; whoever comes then waits to be let in.
const QUEUE_MAX: usize = 1024;

/// The way to the thread.
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Commit(Box<Batch>, Reply),
    Close(oneshot::Sender<()>),
}

type Reply = oneshot::Sender<Result<(), StoreError>>;

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        mut connection: Connection,
        settings: &Settings,
        readers: Arc<Readers>,
        committed: watch::Sender<u64>,
    ) -> Result<Self, StoreError> {
        connection::fold_log_in(&mut connection, Arc::clone(&readers))?;
        let key = super::trail::key(&connection)?;
        let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
        let clock = settings.clock.clone();
        let thread = thread::Builder::new().name("store-writer".to_owned());
        let work = move || {
            if let Err(error) = work(&connection, (&clock, key), waiting, &readers, &committed) {
                tracing::error!(error = &error as &dyn std::error::Error, "the store's writer stopped");
            }
        };
        thread.spawn(work).map_err(|error| StoreError::Database(error.into()))?;
        Ok(Self { jobs })
    }

    /// Writes the batch; durable when it returns.
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Commit(Box::new(batch), reply);
        self.jobs.send(job).await.map_err(|_closed| StoreError::NotReady)?;
        answer.await.unwrap_or(Err(StoreError::NotReady))
    }

    /// Waits for what was asked before and stops the thread.
    pub(super) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).await.is_ok() {
            // An error means that the thread has stopped already.
            drop(answer.await);
        }
    }
}

fn work<'c>(
    connection: &'c Connection,
    (clock, key): (&Clock, hmac::Key),
    mut waiting: mpsc::Receiver<Job>,
    readers: &'c Readers,
    committed: &'c watch::Sender<u64>,
) -> Result<(), StoreError> {
    let mut thread = WriterThread {
        connection,
        applier: Applier::prepare(connection)?,
        trail: Trail::prepare(connection, clock.clone(), key)?,
        readers,
        committed,
    };
    let mut group = Group::default();
    while let Some(first) = waiting.blocking_recv() {
        group = Group::default();
        group.fill(first, &mut waiting);
        thread.commit_group(mem::take(&mut group.batches));
        if group.closing.is_some() {
            break;
        }
    }
    thread.finish();
    if let Some(reply) = group.closing {
        // The closer may have gone away.
        let _is_awaited = reply.send(()).is_ok();
    }
    Ok(())
}

/// What shares one transaction.
#[derive(Default)]
struct Group {
    batches: Vec<(Box<Batch>, Reply)>,
    writes: usize,
    /// Who waits for the thread to stop after this group.
    closing: Option<oneshot::Sender<()>>,
}

impl Group {
    /// Takes in a job and all that wait, as far as there is room.
    fn fill(&mut self, first: Job, waiting: &mut mpsc::Receiver<Job>) {
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Commit(batch, reply) => {
                    self.writes += batch.writes.len();
                    self.batches.push((batch, reply));
                }
                Job::Close(reply) => self.closing = Some(reply),
            }
            next = if self.has_room() { waiting.try_recv().ok() } else { None };
        }
    }

    fn has_room(&self) -> bool {
        self.closing.is_none() && self.batches.len() < GROUP_MAX && self.writes < GROUP_WRITES_MAX
    }
}

struct WriterThread<'c> {
    connection: &'c Connection,
    applier: Applier<'c>,
    trail: Trail<'c>,
    readers: &'c Readers,
    committed: &'c watch::Sender<u64>,
}

impl WriterThread<'_> {
    fn commit_group(&mut self, group: Vec<(Box<Batch>, Reply)>) {
        if group.is_empty() {
            return;
        }
        let mut outcomes: Vec<Result<(), StoreError>> = Vec::with_capacity(group.len());
        match self.write_group(&group, &mut outcomes) {
            Ok(()) => {
                if group.iter().any(|(batch, _)| !batch.is_audit_only()) {
                    self.readers.changes().add();
                }
                if group.iter().any(|(batch, _)| batch.may_write_events()) {
                    self.committed.send_modify(|count| *count = count.wrapping_add(1));
                }
                for ((_, reply), outcome) in group.into_iter().zip(outcomes) {
                    // A caller that went away needs no answer; its commit stands.
                    drop(reply.send(outcome));
                }
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a group of commits failed");
                self.roll_back();
                for (_, reply) in group {
                    drop(reply.send(Err(StoreError::GroupFailed)));
                }
            }
        }
    }

    /// Applies and commits the group. An error means that nothing of it was written.
    fn write_group(
        &mut self,
        group: &[(Box<Batch>, Reply)],
        outcomes: &mut Vec<Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        self.applier.begin()?;
        for (batch, _) in group {
            let outcome = self.applier.apply(batch);
            if let Err(error) = &outcome {
                // SQLite rolls back by itself when the disk is full or fails.
                if self.connection.is_autocommit() {
                    return Err(StoreError::Database(error.to_string().into()));
                }
            } else {
                self.trail.append(&batch.audit)?;
            }
            outcomes.push(outcome);
        }
        self.trail.seal()?;
        self.applier.commit()?;
        self.trail.committed();
        Ok(())
    }

    fn roll_back(&mut self) {
        self.trail.rolled_back();
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(error = &error as &dyn std::error::Error, "rolling back failed");
        }
    }

    /// Signs the head of the chain and folds the log into the database.
    fn finish(&mut self) {
        let finished = self.applier.begin().and_then(|()| {
            self.trail.checkpoint()?;
            self.trail.seal()?;
            self.applier.commit()
        });
        if let Err(error) = finished {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last checkpoint was not written");
            self.roll_back();
        }
        self.readers.changes().set_log_is_long(true);
        self.readers.look_away();
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(error = &error as &dyn std::error::Error, "the log was not folded in");
        }
    }
}
