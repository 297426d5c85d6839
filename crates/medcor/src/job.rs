//! What a server does by itself, now and then: sharing limits with other instances, forgetting what is old,
//! indexing and signing the audit trail, sending reminders, offering freed times to the waiting list,
//! delivering webhooks.

mod machine;
mod reminders;
mod waiting_list;
mod webhooks;

use std::{sync::Arc, time::Duration};

use medcor_store::{Conflict, StoreError, audit::AuditKey};
use medcor_tools::Pipeline;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

pub use self::{reminders::send_due_reminders, waiting_list::offer_freed_times, webhooks::WebhookJob};

/// Between two times that instances tell each other what callers spent.
const SHARE_EVERY: Duration = Duration::from_secs(1);
/// Between two times that old answers, conversations and paid debts are forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// How long events are kept for those who were cut off: 7 days.
const EVENTS_KEPT_MICROSECONDS: i64 = 7 * 24 * 60 * 60 * 1_000_000;

/// Between two times that the trail is indexed.
const INDEX_EVERY: Duration = Duration::from_secs(5);
/// Commits of one time: what is more waits, so that indexing never takes the writer from callers for long.
const INDEX_COMMITS_MAX: u32 = 20;
/// Between two looks whether a new day (UTC) wants its signature.
const SIGN_EVERY: Duration = Duration::from_mins(1);
/// Between two looks for reminders that are due.
const REMIND_EVERY: Duration = Duration::from_mins(1);
/// Between two looks for times that were given up.
const OFFER_EVERY: Duration = Duration::from_mins(1);

/// Starts the jobs of a server; they end with `shutdown`. A day that began while nothing ran is signed
/// before it returns. What it returns ends when no webhook is on its way any more.
pub(crate) async fn start(
    pipeline: &Arc<Pipeline>,
    webhooks: Arc<WebhookJob>,
    audit_key: Option<AuditKey>,
    shutdown: &CancellationToken,
) -> JoinHandle<()> {
    let jobs = Jobs { pipeline: pipeline.clone(), audit_key };
    told(SIGNING, jobs.sign().await);
    let ended = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = ended.cancelled() => {}
            () = jobs.run() => {}
        }
    });
    tokio::spawn(webhooks.run(shutdown.clone()))
}

struct Jobs {
    pipeline: Arc<Pipeline>,
    audit_key: Option<AuditKey>,
}

impl Jobs {
    async fn run(self) {
        tokio::join!(
            every(SHARE_EVERY, "sharing limits", || self.share()),
            every(FORGET_EVERY, "forgetting what is old", || self.forget()),
            every(INDEX_EVERY, "indexing the trail", || self.index()),
            every(SIGN_EVERY, SIGNING, || self.sign()),
            every(REMIND_EVERY, "sending reminders", || send_due_reminders(&self.pipeline)),
            every(OFFER_EVERY, "offering freed times", || offer_freed_times(&self.pipeline)),
        );
    }

    async fn share(&self) -> Result<(), StoreError> {
        self.pipeline.rate_limit().share(self.pipeline.store()).await
    }

    async fn forget(&self) -> Result<(), StoreError> {
        self.pipeline.store().forget_answers().await?;
        self.pipeline.store().forget_claims().await?;
        let store = self.pipeline.store();
        store.outbox().forget_before(store.clock().now() - EVENTS_KEPT_MICROSECONDS).await?;
        self.pipeline.store().forget_conversations().await?;
        self.pipeline.store().forget_spending().await
    }

    async fn index(&self) -> Result<(), StoreError> {
        match self.pipeline.store().ledger().index(INDEX_COMMITS_MAX).await {
            // Another instance, or a search, was at it.
            Err(StoreError::Conflict(Conflict::Claimed(_))) => Ok(()),
            outcome => outcome,
        }
    }

    async fn sign(&self) -> Result<(), StoreError> {
        let Some(key) = &self.audit_key else { return Ok(()) };
        if self.pipeline.store().ledger().sign_daily(key).await? {
            tracing::info!("the audit trail was signed");
        }
        Ok(())
    }
}

const SIGNING: &str = "signing the trail";

/// Does the work again and again; a failure is told, and the next time may be better.
async fn every<W: Future<Output = Result<(), StoreError>>>(
    pause: Duration,
    what: &'static str,
    work: impl Fn() -> W,
) {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once: a server that starts has better things to do.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        told(what, work().await);
    }
}

fn told(what: &'static str, outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(job = what, error = &error as &dyn std::error::Error, "a job failed");
    }
}
