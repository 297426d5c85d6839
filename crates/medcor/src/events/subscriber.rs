//! One subscriber: where it is in the outbox, who it is now, and what it hears next.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use medcor_policy::Principal;
use medcor_store::{EventPosition, EventsAfter, RecordEvent, StoreError};
use medcor_tools::{Caller, ErrorCode, ToolError, topic::TOOL_RESPONSE};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    After, End, Heard, Hub, Known, Subscription, Topics, Who,
    answered::Answered,
    hub::{Counted, Queue},
    judge,
};

/// Events that are read at once by whoever is behind.
const PAGE_EVENTS: u32 = 200;
/// How long a stream stays open while nobody can say whether its caller still is one.
const UNSURE_MAX: Duration = Duration::from_secs(30);
/// How long before its end a token is said to end.
const EXPIRY_NOTICE_SECONDS: i64 = 60;

/// Hears what its caller may know. Dropping it ends the subscription.
pub(crate) struct Subscriber {
    hub: Arc<Hub>,
    who: Who,
    known: Known,
    topics: Topics,
    /// Everything up to here was heard, or was none of the subscriber's.
    position: EventPosition,
    source: Source,
    /// Taken from the source and not judged yet: what is awaited may be dropped.
    current: Option<Arc<RecordEvent>>,
    answers: Option<Answers>,
    checked_at: Instant,
    beats_at: Instant,
    is_expiry_told: bool,
    _counted: Counted,
}

/// Where events come from.
enum Source {
    /// From the outbox, until the subscriber has come up with the follower.
    Behind(VecDeque<Arc<RecordEvent>>),
    /// From the follower.
    Live(Queue),
}

/// The answers to the caller's calls.
struct Answers {
    waiting: mpsc::Receiver<Arc<Answered>>,
    number: u64,
    hub: Arc<Hub>,
    principal: Principal,
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.hub.no_answers(&self.principal, self.number);
    }
}

impl Subscriber {
    pub(super) async fn new(hub: Arc<Hub>, subscription: Subscription) -> Result<Self, ToolError> {
        let Subscription { known, who, topics, after, .. } = subscription;
        let principal = known.caller.principal();
        let counted = hub.counted(principal)?;
        let position = match &after {
            After::Now => hub.outbox().newest().await?,
            After::Id(id) => match hub.outbox().seal_for(principal).await?.open(id) {
                Ok((position, part)) => goes_on_from(position, part),
                // What this caller was never given is a place that it has to be told of, like one too old.
                Err(StoreError::BadCursor) => EventPosition::BEFORE_ALL,
                Err(error) => return Err(error.into()),
            },
        };
        let answers = topics.want(TOOL_RESPONSE, None).then(|| {
            let (waiting, number) = hub.answers_of(principal);
            Answers { waiting, number, hub: hub.clone(), principal: principal.clone() }
        });
        let now = Instant::now();
        Ok(Self {
            beats_at: now + hub.settings.heartbeat,
            hub,
            who,
            known,
            topics,
            position,
            source: Source::Behind(VecDeque::new()),
            current: None,
            answers,
            checked_at: now,
            is_expiry_told: false,
            _counted: counted,
        })
    }

    /// Who it is now.
    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.known.caller
    }

    /// Up to where it has heard.
    pub(crate) fn position(&self) -> EventPosition {
        self.position
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(super) fn topics(&self) -> &Topics {
        &self.topics
    }

    /// What is heard next. It may be dropped before it is ready, and nothing is lost.
    pub(crate) async fn next(&mut self) -> Result<Heard, End> {
        loop {
            if self.checked_at + self.hub.settings.recheck <= Instant::now() {
                self.check_again().await?;
            }
            if let Some(ends_at) = self.ends_soon() {
                return Ok(Heard::Expiring(ends_at));
            }
            if self.beats_at <= Instant::now() {
                self.beats_at = Instant::now() + self.hub.settings.heartbeat;
                return Ok(Heard::Quiet(self.position));
            }
            if let Some(event) = self.current.clone() {
                let place = (self.hub.store(), &**self.hub.pipeline.catalog());
                // Boxed: thousands of streams are idle, and none of them should hold the state of a search.
                let heard = Box::pin(judge::heard(place, &self.known.caller, &event)).await;
                let heard = heard.map_err(|error| not_ready(&error))?;
                self.position = event.position;
                self.current = None;
                match heard {
                    Some(heard) => return Ok(heard),
                    None => continue,
                }
            }
            if let Some(heard) = self.take().await? {
                return Ok(heard);
            }
        }
    }

    /// Takes the next event from the source, or says what else there is to hear. Returns now and then without
    /// either.
    async fn take(&mut self) -> Result<Option<Heard>, End> {
        let wakes_at = self.beats_at.min(self.checked_at + self.hub.settings.recheck);
        let queue = match &mut self.source {
            Source::Behind(events) => {
                if let Some(event) = events.pop_front() {
                    self.current = Some(event);
                    return Ok(None);
                }
                return Box::pin(self.come_up()).await;
            }
            Source::Live(queue) => queue,
        };
        tokio::select! {
            biased;
            answered = answered(&mut self.answers) => return Ok(Some(Heard::Answered(answered))),
            event = queue.waiting.recv() => match event {
                Some(event) if event.position <= self.position => {}
                Some(event) => self.current = Some(event),
                // It was not kept up with.
                None => self.source = Source::Behind(VecDeque::new()),
            },
            () = sleep_until(wakes_at) => {}
        }
        Ok(None)
    }

    /// Reads a page, or joins the follower where it is.
    async fn come_up(&mut self) -> Result<Option<Heard>, End> {
        let tenant = self.known.caller.principal().tenant;
        if let Some(queue) = self.hub.queue(self.position, tenant, &self.topics) {
            self.source = Source::Live(queue);
            return Ok(None);
        }
        // Everything up to where the follower is can be read.
        let live = self.hub.live();
        let page = self.hub.outbox().after(self.position, PAGE_EVENTS).await;
        match page.map_err(|error| not_ready(&error))? {
            EventsAfter::Forgotten => {
                let newest = self.hub.outbox().newest().await.map_err(|error| not_ready(&error))?;
                self.position = newest;
                Ok(Some(Heard::Reset(newest)))
            }
            EventsAfter::Kept(page) => {
                let last = page.events.last().map(|event| event.position);
                let is_own =
                    |event: &RecordEvent| event.tenant == tenant && self.topics.cover(event.resource_type);
                let own: VecDeque<_> = page.events.into_iter().filter(is_own).map(Arc::new).collect();
                if own.is_empty() {
                    let read_to = if page.is_full { last } else { last.max(live) };
                    self.position = self.position.max(read_to.unwrap_or(self.position));
                }
                self.source = Source::Behind(own);
                Ok(None)
            }
        }
    }

    async fn check_again(&mut self) -> Result<(), End> {
        match (self.who)().await {
            Ok(known) if known.caller.principal().tenant == self.known.caller.principal().tenant => {
                self.known = known;
            }
            Ok(_elsewhere) => return Err(End::Lost(ErrorCode::AuthInvalid)),
            Err(error) => match error.code() {
                // Nobody is told anything meanwhile.
                ErrorCode::NotReady | ErrorCode::ServerError if self.checked_at.elapsed() < UNSURE_MAX => {
                    sleep(self.hub.settings.recheck).await;
                    return Ok(());
                }
                ErrorCode::NotReady | ErrorCode::ServerError => return Err(End::NotReady),
                code => return Err(End::Lost(code)),
            },
        }
        self.checked_at = Instant::now();
        Ok(())
    }

    /// When the token ends, where that is soon and was not said yet.
    fn ends_soon(&mut self) -> Option<i64> {
        let ends_at = self.known.ends_at_seconds?;
        let now = self.hub.store().clock().now().div_euclid(1_000_000);
        let is_soon = ends_at - now <= EXPIRY_NOTICE_SECONDS;
        (is_soon && !std::mem::replace(&mut self.is_expiry_told, is_soon)).then_some(ends_at)
    }
}

/// Where whoever was told this part of an event goes on. Of one that was not told to its end, it hears the
/// rest.
fn goes_on_from(position: EventPosition, part: u8) -> EventPosition {
    if part == super::documented::LAST_PART { position } else { position.just_before() }
}

/// Never, where nobody wants to know.
async fn answered(answers: &mut Option<Answers>) -> Arc<Answered> {
    let Some(answers) = answers else { return std::future::pending().await };
    match answers.waiting.recv().await {
        Some(answered) => answered,
        None => std::future::pending().await,
    }
}

fn not_ready(error: &StoreError) -> End {
    tracing::warn!(error = error as &dyn std::error::Error, "a stream of events ends");
    End::NotReady
}
