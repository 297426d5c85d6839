//! Answers of calls, for streams of the very caller: the documented `tool_response`. They are no events of the
//! outbox: a stream has those of its own process, from now on, and none again.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use medcor_policy::Principal;
use medcor_tools::{Answer, Caller, Witness};
use tokio::sync::mpsc;

use super::hub::{Owner, QUEUE_ANSWERS};

/// A call that was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The tool.
    pub(crate) tool: &'static str,
    /// Its answer, as JSON.
    pub(crate) json: String,
    /// The id that answer, log and audit share.
    pub(crate) request_id: String,
}

/// Who listens to answers.
#[derive(Default)]
pub(super) struct Answers {
    listeners: RwLock<HashMap<Owner, HashMap<u64, Listener>>>,
    /// So that a call costs nothing while nobody listens.
    count: AtomicUsize,
    next: AtomicU64,
}

struct Listener {
    /// What the stream was opened with: an answer to a token that may more is none for it.
    principal: Principal,
    answers: mpsc::Sender<Arc<Answered>>,
}

impl Answers {
    pub(super) fn listen(&self, principal: &Principal) -> (mpsc::Receiver<Arc<Answered>>, u64) {
        let (answers, waiting) = mpsc::channel(QUEUE_ANSWERS);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let listener = Listener { principal: principal.clone(), answers };
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(Owner::of(principal)).or_default().insert(number, listener);
        self.count.fetch_add(1, Ordering::Relaxed);
        (waiting, number)
    }

    pub(super) fn forget(&self, principal: &Principal, number: u64) {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        let owner = Owner::of(principal);
        let Some(own) = listeners.get_mut(&owner) else { return };
        if own.remove(&number).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        if own.is_empty() {
            listeners.remove(&owner);
        }
    }
}

impl Witness for Answers {
    fn answered(&self, caller: &Caller, tool: &'static str, request_id: &str, answer: &Answer) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = listeners.get(&Owner::of(caller.principal())) else { return };
        let answered =
            Arc::new(Answered { tool, json: answer.json().to_owned(), request_id: request_id.to_owned() });
        for listener in own.values().filter(|it| it.principal.has_rights_of(caller.principal())) {
            // Whoever does not keep up does without: the call itself was answered.
            drop(listener.answers.try_send(answered.clone()));
        }
    }
}
