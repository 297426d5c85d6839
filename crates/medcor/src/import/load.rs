//! From records to the store: threads parse, validate and index batch by batch, while the batch before
//! is committed. Commits keep the order of the input.

use std::sync::{
    Arc, Mutex, PoisonError,
    mpsc::{Receiver, SyncSender, sync_channel},
};

use medcor_fhir::{Id, ParsedResource, ResourceType};
use medcor_policy::Permit;
use medcor_store::{Session, Store, StoreError};
use tokio::runtime::Handle;

use super::{
    Stopped,
    report::{Refusal, shown},
};

/// Most records of one commit.
const BATCH_RECORDS: usize = 512;
/// Most bytes of text of one commit, unless one record alone is longer.
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// Batches that wait for a thread.
const JOBS_WAITING: usize = 1;
/// Batches, refusals and marks that wait for their turn.
const STEPS_WAITING: usize = 4;

/// One record on its way into the store.
pub(super) struct Item {
    /// File, and line or entry, for a person.
    pub(super) place: String,
    /// The id under which it is stored; one that the text says, or a new one, if `None`.
    pub(super) id: Option<Id>,
    pub(super) work: Work,
    pub(super) links: Links,
}

/// Where the references of a record lead.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) records: Vec<(ResourceType, Id)>,
    /// Types of the conditional references that stay as they came.
    pub(super) unresolved: Vec<ResourceType>,
    /// References to entries that the bundle lacks.
    pub(super) without_entry: u64,
}

/// What is done.
pub(super) enum Work {
    /// The text is stored.
    Put(String),
    /// The record of this type is deleted.
    Delete(ResourceType),
}

/// What the committing thread does next.
pub(super) enum Step<'p> {
    /// Commit this batch, once it is staged.
    Commit(Receiver<Batch<'p>>),
    /// Count and tell.
    Refused(Refusal),
    /// Count: the record was there, and the input asks for nothing then.
    Unchanged(ResourceType),
    /// Everything before is committed: say so.
    Reached(SyncSender<()>),
}

/// A batch with its writes staged.
pub(super) struct Batch<'p> {
    pub(super) session: Session<'p>,
    /// One for each staged write, in order.
    pub(super) staged: Vec<Staged>,
    pub(super) refused: Vec<Refusal>,
    /// What stopped the staging, if something did.
    pub(super) error: Option<StoreError>,
}

/// One staged write.
pub(super) struct Staged {
    pub(super) resource_type: ResourceType,
    pub(super) id: Id,
    pub(super) links: Links,
}

/// A batch for a staging thread.
pub(super) struct Job<'p> {
    items: Vec<Item>,
    reply: SyncSender<Batch<'p>>,
}

/// Where records are handed in.
pub(super) struct Loader<'p> {
    jobs: SyncSender<Job<'p>>,
    steps: SyncSender<Step<'p>>,
    waiting: Vec<Item>,
    waiting_bytes: usize,
}

impl<'p> Loader<'p> {
    pub(super) fn new(jobs: SyncSender<Job<'p>>, steps: SyncSender<Step<'p>>) -> Self {
        Self { jobs, steps, waiting: Vec::new(), waiting_bytes: 0 }
    }

    pub(super) fn push(&mut self, item: Item) -> Result<(), Stopped> {
        self.waiting_bytes += match &item.work {
            Work::Put(text) => text.len(),
            Work::Delete(_) => 0,
        };
        self.waiting.push(item);
        if self.waiting.len() >= BATCH_RECORDS || self.waiting_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) -> Result<(), Stopped> {
        self.step(Step::Refused(refusal))
    }

    pub(super) fn unchanged(&mut self, resource_type: ResourceType) -> Result<(), Stopped> {
        self.step(Step::Unchanged(resource_type))
    }

    /// Hands on what was pushed.
    pub(super) fn flush(&mut self) -> Result<(), Stopped> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.waiting_bytes = 0;
        let items = std::mem::take(&mut self.waiting);
        let (reply, staged) = sync_channel(1);
        self.step(Step::Commit(staged))?;
        self.jobs.send(Job { items, reply }).map_err(|_| Stopped)
    }

    /// Waits until everything that was pushed is committed.
    pub(super) fn settle(&mut self) -> Result<(), Stopped> {
        self.flush()?;
        let (reached, wait) = sync_channel(1);
        self.step(Step::Reached(reached))?;
        wait.recv().map_err(|_| Stopped)
    }

    fn step(&self, step: Step<'p>) -> Result<(), Stopped> {
        self.steps.send(step).map_err(|_| Stopped)
    }
}

/// The two queues: for staging threads, and for the committing one.
pub(super) struct Queues<'p> {
    pub(super) jobs: (SyncSender<Job<'p>>, Receiver<Job<'p>>),
    pub(super) steps: (SyncSender<Step<'p>>, Receiver<Step<'p>>),
}

impl Queues<'_> {
    pub(super) fn new() -> Self {
        Self { jobs: sync_channel(JOBS_WAITING), steps: sync_channel(STEPS_WAITING) }
    }
}

/// The jobs, shared by the staging threads.
pub(super) type Jobs<'p> = Arc<Mutex<Receiver<Job<'p>>>>;

/// What the staging threads share.
#[derive(Clone, Copy)]
pub(super) struct Staging<'s, 'p> {
    pub(super) store: &'s Store,
    pub(super) permit: &'p Permit,
    pub(super) runtime: &'s Handle,
    /// Whether content that a record had before is brought back.
    pub(super) is_restoring: bool,
}

/// Stages batches until there are no more.
pub(super) fn stage_all<'p>(staging: Staging<'_, 'p>, jobs: &Jobs<'p>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { items, reply }) = job else { return };
        let batch = stage(staging, items);
        if reply.send(batch).is_err() {
            // The import was stopped.
            return;
        }
    }
}

fn stage<'p>(staging: Staging<'_, 'p>, items: Vec<Item>) -> Batch<'p> {
    let session = staging.store.session(staging.permit);
    let mut batch =
        Batch { session, staged: Vec::with_capacity(items.len()), refused: Vec::new(), error: None };
    for item in items {
        let staged = match item.work {
            Work::Put(_) => put(staging, &mut batch.session, item),
            Work::Delete(resource_type) => {
                staging.runtime.block_on(delete(&mut batch.session, resource_type, item))
            }
        };
        match staged {
            Ok(Some(staged)) => batch.staged.push(staged),
            Ok(None) => {}
            Err(Unstaged::Refused(refusal)) => batch.refused.push(refusal),
            Err(Unstaged::Failed(error)) => {
                batch.error = Some(error);
                break;
            }
        }
    }
    batch
}

/// Why an item was not staged.
enum Unstaged {
    Refused(Refusal),
    Failed(StoreError),
}

fn put(staging: Staging<'_, '_>, session: &mut Session<'_>, item: Item) -> Result<Option<Staged>, Unstaged> {
    let Work::Put(text) = item.work else { return Ok(None) };
    let refused = |resource_type, problems: Vec<medcor_fhir::Problem>| {
        let problems = problems.iter().map(shown).collect();
        Unstaged::Refused(Refusal { place: item.place.clone(), resource_type, problems })
    };
    let resource = ParsedResource::parse(text).map_err(|problems| refused(None, problems))?;
    let resource_type = resource.resource_type();
    let id = item.id.or_else(|| resource.id()).unwrap_or_else(|| staging.store.clock().new_id());
    let put = if staging.is_restoring {
        session.put(id.clone(), resource)
    } else {
        session.put_unless_known(id.clone(), resource)
    };
    match put {
        Ok(()) => Ok(Some(Staged { resource_type, id, links: item.links })),
        Err(StoreError::Invalid(problems)) => Err(refused(Some(resource_type), problems)),
        Err(error) => Err(Unstaged::Failed(error)),
    }
}

async fn delete(
    session: &mut Session<'_>,
    resource_type: ResourceType,
    item: Item,
) -> Result<Option<Staged>, Unstaged> {
    let Some(id) = item.id else { return Ok(None) };
    let Some(current) = session.read(resource_type, &id).await.map_err(Unstaged::Failed)? else {
        return Ok(None);
    };
    session.delete(&current).map_err(Unstaged::Failed)?;
    Ok(Some(Staged { resource_type, id, links: item.links }))
}
