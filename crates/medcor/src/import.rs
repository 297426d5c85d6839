//! The import engine: FHIR records from files into a tenant, in any order, as often as one likes.
//!
//! Files are read on one thread, records parsed, validated and indexed on others, and committed in the
//! order of the input on the calling one. Memory stays flat: no more than a few batches and one bundle
//! are held at a time; what has to wait for other files waits on disk.

mod absent;
mod bundle;
mod file;
mod intake;
mod load;
mod lookup;
mod reference;
mod report;
mod spill;
pub(crate) mod text;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
    thread,
    time::Instant,
};

use medcor_policy::{Permit, TenantId, system};
use medcor_store::{AuditEntry, Outcome, Store, StoreError, WriteOutcome};
use tokio::runtime::Handle;

pub use self::report::{Counts, Refusal, Report, UNREADABLE};
use self::{
    absent::Absent,
    file::Inputs,
    intake::Intake,
    load::{Batch, Loader, Queues, Staging, Step},
    lookup::Lookups,
    spill::Spill,
};
use crate::app;

/// Most threads that parse and validate.
const STAGING_THREADS_MAX: usize = 8;

/// One import into one tenant.
#[derive(Clone)]
pub struct Import<'i> {
    /// Where the records go.
    pub store: &'i Store,
    /// Whose they are.
    pub tenant: TenantId,
    /// A private folder for what has to wait.
    pub scratch: &'i Path,
    /// Whether the first refusal ends it. What was committed before stays, its own batch does not.
    pub is_strict: bool,
    /// Whether content that a record had before is brought back. Without it, records that were changed or
    /// deleted since an earlier import stay so.
    pub is_restoring: bool,
}

/// What happens meanwhile.
#[derive(Debug)]
pub enum Event<'e> {
    /// So much there is to read, in bytes as stored.
    Found {
        /// Files.
        files: u64,
        /// Their size.
        bytes: u64,
    },
    /// So far it got.
    Progress {
        /// Bytes read.
        bytes: u64,
        /// Records looked at.
        records: u64,
    },
    /// A record was not taken.
    Refused(&'e Refusal),
}

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or folder can't be read.
    #[error("the input can't be read")]
    Input(#[source] io::Error),
    /// The files on which records wait can't be written or read.
    #[error("the scratch folder can't be used")]
    Scratch(#[from] io::Error),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A thread ended without a reason.
    #[error("a thread of the import failed, see the log")]
    Thread,
}

/// The other end is gone: the import was stopped there.
#[derive(Debug)]
struct Stopped;

/// Why a thread of the import ended early.
#[derive(Debug)]
enum Interruption {
    Stopped,
    Failed(ImportError),
}

impl From<Stopped> for Interruption {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<ImportError> for Interruption {
    fn from(error: ImportError) -> Self {
        Self::Failed(error)
    }
}

impl Import<'_> {
    /// Loads everything under these paths. Blocks; call it from a thread that is not the runtime's.
    pub fn run(
        &self,
        paths: &[PathBuf],
        runtime: &Handle,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Report, ImportError> {
        let started = Instant::now();
        let Inputs { files, left_aside } = file::find(paths).map_err(ImportError::Input)?;
        let bytes = files.iter().map(|file| file.bytes).sum();
        on_event(Event::Found { files: files.len() as u64, bytes });
        let permit = system::permit_import(self.tenant);
        let bytes_read = Arc::new(AtomicU64::new(0));
        let clock = self.store.clock();
        let mut ledger = Entries {
            import: self,
            permit: &permit,
            runtime,
            bytes_read: bytes_read.clone(),
            on_event,
            report: Report { files: files.len() as u64, left_aside, ..Report::default() },
            absent: Absent::new(self.scratch, clock),
        };
        let mut lookups = thread::scope(|scope| {
            let queues = Queues::new();
            let (jobs, waiting_jobs) = queues.jobs;
            let (steps, waiting_steps) = queues.steps;
            let waiting_jobs = Arc::new(Mutex::new(waiting_jobs));
            let staging =
                Staging { store: self.store, permit: &permit, runtime, is_restoring: self.is_restoring };
            for _ in 0..staging_threads() {
                let jobs = waiting_jobs.clone();
                scope.spawn(move || load::stage_all(staging, &jobs));
            }
            // The threads hold them; the last one to end closes the queue.
            drop(waiting_jobs);
            let intake = Intake {
                clock,
                lookups: Lookups::new(self.store, &permit, runtime.clone()),
                loader: Loader::new(jobs, steps),
                waiting: Spill::new(self.scratch, clock),
                bytes_read,
            };
            let files = &files;
            let reading = scope.spawn(move || intake.run(files));
            let committed = ledger.commit_all(waiting_steps);
            let read = reading.join().map_err(|_| ImportError::Thread)?;
            committed?;
            match read {
                Ok(lookups) => Ok(Some(lookups)),
                Err(Interruption::Stopped) => Ok(None),
                Err(Interruption::Failed(error)) => Err(error),
            }
        })?;
        let Entries { mut report, absent, .. } = ledger;
        if let Some(lookups) = &mut lookups {
            report.absent = absent.count(lookups)?;
            lookups.close()?;
        }
        report.duration = started.elapsed();
        Ok(report)
    }
}

/// One thread reads and one commits, so that so many more keep all cores at work.
fn staging_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).clamp(1, STAGING_THREADS_MAX)
}

/// The committing end, which also keeps count.
struct Entries<'e, 'p> {
    import: &'e Import<'e>,
    permit: &'p Permit,
    runtime: &'e Handle,
    bytes_read: Arc<AtomicU64>,
    on_event: &'e mut dyn FnMut(Event<'_>),
    report: Report,
    absent: Absent,
}

impl Entries<'_, '_> {
    /// Takes steps until there are no more, or one stops the import. Dropping the queue stops the others.
    fn commit_all(&mut self, steps: Receiver<Step<'_>>) -> Result<(), ImportError> {
        for step in steps {
            match step {
                Step::Commit(batch) => self.commit(batch.recv().map_err(|_| ImportError::Thread)?)?,
                Step::Refused(refusal) => self.refuse(&refusal),
                Step::Unchanged(resource_type) => {
                    self.report.count(resource_type, WriteOutcome::Unchanged);
                }
                // Nobody waits any more if the reading thread has failed.
                Step::Reached(reached) => drop(reached.send(())),
            }
            if self.report.was_stopped {
                return Ok(());
            }
        }
        Ok(())
    }

    fn commit(&mut self, batch: Batch<'_>) -> Result<(), ImportError> {
        for refusal in &batch.refused {
            self.refuse(refusal);
        }
        if let Some(error) = batch.error {
            return Err(error.into());
        }
        let mut entry = audit_entry(self.import.store, self.permit, "AUDIT:IMPORT");
        if self.report.was_stopped {
            entry.outcome = Outcome::Failure("VALIDATION_ERROR".to_owned());
            return Ok(self.runtime.block_on(batch.session.abandon(entry))?);
        }
        if batch.staged.is_empty() {
            return Ok(());
        }
        let committed = self.runtime.block_on(batch.session.commit(entry))?;
        for (staged, outcome) in batch.staged.iter().zip(&committed.writes) {
            self.report.count(staged.resource_type, *outcome);
            self.absent.note_taken(staged.resource_type, &staged.id);
        }
        for staged in &batch.staged {
            for (resource_type, id) in &staged.links.records {
                self.absent.note_reference(*resource_type, id)?;
            }
            for resource_type in &staged.links.unresolved {
                *self.report.unresolved.entry(resource_type.name()).or_default() += 1;
            }
            self.report.without_entry += staged.links.without_entry;
        }
        let bytes = self.bytes_read.load(Ordering::Relaxed);
        (self.on_event)(Event::Progress { bytes, records: self.report.total().all() });
        Ok(())
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.report.count_refused(refusal.resource_type);
        (self.on_event)(Event::Refused(refusal));
        self.report.was_stopped |= self.import.is_strict;
    }
}

fn audit_entry(store: &Store, permit: &Permit, event: &str) -> AuditEntry {
    app::command_entry(store, event, Some(permit.tenant()), "import", &[])
}
