//! The subscribers of this process, and their queues.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use medcor_policy::{ClientId, Principal, SubjectId, TenantId};
use medcor_store::{EventPage, EventPosition, Outbox, RecordEvent, Store};
use medcor_tools::{Pipeline, ToolError, Witness};
use tokio::sync::mpsc;

use super::{
    Detail, DocumentedStream, Subscriber, Subscription, Topics,
    answered::{Answered, Answers},
    follower,
};

/// Streams of one caller, beyond which the next is refused.
const STREAMS_PER_CALLER: usize = 16;
/// Events that wait for one subscriber; with more, it reads on from the outbox.
const QUEUE_EVENTS: usize = 256;
/// Answers that wait for one subscriber; more are left out.
pub(super) const QUEUE_ANSWERS: usize = 16;
/// What a caller with too many streams is told to wait.
const RETRY_SECONDS: u32 = 30;

/// How subscribers are served.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Most streams of one caller at once.
    pub streams_per_caller: usize,
    /// How often it is asked again who a subscriber is.
    pub recheck: Duration,
    /// Between two heartbeats.
    pub heartbeat: Duration,
    /// How long a client may not take what is sent. Then it is cut off; it has the id of the last event.
    pub patience: Duration,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            streams_per_caller: STREAMS_PER_CALLER,
            // Tokens and people are remembered for half their age limit, 2.5 seconds by default, so that both
            // together stay below five.
            recheck: Duration::from_secs(1),
            heartbeat: Duration::from_secs(30),
            patience: Duration::from_secs(10),
        }
    }
}

/// Follows the outbox for all subscribers of a process. See [`crate::events`].
pub struct Hub {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) settings: HubSettings,
    state: Mutex<State>,
    answers: Arc<Answers>,
    own: Weak<Self>,
}

#[derive(Default)]
struct State {
    /// Up to where the follower has handed out; `None` while nobody subscribes.
    live: Option<EventPosition>,
    places: HashMap<TenantId, HashMap<u64, Place>>,
    next: u64,
    streams: HashMap<Owner, usize>,
}

/// The end of a queue.
struct Place {
    events: mpsc::Sender<Arc<RecordEvent>>,
    topics: Topics,
}

/// Whose streams are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    tenant: TenantId,
    subject: SubjectId,
    client: ClientId,
}

impl Owner {
    pub(super) fn of(principal: &Principal) -> Self {
        Self {
            tenant: principal.tenant,
            subject: principal.subject.clone(),
            client: principal.client.clone(),
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hub").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub over the store of this pipeline. It does nothing until somebody subscribes.
    pub fn new(pipeline: Arc<Pipeline>, settings: HubSettings) -> Arc<Self> {
        let answers = Arc::new(Answers::default());
        let witness: Arc<dyn Witness> = answers.clone();
        pipeline.witnessed_by(Arc::downgrade(&witness));
        Arc::new_cyclic(|own| Self { pipeline, settings, state: Mutex::default(), answers, own: own.clone() })
    }

    /// The changes that this subscriber may know of.
    ///
    /// # Errors
    ///
    /// `RATE_LIMIT` for a caller who has too many streams, and `NOT_READY`.
    pub(crate) async fn subscribe(&self, subscription: Subscription) -> Result<Subscriber, ToolError> {
        let hub = self.own.upgrade().ok_or(ToolError::NotReady)?;
        Subscriber::new(hub, subscription).await
    }

    /// The documented events of this subscriber.
    ///
    /// # Errors
    ///
    /// As [`Self::subscribe`].
    pub(crate) async fn documented(
        &self,
        subscription: Subscription,
        detail: Detail,
    ) -> Result<DocumentedStream, ToolError> {
        let after = subscription.after.clone();
        DocumentedStream::new(self.subscribe(subscription).await?, &after, detail).await
    }

    pub(crate) fn settings(&self) -> &HubSettings {
        &self.settings
    }

    pub(super) fn store(&self) -> &Store {
        self.pipeline.store()
    }

    pub(super) fn outbox(&self) -> Outbox {
        self.store().outbox()
    }

    /// Counts a stream of this caller for as long as the count is kept.
    pub(super) fn counted(self: &Arc<Self>, principal: &Principal) -> Result<Counted, ToolError> {
        let owner = Owner::of(principal);
        let mut state = self.state();
        let streams = state.streams.entry(owner.clone()).or_default();
        if *streams >= self.settings.streams_per_caller {
            return Err(ToolError::RateLimit { retry_after_seconds: RETRY_SECONDS });
        }
        *streams += 1;
        Ok(Counted { hub: self.clone(), owner })
    }

    /// What is answered to calls of this caller from now on.
    pub(super) fn answers_of(&self, principal: &Principal) -> (mpsc::Receiver<Arc<Answered>>, u64) {
        self.answers.listen(principal)
    }

    pub(super) fn no_answers(&self, principal: &Principal, number: u64) {
        self.answers.forget(principal, number);
    }

    /// A queue of what follows this place; `None` where the follower is further on already.
    pub(super) fn queue(
        self: &Arc<Self>,
        at: EventPosition,
        tenant: TenantId,
        topics: &Topics,
    ) -> Option<Queue> {
        let mut state = self.state();
        match state.live {
            Some(live) if at < live => return None,
            Some(_) => {}
            None => {
                state.live = Some(at);
                tokio::spawn(follower::follow(self.own.clone(), self.outbox()));
            }
        }
        let (events, waiting) = mpsc::channel(QUEUE_EVENTS);
        let number = state.next;
        state.next += 1;
        let place = Place { events, topics: topics.clone() };
        state.places.entry(tenant).or_default().insert(number, place);
        Some(Queue { hub: self.clone(), tenant, number, waiting })
    }

    /// Where the follower is; `None` where there is none.
    pub(super) fn live(&self) -> Option<EventPosition> {
        self.state().live
    }

    /// Where the follower goes on, or nowhere where nobody subscribes any more.
    pub(super) fn live_unless_deserted(&self) -> Option<EventPosition> {
        let mut state = self.state();
        if state.places.is_empty() {
            state.live = None;
        }
        state.live
    }

    /// Hands out a page. Whose queue is full or closed loses it.
    pub(super) fn hand_out(&self, page: EventPage) {
        let Some(last) = page.events.last().map(|event| event.position) else { return };
        let mut state = self.state();
        for event in page.events {
            let Some(places) = state.places.get_mut(&event.tenant) else { continue };
            let event = Arc::new(event);
            places.retain(|_, place| {
                !place.topics.cover(event.resource_type) || place.events.try_send(event.clone()).is_ok()
            });
        }
        state.places.retain(|_, places| !places.is_empty());
        state.live = Some(last);
    }

    /// Nobody knows what was between: every subscriber reads on by itself.
    pub(super) fn start_again_at(&self, place: EventPosition) {
        let mut state = self.state();
        state.places.clear();
        state.live = Some(place);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue, which ends with its value.
pub(super) struct Queue {
    hub: Arc<Hub>,
    tenant: TenantId,
    number: u64,
    pub(super) waiting: mpsc::Receiver<Arc<RecordEvent>>,
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(places) = state.places.get_mut(&self.tenant) {
            places.remove(&self.number);
            if places.is_empty() {
                state.places.remove(&self.tenant);
            }
        }
    }
}

/// A stream that counts.
pub(super) struct Counted {
    hub: Arc<Hub>,
    owner: Owner,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        let Some(streams) = state.streams.get_mut(&self.owner) else { return };
        *streams -= 1;
        if *streams == 0 {
            state.streams.remove(&self.owner);
        }
    }
}
