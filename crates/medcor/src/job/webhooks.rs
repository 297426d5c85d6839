//! Delivering webhooks: each instance looks for webhooks that there is something to do for, and takes one at a time
//! for itself by a lease in the database. What an owner may know of is judged when it is sent, as for every
//! subscriber (`crate::events::judge`).

mod content;
mod notification;
mod schedule;
mod signature;
mod turn;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use medcor_fhir::ResourceType;
use medcor_oauth::{AuthError, Authenticator, egress::Egress};
use medcor_policy::TenantId;
use medcor_store::{
    DueWebhook, EventPosition, EventsAfter, Lease, RecordEvent, StoreError, Webhook, WebhookKey,
    WebhookState, Webhooks,
};
use medcor_tools::{Pipeline, topic::Topics};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::turn::{LATER_MICROSECONDS, Turn};
use super::machine::Machine;

pub(super) const MACHINE: Machine = Machine {
    subject: "system:webhooks",
    tool: "record_webhook_states",
    scopes: &["system/Subscription.rus"],
};

/// How often it is looked without being woken: retries become due without a commit.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two looks however busy the outbox is.
const PAUSE: Duration = Duration::from_millis(50);
/// Webhooks that are worked on at once by one instance.
const TURNS_MAX: usize = 32;
/// Those of them of one organisation: its receivers may be slow, and others wait.
const TURNS_PER_TENANT_MAX: usize = 8;
/// How long a webhook is an instance's without a sign of life, microseconds: a minute. One message takes at most 15
/// seconds.
const LEASE_MICROSECONDS: i64 = 60 * 1_000_000;
/// Events that are read at once.
const PAGE_EVENTS: u32 = 200;
/// How often it is written down that nothing was of a webhook, microseconds: an hour.
const PASS_EVERY_MICROSECONDS: i64 = 60 * 60 * 1_000_000;
/// Calls of one round that write down how webhooks stand.
const RECORD_CALLS_MAX: usize = 20;

/// Delivers the webhooks of all organisations.
pub struct WebhookJob {
    pipeline: Arc<Pipeline>,
    authenticator: Arc<Authenticator>,
    egress: Egress,
    /// Where records are, without a slash at the end.
    base_url: String,
    /// This instance, as leases name it.
    holder: String,
    turns: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Webhooks that this instance works on.
    busy: HashSet<WebhookKey>,
    /// Up to where no event was of a webhook, and when that was written down.
    passed: HashMap<WebhookKey, (EventPosition, i64)>,
}

/// What follows in the outbox for a webhook.
enum Next {
    /// An event of its organisation and topics.
    Event(RecordEvent),
    Nothing,
    /// Events were forgotten before they were looked at.
    Missed,
}

impl fmt::Debug for WebhookJob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebhookJob").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl WebhookJob {
    /// The job of one instance, which is reached under this URL.
    pub fn new(
        pipeline: &Arc<Pipeline>,
        authenticator: &Arc<Authenticator>,
        public_url: &str,
    ) -> Result<Arc<Self>, AuthError> {
        Ok(Arc::new(Self {
            pipeline: pipeline.clone(),
            authenticator: authenticator.clone(),
            egress: Egress::new()?,
            base_url: format!("{}/fhir/R4", public_url.trim_end_matches('/')),
            holder: pipeline.store().clock().new_id().to_string(),
            turns: Semaphore::new(TURNS_MAX),
            state: Mutex::default(),
        }))
    }

    /// Delivers until it is stopped; then it returns when nothing is on its way any more.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut signal = self.pipeline.store().outbox().signal();
        let turns = TaskTracker::new();
        while !stop.is_cancelled() {
            let outcome = async {
                self.begin(&turns, &stop).await?;
                self.record().await
            };
            super::told("delivering webhooks", outcome.await);
            tokio::select! {
                () = stop.cancelled() => {}
                () = async {
                    tokio::time::sleep(PAUSE).await;
                    signal.wait(LOOK_EVERY).await;
                } => {}
            }
        }
        turns.close();
        turns.wait().await;
    }

    /// Delivers what is due now, and returns when that is done.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn round(self: &Arc<Self>, stop: &CancellationToken) -> Result<(), StoreError> {
        let turns = TaskTracker::new();
        self.begin(&turns, stop).await?;
        turns.close();
        turns.wait().await;
        self.record().await
    }

    /// Begins a turn for each webhook that is due. A slow receiver holds up nobody else.
    async fn begin(
        self: &Arc<Self>,
        turns: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.webhooks().due(after.as_ref()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.webhook.key.clone());
            for due in page {
                let Some(busy) = Busy::with(self, &due.webhook.key) else { continue };
                let stop = stop.clone();
                turns.spawn(async move {
                    let key = due.webhook.key.clone();
                    if let Err(error) = busy.job.turn(due, &stop).await {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(webhook.id = %key.id, error, "a webhook waits");
                    }
                });
            }
        }
    }

    async fn turn(&self, due: DueWebhook, stop: &CancellationToken) -> Result<(), StoreError> {
        let Ok(_place) = self.turns.acquire().await else { return Ok(()) };
        if stop.is_cancelled() {
            return Ok(());
        }
        let is_idle = due.webhook.progress.state == WebhookState::Active && !due.has_wanted;
        if is_idle && matches!(self.next(&due.webhook).await?, Next::Nothing) {
            return Ok(());
        }
        let Some(webhook) = self.webhooks().take(&due.webhook.key, self.lease()).await? else {
            return Ok(());
        };
        let key = webhook.key.clone();
        let outcome = Turn::new(self, webhook, stop).run().await;
        if outcome.is_err() {
            let due_at = self.pipeline.store().clock().now() + LATER_MICROSECONDS;
            self.webhooks().give_back(&key, &self.holder, due_at).await?;
        }
        outcome
    }

    /// What follows after where the webhook is.
    async fn next(&self, webhook: &Webhook) -> Result<Next, StoreError> {
        let Ok(topics) = Topics::of_records(&webhook.topics) else { return Ok(Next::Missed) };
        let outbox = self.pipeline.store().outbox();
        let at = webhook.progress.position;
        let mut place = self.passed(&webhook.key).map_or(at, |passed| passed.max(at));
        loop {
            let EventsAfter::Kept(page) = outbox.after(place, PAGE_EVENTS).await? else {
                return Ok(Next::Missed);
            };
            let last = page.events.last().map(|event| event.position);
            // Its own record says how it stands: telling that would never end.
            let is_itself = |event: &RecordEvent| {
                event.resource_type == ResourceType::SUBSCRIPTION && event.id == webhook.key.id
            };
            let is_own = |event: &RecordEvent| {
                event.tenant == webhook.key.tenant && topics.cover(event.resource_type) && !is_itself(event)
            };
            if let Some(event) = page.events.into_iter().find(is_own) {
                return Ok(Next::Event(event));
            }
            place = last.unwrap_or(place);
            self.pass(webhook, place).await?;
            if !page.is_full {
                return Ok(Next::Nothing);
            }
        }
    }

    /// Remembers that nothing up to here is of the webhook, and now and then writes it down.
    async fn pass(&self, webhook: &Webhook, to: EventPosition) -> Result<(), StoreError> {
        if to == webhook.progress.position {
            return Ok(());
        }
        let now = self.pipeline.store().clock().now();
        let written_at = self.state().passed.get(&webhook.key).map(|(_, written_at)| *written_at);
        let is_written = written_at.is_some_and(|at| now - at < PASS_EVERY_MICROSECONDS);
        if !is_written {
            self.webhooks().pass(webhook, to).await?;
        }
        let written_at = written_at.filter(|_| is_written).unwrap_or(now);
        self.state().passed.insert(webhook.key.clone(), (to, written_at));
        Ok(())
    }

    fn passed(&self, key: &WebhookKey) -> Option<EventPosition> {
        self.state().passed.get(key).map(|(place, _)| *place)
    }

    /// Has the records of webhooks say how they stand, by the tool that does it.
    async fn record(&self) -> Result<(), StoreError> {
        let unrecorded: Vec<TenantId> = self.webhooks().unrecorded().await?;
        if unrecorded.is_empty() {
            return Ok(());
        }
        let tenants = self.pipeline.store().identity().tenants().await?;
        for tenant in tenants.into_iter().filter(|it| it.is_active && unrecorded.contains(&it.id)) {
            let caller = MACHINE.caller(&tenant);
            for _ in 0..RECORD_CALLS_MAX {
                let answer = MACHINE.call(&self.pipeline, &caller).await;
                if !answer.is_some_and(|answer| answer["has_more"] == true) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// From now on, for one message and what follows from it.
    fn lease(&self) -> Lease<'_> {
        let until = self.pipeline.store().clock().now() + LEASE_MICROSECONDS;
        Lease { holder: &self.holder, until }
    }

    /// Given back with what is written.
    fn given_back(&self) -> Lease<'_> {
        Lease { holder: &self.holder, until: 0 }
    }

    fn webhooks(&self) -> Webhooks {
        self.pipeline.store().webhooks()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A webhook that this instance works on, for as long as the value is kept.
struct Busy {
    job: Arc<WebhookJob>,
    key: WebhookKey,
}

impl Busy {
    fn with(job: &Arc<WebhookJob>, key: &WebhookKey) -> Option<Self> {
        let is_new = {
            let mut state = job.state();
            let of_tenant = state.busy.iter().filter(|busy| busy.tenant == key.tenant).count();
            of_tenant < TURNS_PER_TENANT_MAX && state.busy.insert(key.clone())
        };
        is_new.then(|| Self { job: job.clone(), key: key.clone() })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.job.state().busy.remove(&self.key);
    }
}
