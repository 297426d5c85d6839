//! A fixed number of threads for long reads, each with its own connection and a time limit.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::readers::Reader;
use crate::StoreError;

/// Longest time of one scan.
const SCAN_TIME_MAX: Duration = Duration::from_secs(10);
/// Pages that each keeps in memory: a scan passes over most pages once.
const CACHE_KIB: usize = 4 * 1024;
/// Most scans that wait for a thread.
const QUEUE_MAX: usize = 256;

type Scan = Box<dyn FnOnce(&Reader) + Send>;

/// The threads and what waits for them.
pub(super) struct Scanners {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    scans: VecDeque<Scan>,
    is_closed: bool,
}

impl Scanners {
    /// Starts `count` threads, at least one.
    pub(super) fn start(path: &Path, count: usize) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::default());
        for _ in 0..count.max(1) {
            let reader = Reader::open(path, CACHE_KIB)?;
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name("store-scanner".to_owned());
            thread.spawn(move || queue.work(&reader)).map_err(|error| StoreError::Database(error.into()))?;
        }
        Ok(Self { queue })
    }

    /// Runs a read on one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Box::new(move |reader| {
            // A caller that went away needs no answer.
            if !reply.is_closed() {
                drop(reply.send(read(reader)));
            }
        }))?;
        answer.await.unwrap_or(Err(StoreError::NotReady))
    }

    pub(super) fn close(&self) {
        let mut waiting = self.queue.lock();
        waiting.is_closed = true;
        // Whoever waits for one of these gets `NotReady`.
        waiting.scans.clear();
        self.queue.changed.notify_all();
    }
}

impl Drop for Scanners {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, scan: Scan) -> Result<(), StoreError> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(StoreError::NotReady);
        }
        if waiting.scans.len() >= QUEUE_MAX {
            // Others fill the queue; this search may be a short one.
            return Err(StoreError::NotReady);
        }
        waiting.scans.push_back(scan);
        self.changed.notify_one();
        Ok(())
    }

    fn work(&self, reader: &Reader) {
        while let Some(scan) = self.next() {
            reader.set_deadline(SCAN_TIME_MAX);
            scan(reader);
        }
    }

    /// The next scan, waiting for one; `None` when the store closes.
    fn next(&self) -> Option<Scan> {
        let mut waiting = self.lock();
        loop {
            if waiting.is_closed {
                return None;
            }
            if let Some(scan) = waiting.scans.pop_front() {
                return Some(scan);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
